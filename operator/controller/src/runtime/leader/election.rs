//! The loop that runs an election: it reads, asks [`decide`], and writes.

use std::time::SystemTime;

use kube::Client;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

use crate::runtime::shutdown::Shutdown;

use super::{
    config::{ElectionConfig, ElectionConfigError},
    decide::{LossReason, Observed, Role, Step, decide},
    fence::{Fence, FenceKeeper},
    lease::{LeaseClient, LeaseError, Written},
};

/// What the rest of the process may know about the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaderState {
    /// Another process leads, or nobody does yet; also after a release.
    Standby,
    /// This process leads.
    Leading,
    /// This process has led and does no longer; it must exit.
    Lost,
}

/// How [`Leader::run`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Stopped on request; the lease, when it was ours, was given back (or runs out).
    Stopped,
    /// Leadership was lost: exit with an error.
    Lost(LossReason),
}

/// One process' part in an election.
pub struct Leader {
    lease: LeaseClient,
    config: ElectionConfig,
    keeper: FenceKeeper,
    state: watch::Sender<LeaderState>,
    observed: Option<Observed>,
    role: Role,
    /// When the Lease is read next. Candidates read now and then even when the watch is silent, as it may hang.
    read_at: Option<Instant>,
    /// No write before this moment: the pause after one that failed.
    write_after: Instant,
}

impl Leader {
    /// Prepares an election: nothing is sent before [`Leader::run`]. The fence is closed until this process leads.
    ///
    /// # Errors
    /// When the times of `config` contradict each other.
    pub fn new(
        client: Client,
        config: ElectionConfig,
    ) -> Result<(Self, Fence, watch::Receiver<LeaderState>), ElectionConfigError> {
        config.check()?;
        let (fence, keeper) = Fence::lease(config.renew_deadline);
        let (state, states) = watch::channel(LeaderState::Standby);
        let now = Instant::now();
        let leader = Self {
            lease: LeaseClient::new(client, config.clone()),
            config,
            keeper,
            state,
            observed: None,
            role: Role::Candidate,
            read_at: Some(now),
            write_after: now,
        };
        Ok((leader, fence, states))
    }

    /// Runs until `stop` is requested or leadership is lost.
    ///
    /// On `stop` the fence closes and the lease is given back, so request it only after everything that writes has
    /// come to rest: with a [`Shutdown`] of its own, not with the one that stops the controllers.
    pub async fn run(mut self, stop: Shutdown) -> Ended {
        let changed = Notify::new();
        let watching = LeaseClient::new_like(&self.lease);
        tokio::select! {
            ended = self.elect(&stop, &changed) => ended,
            () = watching.watch(&changed) => Ended::Stopped,
        }
    }

    async fn elect(&mut self, stop: &Shutdown, changed: &Notify) -> Ended {
        loop {
            if stop.is_requested() {
                self.leave().await;
                return Ended::Stopped;
            }
            if self.read_at.is_some_and(|due| due <= Instant::now()) {
                self.read().await;
            }
            let now = Instant::now();
            match decide(self.observed.as_ref(), self.role, &self.config.identity, now, &self.config) {
                Step::Lost(reason) => return self.lose(reason),
                Step::Acquire if now >= self.write_after => self.acquire().await,
                Step::Renew if now >= self.write_after => self.renew().await,
                Step::Acquire | Step::Renew => self.wait(self.write_after, stop, changed).await,
                Step::Wait { until } => self.wait(until, stop, changed).await,
            }
        }
    }

    /// Waits for `until`, a due read, the deadline of our own leadership, a hint of the watch, or the request to stop.
    async fn wait(&mut self, until: Instant, stop: &Shutdown, changed: &Notify) {
        let mut wake = self.read_at.map_or(until, |read_at| until.min(read_at));
        if let Role::Leader { renewed_at } = self.role {
            wake = wake.min(renewed_at + self.config.renew_deadline);
        }
        tokio::select! {
            () = sleep_until(wake) => {}
            () = changed.notified() => self.read_at = Some(Instant::now()),
            () = stop.requested() => {}
        }
    }

