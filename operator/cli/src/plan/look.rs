//! One look at a Proxmox VE cluster, with the operator's own client behind a fence that is shut.

use super::estate::Given;
use std::collections::BTreeSet;
use std::sync::Arc;
use zentoria_api::wire::ACKNOWLEDGE_ANNOTATION;
use zentoria_core::cluster::{gate, identity, permissions};
use zentoria_core::estate::annotation;
use zentoria_ops::cluster::{Cluster, Dialer, Observer, Outside, RequestRecord, connect};
use zentoria_types::vmid::Vmid;

/// A cluster that was looked at.
pub struct Looked {
    /// The cluster, with the inventory of the look.
    pub pve: Arc<Cluster>,
    /// Proxmox VE's version.
    pub version: String,
    /// VMIDs of all guests.
    pub present: BTreeSet<Vmid>,
}

struct Nobody;

impl Observer for Nobody {
    fn on_request(&self, _record: &RequestRecord<'_>) {}
}

/// Nothing can be written by it, whatever is asked.
fn read_only(dialer: Dialer) -> Outside {
    Outside { dialer, fence: Arc::new(|| false), observer: Arc::new(|_| Arc::new(Nobody)) }
}

/// Connects and looks.
///
/// # Errors
/// Why the operator would do nothing there: it cannot connect, may not see, or is held by a breaker.
pub async fn look(name: &str, given: Given, dialer: Dialer) -> Result<(Looked, zentoria_api::ProxmoxCluster), String> {
    let Given { object, access } = given;
    let access = access?;
    let pve = connect(name, &object.spec, access, &read_only(dialer), Arc::new(|_| {}));
    let pve = Arc::new(pve.map_err(|error| error.to_string())?);
    let asked = async {
        let glance = pve.glance().await?;
        let held = pve.permissions().await?;
        let look = pve.look().await?;
        Ok::<_, zentoria_ops::cluster::PollError>((glance, held, look))
    };
    let (glance, held, look) = asked.await.map_err(|error| format!("{}: {}", error.reason, error.message))?;
    let missing = permissions::missing(&object.spec, &held, &pve.zones());
    let shut = gate::shut(&missing, glance.quorate);
    pve.set_permissions(held, missing);
    if let Some(why) = shut {
        return Err(why);
    }
    let acknowledged = annotation(&object.metadata, ACKNOWLEDGE_ANNOTATION);
    if let Some(status) = &object.status {
        let other =
            status.identity.as_ref().and_then(|before| identity::changed(before, &glance.identity, acknowledged));
        let breaker = other.or_else(|| status.breaker.clone());
        if let Some(breaker) = breaker.filter(|breaker| acknowledged != Some(breaker.digest.as_str())) {
            return Err(format!("{}: {}", breaker.reason, breaker.message));
        }
    }
    pve.publish(&look);
    Ok((Looked { present: look.present(), pve, version: glance.version }, object))
}
