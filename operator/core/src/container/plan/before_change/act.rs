//! What a plan does to a guest: the class of each step before which something has to be kept, and what names it.

use crate::Fact;
use crate::container::plan::allowed::of_class;
use crate::container::plan::existing::is_at_reboot;
use crate::container::plan::replace;
use crate::container::seen::{Guest, Seen};
use crate::container::step::{Configure, Plan, Step};
use crate::container::want::Want;
use crate::digest::of_parts;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{ChangeClass, GuardedClass, PowerState};

/// What a plan does to the guest: its most dangerous class, and what names it.
pub(super) struct Act {
    pub(super) class: GuardedClass,
    /// 12 hex digits over what is changed.
    pub(super) digest: String,
    /// A volume moves, which Proxmox VE refuses where there are snapshots.
    pub(super) moves: bool,
    /// For people.
    pub(super) words: String,
}

/// The act of the plan; `None` where nothing has to be kept before it.
pub(super) fn act_of(want: &Want, seen: &Seen, guest: &Guest, plan: &Plan) -> Option<Act> {
    if want.mode == Mode::Observe || !seen.recorded.is_finished() {
        return None;
    }
    let judge = Judge::of(want, guest, plan);
    let class = plan.steps.iter().filter_map(|step| judge.class_of(step)).max()?;
    let mut words: Vec<&str> = match class {
        GuardedClass::Replace => vec!["making it anew"],
        GuardedClass::Hot | GuardedClass::Reboot => {
            let stored = plan
                .steps
                .iter()
                .filter_map(|step| if let Step::Configure(configure) = step { Some(&configure.changes) } else { None });
            stored.flatten().map(String::as_str).collect()
        }
    };
    let others: Vec<String> = plan.steps.iter().filter_map(other_change).collect();
    words.extend(others.iter().map(String::as_str));
    let digest = match class {
        GuardedClass::Replace => replace::digest_of(&plan.pending),
        GuardedClass::Hot => of_parts(words.iter().copied()),
        GuardedClass::Reboot => {
            let waiting = of_class(&plan.pending, ChangeClass::Reboot);
            of_parts(waiting.map(|change| change.digest.as_str()).chain(words.iter().copied()))
        }
    };
    let waiting = of_class(&plan.pending, ChangeClass::Reboot);
    let waiting: Vec<String> = waiting.map(|c| format!("{} {} -> {}", c.field, c.from, c.to)).collect();
    if class == GuardedClass::Reboot {
        words.extend(waiting.iter().map(String::as_str));
    }
    let moves = plan.steps.iter().any(|step| matches!(step, Step::MoveVolume { .. }))
        || (class == GuardedClass::Reboot && plan.steps.contains(&Step::Shutdown));
    Some(Act { class, digest, moves, words: shortened(&words.join(", ")) })
}

/// Descriptions and messages have room for a line.
fn shortened(text: &str) -> String {
    const ROOM: usize = 200;
    match text.char_indices().nth(ROOM) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// The change that a step makes, where the options that it sets do not say it.
fn other_change(step: &Step) -> Option<String> {
    match step {
        Step::Resize { .. } | Step::Migrate { .. } => Some(step.to_string()),
        Step::Create(_)
        | Step::Clone(_)
        | Step::Mark(_)
        | Step::Configure(_)
        // Pending, and told by that.
        | Step::MoveVolume { .. }
        | Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::Restore(_)
        | Step::Pull(_)
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::DeleteBackup { .. }
        | Step::ConvertToTemplate
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::Destroy { .. }
        | Step::ForgetVmid => None,
    }
}

/// What is asked of a step: its class, where something has to be kept before that.
pub(super) struct Judge<'a> {
    asked: &'a [GuardedClass],
    runs: bool,
    /// The guest is made anew: a shutdown is part of it.
    replacing: bool,
    /// The guest is to run: a shutdown is for a disk that moves.
    keeps_running: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn of(want: &'a Want, guest: &Guest, plan: &Plan) -> Self {
        Self {
            asked: want.before_change.as_ref().map_or(&[], |before| before.classes.as_slice()),
            runs: guest.running != Fact::Known(false),
            replacing: plan.verdict.reason == ContainerReason::Replacing,
            keeps_running: want.power != Some(PowerState::Stopped),
        }
    }

    /// The class of the step. Of a replacement, whatever is asked: it needs a final backup.
    pub(super) fn class_of(&self, step: &Step) -> Option<GuardedClass> {
        let class = match step {
            Step::Configure(configure) => return self.class_of_options(configure),
            Step::Resize { .. } => GuardedClass::Hot,
            Step::MoveVolume { .. } | Step::Migrate { .. } | Step::Reboot => GuardedClass::Reboot,
            Step::Shutdown if self.replacing => GuardedClass::Replace,
            Step::Shutdown if self.keeps_running => GuardedClass::Reboot,
            Step::Destroy { .. } => GuardedClass::Replace,
            Step::Create(_)
            | Step::Clone(_)
            | Step::Mark(_)
            | Step::ClearFirewall
            | Step::WriteFirewall(_)
            | Step::Finish
            | Step::Restore(_)
            | Step::Pull(_)
            | Step::Snapshot(_)
            | Step::DeleteSnapshot { .. }
            | Step::Backup(_)
            | Step::DeleteBackup { .. }
            | Step::ConvertToTemplate
            | Step::Start
            | Step::Shutdown
            | Step::ForgetVmid => return None,
        };
        (class == GuardedClass::Replace || self.asked.contains(&class)).then_some(class)
    }

    /// Options that wait for a reboot change nothing while the guest runs; stopped, it has them at once.
    fn class_of_options(&self, configure: &Configure) -> Option<GuardedClass> {
        let touched = || configure.set.keys().chain(&configure.delete).chain(&configure.revert);
        let at_reboot = |key: &String| is_at_reboot(key);
        let reboot = !self.runs && touched().any(at_reboot) && self.asked.contains(&GuardedClass::Reboot);
        let hot = touched().any(|key| !at_reboot(key)) && self.asked.contains(&GuardedClass::Hot);
        match (reboot, hot) {
            (true, _) => Some(GuardedClass::Reboot),
            (false, true) => Some(GuardedClass::Hot),
            (false, false) => None,
        }
    }
}
