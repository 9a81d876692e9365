//! Who is in the picture, and which flows are between them.

use super::super::view::{ClusterView, GuestView};
use super::super::words::owner_short;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::firewall::Action;
use zentoria_core::container::want::Key;
use zentoria_core::firewall::flows::{End, Flow, service_told};
use zentoria_core::firewall::guest::Way;

/// The graph of one ProxmoxCluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Who is in it: outsiders first, then the containers by zone.
    pub nodes: Vec<Node>,
    /// The flows, one for each pair of nodes and action.
    pub edges: Vec<Edge>,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its address, or what it is.
    pub detail: String,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No container that is shown.
    Outside,
    /// A container of a zone of a namespace; empty: of none.
    Container {
        /// Namespace.
        namespace: String,
        /// Zone.
        zone: String,
    },
}

/// Flows of one node to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Index of the node that it comes from.
    pub from: usize,
    /// Index of the node that it goes to.
    pub to: usize,
    /// Whether they pass.
    pub passes: bool,
    /// Whether nobody wrote a rule for them.
    pub derived: bool,
    /// Whether its source reaches nearly everybody, or everybody reaches its target outside: it says little about this one.
    pub broad: bool,
    /// Ports for people, each once.
    pub ports: Vec<String>,
    /// Rules, each once.
    pub rules: Vec<String>,
}

/// Who somebody is, before it has a number.
type Id = End;

/// The graph of a cluster.
#[must_use]
pub fn graph(cluster: &ClusterView<'_>) -> Graph {
    let shown: BTreeSet<&Key> = cluster.guests.iter().map(|guest| &guest.key).collect();
    let mut flows = Flows::new();
    for guest in &cluster.guests {
        for flow in &guest.flows {
            for peer in &flow.peers {
                // What a container lets out to another is the other's rule in, which is there, too.
                if flow.way == Way::Out && peer.container().is_some_and(|key| shown.contains(key)) {
                    continue;
                }
                add(&mut flows, guest, flow, peer);
            }
        }
    }
    let mut graph = Graph { nodes: nodes(cluster, &flows, &shown), edges: Vec::new() };
    let order: Vec<Id> = ids(cluster, &flows, &shown);
    let number: BTreeMap<&Id, usize> = order.iter().enumerate().map(|(index, id)| (id, index)).collect();
    for ((from, to, passes), (ports, rules, derived)) in &flows {
        let (Some(from), Some(to)) = (number.get(from), number.get(to)) else { continue };
        let (ports, rules) = (ports.iter().cloned().collect(), rules.iter().cloned().collect());
        graph.edges.push(Edge { from: *from, to: *to, passes: *passes, derived: *derived, broad: false, ports, rules });
    }
    mark_broad(&mut graph);
    graph
}

/// From whom, to whom, and whether it passes: ports, rules, and whether all of these are derived.
type Flows = BTreeMap<(Id, Id, bool), Told>;
type Told = (BTreeSet<String>, BTreeSet<String>, bool);

fn add(flows: &mut Flows, guest: &GuestView<'_>, flow: &Flow, peer: &End) {
    let own = End::Container(guest.key.clone());
    let (from, to) = match flow.way {
        Way::In => (peer.clone(), own),
        Way::Out => (own, peer.clone()),
    };
    let (ports, rules, derived) = flows
        .entry((from, to, flow.action == Action::Allow))
        .or_insert_with(|| (BTreeSet::new(), BTreeSet::new(), true));
    ports.insert(service_told(&flow.service));
    rules.extend(flow.owners.iter().map(|owner| owner_short(owner, &guest.key.namespace)));
    *derived &= !flow.owners.is_empty() && flow.owners.iter().all(|owner| owner.starts_with("derived/"));
}

/// Outsiders in the order of [`End`], then the containers as the view has them.
fn ids(cluster: &ClusterView<'_>, flows: &Flows, shown: &BTreeSet<&Key>) -> Vec<Id> {
    let ends: BTreeSet<&End> = flows.keys().flat_map(|(from, to, _)| [from, to]).collect();
    let outside = ends.into_iter().filter(|end| !end.container().is_some_and(|key| shown.contains(key)));
    outside.cloned().chain(cluster.guests.iter().map(|guest| End::Container(guest.key.clone()))).collect()
}

fn nodes(cluster: &ClusterView<'_>, flows: &Flows, shown: &BTreeSet<&Key>) -> Vec<Node> {
    let by_key: BTreeMap<&Key, &GuestView<'_>> = cluster.guests.iter().map(|guest| (&guest.key, guest)).collect();
    let node = |id: &Id| match id.container().and_then(|key| by_key.get(key)) {
        Some(guest) => Node {
            name: guest.key.name.clone(),
            detail: guest.addresses.first().map(ToString::to_string).unwrap_or_default(),
            kind: Kind::Container {
                namespace: guest.key.namespace.clone(),
                zone: guest.zone.unwrap_or_default().to_owned(),
            },
        },
        None => Node { name: id.told(""), detail: outsider(id).to_owned(), kind: Kind::Outside },
    };
    ids(cluster, flows, shown).iter().map(node).collect()
}

fn outsider(end: &End) -> &'static str {
    match end {
        End::Any => "everybody",
        End::External => "outside of the networks",
        End::ControlPlane => "the operator",
        End::Host(_) => "outsider",
        End::Container(_) => "another namespace",
        End::Net(_) => "addresses",
    }
}

/// Flows of sources that reach nearly all containers, and to outsiders whom nearly all containers reach: nine of ten,
/// and three at least.
fn mark_broad(graph: &mut Graph) {
    let inside = |node: usize| graph.nodes.get(node).is_some_and(|node| node.kind != Kind::Outside);
    let containers = graph.nodes.iter().filter(|node| node.kind != Kind::Outside).count();
    let mut reach: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut reached: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for edge in &graph.edges {
        if inside(edge.to) {
            reach.entry(edge.from).or_default().insert(edge.to);
        } else {
            reached.entry(edge.to).or_default().insert(edge.from);
        }
    }
    let nearly_all =
        |others: &BTreeSet<usize>| others.len() >= 3 && others.len() * 10 >= containers.saturating_sub(1) * 9;
    let sources: BTreeSet<usize> = reach.iter().filter(|(_, to)| nearly_all(to)).map(|(from, _)| *from).collect();
    let targets: BTreeSet<usize> = reached.iter().filter(|(_, from)| nearly_all(from)).map(|(to, _)| *to).collect();
    for edge in &mut graph.edges {
        edge.broad = sources.contains(&edge.from) || targets.contains(&edge.to);
    }
}
