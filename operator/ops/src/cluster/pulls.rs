//! Downloads of templates and images: one at a time for each file of a storage, however many containers wait for it. Who
//! comes first starts it; the others join, and all are woken at its end.

use super::{Cluster, TaskEnd};
use crate::slots::Slot;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zentoria_core::container::pull::{PullFailure, PullProblem};
use zentoria_core::container::seen::PullFact;
use zentoria_core::container::step::Pulled;
use zentoria_core::container::want::Key;
use zentoria_pve::{PveError, TaskFilter, TaskSource};
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::upid::Upid;

/// A file of a storage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PullPlace {
    /// The node whose storage it is; none where all nodes see the same.
    node: Option<NodeName>,
    /// `local:vztmpl/x.tar.zst`.
    volume: String,
}

/// Whether to start a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Nobody has: it is ours to start, and to say what came of it.
    Start,
    /// Somebody has; the container is woken at its end.
    Joined,
    /// It ended since the plan was made.
    Ended,
}

/// For so long after a download ended well, a plan may rest on what was seen before.
const SETTLES: Duration = Duration::from_secs(10);

/// How long a failure is told to everybody before somebody tries again: what a person must mend is not tried in a circle.
fn told_for(problem: PullProblem) -> Duration {
    match problem {
        PullProblem::Mismatch => Duration::from_secs(1800),
        PullProblem::Missing => Duration::from_secs(300),
        PullProblem::Other => Duration::from_secs(15),
    }
}

#[derive(Clone, Debug)]
enum State {
    Running(Option<Upid>),
    Ended(Instant),
    Failed(PullFailure, Instant),
}

#[derive(Debug)]
struct Entry {
    what: Pulled,
    state: State,
    waiting: BTreeSet<Key>,
}

/// The downloads of one cluster.
#[derive(Default)]
pub(super) struct Pulls(Mutex<HashMap<PullPlace, Entry>>);

impl Pulls {
    fn lock(&self) -> MutexGuard<'_, HashMap<PullPlace, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, place: &PullPlace, what: &Pulled, key: &Key, now: Instant) -> PullFact {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(place) else { return PullFact::None };
        match &entry.state {
            State::Running(upid) => {
                entry.waiting.insert(key.clone());
                PullFact::Running(upid.clone())
            }
            State::Failed(failure, at)
                if entry.what == *what && now.duration_since(*at) < told_for(failure.problem) =>
            {
                PullFact::Failed(failure.clone())
            }
            State::Failed(..) | State::Ended(_) => PullFact::None,
        }
    }

    fn begin(&self, place: &PullPlace, what: &Pulled, key: &Key, now: Instant) -> Begin {
        let mut entries = self.lock();
        if let Some(entry) = entries.get_mut(place) {
            match &entry.state {
                State::Running(_) => {
                    entry.waiting.insert(key.clone());
                    return Begin::Joined;
                }
                State::Ended(at) if now.duration_since(*at) < SETTLES => return Begin::Ended,
                State::Failed(failure, at)
                    if entry.what == *what && now.duration_since(*at) < told_for(failure.problem) =>
                {
                    return Begin::Ended;
                }
                State::Ended(_) | State::Failed(..) => {}
            }
        }
        let entry = Entry { what: what.clone(), state: State::Running(None), waiting: BTreeSet::from([key.clone()]) };
        entries.insert(place.clone(), entry);
        Begin::Start
    }

    fn started(&self, place: &PullPlace, upid: &Upid) {
        if let Some(entry) = self.lock().get_mut(place) {
            entry.state = State::Running(Some(upid.clone()));
        }
    }

    /// It never began.
    fn abandoned(&self, place: &PullPlace) -> BTreeSet<Key> {
        self.lock().remove(place).map(|entry| entry.waiting).unwrap_or_default()
    }

    fn ended(&self, place: &PullPlace, end: &TaskEnd, now: Instant) -> BTreeSet<Key> {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(place) else { return BTreeSet::new() };
        entry.state = match end {
            TaskEnd::Well => State::Ended(now),
            TaskEnd::Badly(message) => State::Failed(PullFailure::read(message), now),
            TaskEnd::Lost => {
                let waiting = std::mem::take(&mut entry.waiting);
                entries.remove(place);
                return waiting;
            }
        };
        std::mem::take(&mut entry.waiting)
    }

    /// A container that is gone waits no longer.
    pub(super) fn leave(&self, key: &Key) {
        for entry in self.lock().values_mut() {
            entry.waiting.remove(key);
        }
    }
}

impl Cluster {
    /// Where a file is, as this node sees it.
    pub(crate) fn pull_place(&self, node: &NodeName, volume: &str) -> PullPlace {
        let storage = volume.split(':').next().unwrap_or_default();
        let is_shared = storage.parse::<StorageName>().ok().and_then(|storage| {
            self.inventory().and_then(|inventory| inventory.storage(node, &storage).map(|storage| storage.shared))
        });
        let node = (is_shared != Some(true)).then(|| node.clone());
        PullPlace { node, volume: volume.to_owned() }
    }

    /// The download that somebody waits for; this container is woken at its end, too.
    pub(crate) fn pull_fact(&self, place: &PullPlace, what: &Pulled, key: &Key) -> PullFact {
        self.pulls.look(place, what, key, Instant::now())
    }

    /// Whether to start a download; with [`Begin::Start`] one of the next three has to follow.
    pub(crate) fn begin_pull(&self, place: &PullPlace, what: &Pulled, key: &Key) -> Begin {
        self.pulls.begin(place, what, key, Instant::now())
    }

