//! Bridges of a node.

use zentoria_types::NodeName;

use crate::client::Client;
use crate::error::PveError;
use crate::lenient::Row;

/// A bridge that a guest may be put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Its name, `vmbr0`.
    pub iface: String,
    /// Whether it is up.
    pub active: bool,
    /// Whether it takes VLAN tags.
    pub vlan_aware: bool,
    /// Its own address with the prefix length.
    pub cidr: Option<String>,
}

impl Client {
    /// The bridges of a node: Linux, Open vSwitch, and the virtual networks of the SDN.
    ///
    /// # Errors
    /// [`PveError`] when the node cannot say.
    pub async fn bridges(&self, node: &NodeName) -> Result<Vec<Bridge>, PveError> {
        let query = [("type", "any_bridge".to_owned())];
        let rows: Vec<Row> = self.get_query(&format!("/nodes/{node}/network"), &query).await?;
        Ok(rows.iter().filter_map(Bridge::from_row).collect())
    }
}

impl Bridge {
    pub(crate) fn from_row(row: &Row) -> Option<Self> {
        // The filter of the request is repeated: a plain interface is nothing that a guest may be put on.
        let kind = row.word("type");
        let bridge = kind.as_deref().is_none_or(|kind| matches!(kind, "bridge" | "OVSBridge" | "vnet"));
        Some(Self {
            iface: row.word("iface").filter(|_| bridge)?,
            active: row.flag("active").unwrap_or(false),
            vlan_aware: row.flag("bridge_vlan_aware").unwrap_or(false),
            cidr: row.word("cidr"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_a_guest_may_be_put_on_is_a_bridge() {
        let table = [("bridge", true), ("OVSBridge", true), ("vnet", true), ("eth", false), ("bond", false)];
        for (kind, want) in table {
            let row = json!({"iface": "x0", "type": kind, "bridge_vlan_aware": "1"});
            let read = Bridge::from_row(&serde_json::from_value(row).unwrap());
            assert_eq!(read.is_some_and(|bridge| bridge.vlan_aware), want, "{kind}");
        }
    }
}
