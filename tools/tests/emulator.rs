#![forbid(unsafe_code)]
//! Start-up, drivers and counters of the firmware, in the emulator; what is flashed itself is
//! tested in `tests/tests/emulator`. Built with the feature `emulator`
//! only: the machine needs the target and QEMU, which `cargo xtask setup` installs.

use std::io::{Read as _, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use xmap_tools::emulator::Machine;
use xmap_tools::firmware::{self, Built, Program};

const LIMIT: Duration = Duration::from_secs(60);

/// A program, built once for all tests of this file.
fn program(program: Program) -> &'static Built {
    static BENCH: OnceLock<Built> = OnceLock::new();
    static SELFTEST: OnceLock<Built> = OnceLock::new();
    match program {
        Program::Bench => &BENCH,
        _ => &SELFTEST,
    }
    .get_or_init(|| firmware::build(program).unwrap_or_else(|error| panic!("{error:#}")))
}

/// Returns what the self-test prints for this command line, and whether it ended well.
fn selftest(arguments: &str) -> (String, bool) {
    let machine = Machine { arguments, ..Machine::new(program(Program::SelfTest)) };
    let (sent, status) = machine.start().unwrap().finish(LIMIT).unwrap();
    (sent, status.success())
}

#[test]
fn drivers_work_on_the_emulated_chip() {
    let mut panel = tempfile::NamedTempFile::new().unwrap();
    panel.write_all(&[7; 1001]).unwrap();
    let machine =
        Machine { panel: Some(panel.path()), arguments: "pass", ..Machine::new(program(Program::SelfTest)) };
    let (sent, status) = machine.start().unwrap().finish(LIMIT).unwrap();
    assert_eq!(sent, "counter 62500000 Hz\nimage 1001 B, sum Some(7007)\nlog INFO selftest passed\n");
    assert!(status.success());
}

/// The driver of modules' serial ports, with the only UART of the kind that the emulator has.
#[test]
fn a_serial_port_sends_what_it_received() {
    let machine = Machine { arguments: "serial", ..Machine::new(program(Program::SelfTest)) };
    let mut board = machine.start().unwrap();
    assert_eq!(board.expect("ready\n", LIMIT).unwrap(), "ready\n");
    for chunk in 0..5 {
        // All values of a byte are among them.
        let bytes: Vec<u8> = (0..200).map(|n| (chunk * 57 + n) as u8).collect();
        board.uart().write_all(&bytes).unwrap();
        let mut found = vec![0; bytes.len()];
        board.uart().set_read_timeout(Some(LIMIT)).unwrap();
        board.uart().read_exact(&mut found).unwrap();
        assert_eq!(found, bytes, "chunk {chunk}");
    }
    let (sent, status) = board.finish(LIMIT).unwrap();
    assert_eq!(sent, "done\n");
    assert!(status.success());
}

#[test]
fn interrupts_wake_the_loop_and_note_what_came() {
    let machine = Machine { arguments: "interrupts", ..Machine::new(program(Program::SelfTest)) };
    let mut board = machine.start().unwrap();
    assert_eq!(board.expect("registers\n", LIMIT).unwrap(), "alarms\nregisters\n");
    let bytes: Vec<u8> = (0..4096 + 2000).map(|n| (n % 251) as u8).collect();
    board.uart().write_all(&bytes).unwrap();
    let (sent, status) = board.finish(LIMIT).unwrap();
    assert_eq!(sent, "bytes\nhang\n");
    assert!(status.success());
}

#[test]
fn a_panic_is_printed_and_is_a_failure() {
    let (sent, success) = selftest("panic");
    assert!(sent.starts_with("\nPANIC asked for\n  at firmware/rpi4b/src/bin/selftest/main.rs:"), "{sent}");
    assert!(!success);
}

#[test]
fn a_fault_is_printed_with_its_address_and_is_a_failure() {
    let (sent, success) = selftest("fault");
    assert!(sent.starts_with("\nFAULT synchronous exception: ELR 0x"), "{sent}");
    // Class 0x25, a data abort at this level; a translation fault at level 1.
    assert!(sent.ends_with(" ESR 0x96000005 FAR 0x0000000080000000\n"), "{sent}");
    assert!(!success);
}

#[test]
fn the_watchdog_resets_the_chip() {
    // The emulator ends at a reset. Had it not come, the program would have said so.
    assert_eq!(selftest("reset"), ("reset\n".into(), true));
}

#[test]
fn instruction_counts_are_exact_and_the_same_in_every_run() {
    let machine = Machine { counting: true, ..Machine::new(program(Program::Bench)) };
    let runs = [(); 2].map(|()| machine.start().unwrap().finish(LIMIT).unwrap());
    let (counts, status) = &runs[0];
    assert!(status.success(), "{counts}");
    assert_eq!(
        counts,
        "count nothing 0\ncount straight 100\ncount loop 2001\ncount first seven 7\ncount gpio.set 4\n"
    );
    assert_eq!(runs[0].0, runs[1].0);
}
