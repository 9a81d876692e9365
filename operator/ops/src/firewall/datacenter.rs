//! The datacenter's firewall: whether it is on, what stands in the way of switching it on, and the one call that does.

use crate::cluster::Cluster;
use std::collections::BTreeMap;
use zentoria_pve::{FirewallOptions, GuestKind, PveError};
use zentoria_types::vmid::Vmid;

/// Whether the datacenter's firewall is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It is on: rules of guests have effect.
    On,
    /// It is off: nothing is filtered anywhere.
    Off,
    /// It cannot be read, and why.
    Unknown(String),
}

/// What has to be known before it is switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obstacles {
    /// Rules for nodes, of the datacenter or of one node: they would wake up with it.
    pub host_rules: Vec<String>,
    /// Guests whose own firewall is enabled and has no effect yet: VMID and name.
    pub dormant: BTreeMap<Vmid, String>,
}

impl Cluster {
    /// Reads whether the datacenter's firewall is on: one call.
    pub async fn datacenter_firewall(&self) -> Switch {
        match self.client().cluster_firewall_options().await {
            Ok(options) if is_on(&options) => Switch::On,
            Ok(_) => Switch::Off,
            Err(error) => Switch::Unknown(error.to_string()),
        }
    }

    /// What would wake up with the datacenter's firewall beside the guests of ours. One call for the datacenter, one for
    /// each node and one for each other guest.
    ///
    /// # Errors
    /// The first call that fails, in words: what cannot be read may be anything.
    pub async fn datacenter_obstacles(&self, ours: &(dyn Fn(Vmid) -> bool + Sync)) -> Result<Obstacles, String> {
        self.obstacles(ours).await.map_err(|error| error.to_string())
    }

    async fn obstacles(&self, ours: &(dyn Fn(Vmid) -> bool + Sync)) -> Result<Obstacles, PveError> {
        let mut found = Obstacles::default();
        let client = self.client();
        let count = client.cluster_firewall_rules().await?.len();
        if count > 0 {
            found.host_rules.push(format!("{count} of the datacenter"));
        }
        let Some(inventory) = self.inventory() else {
            return Err(PveError::Busy { message: "Proxmox VE was not asked yet".to_owned() });
        };
        for node in inventory.nodes() {
            let count = client.node_firewall_rules(&node.node).await?.len();
            if count > 0 {
                found.host_rules.push(format!("{count} of node {}", node.node));
            }
        }
        for guest in inventory.guests().filter(|guest| !guest.template && !ours(guest.vmid)) {
            let options = client.firewall_options_of(guest.kind, &guest.node, guest.vmid).await?;
            if is_on(&options) {
                let kind = if guest.kind == GuestKind::Qemu { "VM" } else { "CT" };
                let name = guest.name.clone().unwrap_or_else(|| kind.to_owned());
                found.dormant.insert(guest.vmid, name);
            }
        }
        Ok(found)
    }

    /// Switches the datacenter's firewall on, with policies that let everything of the nodes pass: only guests filter.
    /// False where it is on by now.
    ///
    /// # Errors
    /// What Proxmox VE says, also where somebody changed the options meanwhile.
    pub async fn enable_datacenter_firewall(&self) -> Result<bool, String> {
        self.enable().await.map_err(|error| error.to_string())
    }

    async fn enable(&self) -> Result<bool, PveError> {
        let options = self.client().cluster_firewall_options().await?;
        if is_on(&options) {
            return Ok(false);
        }
        let set = [("enable", "1"), ("policy_in", "ACCEPT"), ("policy_out", "ACCEPT")];
        let set = set.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let _turn = self.firewall_turn().await;
        self.client().set_cluster_firewall_options(&set, &options.digest).await?;
        Ok(true)
    }
}

/// `enable` of the datacenter is a time stamp or a number in old files; everything but 0 and nothing is on.
fn is_on(options: &FirewallOptions) -> bool {
    options.options.get("enable").is_some_and(|value| value != "0" && !value.is_empty())
}
