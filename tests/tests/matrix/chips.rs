//! The chips of the emulator that panels of `tests/buses` have.

use xmap_sim::{Action, Chip, ChipPlace, ChipStep, Eeprom, EventKind, Sim};

use crate::carried::transferred;

/// Each panel and its chip, as QEMU's option `-device` takes it. The `id` is the device's name in the
/// manifest, for what a script sets. All of them are on one board under Linux.
pub(crate) const CHIPS: [(&str, &str); 6] = [
    ("thermostat", "tmp105,id=temp,address=0x48"),
    ("settings", "at24c-eeprom,address=0x50,rom-size=4096"),
    ("clock", "ds1338,address=0x68"),
    ("leds", "pca9552,address=0x60"),
    ("display", "ssd0303,address=0x3c"),
    // The emulator has 0xef5014 for what it calls w25q80.
    ("flash", "w25q80bl,bus=spi"),
];

/// A step about a chip, as the emulator takes it.
pub(crate) enum Step<'s> {
    /// The emulator's chip is there from the start.
    Connect,
    /// Gives a property of the chip with this `id` a value.
    Set(&'s str, &'s str, i64),
}

/// Returns what a step about a chip is for the emulator; `None` where it is about none.
pub(crate) fn step(action: &Action) -> Option<Step<'_>> {
    match action {
        Action::Device { step: ChipStep::Connect(_), .. } => Some(Step::Connect),
        Action::Device { name, step: ChipStep::Set { what, value }, .. } => {
            // QEMU's thermometers have thousandths of a degree.
            let thousandths = value.parse::<f64>().expect("the script was played") * 1000.0;
            Some(Step::Set(name, what, thousandths.round() as i64))
        }
        _ => None,
    }
}

/// Lets a chip of the simulator begin as the emulator's does: its memory is zeros where nothing was written.
pub(crate) fn begin_alike(sim: &mut Sim, action: &Action) {
    if let Action::Device {
        at: ChipPlace::I2c { bus, address },
        step: ChipStep::Connect(Chip::Eeprom(bytes)),
        ..
    } = action
    {
        let mut memory = Eeprom::new(*bytes);
        memory.content_mut().fill(0);
        sim.board_mut().attach(*bus, *address, memory);
    }
}

/// Returns all that the simulator's buses carried, as the emulator traces it: of I2C what [`transferred`]
/// says, of SPI `x 9f` for each byte that is sent.
pub(crate) fn carried(sim: &Sim) -> Vec<String> {
    let events = sim.board().events().iter();
    let of = events.flat_map(|event| match &event.kind {
        EventKind::Transfer(transfer) => transferred(transfer),
        EventKind::SpiTransfer(transfer) => {
            transfer.written.iter().map(|byte| format!("x {byte:02x}")).collect()
        }
        _ => Vec::new(),
    });
    of.collect()
}
