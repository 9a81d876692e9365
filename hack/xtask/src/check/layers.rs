//! Who may import whom. The lower a crate, the less it knows.

use super::source;
use crate::tree::{TaskError, Tree};

/// What one crate may and must not use.
struct Layer {
    /// Its directory.
    dir: &'static str,
    /// The crates of ours that it may depend on.
    ours: &'static [&'static str],
    /// Crates that it must not depend on.
    forbidden_crates: &'static [&'static str],
    /// What its sources must not name.
    forbidden_names: &'static [&'static str],
}

/// Clients, runtimes and servers: what does something.
const DOES_SOMETHING: &[&str] =
    &["async-trait", "axum", "futures", "hyper", "kube", "proxmox-api", "rand", "reqwest", "tokio", "tower", "tracing"];

/// Ways to reach the world or the clock.
const WORLD: &[&str] = &[
    "async fn",
    "eprintln!",
    "getrandom",
    "Instant::now",
    "kube::",
    "println!",
    "rand::",
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::process",
    "SystemTime::now",
    "thread::sleep",
    "Timestamp::now",
    "tokio",
    "Zoned::now",
];

/// What describes a command may name it, and not run it.
const NO_PROCESS: &[&str] = &[
    "async fn",
    "eprintln!",
    "println!",
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "tokio",
    ".spawn()",
    ".output()",
    ".status()",
];

const LAYERS: &[Layer] = &[
    Layer { dir: "operator/types", ours: &[], forbidden_crates: DOES_SOMETHING, forbidden_names: WORLD },
    Layer {
        dir: "operator/api",
        ours: &["zentoria-types"],
        // kube is here for its derive alone; see `kube_client`
        forbidden_crates: &[
            "async-trait",
            "axum",
            "futures",
            "hyper",
            "proxmox-api",
            "rand",
            "reqwest",
            "tokio",
            "tower",
        ],
        forbidden_names: &[
            "tokio",
            "kube::Client",
            "kube::client",
            "kube::runtime",
            "kube::Api",
            "std::fs",
            "std::env",
        ],
    },
    Layer {
        dir: "operator/core",
        ours: &["zentoria-types", "zentoria-api"],
        forbidden_crates: DOES_SOMETHING,
        forbidden_names: WORLD,
    },
    // the ways out know nothing of what goes over them
    Layer {
        dir: "operator/net",
        ours: &[],
        forbidden_crates: &["axum", "k8s-openapi", "kube", "proxmox-api"],
        forbidden_names: &["kube::", "k8s_openapi", "println!", "eprintln!"],
    },
    Layer {
        dir: "operator/ssh",
        ours: &["zentoria-types"],
        forbidden_crates: DOES_SOMETHING,
        forbidden_names: NO_PROCESS,
    },
    Layer {
        dir: "operator/models",
        ours: &["zentoria-types", "zentoria-net", "zentoria-ssh"],
        forbidden_crates: &["axum", "k8s-openapi", "kube", "proxmox-api"],
        forbidden_names: &["kube::", "k8s_openapi", "println!", "eprintln!"],
    },
    Layer {
        dir: "operator/pve",
        ours: &["zentoria-types", "zentoria-net"],
        forbidden_crates: &["axum", "k8s-openapi", "kube"],
        forbidden_names: &["kube::", "k8s_openapi", "println!", "eprintln!"],
    },
    Layer {
        dir: "operator/ops",
        ours: &["zentoria-types", "zentoria-api", "zentoria-core", "zentoria-models", "zentoria-net", "zentoria-pve"],
        forbidden_crates: &["axum", "clap", "kube"],
        forbidden_names: &["kube::runtime", "kube::Client", "println!", "eprintln!"],
    },
    Layer {
        dir: "operator/controller",
        ours: &["zentoria-types", "zentoria-api", "zentoria-core", "zentoria-ops"],
        forbidden_crates: &["proxmox-api"],
        forbidden_names: &["zentoria_pve", "proxmox_api"],
    },
    Layer {
        dir: "operator/cli",
        ours: &["zentoria-types", "zentoria-api", "zentoria-core", "zentoria-pve", "zentoria-ops"],
        forbidden_crates: &["axum", "proxmox-api"],
        forbidden_names: &["zentoria_operator", "kube::runtime"],
    },
    // runs in a pod without a service account's token: it is told everything by its files
    Layer {
        dir: "operator/job",
        ours: &["zentoria-types", "zentoria-net", "zentoria-ssh"],
        forbidden_crates: &["axum", "k8s-openapi", "kube", "proxmox-api"],
        forbidden_names: &["kube::", "k8s_openapi"],
    },
];

