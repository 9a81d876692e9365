//! A guest made from an OCI image.

use super::template::from_volume;
use super::{made_from, making, not_found};
use crate::container::plan::placing;
use crate::container::pull::{Fetch, fetch, image_volume, image_volume_of_pve};
use crate::container::seen::Seen;
use crate::container::step::{Create, Plan, Step, Verdict};
use crate::container::want::Want;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::Origin;
use zentoria_types::names::StorageName;
use zentoria_types::vmid::Vmid;

/// The plan: the image is there, or is pulled first. What it is run with is set before the first start: Proxmox VE puts
/// the image's own entry point and environment over those of the call that makes the guest.
pub(super) fn create(
    want: &Want,
    seen: &Seen,
    vmid: Vmid,
    reference: &str,
    storage: &StorageName,
    pull: bool,
) -> Result<Plan, Verdict> {
    can(seen)?;
    let node = placing::node(want, seen)?;
    let own = image_volume(storage, reference);
    let by_hand = image_volume_of_pve(storage, reference);
    let facts = &seen.cluster.nodes[&node];
    let has = |volume: &String| facts.templates.as_ref().is_none_or(|known| known.contains(volume));
    // What a person pulled may be another registry's image of that name: it is taken where the spec says that people pull.
    let volume = if pull || has(&own) { own } else { by_hand };
    let step = from_volume(want, seen, vmid, &node, &volume)?;
    match (has(&volume), pull) {
        (true, _) => {
            let step = Create { origin: Origin::Image, defaults: made_from(want, reference), ..step };
            Ok(making(vmid, node, Step::Create(step)))
        }
        (false, true) => Ok(fetch(Fetch::image(&volume, reference), &node, facts, &seen.pull, vmid)),
        (false, false) => Err(not_found(format!(
            "image {reference} is not on storage {storage} of node {node} (as {volume}): pull it there in the web \
             interface, or set source.image.pull: IfNotPresent"
        ))),
    }
}

fn can(seen: &Seen) -> Result<(), Verdict> {
    if seen.cluster.capabilities.oci {
        return Ok(());
    }
    let version = &seen.cluster.version;
    if version.is_empty() {
        return Err(Verdict::new(ContainerReason::PveError, "what this Proxmox VE can do is not known yet"));
    }
    let message = format!(
        "Proxmox VE {version} cannot make guests of OCI images: source.image needs 9.1. Upgrade it, or use \
         source.template"
    );
    Err(Verdict::about(ContainerReason::NotSupported, "source.image", message))
}
