//! Lenient reading: PVE's types waver (numbers as strings, 0/1 or true, null for absent), so every field is read
//! by what it means and not by how it is written.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One JSON object of an answer. Unknown keys are kept and ignored; a field of a strange type reads as absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Row(pub Map<String, Value>);

impl Row {
    pub fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).and_then(text)
    }

    /// A text that is not empty and not only blanks (PVE stores `" "` for removed tags).
    pub fn word(&self, key: &str) -> Option<String> {
        self.text(key).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
    }

    pub fn unsigned(&self, key: &str) -> Option<u64> {
        self.0.get(key).and_then(unsigned)
    }

    pub fn float(&self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(float)
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.0.get(key).and_then(flag)
    }

    pub fn parse<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.word(key).and_then(|word| word.parse().ok())
    }
}

/// A scalar as PVE writes it in a form: booleans are 0 and 1. Null, lists and objects are none.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "1" } else { "0" }.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, also when it comes as a string or with a fraction of zero.
pub(crate) fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse::<f64>().ok().and_then(whole))
        }
        Value::Bool(flag) => Some(u64::from(*flag)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> Option<u64> {
    (number.is_finite() && (0.0..9_007_199_254_740_992.0).contains(&number)).then_some(number as u64)
}

/// A number with a fraction.
pub(crate) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A flag: 0/1, true/false, "0"/"1", "" (Perl's false).
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|n| n != 0.0),
        Value::String(text) => match text.trim() {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" | "" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_waver_and_are_read_by_what_they_mean() {
        for one in [json!(1), json!("1"), json!(true), json!(1.0)] {
            assert_eq!(flag(&one), Some(true), "{one}");
            assert_eq!(unsigned(&one), Some(1), "{one}");
        }
        assert_eq!(text(&json!("1.5")), Some("1.5".to_owned()));
        assert_eq!(text(&json!(1.5)), Some("1.5".to_owned()));
        assert_eq!(float(&json!("1.5")), Some(1.5));
        assert_eq!(unsigned(&json!(1.5)), Some(1));
        assert_eq!(unsigned(&json!(-1)), None);
        assert_eq!(flag(&json!("")), Some(false));
        for nothing in [json!(null), json!([]), json!({})] {
            assert_eq!((text(&nothing), unsigned(&nothing), flag(&nothing)), (None, None, None));
        }
    }
}
