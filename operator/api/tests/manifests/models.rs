//! The models of `manifests/zentoria.yaml` against the plan, row by row.

use crate::documents::{Document, containers, read, workspace};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::model::{ModelDeletion, ModelPull, PullPolicy};

const ESTATE: &str = "manifests/zentoria.yaml";

fn models() -> BTreeMap<String, ModelPull> {
    let of_model = |document| match document {
        Document::Model(model) => Some((model.metadata.name.clone().expect("a name"), *model)),
        _ => None,
    };
    read(ESTATE).into_iter().filter_map(of_model).collect()
}

#[test]
fn every_model_of_the_plan_is_in_the_manifest_on_a_service_that_there_is() {
    let text = std::fs::read_to_string(workspace().join("tests/fixtures/zentoria/models.tsv")).expect("the table");
    let (models, estate) = (models(), containers(ESTATE));
    let mut rows = BTreeSet::new();
    for line in text.lines().skip(1) {
        let [name, container, service, engine, model, _plan] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let spec = &models.get(name).unwrap_or_else(|| panic!("there is no ModelPull {name}")).spec;
        let server = spec.container_ref.as_ref().expect("a container");
        assert_eq!((server.name.as_str(), server.service.as_deref()), (container, Some(service)), "{name}");
        let host = estate.iter().find(|host| host.metadata.name.as_deref() == Some(container)).expect("a container");
        assert!(host.spec.services.iter().any(|known| known.name == service), "{container} has no service {service}");
        match (&spec.ollama, &spec.whisper) {
            (Some(ollama), None) => assert_eq!(("ollama", ollama.model.as_str()), (engine, model), "{name}"),
            (None, Some(whisper)) => {
                let repository = whisper.size.expect("a size").repository();
                assert_eq!(("whisper", repository), (engine, model), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!((spec.policy, spec.deletion_policy), (PullPolicy::IfNotPresent, ModelDeletion::Retain), "{name}");
        rows.insert(name.to_owned());
    }
    assert_eq!(rows, models.into_keys().collect());
}

#[test]
fn every_alert_is_about_a_figure_that_there_is_and_is_explained() {
    let text =
        |path: &str| std::fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(&text("manifests/alerts/models.yaml")).expect("YAML");
    let figures = text("operator/controller/src/runtime/metrics/models.rs");
    let docs = text("docs/models.md");
    for rule in documents[0]["spec"]["groups"][0]["rules"].as_array().expect("rules") {
        let (name, expr) = (rule["alert"].as_str().expect("a name"), rule["expr"].as_str().expect("an expression"));
        assert!(docs.contains(&format!("| `{name}` |")), "{name} is not explained");
        for metric in expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let metric = metric.strip_suffix("_total").unwrap_or(metric);
            let known = !metric.starts_with("zentoria_") || figures.contains(&format!("\"{metric}\""));
            assert!(known, "{name}: there is no figure {metric}");
        }
    }
}
