//! What Proxmox VE does with a packet, judged from its configuration as it is written, with all that people can write there:
//! macros, security groups, aliases, IP sets of the guest and of the datacenter. It knows nothing of the compiler, so that it
//! can judge what the compiler makes. The first packet of a connection is judged: answers and open connections always pass.
//! What a node's own firewall and a router between networks do is not in it.

mod address;
mod chain;
mod config;
mod macros;
mod rule;
mod service;
mod standard;
mod tri;

pub use chain::{Decision, decide};
pub use config::{Datacenter, Guest, Interface, IpsetConfig, Packet, PveFirewall, Verdict};
pub(crate) use {address::net, macros::expand, service::ranges};

use super::guest::Way;
use std::net::IpAddr;

/// What happens to the first packet of a connection: first the rules out of the guest that it comes from, then those into
/// the guest that it goes to. An address that no guest has is outside, where nothing is filtered.
#[must_use]
pub fn verdict(config: &PveFirewall, packet: &Packet) -> Verdict {
    let from = owner(config, packet.source);
    let to = owner(config, packet.dest);
    if let (Some((from, _)), Some((to, _))) = (from, to)
        && std::ptr::eq(from, to)
    {
        return Verdict::Accept(format!("it stays in {}", from.name));
    }
    let datacenter = config.datacenter.as_ref();
    let judge = |end: Option<(&Guest, &Interface)>, way| {
        end.map(|(guest, interface)| decide(datacenter, guest, interface, way, packet).verdict)
    };
    match (judge(from, Way::Out), judge(to, Way::In)) {
        (None | Some(Verdict::Accept(_)), Some(inwards)) => inwards,
        (Some(outwards), None) => outwards,
        (Some(Verdict::Unknown(why)), Some(inwards)) => match inwards {
            Verdict::Accept(_) | Verdict::Unknown(_) => Verdict::Unknown(why),
            Verdict::Drop(_) | Verdict::Reject(_) => inwards,
        },
        (Some(outwards), Some(_)) => outwards,
        (None, None) => Verdict::Accept("no guest of this cluster is at either end".to_owned()),
    }
}

/// The guest and the interface that have an address.
fn owner(config: &PveFirewall, address: IpAddr) -> Option<(&Guest, &Interface)> {
    config.guests.iter().find_map(|guest| {
        let has = |interface: &&Interface| {
            interface.addresses.contains(&address) || interface.more.iter().any(|net| net.contains(&address))
        };
        guest.interfaces.iter().find(has).map(|interface| (guest, interface))
    })
}
