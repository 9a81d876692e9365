//! A ProxmoxCluster: what it is, whether it may be used, what holds it back.

use crate::table::{columns, wrap};
use jiff::{Timestamp, Unit};
use kube::ResourceExt;
use zentoria_api::ProxmoxCluster;
use zentoria_api::cluster::{GuestCounts, ProxmoxClusterStatus};
use zentoria_api::conditions::{READY, STALLED};
use zentoria_core::conditions::is_true;
use zentoria_core::estate::is_paused;

/// Its first lines.
pub fn header(cluster: &ProxmoxCluster) -> String {
    let name = cluster.name_any();
    let Some(status) = &cluster.status else {
        return format!("pxc/{name}  not seen by an operator yet (mode {:?})\n\n", cluster.spec.mode);
    };
    let ready = status.summary.as_deref().unwrap_or("not seen yet");
    let paused = if is_paused(&cluster.metadata) || cluster.spec.suspend { ", paused" } else { "" };
    let head = format!(
        "pxc/{name} {ready}{paused}; Proxmox VE {}, nodes {} online, quorum {}, mode {:?}, estate {}",
        status.version.as_deref().unwrap_or("(unknown)"),
        status.nodes_summary.as_deref().unwrap_or("?"),
        status.quorum.as_deref().unwrap_or("unknown"),
        cluster.spec.mode,
        cluster.spec.estate_id,
    );
    let mut page = wrap(0, 4, &head);
    if let Some(guests) = &status.guests {
        page.push_str(&wrap(2, 4, &format!("guests: {}", census(guests))));
    }
    page.push_str(&trouble(&name, status));
    page.push('\n');
    page
}

fn census(guests: &GuestCounts) -> String {
    let GuestCounts { managed, unmanaged, foreign, copies, retained, trashed } = guests;
    let more = [
        (unmanaged, "not managed"),
        (foreign, "of others"),
        (copies, "copied by people"),
        (retained, "retained"),
        (trashed, "in the trash"),
    ];
    let more = more.into_iter().filter(|(count, _)| **count > 0).map(|(count, what)| format!("{count} {what}"));
    std::iter::once(format!("{managed} managed")).chain(more).collect::<Vec<_>>().join(", ")
}

/// What a person has to look at.
fn trouble(name: &str, status: &ProxmoxClusterStatus) -> String {
    let mut page = String::new();
    let message = |kind: &str| {
        status.conditions.iter().find(|c| c.type_ == kind && !c.message.is_empty()).map(|c| c.message.clone())
    };
    match &status.breaker {
        Some(breaker) => {
            page.push_str(&wrap(2, 4, &format!("BREAKER {}: {}", breaker.reason, breaker.message)));
            page.push_str("    to accept what was seen:\n");
            let digest = &breaker.digest;
            page.push_str(&format!("    kubectl annotate pxc {name} --overwrite zentoria.ai/acknowledge={digest}\n"));
        }
        None if !is_true(&status.conditions, READY) || is_true(&status.conditions, STALLED) => {
            let why = message(STALLED).or_else(|| message(READY)).unwrap_or_default();
            page.push_str(&wrap(2, 4, &why));
        }
        None => {}
    }
    for node in status.nodes.iter().filter(|node| !node.online) {
        page.push_str(&format!("  node {} is offline\n", node.name));
    }
    for copy in &status.copies {
        page.push_str(&format!("  {copy}: a copy that a person made; it is never touched\n"));
    }
    for old in &status.foreign_control_planes {
        page.push_str(&format!("  guests of control plane {old}: kubectl zentoria takeover {name}\n"));
    }
    page
}

/// What is in its trash.
pub fn trash(cluster: &ProxmoxCluster, now: Timestamp) -> String {
    let trash = cluster.status.as_ref().map_or(&[][..], |status| &status.trash);
    if trash.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = trash
        .iter()
        .map(|row| {
            let until = row.until.0.strftime("%Y-%m-%d %H:%M UTC").to_string();
            let left = match row.until.0.since((Unit::Hour, now)) {
                Ok(span) if span.is_positive() => format!("in {}h", span.get_hours()),
                Ok(_) | Err(_) => "due".to_owned(),
            };
            let held = row.held.as_ref().map(|held| format!("held: {held}")).unwrap_or_default();
            vec![row.vmid.0.to_string(), row.of.clone(), until, left, held]
        })
        .collect();
    let mut page =
        format!("TRASH of pxc/{}: apply the manifest again in time to have a guest back\n", cluster.name_any());
    page.push_str(&columns(2, &rows));
    page.push('\n');
    page
}
