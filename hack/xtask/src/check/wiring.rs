//! No field that does nothing: every field of a CRD is read (spec) or written (status) by a crate behind the types.

use super::source;
use crate::generate::crds;
use crate::tree::{TaskError, Tree};
use serde_json::Value;

/// Crates that make something of a field.
const CONSUMERS: [&str; 3] = ["operator/core/src", "operator/ops/src", "operator/controller/src"];

/// Fields that are rightly not named there, as `plural.path`, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// One line per field that nobody names, and per exception that is none.
pub fn findings(tree: &Tree) -> Result<Vec<String>, TaskError> {
    let mut code = String::new();
    for dir in CONSUMERS {
        for path in tree.files(dir)? {
            if path.ends_with(".rs") && !source::is_test_file(&path) {
                for (_, line) in source::production(&tree.read(&path)?) {
                    code.push_str(line);
                    code.push('\n');
                }
            }
        }
    }
    let mut fields = Vec::new();
    for definition in crds::definitions()? {
        let schema = &definition.crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
        for part in ["spec", "status"] {
            collect(&format!("{}.{part}", definition.plural), &schema[part], &mut fields);
        }
    }
    Ok(judge(&fields, &code, EXCEPTIONS))
}

/// Every field by its path. Types of Kubernetes itself are not taken apart.
fn collect(above: &str, node: &Value, found: &mut Vec<String>) {
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        let path = format!("{above}.{name}");
        found.push(path.clone());
        if !matches!(name.as_str(), "conditions" | "namespaceSelector") {
            collect(&path, field, found);
            collect(&format!("{path}[]"), &field["items"], found);
        }
    }
}

fn judge(fields: &[String], code: &str, exceptions: &[(&str, &str)]) -> Vec<String> {
    let excused = |field: &str| exceptions.iter().any(|(path, _)| *path == field);
    let unread = fields.iter().filter(|field| !excused(field) && !is_used(field, code));
    let mut found: Vec<String> = unread
        .map(|field| format!("{field}: no code of core, ops or controller names it; wire it, drop it, or excuse it"))
        .collect();
    for (path, _) in exceptions {
        if !fields.iter().any(|field| field == path) {
            found.push(format!("{path}: excused, but there is no such field"));
        } else if is_used(path, code) {
            found.push(format!("{path}: excused, but used"));
        }
    }
    found
}

/// Whether the code reads `.field`, takes it out of a struct or puts it into one, or matches the variant of that name.
fn is_used(path: &str, code: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    let snake = snake_case(name);
    source::names(code, &format!(".{snake}"))
        || source::names(code, &format!("::{}", pascal_case(name)))
        || in_braces(code, &snake)
}

/// Whether `Type { .., name, .. }` or `Type { .., name: value, .. }` stands somewhere.
fn in_braces(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].trim_end();
        let after = code[at + name.len()..].trim_start();
        let starts = before.ends_with(['{', ',']) && !before.ends_with("{{");
        let whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        starts && whole && (after.starts_with([',', '}']) || (after.starts_with(':') && !after.starts_with("::")))
    })
}

/// `rootDisk` is `root_disk`, `controlPlaneCIDRs` is `control_plane_cidrs`: capitals in a row are one word.
fn snake_case(camel: &str) -> String {
    let mut snake = String::new();
    let mut in_capitals = false;
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !in_capitals {
            snake.push('_');
        }
        in_capitals = c.is_ascii_uppercase();
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn pascal_case(camel: &str) -> String {
    let mut chars = camel.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("kinds.spec.{name}")).collect()
    }

    #[test]
    fn a_field_that_nobody_reads_is_found() {
        let code = "let x = spec.root_disk; let Startup { order, up_delay_seconds: up } = s; match tls { Tls::CaBundle(_) => {} }; x.ipv4_cidrs";
        let all = fields(&["rootDisk", "order", "upDelaySeconds", "caBundle", "ipv4CIDRs", "bootOrder", "disk"]);
        let found = judge(&all, code, &[]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("kinds.spec.bootOrder:") && found[1].starts_with("kinds.spec.disk:"), "{found:?}");
    }

    #[test]
    fn an_exception_must_be_a_field_that_nobody_reads() {
        let all = fields(&["a", "b"]);
        assert!(judge(&all, "x.b", &[("kinds.spec.a", "shown by kubectl alone")]).is_empty());
        assert_eq!(judge(&all, "x.a; x.b", &[("kinds.spec.a", "")]), ["kinds.spec.a: excused, but used"]);
        assert_eq!(
            judge(&all, "x.a; x.b", &[("kinds.spec.c", "")]),
            ["kinds.spec.c: excused, but there is no such field"]
        );
    }

    #[test]
    fn every_field_of_the_kinds_is_looked_at() {
        let mut found = Vec::new();
        for definition in crds::definitions().unwrap() {
            let schema = &definition.crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
            collect(&definition.plural, &schema["spec"], &mut found);
        }
        for path in ["proxmoxclusters.access[].allow.bridges", "zentoriacontainers.network.interfaces[].ipv4.address"] {
            assert!(found.iter().any(|field| field == path), "{path}");
        }
    }
}
