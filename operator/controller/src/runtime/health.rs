//! What the probes answer: is the process alive, and is it ready?

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::shutdown::Shutdown;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval},
};

/// How old the beat of the event loop may become before the process counts as stuck.
pub const EVENT_LOOP_MAX_AGE: Duration = Duration::from_secs(10);

/// The state behind `/healthz` and `/readyz`. Cheap to clone.
///
/// Alive: no supervised task has died, and every registered beat is young enough. Ready: every gate is open, or this
/// replica is on standby (its caches fill when it starts to lead, and it must not hold up a rollout until then).
#[derive(Clone, Debug, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
    gate_moved: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    deaths: Vec<String>,
    beats: BTreeMap<String, (Instant, Duration)>,
    gates: BTreeMap<String, bool>,
    standby: bool,
}

/// Proof of life of one part; it must be touched more often than its maximum age.
#[derive(Clone, Debug)]
pub struct Beat {
    health: Health,
    name: String,
}

/// One condition of readiness; closed at first.
#[derive(Clone, Debug)]
pub struct Gate {
    health: Health,
    name: String,
}

impl Health {
    /// Alive, and ready as there are no gates.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a death: the process counts as dead from now on, for ever.
    pub fn died(&self, what: impl Into<String>) {
        self.with(|state| state.deaths.push(what.into()));
    }

    /// Registers a beat; the first one is now.
    #[must_use]
    pub fn beat(&self, name: impl Into<String>, max_age: Duration) -> Beat {
        let beat = Beat { health: self.clone(), name: name.into() };
        self.with(|state| state.beats.insert(beat.name.clone(), (Instant::now(), max_age)));
        beat
    }

    /// Registers a gate.
    #[must_use]
    pub fn gate(&self, name: impl Into<String>) -> Gate {
        let gate = Gate { health: self.clone(), name: name.into() };
        self.with(|state| state.gates.insert(gate.name.clone(), false));
        gate
    }

    /// Whether this replica waits for its turn.
    pub fn set_standby(&self, standby: bool) {
        self.with(|state| state.standby = standby);
    }

    /// Why the process does not count as alive; empty when it does.
    #[must_use]
    pub fn why_not_alive(&self) -> Vec<String> {
        let now = Instant::now();
        self.with(|state| {
            let stuck = state.beats.iter().filter_map(|(name, (last, max_age))| {
                let age = now.saturating_duration_since(*last);
                (age > *max_age).then(|| format!("{name}: no sign of life for {} s", age.as_secs()))
            });
            state.deaths.iter().cloned().chain(stuck).collect()
        })
    }

    /// Why the process does not count as ready; empty when it does.
    #[must_use]
    pub fn why_not_ready(&self) -> Vec<String> {
        self.with(|state| {
            let closed = state.gates.iter().filter(|(_, open)| !**open && !state.standby);
            closed.map(|(name, _)| format!("{name}: not ready yet")).collect()
        })
    }

    /// Waits until every gate is open. Any number may wait.
    pub async fn gates_are_open(&self) {
        loop {
            let mut moved = std::pin::pin!(self.gate_moved.notified());
            moved.as_mut().enable();
            if self.with(|state| state.gates.values().all(|open| *open)) {
                return;
            }
            moved.await;
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Beat {
    /// Shows a sign of life.
    pub fn touch(&self) {
        self.health.with(|state| {
            if let Some((last, _)) = state.beats.get_mut(&self.name) {
                *last = Instant::now();
            }
        });
    }
}

impl Gate {
    /// Opens or closes the gate.
    pub fn set(&self, open: bool) {
        self.health.with(|state| state.gates.insert(self.name.clone(), open));
        self.health.gate_moved.notify_waiters();
    }
}

/// Shows every second that the event loop still turns, until the shutdown: spawn it as a supervised task.
pub async fn watch_event_loop(health: Health, stop: Shutdown) {
    let beat = health.beat("event loop", EVENT_LOOP_MAX_AGE);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = std::pin::pin!(stop.requested());
    loop {
        tokio::select! {
            () = &mut stopping => return,
            _ = ticks.tick() => beat.touch(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_part_without_a_sign_of_life_is_named() {
        let health = Health::new();
        let beat = health.beat("poller", Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(health.why_not_alive(), Vec::<String>::new());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(health.why_not_alive(), ["poller: no sign of life for 15 s"]);
        beat.touch();
        assert!(health.why_not_alive().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_event_loop_shows_that_it_turns() {
        let health = Health::new();
        let (trigger, stop) = crate::runtime::shutdown::pair();
        let task = tokio::spawn(watch_event_loop(health.clone(), stop));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(health.why_not_alive().is_empty());
        trigger.request();
        task.await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(health.why_not_alive().len(), 1);
    }

    #[test]
    fn a_replica_is_ready_when_all_gates_are_open_or_while_it_is_on_standby() {
        let health = Health::new();
        assert!(health.why_not_ready().is_empty(), "nothing to wait for");
        let (containers, clusters) = (health.gate("containers"), health.gate("clusters"));
        containers.set(true);
        assert_eq!(health.why_not_ready(), ["clusters: not ready yet"]);
        health.set_standby(true);
        assert!(health.why_not_ready().is_empty());
        health.set_standby(false);
        clusters.set(true);
        assert!(health.why_not_ready().is_empty());
    }
}
