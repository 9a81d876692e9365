//! A plan for programs.

use super::firewall::Firewall;
use super::judge::{Forecast, Outcome, Row};
use serde_json::{Value, json};
use zentoria_core::container::forecast::{Line, NowOrPending};

/// The document.
pub fn document(forecast: &Forecast) -> Value {
    json!({
        "clusters": forecast.versions.iter().map(|(name, version)| json!({"name": name, "version": version})).collect::<Vec<_>>(),
        "containers": forecast.rows.iter().map(container).collect::<Vec<_>>(),
        "firewalls": forecast.firewalls.iter().map(firewall).collect::<Vec<_>>(),
        "errors": forecast.problems,
        "notes": forecast.notes,
    })
}

fn firewall(firewall: &Firewall) -> Value {
    let Firewall { key, vmid, mode, empty, writes, differences, foreign } = firewall;
    json!({
        "namespace": key.namespace,
        "name": key.name,
        "vmid": vmid,
        "mode": format!("{mode:?}"),
        "empty": empty,
        "writes": writes,
        "differences": differences,
        "foreignRules": foreign,
    })
}

fn container(row: &Row) -> Value {
    let mut document = json!({
        "namespace": row.key.namespace,
        "name": row.key.name,
        "cluster": row.cluster,
        "wave": row.wave,
        "error": row.is_problem(),
    });
    let more = match &row.outcome {
        Outcome::Course(course) => json!({
            "vmid": course.target.as_ref().map(|target| target.vmid.get()),
            "node": course.target.as_ref().map(|target| target.node.to_string()),
            "reason": course.verdict.reason.to_string(),
            "message": course.verdict.message,
            "after": course.after,
            "notes": course.notes,
            "changes": course.lines.iter().map(line).collect::<Vec<_>>(),
        }),
        Outcome::Silent(why) => json!({"reason": "Paused", "message": why, "changes": []}),
        Outcome::Refused(refusal) => {
            json!({"reason": refusal.reason.to_string(), "message": refusal.message, "changes": []})
        }
        Outcome::NotSeen => json!({"reason": "ClusterNotReady", "message": "was not looked at", "changes": []}),
    };
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

fn line(line: &Line) -> Value {
    let (waits, digest) = match &line.done {
        NowOrPending::Now => (None, None),
        NowOrPending::Pending { why, digest } => (Some(why), digest.as_ref()),
    };
    json!({
        "field": line.field,
        "from": line.from,
        "to": line.to,
        "class": line.class,
        "downtime": line.downtime.to_string(),
        "dataAtRisk": line.data_at_risk,
        "call": line.call,
        "now": waits.is_none(),
        "waits": waits,
        "digest": digest,
    })
}
