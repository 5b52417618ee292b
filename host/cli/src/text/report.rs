//! `xmap status`: a device as text.

use std::fmt::Write;

use xmap_boards::BoardId;
use xmap_link::{Boot, Hello, HostCounts, Status, features};

use super::modules::{Maps, state_text};
use xmap_client::Admission;
use xmap_compiler::map::hex;

/// Returns what a device said of itself, a line for each fact.
pub fn report(
    hello: &Hello,
    admission: Admission,
    status: &Status,
    hosts: &HostCounts,
    maps: &Maps,
) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        writeln!(text, "{name:<9} {value}").expect("a string takes any text");
    };
    line("board", board_name(hello));
    line("firmware", format!("{}, protocol {}", hello.firmware.as_str().escape_debug(), hello.protocol));
    line(
        "boot",
        match hello.boot {
            Boot::Normal => "normal".into(),
            Boot::Safe => "safe: no image is mounted, on purpose".into(),
        },
    );
    line(
        "access",
        match admission {
            Admission::Open => "open to whoever reaches it (development)".into(),
            Admission::KeyRequired => "asks for a key".into(),
            Admission::Role(role) => format!("by role keys, this one's role is {role}"),
        },
    );
    line("clock", format!("{} Hz", hello.clock_hz));
    line("features", feature_names(hello.features));
    if let Some(image) = &hello.image {
        line("image", hex(&image.hash));
        line("module", format!("version {}, {} exports", image.version, image.exports));
    }
    line("state", state_text(&status.image, maps));
    line("uptime", uptime(status.uptime_us));
    line("calls", format!("{}, {} trapped", status.calls, status.traps));
    line("requests", format!("{} refused", status.refused));
    let HostCounts { mistakes, texts_lost, lines_lost } = hosts;
    if *mistakes != 0 {
        line("mistakes", format!("{mistakes} calls that trapped by their host's own arguments"));
    }
    if texts_lost | lines_lost != 0 {
        line("left out", format!("{texts_lost} messages of modules, {lines_lost} lines of the journal"));
    }
    line("frames", format!("{} good, {} bad", status.frames_good, status.frames_bad));
    line("trace", format!("{} register accesses, {} no longer held", status.trace_next, status.trace_lost));
    text
}

/// The board's name; a number where it is none of ours.
pub fn board_name(hello: &Hello) -> String {
    let board = BoardId::from_u16(hello.board).map(|id| id.board().name.to_string());
    board.unwrap_or_else(|| format!("unknown ({})", hello.board))
}

fn feature_names(bits: u32) -> String {
    let names: Vec<_> = features_of(bits).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// The names of the features that are known here.
pub(super) fn features_of(bits: u32) -> impl Iterator<Item = &'static str> {
    let known = [
        (features::TRACE, "trace"),
        (features::DEFMT, "defmt"),
        (features::TEXT, "text"),
        (features::REHEARSAL, "rehearsal"),
        (features::SWAP, "swap"),
        (features::GUARDED, "guarded"),
        (features::TRUST, "trust"),
        (features::LINUX, "linux"),
        (features::SIMULATED, "simulated registers"),
        (features::MACHINE_CODE, "machine code"),
    ];
    known.into_iter().filter(move |(bit, _)| bits & bit != 0).map(|(_, name)| name)
}

/// `1 d 02:03:04.567`.
pub fn uptime(us: u64) -> String {
    let (ms, s) = (us / 1000 % 1000, us / 1_000_000);
    let (days, h, m, s) = (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60);
    let days = if days == 0 { String::new() } else { format!("{days} d ") };
    format!("{days}{h:02}:{m:02}:{s:02}.{ms:03}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_link::{ImageInfo, ImageState, Role, TrapReport};

    #[test]
    fn a_device_reads_like_this() {
        let hello = Hello {
            protocol: 1,
            nonce: 0,
            board: 1,
            boot: Boot::Normal,
            features: features::TRACE | features::TEXT,
            clock_hz: 54_000_000,
            firmware: "0.1.0".try_into().unwrap(),
            image: Some(ImageInfo { hash: [0xab; 32], version: 7, exports: 12 }),
        };
        let status = Status {
            uptime_us: 93_784_567_890,
            image: ImageState::Mounted,
            calls: 5,
            traps: 1,
            refused: 2,
            frames_good: 9,
            frames_bad: 3,
            trace_next: 40,
            trace_lost: 0,
        };
        let expected = "\
board     rpi4b
firmware  0.1.0, protocol 1
boot      normal
access    open to whoever reaches it (development)
clock     54000000 Hz
features  trace, text
image     abababababababababababababababababababababababababababababababab
module    version 7, 12 exports
state     mounted
uptime    1 d 02:03:04.567
calls     5, 1 trapped
requests  2 refused
frames    9 good, 3 bad
trace     40 register accesses, 0 no longer held
";
        let none = HostCounts::default();
        assert_eq!(report(&hello, Admission::Open, &status, &none, &Maps::default()), expected);
        let counts = HostCounts { mistakes: 3, texts_lost: 2, lines_lost: 1 };
        let text = report(&hello, Admission::Open, &status, &counts, &Maps::default());
        assert!(text.contains("\nmistakes  3 calls that trapped by their host's own arguments\n"), "{text}");
        assert!(text.contains("\nleft out  2 messages of modules, 1 lines of the journal\n"), "{text}");
    }

    #[test]
    fn a_stranger_does_not_confuse_the_terminal() {
        let hello = Hello {
            protocol: 1,
            nonce: 0,
            board: 99,
            boot: Boot::Safe,
            features: 0,
            clock_hz: 0,
            firmware: "\u{1b}[2J".try_into().unwrap(),
            image: None,
        };
        let trap = TrapReport { image: 0, export: 0, code: 200, op: 3, detail: 4 };
        let status = Status { image: ImageState::MountTrapped(trap), ..Status::default() };
        let text =
            report(&hello, Admission::Role(Role::Call), &status, &HostCounts::default(), &Maps::default());
        assert!(
            text.contains("unknown (99)") && text.contains("export 0 of image 00000000: trap 200 at op 3"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
    }
}
