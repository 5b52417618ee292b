//! A new image while the lamp stays on: counted inside the board, and over its UART.

use xtask::swaps::{self, PERIOD_US};

/// Issue 4: 10,000 swaps with a lamp on and a timer running.
#[test]
fn ten_thousand_swaps_write_nothing_and_lose_no_event() {
    let counted = swaps::run(10_000).unwrap_or_else(|error| panic!("{error:#}"));
    let of = |name: &str| *counted.get(name).unwrap_or_else(|| panic!("no {name} in {counted:?}"));
    println!(
        "a switch takes {} instructions, admitting the image {}",
        of("commit") - of("admit"),
        of("admit")
    );
    assert_eq!((of("swaps"), of("stores"), of("dark")), (10_000, 0, 0));
    assert_eq!((of("missed"), of("dropped")), (0, 0));
    // The first deadline is a period after the mount, whose time is known between two readings.
    let expected = (of("end_us") - of("last_us")) / PERIOD_US..=(of("end_us") - of("first_us")) / PERIOD_US;
    assert!(expected.contains(&of("events")), "{} events, {expected:?} expected", of("events"));
    assert!(of("events") > 1000, "the timer ran meanwhile: {counted:?}");
}
