//! `drill run` and `drill report`: restore drills, by the annotation that the operator reads, and the ConfigMaps that it
//! writes.

use crate::annotate::annotate;
use crate::connect::{Api, connect};
use crate::error::Error;
use crate::options::{DrillReport, DrillRun, Output, To};
use crate::{Answer, Exit, object, structured};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::ListParams;
use std::time::Duration;
use zentoria_api::backup::{BackupRepository, DrillStatus};
use zentoria_api::wire::{DRILL_ANNOTATION, DRILL_OPERATION, OPERATION_LABEL};
use zentoria_core::backup::drill::report::{self, Report, text};
use zentoria_core::estate::is_paused;

/// How often the repository is read while a drill is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// Asks for a drill.
///
/// # Errors
/// Where there is no such repository, several could be meant, or it rests.
pub async fn run(to: &To, what: &DrillRun) -> Result<Answer, Error> {
    let api = connect(to).await?;
    let repository = chosen(&api, what.repository.as_deref()).await?;
    let name = repository.name_any();
    let called = format!("br/{name}");
    let word = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let repositories = object::backup_repositories(&api);
    let told = annotate(&repositories, repository, &called, DRILL_ANNOTATION, |repository| {
        if repository.spec.suspend || is_paused(&repository.metadata) {
            return Err(Error::Refused(format!(
                "{called} is suspended or paused, and the operator looks away from it: resume it first"
            )));
        }
        Ok((Some(Some(word.clone())), format!("{called}: a drill is asked for; kubectl get brs -w shows it\n")))
    });
    let told = told.await?;
    if !what.wait {
        return Ok(Answer::done(told));
    }
    eprint!("{told}");
    wait(&api, &name, &word).await
}

/// The repository that is named, or the one that has a drill.
async fn chosen(api: &Api, named: Option<&str>) -> Result<BackupRepository, Error> {
    if let Some(named) = named {
        return object::backup_repository(api, &object::backup_repository_name(named)?).await;
    }
    let all = object::list(&object::backup_repositories(api), "the BackupRepositories").await?;
    the_one(all, &api.namespace)
}

fn the_one(mut all: Vec<BackupRepository>, namespace: &str) -> Result<BackupRepository, Error> {
    let names = |list: &[BackupRepository]| list.iter().map(ResourceExt::name_any).collect::<Vec<_>>().join(", ");
    let there = names(&all);
    if all.len() > 1 {
        all.retain(|repository| repository.spec.drill.is_some());
    }
    match all.len() {
        1 => all.pop().ok_or_else(|| Error::NotFound(String::new())),
        0 if there.is_empty() => Err(Error::NotFound(format!(
            "there is no BackupRepository in namespace {namespace}; kubectl get br -A shows all"
        ))),
        0 => Err(Error::Refused(format!("no BackupRepository of {namespace} has spec.drill: name one of {there}"))),
        _ => Err(Error::Refused(format!("several have spec.drill: name one of {}", names(&all)))),
    }
}

