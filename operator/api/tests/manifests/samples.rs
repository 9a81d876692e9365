//! The samples are what the API takes, and are numbered.

use crate::documents::{Document, containers, read, rules, workspace};
use zentoria_api::common::Mode;
use zentoria_api::container::{Adoption, DeletionPolicy, Source};
use zentoria_api::firewall::{Action, Direction};

fn samples() -> Vec<String> {
    let dir = std::fs::read_dir(workspace().join("manifests/samples")).expect("the directory of samples");
    let mut names: Vec<String> = dir
        .map(|entry| format!("manifests/samples/{}", entry.expect("an entry").file_name().to_string_lossy()))
        .collect();
    names.sort();
    names
}

#[test]
fn every_sample_is_read_strictly_and_says_what_it_is() {
    assert!(samples().len() >= 4);
    for (index, path) in samples().iter().enumerate() {
        assert!(path.starts_with(&format!("manifests/samples/{:02}-", index + 1)), "{path}");
        assert!(!read(path).is_empty(), "{path}");
        let text = std::fs::read_to_string(workspace().join(path)).expect("a sample");
        assert!(text.starts_with("# "), "{path}: no comment at its top");
    }
}

#[test]
fn samples_only_look_and_destroy_nothing() {
    for document in samples().iter().flat_map(|path| read(path)) {
        match document {
            Document::Cluster(cluster) => assert_eq!(cluster.spec.mode, Mode::Observe),
            Document::Container(container) => assert_eq!(container.spec.deletion_policy, DeletionPolicy::Retain),
            Document::Policy(policy) => {
                // Proxmox VE is only looked at.
                if let zentoria_api::backup::Source::Vzdump(vzdump) = policy.spec.source {
                    assert_eq!(vzdump.mode, zentoria_api::backup::VzdumpMode::Observe);
                }
            }
            Document::Restore(restore) => {
                assert!(!matches!(restore.spec.into, zentoria_api::backup::Into::Source(_)), "nothing is written over");
            }
            Document::Model(model) => {
                assert_eq!(model.spec.deletion_policy, zentoria_api::model::ModelDeletion::Retain);
            }
            Document::Rule(_) | Document::Repository(_) | Document::Namespace => {}
        }
    }
}

#[test]
fn there_is_a_sample_for_each_way_to_get_a_guest() {
    let all: Vec<_> = samples().iter().flat_map(|path| containers(path)).collect();
    assert!(all.iter().any(|c| c.spec.adoption == Adoption::IfExists && c.spec.source.is_none()));
    assert!(all.iter().any(|c| matches!(c.spec.source, Some(Source::Template(_)))));
    assert!(all.iter().any(|c| matches!(c.spec.source, Some(Source::Clone(_)))));
}

#[test]
fn there_is_a_sample_for_each_kind_of_peer_and_action() {
    let all: Vec<_> = samples().iter().flat_map(|path| rules(path)).map(|rule| rule.spec).collect();
    let peers: Vec<_> = all.iter().flat_map(|rule| rule.from.iter().chain(&rule.to)).collect();
    assert!(peers.iter().any(|peer| peer.container.is_some()));
    assert!(peers.iter().any(|peer| peer.selector.is_some() && peer.namespace_selector.is_none()));
    assert!(peers.iter().any(|peer| peer.selector.is_some() && peer.namespace_selector.is_some()));
    assert!(peers.iter().any(|peer| peer.zone.is_some()));
    assert!(peers.iter().any(|peer| peer.host.is_some()));
    assert!(peers.iter().any(|peer| peer.cidr.is_some()));
    assert!(peers.iter().any(|peer| peer.any.is_some()));
    assert!(peers.iter().any(|peer| peer.external.is_some()));
    assert!(peers.iter().any(|peer| peer.all.is_some()));
    assert!(all.iter().any(|rule| rule.direction == Direction::Egress));
    assert!(all.iter().any(|rule| rule.action == Action::Reject && rule.log.is_some()));
    assert!(all.iter().any(|rule| rule.ports.is_empty()));
}
