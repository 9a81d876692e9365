//! Every recorded answer to a call that we make.

use zentoria_types::Upid;

use super::support::{Recording, recordings};
use crate::access::Permissions;
use crate::backup::BackupConfig;
use crate::backup_jobs::BackupJob;
use crate::cluster::{ClusterStatus, Version};
use crate::config::GuestConfig;
use crate::duties::{HaResource, ReplicationJob, Vnet};
use crate::error::PveError;
use crate::firewall::{FirewallAlias, FirewallGroup, FirewallIpset, FirewallIpsetEntry, FirewallOptions, FirewallRule};
use crate::lenient::Row;
use crate::lxc::{GuestStatus, parse_upid};
use crate::network::Bridge;
use crate::path;
use crate::resources::Resource;
use crate::snapshot::{SnapshotRow, feature_of};
use crate::storage::{NodeStorage, Volume};
use crate::tasks::{TaskRow, TaskStatus};

/// Reads a good answer as the method of the client does that makes this call; an unknown call is a failure.
fn read(one: &Recording) -> Result<(), PveError> {
    let call = one.call();
    let template = path::template(&one.path);
    match (one.method.as_str(), template.strip_prefix("/nodes/{node}").unwrap_or(&template)) {
        ("GET", "/version") => Version::from_row(call, &one.decode()?).map(drop),
        ("GET", "/cluster/status") => ClusterStatus::from_rows(call, &one.decode::<Vec<Row>>()?).map(drop),
        ("GET", "/cluster/ha/resources") => all(one, |row| HaResource::from_row(call, row).ok()),
        ("GET", "/cluster/backup") => all(one, |row| BackupJob::from_row(call, row).ok()),
        ("POST", "/cluster/backup") | ("PUT", "/cluster/backup/{id}") => one.decode::<()>(),
        ("GET", "/cluster/replication") => all(one, |row| ReplicationJob::from_row(call, row).ok()),
        ("GET", "/cluster/sdn/vnets") => all(one, Vnet::from_row),
        ("GET", "/cluster/firewall/options" | "/firewall/options") => {
            FirewallOptions::from_row(call, &one.decode()?).map(drop)
        }
        ("GET", "/cluster/firewall/rules" | "/cluster/firewall/groups/{name}" | "/firewall/rules") => {
            all(one, |row| FirewallRule::from_row(call, row).ok())
        }
        ("GET", "/cluster/firewall/groups") => all(one, |row| FirewallGroup::from_row(call, row).ok()),
        ("GET", "/cluster/firewall/ipset/{name}") => all(one, |row| FirewallIpsetEntry::from_row(call, row).ok()),
        ("GET", "/cluster/resources") => {
            let rows: Vec<serde_json::Value> = one.decode()?;
            let known =
                |row: &&serde_json::Value| ["lxc", "qemu", "node", "storage"].contains(&row["type"].as_str().unwrap());
            let read = rows.iter().filter_map(Resource::from_value).count();
            assert_eq!(read, rows.iter().filter(known).count(), "{}", one.name);
            Ok(())
        }
        ("GET", "/access/permissions") => one.decode::<Row>().map(|row| drop(Permissions::from_row(&row))),
        ("POST", "/access/ticket") => one.decode::<Row>().map(|row| assert!(row.word("ticket").is_some())),
        ("GET", "/storage") => all(one, NodeStorage::from_row),
        ("GET", "/storage/{storage}/content") => all(one, |row| Volume::from_row(call, row).ok()),
        ("GET", "/network") => all(one, Bridge::from_row),
        ("GET", "/tasks") => all(one, TaskRow::from_row),
        ("GET", "/tasks/{upid}/status") => TaskStatus::read(call, one.decode()).map(drop),
        ("GET", "/tasks/{upid}/log") => one.decode::<Vec<Row>>().map(drop),
        ("GET", "/lxc/{vmid}/config") => GuestConfig::from_config(call, &one.decode()?).map(drop),
        ("GET", "/lxc/{vmid}/pending") => GuestConfig::from_pending(call, &one.decode::<Vec<Row>>()?).map(drop),
        ("GET", "/lxc/{vmid}/status/current") => GuestStatus::from_row(call, &one.decode()?).map(drop),
        ("GET", "/lxc/{vmid}/firewall/options") => FirewallOptions::from_row(call, &one.decode()?).map(drop),
        ("GET", "/lxc/{vmid}/firewall/rules") => all(one, |row| FirewallRule::from_row(call, row).ok()),
        ("GET", "/lxc/{vmid}/firewall/ipset") => all(one, |row| FirewallIpset::from_row(call, row).ok()),
        ("GET", "/lxc/{vmid}/firewall/ipset/{name}") => all(one, |row| FirewallIpsetEntry::from_row(call, row).ok()),
        ("GET", "/lxc/{vmid}/firewall/aliases") => all(one, |row| FirewallAlias::from_row(call, row).ok()),
        ("GET", "/lxc/{vmid}/snapshot") => all(one, |row| SnapshotRow::from_row(call, row).ok()),
        ("GET", "/lxc/{vmid}/feature") => feature_of(call, &one.decode()?).map(drop),
        ("GET", "/vzdump/extractconfig") => one.decode::<String>().map(|text| drop(BackupConfig::parse(&text))),
        ("POST", "/lxc" | "/vzdump" | "/storage/{storage}/download-url" | "/storage/{storage}/oci-registry-pull")
        | ("DELETE", "/storage/{storage}/content/{volume}")
        | ("POST", "/lxc/{vmid}/clone" | "/lxc/{vmid}/snapshot" | "/lxc/{vmid}/move_volume" | "/lxc/{vmid}/migrate")
        | ("DELETE", "/lxc/{vmid}" | "/lxc/{vmid}/snapshot/{name}")
        | ("PUT", "/lxc/{vmid}/resize") => parse_upid(call, &one.decode::<String>()?).map(drop),
        ("POST", power) if power.starts_with("/lxc/{vmid}/status/") => {
            parse_upid(call, &one.decode::<String>()?).map(drop)
        }
        ("PUT", "/lxc/{vmid}/config" | "/lxc/{vmid}/firewall/options" | "/lxc/{vmid}/firewall/rules/{pos}")
        | ("PUT", "/cluster/firewall/options")
        | ("POST", "/lxc/{vmid}/firewall/rules" | "/lxc/{vmid}/template")
        | ("POST", "/lxc/{vmid}/firewall/ipset" | "/lxc/{vmid}/firewall/ipset/{name}")
        | ("DELETE", _) => one.decode::<()>(),
        (method, path) => panic!("{}: we do not make the call {method} {path}", one.name),
    }
}

