use super::*;
use crate::core::calendar::{At, Times, Zone};

const NOW: i64 = 1_795_543_200; // Tue 2026-11-24 18:00:00 UTC

fn calendar(text: &str) -> Calendar {
    match parse(text) {
        Ok((calendar, _)) => calendar,
        Err(wrong) => panic!("{text}: {wrong:?}"),
    }
}

fn wrong(text: &str) -> String {
    match parse(text) {
        Ok(good) => panic!("{text}: {good:?}"),
        Err(wrong) => wrong.what,
    }
}

fn next(text: &str, zone: Zone, after: i64, count: usize) -> Vec<String> {
    let times = Times {
        calendar: calendar(text),
        zone,
    };
    let mut all = Vec::new();
    let mut after = after;
    for _ in 0..count {
        after = times.next(after).unwrap();
        let (zone, instant) = (&times.zone, after);
        all.push(At { zone, instant }.to_string());
    }
    all
}

/// Examples of `systemd.time(7)`, each with its normal form.
#[test]
fn systemds_own_examples_mean_what_systemd_says() {
    for (text, normal) in [
        (
            "Sat,Thu,Mon..Wed,Sat..Sun",
            "Mon..Thu,Sat,Sun *-*-* 00:00:00",
        ),
        ("Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01,02:23:00"),
        ("Wed *-1", "Wed *-*-01 00:00:00"),
        ("Wed..Wed,Wed *-1", "Wed *-*-01 00:00:00"),
        ("Wed, 17:48", "Wed *-*-* 17:48:00"),
        (
            "Wed..Sat,Tue 12-10-15 1:2:3",
            "Tue..Sat 2012-10-15 01:02:03",
        ),
        ("*-*-7 0:0:0", "*-*-07 00:00:00"),
        ("10-15", "*-10-15 00:00:00"),
        ("monday *-12-* 17:00", "Mon *-12-* 17:00:00"),
        ("Mon,Fri *-*-3,1,2 *:30:45", "Mon,Fri *-*-01,02,03 *:30:45"),
        ("12,14,13,12:20,10,30", "*-*-* 12,13,14:10,20,30:00"),
        ("12..14:10,20,30", "*-*-* 12..14:10,20,30:00"),
        ("mon,fri *-1/2-1,3 *:30:45", "Mon,Fri *-01/2-01,03 *:30:45"),
        ("03-05 08:05:40", "*-03-05 08:05:40"),
        ("08:05:40", "*-*-* 08:05:40"),
        ("05:40", "*-*-* 05:40:00"),
        ("Sat,Sun 12-05 08:05:40", "Sat,Sun *-12-05 08:05:40"),
        ("Sat,Sun 08:05:40", "Sat,Sun *-*-* 08:05:40"),
        ("2003-03-05 05:40", "2003-03-05 05:40:00"),
        ("2003-02..04-05", "2003-02,03,04-05 00:00:00"),
        ("2003-03-05 05:40 UTC", "2003-03-05 05:40:00 UTC"),
        ("2003-03-05", "2003-03-05 00:00:00"),
        ("03-05", "*-03-05 00:00:00"),
        ("minutely", "*-*-* *:*:00"),
        ("hourly", "*-*-* *:00:00"),
        ("daily", "*-*-* 00:00:00"),
        ("daily UTC", "*-*-* 00:00:00 UTC"),
        ("monthly", "*-*-01 00:00:00"),
        ("weekly", "Mon *-*-* 00:00:00"),
        (
            "weekly Pacific/Auckland",
            "Mon *-*-* 00:00:00 Pacific/Auckland",
        ),
        ("yearly", "*-01-01 00:00:00"),
        ("annually", "*-01-01 00:00:00"),
        ("quarterly", "*-01,04,07,10-01 00:00:00"),
        ("semiannually", "*-01,07-01 00:00:00"),
        ("*:2/3", "*-*-* *:02/3:00"),
        ("*-*~1", "*-*~01 00:00:00"),
        ("*-05~07/1", "*-05~01..07 00:00:00"),
        ("*-02~03..1", "*-02~01,02,03 00:00:00"),
    ] {
        assert_eq!(parse(text), parse(normal), "{text}");
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn parts_are_the_bits_that_they_name() {
    let parsed = calendar("Mon..Wed,Sun 2026..2028-2,11-1/10 8..10:0/15:30");
    assert_eq!(parsed.weekdays, 0b100_0111);
    assert_eq!(parsed.years, 0b111 << 26);
    assert_eq!(parsed.months, 1 << 2 | 1 << 11);
    assert_eq!(parsed.days, 1 << 1 | 1 << 11 | 1 << 21 | 1 << 31);
    assert_eq!(parsed.hours, 0b111 << 8);
    assert_eq!(parsed.minutes, 1 | 1 << 15 | 1 << 30 | 1 << 45);
    assert_eq!(parsed.seconds, 1 << 30);
    assert_eq!(calendar("*:*:*"), Calendar::ALWAYS);
    assert_eq!(calendar("*-*~7/3").last_days, 1 << 7 | 1 << 4 | 1 << 1);
    assert_eq!(calendar("Sat..Mon").weekdays, 0b110_0001);
}

#[test]
fn cron_means_what_systemd_means_in_other_words() {
    for (cron, systemd) in [
        ("* * * * *", "minutely"),
        ("0 3 * * *", "03:00"),
        ("*/15 * * * *", "*:0/15"),
        ("5/20 * * * *", "*:5,25,45"),
        ("30 4 1,15 * *", "*-*-1,15 4:30"),
        ("0 22 * * 1-5", "Mon..Fri 22:00"),
        ("0 22 * * mon-fri", "Mon..Fri 22:00"),
        ("23 0-20/2 * * *", "0..20/2:23"),
        ("5 4 * * sun", "Sun 4:05"),
        ("5 4 * * 7", "Sun 4:05"),
        ("5 4 * * 0", "Sun 4:05"),
        ("5 4 * * 5-7", "Fri..Sun 4:05"),
        ("5 4 * * sat-mon", "Sat..Mon 4:05"),
        ("0 0 1 jan,jul *", "*-1,7-1"),
        ("0 0 ? * ?", "daily"),
        ("0 0 * * 1/2", "Mon,Wed,Fri,Sun"),
        ("@hourly", "hourly"),
        ("@daily", "daily"),
        ("@midnight", "daily"),
        ("@monthly", "monthly"),
        ("@yearly", "yearly"),
        ("@annually", "yearly"),
        ("@weekly", "Sun"),
        ("0 3 * * * UTC", "03:00 UTC"),
    ] {
        assert_eq!(parse(cron), parse(systemd), "{cron}");
        assert!(parse(cron).is_ok(), "{cron}: {:?}", parse(cron));
    }
}

#[test]
fn cron_takes_either_the_day_or_the_weekday_where_both_are_restricted() {
    assert!(calendar("0 0 13 * 5").either);
    assert!(!calendar("0 0 * * 5").either);
    assert!(!calendar("0 0 13 * *").either);
    assert!(
        !calendar("0 0 */2 * 5").either,
        "a star with a step is a star"
    );
    assert_eq!(
        next("0 0 13 * 5", Zone::default(), NOW, 4),
        [
            "Fri 2026-11-27 00:00:00 UTC",
            "Fri 2026-12-04 00:00:00 UTC",
            "Fri 2026-12-11 00:00:00 UTC",
            "Sun 2026-12-13 00:00:00 UTC",
        ]
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (text, what) in [
        ("30 25 * * *", "hour 25 is more than 23"),
        ("60 * * * *", "minute 60 is more than 59"),
        ("* * 0 * *", "day 0 is less than 1"),
        ("* * * 13 *", "month 13 is more than 12"),
        ("* * * foo *", "\"foo\" is no month"),
        ("* * * * 8", "weekday 8 is more than 7"),
        ("* 5-3 * * *", "hour 5-3 runs backwards"),
        ("*/0 * * * *", "a step of 0 never leaves the first minute"),
        ("* * L * *", "\"L\" is no day"),
        ("0 0 3 * * ?", "cron has five fields, this has 6"),
        ("0 0 3 ? * MON-FRI", "cron has five fields, this has 6"),
        ("0 3 * *", "cron has five fields, this has 4"),
        ("0 0 3 1 1 ? 2026", "cron has five fields, this has 7"),
        ("@reboot", "@reboot is no time"),
        ("@often", "there is no @often"),
        (
            "@every 5m",
            "@every is an interval, no time of the calendar",
        ),
        ("24:00", "hour 24 is more than 23"),
        ("Mon 10:60", "minute 60 is more than 59"),
        ("10:00:60", "second 60 is more than 59"),
        ("10:00:05.5", "\"05.5\" is no second"),
        ("1:2:3:4", "\"1:2:3:4\" is no time of day"),
        ("*-*-32", "day 32 is more than 31"),
        ("*-13-01", "month 13 is more than 12"),
        ("2200-01-01", "year 2200 is more than 2127"),
        ("1-2-3-4", "\"1-2-3-4\" is no date"),
        ("2030..2026-1-1", "year 2030..2026 runs backwards"),
        ("10..8:00", "hour 10..8 runs backwards"),
        ("Mon..Fro 10:00", "\"Fro\" is no weekday"),
        ("dayly", "\"dayly\" is no weekday"),
        (
            "10:00 2026-01-01",
            "\"2026-01-01\" is neither weekdays nor a date nor a time of day here",
        ),
        (
            "17",
            "\"17\" is neither weekdays nor a date nor a time of day here",
        ),
        (" ", "no time at all"),
    ] {
        assert_eq!(wrong(text), what, "{text}");
    }
}

#[test]
fn a_zone_stands_behind_the_rest() {
    assert_eq!(
        parse("daily Europe/Berlin").unwrap().1,
        Some("Europe/Berlin")
    );
    assert_eq!(parse("Mon 10:00 UTC").unwrap().1, Some("UTC"));
    assert_eq!(
        parse("0 3 * * * America/New_York").unwrap().1,
        Some("America/New_York")
    );
    assert_eq!(parse("0 3 * * sun").unwrap().1, None);
    assert_eq!(named("utc", NOW), Ok(Zone::default()));
    for bad in [
        "Nowhere/At_All",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe/",
        "",
    ] {
        let wrong = named(bad, NOW).unwrap_err();
        assert_eq!(wrong.what, format!("there is no time zone \"{bad}\""));
    }
}

#[test]
fn tz_may_hold_a_rule() {
    let berlin = local(Some(b"CET-1CEST,M3.5.0,M10.5.0/3"), NOW).unwrap();
    assert_eq!(berlin.offset_at(NOW), 3600);
    assert_eq!(berlin.offset_at(NOW + 200 * 86_400), 7200);
    assert_eq!(
        next("Sun *-3-* 2:30", berlin, NOW, 4).last().unwrap(),
        "Sun 2027-03-28 03:00:00 +02:00"
    );
    let usa = local(Some(b"EST5EDT"), NOW).unwrap();
    assert_eq!(usa.offset_at(NOW), -18_000);
    assert_eq!(usa.offset_at(NOW + 200 * 86_400), -14_400);
    let nepal = local(Some(b":<+0545>-5:45"), NOW).unwrap();
    assert_eq!(nepal.offset_at(NOW), 20_700);
    assert_eq!(local(Some(b""), NOW), Ok(Zone::default()));
    assert_eq!(local(Some(b"UTC0"), NOW).unwrap().offset_at(NOW), 0);
    for bad in [
        &b"Nowhere"[..],
        b"CET-1CEST,M0.0.0,M10.5.0",
        b"CET-1CEST,M3.5.0",
        b"AB1",
        b"/dev/null",
    ] {
        assert!(local(Some(bad), NOW).is_err(), "{}", bad.escape_ascii());
    }
}

#[test]
fn days_of_a_rule_may_be_counted_in_three_ways() {
    let midnight_of =
        |year: i64, day: i64| crate::core::calendar::days_from(year, 1, 1) * 86_400 + day * 86_400;
    // From day 60 (March 1 by J, with a leap day February 29 by the plain count).
    for (rule, leap, begins) in [
        ("XXX0YYY,J60/0,J300/0", true, 60),
        ("XXX0YYY,J60/0,J300/0", false, 59),
        ("XXX0YYY,60/0,300/0", true, 60),
        ("XXX0YYY,60/0,300/0", false, 60),
        ("XXX0YYY,M3.1.3/-24,J300/0", false, 60),
    ] {
        let zone = local(Some(rule.as_bytes()), NOW).unwrap();
        let year = if leap { 2028 } else { 2027 };
        let first = midnight_of(year, begins);
        assert_eq!(zone.offset_at(first - 1), 0, "{rule} {year}");
        assert_eq!(zone.offset_at(first), 3600, "{rule} {year}");
    }
}

/// A file as tzdata's compiler makes it: one part with times of 32 bits, one with 64.
fn tzif(transitions: &[(i64, u8)], offsets: &[i32], footer: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for width in [4, 8] {
        bytes.extend(b"TZif2");
        bytes.extend([0; 15]);
        let names = b"X\0";
        for count in [0, 0, 0, transitions.len(), offsets.len(), names.len()] {
            bytes.extend((count as u32).to_be_bytes());
        }
        for (at, _) in transitions {
            let all = at.to_be_bytes();
            bytes.extend(&all[8 - width..]);
        }
        bytes.extend(transitions.iter().map(|(_, kind)| *kind));
        for offset in offsets {
            bytes.extend(offset.to_be_bytes());
            bytes.extend([0, 0]);
        }
        bytes.extend(names);
    }
    bytes.extend(format!("\n{footer}\n").bytes());
    bytes
}

#[test]
fn of_a_file_only_what_is_to_come_is_kept() {
    let year = 365 * 86_400;
    let known = [
        (NOW - 20 * year, 1),
        (NOW - year, 2),
        (NOW + year, 1),
        (NOW + 2 * year, 1),
    ];
    let bytes = tzif(&known, &[100, 3600, 7200], "");
    let zone = zone::file(&bytes, NOW).unwrap();
    assert_eq!(zone.offset, 7200);
    assert_eq!(zone.transitions.len(), 1, "{zone:?}");
    assert_eq!(zone.offset_at(NOW), 7200);
    assert_eq!(zone.offset_at(NOW + year), 3600);
    assert_eq!(zone.offset_at(i64::MAX / 4), 3600);
    assert_eq!(zone::file(&bytes, 0).unwrap().transitions.len(), 3);
}

#[test]
fn what_the_rule_says_by_itself_is_not_kept() {
    let rule = "CET-1CEST,M3.5.0,M10.5.0/3";
    let ruled = local(Some(rule.as_bytes()), NOW).unwrap();
    let mut known = vec![(NOW - 100 * 86_400, 1)];
    let mut at = NOW;
    for _ in 0..20 {
        at = ruled.next_change(at).unwrap();
        known.push((at, if ruled.offset_at(at) == 7200 { 1 } else { 0 }));
    }
    // A whole table like those of older tzdata, and one year without summer.
    known.insert(1, (NOW - 30 * 86_400, 0));
    let fat = zone::file(&tzif(&known, &[3600, 7200], rule), NOW).unwrap();
    assert_eq!(fat, ruled);
    let mut odd = known.clone();
    odd.drain(2..4);
    let odd = zone::file(&tzif(&odd, &[3600, 7200], rule), NOW).unwrap();
    assert!(!odd.transitions.is_empty());
    assert_eq!(odd.offset_at(known[2].0), 3600);
    assert_eq!(odd.offset_at(known[4].0), 7200);
    let slim = zone::file(&tzif(&known[..2], &[3600, 7200], rule), NOW + 200 * 86_400).unwrap();
    assert_eq!(slim, ruled);
}

/// Asia/Kathmandu as tzdata has it.
#[test]
fn a_real_file_is_read() {
    let hex = "545a696632000000000000000000000000000000000000000000000000000000000000030000000300000010a1f27d841e1830a87fffffff01020200004ffc000000004d580004000050dc000a4c4d54002b30353330002b3035343500545a69663200000000000000000000000000000000000000000000000000000000000003000000030000001\
0ffffffffa1f27d84000000001e1830a8000000007fffffff01020200004ffc000000004d580004000050dc000a4c4d54002b30353330002b30353435000a3c2b303534353e2d353a34350a";
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let zone = zone::file(&bytes, NOW).unwrap();
    assert_eq!(zone.offset_at(NOW), 20_700);
    let all = zone::file(&bytes, 0).unwrap();
    assert_eq!(all.offset_at(0), 19_800);
    assert_eq!(all.offset_at(504_921_600), 20_700);
    for end in 0..bytes.len() {
        assert_eq!(zone::file(&bytes[..end], NOW), None, "{end}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_and_no_file_panics(text in "[0-9a-zA-Z*,./~@: -]{0,24}", bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        if let Ok((calendar, _)) = parse(&text) {
            let _ = calendar.next(NOW);
        }
        let _ = zone::file(&bytes, NOW);
        let _ = zone::rule(&text);
        let mut bytes = bytes;
        bytes.splice(0..0, *b"TZif2");
        let _ = zone::file(&bytes, NOW);
    }
}
