//! Indices, aliases, data streams and their documents: what both systems do alike once somebody may.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::line::{Answer, Ask, only_keys, only_query};

#[derive(Debug, Clone, Default)]
pub struct Index {
    documents: Vec<Value>,
    mappings: Map<String, Value>,
    settings: Map<String, Value>,
}

#[derive(Debug, Clone, Default)]
pub struct Data {
    indices: BTreeMap<String, Index>,
    aliases: BTreeMap<String, BTreeSet<String>>,
    streams: BTreeMap<String, Vec<String>>,
    /// Patterns of templates for data streams, with the mappings they give.
    templates: BTreeMap<String, (String, Map<String, Value>)>,
}

impl Data {
    /// Indices behind a name.
    pub fn behind(&self, name: &str) -> Option<BTreeSet<String>> {
        if self.indices.contains_key(name) {
            return Some(BTreeSet::from([name.to_owned()]));
        }
        let stream = self.streams.get(name).map(|all| all.iter().cloned().collect());
        stream.or_else(|| self.aliases.get(name).cloned())
    }

    /// Names that a right may be given on to reach it: its own, and its stream's.
    pub fn rights_on(&self, name: &str) -> Vec<String> {
        let streams = self.streams.iter();
        let stream = streams
            .filter(|(_, backing)| backing.iter().any(|index| index == name))
            .map(|(stream, _)| stream.clone());
        std::iter::once(name.to_owned()).chain(stream).collect()
    }

    /// Everything that a wildcard could stand for.
    pub fn names(&self) -> Vec<String> {
        let all = self.indices.keys().chain(self.aliases.keys());
        all.chain(self.streams.keys()).cloned().collect()
    }

    /// An index by its own name, and by those of aliases and data streams it is in.
    pub fn known_as(&self, index: &str) -> BTreeSet<String> {
        let aliases = self.aliases.iter().filter(|(_, of)| of.contains(index));
        let streams = self
            .streams
            .iter()
            .filter(|(_, of)| of.iter().any(|one| one == index));
        let others = aliases.map(|(name, _)| name).chain(streams.map(|(name, _)| name));
        others.cloned().chain([index.to_owned()]).collect()
    }

    pub fn cluster_metadata(&self) -> Value {
        let indices: Map<String, Value> = self
            .indices
            .iter()
            .map(|(name, index)| {
                let aliases: Vec<&String> = self
                    .aliases
                    .iter()
                    .filter(|(_, of)| of.contains(name))
                    .map(|(alias, _)| alias)
                    .collect();
                let mappings = json!({"_doc": index.mappings});
                let about =
                    json!({"state": "open", "aliases": aliases, "mappings": mappings, "settings": {}});
                (name.clone(), about)
            })
            .collect();
        let streams: Map<String, Value> = self
            .streams
            .iter()
            .map(|(name, backing)| {
                let indices: Vec<Value> = backing.iter().map(|index| json!({"index_name": index})).collect();
                (name.clone(), json!({"name": name, "indices": indices}))
            })
            .collect();
        json!({"indices": indices, "data_stream": {"data_stream": streams}})
    }

    /// `visible` says which names a wildcard may show to whoever asks; a name that was asked for is allowed already.
    pub fn answer(&mut self, ask: &Ask, visible: &dyn Fn(&str) -> bool) -> Answer {
        let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
        let made = match (ask.method.as_str(), segments.as_slice()) {
            ("GET", ["_cat", "indices"]) => self.cat(ask, None, visible),
            ("GET", ["_cat", "indices", name]) => self.cat(ask, Some(name), visible),
            ("GET" | "POST", ["_resolve", "index", name]) => self.resolve(ask, name, visible),
            ("PUT", ["_index_template", name]) => self.put_template(ask, name),
            ("PUT", ["_data_stream", name]) => self.put_stream(name),
            ("DELETE", ["_data_stream", name]) => self.delete(name),
            ("DELETE", ["_index_template", name]) => {
                self.templates.remove(*name);
                Ok(acknowledged())
            }
            ("PUT", [name]) => self.create(ask, name),
            ("DELETE", [name]) => self.delete(name),
            ("GET", ["*", "_mapping"]) => self.mapping(ask, None, visible),
            ("GET", [name, "_mapping"]) => self.mapping(ask, Some(name), visible),
            (_, [name, rest @ ..]) => self.on_one(ask, name, rest),
            _ => Err(Answer::no_handler(ask)),
        };
        made.unwrap_or_else(|error| error)
    }