/// Every row must be readable: a lost row would look like a lost thing.
fn all<T>(one: &Recording, read: impl Fn(&Row) -> Option<T>) -> Result<(), PveError> {
    for row in one.decode::<Vec<Row>>()? {
        assert!(read(&row).is_some(), "{}: {row:?}", one.name);
    }
    Ok(())
}

#[test]
fn every_recorded_good_answer_to_a_call_of_ours_is_read() {
    let good: Vec<Recording> = recordings().into_iter().filter(|one| one.expect.is_none()).collect();
    assert!(good.len() > 150, "only {} recordings", good.len());
    for one in good {
        read(&one).unwrap_or_else(|error| panic!("{}: {error}", one.name));
    }
}

#[test]
fn every_recorded_refusal_of_a_call_of_ours_is_the_right_error() {
    let mut count = 0;
    for one in recordings() {
        let Some(kind) = &one.expect else { continue };
        let error = one.decode::<serde_json::Value>().unwrap_err();
        assert_eq!(error.kind(), kind, "{}: {error}", one.name);
        count += 1;
    }
    assert!(count > 60, "only {count} recordings");
}

#[test]
fn no_text_of_an_error_ends_in_a_newline() {
    for one in recordings().iter().filter(|one| one.expect.is_some()) {
        let text = one.decode::<serde_json::Value>().unwrap_err().to_string();
        assert_eq!(text, text.trim_end(), "{}", one.name);
    }
}

#[test]
fn every_recorded_upid_is_read_and_written_back() {
    for one in recordings() {
        let Some(text) = one.body["data"].as_str().filter(|text| text.starts_with("UPID:")) else { continue };
        assert_eq!(text.parse::<Upid>().unwrap().to_string(), text, "{}", one.name);
    }
}
