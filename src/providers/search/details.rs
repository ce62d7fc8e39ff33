//! What the person is told.

use super::{
    config::Config,
    place::{Access, Place},
};
use crate::providers::{AccessDetails, Lease, http};

pub fn of(config: &Config, login: &str, given: &[&Lease]) -> AccessDetails {
    let field = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let mut details = AccessDetails {
        fields: vec![field("URL", &config.url)],
        ..AccessDetails::default()
    };
    for (place, access) in given.iter().filter_map(|lease| Place::and_access(lease).ok()) {
        match place {
            Place::Index(name) => {
                details.fields.push(field("Index", &name));
                details.examples.push(curl(config, login, &name, access));
            }
            Place::Role(name) => details.fields.push(field("Role", &name)),
        }
    }
    details.fields.push(field("User", login));
    details.fields.dedup();
    if config.tls_ca.is_some() {
        details.notes.push(
            "The cluster's certificate has an authority of its own: give curl its file as --cacert."
                .to_owned(),
        );
    }
    if config.proxy.is_some() {
        details
            .notes
            .push("The cluster is reached through an HTTP proxy: give it to curl as --proxy.".to_owned());
    }
    details
}

/// A line for a shell, without the password: curl asks for it, and no shell keeps it. The name is escaped for the URL, which
/// leaves nothing in it that a shell would read.
fn curl(config: &Config, login: &str, name: &str, access: Access) -> String {
    let (url, name) = (&config.url, http::segment(name));
    let document = "-H 'content-type: application/json' -d '{}'";
    match access {
        Access::Read | Access::ReadWrite | Access::Member => {
            format!("curl -u {login} '{url}/{name}/_search?pretty'")
        }
        Access::Write => format!("curl -u {login} '{url}/{name}/_doc' {document}"),
        Access::Monitor => format!("curl -u {login} '{url}/{name}/_stats?pretty'"),
        Access::Manage => format!("curl -u {login} '{url}/{name}/_settings?pretty'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    #[test]
    fn a_hostile_name_runs_nothing_in_a_shell() {
        let config = Config {
            url: "https://es.example.com".to_owned(),
            tls_ca: None,
            proxy: None,
            username: "bot".to_owned(),
            password: Secret::new("own"),
        };
        assert_eq!(
            curl(&config, "jit_u", "o'$(id)`{secret}", Access::Read),
            "curl -u jit_u 'https://es.example.com/o%27%24%28id%29%60%7Bsecret%7D/_search?pretty'"
        );
    }
}
