//! Holds requests against a vendor's published OpenAPI document, which is not part of this project: it is read from
//! `LATCHKEY_CONTRACTS`, or from `../shared/contracts`, as JSON or YAML.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

use jsonschema::Validator;
use latchkey::demo::redis_cloud::Asked;
use serde_json::{Value, json};

pub const REDIS_CLOUD: &str = "redis-cloud.openapi.json";
pub const OPENSEARCH_SECURITY: &str = "opensearch-security.openapi.yaml";

/// What is held against a document.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Below the address that the document has its paths from.
    pub path: String,
    pub query: Option<String>,
    /// Names only, in lower case.
    pub headers: Vec<String>,
    pub body: Option<Value>,
}

impl From<&Asked> for Request {
    fn from(asked: &Asked) -> Self {
        Self {
            method: asked.method.clone(),
            path: asked.path.clone(),
            query: asked.query.clone(),
            headers: asked.headers.clone(),
            body: asked.body.clone(),
        }
    }
}

pub struct Contract {
    document: Value,
    /// Body validators by operation; building one takes longer than using it.
    bodies: Mutex<BTreeMap<String, std::sync::Arc<Validator>>>,
}

impl Contract {
    /// The error is the reason to name where the check is skipped.
    #[expect(clippy::disallowed_methods, reason = "the test's own setting")]
    pub fn load(file: &str) -> Result<Self, String> {
        let folder = match std::env::var("LATCHKEY_CONTRACTS") {
            Ok(folder) => PathBuf::from(folder),
            Err(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"),
        };
        let text = std::fs::read_to_string(folder.join(file))
            .map_err(|_| format!("not run: no {file} in LATCHKEY_CONTRACTS or ../shared/contracts"))?;
        let document = if file.ends_with(".yaml") {
            let options = serde_saphyr::options! { budget: None };
            serde_saphyr::from_str_with_options(&text, options).map_err(|error| format!("{file}: {error}"))?
        } else {
            serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?
        };
        Ok(Self {
            document,
            bodies: Mutex::default(),
        })
    }

    /// Method, path, headers with keys, query and body of one request.
    pub fn check(&self, request: &Request) -> Result<(), String> {
        let (template, values) = self.template(&request.path)?;
        let method = request.method.to_ascii_lowercase();
        let operation = &self.document["paths"][&template][&method];
        if operation.is_null() {
            return Err(format!("{template} has no {method}"));
        }
        self.check_keys(request)?;
        self.check_parameters(operation, &values, request.query.as_deref())?;
        self.check_body(&format!("{method} {template}"), operation, request.body.as_ref())
    }

    /// What a node refers to, or itself.
    fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node.get("$ref").and_then(Value::as_str) {
            Some(name) => self
                .document
                .pointer(name.trim_start_matches('#'))
                .unwrap_or(&Value::Null),
            None => node,
        }
    }

    /// The path as the document has it, with the values of its variables.
    fn template(&self, path: &str) -> Result<(String, BTreeMap<String, String>), String> {
        let segments: Vec<&str> = path.split('/').collect();
        let paths = self.document["paths"].as_object().ok_or("no paths")?;
        for template in paths.keys() {
            let parts: Vec<&str> = template.split('/').collect();
            if parts.len() != segments.len() {
                continue;
            }
            let mut values = BTreeMap::new();
            let fits = parts.iter().zip(&segments).all(|(part, segment)| {
                match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                    Some(name) => {
                        values.insert(name.to_owned(), (*segment).to_owned());
                        !segment.is_empty()
                    }
                    None => part == segment,
                }
            });
            if fits {
                return Ok((template.clone(), values));
            }
        }
        Err("no such path".to_owned())
    }

    fn check_keys(&self, request: &Request) -> Result<(), String> {
        let schemes = self.document["components"]["securitySchemes"].as_object();
        let schemes = schemes.into_iter().flat_map(serde_json::Map::values);
        for scheme in schemes.filter(|scheme| scheme["in"] == "header") {
            let name = scheme["name"].as_str().unwrap_or_default().to_ascii_lowercase();
            if !request.headers.contains(&name) {
                return Err(format!("the header {name} is missing"));
            }
        }
        Ok(())
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
        let query: Vec<(&str, &str)> = query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        for (name, _) in &query {
            if !known
                .iter()
                .any(|one| one["in"] == "query" && one["name"] == *name)
            {
                return Err(format!("the query has an unknown {name}"));
            }
        }
        for parameter in &known {
            let name = parameter["name"].as_str().unwrap_or_default();
            let given = match parameter["in"].as_str() {
                Some("path") => path.get(name).map(String::as_str),
                Some("query") => query
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| *value),
                _ => continue,
            };
            match given {
                None if parameter["required"] == true => return Err(format!("{name} is missing")),
                None => {}
                Some(text) => {
                    let value = text
                        .parse::<i64>()
                        .map_or_else(|_| json!(text), |number| json!(number));
                    let schema = if parameter["schema"]["type"] == "string" {
                        json!(text)
                    } else {
                        value
                    };
                    let validator =
                        jsonschema::validator_for(&parameter["schema"]).map_err(|error| error.to_string())?;
                    validator
                        .validate(&schema)
                        .map_err(|error| format!("{name}: {error}"))?;
                }
            }
        }
        Ok(())
    }

    fn check_body(&self, name: &str, operation: &Value, body: Option<&Value>) -> Result<(), String> {
        let described = self.resolved(&operation["requestBody"]);
        let schema = &described["content"]["application/json"]["schema"];
        let Some(body) = body else {
            return match described["required"] == true {
                true => Err("the body is missing".to_owned()),
                false => Ok(()),
            };
        };
        if schema.is_null() {
            return Err("a body where none is described".to_owned());
        }
        let mut bodies = self.bodies.lock().map_err(|error| error.to_string())?;
        if !bodies.contains_key(name) {
            let validator =
                jsonschema::validator_for(&self.strict(schema)).map_err(|error| error.to_string())?;
            bodies.insert(name.to_owned(), std::sync::Arc::new(validator));
        }
        bodies[name]
            .validate(body)
            .map_err(|error| format!("{}: {error}", error.instance_path()))
    }

    /// The schema with all it refers to, as JSON Schema: what it does not name is refused, and so is what is read-only.
    fn strict(&self, schema: &Value) -> Value {
        match schema {
            Value::Object(object) => {
                if let Some(name) = object.get("$ref").and_then(Value::as_str) {
                    let pointer = name.trim_start_matches('#');
                    return self.strict(self.document.pointer(pointer).unwrap_or(&Value::Bool(false)));
                }
                let mut strict: serde_json::Map<String, Value> = object
                    .iter()
                    .filter(|(key, _)| *key != "example")
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
