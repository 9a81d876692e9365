//! Dependencies: who waits for whom, and cycles.

use super::seen::DependencyState;
use super::step::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::Dependency;

/// Names to the names that they depend on, hard and soft.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    hard: BTreeMap<String, BTreeSet<String>>,
    all: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Adds one container's dependencies.
    pub fn insert(&mut self, name: &str, depends_on: &[Dependency]) {
        let names = |soft: bool| depends_on.iter().filter(|d| soft || !d.soft).map(|d| d.name.clone()).collect();
        self.hard.insert(name.to_owned(), names(false));
        self.all.insert(name.to_owned(), names(true));
    }

    /// A cycle of hard dependencies that `name` is part of, as a path that ends where it began.
    #[must_use]
    pub fn hard_cycle(&self, name: &str) -> Option<Vec<String>> {
        path(&self.hard, name, name)
    }

    /// The wave in which each container comes: 1 for one that waits for nobody, else one more than the latest of those
    /// that it waits for, hard or soft. A soft edge on a cycle is left out; of a cycle of hard edges the one that leads
    /// back, followed from its first name, is. Names that nobody has do not count.
    #[must_use]
    pub fn waves(&self) -> BTreeMap<String, u32> {
        let mut waves = BTreeMap::new();
        for name in self.all.keys() {
            self.wave(name, &mut Vec::new(), &mut waves);
        }
        waves
    }

    fn wave(&self, name: &str, way: &mut Vec<String>, waves: &mut BTreeMap<String, u32>) -> u32 {
        if let Some(wave) = waves.get(name) {
            return *wave;
        }
        way.push(name.to_owned());
        let mut wave = 1;
        for next in self.all.get(name).into_iter().flatten() {
            let soft = !self.hard.get(name).is_some_and(|hard| hard.contains(next));
            let left_out = !self.all.contains_key(next) || way.contains(next) || (soft && self.waits_back(name, next));
            if !left_out {
                wave = wave.max(self.wave(next, way, waves) + 1);
            }
        }
        way.pop();
        waves.insert(name.to_owned(), wave);
        wave
    }

    /// Whether waiting of `from` for `to` could never end, because `to` waits for `from` in turn.
    #[must_use]
    pub fn waits_back(&self, from: &str, to: &str) -> bool {
        from == to || path(&self.all, to, from).is_some()
    }
}

/// The shortest path from `from` to `to` over at least one edge; neighbours in order of their names.
fn path(edges: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut queue = std::collections::VecDeque::from([vec![from.to_owned()]]);
    let mut visited = BTreeSet::new();
    while let Some(way) = queue.pop_front() {
        let last = way.last()?;
        for next in edges.get(last).into_iter().flatten() {
            if next == to {
                return Some(way.iter().cloned().chain([next.clone()]).collect());
            }
            if visited.insert(next.clone()) {
                queue.push_back(way.iter().cloned().chain([next.clone()]).collect());
            }
        }
    }
    None
}

