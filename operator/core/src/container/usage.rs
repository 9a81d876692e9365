//! What a guest has, by its configuration.

use super::seen::{Config, is_numbered};
use super::siting::{UNNAMED_CORES, UNNAMED_MEMORY};
use crate::cluster::quota::Usage;
use zentoria_types::property::PropertyString;
use zentoria_types::size::Bytes;

/// What a guest has, by its configuration.
#[must_use]
pub fn usage(config: &Config) -> Usage {
    Usage {
        cores: u64::from(cores(config)),
        memory: memory(config),
        disk: disks(config).fold(Bytes(0), |sum, (_, _, size)| Bytes(sum.0.saturating_add(size.0))),
    }
}

/// Cores; a guest without a limit of its own counts as [`UNNAMED_CORES`].
#[must_use]
pub fn cores(config: &Config) -> u32 {
    let number = |key: &str| config.effective(key).and_then(|value| value.trim().parse::<f64>().ok());
    let some = number("cores").or_else(|| number("cpulimit")).filter(|cores| *cores > 0.0);
    some.map_or(UNNAMED_CORES, |cores| cores.ceil() as u32)
}

/// Memory, without swap.
#[must_use]
pub fn memory(config: &Config) -> Bytes {
    let mib = config.effective("memory").and_then(|value| value.trim().parse().ok());
    mib.map_or(UNNAMED_MEMORY, Bytes::from_mib)
}

/// The disks that Proxmox VE keeps the sizes of: slot, storage, size. Bind mounts are none.
pub fn disks(config: &Config) -> impl Iterator<Item = (&str, String, Bytes)> {
    let slots = config.current.iter().filter(|(key, _)| *key == "rootfs" || is_numbered(key, "mp"));
    slots.filter_map(|(key, value)| {
        let parts = PropertyString::parse(value).ok()?;
        let size = Bytes::parse_pve(parts.get("size")?).ok()?;
        let volume = parts.keyless().or_else(|| parts.get("volume")).filter(|volume| !volume.starts_with('/'))?;
        Some((key.as_str(), volume.split_once(':')?.0.to_owned(), size))
    })
}