    fn on_one(&mut self, ask: &Ask, name: &str, rest: &[&str]) -> Result<Answer, Answer> {
        let indices = self.behind(name).ok_or_else(|| not_found(name))?;
        match (ask.method.as_str(), rest) {
            ("GET" | "HEAD", []) => Ok(Answer::ok(json!({name: {}}))),
            ("GET" | "POST", ["_search"]) => {
                let hits: Vec<Value> = indices
                    .iter()
                    .flat_map(|index| {
                        let documents = &self.indices[index].documents;
                        documents
                            .iter()
                            .map(move |document| json!({"_index": index, "_source": document}))
                    })
                    .collect();
                Ok(Answer::ok(json!({
                    "took": 1, "timed_out": false,
                    "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
                    "hits": {"total": {"value": hits.len(), "relation": "eq"}, "max_score": 1.0, "hits": hits},
                })))
            }
            ("POST", ["_doc"]) | ("PUT" | "POST", ["_doc" | "_create", _]) => self.index(ask, name, &indices),
            ("GET", ["_stats"]) => Ok(Answer::ok(json!({
                "_shards": {"total": 1, "successful": 1, "failed": 0}, "_all": {},
            }))),
            ("GET", ["_settings"]) => Ok(Answer::ok(json!({name: {"settings": {}}}))),
            ("PUT", ["_settings"]) => {
                let settings = ask.object()?.clone();
                for index in &indices {
                    if let Some(index) = self.indices.get_mut(index) {
                        index.settings.extend(settings.clone());
                    }
                }
                Ok(acknowledged())
            }
            ("POST", ["_refresh"]) => Ok(Answer::ok(
                json!({"_shards": {"total": 1, "successful": 1, "failed": 0}}),
            )),
            _ => Err(Answer::no_handler(ask)),
        }
    }

    fn index(&mut self, ask: &Ask, name: &str, indices: &BTreeSet<String>) -> Result<Answer, Answer> {
        only_query(ask, &["refresh", "op_type"])?;
        let document = ask.object()?.clone();
        if self.streams.contains_key(name) && !document.contains_key("@timestamp") {
            let reason = "failed to parse: data stream timestamp field [@timestamp] is missing";
            return Err(Answer::error(400, "document_parsing_exception", reason));
        }
        // A stream is written at its end; an alias over several has nowhere to write to.
        let index = match (self.streams.get(name), indices.iter().next()) {
            (Some(backing), _) => backing.last().cloned(),
            (None, Some(only)) if indices.len() == 1 => Some(only.clone()),
            (None, _) => None,
        };
        let Some(index) = index else {
            let reason = format!("no write index is defined for alias [{name}]");
            return Err(Answer::error(400, "illegal_argument_exception", &reason));
        };
        let documents = &mut self.indices.get_mut(&index).expect("it is there").documents;
        documents.push(Value::Object(document));
        let id = ask
            .segments
            .get(2)
            .cloned()
            .unwrap_or_else(|| documents.len().to_string());
        Ok(Answer::json(
            201,
            json!({"_index": index, "_id": id, "_version": 1, "result": "created",
                "_shards": {"total": 1, "successful": 1, "failed": 0}}),
        ))
    }

