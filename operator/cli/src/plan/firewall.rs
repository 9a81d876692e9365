//! What would be written to the firewalls of the guests: by the operator's own compiler, look and plan.

use super::judge::{Outcome, Row};
use super::look::Looked;
use std::collections::BTreeMap;
use std::sync::Arc;
use zentoria_api::common::Mode;
use zentoria_api::container::ChangeClass;
use zentoria_api::firewall::{FirewallMode, ForeignRules};
use zentoria_api::{FirewallRule, ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::step::Target;
use zentoria_core::container::want::{Identity, Key};
use zentoria_core::estate::key_of;
use zentoria_core::firewall::compile::CompiledGuest;
use zentoria_core::firewall::enforce::plan;
use zentoria_core::firewall::seen::Seen;
use zentoria_core::firewall::suspended::without;
use zentoria_core::firewall::{compile, estate};
use zentoria_ops::firewall::act::Stop;
use zentoria_ops::firewall::{Switch, observe, scene};
use zentoria_types::mark::{ControlPlaneId, EstateId};

/// What lies ahead of the firewall of one guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// Its container.
    pub key: Key,
    /// Its guest, where it is known.
    pub vmid: Option<u32>,
    /// Whether it is written, or only looked at.
    pub mode: FirewallMode,
    /// Whether the guest is yet to be made, and holds nothing.
    pub empty: bool,
    /// How many writes it takes: one call of Proxmox VE each.
    pub writes: usize,
    /// The same for people: `+` is missing, `-` is too much, `~` is otherwise.
    pub differences: Vec<String>,
    /// Rules that people made and that stay.
    pub foreign: Vec<String>,
}

impl Firewall {
    /// Whether something would be written.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.mode == FirewallMode::Enforce && self.writes > 0
    }
}

/// What lies ahead of all of them.
#[derive(Debug, Default)]
pub struct Ahead {
    /// One for each guest of which something is to be said.
    pub firewalls: Vec<Firewall>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The objects that firewalls are compiled from.
pub struct Objects<'a> {
    /// The ProxmoxCluster.
    pub cluster: &'a ProxmoxCluster,
    /// Its containers.
    pub containers: &'a [Arc<ZentoriaContainer>],
    /// Firewall rules.
    pub rules: &'a [FirewallRule],
    /// Labels of namespaces.
    pub labels: &'a BTreeMap<String, BTreeMap<String, String>>,
}

/// Compiles, looks at the guests that are there, and plans.
pub async fn ahead(objects: &Objects<'_>, looked: &Looked, rows: &[Row]) -> Ahead {
    let labels = |namespace: &str| objects.labels.get(namespace).cloned().unwrap_or_default();
    let containers = objects.containers.iter().map(AsRef::as_ref);
    let compiled = compile(&estate(objects.cluster, containers, objects.rules, &labels));
    let cluster = objects.cluster.metadata.name.clone().unwrap_or_default();
    let mut ahead = Ahead::default();
    // One note for all guests of which the same is said.
    let mut unsaid: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let Some(guest) = compiled.guests.get(&row.key).filter(|guest| guest.mode != FirewallMode::Off) else {
            continue;
        };
        let Outcome::Course(course) = &row.outcome else { continue };
        if let Err((reason, why)) = &guest.wish {
            unsaid.entry(format!("{reason}: {why}")).or_default().push(row.key.to_string());
            continue;
        }
        let object = objects.containers.iter().find(|container| key_of(container) == row.key);
        let observed =
            object.is_some_and(|object| object.spec.mode.is_some()) || objects.cluster.spec.mode == Mode::Observe;
        let mode = if observed { FirewallMode::Observe } else { guest.mode };
        let made = course.lines.iter().any(|line| line.class == ChangeClass::Create && line.field == "guest");
        let seen = match (&course.target, made) {
            (_, true) | (None, false) => Ok(None),
            (Some(target), false) => match identity(objects.cluster, &row.key) {
                Ok(identity) => look(looked, &identity, target).await.map(Some),
                Err(why) => Err(why),
            },
        };
        match seen {
            Err(why) => ahead.notes.push(format!("firewall of {}: {why}", row.key)),
            // Of a guest that is not to be made and is not there, nothing can be said.
            Ok(None) if !made => {}
            Ok(seen) => {
                let vmid = course.target.as_ref().map(|target| target.vmid.get());
                let foreign = objects.cluster.spec.firewall.foreign_rules;
                let firewall = firewall(row.key.clone(), vmid, mode, guest, seen, foreign);
                if firewall.writes > 0 || !firewall.foreign.is_empty() {
                    ahead.firewalls.push(firewall);
                }
            }
        }
    }
    for (why, guests) in unsaid {
        let who = if let [one] = guests.as_slice() { one.clone() } else { format!("{} containers", guests.len()) };
        ahead.notes.push(format!("firewall of {who}: {why}"));
    }
    if !ahead.firewalls.is_empty() && looked.pve.datacenter_firewall().await == Switch::Off {
        let then = if objects.cluster.spec.firewall.manage_datacenter {
            "the operator switches it on, as firewall.manageDatacenter says, unless rules for nodes are in the way"
        } else {
            "no rule of any guest has effect until it is on"
        };
        ahead.notes.push(format!("the datacenter's firewall of ProxmoxCluster {cluster} is off: {then}"));
    }
    ahead
}

/// What a guest's firewall holds, and where its interfaces are.
async fn look(looked: &Looked, identity: &Identity, target: &Target) -> Result<(Seen, BTreeMap<String, u32>), String> {
    let seen = observe(&looked.pve, &target.node, target.vmid).await.map_err(|stop| match stop {
        Stop::Say(reason, why) => format!("{reason}: {why}"),
        Stop::Replan(why) => why,
        Stop::Fenced => "it cannot be read".to_owned(),
    })?;
    // Whose guest it is has been judged already: only the interfaces are asked for here.
    let slots = scene(&looked.pve, identity, target.vmid).map(|scene| scene.slots);
    Ok((seen, slots.unwrap_or_default()))
}

/// Whose interfaces are asked for.
fn identity(cluster: &ProxmoxCluster, key: &Key) -> Result<Identity, String> {
    let estate = EstateId::new(cluster.spec.estate_id.clone()).map_err(|error| format!("spec.estateId: {error}"))?;
    let control_plane = ControlPlaneId::new("unknown").map_err(|error| error.to_string())?;
    Ok(Identity { estate, key: key.clone(), control_plane })
}

fn firewall(
    key: Key,
    vmid: Option<u32>,
    mode: FirewallMode,
    guest: &CompiledGuest,
    seen: Option<(Seen, BTreeMap<String, u32>)>,
    foreign: ForeignRules,
) -> Firewall {
    let empty = seen.is_none();
    let (seen, slots) = seen.unwrap_or_default();
    let seen = without(seen, &guest.suspended);
    let (writes, differences, foreign) = match guest.wish_at(&slots) {
        Ok(wish) => {
            let plan = plan(&wish, &seen, foreign);
            let foreign = plan.foreign.into_iter().map(|rule| match rule.widens {
                Some(widens) => format!("{} ({widens})", rule.text),
                None => rule.text,
            });
            (plan.steps.len(), plan.differences, foreign.collect())
        }
        Err(_) => (0, Vec::new(), Vec::new()),
    };
    Firewall { key, vmid, mode, empty, writes, differences, foreign }
}
