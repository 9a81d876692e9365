//! What the API server and people like better than what the derive writes.

use serde_json::{Map, Value, json};

/// Rewrites a schema and everything below it:
/// - formats that Kubernetes does not know (`uint32`) go, as every `kubectl apply` would warn of them;
/// - `oneOf` over required fields becomes a rule with a message that says what to do;
/// - defaults inside of list entries go. Clients that apply by merge patch (kubectl, Argo CD) replace lists as a whole
///   and would see a difference for ever; the operator fills these defaults in when it reads the object;
/// - whole numbers are written as such.
pub fn schema(node: &mut Value) {
    below(node, None);
}

/// `entry_keys` is there inside of a list: the fields that identify an entry, which keep their defaults.
fn below(node: &mut Value, entry_keys: Option<&[String]>) {
    let Value::Object(map) = node else { return };
    if map.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        map.remove("format");
    }
    if map.get("properties").is_some_and(Value::is_object) {
        map.remove("title");
    }
    exactly_one_as_rule(map);
    for bound in ["minimum", "maximum"] {
        if let Some(number) = map.get_mut(bound) {
            whole(number);
        }
    }
    if let Some(Value::Object(fields)) = map.get_mut("properties") {
        for (name, field) in fields {
            if entry_keys.is_some_and(|keys| !keys.contains(name)) {
                field.as_object_mut().and_then(|field| field.remove("default"));
            }
            below(field, entry_keys.map(|_| [].as_slice()));
        }
    }
    let keys: Vec<String> = map.get("x-kubernetes-list-map-keys").map_or_else(Vec::new, strings);
    if let Some(items) = map.get_mut("items") {
        below(items, Some(&keys));
    }
    if let Some(values) = map.get_mut("additionalProperties") {
        below(values, entry_keys.map(|_| [].as_slice()));
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn whole(number: &mut Value) {
    if let Some(float) = number.as_f64().filter(|float| float.fract() == 0.0)
        && let Ok(integer) = format!("{float:.0}").parse::<i64>()
    {
        *number = json!(integer);
    }
}

/// An enum with data has one field per variant, and exactly one of them must be there. As `oneOf` the API server says
/// "must validate one and only one schema"; as a rule it says which fields are meant.
fn exactly_one_as_rule(map: &mut Map<String, Value>) {
    let Some(names) = map.get("oneOf").and_then(required_alone) else { return };
    map.remove("oneOf");
    let present: Vec<String> = names.iter().map(|name| format!("has(self.{name})")).collect();
    let rule = json!({
        "rule": format!("[{}].filter(present, present).size() == 1", present.join(", ")),
        "message": format!("exactly one of {} must be set", listed(&names)),
    });
    match map.entry("x-kubernetes-validations").or_insert_with(|| json!([])) {
        Value::Array(rules) => rules.insert(0, rule),
        other => *other = json!([rule]),
    }
}

/// The names, where every branch is `{required: [name]}` and no more.
fn required_alone(branches: &Value) -> Option<Vec<String>> {
    branches.as_array()?.iter().map(required_name).collect()
}

fn required_name(branch: &Value) -> Option<String> {
    let map = branch.as_object().filter(|map| map.len() == 1)?;
    match map.get("required")?.as_array()?.as_slice() {
        [name] => name.as_str().map(str::to_owned),
        _ => None,
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The same value with the keys of every object in order, whatever order serde_json was built to keep.
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: std::collections::BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_fields_becomes_a_rule_that_names_them() {
        let mut node = json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}, "b": {}}});
        schema(&mut node);
        assert_eq!(node.get("oneOf"), None);
        let rule = &node["x-kubernetes-validations"][0];
        assert_eq!(rule["rule"], "[has(self.a), has(self.b)].filter(present, present).size() == 1");
        assert_eq!(rule["message"], "exactly one of a and b must be set");
    }

    #[test]
    fn other_choices_stay() {
        let mut node = json!({"oneOf": [{"required": ["a", "b"]}, {"required": ["c"]}]});
        schema(&mut node);
        assert!(node.get("oneOf").is_some());
    }

    #[test]
    fn only_keys_of_list_entries_keep_their_defaults() {
        let entry = json!({"properties": {
            "name": {"default": "eth0"}, "soft": {"default": false},
            "inner": {"default": {}, "properties": {"name": {"default": "x"}}}}});
        let mut node = json!({"properties": {
            "list": {"default": [], "items": entry, "x-kubernetes-list-map-keys": ["name"]}, "plain": {"default": 4}}});
        schema(&mut node);
        let fields = &node["properties"]["list"]["items"]["properties"];
        assert_eq!(fields["name"], json!({"default": "eth0"}));
        assert_eq!(fields["soft"], json!({}));
        assert_eq!(fields["inner"], json!({"properties": {"name": {}}}));
        assert_eq!(node["properties"]["plain"], json!({"default": 4}));
        assert_eq!(node["properties"]["list"]["default"], json!([]));
    }

    #[test]
    fn a_field_named_format_is_not_a_format() {
        let mut node =
            json!({"properties": {"format": {"type": "string"}, "n": {"format": "uint32", "maximum": 64.0}}});
        schema(&mut node);
        assert_eq!(node["properties"]["format"], json!({"type": "string"}));
        assert_eq!(node["properties"]["n"], json!({"maximum": 64}));
    }
}
