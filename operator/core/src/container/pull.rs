//! What a node fetches onto a storage by itself: the volume that it becomes, what it takes, and why it failed.

use super::seen::{NodeFacts, PullFact};
use super::step::{Plan, Pull, Pulled, Step, Target, Verdict};
use super::want::Download;
use crate::digest::of_parts;
use zentoria_api::conditions::ContainerReason;
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::vmid::Vmid;

/// Why a download failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullFailure {
    /// What kind of failure it is.
    pub problem: PullProblem,
    /// The exit text of the task and the tail of its log.
    pub message: String,
}

/// What kind of failure a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullProblem {
    /// What came is not what was meant.
    Mismatch,
    /// The server says that there is no such file or image.
    Missing,
    /// Anything else: no answer, no space.
    Other,
}

impl PullFailure {
    /// Reads the end of a task, as Proxmox VE (wget, skopeo) words it.
    #[must_use]
    pub fn read(message: &str) -> Self {
        const MISSING: [&str; 5] = [
            "ERROR 404",
            "manifest unknown",
            "name unknown",
            "repository name not known",
            "requested access to the resource is denied",
        ];
        let problem = if message.contains("mismatch") {
            PullProblem::Mismatch
        } else if MISSING.iter().any(|text| message.contains(text)) {
            PullProblem::Missing
        } else {
            PullProblem::Other
        };
        Self { problem, message: message.to_owned() }
    }
}

/// The file that an image is pulled to: its name and tag for people, and a digest of the whole reference, so that images
/// of two registries with one name are never taken for each other.
#[must_use]
pub fn image_volume(storage: &StorageName, reference: &str) -> String {
    // So long that nobody finds another reference with the same.
    let digest = of_parts([reference]) + &of_parts(["image", reference]);
    format!("{storage}:vztmpl/{}-{digest}.tar", short_name(reference))
}

/// The file that Proxmox VE itself makes of a reference, when a person pulls it.
#[must_use]
pub fn image_volume_of_pve(storage: &StorageName, reference: &str) -> String {
    format!("{storage}:vztmpl/{}.tar", short_name(reference))
}

/// `docker.io/library/nginx:1.29` is `nginx_1.29`.
fn short_name(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    last.replace(':', "_")
}

/// The name without its storage: short enough for a column.
fn file_of(volume: &str) -> &str {
    volume.rsplit('/').next().unwrap_or(volume)
}

/// What is fetched, and what it is called by people.
pub(super) struct Fetch<'a> {
    /// The volume that it becomes.
    pub volume: &'a str,
    /// What.
    pub what: Pulled,
    /// What a person does in its place.
    pub by_hand: String,
}

impl Fetch<'_> {
    /// A template.
    pub(super) fn template<'a>(volume: &'a str, download: &Download) -> Fetch<'a> {
        let storage = volume.split(':').next().unwrap_or_default();
        let by_hand = format!("upload it once (pveam download {storage} NAME on the node, or the web interface)");
        Fetch { volume, what: Pulled::Template(download.clone()), by_hand }
    }

    /// An image.
    pub(super) fn image<'a>(volume: &'a str, reference: &str) -> Fetch<'a> {
        let by_hand = "pull it once in the web interface, and set source.image.pull: Never".to_owned();
        Fetch { volume, what: Pulled::Image(reference.to_owned()), by_hand }
    }

    fn what(&self) -> String {
        match &self.what {
            Pulled::Template(download) => format!("source.template.url {}", download.url),
            Pulled::Image(reference) => format!("source.image.reference {reference}"),
        }
    }

    fn is_template(&self) -> bool {
        matches!(self.what, Pulled::Template(_))
    }
}

