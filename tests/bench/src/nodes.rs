//! Several nodes: how the operator spreads an estate that comes at once, what that costs, and how long the choice of all
//! nodes takes by itself.

use crate::estate;
use crate::measure::{Creation, Steady, creation, steady};
use crate::report::{Row, median, row};
use crate::stage::Stage;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use zentoria_core::placement::{Demand, NodeRoom, Overcommit, Room, StorageRoom, Strategy, Wish, place};
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::size::Bytes;

/// One size on several nodes.
#[derive(Debug, Serialize)]
pub struct OnNodes {
    /// Nodes.
    pub nodes: u32,
    /// Containers.
    pub containers: u32,
    /// The operator's creations, in order.
    pub creations: Vec<Creation>,
    /// Guests by node, after the last one.
    pub guests: BTreeMap<String, u32>,
    /// The time in which nothing changes.
    pub steady: Option<Steady>,
    /// The choice of a node for every container, one after the other, in milliseconds.
    pub placing_milliseconds: f64,
    /// The rows of the table.
    pub rows: Vec<Row>,
}

/// Measures it; what settles is watched for `watched`, where that is not zero.
///
/// # Panics
/// Where not all are Ready in time.
pub async fn on_nodes(stage: &Stage, containers: u32, nodes: u32, runs: usize, watched: Duration) -> OnNodes {
    let mut creations = Vec::new();
    let (mut guests, mut steady_one) = (BTreeMap::new(), None);
    for run in 1..=runs {
        let scene = stage.scene(&format!("bench-{containers}-on-{nodes}-{run}"), nodes).await;
        creations.push(creation(&scene, containers).await);
        guests = BTreeMap::new();
        for guest in scene.pve().guests().await {
            *guests.entry(guest.node).or_default() += 1;
        }
        if run == runs && !watched.is_zero() {
            steady_one = Some(steady(&scene, watched).await);
        }
        scene.end().await;
    }
    let placing = median((0..9).map(|_| placing(containers, nodes).as_secs_f64() * 1000.0));
    let one = OnNodes {
        nodes,
        containers,
        creations,
        guests,
        steady: steady_one,
        placing_milliseconds: placing,
        rows: Vec::new(),
    };
    one.with_rows()
}

impl OnNodes {
    fn with_rows(mut self) -> Self {
        let guests = f64::from(self.containers);
        let of = |pick: fn(&Creation) -> f64| median(self.creations.iter().map(pick));
        let most = self.guests.values().max().copied().unwrap_or_default();
        let least = self.guests.values().min().copied().unwrap_or_default();
        let unused = f64::from(self.nodes) - self.guests.len() as f64;
        let creations = self.creations.iter().map(|creation| creation.peak_mib);
        let peak = creations.chain(self.steady.iter().map(|steady| steady.peak_mib)).fold(0.0, f64::max);
        let aim = (self.containers <= 500).then_some(20.0);
        let mut rows = vec![
            row("apply to all Ready, s", of(|c| c.wall_seconds), None),
            row("calls per created guest, without task polls", of(|c| c.calls.calls() as f64) / guests, 9.0),
            row("reconciles per created guest", of(|c| c.reconciles) / guests, None),
            row("CPU to create, s", of(|c| c.cpu_seconds), None),
            row("nodes without a guest", unused, 0.0),
            row("guests: the most on a node less the fewest", f64::from(most - least), 1.0),
            row("choosing all nodes, ms", self.placing_milliseconds, aim),
            row("peak RSS, MiB", peak, (self.containers >= 500).then_some(64.0)),
        ];
        if let Some(steady) = &self.steady {
            rows.push(row("steady: status writes", steady.status_writes, 0.0));
            let calls = steady.calls.calls() as f64 / guests * 60.0 / steady.seconds;
            rows.push(row("steady: calls per guest and minute, seen", calls, None));
        }
        self.rows = rows;
        self
    }
}

/// The choice for containers that all want the same, each booked before the next one chooses.
///
/// # Panics
/// Where one finds no node: there is room for all.
fn placing(containers: u32, nodes: u32) -> Duration {
    let storage: StorageName = "local-zfs".parse().expect("a storage");
    let disk = StorageRoom { total: Some(Bytes(64 << 40)), ..StorageRoom::default() };
    let node = |number: u32| {
        let room = NodeRoom {
            online: true,
            cores: Some(128),
            memory: Some(Bytes(1 << 40)),
            storages: [(storage.clone(), disk)].into(),
            ..NodeRoom::default()
        };
        (estate::node_name(number).parse::<NodeName>().expect("a node"), room)
    };
    let mut room = Room { nodes: (1..=nodes).map(node).collect(), ..Room::default() };
    let demand = Demand { cores: 1, memory: Bytes::from_mib(512), disks: [(storage, Bytes(8 << 30))].into() };
    let overcommit = Overcommit { cpu: Some(8.0), memory: Some(1.0), disk: Some(1.0) };
    let started = Instant::now();
    for number in 0..containers {
        let strategy = if number.is_multiple_of(2) { Strategy::MostFree } else { Strategy::Spread };
        let wish = Wish { strategy, demand: demand.clone(), ..Wish::default() };
        let node = place(&room, &wish, &overcommit).expect("room for all");
        room.book(&node, &wish.demand);
    }
    started.elapsed()
}
