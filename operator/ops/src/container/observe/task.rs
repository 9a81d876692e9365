//! The task in flight.

use crate::cluster::{Cluster, TaskEnd};
use crate::container::history;
use crate::slots::Place;
use std::sync::Arc;
use zentoria_api::container::TaskStatus;
use zentoria_core::container::seen::TaskFact;
use zentoria_core::container::want::Key;
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// What became of the task that status names.
pub(super) async fn task(
    cluster: &Arc<Cluster>,
    key: &Key,
    vmid: Option<Vmid>,
    node: Option<&str>,
    task: Option<&TaskStatus>,
) -> TaskFact {
    let Some(task) = task else { return TaskFact::None };
    let named = history::upid(task.upid.as_deref());
    let upid = match named {
        Some(upid) => upid,
        // The answer to the call never came, or its UPID was never stored: look for the task itself.
        None => {
            let Some(node) = node.and_then(|node| node.parse::<NodeName>().ok()) else { return TaskFact::NotStarted };
            let Some(vmid) = vmid else { return TaskFact::NotStarted };
            let since = task.started_at.0.as_second();
            match history::task_of_intent(cluster, &node, vmid, task.action, since).await {
                Ok(Some(row)) if row.ended.is_none() => row.upid,
                Ok(Some(_) | None) => return TaskFact::NotStarted,
                Err(error) => {
                    let message = format!("the task list of node {node} cannot be read: {error}");
                    return TaskFact::Failed { action: task.action, message };
                }
            }
        }
    };
    let end = match cluster.end_of(&upid) {
        Some(end) => Some(end),
        None if cluster.is_followed(&upid) => None,
        // A restart: nobody follows it yet.
        None => match cluster.ask(&upid).await {
            Ok(end) => end,
            Err(error) => {
                tracing::debug!(%upid, %error, "a task cannot be asked about");
                None
            }
        },
    };
    match end {
        Some(TaskEnd::Well | TaskEnd::Lost) => TaskFact::Done(task.action),
        Some(TaskEnd::Badly(message)) => TaskFact::Failed { action: task.action, message },
        None => {
            // A snapshot of a copy's source runs before a VMID is chosen.
            let Some(vmid) = vmid.or(upid.vmid()) else { return TaskFact::Running(upid) };
            let node = upid.node().map(|node| node.to_string()).unwrap_or_default();
            let slot = (!cluster.is_followed(&upid))
                .then(|| cluster.slots().force(Place { node, storage: None, source: None }));
            if let Some(slot) = slot {
                cluster.follow(key.clone(), vmid, upid.clone(), slot);
            }
            TaskFact::Running(upid)
        }
    }
}