/// The plan for a volume that the storage lacks: fetch it, or wait for who fetches it already.
pub(super) fn fetch(fetch: Fetch<'_>, node: &NodeName, facts: &NodeFacts, seen: &PullFact, vmid: Vmid) -> Plan {
    let volume = fetch.volume;
    match seen {
        PullFact::Running(upid) => {
            let task = upid.as_ref().map(|upid| format!(" ({upid})")).unwrap_or_default();
            let message = format!("{volume} is on its way to its storage{task}");
            Plan::say(Verdict::about(ContainerReason::Pulling, file_of(volume), message))
        }
        PullFact::Failed(failure) => Plan::say(failed(&fetch, failure)),
        PullFact::None if !facts.pull_lacks.is_empty() => {
            let message = format!(
                "{volume} is not on its storage, and the operator's token may not have it fetched there: it lacks {}. \
                 Grant it (pveum acl modify; a grant on a path takes the place of those above it), or {}",
                facts.pull_lacks.join(", "),
                fetch.by_hand
            );
            Plan::say(Verdict::new(ContainerReason::PermissionDenied, message))
        }
        PullFact::None => {
            let verdict = Verdict::about(
                ContainerReason::Pulling,
                file_of(volume),
                format!("{volume} is fetched to its storage"),
            );
            let pull = Pull { volume: volume.to_owned(), node: node.clone(), what: fetch.what };
            let target = Target { vmid, node: node.clone(), digest: None };
            Plan {
                target: Some(target),
                steps: vec![Step::Pull(pull)],
                verdict,
                pending: Vec::new(),
                notes: Vec::new(),
            }
        }
    }
}

fn failed(fetch: &Fetch<'_>, failure: &PullFailure) -> Verdict {
    let (volume, what, message) = (fetch.volume, fetch.what(), &failure.message);
    match failure.problem {
        PullProblem::Mismatch => Verdict::about(
            ContainerReason::SourceUnusable,
            file_of(volume),
            format!(
                "what {what} gives is not what source.template.checksum says ({message}): nothing is made of it. Correct \
                 the checksum, or the file behind the URL; where the storage has another file of this name, rename one"
            ),
        ),
        PullProblem::Missing => Verdict::about(
            ContainerReason::NotFound,
            file_of(volume),
            format!("{what} does not exist ({message}): correct it, or {}", fetch.by_hand),
        ),
        PullProblem::Other => {
            let remedy = if fetch.is_template() {
                "the node itself must reach the URL"
            } else {
                "the node itself must reach the registry"
            };
            Verdict::about(
                ContainerReason::TaskFailed,
                "Pull",
                format!("{what} could not be fetched and is tried again: {message} ({remedy}; else {})", fetch.by_hand),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_two_registries_are_two_files() {
        let storage: StorageName = "local".parse().unwrap();
        let one = image_volume(&storage, "docker.io/library/nginx:1.29");
        let other = image_volume(&storage, "ghcr.io/evil/nginx:1.29");
        assert!(one.starts_with("local:vztmpl/nginx_1.29-") && one.ends_with(".tar"), "{one}");
        assert_ne!(one, other);
        assert_eq!(image_volume_of_pve(&storage, "docker.io/library/nginx:1.29"), "local:vztmpl/nginx_1.29.tar");
        assert_eq!(short_name("127.0.0.1:5000/library/x:1"), "x_1");
    }

    #[test]
    fn the_end_of_a_download_says_whose_turn_it_is() {
        use PullProblem as P;
        let table = [
            ("checksum mismatch: got 'a' != expect 'b'", P::Mismatch),
            ("mismatch (got 'a' != expect 'b'), aborting", P::Mismatch),
            ("download failed: 2026-11-21 09:13:12 ERROR 404: Not Found.", P::Missing),
            (
                "command 'skopeo copy docker://x' failed: exit code 1 (log: reading manifest: manifest unknown)",
                P::Missing,
            ),
            ("download failed: Connecting to 127.0.0.1:9... failed: Connection refused.", P::Other),
            ("download failed: wget: unable to resolve host address 'nowhere'", P::Other),
            ("command 'skopeo copy docker://127.0.0.1:9/library/x:1' failed: exit code 1", P::Other),
        ];
        for (message, problem) in table {
            assert_eq!(PullFailure::read(message).problem, problem, "{message}");
        }
    }
}
