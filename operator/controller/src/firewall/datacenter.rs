//! The datacenter's firewall: whether it is on, and, where the ProxmoxCluster asks for it, switching it on.

use crate::context::Context;
use crate::runtime::events::{Event, EventType};
use kube::{Resource, ResourceExt};
use std::collections::BTreeSet;
use tracing::info;
use zentoria_api::ProxmoxCluster;
use zentoria_api::common::Mode;
use zentoria_api::firewall::DatacenterFirewall;
use zentoria_ops::cluster::Cluster;
use zentoria_ops::firewall::Switch;
use zentoria_types::vmid::Vmid;

/// Looks at the switch, and switches it on where that is asked for and nothing stands in the way: once status names every
/// guest of others that would wake up with it.
pub(crate) async fn look(
    context: &Context,
    object: &ProxmoxCluster,
    pve: &Cluster,
    may_write: bool,
) -> DatacenterFirewall {
    let before = object.status.as_ref().and_then(|status| status.firewall.clone()).unwrap_or_default();
    let switch = pve.datacenter_firewall().await;
    let mut shown = DatacenterFirewall { state: word(&switch).to_owned(), ..DatacenterFirewall::default() };
    shown.notes = context.firewalls.known(&pve.name).map(|compiled| compiled.notes.clone()).unwrap_or_default();
    match &switch {
        // What woke up with it stays to be read.
        Switch::On => shown.dormant.clone_from(&before.dormant),
        Switch::Unknown(why) => shown.held = Some(why.clone()),
        Switch::Off if object.spec.firewall.manage_datacenter => {
            let on = manage(context, object, pve, may_write, &before, &mut shown).await;
            if on {
                shown.state = word(&Switch::On).to_owned();
                told(context, object, pve.name.as_str(), &Switch::On);
                return shown;
            }
        }
        Switch::Off => {}
    }
    told(context, object, pve.name.as_str(), &switch);
    shown
}

const fn word(switch: &Switch) -> &'static str {
    match switch {
        Switch::On => "Enabled",
        Switch::Off => "Disabled",
        Switch::Unknown(_) => "Unknown",
    }
}

/// Notes the switch; guests whose rules have effect from now on, or none, are looked at.
fn told(context: &Context, object: &ProxmoxCluster, name: &str, switch: &Switch) {
    if context.firewalls.set_switch(name, switch) {
        for container in context.containers_on(&object.name_any()) {
            context.firewalls.wake.wake(kube::runtime::reflector::ObjectRef::from_obj(container.as_ref()));
        }
    }
}

/// Whether it was switched on.
async fn manage(
    context: &Context,
    object: &ProxmoxCluster,
    pve: &Cluster,
    may_write: bool,
    before: &DatacenterFirewall,
    shown: &mut DatacenterFirewall,
) -> bool {
    if !may_write {
        return false;
    }
    let containers = context.containers_on(&object.name_any());
    let ours: BTreeSet<Vmid> = containers
        .iter()
        .filter_map(|container| container.status.as_ref().filter(|status| status.created.is_some())?.vmid)
        .filter_map(|vmid| Vmid::new(vmid.0).ok())
        .collect();
    let obstacles = match pve.datacenter_obstacles(&|vmid| ours.contains(&vmid)).await {
        Ok(obstacles) => obstacles,
        Err(why) => {
            shown.held = Some(format!("what would wake up with it cannot be read: {why}"));
            return false;
        }
    };
    shown.dormant = obstacles.dormant.iter().map(|(vmid, name)| format!("{vmid} {name}")).collect();
    if !obstacles.host_rules.is_empty() {
        let rules = obstacles.host_rules.join(", ");
        shown.held = Some(format!(
            "there are rules for nodes ({rules}), which would wake up with it: remove them, or switch it on by hand"
        ));
        return false;
    }
    if object.spec.mode == Mode::Observe {
        shown.held = Some("mode is Observe".to_owned());
        return false;
    }
    if before.dormant != shown.dormant || before.state != word(&Switch::Off) {
        // The next look switches it on: by then everybody can read whom it concerns.
        return false;
    }
    match pve.enable_datacenter_firewall().await {
        Ok(by_us) => {
            if by_us {
                info!(cluster = pve.name, "the datacenter's firewall was switched on");
                let woken = if shown.dormant.is_empty() { "none".to_owned() } else { shown.dormant.join(", ") };
                let note = format!(
                    "the firewall of the datacenter was switched on with policies ACCEPT for the nodes; guests of others \
                     whose own rules have effect now: {woken}"
                );
                let (reason, action) = ("DatacenterFirewallEnabled".into(), "Enable".into());
                context
                    .events
                    .publish(object.object_ref(&()), Event { type_: EventType::Normal, reason, action, note });
            }
            true
        }
        Err(why) => {
            shown.held = Some(format!("it cannot be switched on: {why}"));
            false
        }
    }
}
