//! Guests that are, or are to become, templates of Proxmox VE: never started, and never turned back.

use crate::Fact;
use crate::container::seen::Guest;
use crate::container::step::{Step, Verdict};
use crate::container::want::Want;
use crate::digest::of_parts;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{ChangeClass, PendingChange};

/// How a guest stands to being a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is one.
    Made,
    /// It is to become one.
    Wished,
    /// Neither.
    Guest,
}

impl Standing {
    /// It is one: its volumes are fixed.
    pub(super) fn is_made(self) -> bool {
        self == Self::Made
    }
}

/// How it stands.
pub(super) fn standing(want: &Want, guest: &Guest) -> Standing {
    let is_one = guest.config.current.get("template").is_some_and(|value| value == "1");
    match (is_one, want.template) {
        (true, _) => Standing::Made,
        (false, true) => Standing::Wished,
        (false, false) => Standing::Guest,
    }
}

/// What becomes of a guest that is configured: the conversion, where it takes one, and what to say. `None` for a guest
/// whose power is managed as usual.
pub(super) fn finished(
    standing: Standing,
    guest: &Guest,
    pending: &mut Vec<PendingChange>,
) -> Option<(Option<Step>, Verdict)> {
    match standing {
        Standing::Guest => None,
        Standing::Made => Some((None, Verdict::new(ContainerReason::Template, "is a template of Proxmox VE"))),
        Standing::Wished => match hindrance(guest) {
            Ok(None) => {
                let verdict = Verdict::new(ContainerReason::Configuring, "becomes a template of Proxmox VE");
                Some((Some(Step::ConvertToTemplate), verdict))
            }
            Ok(Some((why, runs))) => {
                pending.push(PendingChange {
                    field: "template".to_owned(),
                    from: "false".to_owned(),
                    to: "true".to_owned(),
                    digest: of_parts(["template", "false", "true"]),
                    class: ChangeClass::Impossible,
                    message: why.to_owned(),
                });
                let (reason, message) = if runs {
                    (ContainerReason::Running, "runs, and is no template yet")
                } else {
                    (ContainerReason::Stopped, "is stopped, and no template yet")
                };
                Some((None, Verdict::new(reason, message)))
            }
            Err(why) => Some((None, Verdict::new(ContainerReason::PveError, why))),
        },
    }
}

/// Why it cannot become one now, and whether it runs.
fn hindrance(guest: &Guest) -> Result<Option<(&'static str, bool)>, String> {
    if guest.config.current.contains_key("parent") {
        let runs = guest.running.known() == Some(&true);
        return Ok(Some(("a guest with snapshots cannot become a template: remove them in Proxmox VE", runs)));
    }
    match &guest.running {
        Fact::Known(false) => Ok(None),
        Fact::Known(true) => Ok(Some(("a guest that runs cannot become a template: stop it in Proxmox VE", true))),
        Fact::Unknown(why) => Err(why.clone()),
    }
}
