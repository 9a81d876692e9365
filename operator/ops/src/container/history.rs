//! What PVE's task list tells: the task of an intent that was interrupted, and who stopped a guest.

use crate::cluster::Cluster;
use zentoria_api::container::TaskAction;
use zentoria_core::container::seen::StopCause;
use zentoria_pve::{PveError, TaskFilter, TaskRow, TaskSource};
use zentoria_types::names::NodeName;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// Clocks of the node and of this machine may differ by so much, in seconds.
const CLOCK_SKEW: i64 = 120;

/// Around a shutdown of its node, a guest's stop is the node's doing for so long, in seconds.
const NODE_SHUTDOWN: u64 = 300;

/// The newest task that an intent may have started: of our user, of the right type, not older than the intent.
pub(super) async fn task_of_intent(
    cluster: &Cluster,
    node: &NodeName,
    vmid: Vmid,
    action: TaskAction,
    since: i64,
) -> Result<Option<TaskRow>, PveError> {
    let kind = match action {
        TaskAction::Create => "vzcreate",
        TaskAction::Clone => "vzclone",
        TaskAction::Restore => "vzrestore",
        TaskAction::Pull => "download",
        TaskAction::Snapshot => "vzsnapshot",
        TaskAction::DeleteSnapshot => "vzdelsnapshot",
        TaskAction::Backup => "vzdump",
        TaskAction::DeleteBackup => "imgdel",
        TaskAction::MoveVolume => "move_volume",
        TaskAction::Migrate => "vzmigrate",
        TaskAction::Resize => "resize",
        TaskAction::Start => "vzstart",
        TaskAction::Shutdown => "vzshutdown",
        TaskAction::Reboot => "vzreboot",
        TaskAction::Destroy => "vzdestroy",
    };
    let filter = TaskFilter {
        // PVE lists a clone under its source.
        vmid: (action != TaskAction::Clone).then_some(vmid),
        since: u64::try_from(since - CLOCK_SKEW).ok(),
        source: TaskSource::All,
        typefilter: Some(kind.to_owned()),
        limit: Some(50),
    };
    let rows = cluster.client().node_tasks(node, &filter).await?;
    Ok(rows.into_iter().find(|row| row.user == cluster.client().token_id() || row.user == "root@pam"))
}

/// Whether somebody restored a backup as this guest since then, in seconds since 1970. One that failed counts, too: who
/// tries to have a guest back does not want it destroyed.
pub(super) async fn restored_since(
    cluster: &Cluster,
    node: &NodeName,
    vmid: Vmid,
    since: i64,
) -> Result<bool, PveError> {
    let filter = TaskFilter {
        vmid: Some(vmid),
        since: u64::try_from(since - CLOCK_SKEW).ok(),
        source: TaskSource::All,
        typefilter: Some("vzrestore".to_owned()),
        limit: Some(1),
    };
    Ok(!cluster.client().node_tasks(node, &filter).await?.is_empty())
}

/// Why a guest is stopped, by the newest of its power tasks.
pub(super) async fn stop_cause(cluster: &Cluster, node: &NodeName, vmid: Vmid) -> Result<StopCause, PveError> {
    let filter = TaskFilter { vmid: Some(vmid), source: TaskSource::All, limit: Some(50), ..TaskFilter::default() };
    let rows = cluster.client().node_tasks(node, &filter).await?;
    let Some(stop) = newest_stop(&rows) else {
        return Ok(StopCause::Crash);
    };
    if stop.user == cluster.client().token_id() {
        return Ok(StopCause::Ours);
    }
    let filter = TaskFilter {
        since: Some(stop.started.saturating_sub(NODE_SHUTDOWN)),
        source: TaskSource::All,
        typefilter: Some("stopall".to_owned()),
        limit: Some(5),
        ..TaskFilter::default()
    };
    let shutdowns = cluster.client().node_tasks(node, &filter).await?;
    let by_node = shutdowns.iter().any(|row| row.started <= stop.started + 5);
    Ok(if by_node { StopCause::NodeShutdown } else { StopCause::Person(stop.user.clone()) })
}

/// The newest power task, where it is a stop. After a start, a stop without a task is a crash.
fn newest_stop(rows: &[TaskRow]) -> Option<&TaskRow> {
    let power = |row: &&TaskRow| {
        matches!(row.kind.as_str(), "vzstop" | "vzshutdown" | "vzstart" | "vzreboot" | "vzsuspend")
            && row.exit.as_deref().is_none_or(|exit| exit == "OK" || exit.starts_with("WARNINGS"))
    };
    let newest = rows.iter().filter(power).max_by_key(|row| (row.started, row.upid.as_str()))?;
    matches!(newest.kind.as_str(), "vzstop" | "vzshutdown" | "vzsuspend").then_some(newest)
}

/// The UPID that status names, if it can be read.
pub(super) fn upid(text: Option<&str>) -> Option<Upid> {
    text.and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, started: u64, user: &str, exit: &str) -> TaskRow {
        TaskRow {
            upid: format!("UPID:pve1:0000{started:04X}:00000000:{started:08X}:{kind}:101:{user}:").parse().unwrap(),
            kind: kind.into(),
            id: Some("101".into()),
            user: user.into(),
            started,
            ended: Some(started + 1),
            exit: Some(exit.into()),
        }
    }

    #[test]
    fn the_newest_power_task_that_worked_decides() {
        let start = row("vzstart", 10, "ops@pve!op", "OK");
        let stop = row("vzstop", 20, "root@pam", "OK");
        let failed = row("vzshutdown", 30, "root@pam", "got timeout");
        let dump = row("vzdump", 40, "root@pam", "OK");
        let rows = [dump, failed, stop.clone(), start.clone()];
        assert_eq!(newest_stop(&rows).map(|row| row.user.as_str()), Some("root@pam"));
        let later = row("vzstart", 50, "root@pam", "OK");
        assert_eq!(newest_stop(&[later, stop]), None, "it was started again: a crash");
        assert_eq!(newest_stop(&[start]), None);
        assert_eq!(newest_stop(&[]), None);
    }
}
