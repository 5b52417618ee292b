//! What a device on a bus, or a channel, takes of a board, so that no two devices, and no device and no line
//! of the module, want the same.

use xmap_boards::{BoardId, LineSet};

use crate::layout::Extension;
use crate::{I2cRow, Image, PwmRow, SpiRow, UartRow};

/// What one device takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The section that its row stands in: its kind.
    pub section: Extension,
    /// The bus or channel, by its number among those of the kind.
    pub bus: u8,
    /// The lines that it takes, those that it shares with other devices of the bus included.
    pub lines: LineSet,
    /// Of its bus, what it has alone: lines. A channel that several lines can have has all of these.
    pub own: LineSet,
}

impl Claim {
    /// Returns the lines that only one of two devices can have: of one bus those that a device has alone, of
    /// different buses all.
    pub fn disputed(&self, other: &Self) -> LineSet {
        if (self.section, self.bus) == (other.section, other.bus) {
            self.own & other.own
        } else {
            self.lines & other.lines
        }
    }
}

impl I2cRow {
    /// Returns what the device takes; `None` where the board has no such bus.
    pub fn claim(&self, board: BoardId) -> Option<Claim> {
        let bus = self.bus(board)?;
        // Devices of a bus differ by their addresses.
        Some(Claim { section: Extension::I2c, bus: bus.number, lines: bus.lines(), own: LineSet::EMPTY })
    }
}

impl SpiRow {
    /// Returns what the device takes; `None` where the board has no such bus or no such line to select it.
    pub fn claim(&self, board: BoardId) -> Option<Claim> {
        let (bus, own) = (self.bus(board)?, LineSet::of(self.select_line(board)?));
        Some(Claim { section: Extension::Spi, bus: bus.number, lines: bus.lines() | own, own })
    }
}

impl PwmRow {
    /// Returns what the channel takes; `None` where the board has none at its line.
    pub fn claim(&self, board: BoardId) -> Option<Claim> {
        let line = self.line(board)?;
        let own = board.board().pwm_lines(line.channel);
        Some(Claim { section: Extension::Pwm, bus: line.channel, lines: LineSet::of(line.line), own })
    }
}

impl UartRow {
    /// Returns what the port takes; `None` where the board has none with its number.
    pub fn claim(&self, board: BoardId) -> Option<Claim> {
        let port = self.port(board)?;
        let de = self.de().map_or(LineSet::EMPTY, LineSet::of);
        let own = LineSet::of(port.tx) | LineSet::of(port.rx) | de;
        Some(Claim { section: Extension::Uart, bus: port.number, lines: own, own })
    }
}

impl<'a> Image<'a> {
    /// Returns what each device of the image takes, kind by kind.
    pub fn claims(&self) -> impl Iterator<Item = Claim> + use<'a> {
        let board = self.board();
        let i2c = self.i2c().iter().filter_map(move |row| row.claim(board));
        let spi = self.spi().iter().filter_map(move |row| row.claim(board));
        let pwm = self.pwm().iter().filter_map(move |row| row.claim(board));
        i2c.chain(spi).chain(pwm).chain(self.uart().iter().filter_map(move |row| row.claim(board)))
    }

    /// Returns the lines that the image's devices take.
    pub fn bus_lines(&self) -> LineSet {
        self.claims().fold(LineSet::EMPTY, |all, claim| all | claim.lines)
    }
}
