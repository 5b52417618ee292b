//! The firmwares of a device, as text and JSON.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use xmap_link::{FirmwareBack, FirmwareContent, FirmwareStanding, FirmwareStatus};

/// Returns why a firmware went back.
pub const fn back(back: FirmwareBack) -> &'static str {
    match back {
        FirmwareBack::Reset => "it was reset before it counted as good",
        FirmwareBack::NotMounted => "a module was not mounted",
        FirmwareBack::Damaged => "the card does not have what was sealed",
    }
}

/// Returns the version of the firmware on a partition, where it has a seal.
pub fn version_of(status: &FirmwareStatus, partition: u8) -> Option<u32> {
    let slot = status.slots.iter().find(|slot| slot.partition == partition)?;
    match slot.content {
        FirmwareContent::Sealed { version, .. } => Some(version),
        FirmwareContent::Unsealed | FirmwareContent::Damaged => None,
    }
}

/// Returns what becomes of the firmware on a partition.
fn role(status: &FirmwareStatus, partition: u8) -> &'static str {
    let (runs, good) = (status.runs == partition, status.good == partition);
    match (runs, good, status.standing) {
        (true, true, _) => "runs, counts as good",
        (true, false, FirmwareStanding::Trial) => "runs, on trial",
        (true, false, _) => "runs, does not count as good",
        (false, true, _) => "counts as good",
        (false, false, _) => "",
    }
}

/// Returns the firmwares as lines.
pub fn text(status: &FirmwareStatus) -> String {
    let mut text = String::new();
    for slot in &status.slots {
        let content = match slot.content {
            FirmwareContent::Unsealed => "no seal".to_string(),
            FirmwareContent::Damaged => "damaged".to_string(),
            FirmwareContent::Sealed { version, bytes, hash } => {
                let digits = hash.iter().fold(String::new(), |mut digits, byte| {
                    _ = write!(digits, "{byte:02x}");
                    digits
                });
                format!("version {version}, {bytes} bytes, {digits}")
            }
        };
        let role = role(status, slot.partition);
        let comma = if role.is_empty() { "" } else { ", " };
        _ = writeln!(text, "partition {}  {content}{comma}{role}", slot.partition);
    }
    if let Some(why) = status.back {
        _ = writeln!(text, "went back    {}", back(why));
    }
    _ = write!(text, "room         {} bytes", status.room);
    text
}

/// Returns the firmwares as an object.
pub fn json(status: &FirmwareStatus) -> Json {
    let slots: Vec<Json> = status
        .slots
        .iter()
        .map(|slot| match slot.content {
            FirmwareContent::Unsealed => json!({ "partition": slot.partition, "sealed": false }),
            FirmwareContent::Damaged => json!({ "partition": slot.partition, "damaged": true }),
            FirmwareContent::Sealed { version, bytes, hash } => json!({
                "partition": slot.partition,
                "version": version,
                "bytes": bytes,
                "hash": hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            }),
        })
        .collect();
    let standing = match status.standing {
        FirmwareStanding::Good => "good",
        FirmwareStanding::Trial => "trial",
        FirmwareStanding::Beside => "beside",
    };
    json!({
        "runs": status.runs,
        "standing": standing,
        "good": status.good,
        "room": status.room,
        "back": status.back.map(back),
        "slots": slots,
    })
}
