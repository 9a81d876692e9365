//! Durations as users write them: `10s`, `10m`, `1h30m`.

use std::time::Duration;
use zentoria_api::common::Span;

/// Reads one; `None` for what is none.
#[must_use]
pub fn parse(span: &Span) -> Option<Duration> {
    let mut seconds = 0u64;
    let mut number = String::new();
    for c in span.0.chars() {
        let factor = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        number.clear();
    }
    (number.is_empty() && !span.0.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        let cases = [("10s", Some(10)), ("1h30m", Some(5400)), ("10", None), ("", None), ("s", None), ("1d", None)];
        for (text, seconds) in cases {
            assert_eq!(parse(&Span(text.into())).map(|d| d.as_secs()), seconds, "{text}");
        }
    }
}