    async fn read(&mut self) {
        let answer = self.lease.read().await;
        let now = Instant::now();
        let pause = match answer {
            Ok(record) => {
                self.observe(record, now);
                self.config.retry_period * 2
            }
            Err(error) => {
                self.complain("read", &error);
                self.config.retry_period / 2
            }
        };
        self.read_at = Some(now + pause);
    }

    async fn acquire(&mut self) {
        let base = self.observed.as_ref().and_then(|observed| observed.record.as_ref());
        let (sent, sent_wall) = (Instant::now(), SystemTime::now());
        match self.lease.acquire(base).await {
            Ok(Written::Done(record)) => {
                self.observe(Some(record), Instant::now());
                self.lead_from(sent, sent_wall);
                tracing::info!(lease = self.config.lease, identity = self.config.identity, "leading");
                self.state.send_replace(LeaderState::Leading);
            }
            Ok(Written::Conflict) => self.look_again(),
            Err(error) => {
                self.complain("take", &error);
                self.write_after = Instant::now() + self.config.retry_period;
                self.read_at = Some(self.write_after);
            }
        }
    }

    async fn renew(&mut self) {
        let (Some(base), Role::Leader { renewed_at }) =
            (self.observed.as_ref().and_then(|observed| observed.record.as_ref()), self.role)
        else {
            return self.look_again();
        };
        let (sent, sent_wall) = (Instant::now(), SystemTime::now());
        let left = (renewed_at + self.config.renew_deadline).saturating_duration_since(sent);
        match self.lease.renew(base, left).await {
            Ok(Written::Done(record)) => {
                self.observe(Some(record), Instant::now());
                self.lead_from(sent, sent_wall);
            }
            Ok(Written::Conflict) => self.look_again(),
            Err(error) => {
                self.complain("renew", &error);
                self.write_after = Instant::now() + self.config.retry_period / 2;
            }
        }
    }

    /// A renewal that was sent at this time holds.
    fn lead_from(&mut self, sent: Instant, sent_wall: SystemTime) {
        self.keeper.renewed(sent, sent_wall);
        self.role = Role::Leader { renewed_at: sent };
        // A leader's own writes tell it the truth; it reads only when the watch or a conflict asks for it.
        self.read_at = None;
    }

    /// After a conflict: read at once, but do not write again in a tight loop.
    fn look_again(&mut self) {
        let now = Instant::now();
        self.read_at = Some(now);
        self.write_after = now + self.config.retry_period / 20;
    }

    fn observe(&mut self, record: Option<super::LeaseRecord>, now: Instant) {
        let before = self.holder().map(str::to_owned);
        self.observed = Some(Observed::update(self.observed.take(), record, now));
        let after = self.holder();
        if before.as_deref() != after && self.role == Role::Candidate {
            tracing::info!(lease = self.config.lease, holder = after, "the lease changed hands");
        }
    }

    fn holder(&self) -> Option<&str> {
        self.observed.as_ref()?.record.as_ref()?.holder.as_deref()
    }

    fn lose(&mut self, reason: LossReason) -> Ended {
        self.keeper.close();
        self.role = Role::Candidate;
        tracing::error!(lease = self.config.lease, %reason, "leadership lost");
        self.state.send_replace(LeaderState::Lost);
        Ended::Lost(reason)
    }

    /// Closes the fence, then gives the lease back. A lease that cannot be given back runs out by itself.
    async fn leave(&mut self) {
        self.keeper.close();
        self.state.send_replace(LeaderState::Standby);
        if self.role == Role::Candidate {
            return;
        }
        self.role = Role::Candidate;
        let Some(base) = self.observed.as_ref().and_then(|observed| observed.record.as_ref()) else {
            return;
        };
        match self.lease.release(base).await {
            Ok(Written::Done(_)) => tracing::info!(lease = self.config.lease, "the lease was given back"),
            Ok(Written::Conflict) => {
                tracing::warn!(lease = self.config.lease, "the lease was changed by somebody else")
            }
            Err(error) => self.complain("give back", &error),
        }
    }

    fn complain(&self, what: &'static str, error: &LeaseError) {
        tracing::warn!(lease = self.config.lease, %error, "could not {what} the lease");
    }
}
