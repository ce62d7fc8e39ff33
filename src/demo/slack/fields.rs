//! Interactive elements: finding them, and the values people give them.

use serde_json::{Map, Value, json};

/// An element and the block it stands in.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) block: Value,
    pub(super) element: Value,
}

impl Found {
    pub(super) fn block_id(&self) -> &str {
        self.block["block_id"].as_str().unwrap_or_default()
    }

    pub(super) fn action_id(&self) -> &str {
        self.element["action_id"].as_str().unwrap_or_default()
    }

    pub(super) fn kind(&self) -> &str {
        self.element["type"].as_str().unwrap_or_default()
    }

    /// Does touching it call the app at once?
    pub(super) fn dispatches(&self) -> bool {
        self.block["type"] != "input" || self.block["dispatch_action"] == true
    }

    /// Is this what a person would call `name`: its label, action id or block id?
    fn is_called(&self, name: &str) -> bool {
        let labels = [
            &self.element["action_id"],
            &self.element["text"]["text"],
            &self.element["placeholder"]["text"],
            &self.block["label"]["text"],
            &self.block["block_id"],
        ];
        labels.iter().any(|l| *l == name)
    }
}

/// All interactive elements of these blocks, in order.
pub(super) fn elements(blocks: &[Value]) -> Vec<Found> {
    let mut found = Vec::new();
    for block in blocks {
        let single = [&block["accessory"], &block["element"]].into_iter();
        let many = block["elements"].as_array().into_iter().flatten();
        for element in single.chain(many).filter(|e| e["action_id"].is_string()) {
            found.push(Found {
                block: block.clone(),
                element: element.clone(),
            });
        }
    }
    found
}

/// The first element called `name`.
pub(super) fn find(blocks: &[Value], name: &str) -> Option<Found> {
    elements(blocks).into_iter().find(|f| f.is_called(name))
}

/// `state.values` as payloads carry it: what was given, else what the app preset.
pub(super) fn state_values(blocks: &[Value], given: &Map<String, Value>) -> Value {
    let mut values = Map::new();
    for found in elements(blocks) {
        let Some(preset) = preset(&found.element) else {
            continue;
        };
        let value = given
            .get(found.block_id())
            .and_then(|b| b.get(found.action_id()))
            .cloned()
            .unwrap_or(preset);
        let block = values
            .entry(found.block_id().to_owned())
            .or_insert_with(|| json!({}));
        block[found.action_id()] = value;
    }
    json!({"values": values})
}

/// The value object of an untouched element; `None` for those without value.
fn preset(element: &Value) -> Option<Value> {
    let kind = element["type"].as_str()?;
    let field = |key: &str| element.get(key).cloned().unwrap_or(Value::Null);
    Some(match kind {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => {
            json!({"type": kind, "value": field("initial_value")})
        }
        "static_select" | "external_select" | "radio_buttons" => {
            json!({"type": kind, "selected_option": field("initial_option")})
        }
        "multi_static_select" | "multi_external_select" | "checkboxes" => {
            let chosen = element["initial_options"].as_array().cloned().unwrap_or_default();
            json!({"type": kind, "selected_options": chosen})
        }
        "users_select" => json!({"type": kind, "selected_user": field("initial_user")}),
        "datepicker" => json!({"type": kind, "selected_date": field("initial_date")}),
        "timepicker" => json!({"type": kind, "selected_time": field("initial_time")}),
        _ => return None,
    })
}

/// Is nothing given?
pub(super) fn is_empty(value: &Value) -> bool {
    let fields = [
        "value",
        "selected_option",
        "selected_user",
        "selected_date",
        "selected_time",
    ];
    let single = fields
        .iter()
        .any(|f| value[*f].as_str().is_some_and(|s| !s.is_empty()) || value[*f].is_object());
    let many = value["selected_options"]
        .as_array()
        .is_some_and(|o| !o.is_empty());
    !single && !many
}

/// The value object for what a person typed or chose. Options are named by text or value; several are separated by
/// commas. `loaded` holds what the app last offered for an external select.
pub(super) fn value_of(found: &Found, given: &str, loaded: &[Value]) -> Result<Value, String> {
    let kind = found.kind().to_owned();
    match kind.as_str() {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => {
            check_length(&found.element, given)?;
            let value = if given.is_empty() {
                Value::Null
            } else {
                json!(given)
            };
            Ok(json!({"type": kind, "value": value}))
        }
        "static_select" | "radio_buttons" | "overflow" => {
            Ok(json!({"type": kind, "selected_option": option(&offered(&found.element), given)?}))
        }
        "external_select" => Ok(json!({"type": kind, "selected_option": option(loaded, given)?})),
        "multi_static_select" | "checkboxes" => {
            Ok(json!({"type": kind, "selected_options": options(&offered(&found.element), given)?}))
        }
        "multi_external_select" => Ok(json!({"type": kind, "selected_options": options(loaded, given)?})),
        "users_select" => Ok(json!({"type": kind, "selected_user": given})),
        "datepicker" => Ok(json!({"type": kind, "selected_date": given})),
        "timepicker" => Ok(json!({"type": kind, "selected_time": given})),
        other => Err(format!("a {other} takes no value")),
    }
}

fn check_length(element: &Value, given: &str) -> Result<(), String> {
    let length = given.chars().count() as u64;
    let most = element["max_length"].as_u64().unwrap_or(3000);
    let least = element["min_length"].as_u64().unwrap_or(0);
    if length > most {
        return Err(format!("at most {most} characters"));
    }
    if length > 0 && length < least {
        return Err(format!("at least {least} characters"));
    }
    Ok(())
}

/// Options of an element or of an answer, groups flattened.
pub(super) fn offered(holder: &Value) -> Vec<Value> {
    let groups = holder["option_groups"].as_array().into_iter().flatten();
    let grouped = groups.flat_map(|g| g["options"].as_array().cloned().unwrap_or_default());
    holder["options"]
        .as_array()
        .cloned()
        .unwrap_or_default()
        .into_iter()
        .chain(grouped)
        .collect()
}

fn option(offered: &[Value], given: &str) -> Result<Value, String> {
    if given.is_empty() {
        return Ok(Value::Null);
    }
    let found = offered
        .iter()
        .find(|o| o["value"] == given || o["text"]["text"] == given);
    found.cloned().ok_or_else(|| {
        let there: Vec<&str> = offered
            .iter()
            .filter_map(|o| o["text"]["text"].as_str())
            .collect();
        format!("no option `{given}`; there are {there:?}")
    })
}

fn options(offered: &[Value], given: &str) -> Result<Vec<Value>, String> {
    given
        .split(',')
        .map(str::trim)
        .filter(|g| !g.is_empty())
        .map(|g| option(offered, g))
        .collect()
}
