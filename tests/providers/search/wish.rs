//! What a call to the data API does, and to what: for whoever has to allow it.

use super::line::Ask;

/// What somebody wants to do, for whoever has to allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Search,
    Write,
    Metadata,
    Monitor,
    Manage,
    Create,
}

/// A call to the data API: what it does, and to what.
#[derive(Debug, Clone)]
pub struct Wish {
    pub deed: Deed,
    /// `None`: everything, as far as it may be seen.
    pub name: Option<String>,
}

impl Wish {
    /// `None` if it is no call of the data API.
    pub fn of(ask: &Ask) -> Option<Self> {
        let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
        let wish = |deed, name: &str| {
            let all = matches!(name, "*" | "_all");
            Some(Self {
                deed,
                name: (!all).then(|| name.to_owned()),
            })
        };
        match (ask.method.as_str(), segments.as_slice()) {
            ("GET", ["_cat", "indices"]) => wish(Deed::Monitor, "*"),
            ("GET", ["_cat", "indices", name]) => wish(Deed::Monitor, name),
            ("GET" | "POST", ["_resolve", "index", name]) => wish(Deed::Metadata, name),
            ("PUT", ["_data_stream" | "_index_template", name]) => wish(Deed::Create, name),
            ("DELETE", ["_data_stream" | "_index_template", name]) => wish(Deed::Manage, name),
            (_, [name, ..]) if name.starts_with('_') && *name != "_all" => None,
            ("PUT", [name]) => wish(Deed::Create, name),
            ("DELETE", [name]) => wish(Deed::Manage, name),
            ("GET" | "HEAD", [name]) => wish(Deed::Metadata, name),
            ("GET" | "POST", [name, "_search"]) => wish(Deed::Search, name),
            ("POST", [name, "_doc"]) | ("PUT" | "POST", [name, "_doc" | "_create", _]) => {
                wish(Deed::Write, name)
            }
            ("GET", [name, "_doc", _]) => wish(Deed::Search, name),
            ("GET", [name, "_mapping" | "_settings"]) => wish(Deed::Metadata, name),
            ("GET", [name, "_stats"]) => wish(Deed::Monitor, name),
            ("PUT", [name, "_settings" | "_mapping"]) => wish(Deed::Manage, name),
            ("POST", [name, "_refresh"]) => wish(Deed::Manage, name),
            _ => None,
        }
    }
}
