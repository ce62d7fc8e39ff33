//! The calls we make, typed. Every one names the date of the version it means: a newer one may change under us, and a
//! missing one is refused.

use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::auth::{Auth, Proof};
use super::refusal::{self, Words};
use super::wire::{
    ChangeStatus, Cluster, Database, Federation, Group, Limit, Namespaces, OrgUser, Organization, Page,
    Process, Role, ServiceAccount, System, TeamRoles, User,
};
use super::write::Write;
use crate::{
    providers::{ErrorKind, ProviderError, Result, http},
    secrets::Secret,
};

pub(super) const SYSTEM: &str = "MongoDB Atlas";
/// Where the API begins below its host.
const ROOT: &str = "/api/atlas/v2";
/// Entries a page; the most the API hands out.
const PAGE: usize = 500;
/// More pages than anything has: a server that always names a next one must not hold us for ever.
const PAGES: usize = 200;

/// Dates of versions, as MongoDB's OpenAPI document has them.
pub(super) mod date {
    pub(crate) const FIRST: &str = "2023-01-01";
    pub(crate) const NAMESPACES: &str = "2023-11-15";
    pub(crate) const CLUSTERS: &str = "2024-08-05";
    pub(crate) const FLEX: &str = "2024-11-13";
    /// With an older one people who have not accepted their invitation cannot be seen.
    pub(crate) const PEOPLE: &str = "2025-02-19";
}

/// What a cluster says of the changes made to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Applied,
    Pending,
    /// It has no such status: a Flex cluster, or one that is gone.
    Untold,
}

pub(crate) struct Client {
    http: reqwest::Client,
    origin: String,
    auth: Auth,
}

impl Client {
    pub fn new(origin: String, id: Secret, secret: Secret) -> Result<Self> {
        let auth = Auth::new(&origin, id, secret);
        Ok(Self {
            http: http::client()?,
            origin,
            auth,
        })
    }