    fn create(&mut self, ask: &Ask, name: &str) -> Result<Answer, Answer> {
        check_name(name)?;
        if self.behind(name).is_some() {
            let reason = format!("index [{name}] already exists");
            return Err(Answer::error(400, "resource_already_exists_exception", &reason));
        }
        let empty = Map::new();
        let body = match ask.body {
            None => &empty,
            Some(_) => ask.object()?,
        };
        only_keys(body.keys(), &["mappings", "settings", "aliases"])?;
        let part = |key: &str| {
            body.get(key)
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        };
        for alias in part("aliases").keys() {
            check_name(alias)?;
            self.aliases
                .entry(alias.clone())
                .or_default()
                .insert(name.to_owned());
        }
        let index = Index {
            documents: Vec::new(),
            mappings: part("mappings"),
            settings: part("settings"),
        };
        self.indices.insert(name.to_owned(), index);
        Ok(Answer::ok(
            json!({"acknowledged": true, "shards_acknowledged": true, "index": name}),
        ))
    }

    fn put_template(&mut self, ask: &Ask, name: &str) -> Result<Answer, Answer> {
        let body = ask.object()?;
        only_keys(
            body.keys(),
            &["index_patterns", "data_stream", "template", "priority"],
        )?;
        let patterns = body.get("index_patterns").and_then(Value::as_array);
        let Some(pattern) = patterns.and_then(|all| all.first()?.as_str()) else {
            return Err(Answer::error(
                400,
                "action_request_validation_exception",
                "index patterns are missing",
            ));
        };
        let mappings = body.get("template").and_then(|template| template.get("mappings"));
        let mappings = mappings.and_then(Value::as_object).cloned().unwrap_or_default();
        self.templates
            .insert(name.to_owned(), (pattern.to_owned(), mappings));
        Ok(acknowledged())
    }

    fn put_stream(&mut self, name: &str) -> Result<Answer, Answer> {
        check_name(name)?;
        let template = self
            .templates
            .values()
            .find(|(pattern, _)| matches(pattern, name));
        let Some((_, mappings)) = template.cloned() else {
            let reason = format!("no matching index template found for data stream [{name}]");
            return Err(Answer::error(400, "illegal_argument_exception", &reason));
        };
        if self.behind(name).is_some() {
            let reason = format!("data_stream [{name}] already exists");
            return Err(Answer::error(400, "resource_already_exists_exception", &reason));
        }
        let backing = format!(".ds-{name}-2026.11.22-000001");
        let index = Index {
            mappings,
            ..Index::default()
        };
        self.indices.insert(backing.clone(), index);
        self.streams.insert(name.to_owned(), vec![backing]);
        Ok(acknowledged())
    }

    fn delete(&mut self, name: &str) -> Result<Answer, Answer> {
        if self.aliases.contains_key(name) {
            let reason = format!(
                "The provided expression [{name}] matches an alias, specify the corresponding concrete indices instead."
            );
            return Err(Answer::error(400, "illegal_argument_exception", &reason));
        }
        let indices = self.behind(name).ok_or_else(|| not_found(name))?;
        self.streams.remove(name);
        for index in &indices {
            self.indices.remove(index);
            for of in self.aliases.values_mut() {
                of.remove(index);
            }
        }
        self.aliases.retain(|_, of| !of.is_empty());
        Ok(acknowledged())
    }

    fn mapping(
        &self,
        ask: &Ask,
        name: Option<&str>,
        visible: &dyn Fn(&str) -> bool,
    ) -> Result<Answer, Answer> {
        only_query(ask, &["expand_wildcards"])?;
        let chosen: BTreeSet<String> = match name {
            Some(name) => self.behind(name).ok_or_else(|| not_found(name))?,
            None => self.listed(ask, visible).cloned().collect(),
        };
        let all: Map<String, Value> = chosen
            .into_iter()
            .map(|name| {
                let mappings = self.indices[&name].mappings.clone();
                (name, json!({"mappings": mappings}))
            })
            .collect();
        Ok(Answer::ok(Value::Object(all)))
    }

