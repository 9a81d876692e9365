//! What is read, what is refused, and with which words.

use super::parse;

#[test]
fn what_a_cronjob_takes_is_read() {
    let schedules = [
        "0 2 * * *",
        "  0   2 * * *  ",
        "*/15 0-6 1,15 jan-mar,DEC mon-Fri",
        "5/20 ? ? * 0",
        "0 22-23/1 */5 * *",
        "0 0 29 2 *",
        "0 0 31 2 1",
        "@hourly",
        "@daily",
        "@midnight",
        "@weekly",
        "@monthly",
        "@yearly",
        "@annually",
    ];
    for schedule in schedules {
        assert!(parse(&[(schedule, "1h", None)]).is_ok(), "{schedule}");
    }
}

#[test]
fn a_schedule_that_cannot_work_is_refused_with_the_reason() {
    let cases = [
        ("", "it is empty"),
        ("0 2 * *", "it has 4 of five fields"),
        ("0 0 2 * * *", "it has 6 of five fields"),
        ("0 0 2 * * * 2026", "it has 7 of five fields"),
        ("@every 1h", "it is no schedule that Kubernetes names"),
        ("@Daily", "it is no schedule that Kubernetes names"),
        ("TZ=Europe/Amsterdam 0 2 * * *", "write the time zone in the field timeZone"),
        ("60 2 * * *", "the minute \"60\" cannot be read"),
        ("0 24 * * *", "the hour \"24\" cannot be read"),
        ("0 2 0 * *", "the day of month \"0\" cannot be read"),
        ("0 2 L * *", "the day of month \"L\" cannot be read"),
        ("0 2 15W * *", "the day of month \"15W\" cannot be read"),
        ("0 2 * 13 *", "the month \"13\" cannot be read"),
        ("0 2 * * 7", "the day of week \"7\" cannot be read; write *, or values from 0 to 6 or sun to sat"),
        ("0 2 * * 5#2", "the day of week \"5#2\" cannot be read"),
        ("0 2 * * +1", "the day of week \"+1\" cannot be read"),
        ("0 2 * * fri-sun", "the day of week \"fri-sun\" ends before it begins"),
        ("*/0 2 * * *", "the step of the minute \"*/0\" cannot be read"),
        ("/5 2 * * *", "the minute \"/5\" cannot be read"),
        ("1,,2 2 * * *", "the minute \"\" cannot be read"),
        ("1-2-3 2 * * *", "the minute \"1-2-3\" cannot be read"),
        ("0 0 30 2 *", "no day ever meets it"),
        ("0 0 31 feb,4,6,9,11 *", "no day ever meets it"),
    ];
    for (schedule, words) in cases {
        let error = parse(&[(schedule, "1h", None)]).expect_err(schedule).to_string();
        assert!(error.starts_with(&format!("maintenanceWindows[0].schedule {schedule:?}: ")), "{error}");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_duration_is_more_than_nothing_and_at_most_a_week() {
    let cases = [
        ("0s", "the window never opens"),
        ("0h0m", "the window never opens"),
        ("168h1s", "it is longer than seven days"),
        ("99999999999999999h", "it is no duration"),
        ("2", "it is no duration"),
        ("", "it is no duration"),
        ("1d", "it is no duration"),
    ];
    for (duration, words) in cases {
        let error = parse(&[("@daily", duration, None)]).expect_err(duration).to_string();
        assert!(error.starts_with(&format!("maintenanceWindows[0].duration {duration:?}: {words}; ")), "{error}");
    }
    for duration in ["1s", "30m", "2h30m", "168h"] {
        assert!(parse(&[("@daily", duration, None)]).is_ok(), "{duration}");
    }
}

#[test]
fn a_time_zone_is_a_name_of_the_database_that_is_compiled_in() {
    for zone in ["UTC", "Etc/UTC", "Europe/Amsterdam", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "CET"] {
        assert!(parse(&[("@daily", "1h", Some(zone))]).is_ok(), "{zone}");
    }
    let cases = [
        ("Amsterdam", "did you mean Europe/Amsterdam?"),
        ("US/new york", "did you mean America/New_York?"),
        ("Europe/Amsterdm", "write a name as Europe/Amsterdam"),
        ("+02:00", "write a name as Europe/Amsterdam"),
        ("CEST", "write a name as Europe/Amsterdam"),
        ("Local", "write a name as Europe/Amsterdam"),
        ("Etc/Unknown", "write a name as Europe/Amsterdam"),
        ("../../etc/passwd", "write a name as Europe/Amsterdam"),
        ("", "write a name as Europe/Amsterdam"),
    ];
    for (zone, remedy) in cases {
        let error = parse(&[("@daily", "1h", Some(zone))]).expect_err(zone).to_string();
        let start =
            format!("maintenanceWindows[0].timeZone {zone:?}: it is no time zone of the IANA database; {remedy}");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn the_refusal_names_the_window_that_is_at_fault() {
    let error =
        parse(&[("@daily", "1h", None), ("0 0 30 2 *", "1h", None), ("never", "1h", None)]).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "maintenanceWindows[1].schedule \"0 0 30 2 *\": no day ever meets it; none of these months has such a day: \
         write a day that they have"
    );
}
