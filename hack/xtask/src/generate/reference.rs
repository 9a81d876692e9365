//! `crds/REFERENCE.md`: every field of every kind, and every reason.

use super::Artifact;
use super::crds::{Definition, definitions};
use crate::tree::TaskError;
use serde_json::Value;
use std::fmt::Write as _;
use zentoria_api::conditions::{
    ClusterReason, ContainerReason, FirewallReason, ModelReason, Phase, PolicyReason, RepositoryReason, RestoreReason,
    RuleReason, UpToDateReason,
};
use zentoria_api::wire;

/// The reference.
pub fn artifacts() -> Result<Vec<Artifact>, TaskError> {
    let mut text = String::from(
        "# Field reference\n\nGenerated from `operator/api` by `xtask gen`. Do not edit.\n\n\
         Defaults that are shown here are filled in by the API server; what a description calls the default of Proxmox \
         VE or of the cluster is applied when a guest is created.\n",
    );
    for definition in definitions()? {
        kind(&mut text, &definition);
    }
    annotations(&mut text);
    reasons(&mut text);
    Ok(vec![Artifact::new("crds/REFERENCE.md", text)])
}

fn kind(text: &mut String, Definition { crd, .. }: &Definition) {
    let names = &crd["spec"]["names"];
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let scope = if crd["spec"]["scope"] == "Namespaced" { "namespaced" } else { "cluster-scoped" };
    let _ = write!(
        text,
        "\n## {} (`{}`, {scope})\n\n{}\n",
        word(&names["kind"]),
        word(&names["shortNames"][0]),
        word(&schema["description"])
    );
    rules(text, schema);
    columns(text, &crd["spec"]["versions"][0]["additionalPrinterColumns"]);
    for part in ["spec", "status"] {
        let _ = write!(
            text,
            "\n### {part}\n\n| Field | Type | Default | Constraints | Description |\n|---|---|---|---|---|\n"
        );
        rules_of(text, part, &schema["properties"][part]);
        fields(text, "", &schema["properties"][part]);
    }
}

/// Rules that look at the whole object.
fn rules(text: &mut String, schema: &Value) {
    for message in messages(schema) {
        let _ = write!(text, "\n- {message}");
    }
    text.push('\n');
}

fn columns(text: &mut String, columns: &Value) {
    let all = || columns.as_array().into_iter().flatten();
    let named = |wide: bool| -> Vec<String> {
        let of_width = all().filter(|column| column.get("priority").is_some_and(|p| p != 0) == wide);
        of_width.map(|column| word(&column["name"]).to_uppercase()).collect()
    };
    let _ = write!(
        text,
        "\n`kubectl get` shows NAME {}; with `-o wide` also {}.\n",
        named(false).join(" "),
        named(true).join(" ")
    );
}

/// One row per field, depth first.
fn fields(text: &mut String, above: &str, node: &Value) {
    let required: Vec<&str> = node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let mut limits = constraints(field);
        if required.contains(&name.as_str()) {
            limits.insert(0, "required".into());
        }
        let default = field.get("default").filter(|value| value.is_string() || value.is_number() || value.is_boolean());
        let _ = writeln!(
            text,
            "| `{path}` | {} | {} | {} | {} |",
            kind_of(field),
            default.map_or(String::new(), |value| format!("`{}`", value.to_string().trim_matches('"'))),
            cell(&limits.join("; ")),
            cell(&word(&field["description"])),
        );
        if !of_kubernetes(name) {
            fields(text, &path, field);
            fields(text, &format!("{path}[]"), &field["items"]);
        }
    }
}

/// Types that Kubernetes describes itself.
fn of_kubernetes(field: &str) -> bool {
    matches!(field, "conditions" | "namespaceSelector")
}

/// Rules that look at a whole part, as a row of their own.
fn rules_of(text: &mut String, path: &str, node: &Value) {
    for message in messages(node) {
        let _ = writeln!(text, "| `{path}` | | | {} | |", cell(&message));
    }
}