    /// It could not be started.
    pub(crate) fn abandon_pull(&self, place: &PullPlace, key: &Key) {
        let waiting = self.pulls.abandoned(place);
        for other in waiting.iter().filter(|other| *other != key) {
            (self.waker)(other);
        }
    }

    /// Follows a download to its end; then everybody who waits for it is woken.
    pub(crate) fn follow_pull(self: &Arc<Self>, place: PullPlace, upid: Upid, slot: Slot) {
        self.pulls.started(&place, &upid);
        let cluster = Arc::clone(self);
        tokio::spawn(async move {
            let end = cluster.wait(&upid).await;
            tracing::debug!(%upid, ?end, volume = place.volume, "download ended");
            cluster.forget_templates(place.volume.split(':').next().unwrap_or_default());
            let waiting = cluster.pulls.ended(&place, &end, Instant::now());
            drop(slot);
            for key in waiting {
                (cluster.waker)(&key);
            }
        });
    }

    /// The task that fetches this file already: one that was started before this process was, or by a person.
    ///
    /// # Errors
    /// Where a node's list of tasks cannot be read: then nothing is started, lest it be started twice.
    pub(crate) async fn running_pull(&self, place: &PullPlace, what: &Pulled) -> Result<Option<Upid>, PveError> {
        let kind = match what {
            Pulled::Template(_) => "download",
            Pulled::Image(_) => "ociregistrypull",
        };
        let file = place.volume.rsplit('/').next().unwrap_or_default();
        let nodes: Vec<NodeName> = match (&place.node, self.inventory()) {
            (Some(node), _) => vec![node.clone()],
            (None, Some(inventory)) => {
                inventory.nodes().filter(|node| node.online).map(|node| node.node.clone()).collect()
            }
            (None, None) => Vec::new(),
        };
        let filter = TaskFilter {
            source: TaskSource::Active,
            typefilter: Some(kind.to_owned()),
            limit: Some(50),
            ..TaskFilter::default()
        };
        for node in nodes {
            let rows = self.client().node_tasks(&node, &filter).await?;
            let found = rows.into_iter().find(|row| row.ended.is_none() && row.id.as_deref() == Some(file));
            if let Some(row) = found {
                return Ok(Some(row.upid));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zentoria_core::container::want::Download;

    fn place() -> PullPlace {
        PullPlace { node: None, volume: "nfs:vztmpl/x.tar.zst".into() }
    }

    fn what(checksum: &str) -> Pulled {
        Pulled::Template(Download { url: "http://a/x".into(), algorithm: "sha256".into(), checksum: checksum.into() })
    }

    fn key(name: &str) -> Key {
        Key { namespace: "ns".into(), name: name.into() }
    }

    fn upid() -> Upid {
        "UPID:pve1:0000367B:00073424:6B0160A8:download:x.tar.zst:ops@pve!op:".parse().unwrap()
    }

    #[test]
    fn who_comes_first_starts_it_and_all_are_woken() {
        let (pulls, now) = (Pulls::default(), Instant::now());
        assert_eq!(pulls.look(&place(), &what("a"), &key("a"), now), PullFact::None);
        assert_eq!(pulls.begin(&place(), &what("a"), &key("a"), now), Begin::Start);
        assert_eq!(pulls.begin(&place(), &what("a"), &key("b"), now), Begin::Joined);
        pulls.started(&place(), &upid());
        assert_eq!(pulls.look(&place(), &what("a"), &key("c"), now), PullFact::Running(Some(upid())));
        let woken = pulls.ended(&place(), &TaskEnd::Well, now);
        assert_eq!(woken, ["a", "b", "c"].map(key).into());
        assert_eq!(pulls.begin(&place(), &what("a"), &key("d"), now), Begin::Ended, "it looked before the end");
        assert_eq!(pulls.begin(&place(), &what("a"), &key("d"), now + SETTLES), Begin::Start, "it was removed since");
    }

    #[test]
    fn a_failure_is_told_for_a_while_and_not_to_who_wants_something_else() {
        let (pulls, now) = (Pulls::default(), Instant::now());
        pulls.begin(&place(), &what("a"), &key("a"), now);
        pulls.ended(&place(), &TaskEnd::Badly("checksum mismatch: got".into()), now);
        let later = now + Duration::from_secs(60);
        assert!(matches!(pulls.look(&place(), &what("a"), &key("b"), later), PullFact::Failed(_)));
        assert_eq!(pulls.begin(&place(), &what("a"), &key("b"), later), Begin::Ended);
        assert_eq!(pulls.look(&place(), &what("corrected"), &key("b"), later), PullFact::None);
        assert_eq!(pulls.begin(&place(), &what("corrected"), &key("b"), later), Begin::Start);
        pulls.ended(&place(), &TaskEnd::Badly("download failed: no route".into()), later);
        let again = later + told_for(PullProblem::Other);
        assert_eq!(pulls.begin(&place(), &what("corrected"), &key("b"), again), Begin::Start);
    }

    #[test]
    fn a_download_that_could_not_be_started_leaves_nothing_behind() {
        let (pulls, now) = (Pulls::default(), Instant::now());
        pulls.begin(&place(), &what("a"), &key("a"), now);
        pulls.begin(&place(), &what("a"), &key("b"), now);
        pulls.leave(&key("b"));
        assert_eq!(pulls.abandoned(&place()), [key("a")].into());
        assert_eq!(pulls.begin(&place(), &what("a"), &key("a"), now), Begin::Start);
    }
}
