//! What the simulator's I2C buses carried, as the emulator traces it.

use tiny_mapper::BusStatus;
use xmap_sim::Transfer;

/// Returns a transfer as the emulator traces it, but for stop conditions: `start 48`, `w 00`, `r 19`. It has
/// no event where no chip has the address.
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
