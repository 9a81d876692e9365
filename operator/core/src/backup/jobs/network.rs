//! What the pods of Jobs may connect to.

use crate::backup::want::Owner;
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use std::collections::BTreeMap;
use zentoria_api::wire::{BACKUP_REPOSITORY_LABEL, CONTROLLER_NAME};

/// Everything but the addresses at which clouds hand out credentials. Sources and repositories are named by names, so that
/// their own addresses are not known here.
const EGRESS: [(&str, &str); 2] = [("0.0.0.0/0", "169.254.169.254/32"), ("::/0", "fd00:ec2::254/128")];

pub(super) fn policy(owner: &Owner, repository: &str, name: String) -> NetworkPolicy {
    let label = BTreeMap::from([(BACKUP_REPOSITORY_LABEL.to_owned(), repository.to_owned())]);
    let peers = EGRESS.map(|(cidr, except)| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: cidr.to_owned(), except: Some(vec![except.to_owned()]) }),
        ..NetworkPolicyPeer::default()
    });
    let managed = [("app.kubernetes.io/managed-by".to_owned(), CONTROLLER_NAME.to_owned())];
    NetworkPolicy {
        metadata: ObjectMeta {
            labels: Some(managed.into_iter().chain(label.clone()).collect()),
            name: Some(name),
            namespace: Some(owner.namespace.clone()),
            owner_references: Some(vec![owner.reference()]),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            egress: Some(vec![NetworkPolicyEgressRule { ports: None, to: Some(peers.to_vec()) }]),
            ingress: None,
            pod_selector: Some(LabelSelector { match_expressions: None, match_labels: Some(label) }),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        }),
    }
}
