//! `backup run`: a backup now, by the annotation that the operator reads.

use crate::Answer;
use crate::annotate::annotate;
use crate::connect::connect;
use crate::error::Error;
use crate::object;
use crate::options::{BackupRun, To};
use jiff::Timestamp;
use zentoria_api::backup::{BackupPolicy, Source, VzdumpMode};
use zentoria_api::wire::RUN_ANNOTATION;
use zentoria_core::estate::is_paused;

/// Asks for a backup of a policy.
///
/// # Errors
/// Where there is no such policy or tier, it rests, or others make its backups.
pub async fn run(to: &To, what: &BackupRun) -> Result<Answer, Error> {
    let api = connect(to).await?;
    let name = object::backup_policy_name(&what.policy)?;
    let policy = object::backup_policy(&api, &name).await?;
    let word = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let (policies, called) = (object::backup_policies(&api), format!("bp/{name}"));
    let told = annotate(&policies, policy, &called, RUN_ANNOTATION, |policy| {
        let tier = tier(policy, what.tier.as_deref())?;
        let value = format!("{word}/{tier}");
        Ok((
            Some(Some(value)),
            format!("bp/{name}: a backup of tier {tier} is asked for; kubectl get bp {name} -w shows it\n"),
        ))
    });
    Ok(Answer::done(told.await?))
}

/// The tier that is asked for, where a backup of it can be begun.
fn tier(policy: &BackupPolicy, wanted: Option<&str>) -> Result<String, Error> {
    let name = policy.metadata.name.clone().unwrap_or_default();
    if policy.spec.suspend || is_paused(&policy.metadata) {
        return Err(Error::Refused(format!(
            "bp/{name} is suspended or paused, and the operator looks away from it: resume it first"
        )));
    }
    if let Source::Vzdump(vzdump) = &policy.spec.source
        && vzdump.mode == VzdumpMode::Observe
    {
        return Err(Error::Refused(format!(
            "bp/{name} observes backups that others make: begin one in Proxmox VE, or set spec.source.vzdump.mode to Operator"
        )));
    }
    let tiers: Vec<&str> = policy.spec.tiers.iter().map(|tier| tier.name.as_str()).collect();
    match wanted {
        None => tiers.first().map(|tier| (*tier).to_owned()),
        Some(wanted) => tiers.contains(&wanted).then(|| wanted.to_owned()),
    }
    .ok_or_else(|| {
        let wanted = wanted.unwrap_or_default();
        Error::Refused(format!("bp/{name} has no tier {wanted:?}; it has {}", tiers.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(mode: &str, suspend: bool) -> BackupPolicy {
        let object = json!({
            "apiVersion": "zentoria.ai/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "all"},
            "spec": {
                "source": {"vzdump": {"mode": mode, "storage": "local"}}, "suspend": suspend,
                "tiers": [{"name": "daily", "schedule": "0 4 * * *", "keep": "7d"}, {"name": "weekly", "schedule": "0 5 * * 0", "keep": "4w"}],
            },
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_tier_is_named_or_the_first_and_what_cannot_be_begun_is_refused() {
        let operator = policy("Operator", false);
        assert_eq!(tier(&operator, None).unwrap(), "daily");
        assert_eq!(tier(&operator, Some("weekly")).unwrap(), "weekly");
        for (policy, wanted, part) in [
            (operator, Some("hourly"), "it has daily, weekly"),
            (policy("Observe", false), None, "others make"),
            (policy("Operator", true), None, "suspended"),
        ] {
            let said = tier(&policy, wanted).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }
}
