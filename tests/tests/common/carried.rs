//! What the simulator's buses carried, as the emulator traces it.

use tiny_mapper::BusStatus;
use xmap_sim::{EventKind, Sim, Transfer};

/// All that buses carried, but for stop conditions: of I2C `start 48`, `w 00`, `r 19`, of SPI `x 9f` for each
/// byte that is sent.
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

/// A transfer as the emulator traces it; it has no event where no chip has the address.
pub(crate) fn transferred(transfer: &Transfer) -> Vec<String> {
    if transfer.written.as_ref().is_some_and(Vec::is_empty) && transfer.status != BusStatus::Ok {
        return Vec::new();
    }
    let mut events = Vec::new();
    for (letter, bytes) in [("w", &transfer.written), ("r", &transfer.read)] {
        if let Some(bytes) = bytes {
            events.push(format!("start {:02x}", transfer.address));
            events.extend(bytes.iter().map(|byte| format!("{letter} {byte:02x}")));
        }
    }
    events
}
