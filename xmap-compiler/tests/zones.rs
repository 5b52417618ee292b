//! Local time by the rule of an image, against the C library with the zones of this machine.

#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use xmap_compiler::zone::zone;

/// Zones of every kind of rule: none, both hemispheres, changes at odd times, offsets that are no whole
/// hours.
const ZONES: [&str; 22] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "America/Los_Angeles",
    "America/Phoenix",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Australia/Darwin",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Antarctica/Troll",
    "America/Nuuk",
];

/// Times from 2027 to 2036 that lie close around every change, and others all over the years.
fn instants() -> Vec<i64> {
    const FROM_S: i64 = 1_798_761_600;
    let years = FROM_S..FROM_S + 10 * 365 * 86_400;
    // Each half hour and the second before it would be 350,000: a step that is prime to a day walks over all.
    let mut all: Vec<i64> = years.clone().step_by(7 * 3600 + 1801).collect();
    all.extend(years.step_by(1800).filter(|at| {
        // Changes are within a day of a weekend.
        matches!((at.div_euclid(86_400) + 4).rem_euclid(7), 0 | 5 | 6)
    }));
    all
}

#[test]
fn local_time_is_that_of_the_c_library() {
    let instants = instants();
    let text = instants.iter().fold(String::new(), |mut text, at| {
        _ = writeln!(text, "@{at}");
        text
    });
    for name in ZONES {
        assert!(
            std::path::Path::new("/usr/share/zoneinfo").join(name).is_file(),
            "this machine has no zone {name}: install the package tzdata"
        );
        let mut date = Command::new("date")
            .args(["-f", "-", "+%H:%M"])
            .env("TZ", format!(":{name}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("GNU date");
        let mut input = date.stdin.take().unwrap();
        let lines = text.clone();
        let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
        let output = date.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(shown.lines().count(), instants.len(), "{name}");
        let zone = zone(name).unwrap();
        for (at, shown) in instants.iter().zip(shown.lines()) {
            let minute = zone.minute_of_day(at * 1_000_000);
            assert_eq!(format!("{:02}:{:02}", minute / 60, minute % 60), shown, "{name} at {at}: {zone}");
        }
    }
}
