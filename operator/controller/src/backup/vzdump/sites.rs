//! The ProxmoxClusters that a policy has containers on.

use super::{AGAIN, Pass, Sites};
use crate::cluster::registry::Gate;
use crate::context::{Context, reference};
use jiff::Timestamp;
use kube::ResourceExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::ProxmoxCluster;
use zentoria_api::backup::VzdumpMode;
use zentoria_api::common::Mode;
use zentoria_api::conditions::PolicyReason;
use zentoria_core::backup::surroundings::Surroundings;
use zentoria_core::backup::want::WantVzdump;
use zentoria_core::cluster::{access, span};
use zentoria_core::container::want::{Identity, Key};
use zentoria_ops::cluster::Cluster;
use zentoria_types::mark::EstateId;
use zentoria_types::vmid::Vmid;

/// However quiet it is, the storages are looked at so often.
pub(super) const LONGEST: Duration = Duration::from_mins(10);

/// A ProxmoxCluster with containers of the policy.
pub(super) struct Site {
    /// As it is connected.
    pub pve: Arc<Cluster>,
    /// Whose guests these are.
    pub estate: EstateId,
    /// The containers that have a VMID, by name.
    pub guests: BTreeMap<String, Place>,
}

/// A container of the policy.
pub(super) struct Place {
    /// Its uid.
    pub uid: String,
    /// Its VMID.
    pub vmid: Vmid,
    /// When it was created.
    pub created: Timestamp,
    /// Who it is, in its mark.
    pub identity: Identity,
}

/// What the namespace may do on the clusters of its containers.
pub(super) fn add_grants(context: &Context, namespace: &str, around: &mut Surroundings) {
    let labels = context.labels_of(namespace);
    for container in around.containers.values() {
        let name = &container.cluster;
        if around.grants.contains_key(name) {
            continue;
        }
        let grant = match context.cluster(name) {
            None => Err(format!("there is no ProxmoxCluster {name}")),
            Some(cluster) => access::grant(&cluster.spec, &labels, namespace).map_err(|refusal| refusal.message),
        };
        around.grants.insert(name.clone(), grant);
    }
}

impl Pass<'_> {
    /// The clusters of the policy's containers, each as it can be used now.
    pub(super) fn sites(&mut self, want: &WantVzdump) -> Result<Sites, (PolicyReason, String)> {
        let mut names: Vec<&String> = want.guests.values().map(|guest| &guest.cluster).collect();
        names.sort();
        names.dedup();
        let mut sites = Vec::new();
        for name in names {
            let cluster = self.context.cluster(name);
            let cluster =
                cluster.ok_or_else(|| (PolicyReason::NotFound, format!("there is no ProxmoxCluster {name}")))?;
            sites.push(self.site(want, &cluster)?);
        }
        Ok(sites)
    }

    fn site(&mut self, want: &WantVzdump, cluster: &ProxmoxCluster) -> Result<Site, (PolicyReason, String)> {
        let name = cluster.name_any();
        let later = |why: String| Err((PolicyReason::PveError, format!("ProxmoxCluster {name}: {why}")));
        if !self.context.serves(cluster) {
            return later("another operator serves it: give the policy the same label as the cluster".to_owned());
        }
        let pve = match self.context.registry.gate(&name) {
            Some((pve, Gate::Open)) => pve,
            Some((pve, Gate::Breaker(_))) if want.mode == VzdumpMode::Observe => pve,
            Some((_, Gate::Breaker(why) | Gate::Shut(why))) => return later(why),
            Some((_, Gate::Connecting)) | None => {
                self.look_within(AGAIN);
                return later("it is being connected".to_owned());
            }
        };
        if want.mode != VzdumpMode::Observe && cluster.spec.mode == Mode::Observe {
            let why = format!(
                "ProxmoxCluster {name} is in mode Observe, in which nothing is written: set its mode to Enforce, or \
                 spec.source.vzdump.mode to Observe"
            );
            return Err((PolicyReason::NotAllowed, why));
        }
        let Ok(estate) = EstateId::new(cluster.spec.estate_id.clone()) else {
            return Err((PolicyReason::InvalidSpec, format!("spec.estateId of ProxmoxCluster {name} cannot be used")));
        };
        let resync = span::parse(&cluster.spec.poll.full_resync).unwrap_or(LONGEST).clamp(AGAIN / 5, LONGEST);
        self.look_within(resync);
        let guests = want.guests.iter().filter(|(_, guest)| guest.cluster == name);
        let guests = guests.filter_map(|(name, guest)| Some((name.clone(), self.place(cluster, name, guest.vmid?)?)));
        Ok(Site { pve, estate, guests: guests.collect() })
    }

    fn place(&self, cluster: &ProxmoxCluster, name: &str, vmid: u32) -> Option<Place> {
        let key = Key { namespace: self.namespace.clone(), name: name.to_owned() };
        let container = self.context.containers.latest.get(&reference(&key))?;
        Some(Place {
            uid: container.uid()?,
            vmid: Vmid::new(vmid).ok()?,
            created: container.creation_timestamp()?.0,
            identity: self.context.identity(cluster, key)?,
        })
    }
}
