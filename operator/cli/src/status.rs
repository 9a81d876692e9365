//! `status`: the estate on one screen.

mod cluster;
mod containers;

use crate::Answer;
use crate::connect::connect;
use crate::error::Error;
use crate::object;
use crate::options::{Status, To};
use jiff::Timestamp;
use kube::ResourceExt;
use std::collections::BTreeSet;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};

/// Reads the estate and shows it.
///
/// # Errors
/// Where it cannot be read.
pub async fn run(to: &To, what: &Status) -> Result<Answer, Error> {
    let api = connect(to).await?;
    let objects = match what.all_namespaces {
        true => kube::Api::<ZentoriaContainer>::all(api.client.clone()),
        false => object::containers(&api),
    };
    let containers = object::list(&objects, "the containers").await?;
    let mut clusters = object::list(&object::clusters(&api), "the ProxmoxClusters").await?;
    if !what.all_namespaces {
        let named: BTreeSet<&str> = containers.iter().map(|c| c.spec.cluster_ref.name.as_str()).collect();
        if !named.is_empty() {
            clusters.retain(|cluster| named.contains(cluster.name_any().as_str()));
        }
    }
    let empty = containers.is_empty() && !what.all_namespaces;
    let mut page = screen(&clusters, &containers, Timestamp::now());
    if empty {
        page.push_str(&format!("namespace {} has no containers; -A shows all namespaces\n", api.namespace));
    }
    Ok(Answer::done(page))
}

/// The screen.
#[must_use]
pub fn screen(clusters: &[ProxmoxCluster], containers: &[ZentoriaContainer], now: Timestamp) -> String {
    let mut page = String::new();
    for cluster in clusters {
        page.push_str(&cluster::header(cluster));
    }
    let namespaces: BTreeSet<String> = containers.iter().filter_map(ResourceExt::namespace).collect();
    for namespace in &namespaces {
        let here: Vec<&ZentoriaContainer> =
            containers.iter().filter(|c| c.namespace().as_deref() == Some(namespace)).collect();
        page.push_str(&containers::namespace(namespace, &here));
    }
    for cluster in clusters {
        page.push_str(&cluster::trash(cluster, now));
    }
    page
}

#[cfg(test)]
mod tests;
