//! Before a guest begins to filter, a port that answers is looked for; afterwards it must answer a new connection, or what
//! made the guest filter is taken back. It is all in status, so that a restart in between changes nothing.

use super::guest::Pass;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use zentoria_api::firewall::FirewallProbe;
use zentoria_core::digest::of_parts;
use zentoria_core::firewall::compile::CompiledGuest;
use zentoria_core::firewall::flip::back_to;
use zentoria_core::firewall::seen::Seen;
use zentoria_ops::firewall::probe;

/// Proxmox VE takes up to 10 s until rules are in force: an answer before that proves nothing.
const IN_FORCE: Duration = Duration::from_secs(11);
/// How long a port may take to answer after the flip.
const LIMIT: Duration = Duration::from_secs(30);
/// Between two tries.
const AGAIN: Duration = Duration::from_secs(2);

/// How a probe stands.
pub(super) enum Standing {
    /// To be tried in this time.
    Wait(Duration),
    /// The port answers.
    Answers(SocketAddr),
    /// It did not answer in time.
    Silent,
}

/// A port of the guest that answers now, of those that the control plane may reach.
pub(super) async fn candidate(pass: &Pass<'_>, compiled: &CompiledGuest) -> Option<SocketAddr> {
    let status = pass.object.status.as_ref()?;
    let addresses: Vec<IpAddr> = status.addresses.iter().filter_map(|text| text.parse().ok()).collect();
    probe::first_answering(&pass.context.outside.dialer, &addresses, &compiled.probe_ports).await
}

/// What is stored before the flip.
pub(super) fn begin(target: SocketAddr, seen: &Seen, now: Timestamp) -> FirewallProbe {
    let (before, _) = back_to(&seen.options);
    FirewallProbe { target: target.to_string(), since: Time(now), before }
}

/// Looks how a probe stands.
pub(super) async fn look(pass: &Pass<'_>, under_way: &FirewallProbe) -> Standing {
    let age = Duration::try_from(pass.now.duration_since(under_way.since.0)).unwrap_or_default();
    if age < IN_FORCE {
        return Standing::Wait(IN_FORCE - age);
    }
    let Ok(target) = under_way.target.parse::<SocketAddr>() else { return Standing::Silent };
    if probe::answers(&pass.context.outside.dialer, target).await {
        return Standing::Answers(target);
    }
    if age < LIMIT { Standing::Wait(AGAIN.min(LIMIT - age)) } else { Standing::Silent }
}

/// What a lockout is held on: as long as nothing of this changes, the same would come of another try.
pub(super) fn held_on(pass: &Pass<'_>, compiled: &CompiledGuest) -> String {
    let annotations = pass.object.annotations().iter().filter(|(key, _)| key.contains("zentoria.ai/"));
    let annotations: String = annotations.map(|(key, value)| format!("{key}={value}\n")).collect();
    let generation = pass.object.metadata.generation.unwrap_or_default().to_string();
    let rules = format!("{:?}{:?}", compiled.mode, compiled.wish);
    of_parts([rules.as_str(), generation.as_str(), annotations.as_str()])
}
