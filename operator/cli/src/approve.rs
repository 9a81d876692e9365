//! `approve`: a person's word for one pending change, by the digest of its meaning.

use crate::Answer;
use crate::annotate::annotate;
use crate::connect::connect;
use crate::error::Error;
use crate::object::{self, Name};
use crate::options::{Approve, To};
use crate::table::{columns, cut, wrap};
use std::collections::BTreeSet;
use zentoria_api::ZentoriaContainer;
use zentoria_api::container::{ChangeClass, PendingChange, ZentoriaContainerStatus};
use zentoria_api::wire::APPROVE_ANNOTATION;
use zentoria_core::container::plan::can_be_approved;
use zentoria_core::estate::{approved, key_of};

/// Shows what is pending, or approves it.
///
/// # Errors
/// Where the container cannot be read or written to, or a digest names nothing that is pending and can be approved.
pub async fn run(to: &To, what: &Approve) -> Result<Answer, Error> {
    let api = connect(to).await?;
    let name = Name::container(&what.container)?;
    let container = object::container(&api, &name).await?;
    if what.digests.is_empty() && !what.all {
        return Ok(Answer::done(listed(&container)));
    }
    let digests = (!what.all).then_some(what.digests.as_slice());
    let (objects, named) = (object::containers(&api), format!("zc/{name}"));
    let told = annotate(&objects, container, &named, APPROVE_ANNOTATION, |container| decide(container, digests));
    Ok(Answer::done(told.await?))
}

fn pending(container: &ZentoriaContainer) -> &[PendingChange] {
    container.status.as_ref().map_or(&[], |status| &status.pending_changes)
}

/// The new annotation, and what to say. `digests` is `None` for all.
fn decide(
    container: &ZentoriaContainer,
    digests: Option<&[String]>,
) -> Result<(Option<Option<String>>, String), Error> {
    let changes = pending(container);
    let name = &key_of(container).name;
    let chosen: Vec<&PendingChange> = match digests {
        None => changes.iter().filter(|change| can_be_approved(change)).collect(),
        Some(digests) => digests.iter().map(|digest| find(name, changes, digest)).collect::<Result<Vec<_>, Error>>()?,
    };
    if chosen.is_empty() {
        return Ok((None, format!("zc/{name}: nothing is pending that can be approved\n")));
    }
    let spent = container.status.as_ref().map_or(&[][..], |status| &status.spent_approvals);
    if let Some(used) = chosen.iter().find(|change| spent.contains(&change.digest)) {
        return once_more(container, name, used);
    }
    let before = approved(&container.metadata);
    let is_pending = |digest: &&String| changes.iter().any(|change| change.digest == **digest);
    let mut after: BTreeSet<String> = before.iter().filter(is_pending).cloned().collect();
    let mut page = String::new();
    for change in &chosen {
        let news = after.insert(change.digest.clone());
        let said = if news { "approved" } else { "was approved already" };
        let (field, from, to) = (&change.field, &change.from, &change.to);
        page.push_str(&wrap(0, 2, &format!("zc/{name} {}: {field} {} {said}", change.digest, arrow(from, to))));
    }
    page.push_str(&wrap(0, 2, &next(container, changes, &after)));
    let text = after.iter().cloned().collect::<Vec<_>>().join(",");
    let write = (after != before).then_some(Some(text));
    Ok((write, page))
}

/// An approval holds for one time. The one that was used has to go before it can be given again, and the operator has to
/// have seen it gone.
fn once_more(
    container: &ZentoriaContainer,
    name: &str,
    used: &PendingChange,
) -> Result<(Option<Option<String>>, String), Error> {
    let digest = &used.digest;
    let mut given = approved(&container.metadata);
    if given.remove(digest) {
        let left = given.into_iter().collect::<Vec<_>>().join(",");
        let text = format!(
            "zc/{name} {digest}: was approved and used before. The old approval is taken back now; give it once more in a \
             moment, with the same command."
        );
        return Ok((Some((!left.is_empty()).then_some(left)), wrap(0, 2, &text)));
    }
    Err(Error::Refused(format!(
        "{digest} was approved and used before, and the operator has not yet seen that this approval was taken back; try \
         again in a moment"
    )))
}

