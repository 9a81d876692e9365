//! The backups of the other estates, `manifests/estates`, against their plans, row by row.

use crate::backups::{policies_of, repositories_of, rows_of, source};
use crate::documents::containers;
use std::collections::BTreeSet;
use zentoria_api::backup::Source;
use zentoria_api::container::Adoption;

const ESTATES: [&str; 2] = ["aiqso", "enterprise"];

#[test]
fn every_row_of_the_plans_is_in_the_manifests_and_nothing_else_is() {
    for estate in ESTATES {
        let manifest = format!("manifests/estates/{estate}.yaml");
        let policies = policies_of(&manifest);
        let repositories = repositories_of(&manifest);
        let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
        for row in rows_of(&format!("tests/fixtures/estates/{estate}-backups.tsv")) {
            if row["becomes"] != "policy" {
                assert_eq!(row["policy"], "-", "{estate}: {}", row["row"]);
                continue;
            }
            let name = &row["policy"];
            let policy = policies.get(name).unwrap_or_else(|| panic!("{estate}: there is no policy {name}"));
            let tier = policy.spec.tiers.iter().find(|tier| tier.name == row["tier"]);
            let tier = tier.unwrap_or_else(|| panic!("{estate}: {name} has no tier {}", row["tier"]));
            let (kind, server) = source(policy);
            let to = policy.spec.repository_ref.as_ref().map_or("-", |repository| repository.name.as_str());
            let said = [tier.schedule.as_str(), tier.keep.0.as_str(), &server, kind, to];
            let wanted = ["schedule", "keep", "server", "source", "repository"].map(|column| row[column].as_str());
            assert_eq!(said, wanted, "{estate}: {name}");
            assert_eq!(tier.only_if_changed, tier.name == "on-change", "{estate}: {name}");
            assert!(to == "-" || repositories.contains_key(to), "{estate}: {name}");
            seen.insert((name.clone(), tier.name.clone()));
        }
        let all = policies
            .iter()
            .flat_map(|(name, policy)| policy.spec.tiers.iter().map(|tier| (name.clone(), tier.name.clone())));
        assert_eq!(seen, all.collect(), "{estate}");
    }
}

#[test]
fn what_is_there_already_is_adopted_as_it_is_and_what_is_saved_is_proved() {
    for estate in ESTATES {
        let manifest = format!("manifests/estates/{estate}.yaml");
        for container in containers(&manifest) {
            let spec = &container.spec;
            assert_eq!(spec.adoption, Adoption::IfExists, "{estate}: {spec:?}");
            assert!(spec.power.state.is_none() && spec.source.is_none(), "{estate}: {spec:?}");
        }
        for (name, policy) in policies_of(&manifest) {
            let by_pve = matches!(policy.spec.source, Source::Vzdump(_));
            assert_eq!(policy.spec.verify.is_none(), by_pve, "{estate}: {name}");
        }
    }
}
