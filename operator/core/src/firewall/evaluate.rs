//! What Proxmox VE does with a packet, judged from its configuration as it is written, with all that people can write there:
//! macros, security groups, aliases, IP sets of the guest and of the datacenter. It knows nothing of the compiler, so that it
//! can judge what the compiler makes.

mod config;

pub use config::{Guest, Interface, IpsetConfig, Packet, PveFirewall, Verdict};

/// What happens to the first packet of a connection.
#[must_use]
pub fn verdict(config: &PveFirewall, packet: &Packet) -> Verdict {
    let _ = (config, packet);
    Verdict::Unknown("not judged yet".to_owned())
}
