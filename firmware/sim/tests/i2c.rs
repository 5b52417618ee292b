//! Buses of the simulated board: chips, times, and every fault at every clock of a transfer.

use tiny_mapper::BusStatus;
use tiny_mapper::I2c as _;
use xmap_boards::Line;
use xmap_image::I2cRow;
use xmap_sim::{Eeprom, I2cFault, Pcf8574, RegisterFile, Rtc, SimBoard, Tmp105};

const TEMP: I2cRow = I2cRow::new(1, 0x48, 400_000, [3, 4], 1_000);
const CLOCK: I2cRow = I2cRow::new(1, 0x68, 100_000, [8, 8], 5_000);
const MEMORY: I2cRow = I2cRow::new(1, 0x50, 100_000, [34, 32], 20_000);

fn board() -> SimBoard {
    let mut board = SimBoard::new();
    let mut temp = Tmp105::default();
    temp.set_degrees(25.5);
    board.attach(1, 0x48, temp);
    board.attach(1, 0x68, Rtc::default());
    board.attach(1, 0x50, Eeprom::new(4096));
    board
}

fn read<const N: usize>(board: &mut SimBoard, row: &I2cRow, write: &[u8]) -> (BusStatus, [u8; N]) {
    let mut bytes = [0; N];
    (board.write_read(row, write, &mut bytes).expect("the board has the bus"), bytes)
}

#[test]
fn a_transfer_is_recorded_and_takes_its_time_on_the_wire() {
    let mut board = board();
    assert_eq!(read(&mut board, &TEMP, &[0]), (BusStatus::Ok, [0x19, 0x80]));
    assert_eq!(board.time_us(), u64::from(TEMP.wire_us(1, 2)));
    assert_eq!(read(&mut board, &CLOCK, &[]), (BusStatus::Ok, [0]));
    let at = board.time_us();
    assert_eq!(read::<0>(&mut board, &CLOCK, &[]).0, BusStatus::Ok, "an address alone");
    assert_eq!(board.time_us() - at, u64::from(CLOCK.wire_us(0, 0)));
    let gone = I2cRow::new(1, 0x49, 100_000, [1, 1], 1_000);
    assert_eq!(read(&mut board, &gone, &[7]), (BusStatus::Nack, [0]));
    let shown: Vec<String> = board.transfers().map(ToString::to_string).collect();
    let expected = ["I2C1 0x48 w 00 r 19 80 ok", "I2C1 0x68 r 00 ok", "I2C1 0x68 w ok", "I2C1 0x49 w nack"];
    assert_eq!(shown, expected);
    assert_eq!(board.write_read(&I2cRow::new(2, 0x48, 100_000, [1, 1], 1_000), &[], &mut []), None);
}

/// Returns what a logic analyser finds in the levels of the two lines.
fn decoded(board: &SimBoard) -> String {
    let [sda, scl] = [2, 3].map(|n| Line::new(n).unwrap());
    let (mut data, mut clock) = (true, true);
    let (mut text, mut bits) = (String::new(), Vec::new());
    for change in board.changes() {
        if change.line == scl {
            clock = change.high;
            if clock {
                bits.push(data);
            }
        } else if change.line == sda {
            data = change.high;
            if clock {
                // A clock that only made room for the condition.
                bits.clear();
                text += if data { " P" } else { " S" };
            }
        }
        if bits.len() == 9 {
            let byte = bits[..8].iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
            text += &format!(" {byte:02x}{}", if bits[8] { "-" } else { "+" });
            bits.clear();
        }
    }
    text
}

#[test]
fn the_waveform_is_what_the_wires_have() {
    let mut board = board();
    read::<2>(&mut board, &TEMP, &[0]);
    assert_eq!(decoded(&board), " S 90+ 00+ S 91+ 19+ 80- P");
}