fn kind_of(field: &Value) -> String {
    match field["type"].as_str() {
        Some("array") => format!("list of {}", kind_of(&field["items"])),
        Some("string") if field["format"] == "date-time" => "time".into(),
        Some(name) => name.into(),
        None => "any".into(),
    }
}

fn constraints(field: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let number = |key: &str| field.get(key).map(ToString::to_string);
    if let Some(words) = field["enum"].as_array() {
        found.push(words.iter().map(|one| format!("`{}`", word(one))).collect::<Vec<_>>().join(", "));
    }
    for (low, high, unit) in
        [("minimum", "maximum", ""), ("minLength", "maxLength", " characters"), ("minItems", "maxItems", " entries")]
    {
        match (number(low), number(high)) {
            (Some(low), Some(high)) => found.push(format!("{low} to {high}{unit}")),
            (Some(low), None) => found.push(format!("at least {low}{unit}")),
            (None, Some(high)) => found.push(format!("at most {high}{unit}")),
            (None, None) => {}
        }
    }
    if let Some(pattern) = field["pattern"].as_str() {
        found.push(format!("matches `{pattern}`"));
    }
    if field.get("items").is_some() {
        found.extend(constraints(&field["items"]).into_iter().map(|one| format!("each {one}")));
    }
    found.extend(messages(field));
    found
}

fn messages(node: &Value) -> Vec<String> {
    let rules = node["x-kubernetes-validations"].as_array();
    rules.into_iter().flatten().map(|rule| word(&rule["message"])).collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Text that does not break the table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', "<br>")
}

fn annotations(text: &mut String) {
    text.push_str("\n## Annotations\n\n| Annotation | On | Meaning |\n|---|---|---|\n");
    let rows = [
        (wire::PAUSED_ANNOTATION, "every kind", "`\"true\"`: as `spec.suspend`, without a change of spec."),
        (
            wire::TAKEOVER_ANNOTATION,
            "ProxmoxCluster",
            "Id of the old control plane (`status.foreignControlPlanes`) whose guests this one takes over.",
        ),
        (
            wire::ACKNOWLEDGE_ANNOTATION,
            "ProxmoxCluster",
            "The digest in `status.breaker`: a person has looked, writes may go on.",
        ),
        (
            wire::APPROVE_ANNOTATION,
            "ZentoriaContainer",
            "Digests of `status.pendingChanges`, separated by commas, that a person approves. Each holds once.",
        ),
        (
            wire::RUN_ANNOTATION,
            "BackupPolicy",
            "A word of your own; a new one starts a backup of the first tier now, `WORD/TIER` of that tier.",
        ),
    ];
    for (name, on, meaning) in rows {
        let _ = writeln!(text, "| `{name}` | {on} | {meaning} |");
    }
}

fn reasons(text: &mut String) {
    text.push_str(
        "\n## Reasons\n\nThe reason of `Ready` appears in the STATUS column, in events and in metrics.\n\n\
         | Phase | Ready | Reconciling | Stalled | |\n|---|---|---|---|---|\n",
    );
    let phases = [
        Phase::Settled,
        Phase::Progressing,
        Phase::Waiting,
        Phase::Retrying,
        Phase::Stalled,
        Phase::Resting,
        Phase::Silent,
    ];
    for phase in phases {
        let (ready, reconciling, stalled, meaning) = conditions_of(phase);
        let _ = writeln!(text, "| {phase:?} | {ready} | {reconciling} | {stalled} | {meaning} |");
    }
    table(text, "Ready of a ZentoriaContainer", ContainerReason::ALL, |r| (r.as_str(), Some(r.phase()), r.meaning()));
    table(text, "UpToDate of a ZentoriaContainer", UpToDateReason::ALL, |r| (r.as_str(), None, r.meaning()));
    table(text, "FirewallEnforced of a ZentoriaContainer", FirewallReason::ALL, |r| (r.as_str(), None, r.meaning()));
    table(text, "Ready of a FirewallRule", RuleReason::ALL, |r| (r.as_str(), Some(r.phase()), r.meaning()));
    table(text, "Ready of a ProxmoxCluster", ClusterReason::ALL, |r| (r.as_str(), Some(r.phase()), r.meaning()));
    table(text, "Ready of a BackupRepository", RepositoryReason::ALL, |r| (r.as_str(), Some(r.phase()), r.meaning()));
    table(text, "Ready of a BackupPolicy", PolicyReason::ALL, |r| (r.as_str(), Some(r.phase()), r.meaning()));
    table(text, "Ready of a BackupRestore", RestoreReason::ALL, |r| (r.as_str(), Some(r.phase()), r.meaning()));
    table(text, "Ready of a ModelPull", ModelReason::ALL, |r| (r.as_str(), Some(r.phase()), r.meaning()));
}

