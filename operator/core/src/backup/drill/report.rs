//! The report of a drill: what a recovery takes, what it would lose, and what could not be restored.

use super::{Drill, End, data_age, own_labels};
use crate::backup::want::Owner;
use crate::words::{in_units, moment};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use zentoria_api::backup::{BackupRestore, RestorePhase, RestoreResult};

/// Key of a report's ConfigMap for programs.
pub const JSON: &str = "report.json";
/// Key of a report's ConfigMap for people.
pub const TEXT: &str = "report.txt";

/// What a drill came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its name, and that of its BackupRestore.
    pub name: String,
    /// Namespace of what was drilled.
    pub namespace: String,
    /// The BackupRepository whose drill it was.
    pub repository: String,
    /// The time of the schedule that it was for; nothing where a person asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether everything was restored and proved.
    pub succeeded: bool,
    /// What was to be said of it.
    pub message: String,
    /// How many policies, and what was left out.
    pub scope: String,
    /// Seconds from its begin to its end: what a recovery takes at least (RTO).
    pub recovery_seconds: u64,
    /// Seconds from the oldest of the newest backups to its begin: what a recovery would have lost (RPO).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_age_seconds: Option<u64>,
    /// Each policy, by name.
    pub policies: BTreeMap<String, PolicyReport>,
}

/// What came of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// Whether its newest backup was restored and proved.
    pub succeeded: bool,
    /// Seconds that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// The backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// When that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Timestamp>,
    /// How old its data was when the drill began, in seconds: since it was made, or a run last found nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_age_seconds: Option<u64>,
    /// What was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The report of a drill that has ended; `restore` is its BackupRestore, unless that is gone.
#[must_use]
pub fn of(owner: &Owner, drill: &Drill, end: &End, restore: Option<&BackupRestore>) -> Report {
    let status = restore.and_then(|restore| restore.status.clone()).unwrap_or_default();
    let policies = status.results.iter().map(|(name, result)| (name.clone(), policy(result, drill.made)));
    Report {
        name: drill.name.clone(),
        namespace: owner.namespace.clone(),
        repository: owner.name.clone(),
        due: drill.due,
        begun: drill.made,
        ended: end.at,
        succeeded: end.succeeded,
        message: end.message.clone(),
        scope: status.policy.unwrap_or_else(|| "nothing".to_owned()),
        recovery_seconds: drill.seconds(end),
        data_age_seconds: end.data_age,
        policies: policies.collect(),
    }
}

fn policy(result: &RestoreResult, begun: Timestamp) -> PolicyReport {
    let RestoreResult { phase, snapshot, made, unchanged_until: _, evidence, message, seconds, warnings: _ } = result;
    let succeeded = *phase == RestorePhase::Succeeded;
    PolicyReport {
        succeeded,
        seconds: *seconds,
        snapshot: snapshot.clone(),
        made: made.as_ref().map(|made| made.0),
        data_age_seconds: data_age(result, begun),
        compared: evidence.as_ref().map(|evidence| evidence.compared.clone()),
        message: message.clone().or_else(|| (!succeeded).then(|| "it was not begun".to_owned())),
    }
}

/// The ConfigMap that keeps a report.
#[must_use]
pub fn config_map(owner: &Owner, report: &Report) -> ConfigMap {
    // Text keys alone, so that there is always a JSON form.
    let json = serde_json::to_string_pretty(report).unwrap_or_default();
    ConfigMap {
        data: Some(BTreeMap::from([(JSON.to_owned(), json), (TEXT.to_owned(), text(report))])),
        metadata: ObjectMeta {
            name: Some(report.name.clone()),
            namespace: Some(owner.namespace.clone()),
            labels: Some(own_labels(owner)),
            owner_references: Some(vec![owner.reference()]),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    }
}

/// Reads the ConfigMap of a report.
#[must_use]
pub fn read(config: &ConfigMap) -> Option<Report> {
    serde_json::from_str(config.data.as_ref()?.get(JSON)?).ok()
}

/// A report for people.
#[must_use]
pub fn text(report: &Report) -> String {
    let units = |seconds: u64| in_units(Duration::from_secs(seconds));
    let word = if report.succeeded { "succeeded" } else { "FAILED" };
    let why = match report.due {
        Some(due) => format!("due {}", moment(due)),
        None => "asked for by a person".to_owned(),
    };
    let age = report.data_age_seconds.map_or_else(|| "not known".to_owned(), units);
    let good = report.policies.values().filter(|policy| policy.succeeded).count();
    let mut page = format!(
        "Restore drill {} of br/{} in namespace {}: {word}\n\n\
         begun      {}, {why}\n\
         ended      {}\n\
         scope      {}\n\
         restored   {good} of {}\n\
         RTO        {} from the begin to the last proof: what a recovery takes at least\n\
         RPO        {age}: how old the oldest of the newest backups was, and what a recovery would have lost\n",
        report.name,
        report.repository,
        report.namespace,
        moment(report.begun),
        moment(report.ended),
        report.scope,
        report.policies.len(),
        units(report.recovery_seconds),
    );
    if !report.succeeded {
        page.push_str(&format!("why        {}\n", report.message));
    }
    page.push('\n');
    let width = report.policies.keys().map(|name| name.chars().count()).max().unwrap_or(0).max("POLICY".len());
    page.push_str(&format!("{:width$}  RESULT  TOOK    DATA AGE  PROVED\n", "POLICY"));
    for (name, policy) in &report.policies {
        let result = if policy.succeeded { "ok" } else { "FAILED" };
        let took = policy.seconds.map_or_else(|| "-".to_owned(), units);
        let age = policy.data_age_seconds.map_or_else(|| "-".to_owned(), units);
        let said = policy.message.as_ref().filter(|_| !policy.succeeded).or(policy.compared.as_ref());
        let said = said.map(String::as_str).unwrap_or("-");
        page.push_str(&format!("{name:width$}  {result:6}  {took:6}  {age:8}  {said}\n"));
    }
    page
}
