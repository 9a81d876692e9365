//! The ownership mark: the last line of a guest's description, invisible in the web interface, kept by Proxmox VE.
//!
//! `<!-- zentoria.ai/v1 cp=1a2b3c4d estate=home name=zentoria-db ns=zentoria vmid=404 -->`
//!
//! Keys are written in alphabetical order and read in any. Unknown keys are kept. The text above it is the user's.

use crate::text::text_newtype;
use crate::vmid::Vmid;
use std::collections::BTreeMap;
use std::fmt;

const START: &str = "<!-- zentoria.ai/";
const VERSION: &str = "v1";
const END: &str = " -->";

/// What names an estate: `[a-z0-9-]{1,32}`, chosen by the user and kept in git.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EstateId(String);
text_newtype!(EstateId, MarkError);

impl EstateId {
    fn check(text: &str) -> Result<(), MarkError> {
        let good = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good { Ok(()) } else { Err(MarkError::Value { key: "estate", value: text.to_owned() }) }
    }
}

/// What names a control plane: the first 8 characters of the uid of namespace kube-system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlPlaneId(String);
text_newtype!(ControlPlaneId, MarkError);

impl ControlPlaneId {
    fn check(text: &str) -> Result<(), MarkError> {
        let good = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if good { Ok(()) } else { Err(MarkError::Value { key: "cp", value: text.to_owned() }) }
    }
}

/// Whose guest it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `spec.estateId` of the ProxmoxCluster.
    pub estate: EstateId,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// VMID of the guest; another one than the guest's own tells a copy.
    pub vmid: Vmid,
    /// The control plane that wrote it.
    pub cp: ControlPlaneId,
    /// Since when the guest is kept without an object (RFC 3339).
    pub retained: Option<String>,
    /// Until when it can be had back before it is destroyed (RFC 3339).
    pub trash_until: Option<String>,
    /// Keys of later versions.
    pub extra: BTreeMap<String, String>,
}

/// Something that starts like our mark and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// Another version.
    #[error("its version is {0}, and this operator reads v1 alone")]
    Version(String),
    /// It does not end, or a part is not key=value.
    #[error("it is cut off or not of the form key=value")]
    Syntax,
    /// A key that must be there is not.
    #[error("the key {0} is missing")]
    Missing(&'static str),
    /// A value that cannot be.
    #[error("the value {value:?} of {key} cannot be")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// More than one mark.
    #[error("there is more than one")]
    Several,
}

impl Mark {
    /// A mark without tombstone.
    #[must_use]
    pub fn new(estate: EstateId, namespace: &str, name: &str, vmid: Vmid, cp: ControlPlaneId) -> Self {
        Self {
            estate,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            vmid,
            cp,
            retained: None,
            trash_until: None,
            extra: BTreeMap::new(),
        }
    }

    /// Reads one line.
    fn parse(line: &str) -> Result<Self, MarkError> {
        let body = line.strip_prefix(START).and_then(|rest| rest.strip_suffix(END)).ok_or(MarkError::Syntax)?;
        let (version, rest) = body.split_once(' ').ok_or(MarkError::Syntax)?;
        if version != VERSION {
            return Err(MarkError::Version(version.to_owned()));
        }
        let mut values = BTreeMap::new();
        for part in rest.split_ascii_whitespace() {
            let (key, value) = part.split_once('=').ok_or(MarkError::Syntax)?;
            if key.is_empty() || values.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(MarkError::Syntax);
            }
        }
        let mut take = |key: &'static str| values.remove(key).ok_or(MarkError::Missing(key));
        let vmid = take("vmid")?;
        let name = |key: &'static str, value: String| {
            let good = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            if good { Ok(value) } else { Err(MarkError::Value { key, value }) }
        };
        Ok(Self {
            estate: EstateId::new(take("estate")?)?,
            namespace: name("ns", take("ns")?)?,
            name: name("name", take("name")?)?,
            vmid: vmid.parse().map_err(|_| MarkError::Value { key: "vmid", value: vmid })?,
            cp: ControlPlaneId::new(take("cp")?)?,
            retained: values.remove("retained"),
            trash_until: values.remove("trashUntil"),
            extra: values,
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vmid = self.vmid.to_string();
        let mut values: BTreeMap<&str, &str> = self.extra.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        values.extend([
            ("estate", self.estate.as_str()),
            ("ns", &self.namespace),
            ("name", &self.name),
            ("vmid", &vmid),
            ("cp", self.cp.as_str()),
        ]);
        values.extend(self.retained.as_deref().map(|time| ("retained", time)));
        values.extend(self.trash_until.as_deref().map(|time| ("trashUntil", time)));
        write!(f, "{START}{VERSION}")?;
        for (key, value) in values {
            write!(f, " {key}={value}")?;
        }
        f.write_str(END)
    }
}

