//! Which cluster answers? Another one than before stops all writes.

use crate::digest::of_parts;
use zentoria_api::cluster::{Breaker, ClusterIdentity};

/// A breaker where `now` is another cluster than `before`. Nodes may come and go; a name may not change, nor may every
/// known node be gone.
#[must_use]
pub fn changed(before: &ClusterIdentity, now: &ClusterIdentity, acknowledged: Option<&str>) -> Option<Breaker> {
    let common = before.nodes.iter().any(|node| now.nodes.contains(node));
    let same = before.name == now.name && common;
    // A single node that becomes the first of a cluster takes the cluster's name.
    let joined = before.nodes.len() == 1 && before.nodes.first() == Some(&before.name) && common;
    if same || joined {
        return None;
    }
    let digest = of_parts(["IdentityChanged", &now.name].into_iter().chain(now.nodes.iter().map(String::as_str)));
    if acknowledged == Some(digest.as_str()) {
        return None;
    }
    let message = format!(
        "the endpoints lead to cluster {} ({}) now, and led to {} ({}) before. Nothing is written. If that is meant, \
         annotate this ProxmoxCluster with zentoria.ai/acknowledge={digest}",
        now.name,
        now.nodes.join(", "),
        before.name,
        before.nodes.join(", "),
    );
    Some(Breaker { reason: "IdentityChanged".into(), message, digest, missing: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str, nodes: &[&str]) -> ClusterIdentity {
        ClusterIdentity { name: name.into(), nodes: nodes.iter().map(|node| (*node).into()).collect() }
    }

    #[test]
    fn nodes_come_and_go_but_a_cluster_keeps_its_name() {
        let home = identity("home", &["pve1", "pve2"]);
        let cases = [
            (identity("home", &["pve1", "pve2", "pve3"]), false),
            (identity("home", &["pve2"]), false),
            (identity("other", &["pve1", "pve2"]), true),
            (identity("home", &["x"]), true),
        ];
        for (now, breaks) in cases {
            assert_eq!(changed(&home, &now, None).is_some(), breaks, "{now:?}");
        }
        assert_eq!(changed(&identity("pve1", &["pve1"]), &identity("home", &["pve1", "pve2"]), None), None);
    }

    #[test]
    fn an_acknowledged_change_is_accepted() {
        let (before, now) = (identity("home", &["a"]), identity("other", &["b"]));
        let breaker = changed(&before, &now, None).unwrap();
        assert_eq!(changed(&before, &now, Some(&breaker.digest)), None);
    }
}
