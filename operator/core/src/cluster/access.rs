//! Which namespaces may use a cluster, and what for.

use crate::container::want::{Grant, Refusal};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;
use std::num::ParseIntError;
use zentoria_api::cluster::{Access, ProxmoxClusterSpec, VlanRangeField};
use zentoria_api::conditions::ContainerReason;
use zentoria_types::size::Bytes;
use zentoria_types::vmid::Vmid;

/// What a namespace with these labels may do: all entries that select it, together.
///
/// # Errors
/// Where no entry selects it (no entry, no access), or an entry cannot be read.
pub fn grant(
    cluster: &ProxmoxClusterSpec,
    labels: &BTreeMap<String, String>,
    namespace: &str,
) -> Result<Grant, Refusal> {
    let mut grant = Grant::default();
    let mut selected = false;
    for access in cluster.access.iter().filter(|access| selects(&access.namespace_selector, labels)) {
        selected = true;
        add(&mut grant, access)?;
    }
    if selected {
        return Ok(grant);
    }
    let message = format!(
        "no entry of access of the ProxmoxCluster selects namespace {namespace}: add one, or label the namespace"
    );
    Err(Refusal { reason: ContainerReason::AccessDenied, message })
}

fn add(grant: &mut Grant, access: &Access) -> Result<(), Refusal> {
    let Access { namespace_selector: _, vmid_ranges, cidrs, quota, allow } = access;
    let invalid = |field: &str, text: &str, error: &dyn std::fmt::Display| Refusal {
        reason: ContainerReason::AccessDenied,
        message: format!("access[].{field} of the ProxmoxCluster holds {text:?}, which cannot be read: {error}"),
    };
    for range in vmid_ranges {
        grant.vmids.push(range.0.parse().map_err(|error| invalid("vmidRanges", &range.0, &error))?);
    }
    for cidr in cidrs {
        grant.cidrs.push(cidr.parse().map_err(|error| invalid("cidrs", cidr, &error))?);
    }
    grant.storages.extend(allow.storages.iter().cloned());
    grant.bridges.extend(allow.bridges.iter().cloned());
    grant.clone_sources.extend(allow.clone_sources.iter().filter_map(|vmid| Vmid::new(vmid.0).ok()));
    grant.features.extend(allow.features.iter().copied());
    grant.privileged |= allow.privileged;
    for range in &allow.vlans {
        grant.vlans.push(vlans(range).map_err(|error| invalid("allow.vlans", &range.0, &error))?);
    }
    grant.bind_paths.extend(allow.bind_paths.iter().cloned());
    grant.devices.extend(allow.devices.iter().cloned());
    grant.hookscripts.extend(allow.hookscripts.iter().cloned());
    grant.download_hosts.extend(allow.download_hosts.iter().cloned());
    grant.pools.extend(allow.pools.iter().cloned());
    for size in quota.iter().flat_map(|quota| quota.memory.iter().chain(&quota.disk)) {
        Bytes::parse_quantity(&size.0).map_err(|error| invalid("quota", &size.0, &error))?;
    }
    grant.quotas.extend(quota.clone());
    Ok(())
}

/// The first and the last tag of a range.
pub(super) fn vlans(range: &VlanRangeField) -> Result<(u32, u32), ParseIntError> {
    let (first, last) = range.0.split_once('-').unwrap_or((&range.0, &range.0));
    Ok((first.parse()?, last.parse()?))
}

/// Whether a label selector selects these labels. An unknown operator selects nothing.
#[must_use]
pub fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let by_labels =
        selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key).is_some_and(|have| have == value));
    let by_expressions = selector.match_expressions.iter().flatten().all(|expression| {
        let have = labels.get(&expression.key);
        let listed = |have: &String| expression.values.iter().flatten().any(|value| value == have);
        match expression.operator.as_str() {
            "In" => have.is_some_and(listed),
            "NotIn" => !have.is_some_and(listed),
            "Exists" => have.is_some(),
            "DoesNotExist" => have.is_none(),
            _ => false,
        }
    });
    by_labels && by_expressions
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

    fn labels(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn expression(key: &str, operator: &str, values: &[&str]) -> LabelSelector {
        let values = Some(values.iter().map(|value| (*value).to_owned()).collect());
        let requirement = LabelSelectorRequirement { key: key.into(), operator: operator.into(), values };
        LabelSelector { match_expressions: Some(vec![requirement]), match_labels: None }
    }

    #[test]
    fn an_empty_selector_selects_every_namespace() {
        assert!(selects(&LabelSelector::default(), &labels(&[])));
    }

    #[test]
    fn selectors_follow_the_rules_of_kubernetes() {
        let team = labels(&[("team", "a")]);
        let cases = [
            (expression("team", "In", &["a", "b"]), true),
            (expression("team", "NotIn", &["a"]), false),
            (expression("other", "NotIn", &["a"]), true),
            (expression("team", "Exists", &[]), true),
            (expression("team", "DoesNotExist", &[]), false),
            (expression("team", "Resembles", &["a"]), false),
        ];
        for (selector, selected) in cases {
            assert_eq!(selects(&selector, &team), selected, "{selector:?}");
        }
    }
}
