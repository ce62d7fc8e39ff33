//! What a person needs to connect.

use std::collections::BTreeSet;

use super::{client::segment, config::Config, grant::Grant};
use crate::providers::AccessDetails;

pub(super) fn of<'a>(config: &Config, login: &str, grants: impl Iterator<Item = &'a Grant>) -> AccessDetails {
    let mut vhosts = BTreeSet::new();
    let mut interface = false;
    for grant in grants {
        match grant {
            Grant::Vhost { vhost, .. } | Grant::Named { vhost, .. } => {
                vhosts.insert(vhost.as_str());
            }
            Grant::Tag(_) => interface = true,
        }
    }
    let mut details = AccessDetails::default();
    let mut field = |label: &str, value: String| details.fields.push((label.to_owned(), value));
    if interface || config.amqp.is_none() {
        field("Management", config.url.clone());
    }
    if let Some(amqp) = &config.amqp {
        let tls = if amqp.scheme == "amqps" { " (TLS)" } else { "" };
        field("Host", format!("{}{tls}", amqp.host));
        field("Port", amqp.port.to_string());
    }
    for vhost in &vhosts {
        field("Virtual host", (*vhost).to_owned());
    }
    field("User", login.to_owned());
    if let Some(amqp) = &config.amqp {
        let uri = |vhost: String| {
            format!(
                "{}://{login}:{{secret}}@{}:{}/{vhost}",
                amqp.scheme, amqp.host, amqp.port
            )
        };
        details.examples = vhosts
            .iter()
            .filter_map(|vhost| segment(vhost))
            .map(uri)
            .collect();
    }
    if !vhosts.is_empty() {
        details
            .notes
            .push("When one of your accesses ends, connections on its virtual host are closed.".to_owned());
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        providers::{Mark, ResourceRef, Setup},
        secrets::Secret,
    };

    fn config(text: &str) -> Config {
        let secret = ["username", "password"].map(|key| (key.to_owned(), Secret::new("s")));
        Config::parse(&Setup {
            mark: Mark::new("main", "rabbit"),
            config: toml::from_str(text).unwrap(),
            secret: secret.into(),
            base_dir: ".".into(),
        })
        .unwrap()
    }

    fn grant(kind: &str, id: &[&str], permission: &str) -> Grant {
        let at = ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|part| (*part).to_owned()).collect(),
            title: "t".to_owned(),
        };
        Grant::of(&at, permission).unwrap()
    }

    #[test]
    fn people_get_what_they_type() {
        let config = config("url = 'mq:15671'\namqp_url = 'amqps://mq.example.com'");
        let grants = [
            grant("vhost", &["/"], "read"),
            grant("queue", &["a b", "q"], "read"),
        ];
        let details = of(&config, "jit_u", grants.iter());
        assert_eq!(
            details.examples,
            [
                "amqps://jit_u:{secret}@mq.example.com:5671/%2F",
                "amqps://jit_u:{secret}@mq.example.com:5671/a%20b"
            ]
        );
        assert!(
            details
                .fields
                .contains(&("Host".to_owned(), "mq.example.com (TLS)".to_owned()))
        );
        assert!(details.fields.iter().all(|(label, _)| label != "Management"));
    }

    #[test]
    fn without_an_amqp_address_the_management_one_is_all_there_is() {
        let config = config("url = 'mq:15671'");
        let tag = [grant("management_tag", &["broker"], "monitoring")];
        let details = of(&config, "jit_u", tag.iter());
        assert_eq!(
            details.fields,
            [
                ("Management".to_owned(), "https://mq:15671".to_owned()),
                ("User".to_owned(), "jit_u".to_owned())
            ]
        );
        assert!(details.examples.is_empty() && details.notes.is_empty());
    }
}
