//! Whether anything may be concluded from what a cluster shows, and done.

/// Why nothing may be done on a cluster, as far as its last look tells it; `None` is "it may". `missing` are the privileges
/// that the credentials lack, each as `/path: Privilege`; `quorate` is `None` for a node alone.
#[must_use]
pub fn shut(missing: &[String], quorate: Option<bool>) -> Option<String> {
    // Who cannot see everything must not conclude anything from what it does not see.
    let blind: Vec<&str> = missing.iter().map(String::as_str).filter(|lack| lack.contains(".Audit")).collect();
    if !blind.is_empty() {
        return Some(format!("the operator's token lacks {}", blind.join(", ")));
    }
    (quorate == Some(false)).then(|| "the cluster has no quorum".to_owned())
}

#[cfg(test)]
mod tests {
    use super::shut;

    #[test]
    fn who_is_blind_or_without_quorum_does_nothing() {
        let lacks = |list: &[&str]| list.iter().map(|lack| (*lack).to_owned()).collect::<Vec<_>>();
        assert_eq!(shut(&[], None), None);
        assert_eq!(shut(&lacks(&["/vms: VM.Allocate"]), Some(true)), None, "who sees all may do the rest");
        assert_eq!(shut(&lacks(&["/vms: VM.Audit"]), None).unwrap(), "the operator's token lacks /vms: VM.Audit");
        assert_eq!(shut(&[], Some(false)).unwrap(), "the cluster has no quorum");
    }
}
