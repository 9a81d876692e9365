//! Cron as Kubernetes writes it for a CronJob, and the search for its times on a wall clock.
//!
//! croner does the search. It takes more than Kubernetes does (seconds, years, `L`, `W`, `#`) and reads some of it in
//! another way (`*/1` in one of the day fields), so the text is read here by Kubernetes' rules (those of its cron
//! library, `robfig/cron` v3) and handed on as plain lists.

use super::Fault;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

const FIVE_FIELDS: &str =
    "write five fields: minute, hour, day of month, month, day of week, as in `0 3 * * 0` for Sundays at 03:00";

/// What the names stand for; `None` for what is no name.
fn nickname(name: &str) -> Option<&'static str> {
    Some(match name {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => return None,
    })
}

/// One of the five fields: what it is called, and what may stand in it.
struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    /// Names of the values, from `low` on.
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", low: 0, high: 59, names: &[] };
const HOUR: Field = Field { name: "hour", low: 0, high: 23, names: &[] };
const DAY: Field = Field { name: "day of month", low: 1, high: 31, names: &[] };
const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Field =
    Field { name: "day of week", low: 0, high: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// Minutes of a day.
const DAY_MINUTES: u32 = 24 * 60;

/// Times on a wall clock.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// For the search.
    cron: Cron,
    minute: Values,
    hour: Values,
    day: Values,
    month: Values,
    weekday: Values,
}

impl Schedule {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        let fields: Vec<&str> = expand(text)?.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            let count = fields.len();
            return Err(Fault::new(
                format!("it has {count} of five fields; seconds and years are not known"),
                FIVE_FIELDS,
            ));
        };
        let minute = MINUTE.read(minute)?;
        let hour = HOUR.read(hour)?;
        let day = DAY.read(day)?;
        let month = MONTH.read(month)?;
        let weekday = WEEKDAY.read(weekday)?;
        if never_meets(&day, &month, &weekday) {
            return Err(Fault::new(
                "no day ever meets it",
                "none of these months has such a day: write a day that they have",
            ));
        }
        let plain = [&minute, &hour, &day, &month, &weekday].map(|values| values.to_string()).join(" ");
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&plain)
            .map_err(|error| Fault::new(format!("it cannot be read: {error}"), FIVE_FIELDS))?;
        Ok(Self { cron, minute, hour, day, month, weekday })
    }

    /// Minute, hour, day, month and weekday: `*`, or the values with commas between them. Sunday is 0.
    pub(crate) fn fields(&self) -> [String; 5] {
        [&self.minute, &self.hour, &self.day, &self.month, &self.weekday].map(ToString::to_string)
    }

    /// The last time at or before `wall`.
    pub(crate) fn last_until(&self, wall: DateTime) -> Option<DateTime> {
        self.cron.find_previous_occurrence(&wall, true).ok()
    }

    /// The first time after `wall`.
    pub(crate) fn first_after(&self, wall: DateTime) -> Option<DateTime> {
        self.cron.find_next_occurrence(&wall, false).ok()
    }

    /// Whether `wall` is one of the times.
    pub(crate) fn matches(&self, wall: DateTime) -> bool {
        let in_field = |values: &Values, value: i8| u8::try_from(value).is_ok_and(|value| values.has(value));
        wall.second() == 0
            && wall.subsec_nanosecond() == 0
            && in_field(&self.minute, wall.minute())
            && in_field(&self.hour, wall.hour())
            && self.meets(wall.date())
    }

    /// The longest time from one of the times to the next, in minutes, by the calendar. Looks at up to 28 years: after
    /// these, days of the week and of the month meet again as before.
    pub(crate) fn longest_gap_minutes(&self) -> u64 {
        let times: Vec<u32> = (0..DAY_MINUTES).filter(|minute| self.has_time(*minute)).collect();
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return 0 };
        let within = times.iter().zip(times.iter().skip(1)).map(|(one, next)| u64::from(next - one)).max().unwrap_or(0);
        let begin = date(2000, 1, 1);
        let mut longest = 0;
        let mut since: u64 = 0;
        let mut met = false;
        for day in begin.series(1.day()).take(self.days_until_it_repeats()) {
            since += 1;
            if self.meets(day) {
                longest = if met { longest.max(since) } else { longest };
                (met, since) = (true, 0);
            }
        }
        let over_days = longest * u64::from(DAY_MINUTES) + u64::from(*first) - u64::from(*last);
        within.max(over_days)
    }

    /// After how many days the same days come again, at the latest.
    fn days_until_it_repeats(&self) -> usize {
        match (self.month.is_all(1, 12), self.day.any) {
            (true, true) => 2 * 7 + 1,
            (true, false) | (false, _) => 28 * 366,
        }
    }

    fn has_time(&self, minute: u32) -> bool {
        let has = |values: &Values, value: u32| u8::try_from(value).is_ok_and(|value| values.has(value));
        has(&self.hour, minute / 60) && has(&self.minute, minute % 60)
    }

    /// Whether a day is one of the days. Where both fields of days say something, either will do.
    fn meets(&self, date: Date) -> bool {
        let has = |values: &Values, value: i8| u8::try_from(value).is_ok_and(|value| values.has(value));
        let day = has(&self.day, date.day());
        let weekday = has(&self.weekday, date.weekday().to_sunday_zero_offset());
        let either = if self.day.any || self.weekday.any { day && weekday } else { day || weekday };
        has(&self.month, date.month()) && either
    }
}

