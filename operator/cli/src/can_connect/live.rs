//! The same question about what Proxmox VE really holds.

use super::judge::{self, Side};
use super::party::{Own, Party};
use super::{Asked, asked, said};
use crate::Answer;
use crate::error::Error;
use crate::gather::Gathered;
use crate::options::{CanConnect, Plan, To};
use crate::paint::Paint;
use crate::plan;
use crate::plan::estate::{Estate, Given};
use crate::plan::look::look;
use std::collections::BTreeMap;
use zentoria_core::container::want::{Identity, Key};
use zentoria_core::estate::vmid_of;
use zentoria_core::firewall::evaluate::{Datacenter, Guest, Interface, Packet, decide};
use zentoria_core::firewall::guest::Way;
use zentoria_core::firewall::reach::{Judged, interfaces};
use zentoria_core::firewall::seen::{MARK, Seen};
use zentoria_ops::cluster::{Dialer, dialer};
use zentoria_ops::firewall::act::Stop;
use zentoria_ops::firewall::{Scene, Switch, observe, scene};
use zentoria_types::mark::{ControlPlaneId, EstateId};

/// What one guest holds.
struct Held {
    guest: Guest,
    datacenter: Option<Datacenter>,
}

/// Reads both ends' firewalls and judges.
///
/// # Errors
/// Where the objects or a guest cannot be read, or it is not clear who is meant.
pub async fn run(to: &To, what: &CanConnect) -> Result<Answer, Error> {
    let dialer = dialer(&what.dial_map).map_err(|error| Error::Refused(format!("--dial-map: {error}")))?;
    let plan = Plan {
        filenames: what.from.filenames.clone(),
        operator_namespace: what.operator_namespace.clone(),
        ..Plan::default()
    };
    let Estate { clusters, containers, rules, chosen: _, labels, control_plane: _, problems, notes } =
        plan::read(to, &plan).await?;
    let gathered = Gathered {
        clusters: clusters.iter().map(|(name, given)| (name.clone(), given.object.clone())).collect(),
        containers: containers.iter().map(|container| container.as_ref().clone()).collect(),
        rules,
        labels,
        namespace: to.namespace.clone(),
        problems,
        notes,
    };
    let matrices = gathered.matrices();
    let asked = asked(&gathered, &matrices, what)?;
    let held = held(&asked, clusters, &dialer).await?;
    let findings =
        judge::judged(&asked.from, &asked.to, &asked.port, &|own, way, packet| side(&held, own, way, packet))?;
    said(&gathered, &asked, &findings, what, Paint::stdout())
}

/// What the guests at both ends hold.
async fn held(
    asked: &Asked<'_>,
    mut clusters: BTreeMap<String, Given>,
    dialer: &Dialer,
) -> Result<BTreeMap<Key, Held>, Error> {
    let mut all = BTreeMap::new();
    let mut looked = BTreeMap::new();
    for own in [&asked.from, &asked.to].into_iter().filter_map(|party: &Party<'_>| party.container) {
        let name = own.object.spec.cluster_ref.name.clone();
        if let Some(given) = clusters.remove(&name) {
            let look = look(&name, given, dialer.clone()).await;
            looked.insert(name.clone(), look.map_err(|why| Error::Refused(format!("ProxmoxCluster {name}: {why}")))?);
        }
        let Some((pve, cluster)) = looked.get(&name).map(|(looked, cluster)| (&looked.pve, cluster)) else { continue };
        let refused = |why: String| Error::Refused(format!("{}: {why}", own.key()));
        let vmid = vmid_of(own.object).ok_or_else(|| refused("it has no guest yet".to_owned()))?;
        let estate = EstateId::new(cluster.spec.estate_id.clone()).map_err(|error| refused(error.to_string()))?;
        let control_plane = ControlPlaneId::new("unknown").map_err(|error| refused(error.to_string()))?;
        let identity = Identity { estate, key: own.key(), control_plane };
        // Its configuration says which interfaces pass through the firewall.
        pve.resync(std::time::Duration::MAX).await;
        let scene = scene(pve, &identity, vmid)
            .ok_or_else(|| refused(format!("guest {vmid} is not listed by Proxmox VE, or its node is offline")))?;
        let seen = observe(pve, &scene.node, vmid).await.map_err(|stop| match stop {
            Stop::Say(reason, why) => refused(format!("{reason}: {why}")),
            Stop::Replan(why) => refused(why),
            Stop::Fenced => refused("it cannot be read".to_owned()),
        })?;
        let datacenter = match pve.datacenter_firewall().await {
            Switch::Off => Some(Datacenter { enabled: false, ..Datacenter::default() }),
            Switch::On | Switch::Unknown(_) => None,
        };
        all.insert(own.key(), Held { guest: guest(own, &scene, seen), datacenter });
    }
    Ok(all)
}

/// What was read, as the evaluator takes it.
fn guest(own: Own<'_>, scene: &Scene, seen: Seen) -> Guest {
    let addresses = own.matrix.estate.containers.get(&own.key()).map(|c| c.addresses.clone()).unwrap_or_default();
    let mut placed: Vec<Interface> = interfaces(own.object, &addresses);
    for (interface, spec) in placed.iter_mut().zip(&own.object.spec.network.interfaces) {
        interface.firewall = !scene.unfiltered.contains(&spec.name);
        if let Some(slot) = scene.slots.get(&spec.name) {
            interface.name = format!("net{slot}");
        }
    }
    Guest {
        name: own.key().name,
        interfaces: placed,
        options: seen.options,
        rules: seen.rules.into_iter().map(|rule| rule.fields).collect(),
        ipsets: seen.ipsets.into_iter().map(|(name, set)| (name.0, set.entries)).collect(),
        aliases: seen.aliases,
    }
}

fn side(held: &BTreeMap<Key, Held>, own: Own<'_>, way: Way, packet: &Packet) -> Side {
    let key = own.key();
    let not_known = |why: &str| Judged::NotKnown(why.to_owned());
    let Some(Held { guest, datacenter }) = held.get(&key) else {
        let judged = not_known("its ProxmoxCluster was not looked at");
        return Side { guest: key, way, judged, owners: Vec::new(), mode: None };
    };
    let address = match way {
        Way::In => packet.dest,
        Way::Out => packet.source,
    };
    let has = |i: &&Interface| i.addresses.contains(&address) || i.more.iter().any(|net| net.contains(&address));
    let Some(interface) = guest.interfaces.iter().find(has) else {
        return Side {
            guest: key,
            way,
            judged: not_known("no interface has this address"),
            owners: Vec::new(),
            mode: None,
        };
    };
    let decision = decide(datacenter.as_ref(), guest, interface, way, packet);
    let comment = decision.rule.and_then(|index| guest.rules.get(index)).and_then(|rule| rule.get("comment"));
    let owners =
        own.matrix.compiled.guests.get(&key).zip(comment).and_then(|(guest, comment)| guest.owners.get(comment));
    let owners = match (owners, comment.and_then(|comment| comment.strip_prefix(MARK))) {
        (Some(owners), _) => owners.iter().cloned().collect(),
        (None, Some(ours)) => vec![ours.split('#').next().unwrap_or(ours).to_owned()],
        (None, None) => Vec::new(),
    };
    Side { guest: key, way, judged: Judged::By(decision), owners, mode: None }
}
