//! What a copy or a restored guest has from another guest, and must not have when it starts for the first time.

use crate::container::seen::{Guest, Seen, is_numbered};
use crate::container::step::Verdict;
use crate::container::want::Want;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::Origin;
use zentoria_types::property::PropertyString;

/// What a guest in the making has its configuration from, where that is another guest's.
fn from_another(seen: &Seen) -> Option<&'static str> {
    match seen.recorded.created.as_ref()?.origin {
        Origin::Clone => Some("source"),
        Origin::Backup => Some("backup"),
        Origin::Template | Origin::Image | Origin::Adopted | Origin::TakenBack => None,
    }
}

/// Whether an interface has a fixed address.
pub(super) fn is_static(net: &PropertyString) -> bool {
    [net.get("ip"), net.get("ip6")].into_iter().flatten().any(|address| address.contains('/'))
}

/// Where the spec names interfaces, the others are removed before its first start, as everywhere; without any, a static
/// address would be on the network twice.
pub(super) fn own_network(want: &Want, seen: &Seen, guest: &Guest) -> Result<(), Verdict> {
    let Some(whose) = from_another(seen) else { return Ok(()) };
    let interfaces = guest.config.current.iter().filter(|(key, _)| is_numbered(key, "net"));
    if want.options.interfaces.is_empty() {
        let fixed: Vec<&str> = interfaces
            .filter(|(_, value)| PropertyString::parse(value).is_ok_and(|net| is_static(&net)))
            .map(|(key, _)| key.as_str())
            .collect();
        if fixed.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the copy has the static address of its {whose} ({}) and is not started with it: set \
             spec.network.interfaces",
            fixed.join(", ")
        );
        return Err(Verdict::new(ContainerReason::InvalidSpec, message));
    }
    Ok(())
}

/// The volumes that came with it, which stay.
pub(super) fn came_along(seen: &Seen, guest: &Guest) -> Option<String> {
    let whose = from_another(seen)?;
    let mounts: Vec<String> = guest
        .config
        .current
        .iter()
        .filter(|(key, _)| is_numbered(key, "mp"))
        .map(|(key, value)| {
            let path = PropertyString::parse(value).ok().and_then(|mount| mount.get("mp").map(str::to_owned));
            format!("{key} ({})", path.unwrap_or_default())
        })
        .collect();
    (!mounts.is_empty()).then(|| format!("came with the {whose} and stay: {}", mounts.join(", ")))
}
