//! Instants and the wall clock of a time zone.
//!
//! Going back, a clock shows some times twice; going forward, it leaves some out. Here each wall-clock time has one
//! instant, [`first_showing`], which never falls as wall-clock time rises; [`shown_by`] is its inverse. So a search on
//! the wall clock finds what a search in instants would.

use super::Fault;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

pub(crate) const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A time zone by its IANA name, from the database that is compiled in.
pub(crate) fn parse(name: &str) -> Result<TimeZone, Fault> {
    let database = TimeZoneDatabase::bundled();
    match database.get(name) {
        // Not an IANA name but jiff's stand-in for a zone that it does not know.
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        Ok(_) | Err(_) => Err(Fault::new("it is no time zone of the IANA database", remedy(&database, name))),
    }
}

fn remedy(database: &TimeZoneDatabase, name: &str) -> String {
    let city = name.rsplit('/').next().unwrap_or(name).trim().replace(' ', "_");
    let meant = database.available().find(|known| {
        known.as_str().rsplit_once('/').is_some_and(|(_, known_city)| known_city.eq_ignore_ascii_case(&city))
    });
    match meant {
        Some(known) => format!("did you mean {known}?"),
        None => "write a name as Europe/Amsterdam, or leave timeZone out for UTC".to_owned(),
    }
}

/// The first instant at which the clock shows `wall` or, where it is left out, has passed it. `None` outside of the
/// years that jiff knows.
pub(crate) fn first_showing(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
        AmbiguousOffset::Fold { before, after: _ } => before.to_timestamp(wall).ok(),
        AmbiguousOffset::Gap { before: _, after } => {
            // Read with the offset that holds after the gap, a time in the gap is an instant shortly before it.
            let shortly_before = after.to_timestamp(wall).ok()?;
            zone.following(shortly_before).next().map(|gap| gap.timestamp())
        }
    }
}

/// The latest wall-clock second that the clock has shown, or passed, by `at`. That is what it shows at `at`, but for the
/// second showing of a repeated hour: by then all of that hour has been shown.
pub(crate) fn shown_by(zone: &TimeZone, at: Timestamp) -> DateTime {
    let at = floor_to_second(at);
    let offset = zone.to_offset(at);
    let wall = offset.to_datetime(at);
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Fold { before, after } if offset == after => {
            let went_back = zone.preceding(at.checked_add(SECOND).unwrap_or(at)).next();
            let end = went_back.map(|change| before.to_datetime(change.timestamp()));
            end.and_then(|end| end.checked_sub(SECOND).ok()).unwrap_or(wall)
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } | AmbiguousOffset::Gap { .. } => wall,
    }
}

pub(crate) fn floor_to_second(at: Timestamp) -> Timestamp {
    let second = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}