#[test]
fn chips_answer_as_their_data_sheets_say() {
    let mut board = board();
    // Resolutions of the TMP105: 9 bits first, then 12.
    let temp = board.device(1, 0x48).unwrap();
    temp.set("temperature", "-0.0625").unwrap();
    assert!(temp.set("temperature", "128").is_err() && temp.set("humidity", "1").is_err());
    assert_eq!(temp.get("temperature").as_deref(), Some("-0.0625"));
    assert_eq!(read(&mut board, &TEMP, &[0]).1, [0xff, 0x80]);
    assert_eq!(read::<0>(&mut board, &TEMP, &[1, 0x60]).0, BusStatus::Ok);
    assert_eq!(read(&mut board, &TEMP, &[0]).1, [0xff, 0xf0]);
    assert_eq!(read::<0>(&mut board, &TEMP, &[3, 0x1a, 0x00]).0, BusStatus::Ok);
    assert_eq!(read(&mut board, &TEMP, &[]).1, [0x1a, 0x00]);
    // A clock that runs over midnight into a leap day.
    board.device(1, 0x68).unwrap().set("time", "2028-02-28T23:59:58").unwrap();
    assert_eq!(read(&mut board, &CLOCK, &[0]).1, [0x58, 0x59, 0x23, 2, 0x28, 0x02, 0x28]);
    board.advance(2_000_000);
    assert_eq!(read(&mut board, &CLOCK, &[0]).1, [0, 0, 0, 3, 0x29, 0x02, 0x28]);
    assert_eq!(read::<0>(&mut board, &CLOCK, &[1, 0x15, 0x07]).0, BusStatus::Ok);
    assert_eq!(read(&mut board, &CLOCK, &[1]).1, [0x15, 0x07]);
    assert_eq!(read::<0>(&mut board, &CLOCK, &[63, 0xab]).0, BusStatus::Ok);
    assert_eq!(read(&mut board, &CLOCK, &[63]).1, [0xab, 0x00], "the last byte, then the seconds");
    // An EEPROM is busy after a write, and a page wraps.
    assert_eq!(read::<0>(&mut board, &MEMORY, &[0, 30, 1, 2, 3]).0, BusStatus::Ok);
    assert_eq!(read::<0>(&mut board, &MEMORY, &[]).0, BusStatus::Nack);
    board.advance(5_000);
    assert_eq!(read(&mut board, &MEMORY, &[0, 30]), (BusStatus::Ok, [1, 2, 0xff]));
    assert_eq!(read(&mut board, &MEMORY, &[0, 0]), (BusStatus::Ok, [3, 0xff]));
    assert_eq!(board.device(1, 0x50).unwrap().get("0x1f").as_deref(), Some("0x02"));
    // Registers, and pins.
    board.attach(1, 0x20, Pcf8574::default());
    let pins = I2cRow::new(1, 0x20, 100_000, [1, 1], 1_000);
    board.device(1, 0x20).unwrap().set("inputs", "0xf7").unwrap();
    assert_eq!(read(&mut board, &pins, &[0xfc]).1, [0xf4]);
    board.attach(1, 0x20, RegisterFile::words());
    board.device(1, 0x20).unwrap().set("0x10", "0x1234").unwrap();
    let words = I2cRow::new(1, 0x20, 100_000, [5, 4], 2_000);
    assert_eq!(read(&mut board, &words, &[0x10, 0xab]).1, [0xab, 0x34], "half a register is not passed");
    assert_eq!(read(&mut board, &words, &[0x10]).1, [0xab, 0x34, 0, 0]);
    let mut file = RegisterFile::bytes();
    file.put(0xff, 7);
    board.attach(1, 0x20, file);
    assert_eq!(read(&mut board, &words, &[0xff]).1, [7, 0], "the pointer wraps");
}

/// Every fault at every clock of two transfers: each ends in its time with a status, and the next is good.
#[test]
fn no_fault_hangs_a_bus() {
    let faults = [
        (I2cFault::Nack, &[BusStatus::Ok, BusStatus::Nack][..]),
        (I2cFault::StuckData(1), &[BusStatus::Ok, BusStatus::Nack, BusStatus::ArbitrationLost]),
        (I2cFault::StuckData(9), &[BusStatus::ArbitrationLost]),
        (I2cFault::StuckData(u8::MAX), &[BusStatus::ArbitrationLost]),
        (I2cFault::StuckClock(200), &[BusStatus::Ok]),
        (I2cFault::StuckClock(50_000), &[BusStatus::Timeout]),
        (I2cFault::OtherController, &[BusStatus::ArbitrationLost]),
        (I2cFault::Gone, &[BusStatus::Ok, BusStatus::Nack]),
    ];
    let mut seen = 0;
    for (fault, allowed) in faults {
        for write in [&[0][..], &[1, 0x60, 0]] {
            for clock in 0.. {
                let mut board = board();
                board.disturb(1, clock, fault);
                let (status, _) = read::<2>(&mut board, &TEMP, write);
                let took = board.time_us();
                assert!(took <= u64::from(TEMP.worst_us()), "{fault:?} at clock {clock}: {took} us");
                let reached = !board.still_disturbed(1);
                if !reached {
                    assert_eq!(status, BusStatus::Ok);
                    assert!(clock >= 9 * 4, "{fault:?}: {clock} clocks");
                    break;
                }
                assert!(allowed.contains(&status), "{fault:?} at clock {clock}: {status}");
                seen += 1;
                // What held the bus holds it on, or is freed, or lets go by itself.
                let (next, _) = read::<2>(&mut board, &TEMP, &[0]);
                match fault {
                    I2cFault::StuckData(u8::MAX) => assert_eq!(next, BusStatus::Busy),
                    I2cFault::StuckClock(50_000) => assert_eq!(next, BusStatus::Timeout),
                    I2cFault::Gone => assert_eq!(next, BusStatus::Nack),
                    _ => assert_eq!(next, BusStatus::Ok, "{fault:?} at clock {clock}"),
                }
                board.bring_back(1);
                assert_eq!(
                    read(&mut board, &TEMP, &[0]),
                    (BusStatus::Ok, [0x19, 0x80]),
                    "{fault:?} at {clock}"
                );
            }
        }
    }
    assert!(seen > 600, "{seen}");
}
