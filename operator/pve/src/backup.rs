//! Backups by vzdump: making one, finding it again, reading the configuration in it, removing it.

use std::collections::BTreeMap;

use http::Method;
use proxmox_api::nodes::node::vzdump::{Compress, Mode, PostParams as VzdumpParams};
use zentoria_types::{NodeName, StorageName, Upid, Vmid};

use crate::client::{Client, Parameters};
use crate::decode::Call;
use crate::error::PveError;
use crate::lxc::parse_upid;
use crate::path::segment;
use crate::storage::Volume;
use crate::wire::invalid;

/// How a guest is treated while it is backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackupMode {
    /// From a snapshot of its volumes; where they allow none, PVE falls back to `suspend` without an error.
    Snapshot,
    /// Frozen for the last of two copies: seconds.
    Suspend,
    /// Shut down, copied, started again.
    Stop,
}

/// A backup of one guest (`POST /nodes/{node}/vzdump`), compressed with zstd. Older backups are never pruned
/// (`remove=0`): PVE would prune everybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vzdump {
    /// The guest; it must be on the node of the call.
    pub vmid: Vmid,
    /// Where the backup goes.
    pub storage: StorageName,
    /// How the guest is treated meanwhile.
    pub mode: BackupMode,
    /// The notes of the backup; PVE fills in `{{cluster}}`, `{{guestname}}`, `{{node}}` and `{{vmid}}`.
    pub notes_template: Option<String>,
    /// Whether the backup is protected from removal, also by pruning.
    pub protected: bool,
}

impl Vzdump {
    fn params(&self) -> Result<VzdumpParams, PveError> {
        let Self { vmid, storage, mode, notes_template, protected } = self;
        let notes = notes_template.clone().map(|notes| notes.try_into().map_err(|why| invalid("notes-template", why)));
        Ok(VzdumpParams {
            vmid: Some(vmid.to_string()),
            storage: Some(storage.to_string()),
            mode: Some(match mode {
                BackupMode::Snapshot => Mode::Snapshot,
                BackupMode::Suspend => Mode::Suspend,
                BackupMode::Stop => Mode::Stop,
            }),
            compress: Some(Compress::Zstd),
            notes_template: notes.transpose()?,
            protected: protected.then_some(true),
            remove: Some(false),
            ..Default::default()
        })
    }
}

/// The configuration in a backup: what a restore would bring back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupConfig {
    /// The description, its lines separated by newlines.
    pub description: String,
    /// The options, without those of the snapshots; raw `lxc.*` lines under their own keys.
    pub options: BTreeMap<String, String>,
}

impl Client {
    /// Makes a backup (`POST /nodes/{node}/vzdump`, needs `VM.Backup` on the guest and `Datastore.AllocateSpace` on the
    /// storage). A missing guest, a locked one, and a missing `VM.Backup` are told by the task alone (`job errors`), as
    /// is a storage that holds no backups. That the task ended well is not enough: look for the volume with
    /// [`Client::backups`].
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without a right to the storage, also when there is no such storage.
    pub async fn vzdump(&self, node: &NodeName, what: &Vzdump) -> Result<Upid, PveError> {
        let upid = self.node(node).vzdump().post(what.params()?).await?;
        parse_upid(Call { method: "POST", path: &format!("/nodes/{node}/vzdump") }, &upid)
    }

    /// The backups of a guest on a storage (`GET .../content?content=backup&vmid=...`), oldest first. To see them
    /// needs `Datastore.AllocateSpace` on the storage and `VM.Backup` on the guest; without, PVE leaves them out.
    ///
    /// # Errors
    /// As [`Client::storage_content`].
    pub async fn backups(&self, node: &NodeName, storage: &StorageName, vmid: Vmid) -> Result<Vec<Volume>, PveError> {
        let query = [("content", "backup".to_owned()), ("vmid", vmid.to_string())];
        let mut found = self.volumes(node, storage, &query).await?;
        // The filter of the request is repeated: another guest's backup must never be taken for this one's.
        found.retain(|volume| volume.vmid == Some(vmid) && volume.content.as_deref().is_none_or(|it| it == "backup"));
        found.sort_by(|one, other| (one.ctime, &one.volid).cmp(&(other.ctime, &other.volid)));
        Ok(found)
    }

