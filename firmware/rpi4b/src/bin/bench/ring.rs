//! What events of the ring cost, in instructions: the mean of many, the turns to the next block included.

use core::fmt::Write as _;
use core::hint::black_box;

use tiny_mapper::{SpanText, SpanValue};
use xmap_bcm2711::{Pmu, Uart};
use xmap_device::{Called, Ring};
use xmap_link::ring::BusKind;

/// Rounds of each kind, of two events: the ring is overwritten several times.
const ROUNDS: u32 = 2048;
/// Microseconds between two of them: two bytes of time.
const STEP_US: u64 = 1_013;

/// An event at a time, with the number of the span that is open.
type Event = fn(&mut Ring, u64, &mut i32);

/// The kinds: their names, and one or two events that follow each other, each asked for by itself as a panel
/// does.
const KINDS: [(&str, [Event; 2]); 4] = [
    ("bus", [bus, bus]),
    ("attribute", [attribute, attribute]),
    (
        "span",
        [
            |ring, now_us, span| *span = ring.start_span(SpanText::Number(3), now_us),
            |ring, now_us, span| ring.end_span(*span, now_us),
        ],
    ),
    (
        "call",
        [
            |ring, now_us, _| ring.begin(Called::Handler(5), true, now_us),
            |ring, now_us, _| ring.end(None, now_us),
        ],
    ),
];

fn bus(ring: &mut Ring, now_us: u64, _: &mut i32) {
    ring.bus(BusKind::I2c, [1, 0x48, 0], 340, now_us);
}

fn attribute(ring: &mut Ring, now_us: u64, span: &mut i32) {
    ring.set(*span, SpanText::Number(3), SpanValue::I64(-7), now_us);
}

/// Counts and prints a line for each kind, and one for the dearest.
pub(crate) fn measure(pmu: &Pmu, uart: &mut Uart<'_>) {
    let mut ring = Ring::new();
    ring.begin(Called::Handler(5), true, 0);
    let mut span = ring.start_span(SpanText::Number(1), 0);
    let nothing = rounds(pmu, &mut ring, &mut span, [|_, _, _| (), |_, _, _| ()]);
    let mut most = 0;
    for (name, events) in KINDS {
        let all = rounds(pmu, &mut ring, &mut span, events) - nothing;
        let each = all.div_ceil(ROUNDS * 2);
        most = most.max(each);
        _ = writeln!(uart, "{name} {each}");
    }
    _ = writeln!(uart, "event {most}");
}

/// Returns the instructions of all rounds. What is measured is called by an address that the compiler does
/// not know, so that it stays a function.
fn rounds(pmu: &Pmu, ring: &mut Ring, span: &mut i32, events: [Event; 2]) -> u32 {
    let [first, second] = black_box(events);
    let count = pmu.count(|| {
        for n in 0..ROUNDS {
            let now_us = u64::from(n) * STEP_US;
            first(ring, now_us, span);
            second(ring, now_us + STEP_US / 2, span);
        }
    });
    count.instructions
}
