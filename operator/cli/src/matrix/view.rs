//! What is shown, in whatever form.

use crate::error::Error;
use crate::gather::{Gathered, Matrix};
use std::collections::BTreeMap;
use std::net::IpAddr;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{FirewallReason, Phase};
use zentoria_core::container::want::Key;
use zentoria_core::estate::{key_of, vmid_of};
use zentoria_core::firewall::compile::{CompiledGuest, RuleReport};
use zentoria_core::firewall::flows::{Flow, Names, flows};

/// What is shown.
#[derive(Debug, Default)]
pub struct View<'a> {
    /// ProxmoxClusters that have containers.
    pub clusters: Vec<ClusterView<'a>>,
    /// What could not be read.
    pub problems: &'a [String],
    /// What a reader should know.
    pub notes: &'a [String],
}

/// A ProxmoxCluster.
#[derive(Debug)]
pub struct ClusterView<'a> {
    /// Its name.
    pub name: String,
    /// What is wrong with its own fields.
    pub notes: &'a [String],
    /// Its guests, by zone and name.
    pub guests: Vec<GuestView<'a>>,
    /// Its rules.
    pub rules: Vec<(&'a Key, &'a RuleReport)>,
}

/// A guest.
#[derive(Debug)]
pub struct GuestView<'a> {
    /// Its namespace and name.
    pub key: Key,
    /// Its VMID, where it is known.
    pub vmid: Option<u32>,
    /// Its zone.
    pub zone: Option<&'a str>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// What it was compiled to.
    pub compiled: &'a CompiledGuest,
    /// Its rules by names.
    pub flows: Vec<Flow>,
    /// The names of its estate.
    pub names: std::rc::Rc<Names>,
}

impl GuestView<'_> {
    /// Why nothing can be said of it.
    pub fn problem(&self) -> Option<&(FirewallReason, String)> {
        self.compiled.wish.as_ref().err()
    }
}

impl ClusterView<'_> {
    /// Whether a person has to do something before the matrix is what it should be.
    pub fn is_wrong(&self) -> bool {
        let stuck = |report: &RuleReport| {
            report.verdict.as_ref().is_err_and(|(reason, _)| reason.phase() == Phase::Stalled) && !report.elsewhere
        };
        self.guests.iter().any(|guest| guest.problem().is_some()) || self.rules.iter().any(|(_, report)| stuck(report))
    }
}

impl<'a> View<'a> {
    /// The namespace that was asked for, or all.
    pub fn new(gathered: &'a Gathered, matrices: &'a [Matrix<'a>]) -> Self {
        let shown = |key: &Key| gathered.namespace.as_ref().is_none_or(|namespace| key.namespace == *namespace);
        Self::with(gathered, matrices, &shown)
    }

    /// One container.
    ///
    /// # Errors
    /// Where there is none of that name, or several.
    pub fn of_one(gathered: &'a Gathered, matrices: &'a [Matrix<'a>], name: &str) -> Result<Self, Error> {
        let name = name.strip_prefix("zc/").unwrap_or(name);
        let here = gathered.namespace.as_deref();
        let fits = |key: &Key| match name.split_once('/') {
            Some((namespace, name)) => key.namespace == namespace && key.name == name,
            None => key.name == name && here.is_none_or(|namespace| key.namespace == namespace),
        };
        let found: Vec<&Key> = matrices.iter().flat_map(|m| m.compiled.guests.keys()).filter(|key| fits(key)).collect();
        match found.as_slice() {
            [one] => Ok(Self::with(gathered, matrices, &|key| key == *one)),
            [] => Err(Error::NotFound(format!("there is no container {name}; kubectl get zc -A shows all"))),
            several => {
                let several: Vec<String> = several.iter().map(ToString::to_string).collect();
                Err(Error::Refused(format!("{name} may be {}: name one of them", several.join(" or "))))
            }
        }
    }

    fn with(gathered: &'a Gathered, matrices: &'a [Matrix<'a>], shown: &dyn Fn(&Key) -> bool) -> Self {
        let objects: BTreeMap<Key, &ZentoriaContainer> =
            gathered.containers.iter().map(|container| (key_of(container), container)).collect();
        let clusters = matrices.iter().map(|matrix| cluster(matrix, &objects, shown));
        let clusters = clusters.filter(|cluster| !cluster.guests.is_empty()).collect();
        Self { clusters, problems: &gathered.problems, notes: &gathered.notes }
    }
}

fn cluster<'a>(
    matrix: &'a Matrix<'a>,
    objects: &BTreeMap<Key, &'a ZentoriaContainer>,
    shown: &dyn Fn(&Key) -> bool,
) -> ClusterView<'a> {
    let names = std::rc::Rc::new(Names::new(&matrix.estate));
    let mut guests: Vec<GuestView<'a>> = Vec::new();
    for (key, compiled) in matrix.compiled.guests.iter().filter(|(key, _)| shown(key)) {
        let object = objects.get(key);
        let container = matrix.estate.containers.get(key);
        guests.push(GuestView {
            key: key.clone(),
            vmid: object.and_then(|object| vmid_of(object)).map(|vmid| vmid.get()),
            zone: container.and_then(|container| container.zone.as_deref()),
            addresses: container.map(|c| c.addresses.iter().copied().collect()).unwrap_or_default(),
            compiled,
            flows: flows(&names, compiled),
            names: std::rc::Rc::clone(&names),
        });
    }
    guests.sort_by(|a, b| {
        (&a.key.namespace, a.zone.is_none(), a.zone, &a.key).cmp(&(&b.key.namespace, b.zone.is_none(), b.zone, &b.key))
    });
    let rules = matrix.compiled.rules.iter().filter(|(key, report)| shown_rule(key, report, shown)).collect();
    let name = matrix.cluster.metadata.name.clone().unwrap_or_default();
    ClusterView { name, notes: &matrix.compiled.notes, guests, rules }
}

/// A rule of a namespace that is shown, or for a guest that is.
fn shown_rule(key: &Key, report: &RuleReport, shown: &dyn Fn(&Key) -> bool) -> bool {
    shown(key) || report.guests.iter().any(shown)
}