/// What a new guest still has to wait for. The first in the order of the spec is named; `None` is "go".
#[must_use]
pub fn blocker(
    depends_on: &[Dependency],
    states: &BTreeMap<String, DependencyState>,
    cycle: Option<&[String]>,
) -> Option<Verdict> {
    if let Some(cycle) = cycle {
        let message = format!("dependsOn forms a cycle: {}; make one of them soft, or remove it", cycle.join(" -> "));
        return Some(Verdict::new(ContainerReason::DependencyCycle, message));
    }
    depends_on.iter().find_map(|dependency| {
        let name = dependency.name.as_str();
        match states.get(name).unwrap_or(&DependencyState::Missing) {
            DependencyState::Met => None,
            DependencyState::Missing if dependency.soft => None,
            DependencyState::NotYet { can_come: false, .. } if dependency.soft => None,
            DependencyState::Missing => Some(Verdict::about(
                ContainerReason::DependencyMissing,
                name,
                format!("dependsOn names {name}, and there is no such ZentoriaContainer in this namespace"),
            )),
            // While it comes, its reason changes from second to second, and says nothing to whoever waits.
            DependencyState::NotYet { can_come: true, .. } => Some(Verdict::about(
                ContainerReason::WaitingFor,
                name,
                format!("waits until {name} is {:?}", dependency.condition),
            )),
            DependencyState::NotYet { can_come: false, reason } => Some(Verdict::about(
                ContainerReason::WaitingFor,
                name,
                format!(
                    "waits until {name} is {:?}, which does not come by itself: it is {reason}",
                    dependency.condition
                ),
            )),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zentoria_api::container::DependencyCondition;

    fn on(names: &[&str]) -> Vec<Dependency> {
        let parse = |name: &str| Dependency {
            name: name.trim_start_matches('~').into(),
            condition: DependencyCondition::Ready,
            soft: name.starts_with('~'),
        };
        names.iter().map(|name| parse(name)).collect()
    }

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let mut graph = Graph::default();
        for (name, depends) in edges {
            graph.insert(name, &on(depends));
        }
        graph
    }

    #[test]
    fn a_hard_cycle_is_named_as_a_path() {
        let graph = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
        assert_eq!(graph.hard_cycle("a").unwrap().join(" "), "a b c a");
        assert_eq!(graph.hard_cycle("d"), None, "it only depends on a cycle");
        assert_eq!(graph.hard_cycle("missing"), None);
    }

    #[test]
    fn a_soft_edge_makes_no_hard_cycle_but_waits_back() {
        let graph = graph(&[("backend", &["db", "~n8n"]), ("n8n", &["backend"]), ("db", &[])]);
        assert_eq!(graph.hard_cycle("backend"), None);
        assert!(graph.waits_back("backend", "n8n"));
        assert!(!graph.waits_back("n8n", "db"));
    }

    #[test]
    fn waves_are_the_longest_way_over_hard_and_soft_edges() {
        let told = |edges: &[(&str, &[&str])]| {
            let waves = graph(edges).waves();
            waves.iter().map(|(name, wave)| format!("{name}{wave}")).collect::<Vec<_>>().join(" ")
        };
        let cases: [(&[(&str, &[&str])], &str); 7] = [
            (&[], ""),
            (&[("a", &[]), ("b", &[])], "a1 b1"),
            (&[("a", &["b"]), ("b", &["c"]), ("c", &[]), ("d", &["c", "a"])], "a3 b2 c1 d4"),
            (&[("a", &["~b"]), ("b", &[])], "a2 b1"),
            (&[("backend", &["db", "~n8n"]), ("db", &[]), ("n8n", &["backend"])], "backend2 db1 n8n3"),
            (&[("a", &["gone"]), ("b", &["a"])], "a1 b2"),
            (&[("a", &["b"]), ("b", &["a"]), ("c", &["a"])], "a2 b1 c3"),
        ];
        for (edges, expected) in cases {
            assert_eq!(told(edges), expected, "{edges:?}");
        }
    }

    #[test]
    fn what_blocks_a_creation() {
        let not_yet = |can_come| DependencyState::NotYet { can_come, reason: "Creating".into() };
        let cases: [(&[&str], DependencyState, Option<ContainerReason>); 7] = [
            (&["db"], DependencyState::Met, None),
            (&["db"], not_yet(true), Some(ContainerReason::WaitingFor)),
            (&["db"], not_yet(false), Some(ContainerReason::WaitingFor)),
            (&["db"], DependencyState::Missing, Some(ContainerReason::DependencyMissing)),
            (&["~db"], not_yet(true), Some(ContainerReason::WaitingFor)),
            (&["~db"], not_yet(false), None),
            (&["~db"], DependencyState::Missing, None),
        ];
        for (depends, state, expected) in cases {
            let states = BTreeMap::from([("db".to_owned(), state.clone())]);
            let verdict = blocker(&on(depends), &states, None);
            assert_eq!(verdict.map(|v| v.reason), expected, "{depends:?} {state:?}");
        }
    }
}
