//! The notes that a backup of ours carries: whose it is, and by which tier it is kept. The comment of a job in PVE is the
//! same text.

use zentoria_types::mark::EstateId;

const HEAD: &str = "zentoria.ai/backup";

/// A policy's tier, as notes name it. Two control planes never have the same, as their estates differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notes {
    /// `spec.estateId` of the ProxmoxCluster.
    pub estate: EstateId,
    /// Namespace of the policy.
    pub namespace: String,
    /// Its name.
    pub policy: String,
    /// Its tier.
    pub tier: String,
}

impl std::fmt::Display for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { estate, namespace, policy, tier } = self;
        write!(f, "{HEAD} estate={estate} policy={namespace}/{policy} tier={tier}")
    }
}

impl Notes {
    /// Reads notes. What is not exactly as we write it is somebody else's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.trim_end().strip_prefix(HEAD)?.strip_prefix(" estate=")?;
        let (estate, rest) = rest.split_once(" policy=")?;
        let (policy, tier) = rest.split_once(" tier=")?;
        let (namespace, policy) = policy.split_once('/')?;
        let word =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        ([namespace, policy, tier].into_iter().all(word)).then_some(())?;
        Some(Self {
            estate: EstateId::new(estate).ok()?,
            namespace: namespace.to_owned(),
            policy: policy.to_owned(),
            tier: tier.to_owned(),
        })
    }

    /// Whether it is the same policy, by any tier.
    #[must_use]
    pub fn is_of_policy(&self, estate: &EstateId, namespace: &str, policy: &str) -> bool {
        self.estate == *estate && self.namespace == namespace && self.policy == policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn notes_of_others_are_nobodys() {
        for text in [
            "",
            "zentoria.ai/backup",
            "ct101 of pve1",
            "zentoria.ai/backup estate=test policy=ns tier=daily",
            "zentoria.ai/backup estate=test policy=ns/all tier=",
            "zentoria.ai/backup estate=test policy=ns/all tier=daily and more",
            "copy of zentoria.ai/backup estate=test policy=ns/all tier=daily",
            "zentoria.ai/backup estate=Test policy=ns/all tier=daily",
        ] {
            assert_eq!(Notes::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(namespace in "[a-z0-9-]{1,20}", policy in "[a-z0-9.-]{1,20}", tier in "[a-z0-9]{1,9}") {
            let notes = Notes { estate: EstateId::new("home".to_owned()).unwrap(), namespace, policy, tier };
            prop_assert_eq!(Notes::parse(&notes.to_string()), Some(notes));
        }
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|(zentoria.ai/backup)?[ =/a-z]{0,40}") {
            let _ = Notes::parse(&text);
        }
    }
}
