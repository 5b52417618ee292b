//! Why a device rejected an image, as text, and what helps. docs/link.md has the numbers.

use xmap_boards::{Line, RPI4B};
use xmap_device::Hook;
use xmap_image::{Conflict, ExportId, VerifyError};
use xmap_link::ImageState;

/// The first code of what a mount found; those below are of verification.
const MOUNT: u16 = 256;

/// Returns why an image was rejected.
pub(super) fn rejected_text(code: u16, detail: u32) -> String {
    let text = match code {
        0..MOUNT => VerifyError::from_parts(code as u8, detail).map(|error| error.to_string()),
        256 => reserved_text(detail),
        257 => Some(format!("it needs a stack of {detail} slots, and the device has fewer")),
        258 => Some(format!("it needs {detail} bytes of memory, and the device has fewer")),
        259 => Some(format!("it has {detail} globals and tables, and the device has room for fewer")),
        260 => hook_text(detail),
        261 => Some("it has floats, tables or bulk memory, and the device was built without them".into()),
        _ => conflict_text(code, detail),
    };
    text.unwrap_or_else(|| format!("reason {code}, at {detail}, which this xmap does not know"))
}

fn reserved_text(line: u32) -> Option<String> {
    let line = Line::new(u8::try_from(line).ok()?)?;
    // All boards so far are of one kind.
    Some(match RPI4B.reserved(line) {
        Some(reason) => format!("line {line} is reserved for {reason}"),
        None => format!("the device needs line {line} for itself"),
    })
}

fn hook_text(hook: u32) -> Option<String> {
    let hook = Hook::ALL.get(hook as usize)?;
    let results = if hook.results() == 0 { "no result" } else { "one i32 result" };
    let params = if *hook == Hook::Cleanup { "one i32 parameter" } else { "no parameters" };
    Some(format!("`{}` must have {params} and {results}", hook.name()))
}

/// The first code of a conflict with the active image of another module, and with the image that it may go
/// back to.
const CONFLICTS: [u16; 2] = [270, 280];

/// The module that an image conflicts with, whether it is with the image that this one may go back to, and
/// the conflict. `None` where the code is that of another reason.
fn conflict_of(code: u16, detail: u32) -> Option<(u32, bool, Conflict)> {
    let [with, place] = [detail >> 16, detail & 0xffff];
    let returning = code >= CONFLICTS[1];
    let line = || Line::new(u8::try_from(place).ok()?);
    let (left, right) = (ExportId(0), ExportId(place as u16));
    let conflict = match code.checked_sub(CONFLICTS[usize::from(returning)])? {
        1 => Conflict::Board,
        2 => Conflict::Module,
        3 => Conflict::Line(line()?),
        4 => Conflict::Pull(line()?),
        5 => Conflict::Edges { line: line()?, left, right: left },
        6 => Conflict::Key { left, right },
        7 => Conflict::Bus(line()?),
        8 => Conflict::Device { bus: (place >> 8) as u8, address: place as u8 },
        9 => Conflict::Claim(line()?),
        _ => return None,
    };
    Some((with, returning, conflict))
}

/// Returns why an image cannot stand beside that of another module.
fn conflict_text(code: u16, detail: u32) -> Option<String> {
    let (with, returning, conflict) = conflict_of(code, detail)?;
    let beside = if returning { "the image that module" } else { "module" };
    let back = if returning { " may go back to" } else { "" };
    let export = match conflict {
        Conflict::Key { right, .. } => format!(": its export {}", right.0),
        _ => String::new(),
    };
    Some(format!("beside {beside} {with}{back}: {conflict}{export}"))
}

/// Returns what helps where an image does not run, beyond that what ran before runs on.
pub fn state_help(state: &ImageState) -> Option<String> {
    let ImageState::Rejected { code, detail } = state else { return None };
    let plain = match code {
        2 | 6 | 7 => "it was damaged on its way, or where it was kept: send it again",
        4 | 29 | 261 => {
            "build the panel for the firmware that the device has, or flash the firmware that belongs to this xmap"
        }
        5 => "compile the panel for this device's board",
        256 => "declare another line in [pins]: `xmap build` says which are reserved",
        257 | 259 => "the firmware was built for smaller panels: flash the one that belongs to this xmap",
        800..832 => {
            "`xmap status` shows the device's limits; its owner sets them, in the policy or in xmapd.toml"
        }
        258 => {
            "ask for less memory: [limits] memory_bytes of the manifest, and the compiler's flags for stack and memory"
        }
        260 => "the table in docs/guest.md has the types of the functions that the device calls by itself",
        _ => "",
    };
    if !plain.is_empty() {
        return Some(plain.into());
    }
    let (with, returning, _) = conflict_of(*code, *detail)?;
    Some(match returning {
        true => {
            format!("swap module {with} to what it runs once more: the image before it is forgotten then")
        }
        false => {
            "`xmap link` of both manifests names both places: one of the two has to go without".to_string()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_a_device_has_a_text() {
        for code in 1..=29 {
            let text = rejected_text(code, 3);
            assert!(!text.contains("does not know"), "{code}: {text}");
            assert_eq!(VerifyError::from_parts(code as u8, 3).map(|error| error.code()), Some(code as u8));
        }
        for code in (256..=261).chain(271..=278).chain(281..=288) {
            let text = rejected_text(code, 1 << 16 | 3);
            let text = if matches!(code, 256 | 260) { rejected_text(code, 3) } else { text };
            assert!(!text.contains("does not know"), "{code}: {text}");
        }
        assert_eq!(rejected_text(256, 14), "line 14 is reserved for the link's UART (TXD0)");
        assert_eq!(rejected_text(260, 2), "`on_mount` must have no parameters and one i32 result");
        assert_eq!(rejected_text(999, 7), "reason 999, at 7, which this xmap does not know");
    }
}
