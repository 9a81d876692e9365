//! Room that was given away and does not show yet: a guest is in the list of Proxmox VE seconds after its creation was
//! asked for, and some wait for a task slot for minutes before that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use zentoria_core::container::want::Key;
use zentoria_core::placement::Demand;
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// Room on a node for one guest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Booking {
    /// The guest.
    pub(super) vmid: Vmid,
    /// Where it is made, or moved to.
    pub(super) node: NodeName,
    /// What it needs there.
    pub(super) demand: Demand,
    /// When somebody last said that it is wanted.
    pub(super) at: Instant,
}

/// A container that is about to be made says so at least every minute; one that does not any more has changed its mind.
const HOLDS: Duration = Duration::from_secs(300);

/// The bookings, by container.
#[derive(Default)]
pub(super) struct Ledger(BTreeMap<Key, Booking>);

impl Ledger {
    /// The booking of a container.
    pub(super) fn of(&self, key: &Key) -> Option<&Booking> {
        self.0.get(key)
    }

    /// All but that of one container.
    pub(super) fn others<'a>(&'a self, key: Option<&'a Key>) -> impl Iterator<Item = (&'a Key, &'a Booking)> {
        self.0.iter().filter(move |(holder, _)| Some(*holder) != key)
    }

    /// Books, in the place of what the container had booked before.
    pub(super) fn book(&mut self, key: &Key, booking: Booking) {
        self.0.insert(key.clone(), booking);
    }

    /// Gives up what a container had booked.
    pub(super) fn release(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// Drops what `is_there` (the guest is counted where it was booked) and what nobody wants any more.
    pub(super) fn settle(&mut self, is_there: impl Fn(&Booking) -> bool, is_listed: impl Fn(&Booking) -> bool) {
        let now = Instant::now();
        self.0.retain(|_, booking| {
            let wanted = now.duration_since(booking.at) < HOLDS || is_listed(booking);
            wanted && !is_there(booking)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { namespace: "ns".into(), name: name.into() }
    }

    fn booking(vmid: u32, at: Instant) -> Booking {
        Booking { vmid: Vmid::new(vmid).unwrap(), node: "pve1".parse().unwrap(), demand: Demand::default(), at }
    }

    #[test]
    fn a_booking_goes_when_the_guest_is_there_or_nobody_wants_it_any_more() {
        let now = Instant::now();
        let long_ago = now.checked_sub(HOLDS).unwrap();
        let mut ledger = Ledger::default();
        for (name, vmid, at) in
            [("new", 1000, now), ("there", 1001, now), ("left", 1002, long_ago), ("slow", 1003, long_ago)]
        {
            ledger.book(&key(name), booking(vmid, at));
        }
        ledger.settle(|booking| booking.vmid.get() == 1001, |booking| booking.vmid.get() == 1003);
        let left: Vec<&str> = ledger.others(None).map(|(key, _)| key.name.as_str()).collect();
        assert_eq!(left, ["new", "slow"]);
    }

    #[test]
    fn a_container_has_one_booking_and_does_not_stand_in_its_own_way() {
        let mut ledger = Ledger::default();
        ledger.book(&key("a"), booking(1000, Instant::now()));
        ledger.book(&key("a"), booking(1001, Instant::now()));
        assert_eq!(ledger.of(&key("a")).map(|booking| booking.vmid.get()), Some(1001));
        assert_eq!(ledger.others(Some(&key("a"))).count(), 0);
        ledger.release(&key("a"));
        assert_eq!(ledger.of(&key("a")), None);
    }
}