    /// The client id, where we are a service account and not an API key.
    pub fn service_account(&self) -> Option<&str> {
        self.auth.service_account()
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    // ---- projects

    pub async fn system(&self) -> Result<System> {
        self.get("", date::FIRST).await
    }

    pub async fn group(&self, group: &str) -> Result<Group> {
        self.get(&format!("/groups/{group}"), date::FIRST).await
    }

    pub async fn group_service_account(&self, group: &str, client: &str) -> Result<Option<ServiceAccount>> {
        let path = format!("/groups/{group}/serviceAccounts/{}", segment(client));
        self.find(&path, date::CLUSTERS).await
    }

    pub async fn limit(&self, group: &str, name: &str) -> Result<Limit> {
        self.get(&format!("/groups/{group}/limits/{}", segment(name)), date::FIRST)
            .await
    }

    // ---- clusters

    /// A cluster by name, dedicated, M0 or Flex.
    pub async fn cluster(&self, group: &str, name: &str) -> Result<Option<Cluster>> {
        let path = format!("/groups/{group}/clusters/{}", segment(name));
        match self.find(&path, date::CLUSTERS).await {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => {}
            // Asked for as what it is not, a Flex cluster is a wrong request.
            Err(error) if error.kind == ErrorKind::Invalid => {}
            Err(error) => return Err(error),
        }
        let path = format!("/groups/{group}/flexClusters/{}", segment(name));
        let found: Option<Cluster> = self.find(&path, date::FLEX).await?;
        Ok(found.map(flex))
    }

    /// All clusters of a project: the two lists have none in common.
    pub async fn clusters(&self, group: &str) -> Result<Vec<Cluster>> {
        let mut all: Vec<Cluster> = self
            .pages(&format!("/groups/{group}/clusters"), date::CLUSTERS)
            .await?;
        let more: Vec<Cluster> = self
            .pages(&format!("/groups/{group}/flexClusters"), date::FLEX)
            .await?;
        for cluster in more {
            if all.iter().all(|known| known.name != cluster.name) {
                all.push(flex(cluster));
            }
        }
        Ok(all)
    }

    pub async fn progress(&self, group: &str, cluster: &str) -> Result<Progress> {
        let path = format!("/groups/{group}/clusters/{}/status", segment(cluster));
        let status: Option<ChangeStatus> = match self.find(&path, date::FIRST).await {
            Err(error) if error.kind == ErrorKind::Invalid => None,
            answer => answer?,
        };
        Ok(match status.map(|status| status.change_status) {
            None => Progress::Untold,
            Some(text) if text.eq_ignore_ascii_case("applied") => Progress::Applied,
            Some(_) => Progress::Pending,
        })
    }

    pub async fn processes(&self, group: &str) -> Result<Vec<Process>> {
        self.pages(&format!("/groups/{group}/processes"), date::FIRST)
            .await
    }

    pub async fn databases(&self, group: &str, process: &str) -> Result<Vec<String>> {
        let path = format!("/groups/{group}/processes/{}/databases", segment(process));
        let found: Vec<Database> = self.pages(&path, date::FIRST).await?;
        Ok(found.into_iter().map(|one| one.database_name).collect())
    }

    pub async fn namespaces(&self, group: &str, cluster: &str) -> Result<Vec<String>> {
        let path = format!(
            "/groups/{group}/clusters/{}/PRIMARY/collStats/namespaces",
            segment(cluster)
        );
        let found: Option<Namespaces> = self.find(&path, date::NAMESPACES).await?;
        Ok(found.map(|found| found.ranked_namespaces).unwrap_or_default())
    }

    // ---- database users and their roles

    pub async fn users(&self, group: &str) -> Result<Vec<User>> {
        self.pages(&format!("/groups/{group}/databaseUsers"), date::FIRST)
            .await
    }

    pub async fn user(&self, group: &str, login: &str) -> Result<Option<User>> {
        let path = format!("/groups/{group}/databaseUsers/admin/{}", segment(login));
        self.find(&path, date::FIRST).await
    }

    pub async fn roles(&self, group: &str) -> Result<Vec<Role>> {
        self.get(&format!("/groups/{group}/customDBRoles/roles"), date::FIRST)
            .await
    }

    pub async fn role(&self, group: &str, name: &str) -> Result<Option<Role>> {
        let path = format!("/groups/{group}/customDBRoles/roles/{}", segment(name));
        self.find(&path, date::FIRST).await
    }

    // ---- people

    pub async fn organization(&self, org: &str) -> Result<Organization> {
        self.get(&format!("/orgs/{org}"), date::FIRST).await
    }

    pub async fn org_service_account(&self, org: &str, client: &str) -> Result<Option<ServiceAccount>> {
        let path = format!("/orgs/{org}/serviceAccounts/{}", segment(client));
        self.find(&path, date::CLUSTERS).await
    }

    pub async fn federation(&self, org: &str) -> Result<Option<Federation>> {
        self.find(&format!("/orgs/{org}/federationSettings"), date::FIRST)
            .await
    }

    pub async fn groups(&self, org: &str) -> Result<Vec<Group>> {
        self.pages(&format!("/orgs/{org}/groups"), date::FIRST).await
    }

    /// Whether people can be listed at all.
    pub async fn anybody(&self, org: &str) -> Result<()> {
        let path = format!("/orgs/{org}/users?itemsPerPage=1&pageNum=1");
        self.get::<Page<OrgUser>>(&path, date::PEOPLE).await.map(drop)
    }

    pub async fn person(&self, org: &str, id: &str) -> Result<Option<OrgUser>> {
        self.find(&format!("/orgs/{org}/users/{}", segment(id)), date::PEOPLE)
            .await
    }

    pub async fn person_called(&self, org: &str, email: &str) -> Result<Option<OrgUser>> {
        let path = format!("/orgs/{org}/users?username={}", segment(email));
        let found: Page<OrgUser> = self.get(&path, date::PEOPLE).await?;
        Ok(found
            .results
            .into_iter()
            .find(|user| user.username.eq_ignore_ascii_case(email)))
    }

    pub async fn teams(&self, group: &str) -> Result<Vec<TeamRoles>> {
        self.pages(&format!("/groups/{group}/teams"), date::FIRST).await
    }

    // ---- changes

    /// Hands in a change. Gone already is success where something is to go.
    pub async fn submit(&self, write: &Write) -> Result<()> {
        let password = write.password().map_or("", Secret::expose);
        let response = self
            .send(write.method(), &write.path(), write.date(), write.body())
            .await?;
        if response.status() == StatusCode::NOT_FOUND && write.method() == Method::DELETE {
            return Ok(());
        }
        self.accepted(response, password).await.map(drop)
    }

    // ---- how

    async fn get<T: DeserializeOwned>(&self, path: &str, date: &str) -> Result<T> {
        let response = self.send(Method::GET, path, date, None).await?;
        read(&self.accepted(response, "").await?)
    }

    /// Like `get`, with `None` for 404.
    async fn find<T: DeserializeOwned>(&self, path: &str, date: &str) -> Result<Option<T>> {
        let response = self.send(Method::GET, path, date, None).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read(&self.accepted(response, "").await?).map(Some)
    }

    /// Everything, page by page. A page that fails fails the listing: a part is never taken for the whole.
    async fn pages<T: DeserializeOwned>(&self, path: &str, date: &str) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for number in 1..=PAGES {
            let path = format!("{path}?itemsPerPage={PAGE}&pageNum={number}");
            let page: Page<T> = self.get(&path, date).await?;
            let more = match &page.links {
                Some(links) => links.iter().any(|link| link.rel == "next"),
                None => page.results.len() >= PAGE,
            };
            let empty = page.results.is_empty();
            all.extend(page.results);
            if !more || empty {
                return Ok(all);
            }
        }
        Err(unreadable())
    }

