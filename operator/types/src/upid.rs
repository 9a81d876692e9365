//! UPIDs: the names of Proxmox VE's tasks.

use crate::names::NodeName;
use crate::text::text_newtype;
use crate::vmid::Vmid;

/// `UPID:node:pid:pstart:starttime:type:id:user:`; pid, pstart and starttime are hexadecimal, id may be empty, and the
/// user of a token is `user@realm!token`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Upid(String);

/// A text that is no UPID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a UPID")]
pub struct InvalidUpid(String);

text_newtype!(Upid, InvalidUpid);

impl Upid {
    fn check(text: &str) -> Result<(), InvalidUpid> {
        let parts: Vec<&str> = text.split(':').collect();
        let hex = |part: &str| !part.is_empty() && part.len() <= 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
        let good = match parts.as_slice() {
            ["UPID", node, pid, pstart, start, kind, _, user, ""] => {
                NodeName::new(*node).is_ok()
                    && hex(pid)
                    && hex(pstart)
                    && hex(start)
                    && !kind.is_empty()
                    && !user.is_empty()
            }
            _ => false,
        };
        let plain = !text.contains(|c: char| c.is_control() || c == '/');
        if good && plain { Ok(()) } else { Err(InvalidUpid(text.to_owned())) }
    }

    fn part(&self, index: usize) -> &str {
        self.0.split(':').nth(index).unwrap_or("")
    }

    /// The node that runs the task.
    #[must_use]
    pub fn node(&self) -> Option<NodeName> {
        NodeName::new(self.part(1)).ok()
    }

    /// When it started, in seconds of the Unix epoch.
    #[must_use]
    pub fn start_time(&self) -> i64 {
        i64::from_str_radix(self.part(4), 16).unwrap_or(0)
    }

    /// Its type, such as `vzcreate`.
    #[must_use]
    pub fn task_type(&self) -> &str {
        self.part(5)
    }

    /// What it is about; a VMID for guests' tasks. Of a clone it is the source.
    #[must_use]
    pub fn id(&self) -> &str {
        self.part(6)
    }

    /// Who started it: `root@pam`, `ops@pve!operator`.
    #[must_use]
    pub fn user(&self) -> &str {
        self.part(7)
    }

    /// The guest that it is about.
    #[must_use]
    pub fn vmid(&self) -> Option<Vmid> {
        self.id().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CREATE: &str = "UPID:pve1:000010A6:00054CB4:6B015BC9:vzcreate:101:ops@pve!operator:";

    #[test]
    fn a_recorded_upid_tells_its_parts() {
        let upid: Upid = CREATE.parse().unwrap();
        assert_eq!(upid.node().unwrap().as_str(), "pve1");
        assert_eq!(upid.start_time(), 0x6B01_5BC9);
        assert_eq!((upid.task_type(), upid.id(), upid.user()), ("vzcreate", "101", "ops@pve!operator"));
        assert_eq!(upid.vmid().unwrap().get(), 101);
        assert_eq!(upid.to_string(), CREATE);
    }

    #[test]
    fn what_is_not_a_upid_is_refused() {
        for text in
            ["", "UPID", "UPID:pve1:1:2:3:vzstart:101:root@pam", "UPID:../x:1:2:3:a:b:c:", "XPID:a:1:2:3:t:i:u:"]
        {
            assert!(text.parse::<Upid>().is_err(), "{text}");
        }
        assert!("UPID:pve1:1:2:3:stopall::root@pam:".parse::<Upid>().is_ok(), "a task may have no id");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = text.parse::<Upid>();
        }
    }
}