/// Every breach of the table, and every crate of the operator that is not in it.
pub fn findings(tree: &Tree) -> Result<Vec<String>, TaskError> {
    let mut found = Vec::new();
    for path in tree.files("operator")? {
        let Some(dir) = path.strip_suffix("/Cargo.toml") else { continue };
        if !LAYERS.iter().any(|layer| layer.dir == dir) {
            found.push(format!("{dir}: a crate without a row in the table of layers"));
        }
    }
    for layer in LAYERS {
        let manifest = format!("{}/Cargo.toml", layer.dir);
        if let Some(text) = tree.read_if_there(&manifest)? {
            found.extend(in_manifest(layer, &text).into_iter().map(|what| format!("{manifest}: {what}")));
        }
        for path in tree.files(&format!("{}/src", layer.dir))? {
            if path.ends_with(".rs") && !source::is_test_file(&path) {
                let breaches = in_source(layer, &tree.read(&path)?);
                found.extend(breaches.into_iter().map(|(line, name)| format!("{path}:{line}: names `{name}`")));
            }
        }
    }
    Ok(found)
}

fn in_manifest(layer: &Layer, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
            // [dependencies.tokio]
            if let Some((kind, name)) = section.rsplit_once('.').filter(|(kind, _)| is_dependencies(kind)) {
                found.extend(dependency(layer, name, line));
                section = format!("{kind}.");
            }
        } else if is_dependencies(&section)
            && let Some((name, _)) = line.split_once(['=', '.', ' '])
        {
            found.extend(dependency(layer, name.trim(), line));
        }
    }
    found
}

fn is_dependencies(section: &str) -> bool {
    section == "dependencies" || (section.starts_with("target.") && section.ends_with(".dependencies"))
}

fn dependency(layer: &Layer, name: &str, line: &str) -> Option<String> {
    if name.starts_with("zentoria-") && !layer.ours.contains(&name) {
        return Some(format!("depends on {name}, which is not below it"));
    }
    if layer.forbidden_crates.contains(&name) {
        return Some(format!("depends on {name}"));
    }
    kube_client(layer, name, line).then(|| "depends on kube with more than its derive".to_owned())
}

/// The workspace's kube has the client; a crate that derives types only states its own features.
fn kube_client(layer: &Layer, name: &str, line: &str) -> bool {
    layer.dir == "operator/api"
        && name == "kube"
        && (line.contains("workspace") || line.contains("\"client\"") || line.contains("\"runtime\""))
}

fn in_source(layer: &Layer, text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (number, line) in source::production(text) {
        found.extend(layer.forbidden_names.iter().filter(|name| source::names(line, name)).map(|name| (number, *name)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(dir: &str) -> &'static Layer {
        LAYERS.iter().find(|layer| layer.dir == dir).unwrap()
    }

    #[test]
    fn a_dependency_that_is_not_below_is_found() {
        for (dir, line, finding) in [
            ("operator/core", "zentoria-pve.workspace = true", "depends on zentoria-pve, which is not below it"),
            ("operator/core", "tokio = { workspace = true }", "depends on tokio"),
            ("operator/pve", "zentoria-api.workspace = true", "depends on zentoria-api, which is not below it"),
            ("operator/controller", "zentoria-pve = \"1\"", "depends on zentoria-pve, which is not below it"),
            ("operator/api", "kube.workspace = true", "depends on kube with more than its derive"),
            (
                "operator/cli",
                "zentoria-operator.workspace = true",
                "depends on zentoria-operator, which is not below it",
            ),
        ] {
            assert_eq!(in_manifest(layer(dir), &format!("[dependencies]\n{line}\n")), [finding], "{dir}");
        }
        let table = "[dependencies.tokio]\nworkspace = true\n";
        assert_eq!(in_manifest(layer("operator/core"), table), ["depends on tokio"]);
    }

    #[test]
    fn tests_may_depend_on_more() {
        assert!(in_manifest(layer("operator/core"), "[dev-dependencies]\ntokio = \"1\"\n").is_empty());
    }

    #[test]
    fn a_clock_a_file_or_chance_in_the_core_is_found() {
        for line in [
            "let now = jiff::Timestamp::now();",
            "let now = std::time::SystemTime::now();",
            "use std::fs;",
            "use rand::Rng;",
            "pub async fn plan() {}",
            "use kube::Client;",
            "std::env::var(\"HOME\")",
        ] {
            assert_eq!(in_source(layer("operator/core"), line).len(), 1, "{line}");
        }
        assert!(in_source(layer("operator/core"), "// never Timestamp::now()\nfn plan(now: Timestamp) {}").is_empty());
    }
}