    /// The configuration in a backup (`GET /nodes/{node}/vzdump/extractconfig`, needs `VM.Backup` on the guest and
    /// `Datastore.AllocateSpace` on the storage). Read it before a restore: it says whose guest it was, and which
    /// addresses come back with it.
    ///
    /// # Errors
    /// [`PveError::Unexpected`] when there is no such backup or it holds no configuration.
    pub async fn backup_config(&self, node: &NodeName, volid: &str) -> Result<BackupConfig, PveError> {
        let query = [("volume", volid.to_owned())];
        let text: String = self.get_query(&format!("/nodes/{node}/vzdump/extractconfig"), &query).await?;
        Ok(BackupConfig::parse(&text))
    }

    /// Removes a backup (`DELETE .../content/{volume}`, needs `Datastore.Allocate` on the storage, or
    /// `Datastore.AllocateSpace` there and `VM.Backup` on the guest). Nothing but backups is removed by this call. A
    /// protected backup is refused by the task: see [`PveError::task_problem`].
    ///
    /// # Errors
    /// [`PveError::Rejected`] for a volume that is no backup of this storage; [`PveError::Forbidden`].
    pub async fn delete_backup(&self, node: &NodeName, storage: &StorageName, volid: &str) -> Result<Upid, PveError> {
        if !volid.strip_prefix(storage.as_str()).is_some_and(|rest| rest.starts_with(":backup/")) {
            return Err(invalid("volume", format!("{volid} is no backup of storage {storage}")));
        }
        let path = format!("/nodes/{node}/storage/{}/content/{}", segment(storage.as_str()), segment(volid));
        let answer = self.send::<String>(Method::DELETE, &path, Parameters::Query(String::new())).await?;
        parse_upid(Call { method: "DELETE", path: &path }, &answer.data)
    }
}

impl BackupConfig {
    /// Reads the text of a guest's configuration file. Sections of snapshots end it; lines that say nothing are left out.
    pub(crate) fn parse(text: &str) -> Self {
        let mut config = Self::default();
        let mut description: Vec<String> = Vec::new();
        for line in text.lines().take_while(|line| !line.starts_with('[')) {
            if let Some(comment) = line.strip_prefix('#') {
                description.push(unescape(comment));
            } else if let Some((key, value)) = line.split_once(':') {
                config.options.insert(key.trim().to_owned(), value.trim().to_owned());
            }
        }
        config.description = description.join("\n");
        config
    }
}

/// PVE writes a description with `%XX` for what is not plain ASCII; a `%` that starts none stands for itself.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match (byte == b'%').then(|| hex_pair(after)).flatten() {
            Some((code, behind)) => {
                out.push(code);
                rest = behind;
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex_pair(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (pair, behind) = bytes.split_at_checked(2)?;
    let text = std::str::from_utf8(pair).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((u8::from_str_radix(text, 16).ok()?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::recorded;
    use proptest::prelude::*;

    #[test]
    fn the_configuration_in_a_backup_is_read_with_its_description() {
        let text: String = recorded("vzdump:extractconfig").decode().unwrap();
        let config = BackupConfig::parse(&text);
        assert_eq!(config.description, "caf\u{e9}");
        let get = |key: &str| config.options.get(key).map(String::as_str);
        assert_eq!((get("hostname"), get("onboot"), get("tags")), (Some("ct101"), Some("1"), Some("")));
        assert_eq!(get("rootfs"), Some("local-dir:101/vm-101-disk-1.raw,size=288M"));
    }

    #[test]
    fn snapshots_in_a_backup_are_not_its_configuration() {
        let config =
            BackupConfig::parse("#100%25 a%3Ab\n#50% x%zz\nmemory: 64\nlxc.idmap: u 0 1 2\n\n[before]\nmemory: 32\n");
        assert_eq!(config.description, "100% a:b\n50% x%zz");
        assert_eq!(config.options.get("memory").map(String::as_str), Some("64"));
        assert_eq!(config.options.get("lxc.idmap").map(String::as_str), Some("u 0 1 2"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[#%\\[a:\n0-9]{0,40}") {
            let _ = BackupConfig::parse(&text);
        }

        #[test]
        fn an_escaped_description_is_read_back(text in "[^\n\r]{0,40}") {
            prop_assert_eq!(unescape(&segment(&text)), text);
        }
    }
}
