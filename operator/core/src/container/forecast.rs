//! What a plan would do, told before it is done: each change with the call of Proxmox VE that makes it, what it stops, and
//! which data it may lose. A plan goes no further than its first task; the [`course`] follows it to the end, as if every
//! call did what it should.

mod ahead;
mod calls;
mod lines;

pub use calls::call;
pub use lines::forecast;

use super::guard::guard;
use super::plan::plan;
use super::seen::{DependencyState, Seen, TaskFact};
use super::step::{Step, Target, Verdict};
use super::validate::{AsIf, Input, validate};
use super::want::Refusal;
use std::fmt;
use zentoria_api::common::Mode;
use zentoria_api::container::ChangeClass;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The call that makes it (`PUT /nodes/pve1/lxc/404/config memory=4096`); `None` for a change that nobody makes now.
    /// Changes that one call makes together all carry it.
    pub call: Option<String>,
    /// The field of the spec.
    pub field: String,
    /// What holds now; empty where it is nothing.
    pub from: String,
    /// What will hold.
    pub to: String,
    /// What it takes.
    pub class: ChangeClass,
    /// What the guest's users notice.
    pub downtime: Downtime,
    /// What may be lost; `None` for nothing.
    pub data_at_risk: Option<String>,
    /// Whether it is done by itself.
    pub done: NowOrPending,
}

/// Whether a change is made as soon as the operator looks, or waits for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NowOrPending {
    /// It is made.
    Now,
    /// It waits, or it is stored at once and in force later: why, and what to do.
    Pending {
        /// Why, and what to do.
        why: String,
        /// The digest of the pending change.
        digest: Option<String>,
    },
}

/// What the users of a guest notice of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Downtime {
    /// Nothing.
    None,
    /// A reboot.
    Reboot,
    /// It is stopped for as long as the change takes (a move of a disk), or from then on.
    Stop,
    /// It is made anew, or for the first time.
    NewGuest,
}

impl fmt::Display for Downtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Reboot => "reboot",
            Self::Stop => "stop",
            Self::NewGuest => "new guest",
        })
    }
}

/// Everything that lies ahead of one container.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The guest that it is about; `None` where there is none to act on.
    pub target: Option<Target>,
    /// The changes, in the order in which they are made; those that wait come last.
    pub lines: Vec<Line>,
    /// Containers that have to be there first, and will be.
    pub after: Vec<String>,
    /// What the status says once all that is done.
    pub verdict: Verdict,
    /// Things worth knowing that change nothing.
    pub notes: Vec<String>,
}

/// So many plans follow one another at most.
const PLANS: usize = 24;

/// What lies ahead of a container: its plan, and the plans that follow it. What it waits for and will come is taken as
/// there. Of a guest that is stopped `seen` has to say why, even where its first plan need not know. Under `Observe` it is what `Enforce` would do, and every line says that it waits for that.
///
/// # Errors
/// Where the spec cannot work or asks for more than its namespace may.
pub fn course(input: &Input<'_>, seen: &Seen) -> Result<Course, Refusal> {
    let mut seen = seen.clone();
    let mut status = input.status.cloned();
    let after = expect_dependencies(&mut seen);
    let mut notes = forgive_task(&mut seen);
    let mut lines = Vec::new();
    let mut target = None;
    let mut before: Option<Vec<Step>> = None;
    let mut as_if = input.as_if;
    let mut mode = Mode::Enforce;
    let mut last = None;
    for _ in 0..PLANS {
        let identity = input.identity.clone();
        let mut want = validate(&Input { identity, status: status.as_ref(), as_if, ..*input })?;
        if as_if == AsIf::Recorded && AsIf::of(&want, &seen) != AsIf::Recorded {
            as_if = AsIf::of(&want, &seen);
            continue;
        }
        mode = want.mode;
        want.mode = Mode::Enforce;
        let planned = guard(plan(&want, &seen), &want, &seen);
        target = target.or_else(|| planned.target.clone());
        notes.extend(planned.notes.iter().filter(|note| !notes.contains(note)).cloned().collect::<Vec<_>>());
        let stuck = before.as_ref() == Some(&planned.steps);
        if !stuck {
            lines.extend(lines::of_steps(&planned, &seen));
        }
        let mut further = !planned.steps.is_empty() && !stuck;
        for step in planned.steps.iter().filter(|_| !stuck) {
            further &= ahead::take(&mut seen, &mut status, step, planned.target.as_ref());
        }
        // Once it is in status how the guest comes to be ours, nothing has to be assumed of it.
        if status.as_ref().is_some_and(|status| status.created.is_some()) {
            as_if = AsIf::Recorded;
        }
        before = Some(planned.steps.clone());
        let pending = lines::of_pending(&planned, &seen);
        last = Some((planned.verdict, pending));
        if !further {
            break;
        }
    }
    let verdict = Verdict::new(zentoria_api::conditions::ContainerReason::Pending, "was not looked at");
    let (verdict, pending) = last.unwrap_or((verdict, Vec::new()));
    if mode == Mode::Observe {
        lines.iter_mut().for_each(only_shown);
    }
    for late in pending {
        // Stored by one of these calls, and in force later: one change, not two.
        match lines.iter_mut().find(|line| line.class == late.class && line.field == late.field && line.to == late.to) {
            Some(line) => line.done = late.done,
            None => lines.push(late),
        }
    }
    Ok(Course { target, lines, after, verdict, notes })
}

fn only_shown(line: &mut Line) {
    line.done = NowOrPending::Pending { why: "mode is Observe: Enforce would do it".to_owned(), digest: None };
}

/// What will come is taken as there; its names.
fn expect_dependencies(seen: &mut Seen) -> Vec<String> {
    let mut after = Vec::new();
    for (name, state) in &mut seen.dependencies {
        if matches!(state, DependencyState::NotYet { can_come: true, .. }) {
            after.push(name.clone());
            *state = DependencyState::Met;
        }
    }
    after
}

/// A task that failed is tried again: what that will be, is told as well.
fn forgive_task(seen: &mut Seen) -> Vec<String> {
    match &seen.task {
        TaskFact::Failed { action, message } => {
            let note = format!("{action:?} failed the last time: {message}");
            seen.task = TaskFact::None;
            vec![note]
        }
        TaskFact::None | TaskFact::Running(_) | TaskFact::NotStarted | TaskFact::Done(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_downtime_is_the_greater() {
        assert!(Downtime::None < Downtime::Reboot && Downtime::Stop < Downtime::NewGuest);
        assert_eq!(Downtime::NewGuest.to_string(), "new guest");
    }
}
