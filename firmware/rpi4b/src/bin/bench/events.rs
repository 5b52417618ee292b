//! From a timer's deadline to its handler's store: the part behind the interrupt, with the device program as
//! it is flashed. A line for each figure: its name and the number.

use core::fmt::Write as _;

use rpi4b::device::{Board, Wrapped, flown};
use rpi4b::interrupts;
use rpi4b::limits::{MODULES, SLOTS_A_MODULE};
use rpi4b::startup::arena::SlotMemory;
use xmap_bcm2711::{Pmu, Uart};
use xmap_device::{Borrowed, Device, Recorder, Rehearsal};

use crate::device::Probe;

type Rooms = [[SlotMemory; SLOTS_A_MODULE]; MODULES];

/// Runs so many events of an image whose only handler is a timer's, and stores in each, on the port of the
/// flashed program.
#[inline(never)]
pub(crate) fn recorded(port: Probe<Board>, rooms: Rooms, image: &[u8], events: u32, uart: &mut Uart<'_>) {
    let port = flown(Rehearsal::new(Recorder::new(port), false));
    measure(port, |port| port.port_mut().port_mut().port_mut().take(), rooms, image, events, uart);
}

/// The same without a flight recorder.
#[inline(never)]
pub(crate) fn unrecorded(port: Probe<Board>, rooms: Rooms, image: &[u8], events: u32, uart: &mut Uart<'_>) {
    let port: Wrapped<_> = Rehearsal::new(Recorder::new(port), false);
    measure(port, |port| port.port_mut().port_mut().take(), rooms, image, events, uart);
}

/// `take` takes the counter that the port has read after its first store.
#[inline(always)]
fn measure<B: xmap_device::Board>(
    port: B,
    take: impl Fn(&mut B) -> Option<u32>,
    rooms: Rooms,
    image: &[u8],
    events: u32,
    uart: &mut Uart<'_>,
) {
    let mut device: Device<Borrowed<'static>, B> = Device::new(port, rooms);
    device.install(0, image).unwrap_or_else(|error| panic!("{error}"));
    let (mut least, mut most, mut turns) = (u32::MAX, 0, 0u64);
    for _ in 0..events {
        interrupts::set_alarm(Some(device.next_wake_us()));
        interrupts::idle();
        take(device.board_mut());
        let before = Pmu::retired();
        assert!(device.poll(), "the alarm was the event's");
        let at = take(device.board_mut()).expect("the handler stores");
        turns += u64::from(Pmu::retired().wrapping_sub(before));
        let insns = at.wrapping_sub(before);
        (least, most) = (least.min(insns), most.max(insns));
    }
    let status = device.status(0).expect("there is a module 0");
    assert_eq!((status.events, status.missed, status.dropped), (events, 0, 0), "events on time");
    let turn = turns / u64::from(events.max(1));
    _ = writeln!(uart, "store_min {least}\nstore_max {most}\nturn {turn}");
}
