//! Holds requests against MongoDB's published OpenAPI document, which is not part of this project: it is read from
//! `LATCHKEY_CONTRACTS`, or from `../shared/contracts`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Asked;

const FILE: &str = "mongodb-atlas.openapi.yaml";

pub struct Contract {
    document: Value,
    /// Body validators by operation; building one takes longer than using it.
    bodies: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// Read once for both kinds: it is three megabytes. The error is the reason to name where the check is skipped.
pub fn contract() -> Result<Arc<Contract>, String> {
    static READ: OnceLock<Result<Arc<Contract>, String>> = OnceLock::new();
    READ.get_or_init(|| Contract::load().map(Arc::new)).clone()
}

impl Contract {
    #[expect(clippy::disallowed_methods, reason = "the test's own setting")]
    fn load() -> Result<Self, String> {
        let folder = match std::env::var("LATCHKEY_CONTRACTS") {
            Ok(folder) => PathBuf::from(folder),
            Err(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"),
        };
        let text = std::fs::read_to_string(folder.join(FILE))
            .map_err(|_| format!("not run: no {FILE} in LATCHKEY_CONTRACTS or ../shared/contracts"))?;
        // Of a hundred thousand lines only those below `paths` that we use matter, but references lead everywhere.
        let options = serde_saphyr::options! { budget: None };
        let document = serde_saphyr::from_str_with_options(&text, options)
            .map_err(|error| format!("{FILE}: {error}"))?;
        Ok(Self {
            document,
            bodies: Mutex::default(),
        })
    }

    /// Method, path, version, query and body of one request.
    pub fn check(&self, request: &Asked) -> Result<(), String> {
        let (template, values) = self.template(&request.path)?;
        let method = request.method.to_ascii_lowercase();
        let operation = &self.document["paths"][&template][&method];
        if operation.is_null() {
            return Err(format!("{template} has no {method}"));
        }
        self.check_version(operation, request)?;
        self.check_parameters(operation, &values, request.query.as_deref())?;
        self.check_body(&format!("{method} {template}"), operation, request)
    }

    /// The path as the document has it, with the values of its variables. What is literal goes before what is variable.
    fn template(&self, path: &str) -> Result<(String, BTreeMap<String, String>), String> {
        let paths = self.document["paths"].as_object().ok_or("no paths")?;
        let fitting = paths
            .keys()
            .filter_map(|template| Some((template, fits(template, path)?)));
        fitting
            .max_by_key(|(template, _)| literal(template))
            .map(|(template, values)| (template.clone(), values))
            .ok_or_else(|| "no such path".to_owned())
    }

    /// The version asked for must be one that some answer of the operation has.
    fn check_version(&self, operation: &Value, request: &Asked) -> Result<(), String> {
        let accept = request.accept.as_deref().unwrap_or_default();
        let answers = operation["responses"].as_object().ok_or("no responses")?;
        let known = answers
            .values()
            .filter_map(|answer| answer["content"].as_object())
            .any(|content| content.contains_key(accept));
        if known {
            Ok(())
        } else {
            Err(format!("no answer has the version {accept:?}"))
        }
    }

    fn check_parameters(
        &self,
        operation: &Value,
        path: &BTreeMap<String, String>,
        query: Option<&str>,
    ) -> Result<(), String> {
        let known: Vec<Value> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| self.resolved(one).clone())
            .collect();
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        for (name, _) in &query {
            if !known
                .iter()
                .any(|one| one["in"] == "query" && one["name"] == name.as_str())
            {
                return Err(format!("the query has an unknown {name}"));
            }
        }
        for parameter in &known {
            let name = parameter["name"].as_str().unwrap_or_default();
            let given = match parameter["in"].as_str() {
                Some("path") => path.get(name).cloned(),
                Some("query") => query
                    .iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, value)| value.clone()),
                _ => continue,
            };
            match given {
                None if parameter["required"] == true => return Err(format!("{name} is missing")),
                None => {}
                Some(text) => {
                    let schema = self.strict(&parameter["schema"]);
                    let value = match schema["type"].as_str() {
                        Some("integer") => text
                            .parse::<i64>()
                            .map_or_else(|_| json!(text), |number| json!(number)),
                        Some("boolean") => json!(text == "true"),
                        _ => json!(text),
                    };
                    let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
                    validator
                        .validate(&value)
                        .map_err(|error| format!("{name}: {error}"))?;
                }
            }
        }
        Ok(())
    }

    fn check_body(&self, name: &str, operation: &Value, request: &Asked) -> Result<(), String> {
        let described = self.resolved(&operation["requestBody"]);
        let Some(body) = &request.body else {
            return match described["required"] == true {
                true => Err("the body is missing".to_owned()),
                false => Ok(()),
            };
        };
        let media = request.content_type.as_deref().unwrap_or_default();
        let schema = &described["content"][media]["schema"];
        if schema.is_null() {
            return Err(format!("no body of type {media:?} is described"));
        }
        let mut bodies = self.bodies.lock().map_err(|error| error.to_string())?;
        if !bodies.contains_key(name) {
            let validator =
                jsonschema::validator_for(&self.strict(schema)).map_err(|error| error.to_string())?;
            bodies.insert(name.to_owned(), Arc::new(validator));
        }
        bodies[name]
            .validate(body)
            .map_err(|error| format!("{}: {error}", error.instance_path()))
    }

    fn resolved<'v>(&'v self, value: &'v Value) -> &'v Value {
        let pointer = value.get("$ref").and_then(Value::as_str);
        match pointer {
            Some(name) => self
                .document
                .pointer(name.trim_start_matches('#'))
                .unwrap_or(&Value::Null),
            None => value,
        }
    }

    /// The schema with all it refers to, as JSON Schema: what it does not name is refused, and so is what is read-only.
    fn strict(&self, schema: &Value) -> Value {
        match schema {
            Value::Object(object) => {
                if object.contains_key("$ref") {
                    return self.strict(self.resolved(schema));
                }
                let mut strict: serde_json::Map<String, Value> = object
                    .iter()
                    .filter(|(key, _)| {
                        !matches!(key.as_str(), "example" | "description" | "externalDocs")
                            || !object[*key].is_string()
                    })
                    .map(|(key, value)| (key.clone(), self.strict(value)))
                    .collect();
                if let Some(properties) = strict.get_mut("properties").and_then(Value::as_object_mut) {
                    properties.retain(|_, property| property["readOnly"] != true);
                    strict.insert("additionalProperties".to_owned(), Value::Bool(false));
                }
                Value::Object(strict)
            }
            Value::Array(list) => list.iter().map(|one| self.strict(one)).collect(),
            plain => plain.clone(),
        }
    }
}

/// How much of a template is no variable.
fn literal(template: &str) -> usize {
    let outside = template
        .split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, tail)| tail));
    outside.map(str::len).sum()
}

/// The values of a template's variables, if the path is one of its kind. A variable may end before a literal (`{id}:addRole`).
fn fits(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (parts, segments): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    if parts.len() != segments.len() {
        return None;
    }
    let mut values = BTreeMap::new();
    for (part, segment) in parts.iter().zip(&segments) {
        match part.strip_prefix('{').and_then(|part| part.split_once('}')) {
            None if part == segment => {}
            None => return None,
            Some((name, tail)) => {
                let value = segment.strip_suffix(tail).filter(|value| !value.is_empty())?;
                let decoded =
                    url::form_urlencoded::parse(format!("x={}", value.replace('+', "%2B")).as_bytes())
                        .next()
                        .map(|(_, value)| value.into_owned());
                values.insert(name.to_owned(), decoded.unwrap_or_default());
            }
        }
    }
    Some(values)
}
