//! Calls of Proxmox VE, counted by path template.

use serde::Serialize;
use std::collections::BTreeMap;
use zentoria_api_tests::pve::{OPERATOR, Request};

/// Calls of the token's user.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// All but task polls, by method and path template.
    pub by_template: BTreeMap<String, u64>,
    /// Reads of single tasks.
    pub task_polls: u64,
    /// The most reads of one task within one second.
    pub polls_of_a_task_in_a_second: usize,
}

impl Tally {
    /// Counts.
    #[must_use]
    pub fn of(requests: &[Request]) -> Self {
        let mut tally = Self::default();
        let mut polls: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for request in requests.iter().filter(|request| request.user.as_deref() == Some(OPERATOR)) {
            if request.is_task_poll() {
                tally.task_polls += 1;
                polls.entry(&request.path).or_default().push(request.time);
            } else {
                *tally.by_template.entry(template(request)).or_default() += 1;
            }
        }
        tally.polls_of_a_task_in_a_second = polls.values().map(|times| densest(times)).max().unwrap_or_default();
        tally
    }

    /// All but task polls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.by_template.values().sum()
    }
}

/// The most times that lie within one second. They come in order.
fn densest(times: &[f64]) -> usize {
    times
        .iter()
        .map(|start| times.iter().filter(|time| **time >= *start && **time < start + 1.0).count())
        .max()
        .unwrap_or(0)
}

/// `GET /nodes/{node}/lxc/{vmid}/pending`.
fn template(request: &Request) -> String {
    let mut before = "";
    let mut words = Vec::new();
    for word in request.path.split('/') {
        words.push(match before {
            "nodes" => "{node}",
            "lxc" => "{vmid}",
            "storage" => "{storage}",
            "rules" => "{pos}",
            "ipset" => "{set}",
            _ => word,
        });
        before = word;
    }
    format!("{} {}", request.method, words.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_densest_second_is_found() {
        assert_eq!(densest(&[0.0, 0.9, 1.0, 1.1, 5.0]), 3);
        assert_eq!(densest(&[0.0, 1.0, 2.0]), 1);
        assert_eq!(densest(&[]), 0);
    }
}
