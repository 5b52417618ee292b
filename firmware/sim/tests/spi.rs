//! SPI buses of the simulated board: chips, times, and what a logic analyser finds on the wires.

use tiny_mapper::{BusStatus, Spi as _};
use xmap_boards::Line;
use xmap_image::SpiRow;
use xmap_sim::{Flash, Mcp3008, SimBoard};

const ADC: SpiRow = SpiRow::new([0, 0, 0], 1_000_000, 8, 1_000);

fn exchange<const N: usize>(board: &mut SimBoard, row: &SpiRow, write: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    assert_eq!(board.transfer(row, write, &mut bytes), Some(BusStatus::Ok));
    bytes
}

fn flash() -> SpiRow {
    SpiRow::new([0, 1, 3], 8_000_000, 300, 5_000)
}

#[test]
fn a_transfer_is_recorded_and_takes_its_time_on_the_wire() {
    let mut board = SimBoard::new();
    let mut adc = Mcp3008::default();
    adc.set_channel(0, 0x2a5);
    board.attach_spi(0, 0, adc);
    assert_eq!(exchange(&mut board, &ADC, &[1, 0x80]), [0xff, 0xfa, 0xa5]);
    assert_eq!(board.time_us(), u64::from(ADC.wire_us(3)));
    // Nobody is selected there.
    assert_eq!(exchange(&mut board, &flash(), &[0x9f]), [0xff, 0xff]);
    let shown: Vec<String> = board.spi_transfers().map(ToString::to_string).collect();
    assert_eq!(shown, ["SPI0.0 w 01 80 00 r ff fa a5 ok", "SPI0.1 w 9f 00 r ff ff ok"]);
    assert_eq!(board.transfer(&SpiRow::new([1, 0, 0], 1_000_000, 1, 1_000), &[], &mut []), None);
}

#[test]
fn the_converter_answers_as_its_data_sheet_says() {
    let mut board = SimBoard::new();
    let mut adc = Mcp3008::default();
    (0..8).for_each(|n| adc.set_channel(n, 100 * n as u16));
    board.attach_spi(0, 0, adc);
    let value = |bytes: [u8; 3]| u16::from(bytes[1] & 3) << 8 | u16::from(bytes[2]);
    for channel in 0..8u8 {
        let found = value(exchange(&mut board, &ADC, &[1, 0x80 | channel << 4, 0]));
        assert_eq!(found, 100 * u16::from(channel), "channel {channel}");
    }
    // One against the other: 100 - 0, and 0 - 100, which is none below zero.
    assert_eq!(value(exchange(&mut board, &ADC, &[1, 0x10, 0])), 100);
    assert_eq!(value(exchange(&mut board, &ADC, &[1, 0x00, 0])), 0);
    let device = board.spi_device(0, 0).unwrap();
    device.set("channel3", "1023").unwrap();
    assert_eq!(device.get("channel3").as_deref(), Some("1023"));
    assert!(device.set("channel8", "1").is_err() && device.set("channel1", "1024").is_err());
    assert_eq!((device.get("channel8"), device.get("x")), (None, None));
    // A copied board has a device of its own.
    let mut other = board.clone();
    other.spi_device(0, 0).unwrap().set("channel3", "1").unwrap();
    assert_eq!(board.spi_device(0, 0).unwrap().get("channel3").as_deref(), Some("1023"));
}

#[test]
fn the_flash_answers_as_its_data_sheet_says() {
    let mut board = SimBoard::new();
    board.attach_spi(0, 1, Flash::new([0xef, 0x40, 0x14], 1 << 20));
    let row = flash();
    assert_eq!(exchange(&mut board, &row, &[0x9f]), [0xff, 0xef, 0x40, 0x14]);
    // A write without "write enable" does nothing.
    exchange::<0>(&mut board, &row, &[0x02, 0, 1, 0xfe, 0x12, 0x34, 0x56]);
    assert_eq!(exchange::<6>(&mut board, &row, &[0x03, 0, 1, 0xfe])[4..], [0xff, 0xff]);
    exchange::<0>(&mut board, &row, &[0x06]);
    assert_eq!(exchange(&mut board, &row, &[0x05, 0]), [0xff, 2], "it may write");
    // A page wraps round.
    exchange::<0>(&mut board, &row, &[0x02, 0, 1, 0xfe, 0x12, 0x34, 0x56]);
    assert_eq!(exchange(&mut board, &row, &[0x05, 0]), [0xff, 0]);
    assert_eq!(exchange::<7>(&mut board, &row, &[0x03, 0, 1, 0xfe])[4..], [0x12, 0x34, 0xff]);
    assert_eq!(exchange::<6>(&mut board, &row, &[0x0b, 0, 1, 0])[5..], [0x56]);
    // Bits are cleared, and only an erase sets them.
    exchange::<0>(&mut board, &row, &[0x06]);
    exchange::<0>(&mut board, &row, &[0x02, 0, 1, 0xfe, 0xf0]);
    assert_eq!(board.spi_device(0, 1).unwrap().get("0x1fe").as_deref(), Some("0x10"));
    exchange::<0>(&mut board, &row, &[0x06]);
    exchange::<0>(&mut board, &row, &[0x20, 0, 1, 0]);
    assert_eq!(board.spi_device(0, 1).unwrap().get("0x1fe").as_deref(), Some("0xff"));
}

/// The bytes that a logic analyser finds in each mode: MOSI, MISO and how often the device was selected.
fn decoded(board: &SimBoard, mode: u8) -> (Vec<u8>, Vec<u8>, usize) {
    let [clock, mosi, miso, select] = [11, 10, 9, 8].map(|n| Line::new(n).unwrap());
    let (idle, second) = (mode & 2 != 0, mode & 1 != 0);
    let (mut data, mut selected, mut times) = ([false; 2], false, 0);
    let mut bits: [Vec<bool>; 2] = Default::default();
    for change in board.changes() {
        if change.line == select {
            selected = !change.high;
            times += usize::from(selected);
        } else if change.line == clock && selected {
            let first = change.high != idle;
            if first != second {
                bits[0].push(data[0]);
                bits[1].push(data[1]);
            }
        } else if change.line == mosi {
            data[0] = change.high;
        } else if change.line == miso {
            data[1] = change.high;
        }
    }
    let bytes = |bits: &[bool]| {
        assert!(bits.len().is_multiple_of(8), "{} bits", bits.len());
        bits.chunks(8).map(|bits| bits.iter().fold(0, |all, bit| all << 1 | u8::from(*bit))).collect()
    };
    (bytes(&bits[0]), bytes(&bits[1]), times)
}

#[test]
fn the_waveform_is_what_the_wires_have() {
    for mode in 0..4 {
        let mut board = SimBoard::new();
        let mut adc = Mcp3008::default();
        adc.set_channel(5, 0x155);
        board.attach_spi(0, 0, adc);
        let row = SpiRow::new([0, 0, mode], 1_000_000, 8, 1_000);
        for _ in 0..2 {
            exchange::<3>(&mut board, &row, &[1, 0xd0, 0xff]);
        }
        let (sent, got, times) = decoded(&board, mode);
        let found: Vec<_> = board.spi_transfers().collect();
        assert_eq!(sent, [&found[0].written[..], &found[1].written].concat(), "mode {mode}");
        assert_eq!(got, [&found[0].read[..], &found[1].read].concat(), "mode {mode}");
        assert_eq!(times, 2);
    }
}
