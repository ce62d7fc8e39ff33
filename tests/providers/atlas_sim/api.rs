//! From a path to what it means. Whatever is not here does not exist.

use std::time::Instant;

use serde_json::{Value, json};

use super::auth::system;
use super::reply::{Refusal, Reply, ok, refuse};
use super::seed::Key;
use super::world::World;

pub const VERSIONS: &[&str] = &[
    "2023-01-01",
    "2023-11-15",
    "2024-08-05",
    "2024-11-13",
    "2025-02-19",
];
const FIRST: &str = "2023-01-01";

pub struct Ask<'a> {
    pub method: &'a str,
    /// Below the API's root.
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub accept: &'a str,
    pub content_type: Option<&'a str>,
    pub body: Option<&'a Value>,
    pub key: &'a Key,
}

/// What a call needs of whoever makes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Read,
    Write,
}

impl Ask<'_> {
    fn need(&self) -> Need {
        if self.method == "GET" {
            Need::Read
        } else {
            Need::Write
        }
    }

    /// The call must name the version `date`, in both headers where it carries a body.
    fn version(&self, date: &str) -> Result<(), Refusal> {
        let media = format!("application/vnd.atlas.{date}+json");
        if self.accept != media {
            return refuse(
                406,
                "INVALID_VERSION_DATE",
                format!("{} is not {media}", self.accept),
            );
        }
        match self.body {
            Some(_) if self.content_type != Some(media.as_str()) => refuse(
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "the content type must name the version too",
            ),
            _ => Ok(()),
        }
    }

    /// The query's pairs, decoded; all of them must be known.
    pub fn query(&self, known: &[&str]) -> Result<Vec<(String, String)>, Refusal> {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(self.query.unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => refuse(400, "INVALID_QUERY_PARAMETER", name.clone()),
            None => Ok(pairs),
        }
    }
}

impl World {
    /// Whether one more call is allowed now.
    pub fn has_pace(&mut self) -> bool {
        let Some(rate) = self.rate else {
            return true;
        };
        self.tokens = (self.tokens + self.filled.elapsed().as_secs_f64() * rate).min(rate.max(1.0));
        self.filled = Instant::now();
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }

    pub fn answer(&mut self, ask: &Ask<'_>) -> Reply {
        let segments: Vec<String> = ask.path.split('/').skip(1).map(percent_decode).collect();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [] => {
                ask.version(FIRST)?;
                ask.query(&[])?;
                ok(system(ask.key))
            }
            ["groups", group, rest @ ..] => self.of_group(ask, group, rest),
            ["orgs", org, rest @ ..] => self.of_org(ask, org, rest),
            _ => refuse(404, "RESOURCE_NOT_FOUND", ask.path),
        }
    }

    fn of_group(&mut self, ask: &Ask<'_>, group: &str, rest: &[&str]) -> Reply {
        self.allow(ask.key, group, ask.need())?;
        if self.group(group).is_none() {
            return refuse(404, "GROUP_NOT_FOUND", group);
        }
        match (ask.method, rest) {
            ("GET", []) => {
                ask.version(FIRST)?;
                ask.query(&[])?;
                ok(self.show_group(group))
            }
            (_, ["clusters" | "flexClusters" | "processes", ..]) => {
                ask.version(cluster_version(rest))?;
                self.of_clusters(ask, group, rest)
            }
            (_, ["databaseUsers" | "customDBRoles" | "limits", ..]) => {
                ask.version(FIRST)?;
                self.of_users(ask, group, rest)
            }
            ("GET", ["serviceAccounts", id]) => {
                ask.version("2024-08-05")?;
                self.service_account(id, group)
            }
            ("GET", ["teams"]) => {
                ask.version(FIRST)?;
                let group = self.group(group).expect("looked up");
                let teams: Vec<Value> = group
                    .teams
                    .iter()
                    .map(|(team, roles)| json!({"teamId": team, "roleNames": roles}))
                    .collect();
                self.page(ask, teams, &[])
            }
            (_, ["users", ..]) => {
                ask.version("2025-02-19")?;
                self.of_group_people(ask, group, &rest[1..])
            }
            _ => refuse(404, "RESOURCE_NOT_FOUND", ask.path),
        }
    }

    fn of_org(&mut self, ask: &Ask<'_>, org: &str, rest: &[&str]) -> Reply {
        if org != self.org {
            return refuse(401, "NOT_IN_ORG", org);
        }
        match (ask.method, rest) {
            ("GET", []) => {
                ask.version(FIRST)?;
                ask.query(&[])?;
                ok(json!({"id": self.org, "name": self.org_name, "isDeleted": false}))
            }
            ("GET", ["groups"]) => {
                ask.version(FIRST)?;
                let seen: Vec<String> = self
                    .groups
                    .iter()
                    .filter(|group| self.allow(ask.key, &group.id, Need::Read).is_ok())
                    .map(|group| group.id.clone())
                    .collect();
                let shown = seen.iter().map(|id| self.show_group(id)).collect();
                self.page(ask, shown, &[])
            }
            ("GET", ["federationSettings"]) => {
                ask.version(FIRST)?;
                match self.role_mappings {
                    Some(mapped) => {
                        ok(json!({"id": "f".repeat(24), "federatedDomains": [], "hasRoleMappings": mapped}))
                    }
                    None => refuse(404, "RESOURCE_NOT_FOUND", "no federation"),
                }
            }
            ("GET", ["serviceAccounts", id]) => {
                ask.version("2024-08-05")?;
                self.service_account(id, org)
            }
            (_, ["users", ..]) => {
                ask.version("2025-02-19")?;
                self.allow_org(ask.key, ask.need())?;
                self.of_org_people(ask, &rest[1..])
            }
            _ => refuse(404, "RESOURCE_NOT_FOUND", ask.path),
        }
    }

    fn show_group(&self, id: &str) -> Value {
        let group = self.group(id).expect("a project that is there");
        json!({
            "id": group.id, "name": group.name, "orgId": self.org, "clusterCount": group.clusters.len(),
            "created": "2026-01-01T00:00:00Z", "tags": tags(&group.tags),
        })
    }

    fn service_account(&self, id: &str, at: &str) -> Reply {
        let Some(key) = self.keys.iter().find(|key| key.id == id && !key.is_api_key()) else {
            return refuse(404, "SERVICE_ACCOUNT_NOT_FOUND", id);
        };
        let roles: Vec<&String> = key
            .roles
            .iter()
            .filter(|(on, _)| on == at)
            .map(|(_, role)| role)
            .collect();
        let expires = (self.date() + chrono::Duration::days(40)).to_rfc3339();
        let secret = json!({"id": "b".repeat(24), "createdAt": "2026-01-01T00:00:00Z", "expiresAt": expires});
        ok(json!({"clientId": id, "roles": roles, "secrets": [secret]}))
    }

    /// One page, with links as the vendor gives them.
    pub fn page(&self, ask: &Ask<'_>, all: Vec<Value>, more: &[&str]) -> Reply {
        let known: Vec<&str> = ["pageNum", "itemsPerPage", "includeCount"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let query = ask.query(&known)?;
        let number = |name: &str, default: usize| -> Result<usize, Refusal> {
            match query.iter().find(|(key, _)| key == name) {
                None => Ok(default),
                Some((_, text)) => match text.parse() {
                    Ok(number) if number >= 1 => Ok(number),
                    _ => refuse(400, "INVALID_QUERY_PARAMETER", name),
                },
            }
        };
        let (page, asked) = (number("pageNum", 1)?, number("itemsPerPage", 100)?);
        if asked > 500 {
            return refuse(400, "INVALID_ITEMS_PER_PAGE", "at most 500");
        }
        let size = asked.min(self.page_limit);
        let total = all.len();
        let results: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
        let mut links = vec![json!({"rel": "self", "href": "https://cloud.mongodb.com/self"})];
        if page * size < total {
            links.push(json!({"rel": "next", "href": "https://cloud.mongodb.com/next"}));
        }
        ok(json!({"results": results, "totalCount": total, "links": links}))
    }

    /// A project that a key has no role on answers 401, and one that it may only read 403.
    pub fn allow(&self, key: &Key, group: &str, need: Need) -> Result<(), Refusal> {
        let has = |role: &str| {
            key.roles
                .iter()
                .any(|(at, held)| held == role && (at == group || *at == self.org))
        };
        if has("GROUP_OWNER") || has("ORG_OWNER") {
            return Ok(());
        }
        let reads = has("GROUP_READ_ONLY") || has("ORG_READ_ONLY");
        match (reads, need) {
            (true, Need::Read) => Ok(()),
            (true, Need::Write) => refuse(403, "USER_UNAUTHORIZED", "the key lacks the role for this"),
            (false, _) => refuse(401, "NOT_IN_GROUP", "the key has no role in this project"),
        }
    }

    fn allow_org(&self, key: &Key, need: Need) -> Result<(), Refusal> {
        let has = |role: &str| key.roles.iter().any(|(at, held)| held == role && *at == self.org);
        match need {
            _ if has("ORG_OWNER") => Ok(()),
            Need::Read if has("ORG_READ_ONLY") => Ok(()),
            Need::Read | Need::Write => refuse(401, "NOT_ORG_OWNER", "only an owner may do this"),
        }
    }
}

fn cluster_version(rest: &[&str]) -> &'static str {
    match rest {
        ["clusters", _, "status"] => FIRST,
        ["clusters", _, _, "collStats", "namespaces"] => "2023-11-15",
        ["clusters", ..] => "2024-08-05",
        ["flexClusters", ..] => "2024-11-13",
        _ => FIRST,
    }
}

pub fn tags(tags: &[(String, String)]) -> Vec<Value> {
    tags.iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

fn percent_decode(text: &str) -> String {
    // Only what a path may hold: a plus is a plus.
    let pairs = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pairs.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
