//! A module's serial port on the emulated chip, whose only UART of the kind is the link's: this program has
//! no link, and a port has its place.

use rpi4b::board::{Board, Buses, board};
use rpi4b::interrupts;
use rpi4b::startup::{self, Start};
use tiny_mapper::{BusStatus, Format, Parity, Uart as _, UartRow};
use xmap_bcm2711::{Clock, link_as_serial};
use xmap_boards::{BoardId, Line};

/// What the test's host sends at once, and gets back: more than the FIFO has, and no more than may wait.
const CHUNK: usize = 200;
const CHUNKS: u32 = 5;

/// The port of the program, and the line that drives its bus.
const PORT: u8 = 3;
const DE: u8 = 17;

fn row(baud: u32) -> UartRow {
    let format = Format { data: 8, parity: Parity::None, stop: 1 };
    UartRow::new(PORT, baud, format, Line::new(DE), [256, 256])
}

/// Sends back what arrives, chunk by chunk. Bytes arrive while the loop is busy, by interrupts.
pub(crate) fn echo(start: Start) -> ! {
    let Start { gpio, buses, timer, .. } = start;
    // SAFETY: `Start` has the link's sending half, which is dropped here, and its receiving half ends below,
    // before the new one is asked anything.
    let (port, receiver) = unsafe { link_as_serial() };
    interrupts::end_link(receiver);
    let [_, four, five] = buses.serial;
    let buses = Buses { serial: [(PORT, port), four, five], ..buses };
    let mut board = board(gpio, timer).with_buses(buses);
    let mut clock = Clock::new(timer);
    absent(&mut board);
    let row = row(115_200);
    let mut busiest = 0;
    say(&mut board, &row, b"ready\n");
    for _ in 0..CHUNKS {
        let (mut bytes, mut len) = ([0; CHUNK], 0);
        while len < CHUNK {
            if len == 0 {
                // The host may be slow to begin.
                interrupts::idle();
            }
            clock.delay_us(20_000);
            let count = board.read(&row, &mut bytes[len..]);
            let count = count.unwrap_or_else(|| panic!("the port went away"));
            busiest = busiest.max(count);
            len += count;
        }
        say(&mut board, &row, &bytes);
    }
    // A read itself takes 64 at most from a FIFO that fills anew meanwhile.
    assert!(busiest > 64, "without interrupts {busiest} could have come to a busy loop");
    lines(&mut board);
    say(&mut board, &row, b"done\n");
    startup::stop(true)
}

/// A UART that is not there is none: the emulator has zeros in its place.
fn absent(board: &mut Board) {
    let format = Format { data: 8, parity: Parity::Even, stop: 1 };
    for number in [4, 5] {
        let row = UartRow::new(number, 9_600, format, None, [1, 1]);
        assert_eq!(board.write(&row, &[1]), None, "port {number}");
        assert_eq!(board.read(&row, &mut [0]), None, "port {number}");
    }
}

fn say(board: &mut Board, row: &UartRow, text: &[u8]) {
    assert_eq!(board.write(row, text), Some(BusStatus::Ok));
}

/// The bus is let go between two writes.
fn lines(board: &mut Board) {
    use tiny_mapper::Gpio as _;

    let de = Line::new(DE).unwrap_or_else(|| unreachable!("a line"));
    assert!(board.is_output(de), "the line that drives the bus");
    assert_eq!(board.level(de.bank()) & de.mask(), 0, "the line that drives the bus");
    let port = row(300).port(BoardId::Rpi4b).unwrap_or_else(|| unreachable!("a port"));
    assert!([port.tx, port.rx].iter().all(|line| !board.is_output(*line)), "lines of the UART");
}
