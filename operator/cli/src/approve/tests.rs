use super::*;
use serde_json::json;

fn container(annotation: &str, changes: &[(&str, &str)]) -> ZentoriaContainer {
    let changes: Vec<_> = changes
        .iter()
        .map(|(digest, class)| {
            let field = if *class == "Replace" { "unprivileged" } else { "features" };
            json!({"field": field, "from": "(unset)", "to": "nesting=1", "class": class, "digest": digest,
                   "message": "stored in Proxmox VE"})
        })
        .collect();
    serde_json::from_value(json!({
        "apiVersion": "zentoria.ai/v1alpha1",
        "kind": "ZentoriaContainer",
        "metadata": {"name": "db", "namespace": "shop", "annotations": {APPROVE_ANNOTATION: annotation}},
        "spec": {"clusterRef": {"name": "pve"}},
        "status": {"pendingChanges": changes, "conditions": []},
    }))
    .unwrap()
}

fn digests(list: &[&str]) -> Vec<String> {
    list.iter().map(|digest| (*digest).to_owned()).collect()
}

#[test]
fn an_approval_is_appended_and_stale_ones_are_dropped() {
    let object = container("old, a1", &[("a1", "Reboot"), ("b2", "Replace"), ("c3", "Hot")]);
    let (write, page) = decide(&object, Some(&digests(&["b2"]))).unwrap();
    assert_eq!(write, Some(Some("a1,b2".to_owned())));
    assert!(page.contains("b2: unprivileged (unset) -> nesting=1 approved") && page.contains("made anew"), "{page}");
    let (write, _) = decide(&object, None).unwrap();
    assert_eq!(write, Some(Some("a1,b2".to_owned())), "--all takes what can be approved");
}

#[test]
fn what_names_nothing_that_is_pending_is_refused_with_what_is() {
    let object = container("", &[("a1", "Reboot"), ("c3", "Impossible")]);
    let error = decide(&object, Some(&digests(&["zz"]))).unwrap_err().to_string();
    assert!(error.contains("zz names no change") && error.contains("a1 (features)"), "{error}");
    let error = decide(&object, Some(&digests(&["c3"]))).unwrap_err().to_string();
    assert!(error.contains("cannot be approved: stored in Proxmox VE"), "{error}");
}

#[test]
fn nothing_is_written_twice() {
    let object = container("a1", &[("a1", "Reboot")]);
    let (write, page) = decide(&object, Some(&digests(&["a1"]))).unwrap();
    assert_eq!(write, None);
    assert!(page.contains("was approved already"), "{page}");
    assert_eq!(decide(&container("", &[]), None).unwrap().0, None);
}

#[test]
fn one_reboot_makes_all_changes_so_all_of_them_have_to_be_approved() {
    let object = container("", &[("a1", "Reboot"), ("b2", "Reboot")]);
    let (_, page) = decide(&object, Some(&digests(&["a1"]))).unwrap();
    let words: Vec<&str> = page.split_whitespace().collect();
    assert!(words.join(" ").contains("have to be approved as well: b2"), "{page}");
}

#[test]
fn the_list_says_what_can_be_approved_and_how() {
    let page = listed(&container("a1", &[("a1", "Reboot"), ("b2", "Replace"), ("c3", "Impossible")]));
    crate::golden::compare("approve", &page);
}

#[test]
fn an_approval_that_was_used_is_taken_back_before_it_is_given_again() {
    let mut object = container("a1", &[("a1", "Reboot")]);
    object.status.as_mut().unwrap().spent_approvals = digests(&["a1"]);
    let (write, page) = decide(&object, Some(&digests(&["a1"]))).unwrap();
    assert_eq!(write, Some(None));
    assert!(page.contains("was approved and used before"), "{page}");
    object.metadata.annotations = None;
    assert!(decide(&object, Some(&digests(&["a1"]))).is_err(), "the operator has to have seen it gone");
}