/// A guest's description, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The user's text, without the newlines at its end.
    pub text: String,
    /// Our mark.
    pub mark: Option<Mark>,
}

impl Description {
    /// Takes a description apart. Proxmox VE appends a newline to it; a person may have added lines around the mark.
    ///
    /// # Errors
    /// Where a line starts like our mark and cannot be read, or there are several. Such a guest is never touched.
    pub fn parse(description: &str) -> Result<Self, MarkError> {
        // Not lines(): the user's own carriage returns are kept.
        let is_mark = |line: &&str| line.trim_start().starts_with(START);
        let mut marks = description.split('\n').filter(is_mark);
        let (first, more) = (marks.next(), marks.next());
        if more.is_some() {
            return Err(MarkError::Several);
        }
        let Some(line) = first else {
            return Ok(Self { text: description.trim_end_matches('\n').to_owned(), mark: None });
        };
        let mark = Mark::parse(line.trim())?;
        let kept: Vec<&str> = description.split('\n').filter(|line| !is_mark(line)).collect();
        Ok(Self { text: kept.join("\n").trim_end_matches('\n').to_owned(), mark: Some(mark) })
    }

    /// The description with `text` above and the mark as its last line, on its own.
    #[must_use]
    pub fn with_mark(text: &str, mark: &Mark) -> String {
        match text.trim_end_matches('\n') {
            "" => mark.to_string(),
            text => format!("{text}\n{mark}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark() -> Mark {
        let vmid = Vmid::new(404).unwrap();
        let cp = ControlPlaneId::new("1a2b3c4d").unwrap();
        Mark::new(EstateId::new("home").unwrap(), "zentoria", "zentoria-db", vmid, cp)
    }

    const LINE: &str = "<!-- zentoria.ai/v1 cp=1a2b3c4d estate=home name=zentoria-db ns=zentoria vmid=404 -->";

    #[test]
    fn a_mark_is_the_last_line_of_the_description() {
        assert_eq!(mark().to_string(), LINE);
        let text = Description::with_mark("PostgreSQL", &mark());
        assert_eq!(text, format!("PostgreSQL\n{LINE}"));
        let read = Description::parse(&format!("{text}\n")).unwrap();
        assert_eq!((read.text.as_str(), read.mark), ("PostgreSQL", Some(mark())), "PVE appends a newline");
    }

    #[test]
    fn keys_are_read_in_any_order_and_unknown_ones_kept() {
        let line = "<!-- zentoria.ai/v1 estate=home ns=zentoria name=zentoria-db vmid=404 cp=1a2b3c4d later=x retained=2026-01-01T00:00:00Z -->";
        let read = Description::parse(line).unwrap().mark.unwrap();
        assert_eq!(read.extra["later"], "x");
        assert_eq!(read.retained.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(Description::parse(&read.to_string()).unwrap().mark, Some(read));
    }

    #[test]
    fn no_mark_a_mark_and_a_broken_mark_are_three_things() {
        assert_eq!(Description::parse("just notes\n").unwrap().mark, None);
        let cases = [
            ("<!-- zentoria.ai/v2 a=b -->", MarkError::Version("v2".into())),
            ("<!-- zentoria.ai/v1 estate=home", MarkError::Syntax),
            ("<!-- zentoria.ai/v1 estate=home ns=a name=b cp=c -->", MarkError::Missing("vmid")),
            (
                "<!-- zentoria.ai/v1 estate=home ns=a name=b cp=c vmid=5 -->",
                MarkError::Value { key: "vmid", value: "5".into() },
            ),
        ];
        for (line, error) in cases {
            assert_eq!(Description::parse(line), Err(error), "{line}");
        }
        assert_eq!(Description::parse(&format!("{LINE}\n{LINE}")), Err(MarkError::Several));
    }

    #[test]
    fn a_persons_line_below_the_mark_is_kept_above_it() {
        let read = Description::parse(&format!("one\n{LINE}\ntwo\n")).unwrap();
        assert_eq!(read.text, "one\ntwo");
        assert_eq!(read.mark, Some(mark()));
    }

    proptest! {
        #[test]
        fn the_users_text_survives_the_mark(text in "([ -~]{0,20}\n){0,4}[ -~]{0,20}") {
            prop_assume!(!text.contains(START));
            let read = Description::parse(&format!("{}\n", Description::with_mark(&text, &mark()))).unwrap();
            prop_assert_eq!(read.text, text.trim_end_matches('\n'));
            prop_assert_eq!(read.mark, Some(mark()));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = Description::parse(&text);
            let _ = Description::parse(&format!("{START}{text}"));
        }
    }
}
