//! Names of Ollama's models: `llama3.2` and `registry.ollama.ai/library/llama3.2:latest` are one.

/// The registry of names that begin with none.
const REGISTRY: &str = "registry.ollama.ai/";
/// The namespace of names that have none.
const NAMESPACE: &str = "library/";
/// The tag of names that have none.
const TAG: &str = "latest";

/// The one name among those that mean a model: without what goes without saying, with the tag.
#[must_use]
pub fn canonical(name: &str) -> String {
    let name = name.trim();
    let short = name.strip_prefix(REGISTRY).unwrap_or(name);
    let short = short.strip_prefix(NAMESPACE).filter(|rest| !rest.contains('/')).unwrap_or(short);
    let last = short.rsplit('/').next().unwrap_or(short);
    if last.contains(':') { short.to_owned() } else { format!("{short}:{TAG}") }
}

/// Why a name is none, for people.
///
/// # Errors
/// What is wrong with it.
pub fn check(name: &str) -> Result<(), String> {
    let (path, tag) = match name.rsplit_once('/') {
        Some((before, last)) => match last.split_once(':') {
            Some((last, tag)) => (format!("{before}/{last}"), Some(tag)),
            None => (name.to_owned(), None),
        },
        None => match name.split_once(':') {
            Some((name, tag)) => (name.to_owned(), Some(tag)),
            None => (name.to_owned(), None),
        },
    };
    if tag.is_some_and(|tag| !is_word(tag) || tag.len() > 80) {
        return Err("its tag (after the colon) has letters, digits, dots, dashes and underscores alone".to_owned());
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() > 3 {
        return Err("it has at most HOST/NAMESPACE/NAME before its tag".to_owned());
    }
    let names = if parts.len() == 3 { parts.get(1..).unwrap_or_default() } else { parts.as_slice() };
    if names.iter().any(|part| !is_word(part) || part.len() > 80) {
        return Err("each of its parts has 1 to 80 letters, digits, dots, dashes and underscores".to_owned());
    }
    Ok(())
}

/// The registry that it is pulled from, for people.
#[must_use]
pub fn registry(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, rest)) if rest.contains('/') => host,
        Some(_) | None => "registry.ollama.ai",
    }
}

fn is_word(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}
