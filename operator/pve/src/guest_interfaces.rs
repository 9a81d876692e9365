//! The network interfaces that a running guest has, as its node sees them inside.

use std::net::IpAddr;

use serde_json::Value;
use zentoria_types::{NodeName, Vmid};

use crate::client::Client;
use crate::error::PveError;
use crate::lenient::{self, Row};
use crate::lxc::guest_path;

/// One interface inside a running guest (`GET .../interfaces`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestInterface {
    /// Its name inside the guest: `eth0`.
    pub name: String,
    /// Its addresses, without prefix.
    pub addresses: Vec<IpAddr>,
}

impl Client {
    /// The interfaces that a guest has now (`GET /nodes/{node}/lxc/{vmid}/interfaces`, needs `VM.Audit`), those among them
    /// that it made itself. Of a guest that does not run PVE answers null: there are none.
    ///
    /// # Errors
    /// [`PveError`].
    pub async fn guest_interfaces(&self, node: &NodeName, vmid: Vmid) -> Result<Vec<GuestInterface>, PveError> {
        let rows: Option<Vec<Row>> = self.get(&guest_path(node, vmid, "/interfaces")).await?;
        Ok(rows.iter().flatten().filter_map(GuestInterface::from_row).collect())
    }
}

impl GuestInterface {
    /// Newer versions list addresses; PVE 8 has one of each family, `inet` and `inet6`.
    fn from_row(row: &Row) -> Option<Self> {
        let listed = row.0.get("ip-addresses").and_then(Value::as_array).map(|list| {
            let text = |entry: &Value| entry.get("ip-address").and_then(lenient::text);
            list.iter().filter_map(text).collect::<Vec<String>>()
        });
        let texts = listed.unwrap_or_else(|| ["inet", "inet6"].iter().filter_map(|key| row.word(key)).collect());
        let address = |text: &String| text.split('/').next().and_then(|address| address.trim().parse().ok());
        Some(Self { name: row.word("name")?, addresses: texts.iter().filter_map(address).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_are_read_from_both_forms_and_what_is_none_is_left_out() {
        let table = [
            (
                json!({"name": "eth0", "ip-addresses": [
                    {"ip-address": "10.10.9.7", "prefix": "16"}, {"ip-address": "fe80::1"}, {"prefix": "8"}
                ]}),
                vec!["10.10.9.7", "fe80::1"],
            ),
            (json!({"name": "eth0", "inet": "10.10.9.7/16", "inet6": "fd00::7/64"}), vec!["10.10.9.7", "fd00::7"]),
            (json!({"name": "eth0", "ip-addresses": []}), vec![]),
            (json!({"name": "eth0", "inet": "nonsense"}), vec![]),
        ];
        for (row, expected) in table {
            let row: Row = serde_json::from_value(row).unwrap();
            let read = GuestInterface::from_row(&row).unwrap();
            let addresses: Vec<IpAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(read, GuestInterface { name: "eth0".into(), addresses });
        }
        assert_eq!(GuestInterface::from_row(&Row::default()), None);
    }
}
