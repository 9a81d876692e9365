//! The JSON merge patch (RFC 7386) that turns one object into another.

use serde_json::{Map, Value};

/// The smallest merge patch from `current` to `wanted`, `None` when there is nothing to change.
///
/// Removed keys become `null`, lists are replaced as a whole. A `null` in a field means "absent", as the API server
/// stores none; so it never differs from a missing key.
#[must_use]
pub fn merge_patch(current: &Value, wanted: &Value) -> Option<Value> {
    difference(&without_nulls(current), &without_nulls(wanted))
}

fn difference(current: &Value, wanted: &Value) -> Option<Value> {
    match (current, wanted) {
        (Value::Object(current), Value::Object(wanted)) => {
            let mut patch = Map::new();
            for (key, value) in wanted {
                match current.get(key) {
                    None => patch.insert(key.clone(), value.clone()),
                    Some(before) => difference(before, value).and_then(|value| patch.insert(key.clone(), value)),
                };
            }
            for key in current.keys().filter(|key| !wanted.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        (current, wanted) => (current != wanted).then(|| wanted.clone()),
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(without_nulls).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_holds_exactly_what_differs() {
        for (name, current, wanted, patch) in [
            ("nothing", json!({"a": 1}), json!({"a": 1}), None),
            ("nothing but the order", json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), None),
            ("a null is absent", json!({"a": 1}), json!({"a": 1, "b": null}), None),
            ("a null in a list's object", json!({"a": [{"x": 1}]}), json!({"a": [{"x": 1, "y": null}]}), None),
            ("a new key", json!({}), json!({"a": 1}), Some(json!({"a": 1}))),
            ("a removed key", json!({"a": 1, "b": 2}), json!({"b": 2}), Some(json!({"a": null}))),
            ("deep", json!({"t": {"x": 1, "y": 2}}), json!({"t": {"x": 1, "y": 3}}), Some(json!({"t": {"y": 3}}))),
            ("a list as a whole", json!({"l": [1, 2]}), json!({"l": [1]}), Some(json!({"l": [1]}))),
            ("another type", json!({"a": {"x": 1}}), json!({"a": "x"}), Some(json!({"a": "x"}))),
            ("from no status", Value::Null, json!({"a": 1}), Some(json!({"a": 1}))),
        ] {
            assert_eq!(merge_patch(&current, &wanted), patch, "{name}");
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3i64).prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from),
        ];
        let tree = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::hash_map("[a-c]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        });
        prop::collection::hash_map("[a-d]", tree, 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn applying_the_patch_gives_the_wanted_object_and_then_there_is_nothing_left(
            current in documents(),
            wanted in documents(),
        ) {
            let mut stored = without_nulls(&current);
            if let Some(patch) = merge_patch(&current, &wanted) {
                json_patch::merge(&mut stored, &patch);
            }
            prop_assert_eq!(&stored, &without_nulls(&wanted));
            prop_assert_eq!(merge_patch(&stored, &wanted), None);
        }
    }
}
