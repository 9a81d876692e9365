//! Answers for programs.

use crate::error::Error;
use serde_json::Value;

/// JSON, indented.
#[must_use]
pub fn json(document: &Value) -> String {
    format!("{document:#}\n")
}

/// YAML.
///
/// # Errors
/// Where it cannot be written.
pub fn yaml(document: &Value) -> Result<String, Error> {
    let text = serde_saphyr::to_string(document).map_err(|error| Error::Refused(format!("no YAML of it: {error}")))?;
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}
