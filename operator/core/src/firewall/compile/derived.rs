//! What guests must let in though nobody wrote a rule for it. Each cause is its own: to take one away takes away what it
//! asked for, and nothing that a rule asks for as well.

use super::entry::{Cause, Entry, Owner};
use crate::container::want::Key;
use crate::firewall::estate::{Container, Estate};
use crate::firewall::guest::{PortRange, Way};
use crate::firewall::nets::Nets;
use crate::firewall::ports::{Ports, Services};
use zentoria_api::firewall::{Action, Protocol};

/// The port of SSH, over which software gets into a guest.
const SSH: u16 = 22;
/// Most ports that are tried before a firewall is closed and after.
const MOST_PROBED: usize = 32;

/// All that is asked of all guests.
pub(super) fn entries(estate: &Estate) -> impl Iterator<Item = (&Key, Entry<'_>)> {
    let guests = estate.containers.iter();
    guests.filter_map(|(key, container)| Some((key, control_plane(estate, container)?)))
}

/// The operator and its Jobs reach the guest: SSH, and the services whose health they ask for and whose data they keep.
fn control_plane<'a>(estate: &Estate, container: &Container) -> Option<Entry<'a>> {
    let nets = Nets::these(estate.control_plane.iter().copied()).of(container.families);
    if nets.is_empty() || container.template {
        return None;
    }
    let cause = Cause::ControlPlane;
    let (owner, rank) = (Owner::Derived(cause), cause.rank());
    let services = reached(container);
    Some(Entry { way: Way::In, rank, action: Action::Allow, log: None, owner, services, nets })
}

/// What is expected to listen on a guest: its services, and SSH.
pub(super) fn reached(container: &Container) -> Services {
    let mut services = container.declared();
    services.entry(Protocol::TCP).or_default().insert(PortRange { first: SSH, last: SSH });
    services
}

/// TCP ports that the control plane may reach, SSH first.
pub(super) fn probe_ports(estate: &Estate, container: &Container) -> Vec<u16> {
    if control_plane(estate, container).is_none() {
        return Vec::new();
    }
    let tcp = reached(container).remove(&Protocol::TCP).unwrap_or_default();
    let ssh: Ports = [PortRange { first: SSH, last: SSH }].into_iter().collect();
    let others = tcp.without(&ssh);
    let others = others.ranges().iter().flat_map(|range| range.first..=range.last);
    std::iter::once(SSH).chain(others).take(MOST_PROBED).collect()
}

/// Containers that live in the control plane's networks: what is derived for it holds for them, too.
pub(super) fn notes(estate: &Estate) -> Vec<String> {
    let inside = estate.containers.iter().filter_map(|(key, container)| {
        let mut addresses = container.addresses.iter();
        let net = |address| estate.control_plane.iter().find(|net| net.contains(address));
        addresses.find_map(net).map(|net| (net, key.to_string()))
    });
    let mut by_net = std::collections::BTreeMap::<_, Vec<String>>::new();
    for (net, name) in inside {
        by_net.entry(*net).or_default().push(name);
    }
    let text = |(net, names): (ipnet::IpNet, Vec<String>)| {
        format!(
            "spec.controlPlaneCIDRs: {net} contains {}: they may reach SSH and the services of every guest, as the control \
             plane may. Name the control plane's own addresses alone",
            crate::firewall::words::some(names)
        )
    };
    by_net.into_iter().map(text).collect()
}
