//! The trash of a cluster: guests that are kept, stopped, until their time is over. Their marks alone say so.

use crate::container::delete::trash::until;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeMap;
use zentoria_api::cluster::Trashed;
use zentoria_api::common::VmidField;
use zentoria_types::mark::Mark;
use zentoria_types::vmid::Vmid;

/// Guests whose time is over, with the instant of it, in the order in which they are due.
#[must_use]
pub fn due<'a>(marks: impl IntoIterator<Item = (Vmid, &'a Mark)>, now: Timestamp) -> Vec<(Vmid, Timestamp)> {
    let readable = marks.into_iter().filter_map(|(vmid, mark)| Some((vmid, until(mark)?.ok()?)));
    let mut due: Vec<_> = readable.filter(|(_, until)| *until <= now).collect();
    due.sort_by_key(|(vmid, until)| (*until, *vmid));
    due
}

/// When the next guest is due that is not yet.
#[must_use]
pub fn next<'a>(marks: impl IntoIterator<Item = (Vmid, &'a Mark)>, now: Timestamp) -> Option<Timestamp> {
    let readable = marks.into_iter().filter_map(|(_, mark)| until(mark)?.ok());
    readable.filter(|until| *until > now).min()
}

/// What the status lists. `held` says what holds a guest back; a time that cannot be read holds it for ever.
#[must_use]
pub fn listed<'a>(marks: impl IntoIterator<Item = (Vmid, &'a Mark)>, held: &BTreeMap<Vmid, String>) -> Vec<Trashed> {
    let row = |(vmid, mark): (Vmid, &Mark)| {
        let (until, unreadable) = match until(mark)? {
            Ok(until) => (until, None),
            Err(why) => (Timestamp::MAX, Some(format!("{why}: correct the notes of the guest"))),
        };
        Some(Trashed {
            vmid: VmidField(vmid.get()),
            of: format!("{}/{}", mark.namespace, mark.name),
            until: Time(until),
            held: unreadable.or_else(|| held.get(&vmid).cloned()),
        })
    };
    let mut list: Vec<Trashed> = marks.into_iter().filter_map(row).collect();
    list.sort_by_key(|trashed| trashed.vmid);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use zentoria_types::mark::{ControlPlaneId, EstateId};

    fn mark(vmid: u32, until: Option<&str>) -> (Vmid, Mark) {
        let vmid = Vmid::new(vmid).unwrap();
        let estate = EstateId::new("home").unwrap();
        let mark = Mark::new(estate, "ns", "db", vmid, ControlPlaneId::new("1a2b3c4d").unwrap());
        (vmid, Mark { trash_until: until.map(str::to_owned), ..mark })
    }

    #[test]
    fn a_guest_is_due_at_its_instant_and_not_before_and_never_where_that_cannot_be_read() {
        let marks = [
            mark(400, Some("2026-06-01T12:00:00Z")),
            mark(401, Some("2026-06-01T11:00:00Z")),
            mark(402, Some("2026-06-01T12:00:01Z")),
            mark(403, Some("tomorrow")),
            mark(404, None),
        ];
        let now = "2026-06-01T12:00:00Z".parse().unwrap();
        let due = due(marks.iter().map(|(vmid, mark)| (*vmid, mark)), now);
        assert_eq!(due.iter().map(|(vmid, _)| vmid.get()).collect::<Vec<_>>(), [401, 400]);
        let next = next(marks.iter().map(|(vmid, mark)| (*vmid, mark)), now);
        assert_eq!(next, Some("2026-06-01T12:00:01Z".parse().unwrap()), "who is due already is not waited for");
    }

    #[test]
    fn what_holds_a_guest_back_is_listed() {
        let marks = [mark(403, Some("tomorrow")), mark(400, Some("2026-06-01T12:00:00Z")), mark(404, None)];
        let held = BTreeMap::from([(Vmid::new(400).unwrap(), "is protected".to_owned())]);
        let list = listed(marks.iter().map(|(vmid, mark)| (*vmid, mark)), &held);
        let rows: Vec<_> = list.iter().map(|row| (row.vmid.0, row.held.clone().unwrap_or_default())).collect();
        assert_eq!(rows[0], (400, "is protected".to_owned()));
        assert!(rows[1].0 == 403 && rows[1].1.contains("trashUntil=tomorrow"), "{rows:?}");
        assert_eq!(rows.len(), 2);
    }
}