    /// Indices that a wildcard stands for: hidden ones only where they are asked for.
    fn listed<'a>(
        &'a self,
        ask: &Ask,
        visible: &'a dyn Fn(&str) -> bool,
    ) -> impl Iterator<Item = &'a String> {
        let wanted = ask.query.get("expand_wildcards").map_or("open", String::as_str);
        let hidden = wanted.contains("hidden") || wanted == "all";
        self.indices
            .keys()
            .filter(move |name| (hidden || !name.starts_with('.')) && visible(name))
    }

    fn cat(&self, ask: &Ask, name: Option<&str>, visible: &dyn Fn(&str) -> bool) -> Result<Answer, Answer> {
        only_query(ask, &["h", "expand_wildcards"])?;
        if ask.query.get("format").map(String::as_str) != Some("json") {
            return Err(Answer::text(200, "the simulator has no table"));
        }
        let chosen: BTreeSet<String> = match name {
            Some(name) => self.behind(name).ok_or_else(|| not_found(name))?,
            None => self.listed(ask, visible).cloned().collect(),
        };
        let columns = ask.query.get("h").map_or("index,status,health", String::as_str);
        let row = |index: String| {
            let cell = |column: &str| match column {
                "index" => Value::from(index.as_str()),
                "status" => Value::from("open"),
                _ => Value::from("green"),
            };
            columns
                .split(',')
                .map(|column| (column.to_owned(), cell(column)))
                .collect::<Map<_, _>>()
        };
        Ok(Answer::ok(chosen.into_iter().map(row).collect()))
    }

    fn resolve(&self, ask: &Ask, name: &str, visible: &dyn Fn(&str) -> bool) -> Result<Answer, Answer> {
        only_query(ask, &["expand_wildcards"])?;
        let all = name == "*";
        let chosen = |one: &str| if all { visible(one) } else { one == name };
        if !all && self.behind(name).is_none() {
            return Err(not_found(name));
        }
        let indices: Vec<Value> = self
            .indices
            .keys()
            .filter(|one| chosen(one) && !one.starts_with('.'))
            .map(|one| json!({"name": one, "attributes": ["open"]}))
            .collect();
        let aliases: Vec<Value> = self
            .aliases
            .iter()
            .filter(|(one, _)| chosen(one))
            .map(|(one, of)| json!({"name": one, "indices": of}))
            .collect();
        let streams: Vec<Value> = self
            .streams
            .iter()
            .filter(|(one, _)| chosen(one))
            .map(|(one, of)| json!({"name": one, "backing_indices": of, "timestamp_field": "@timestamp"}))
            .collect();
        Ok(Answer::ok(
            json!({"indices": indices, "aliases": aliases, "data_streams": streams}),
        ))
    }
}

fn acknowledged() -> Answer {
    Answer::ok(json!({"acknowledged": true}))
}

fn not_found(name: &str) -> Answer {
    Answer::error(
        404,
        "index_not_found_exception",
        &format!("no such index [{name}]"),
    )
}

/// The rules both have for what is made anew.
fn check_name(name: &str) -> Result<(), Answer> {
    let forbidden = ['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'];
    let reason = if name.contains(forbidden) {
        "must not contain the following characters ['\\\\','/','*','?','\"','<','>','|',' ',',','#',':']"
    } else if name.starts_with(['-', '_', '+']) {
        "must not start with '_', '-', or '+'"
    } else if name.to_lowercase() != name {
        "must be lowercase"
    } else if name.len() > 255 {
        "index name is too long"
    } else if matches!(name, "." | ".." | "") {
        "must not be '.' or '..'"
    } else {
        return Ok(());
    };
    let reason = format!("Invalid index name [{name}], {reason}");
    Err(Answer::error(400, "invalid_index_name_exception", &reason))
}

/// Wildcards of both: `*` for any text, `?` for one sign.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    fits(&pattern, &name)
}

fn fits(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|at| fits(rest, &name[at..])),
        Some(('?', rest)) => !name.is_empty() && fits(rest, &name[1..]),
        Some((sign, rest)) => name.first() == Some(sign) && fits(rest, &name[1..]),
    }
}