fn table<R: Copy>(
    text: &mut String,
    title: &str,
    all: &[R],
    row: fn(R) -> (&'static str, Option<Phase>, &'static str),
) {
    let _ = write!(text, "\n### {title}\n\n");
    let phased = all.first().is_some_and(|first| row(*first).1.is_some());
    text.push_str(if phased {
        "| Reason | Phase | Meaning |\n|---|---|---|\n"
    } else {
        "| Reason | Meaning |\n|---|---|\n"
    });
    for reason in all {
        let (name, phase, meaning) = row(*reason);
        let phase = phase.map_or(String::new(), |phase| format!(" {phase:?} |"));
        let _ = writeln!(text, "| `{name}` |{phase} {} |", cell(meaning));
    }
}

fn conditions_of(phase: Phase) -> (&'static str, &'static str, &'static str, &'static str) {
    match phase {
        Phase::Settled => ("True", "False", "False", "It is as you wish."),
        Phase::Progressing => ("False", "True", "False", "The operator is at work."),
        Phase::Waiting => ("False", "True", "False", "Something else has to happen first."),
        Phase::Retrying => ("as before", "True", "False", "The next try may succeed."),
        Phase::Stalled => ("False", "False", "True", "You must change something."),
        Phase::Resting => ("False", "False", "False", "A person wanted it so."),
        Phase::Silent => ("as before", "as before", "as before", "Nothing is written."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_every_reason_with_its_meaning() {
        let text = artifacts().unwrap().remove(0).text;
        for reason in ContainerReason::ALL {
            assert!(
                text.contains(&format!("| `{reason}` | {:?} | {} |", reason.phase(), reason.meaning())),
                "{reason}"
            );
        }
        for reason in UpToDateReason::ALL {
            assert!(text.contains(&format!("| `{reason}` | {} |", reason.meaning())), "{reason}");
        }
        for reason in FirewallReason::ALL {
            assert!(text.contains(&format!("| `{reason}` | {} |", reason.meaning())), "{reason}");
        }
        for reason in RuleReason::ALL {
            assert!(
                text.contains(&format!("| `{reason}` | {:?} | {} |", reason.phase(), reason.meaning())),
                "{reason}"
            );
        }
        for reason in ClusterReason::ALL {
            assert!(
                text.contains(&format!("| `{reason}` | {:?} | {} |", reason.phase(), reason.meaning())),
                "{reason}"
            );
        }
    }

    #[test]
    fn the_reference_has_every_field_with_type_default_and_limits() {
        let text = artifacts().unwrap().remove(0).text;
        for row in [
            "| `clusterRef.name` | string |  | required; 1 to 253 characters |",
            "| `limits.tasksPerNode` | integer | `4` | 1 to 64 |",
            "| `network.interfaces[].ipv4.address` | string |",
            "exactly one of template, clone, image and backup must be set",
        ] {
            assert!(text.contains(row), "{row}");
        }
    }
}