fn find<'a>(name: &str, changes: &'a [PendingChange], digest: &str) -> Result<&'a PendingChange, Error> {
    let Some(change) = changes.iter().find(|change| change.digest == digest) else {
        let names: Vec<String> = changes
            .iter()
            .filter(|change| can_be_approved(change))
            .map(|change| format!("{} ({})", change.digest, change.field))
            .collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        return Err(Error::Refused(format!(
            "{digest} names no change of zc/{name} that is pending now; pending and open to approval: {names}. What was \
             approved may have been made, or may be another change by now: look again with kubectl zentoria approve \
             zc/{name}"
        )));
    };
    if can_be_approved(change) {
        return Ok(change);
    }
    let (field, why) = (&change.field, &change.message);
    Err(Error::Refused(format!("{digest} ({field} of zc/{name}) cannot be approved: {why}")))
}

fn arrow(from: &str, to: &str) -> String {
    if from.is_empty() { format!("-> {to}") } else { format!("{from} -> {to}") }
}

/// What will happen once this is approved.
fn next(container: &ZentoriaContainer, changes: &[PendingChange], approved: &BTreeSet<String>) -> String {
    let has =
        |class: ChangeClass| changes.iter().any(|change| change.class == class && approved.contains(&change.digest));
    let open = |class: ChangeClass| {
        let open: Vec<&str> = changes
            .iter()
            .filter(|change| change.class == class && !approved.contains(&change.digest))
            .map(|change| change.digest.as_str())
            .collect();
        open.join(", ")
    };
    let keeps = container.spec.before_change.is_some();
    let first = if keeps { ", once what spec.beforeChange asks for is kept" } else { "" };
    let mut said = Vec::new();
    if has(ChangeClass::Create) {
        said.push("Next: the guest is made, as soon as what it depends on is there.".to_owned());
    }
    if has(ChangeClass::Replace) {
        said.push(format!(
            "Next: the guest is shut down, backed up as safety.finalBackup of the ProxmoxCluster asks for, destroyed with \
             its disks, and made anew{first}."
        ));
    }
    if has(ChangeClass::Reboot) {
        said.push(match open(ChangeClass::Reboot).as_str() {
            "" => format!("Next: the guest is taken down for it at once, without waiting for a window{first}."),
            open => format!(
                "Next: nothing yet: one reboot makes all changes of its class, so these have to be approved as well: {open}."
            ),
        });
    }
    said.join(" ")
}

/// Everything that is pending.
fn listed(container: &ZentoriaContainer) -> String {
    let name = &key_of(container).name;
    let changes = pending(container);
    if changes.is_empty() {
        let summary = container.status.as_ref().and_then(|status: &ZentoriaContainerStatus| status.summary.as_deref());
        return format!("zc/{name}: nothing is pending (status: {})\n", summary.unwrap_or("not seen yet"));
    }
    let given = approved(&container.metadata);
    let head = ["DIGEST", "CLASS", "APPROVAL", "CHANGE"].map(str::to_owned).to_vec();
    let rows = changes.iter().map(|change| {
        let approval = match (can_be_approved(change), given.contains(&change.digest)) {
            (true, true) => "given",
            (true, false) => "open",
            (false, _) => "-",
        };
        let what = format!("{} {}", change.field, arrow(&change.from, &change.to));
        vec![change.digest.clone(), format!("{:?}", change.class), approval.to_owned(), cut(&what, 60)]
    });
    let mut page = columns(0, &std::iter::once(head).chain(rows).collect::<Vec<_>>());
    page.push('\n');
    for change in changes {
        page.push_str(&wrap(0, 2, &format!("{}: {}", change.digest, change.message)));
    }
    let open: Vec<&str> = changes
        .iter()
        .filter(|change| can_be_approved(change) && !given.contains(&change.digest))
        .map(|change| change.digest.as_str())
        .collect();
    if !open.is_empty() {
        page.push_str(&format!("\nTo approve: kubectl zentoria approve zc/{name} {}\n", open.join(" ")));
    }
    page
}

#[cfg(test)]
mod tests;