    async fn send(&self, method: Method, path: &str, date: &str, body: Option<Value>) -> Result<Response> {
        let url = format!("{}{ROOT}{path}", self.origin);
        let url = reqwest::Url::parse(&url).map_err(|_| unreadable())?;
        let uri = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let media = format!("application/vnd.atlas.{date}+json");
        // Whether the proof comes from a nonce or token got for this very call.
        let mut fresh = false;
        loop {
            let mut request = self
                .http
                .request(method.clone(), url.clone())
                .header("accept", &media);
            match self.auth.proof(&self.http, &method, &uri).await? {
                Proof::Header(proof) => {
                    request = request.header("authorization", proof);
                    if let Some(body) = &body {
                        request = request.header("content-type", &media).body(body.to_string());
                    }
                }
                // It is refused for certain, so what it would say is not sent yet.
                Proof::NeedsNonce => {}
            }
            let response = request
                .send()
                .await
                .map_err(|error| http::transport(SYSTEM, &error))?;
            if response.status() != StatusCode::UNAUTHORIZED
                || !self.auth.renew(response.headers(), fresh).await?
            {
                return Ok(response);
            }
            // The connection is used again only if what is left on it is read.
            drop(http::body(SYSTEM, response).await);
            fresh = true;
        }
    }

    /// The body of a success, or what the failure means.
    async fn accepted(&self, response: Response, password: &str) -> Result<String> {
        let status = response.status();
        if status.is_success() {
            return http::body(SYSTEM, response).await;
        }
        let pause = http::retry_after(response.headers());
        // A body that breaks off takes nothing from what the status says.
        let words = Words::read(&http::body(SYSTEM, response).await.unwrap_or_default());
        let [id, secret] = self.auth.secrets();
        Err(refusal::of(status, &words, pause, &[id, secret, password]))
    }
}

fn flex(mut cluster: Cluster) -> Cluster {
    cluster.is_flex = true;
    cluster
}

/// One segment of a path, or one value of a query: everything that could mean more is escaped.
pub(super) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    // The parser's words may quote the body, so they stay out.
    serde_json::from_str(text).map_err(|_| unreadable())
}

pub(super) fn unreadable() -> ProviderError {
    ProviderError::new(
        ErrorKind::Transient,
        format!("{SYSTEM} sent an answer we cannot read"),
    )
}