/// Waits until the drill that the word asked for has ended.
async fn wait(api: &Api, name: &str, word: &str) -> Result<Answer, Error> {
    let mut begun: Option<String> = None;
    loop {
        let repository = object::backup_repository(api, name).await?;
        let status: DrillStatus = repository.status.and_then(|status| status.drill).unwrap_or_default();
        if begun.is_none() && status.run.as_deref() == Some(word) {
            begun = status.running.clone().or_else(|| status.last.clone());
            if let Some(drill) = &begun {
                eprintln!("br/{name} drill {drill} has begun");
            }
        }
        if let Some(drill) = &begun
            && status.last.as_ref() == Some(drill)
            && status.running.as_ref() != Some(drill)
        {
            let report = one(api, drill).await?;
            let exit = if report.succeeded { Exit::Done } else { Exit::Error };
            return Ok(Answer { exit, ..Answer::done(text(&report)) });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Shows a report.
///
/// # Errors
/// Where there is none.
pub async fn report(to: &To, what: &DrillReport) -> Result<Answer, Error> {
    let api = connect(to).await?;
    let report = match &what.name {
        Some(name) => one(&api, name).await?,
        None => all(&api).await?.pop().ok_or_else(|| {
            Error::NotFound(format!(
                "there is no report of a drill in namespace {}; kubectl zentoria drill run begins a drill",
                api.namespace
            ))
        })?,
    };
    Ok(Answer::done(match what.output {
        Output::Text => text(&report),
        Output::Json => structured::json(&value(&report)?),
        Output::Yaml => structured::yaml(&value(&report)?)?,
    }))
}

fn value(report: &Report) -> Result<serde_json::Value, Error> {
    serde_json::to_value(report).map_err(|error| Error::Refused(format!("no JSON of the report: {error}")))
}

/// All reports of the namespace, the newest last.
async fn all(api: &Api) -> Result<Vec<Report>, Error> {
    let params = ListParams::default().labels(&format!("{OPERATION_LABEL}={DRILL_OPERATION}"));
    let found = configs(api).list(&params).await;
    let found = found.map_err(|error| Error::kubernetes("cannot list the reports of drills", &error))?;
    let mut reports: Vec<Report> = found.items.iter().map(read).collect::<Result<_, _>>()?;
    reports.sort_by(|one, other| (one.ended, one.begun, &one.name).cmp(&(other.ended, other.begun, &other.name)));
    Ok(reports)
}

async fn one(api: &Api, name: &str) -> Result<Report, Error> {
    let found = configs(api).get_opt(name).await;
    let found = found.map_err(|error| Error::kubernetes(format!("cannot read ConfigMap {name}"), &error))?;
    match found {
        Some(config) => read(&config),
        None => {
            let there: Vec<String> = all(api).await?.into_iter().rev().map(|report| report.name).collect();
            let there = if there.is_empty() { "there is none".to_owned() } else { there.join(", ") };
            Err(Error::NotFound(format!("there is no report {name:?} in namespace {}: {there}", api.namespace)))
        }
    }
}

fn configs(api: &Api) -> kube::Api<ConfigMap> {
    kube::Api::namespaced(api.client.clone(), &api.namespace)
}

fn read(config: &ConfigMap) -> Result<Report, Error> {
    let name = config.name_any();
    report::read(config).ok_or_else(|| Error::Refused(format!("the ConfigMap {name} is no report of a drill")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use serde_json::{Value, json};

    fn told(value: Value) -> Report {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_report_says_what_a_recovery_takes_what_it_would_lose_and_what_failed() {
        let good = json!({"succeeded": true, "seconds": 214, "snapshot": "aabbccdd", "made": "2026-02-01T06:00:12Z",
            "dataAgeSeconds": 3590, "compared": "3 databases, 41 tables, 1204221 rows, schema equal"});
        let mut report = json!({
            "name": "drill-near-20260201-0700", "namespace": "zentoria", "repository": "near",
            "due": "2026-02-01T07:00:00Z", "begun": "2026-02-01T07:00:02Z", "ended": "2026-02-01T07:09:30Z",
            "succeeded": true, "message": "2 of 2 restored", "scope": "2 policies (1 of vzdump left out)",
            "recoverySeconds": 568, "dataAgeSeconds": 86_400, "policies": {
                "postgresql": good,
                "qdrant": {"succeeded": true, "seconds": 61, "snapshot": "11223344", "made": "2026-01-31T07:00:02Z",
                    "dataAgeSeconds": 86_400, "compared": "2 collections, 88000 points"},
            },
        });
        golden::compare("drill-report", &text(&told(report.clone())));
        report["due"] = Value::Null;
        report["succeeded"] = json!(false);
        report["message"] = json!("redis: table orders: 12 rows, not 13 (2 of 3 restored)");
        report["policies"]["redis"] = json!({"succeeded": false, "message": "41 keys, not 42"});
        golden::compare("drill-report-failed", &text(&told(report)));
    }

    #[test]
    fn the_one_repository_is_meant_or_the_one_that_has_a_drill() {
        let repository = |name: &str, drill: bool| -> BackupRepository {
            let mut spec =
                json!({"backend": {"pvc": {"claimName": name}}, "passwordSecretRef": {"name": "s", "key": "k"}});
            if drill {
                spec["drill"] = json!({"schedule": "0 8 1 * *"});
            }
            serde_json::from_value(json!({"apiVersion": "zentoria.ai/v1alpha1", "kind": "BackupRepository",
                "metadata": {"name": name}, "spec": spec}))
            .unwrap()
        };
        let named = |all: Vec<BackupRepository>| {
            the_one(all, "ns").map(|one| one.name_any()).map_err(|error| error.to_string())
        };
        assert_eq!(named(vec![repository("near", false)]).unwrap(), "near");
        assert_eq!(named(vec![repository("near", true), repository("far", false)]).unwrap(), "near");
        assert!(named(vec![repository("near", false), repository("far", false)]).unwrap_err().contains("near, far"));
        assert!(named(vec![repository("near", true), repository("far", true)]).unwrap_err().contains("several"));
        assert!(named(vec![]).unwrap_err().contains("no BackupRepository"));
    }
}
