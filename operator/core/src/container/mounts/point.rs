//! One value of `rootfs` or `mpN`.

use crate::container::want::{MountWish, Mounted};
use zentoria_types::property::PropertyString;
use zentoria_types::size::Bytes;

/// What a mount point is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A volume that exists: `tank:subvol-404-disk-1`.
    Stored {
        /// Its storage.
        storage: &'a str,
    },
    /// A volume that is to be made: `tank:8`, in GiB.
    Requested {
        /// Its storage.
        storage: &'a str,
        /// Its size.
        size: Bytes,
    },
    /// A directory or a device of the node.
    OfNode,
}

/// A value of `rootfs` or `mpN`, taken apart: the volume, and the other keys in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    volume: String,
    properties: PropertyString,
}

impl MountPoint {
    /// Reads a value; `None` where it names no volume or cannot be read.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let properties = PropertyString::parse(value).ok()?;
        let volume = properties.keyless().or_else(|| properties.get("volume"))?.to_owned();
        (!volume.is_empty()).then_some(Self { volume, properties })
    }

    /// A new one, as the spec has it.
    #[must_use]
    pub fn new(wish: &MountWish) -> Option<Self> {
        let volume = match &wish.what {
            Mounted::Volume { storage, size } => format!("{storage}:{}", size.as_gib_exact()?),
            Mounted::Bind { path } => path.clone(),
        };
        Some(Self { properties: PropertyString::parse(&volume).ok()?, volume }.with(wish))
    }

    /// The volume or path: what stands before the keys.
    #[must_use]
    pub fn volume(&self) -> &str {
        &self.volume
    }

    /// What it is of.
    #[must_use]
    pub fn kind(&self) -> Kind<'_> {
        match self.volume.split_once(':') {
            Some((storage, rest)) if !self.volume.starts_with('/') => match gib(rest) {
                Some(size) => Kind::Requested { storage, size },
                None => Kind::Stored { storage },
            },
            Some(_) | None => Kind::OfNode,
        }
    }

    /// Its size, where Proxmox VE tells it.
    #[must_use]
    pub fn size(&self) -> Option<Bytes> {
        self.properties.get("size").and_then(|size| Bytes::parse_pve(size).ok())
    }

    /// Whether it is mounted at this path of the guest.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        let trim = |path: &str| path.trim_end_matches('/').to_owned();
        self.properties.get("mp").is_some_and(|have| trim(have) == trim(path))
    }

    /// Whether it is what the spec says, its volume aside.
    #[must_use]
    pub fn is_as(&self, wish: &MountWish) -> bool {
        let on = |key| self.properties.get(key) == Some("1");
        let directory = match &wish.what {
            Mounted::Volume { .. } => true,
            Mounted::Bind { path } => self.volume == *path,
        };
        directory
            && self.is_at(&wish.path)
            && on("ro") == wish.read_only
            && wish.backup.is_none_or(|backup| on("backup") == backup)
    }

    /// The same with what the spec says of it: the volume, its size and every other key stay. A directory of the node is
    /// the spec's.
    #[must_use]
    pub fn with(&self, wish: &MountWish) -> Self {
        let mut next = self.clone();
        if let Mounted::Bind { path } = &wish.what {
            next.properties = match self.properties.keyless() {
                None => {
                    let mut properties = self.properties.clone();
                    properties.set("volume", path);
                    properties
                }
                Some(_) => {
                    let whole = self.properties.to_string();
                    let rest = whole.strip_prefix(&self.volume).unwrap_or_default();
                    PropertyString::parse(&format!("{path}{rest}")).unwrap_or_default()
                }
            };
            next.volume.clone_from(path);
        }
        if !self.is_at(&wish.path) {
            next.properties.set("mp", &wish.path);
        }
        next.switch("ro", Some(wish.read_only));
        next.switch("backup", wish.backup);
        next
    }

    fn switch(&mut self, key: &str, on: Option<bool>) {
        match (on, self.properties.get(key)) {
            (Some(true), have) if have != Some("1") => self.properties.set(key, "1"),
            (Some(false), Some(have)) if have != "0" => self.properties.remove(key),
            (Some(_) | None, _) => {}
        }
    }

    /// As Proxmox VE takes it.
    #[must_use]
    pub fn to_pve(&self) -> String {
        self.properties.to_string()
    }
}

/// A size in GiB as Proxmox VE takes it for a new volume: digits, with a fraction at most.
fn gib(text: &str) -> Option<Bytes> {
    let decimal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    decimal.then(|| Bytes::parse_pve(&format!("{text}G")).ok()).flatten()
}
