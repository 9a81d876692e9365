//! `takeover`: the guests of a control plane that is gone are bound to this one.

use crate::Answer;
use crate::annotate::annotate;
use crate::connect::connect;
use crate::error::Error;
use crate::object::{self, Name};
use crate::options::{Takeover, To};
use crate::table::wrap;
use kube::ResourceExt;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::wire::TAKEOVER_ANNOTATION;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::estate::{annotation, ready_reason};

/// Shows the candidates, or takes the guests of one over.
///
/// # Errors
/// Where the ProxmoxCluster cannot be read or written to, or no guest carries the mark of that control plane.
pub async fn run(to: &To, what: &Takeover) -> Result<Answer, Error> {
    let api = connect(to).await?;
    let name = Name::cluster(&what.cluster)?;
    let cluster = object::cluster(&api, &name).await?;
    let Some(old) = &what.old else {
        let all = kube::Api::<ZentoriaContainer>::all(api.client.clone());
        let containers = object::list(&all, "the containers of all namespaces").await?;
        return Ok(Answer::done(candidates(&cluster, &containers)));
    };
    let (objects, named) = (object::clusters(&api), format!("pxc/{name}"));
    let told = annotate(&objects, cluster, &named, TAKEOVER_ANNOTATION, |cluster| decide(cluster, old));
    Ok(Answer::done(told.await?))
}

/// The other control planes, whose marks guests of this estate carry.
fn foreign(cluster: &ProxmoxCluster) -> &[String] {
    cluster.status.as_ref().map_or(&[], |status| &status.foreign_control_planes)
}

fn decide(cluster: &ProxmoxCluster, old: &str) -> Result<(Option<Option<String>>, String), Error> {
    let name = cluster.name_any();
    let set = annotation(&cluster.metadata, TAKEOVER_ANNOTATION);
    let known = foreign(cluster);
    if known.iter().any(|id| id == old) {
        let text = format!(
            "pxc/{name}: the guests of control plane {old} are taken over: each gets one PUT that writes this control \
             plane into its mark, and nothing else of it is changed. Watch them: kubectl zentoria status -A"
        );
        let write = (set != Some(old)).then(|| Some(old.to_owned()));
        return Ok((write, wrap(0, 2, &text)));
    }
    if set == Some(old) {
        let text =
            format!("pxc/{name}: control plane {old} was taken over already; no guest carries its mark any more");
        return Ok((None, wrap(0, 2, &text)));
    }
    let others = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Error::Refused(format!(
        "no guest of estate {} carries a mark of control plane {old}; other control planes that are seen: {others}",
        cluster.spec.estate_id
    )))
}

/// What could be taken over.
fn candidates(cluster: &ProxmoxCluster, containers: &[ZentoriaContainer]) -> String {
    let name = cluster.name_any();
    let known = foreign(cluster);
    if known.is_empty() {
        let text = format!(
            "pxc/{name}: no guest of estate {} carries the mark of another control plane; there is nothing to take over",
            cluster.spec.estate_id
        );
        return wrap(0, 2, &text);
    }
    let mut page = String::new();
    for old in known {
        let held = containers.iter().filter(|container| {
            container.spec.cluster_ref.name == name
                && ready_reason(container) == Some(ContainerReason::ForeignControlPlane)
                && container
                    .status
                    .as_ref()
                    .and_then(|status| status.summary.as_deref())
                    .is_some_and(|s| s.ends_with(old))
        });
        let names: Vec<String> = held.map(|held| zentoria_core::estate::key_of(held).to_string()).collect();
        let waiting = match names.len() {
            0 => "no container waits for it".to_owned(),
            count => format!("{count} containers wait for it ({})", names.join(", ")),
        };
        page.push_str(&wrap(0, 2, &format!("pxc/{name}: guests carry the mark of control plane {old}; {waiting}")));
    }
    page.push('\n');
    page.push_str(&wrap(
        0,
        0,
        "If that control plane is gone for good, take its guests over; nothing but their marks is written:",
    ));
    for old in known {
        page.push_str(&format!("  kubectl zentoria takeover {name} {old}\n"));
    }
    page
}
