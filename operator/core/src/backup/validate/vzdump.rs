//! Policies of vzdump.

use crate::backup::surroundings::{ContainerSeen, Surroundings};
use crate::backup::want::{VzdumpGuest, WantVzdump};
use crate::cluster::access::selects;
use std::collections::BTreeMap;
use zentoria_api::backup::{VzdumpMode, VzdumpSource};
use zentoria_api::conditions::PolicyReason;

type Refused = (PolicyReason, String);

/// Looks up what a policy of vzdump matches.
pub(super) fn want(source: &VzdumpSource, around: &Surroundings) -> Result<WantVzdump, Refused> {
    let VzdumpSource { selector, mode, storage } = source;
    let matched: BTreeMap<&String, &ContainerSeen> =
        around.containers.iter().filter(|(_, seen)| selects(selector, &seen.labels)).collect();
    if matched.is_empty() {
        let message = "spec.source.vzdump.selector selects no ZentoriaContainer of this namespace: change it, or label the \
                       containers";
        return Err((PolicyReason::MatchesNothing, message.to_owned()));
    }
    match (mode, storage) {
        (VzdumpMode::Observe, _) => {}
        (VzdumpMode::PveJob | VzdumpMode::Operator, None) => {
            let message = "spec.source.vzdump.storage is missing: name the storage that vzdump writes to";
            return Err((PolicyReason::InvalidSpec, message.to_owned()));
        }
        (VzdumpMode::PveJob | VzdumpMode::Operator, Some(storage)) => allowed(storage, &matched, around)?,
    }
    let guests = matched
        .into_iter()
        .map(|(name, seen)| (name.clone(), VzdumpGuest { cluster: seen.cluster.clone(), vmid: seen.vmid }))
        .collect();
    Ok(WantVzdump { mode: *mode, storage: storage.clone(), guests })
}

/// That the namespace may write to the storage, on every cluster of its containers.
fn allowed(
    storage: &String,
    matched: &BTreeMap<&String, &ContainerSeen>,
    around: &Surroundings,
) -> Result<(), Refused> {
    for (container, seen) in matched {
        let cluster = &seen.cluster;
        let why = match around.grants.get(cluster) {
            None => continue,
            Some(Ok(grant)) if grant.storages.contains(storage) => continue,
            Some(Ok(_)) => "access[].allow.storages does not name it".to_owned(),
            Some(Err(why)) => why.clone(),
        };
        let message = format!(
            "spec.source.vzdump.storage {storage:?}: this namespace may not write to it on the ProxmoxCluster {cluster} (of \
             {container}): {why}"
        );
        return Err((PolicyReason::NotAllowed, message));
    }
    Ok(())
}
