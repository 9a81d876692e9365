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

    /// Whether waiting of `from` for `to` could never end, because `to` waits for `from` in turn.
    #[must_use]
    pub fn waits_back(&self, from: &str, to: &str) -> bool {
        from == to || path(&self.all, to, from).is_some()
    }
}

impl Graph {
    /// When each container comes: one more than the last of those that it depends on, the first are 1. Soft dependencies
    /// count as hard ones do, but those by which two wait for each other count for neither; names that are not in the
    /// graph do not count.
    #[must_use]
    pub fn waves(&self) -> BTreeMap<String, u32> {
        let (hard, all) = (Components::of(&self.hard), Components::of(&self.all));
        let counts = |name: &str, other: &str| {
            let needed = self.hard.get(name).is_some_and(|names| names.contains(other));
            self.all.contains_key(other) && !if needed { &hard } else { &all }.share(name, other)
        };
        // No cycle is left: one would lie in one component of all edges, so none of it soft, and then of the hard ones.
        let counted: BTreeMap<String, BTreeSet<String>> = self
            .all
            .iter()
            .map(|(name, others)| (name.clone(), others.iter().filter(|other| counts(name, other)).cloned().collect()))
            .collect();
        let mut waves: BTreeMap<String, u32> = BTreeMap::new();
        for name in inner_first(&counted) {
            let last = counted[name].iter().filter_map(|other| waves.get(other)).max();
            waves.insert(name.to_owned(), 1 + last.copied().unwrap_or(0));
        }
        waves
    }
}

type Edges = BTreeMap<String, BTreeSet<String>>;

/// Who can reach each other: the strongly connected components, by Kosaraju.
struct Components<'a>(BTreeMap<&'a str, usize>);

impl<'a> Components<'a> {
    fn of(edges: &'a Edges) -> Self {
        let mut back: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, others) in edges {
            for other in others {
                back.entry(other).or_default().push(name);
            }
        }
        let mut found = BTreeMap::new();
        for (number, start) in inner_first(edges).into_iter().rev().enumerate() {
            let mut open = vec![start];
            while let Some(name) = open.pop() {
                if !found.contains_key(name) {
                    found.insert(name, number);
                    open.extend(back.get(name).into_iter().flatten());
                }
            }
        }
        Self(found)
    }

    fn share(&self, one: &str, other: &str) -> bool {
        one == other || (self.0.contains_key(one) && self.0.get(one) == self.0.get(other))
    }
}

/// All names, each after those that its edges lead to, as far as there is no cycle.
fn inner_first(edges: &Edges) -> Vec<&str> {
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    for start in edges.keys() {
        let mut way = vec![(start.as_str(), None)];
        while let Some((name, rest)) = way.pop() {
            let mut rest = match rest {
                Some(rest) => rest,
                None if !seen.insert(name) => continue,
                None => edges.get(name).map(|others| others.iter()).unwrap_or_default(),
            };
            match rest.next() {
                Some(other) => way.extend([(name, Some(rest)), (other.as_str(), None)]),
                None => order.push(name),
            }
        }
    }
    order
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
    fn waves_follow_every_edge_that_does_not_lead_back() {
        type Case = (&'static [(&'static str, &'static [&'static str])], &'static str);
        let cases: [Case; 9] = [
            (&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])], "a1 b2 c3"),
            (&[("a", &["~b"]), ("b", &[])], "a2 b1"),
            (&[("a", &["~b"]), ("b", &["a"])], "a1 b2"),
            (&[("a", &["~b"]), ("b", &["~a"]), ("c", &["~a"])], "a1 b1 c2"),
            (&[("a", &["b"]), ("b", &["a"]), ("c", &["b"])], "a1 b1 c2"),
            (&[("a", &["gone", "~ghost"])], "a1"),
            (&[], ""),
            (&[("backend", &["db", "~n8n"]), ("db", &[]), ("n8n", &["backend"])], "backend2 db1 n8n3"),
            (
                &[("log", &["~waf", "~db"]), ("waf", &["~log"]), ("db", &[]), ("web", &["waf", "db"])],
                "db1 log2 waf1 web2",
            ),
        ];
        for (edges, expected) in cases {
            let waves = graph(edges).waves();
            let told: Vec<String> = waves.iter().map(|(name, wave)| format!("{name}{wave}")).collect();
            assert_eq!(told.join(" "), expected, "{edges:?}");
        }
    }

    #[test]
    fn waves_of_five_hundred_take_no_time() {
        let mut graph = Graph::default();
        for number in 0..500 {
            let names: Vec<String> = (number - number.min(5)..number).map(|other| format!("c{other}")).collect();
            let soft = format!("~c{}", (number * 7 + 3) % 500);
            let list: Vec<&str> = names.iter().map(String::as_str).chain([soft.as_str()]).collect();
            graph.insert(&format!("c{number}"), &on(&list));
        }
        let waves = graph.waves();
        assert_eq!((waves.len(), waves["c0"], waves["c499"]), (500, 1, 500));
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
