//! What the operator may do in Kubernetes: one table, with the reason of every row.

use std::fmt::Write as _;

/// Where a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In every namespace, and for cluster-scoped objects.
    Cluster,
    /// In the operator's own namespace.
    Own,
}

/// One row: verbs on resources of one API group, and why.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    /// Where.
    pub scope: Scope,
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resources and subresources.
    pub resources: &'static [&'static str],
    /// Verbs.
    pub verbs: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

/// Every right of the operator. There is no other.
pub const RIGHTS: &[Right] = &[
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["proxmoxclusters", "zentoriacontainers"],
        verbs: &["get", "list", "watch", "patch"],
        why: "patch: the finalizer, nothing else of the object",
    },
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["proxmoxclusters/status", "zentoriacontainers/status", "firewallrules/status"],
        verbs: &["patch"],
        why: "what was seen and done",
    },
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["firewallrules"],
        verbs: &["get", "list", "watch"],
        why: "the firewall matrix",
    },
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["backuprepositories", "backuppolicies", "backuprestores"],
        verbs: &["get", "list", "watch"],
        why: "backups: where to, what, and what is brought back",
    },
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["backuprestores"],
        verbs: &["create", "delete"],
        why: "restore drills. delete: of those that have ended, once their report is written",
    },
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["backuppolicies"],
        verbs: &["patch"],
        why: "the finalizer of a policy for which Proxmox VE keeps a job, nothing else of the object",
    },
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["backuprepositories/status", "backuppolicies/status", "backuprestores/status"],
        verbs: &["patch"],
        why: "what was seen and done",
    },
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["modelpulls"],
        verbs: &["get", "list", "watch", "patch"],
        why: "models; patch: the finalizer of one that is deleted with its resource, nothing else of the object",
    },
    Right {
        scope: Scope::Cluster,
        group: zentoria_api::GROUP,
        resources: &["modelpulls/status"],
        verbs: &["patch"],
        why: "what was seen and done",
    },
    Right {
        scope: Scope::Cluster,
        group: "batch",
        resources: &["cronjobs", "jobs"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        why: "the runs of backups, in the namespaces of their objects; watched by our label. delete: the CronJob of a \
              schedule that is no more, and a Job that failed and is tried again",
    },
    Right {
        scope: Scope::Cluster,
        group: "",
        resources: &["configmaps"],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        why: "what each of those Jobs is told, without secrets; watched by our label. delete: with its CronJob",
    },
    Right {
        scope: Scope::Cluster,
        group: "",
        resources: &["pods"],
        verbs: &["get", "list", "watch"],
        why: "how a run ended, from the termination message; whether the holder of a repository's lock is gone",
    },
    Right {
        scope: Scope::Cluster,
        group: "networking.k8s.io",
        resources: &["networkpolicies"],
        verbs: &["get", "list", "watch", "create", "patch"],
        why: "nobody connects to the pods of backups; watched by our label",
    },
    Right {
        scope: Scope::Cluster,
        group: "",
        resources: &["persistentvolumeclaims"],
        verbs: &["get"],
        why: "whether the claim that a repository or a restore names is there",
    },
    Right {
        scope: Scope::Cluster,
        group: "coordination.k8s.io",
        resources: &["leases"],
        verbs: &["get", "create", "patch"],
        why: "one at a time initialises or unlocks a repository: a Lease beside it",
    },
    Right {
        scope: Scope::Cluster,
        group: "",
        resources: &["namespaces"],
        verbs: &["get", "list", "watch"],
        why: "access of a ProxmoxCluster goes by the labels of a namespace; the uid of kube-system is our id",
    },
    Right {
        scope: Scope::Cluster,
        group: "",
        resources: &["secrets"],
        verbs: &["get", "create"],
        why: "the SSH key of a namespace: read under the name that a container gives, generated where it is missing; \
              and whether the Secrets that a backup names have their keys, and tokens and certificates that a ModelPull names, \
              under the names that they give. Never listed, changed or deleted; namespaces are not known at install, so it cannot be a Role",
    },
    Right {
        scope: Scope::Cluster,
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create", "patch"],
        why: "events; patch: a repeated one counts up",
    },
    Right {
        scope: Scope::Own,
        group: "",
        resources: &["secrets"],
        verbs: &["get", "list", "watch"],
        why: "credentials and CA of every ProxmoxCluster, taken up anew when they change",
    },
    Right {
        scope: Scope::Own,
        group: "coordination.k8s.io",
        resources: &["leases"],
        verbs: &["get", "list", "watch", "create", "patch"],
        why: "one replica leads",
    },
];

/// ClusterRole, Role and their bindings.
pub fn yaml(namespace: &str) -> String {
    let mut text = String::new();
    for (scope, prefix) in [(Scope::Cluster, "Cluster"), (Scope::Own, "")] {
        if !text.is_empty() {
            text.push_str("---\n");
        }
        let place = match scope {
            Scope::Cluster => String::new(),
            Scope::Own => format!("\n  namespace: {namespace}"),
        };
        let _ = write!(
            text,
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {prefix}Role\nmetadata:\n  name: zentoria-operator{place}\nrules:\n"
        );
        for right in RIGHTS.iter().filter(|right| right.scope == scope) {
            rule(&mut text, right);
        }
        let _ = write!(
            text,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {prefix}RoleBinding\nmetadata:\n  name: zentoria-operator{place}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {prefix}Role, name: zentoria-operator}}\n\
             subjects:\n  - {{kind: ServiceAccount, name: zentoria-operator, namespace: {namespace}}}\n"
        );
    }
    text
}

fn rule(text: &mut String, Right { scope: _, group, resources, verbs, why }: &Right) {
    let mut line = String::from("  #");
    for word in why.split_whitespace() {
        if line.len() + word.len() >= 120 {
            let _ = writeln!(text, "{line}");
            line = String::from("  #");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = write!(
        text,
        "{line}\n  - apiGroups: [\"{group}\"]\n    resources: [{}]\n    verbs: [{}]\n",
        resources.join(", "),
        verbs.join(", ")
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn no_right_is_wider_than_the_work_needs() {
        for right in RIGHTS {
            let Right { scope, group, resources, verbs, why } = right;
            assert!(!why.is_empty());
            for verb in *verbs {
                let never = ["*", "deletecollection", "update", "escalate", "bind", "impersonate"];
                assert!(!never.contains(verb), "{right:?}");
                if *verb == "delete" {
                    let ours = ["cronjobs", "jobs", "configmaps", "backuprestores"];
                    assert!(resources.iter().all(|resource| ours.contains(resource)), "{right:?}");
                }
            }
            for resource in *resources {
                assert!(!resource.contains('*') && !group.contains('*'), "{right:?}");
                if *resource == "secrets" && *scope == Scope::Cluster {
                    assert_eq!(*verbs, ["get", "create"], "Secrets of all namespaces are never listed");
                }
            }
        }
    }

    #[test]
    fn the_written_roles_are_the_table() {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&yaml("ns")).unwrap();
        let kinds: Vec<&str> = documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]);
        let rules: usize = [0, 2].iter().map(|role| documents[*role]["rules"].as_array().unwrap().len()).sum();
        assert_eq!(rules, RIGHTS.len());
        assert_eq!(documents[2]["metadata"]["namespace"], "ns");
        assert_eq!(documents[0]["rules"][1]["resources"][0], "proxmoxclusters/status");
    }
}
