//! The guest at a VMID: there, gone by proof, or not known.

use super::backups::snapshots;
use crate::cluster::{Cluster, Live};
use std::net::IpAddr;
use std::time::Instant;
use zentoria_api::container::Origin;
use zentoria_core::Fact;
use zentoria_core::container::interfaces::leasing;
use zentoria_core::container::seen::{Config, Guest, GuestFact, Recorded};
use zentoria_pve::{GuestInterface, GuestKind, PveError, RunState};
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// While a task runs on the guest: what was known of it, without asking.
pub(super) fn last_seen(vmid: Option<Vmid>) -> GuestFact {
    match vmid {
        None => GuestFact::NoVmid,
        Some(_) => GuestFact::Unknown { why: "a task runs on it".to_owned(), offline: None },
    }
}

/// The guest at the VMID. For one that we never had, the inventory is enough: the creation itself is refused where
/// somebody has the VMID. For one that we had, absence needs proof.
pub(super) async fn guest(cluster: &Cluster, vmid: Vmid, recorded: &Recorded, node: Option<&str>) -> (GuestFact, bool) {
    let Some(inventory) = cluster.inventory() else {
        return (GuestFact::Unknown { why: "Proxmox VE was not asked yet".into(), offline: None }, false);
    };
    if let Some(row) = inventory.guest(vmid) {
        if row.kind == GuestKind::Qemu {
            return (GuestFact::OtherKind, false);
        }
        if inventory.node(&row.node).is_some_and(|node| !node.online) {
            let why = format!("guest {vmid} is on it");
            return (GuestFact::Unknown { why, offline: Some(row.node.clone()) }, false);
        }
        return match read(cluster, vmid, &row.node, recorded).await {
            Ok((guest, fresh)) => (GuestFact::Present(Box::new(guest)), fresh),
            Err(PveError::Absent { .. }) => elsewhere(cluster, vmid, None, recorded).await,
            Err(error) => (unknown(vmid, &row.node, &error), false),
        };
    }
    if recorded.created.is_none() {
        return (GuestFact::Absent, false);
    }
    let node = node.and_then(|node| node.parse::<NodeName>().ok());
    elsewhere(cluster, vmid, node.as_ref(), recorded).await
}

/// Reads what is not known: the configuration, and whether it runs.
async fn read(cluster: &Cluster, vmid: Vmid, node: &NodeName, recorded: &Recorded) -> Result<(Guest, bool), PveError> {
    let known = cluster.known_config(vmid, node).filter(|_| !recorded.is_in_making());
    let (config, fresh) = match known {
        Some(config) => (config, false),
        None => (cluster.read_config(vmid, node).await?, true),
    };
    let locked = config.lock().is_some();
    let live = match cluster.known_live(vmid) {
        Some(live) => Fact::Known(live),
        // A lock says enough: nothing is done, so nobody needs to know.
        None if locked && recorded.is_in_making() => Fact::Unknown("the guest is locked".to_owned()),
        None => match cluster.read_live(vmid, node).await {
            Ok(live) => Fact::Known(live),
            Err(error) => Fact::Unknown(format!("status of guest {vmid} on node {node}: {error}")),
        },
    };
    let ha = live.known().is_some_and(|live| live.ha);
    let running = match live {
        Fact::Known(live) => Fact::Known(live.running),
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    let snapshots = snapshots(cluster, vmid, node, &config).await;
    let mut config = config;
    // In a guest that we made and that never ran there is nothing of a person's.
    if recorded.is_finished() && !locked && !is_new(recorded) {
        let raw = raw_lines(cluster, vmid, node).await.filter(|raw| !raw.is_empty());
        config.current.extend(raw.map(|raw| (RAW.to_owned(), raw)));
    }
    let leased = leased(cluster, vmid, node, &config, &running).await;
    Ok((Guest { vmid, node: node.clone(), config, running, ha, snapshots, leased }, fresh))
}

/// The addresses that a running guest got by itself, of the interfaces that are meant to; link-local ones are of no use to
/// others. Nobody is asked where there can be none.
async fn leased(
    cluster: &Cluster,
    vmid: Vmid,
    node: &NodeName,
    config: &Config,
    running: &Fact<bool>,
) -> Fact<Vec<IpAddr>> {
    let leasing = leasing(config);
    if leasing.is_empty() || running.known() != Some(&true) {
        return Fact::Known(Vec::new());
    }
    let interfaces = match cluster.client().guest_interfaces(node, vmid).await {
        Ok(interfaces) => interfaces,
        Err(error) => return Fact::Unknown(format!("interfaces of guest {vmid} on node {node}: {error}")),
    };
    let usable = |address: &IpAddr| match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_loopback() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_loopback(),
    };
    let of = |interface: &GuestInterface| -> Vec<IpAddr> {
        let Some([v4, v6]) = leasing.get(&interface.name).copied() else { return Vec::new() };
        let meant = |address: &&IpAddr| if address.is_ipv4() { v4 } else { v6 };
        interface.addresses.iter().filter(meant).filter(|address| usable(address)).copied().collect()
    };
    let mut addresses: Vec<IpAddr> = interfaces.iter().flat_map(of).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Fact::Known(addresses)
}

