//! From a timer's deadline to its handler's store: the part behind the interrupt, with the device program as
//! it is flashed. A line for each figure: its name and the number.

use core::fmt::Write as _;

use rpi4b::device::{Board, Flown};
use rpi4b::interrupts;
use rpi4b::limits::{MODULES, SLOTS_A_MODULE};
use rpi4b::startup::arena::SlotMemory;
use xmap_bcm2711::{Pmu, Uart};
use xmap_device::{Borrowed, Device};

use crate::device::Probe;

/// The device with a port that reads the counter after its first store.
pub(crate) type Probed = Device<Borrowed<'static>, Flown<Probe<Board>>>;

/// Runs so many events of an image whose only handler is a timer's, and stores in each.
pub(crate) fn measure(
    port: Flown<Probe<Board>>,
    rooms: [[SlotMemory; SLOTS_A_MODULE]; MODULES],
    image: &[u8],
    events: u32,
    uart: &mut Uart<'_>,
) {
    let mut device: Probed = Device::new(port, rooms);
    device.install(0, image).unwrap_or_else(|error| panic!("{error}"));
    let (mut least, mut most, mut turns) = (u32::MAX, 0, 0u64);
    for _ in 0..events {
        interrupts::set_alarm(Some(device.next_wake_us()));
        interrupts::idle();
        device.board_mut().port_mut().port_mut().port_mut().take();
        let before = Pmu::retired();
        assert!(device.poll(), "the alarm was the event's");
        let at = device.board_mut().port_mut().port_mut().port_mut().take().expect("the handler stores");
        turns += u64::from(Pmu::retired().wrapping_sub(before));
        let insns = at.wrapping_sub(before);
        (least, most) = (least.min(insns), most.max(insns));
    }
    let status = device.status(0).expect("there is a module 0");
    assert_eq!((status.events, status.missed, status.dropped), (events, 0, 0), "events on time");
    let turn = turns / u64::from(events.max(1));
    _ = writeln!(uart, "store_min {least}\nstore_max {most}\nturn {turn}");
}