fn expand(text: &str) -> Result<&str, Fault> {
    if text.is_empty() {
        return Err(Fault::new("it is empty", FIVE_FIELDS));
    }
    if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
        return Err(Fault::new("it has a time zone in it", "write the time zone in the field timeZone"));
    }
    if text.starts_with('@') {
        return nickname(text).ok_or_else(|| {
            let known = "@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually";
            Fault::new("it is no schedule that Kubernetes names", format!("write one of {known}, or five fields"))
        });
    }
    Ok(text)
}

/// Whether no month has such a day. When both days are given either will do, and every month has each day of the week.
fn never_meets(day: &Values, month: &Values, weekday: &Values) -> bool {
    let longest = |month: u8| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let earliest = day.iter().next().unwrap_or(DAY.high);
    weekday.any && month.iter().all(|month| earliest > longest(month))
}

/// The values that a field allows.
#[derive(Clone, Debug)]
struct Values {
    bits: u64,
    /// The field says that it does not matter. In the fields of days this is not the same as naming all values.
    any: bool,
}

impl Values {
    fn has(&self, value: u8) -> bool {
        value < 64 && self.bits & (1 << value) != 0
    }

    fn is_all(&self, low: u8, high: u8) -> bool {
        self.any || (low..=high).all(|value| self.has(value))
    }

    fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let bits = self.bits;
        (0..=59).filter(move |value| bits & (1 << value) != 0)
    }
}

impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.any {
            return f.write_str("*");
        }
        let words: Vec<String> = self.iter().map(|value| value.to_string()).collect();
        f.write_str(&words.join(","))
    }
}

impl Field {
    fn read(&self, text: &str) -> Result<Values, Fault> {
        let mut values = Values { bits: 0, any: false };
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, self.step(item, step)?),
                None => (item, 1),
            };
            let (from, to) = self.range(item, range, item.len() > range.len())?;
            values.any |= matches!(range, "*" | "?") && step == 1;
            for value in (from..=to).step_by(step) {
                values.bits |= 1 << value;
            }
        }
        Ok(values)
    }

    fn range(&self, item: &str, range: &str, stepped: bool) -> Result<(u8, u8), Fault> {
        if matches!(range, "*" | "?") {
            return Ok((self.low, self.high));
        }
        let Some((from, to)) = range.split_once('-') else {
            let value = self.value(item, range)?;
            return Ok((value, if stepped { self.high } else { value }));
        };
        let (from, to) = (self.value(item, from)?, self.value(item, to)?);
        if from > to {
            let why = format!("the {} {item:?} ends before it begins", self.name);
            return Err(Fault::new(why, "write the smaller value first, or two ranges with a comma between them"));
        }
        Ok((from, to))
    }

    fn value(&self, item: &str, word: &str) -> Result<u8, Fault> {
        let named = self.names.iter().zip(self.low..).find(|(name, _)| name.eq_ignore_ascii_case(word));
        let value = named.map(|(_, value)| value).or_else(|| number(word));
        value.filter(|value| (self.low..=self.high).contains(value)).ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            let (low, high) = (self.low, self.high);
            Fault::new(
                format!("the {} {item:?} cannot be read", self.name),
                format!(
                    "write *, or values from {low} to {high}{names}: lists 1,2, ranges 1-5 and steps */2 are known"
                ),
            )
        })
    }

    fn step(&self, item: &str, step: &str) -> Result<usize, Fault> {
        number(step).filter(|step| *step > 0).map(usize::from).ok_or_else(|| {
            Fault::new(
                format!("the step of the {} {item:?} cannot be read", self.name),
                "write a number from 1 on after the slash, as in */2",
            )
        })
    }
}

/// A number in digits alone: no sign.
fn number(word: &str) -> Option<u8> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}