/// Made by us from a template or an image, and not seen running yet.
fn is_new(recorded: &Recorded) -> bool {
    let bare = |origin| match origin {
        Origin::Template | Origin::Image => true,
        Origin::Clone | Origin::Backup | Origin::Adopted | Origin::TakenBack => false,
    };
    !recorded.ran() && recorded.created.as_ref().is_some_and(|created| bare(created.origin))
}

const RAW: &str = "lxc";

/// The raw `lxc.*` lines of a guest, which the list of what is pending leaves out: asked once for each configuration. Where
/// they cannot be read they are not shown; nothing is decided by them.
async fn raw_lines(cluster: &Cluster, vmid: Vmid, node: &NodeName) -> Option<String> {
    let known = cluster.known(vmid);
    if let Some(raw) = known.as_ref().and_then(|known| known.raw.clone()) {
        return Some(raw);
    }
    let whole = cluster.client().config(node, vmid).await.ok()?;
    let raw = whole.get(RAW).unwrap_or_default().to_owned();
    if known.is_some_and(|known| known.config.digest.as_ref() == Some(&whole.digest)) {
        cluster.remember_raw(vmid, &raw);
    }
    Some(raw)
}

/// A guest that is not where it was, or not in the list: it is gone only where we may see it, every node answers, and
/// each says that it does not have it.
async fn elsewhere(cluster: &Cluster, vmid: Vmid, last: Option<&NodeName>, recorded: &Recorded) -> (GuestFact, bool) {
    let why = |why: String| (GuestFact::Unknown { why, offline: None }, false);
    // Presence needs no further proof: a guest that was just made is not in the list yet.
    if let Some(node) = last {
        match read(cluster, vmid, node, recorded).await {
            Ok((guest, fresh)) => return (GuestFact::Present(Box::new(guest)), fresh),
            Err(PveError::Absent { .. }) => {}
            Err(error) => return (unknown(vmid, node, &error), false),
        }
    }
    match cluster.client().permissions_on(&format!("/vms/{vmid}")).await {
        Ok(held) if held.allows(&format!("/vms/{vmid}"), "VM.Audit") => {}
        Ok(_) => {
            return why(format!(
                "guest {vmid} is not shown, and the token lacks VM.Audit on /vms/{vmid}: it may well be there"
            ));
        }
        Err(error) => return why(format!("guest {vmid} is not shown, and the rights cannot be read: {error}")),
    }
    let Some(inventory) = cluster.inventory() else { return why("Proxmox VE was not asked yet".into()) };
    let nodes: Vec<(NodeName, bool)> = inventory.nodes().map(|node| (node.node.clone(), node.online)).collect();
    if let Some((offline, _)) = nodes.iter().find(|(_, online)| !online) {
        let why = format!("guest {vmid} is not shown, and may be on it");
        return (GuestFact::Unknown { why, offline: Some(offline.clone()) }, false);
    }
    if nodes.is_empty() {
        return why(format!("guest {vmid} is not shown, and neither is any node"));
    }
    for (node, _) in nodes.iter().filter(|(node, _)| Some(node) != last) {
        match read(cluster, vmid, node, recorded).await {
            Ok((guest, fresh)) => return (GuestFact::Present(Box::new(guest)), fresh),
            Err(PveError::Absent { .. }) => {}
            Err(error) => return (unknown(vmid, node, &error), false),
        }
    }
    cluster.invalidate(vmid);
    (GuestFact::Absent, false)
}

fn unknown(vmid: Vmid, node: &NodeName, error: &PveError) -> GuestFact {
    let offline = match error {
        PveError::NodeUnreachable { .. } => Some(node.clone()),
        _ => None,
    };
    GuestFact::Unknown { why: format!("configuration of guest {vmid} on node {node}: {error}"), offline }
}

impl Cluster {
    fn known_config(&self, vmid: Vmid, node: &NodeName) -> Option<Config> {
        let known = self.known(vmid)?;
        (known.node == *node).then_some(known.config)
    }

    /// Reads the configuration with what is pending, and remembers it.
    pub(crate) async fn read_config(&self, vmid: Vmid, node: &NodeName) -> Result<Config, PveError> {
        let config = self.client().pending(node, vmid).await?;
        Ok(self.remember(vmid, node, &config))
    }

    async fn read_live(&self, vmid: Vmid, node: &NodeName) -> Result<Live, PveError> {
        let status = self.client().status_current(node, vmid).await?;
        let live = Live { running: status.state == RunState::Running, ha: status.ha_managed, read_at: Instant::now() };
        self.remember_live(vmid, live);
        Ok(live)
    }
}
