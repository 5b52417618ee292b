//! What it takes until an image answers: its mount, and a call of it, with the device program as it is
//! flashed. A line for each figure: its name and the number.

use core::fmt::Write as _;

use rpi4b::device::{Board, Flown, Pi4b};
use rpi4b::limits::{MODULES, SLOTS_A_MODULE};
use rpi4b::startup::arena::SlotMemory;
use xmap_bcm2711::{Pmu, Uart};
use xmap_device::{Development, Device, ModuleExport};
use xmap_image::ExportId;

/// Mounts an image (`mount`: it is copied, hashed and verified, and its lines, memory and start functions
/// follow), and calls an export with the argument 1 (`call`, with what the device does around a call).
pub(crate) fn measure(
    pmu: &Pmu,
    port: Flown<Board>,
    rooms: [[SlotMemory; SLOTS_A_MODULE]; MODULES],
    image: &[u8],
    export: ExportId,
    uart: &mut Uart<'_>,
) {
    let mut device: Pi4b<Development> = Device::new(port, rooms);
    let mount = pmu.count(|| device.install(0, image).unwrap_or_else(|error| panic!("{error}"))).instructions;
    let export = ModuleExport { module: 0, export };
    let call =
        pmu.count(|| _ = device.call(export, &[1], &mut []).unwrap_or_else(|error| panic!("{error:?}")));
    _ = writeln!(uart, "mount {mount}\ncall {}", call.instructions);
}
