//! How long snapshots are kept.

use super::rest::is_suspended;
use jiff::{Span, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use zentoria_api::backup::{BackupPolicy, BackupRepository, Keep};
use zentoria_types::backup_job::KeepRule;

const FORMS: &str = "write 168h, 30d, 12w, 12m (months), 1y, a sum of them such as 1y6m, or Forever";

/// How long, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// For ever.
    Forever,
    /// For some time, counted from the newest of the same tier.
    Within(Within),
}

/// A time to keep something. Its text is what `restic forget --keep-within` takes (it knows no weeks): `1y6m`, `84d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Within {
    years: u32,
    months: u32,
    days: u32,
    hours: u32,
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { years, months, days, hours } = *self;
        for (number, unit) in [(years, 'y'), (months, 'm'), (days, 'd'), (hours, 'h')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Within {
    /// That much before `newest`; `None` where that is before all time: everything is kept.
    #[must_use]
    pub fn before(&self, newest: Timestamp) -> Option<Timestamp> {
        let Self { years, months, days, hours } = *self;
        let span = Span::new().try_years(years).ok()?.try_months(months).ok()?;
        let span = span.try_days(days).ok()?.try_hours(hours).ok()?;
        let wall = newest.to_zoned(jiff::tz::TimeZone::UTC);
        wall.checked_sub(span).ok().map(|wall| wall.timestamp())
    }
}

impl Keeping {
    /// Reads one.
    ///
    /// # Errors
    /// Where it is none, or keeps nothing; the text says what to write.
    pub fn parse(keep: &Keep) -> Result<Self, String> {
        if keep.0 == "Forever" {
            return Ok(Self::Forever);
        }
        let bad = || format!("is no time to keep something; {FORMS}");
        let mut within = Within::default();
        let mut number: Option<u32> = None;
        let mut last_unit = 0;
        for c in keep.0.chars() {
            if let Some(digit) = c.to_digit(10) {
                number = Some(number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit)).ok_or_else(bad)?);
                continue;
            }
            let count = number.take().ok_or_else(bad)?;
            let (place, days_each, field) = match c {
                'y' => (1, 1, &mut within.years),
                'm' => (2, 1, &mut within.months),
                'w' => (3, 7, &mut within.days),
                'd' => (4, 1, &mut within.days),
                'h' => (5, 1, &mut within.hours),
                _ => return Err(bad()),
            };
            if place <= last_unit {
                return Err(bad());
            }
            last_unit = place;
            *field = count.checked_mul(days_each).and_then(|count| field.checked_add(count)).ok_or_else(bad)?;
        }
        if number.is_some() || last_unit == 0 {
            return Err(bad());
        }
        if within == Within::default() {
            return Err(format!("keeps nothing but the newest snapshot; {FORMS}"));
        }
        Ok(Self::Within(within))
    }

    /// As a rule of a Job has it.
    #[must_use]
    pub fn within(&self) -> Option<String> {
        match self {
            Self::Forever => None,
            Self::Within(within) => Some(within.to_string()),
        }
    }
}

/// The rules of a repository: those of all policies that go to it, or to a repository that is copied to it. Policies that
/// are suspended or paused, or whose `keep` cannot be read, have none: then nothing of them is forgotten.
#[must_use]
pub fn rules(
    repository: &str,
    repositories: &BTreeMap<String, Arc<BackupRepository>>,
    policies: &BTreeMap<String, Arc<BackupPolicy>>,
) -> Vec<KeepRule> {
    let copied_here = |from: &Arc<BackupRepository>| from.spec.copies.iter().any(|copy| copy.to.name == repository);
    let comes_here = |to: &str| to == repository || repositories.get(to).is_some_and(copied_here);
    policies
        .iter()
        .filter(|(_, policy)| policy.spec.repository_ref.as_ref().is_some_and(|to| comes_here(&to.name)))
        .filter(|(_, policy)| !is_suspended(policy))
        .flat_map(|(name, policy)| policy.spec.tiers.iter().map(move |tier| (name, tier)))
        .filter_map(|(name, tier)| {
            let within = Keeping::parse(&tier.keep).ok()?.within();
            Some(KeepRule { policy: name.clone(), tier: tier.name.clone(), within })
        })
        .collect()
}
