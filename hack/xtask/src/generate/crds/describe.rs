//! Descriptions: the doc comment of the field, then what each of its words means.
//!
//! The derive writes the type's text over the field's where the field is an optional enum, and drops the text of enum
//! variants; both are taken from the plain schemas of the Rust types instead.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

/// Describes a kind and every field of its spec and status. The kind takes the text of its spec's type.
pub fn kind<Spec: JsonSchema, Status: JsonSchema>(schema: &mut Value) {
    let spec = plain::<Spec>();
    set(schema, text_of(&spec));
    for (part, plain, text) in
        [("spec", spec, Some("What you wish for.".to_owned())), ("status", plain::<Status>(), None)]
    {
        let definitions = plain.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(node) = schema.pointer_mut(&format!("/properties/{part}")) {
            set(node, text.or_else(|| text_of(&plain)));
            below(node, &plain, &definitions);
        }
    }
}

fn plain<T: JsonSchema>() -> Value {
    schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value()
}

/// Goes down both schemas at once.
fn below(node: &mut Value, plain: &Value, definitions: &Map<String, Value>) {
    let plain = resolved(plain, definitions);
    if let Some(Value::Object(fields)) = node.get_mut("properties") {
        for (name, field) in fields {
            if let Some(plain_field) = field_of(plain, name) {
                set(field, field_text(plain_field, definitions));
                below(field, plain_field, definitions);
            }
        }
    }
    for list in ["items", "additionalProperties"] {
        if let (Some(node), Some(plain)) = (node.get_mut(list), plain.get(list)) {
            below(node, plain, definitions);
        }
    }
}

/// Follows references, and takes the value out of "this or null".
fn resolved<'a>(plain: &'a Value, definitions: &'a Map<String, Value>) -> &'a Value {
    if let Some(name) = plain.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/")) {
        return definitions.get(name).map_or(plain, |target| resolved(target, definitions));
    }
    let alternatives = plain.get("anyOf").and_then(Value::as_array);
    match alternatives.and_then(|all| all.iter().find(|one| one.get("type").is_none_or(|kind| kind != "null"))) {
        Some(value) => resolved(value, definitions),
        None => plain,
    }
}

/// A field of a struct, or the variant of that name of an enum with data.
fn field_of<'a>(plain: &'a Value, name: &str) -> Option<&'a Value> {
    let own = plain.get("properties").and_then(|fields| fields.get(name));
    own.or_else(|| {
        let variants = plain.get("oneOf").and_then(Value::as_array)?;
        variants.iter().find_map(|variant| variant.get("properties")?.get(name))
    })
}

/// The field's own text or else its type's, and the meaning of each word that it may have. None for a variant with
/// data: the derive has its text already.
fn field_text(plain: &Value, definitions: &Map<String, Value>) -> Option<String> {
    let kind = resolved(plain, definitions);
    let text = text_of(plain).or_else(|| text_of(kind))?;
    let words = kind.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let meanings: Vec<String> =
        words.filter_map(|word| Some(format!("- `{}`: {}", word.get("const")?.as_str()?, text_of(word)?))).collect();
    Some(if meanings.is_empty() { text } else { format!("{text}\n{}", meanings.join("\n")) })
}

/// A description on one line per paragraph.
fn text_of(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let paragraphs: Vec<String> =
        text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    Some(paragraphs.join("\n\n"))
}

fn set(node: &mut Value, text: Option<String>) {
    if let (Value::Object(map), Some(text)) = (node, text) {
        map.insert("description".into(), json!(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::crds::definitions;

    /// Every field without a usable text, by its path.
    fn faults(path: &str, node: &Value, found: &mut Vec<String>) {
        let fields = node.get("properties").and_then(Value::as_object);
        for (name, field) in fields.into_iter().flatten() {
            let path = format!("{path}.{name}");
            match field.get("description").and_then(Value::as_str) {
                None | Some("") => found.push(format!("{path}: no description")),
                Some(text) => {
                    let artefacts = ["Auto-generated", "crate::", "[`", "std::", "Option<", "Vec<", "TODO"];
                    if let Some(artefact) = artefacts.iter().find(|artefact| text.contains(**artefact)) {
                        found.push(format!("{path}: `{artefact}` in its description"));
                    }
                }
            }
            faults(&path, field, found);
        }
        if let Some(items) = node.get("items") {
            faults(&format!("{path}[]"), items, found);
        }
    }

    #[test]
    fn every_field_has_a_description_without_rust_in_it() {
        let mut found = Vec::new();
        for definition in definitions().unwrap() {
            let schema = definition.crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
            assert!(!schema["description"].as_str().unwrap().contains("Auto-generated"));
            faults(&definition.plural, &schema["properties"]["spec"], &mut found);
            faults(&definition.plural, &schema["properties"]["status"], &mut found);
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn a_field_without_a_description_is_found() {
        let node = json!({"properties": {"list": {"description": "A list.", "items": {"properties": {
            "bare": {"type": "string"}, "rusty": {"description": "See [`crate::Thing`]."}}}}}});
        let mut found = Vec::new();
        faults("kind", &node, &mut found);
        assert_eq!(found, ["kind.list[].bare: no description", "kind.list[].rusty: `crate::` in its description"]);
    }

    #[test]
    fn an_optional_enum_keeps_the_text_of_the_field_and_says_what_its_words_mean() {
        let container = definitions().unwrap().pop().unwrap().crd;
        let state = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/power/properties/state";
        let text = container.pointer(state).unwrap()["description"].as_str().unwrap();
        assert!(text.starts_with("`Running` or `Stopped`. Without it"), "{text}");
        assert!(text.ends_with("- `Running`: It runs.\n- `Stopped`: It is shut down."), "{text}");
    }

    #[test]
    fn every_kind_has_columns_a_category_and_a_short_name() {
        for definition in definitions().unwrap() {
            let spec = &definition.crd["spec"];
            assert_eq!(spec["names"]["categories"], json!(["zentoria"]));
            assert!(!spec["names"]["shortNames"].as_array().unwrap().is_empty());
            let columns = spec["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
            // Of a rule it matters on how many guests it is in force.
            let ready = if definition.plural == "firewallrules" { "Enforced" } else { "Ready" };
            for wanted in [ready, "Status", "Age"] {
                assert!(columns.iter().any(|column| column["name"] == wanted), "{}: {wanted}", definition.plural);
            }
        }
    }
}
