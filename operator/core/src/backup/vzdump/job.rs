//! The jobs that PVE keeps for a policy: their ids, and a schedule of Kubernetes as a calendar event of PVE.

use super::notes::Notes;
use crate::backup::schedule::Runs;
use crate::digest;

/// The id of the job of a tier, the same for every control plane that serves the estate.
#[must_use]
pub fn id(notes: &Notes) -> String {
    let Notes { estate, namespace, policy, tier } = notes;
    format!("zentoria-{}", digest::of_parts([estate.as_str(), namespace, policy, tier]))
}

/// A schedule as PVE takes it: `sun 04:00`, `*-*-1 02:00`, `*:0,30`.
///
/// # Errors
/// Where PVE cannot say it: it takes a day of the month and a day of the week together, and cron either.
pub fn schedule(runs: &Runs) -> Result<String, String> {
    let [minute, hour, day, month, weekday] = runs.fields();
    if day != "*" && weekday != "*" {
        return Err(
            "names days of the month and of the week, of which cron takes either and Proxmox VE both together: \
                    write two tiers, or use mode Operator"
                .to_owned(),
        );
    }
    let mut parts = Vec::new();
    if weekday != "*" {
        let days: Vec<&str> = weekday.split(',').filter_map(weekday_name).collect();
        parts.push(days.join(","));
    }
    if day != "*" || month != "*" {
        parts.push(format!("*-{month}-{day}"));
    }
    let padded = |field: &str| match field {
        "*" => "*".to_owned(),
        values => values.split(',').map(|value| format!("{value:0>2}")).collect::<Vec<_>>().join(","),
    };
    parts.push(format!("{}:{}", padded(&hour), padded(&minute)));
    Ok(parts.join(" "))
}

fn weekday_name(number: &str) -> Option<&'static str> {
    Some(match number {
        "0" => "sun",
        "1" => "mon",
        "2" => "tue",
        "3" => "wed",
        "4" => "thu",
        "5" => "fri",
        "6" => "sat",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zentoria_types::mark::EstateId;

    #[test]
    fn schedules_are_said_as_pve_reads_them() {
        for (cron, event) in [
            ("0 4 * * 0", "sun 04:00"),
            ("30 3 * * *", "03:30"),
            ("*/15 * * * *", "*:00,15,30,45"),
            ("* * * * *", "*:*"),
            ("0 2 1 * *", "*-*-1 02:00"),
            ("0 2 1,15 1-3 *", "*-1,2,3-1,15 02:00"),
            ("5 1,13 * * mon-wed", "mon,tue,wed 01,13:05"),
            ("@daily", "00:00"),
            ("@weekly", "sun 00:00"),
        ] {
            let runs = Runs::parse(cron, None).unwrap();
            assert_eq!(schedule(&runs).as_deref(), Ok(event), "{cron}");
        }
        let either = Runs::parse("0 4 1 * 0", None).unwrap();
        assert!(schedule(&either).unwrap_err().contains("two tiers"));
    }

    #[test]
    fn each_tier_has_its_own_job() {
        let notes = |tier: &str| Notes {
            estate: EstateId::new("test".to_owned()).unwrap(),
            namespace: "ns".into(),
            policy: "all".into(),
            tier: tier.into(),
        };
        assert_ne!(id(&notes("daily")), id(&notes("weekly")));
        assert_eq!(id(&notes("daily")).len(), "zentoria-".len() + 12);
    }
}
