//! A guest made from a template.

use super::{description, made_from, making, not_found, root_storage};
use crate::container::interfaces::offered;
use crate::container::options::for_creation;
use crate::container::plan::{mounts, placing};
use crate::container::pull::{Fetch, fetch};
use crate::container::seen::Seen;
use crate::container::step::{Create, Plan, Step, Verdict};
use crate::container::want::{Download, Want};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::Origin;
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// The plan: the template is there, or is fetched first.
pub(super) fn create(
    want: &Want,
    seen: &Seen,
    vmid: Vmid,
    volume: &str,
    download: Option<&Download>,
) -> Result<Plan, Verdict> {
    let node = placing::node(want, seen)?;
    let step = from_volume(want, seen, vmid, &node, volume)?;
    let facts = &seen.cluster.nodes[&node];
    let is_missing = facts.templates.as_ref().is_some_and(|known| !known.contains(volume));
    match (is_missing, download) {
        (false, _) => Ok(making(vmid, node, Step::Create(step))),
        (true, Some(download)) => Ok(fetch(Fetch::template(volume, download), &node, facts, &seen.pull, vmid)),
        (true, None) => Err(not_found(format!(
            "template {volume} does not exist on node {node}: upload it once (pveam download, or the web interface), \
             correct the name, or give source.template a url and a checksum"
        ))),
    }
}

/// The step that makes a guest of a volume, be it a template or an image.
pub(super) fn from_volume(
    want: &Want,
    seen: &Seen,
    vmid: Vmid,
    node: &NodeName,
    volume: &str,
) -> Result<Create, Verdict> {
    let (Some(_), Some(disk)) = (&want.storage, want.disk) else {
        return Err(Verdict::new(
            ContainerReason::InvalidSpec,
            "a new guest needs rootDisk.size, and rootDisk.storage or defaults.storage of the ProxmoxCluster",
        ));
    };
    let storage = root_storage(want)?;
    offered(&want.options, seen, node)?;
    let mut options = for_creation(&want.options, description(want, vmid));
    options.insert("rootfs".into(), format!("{storage}:{}", disk.as_gib_exact().unwrap_or_default()));
    options.insert("unprivileged".into(), u8::from(want.unprivileged).to_string());
    options.extend(mounts::for_creation(want, seen, node)?);
    Ok(Create {
        template: volume.to_owned(),
        options,
        ssh_keys: seen.ssh_keys.clone(),
        defaults: made_from(want, volume),
        storage: storage.to_string(),
        pool: want.pool.clone(),
        origin: Origin::Template,
    })
}
