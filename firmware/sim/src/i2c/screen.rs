//! Displays of the SSD13xx kind, and the picture that they show.

use super::I2cDevice;
use super::chips::whole;
use crate::Picture;

/// A display: an SSD1306 with 128 columns and 64 or 32 rows (data sheet of Solomon Systech, revision 1.1), or
/// an SSD0303 with 96 columns and 16 rows.
#[derive(Clone, Debug)]
pub struct Screen {
    kind: Kind,
    /// Pages of eight rows; of a byte, bit 0 is the upper row.
    pages: [[u8; COLUMNS]; 8],
    mode: Mode,
    /// The first and the last column and page of the modes that go on to the next page.
    columns: [u8; 2],
    rows: [u8; 2],
    column: u8,
    page: u8,
    start_line: u8,
    offset: u8,
    contrast: u8,
    on: bool,
    /// The charge pump drives the panel, which is dark without it.
    pump: bool,
    inverted: bool,
    all_on: bool,
    segments_turned: bool,
    rows_turned: bool,
    /// What the next byte is.
    next: Next,
    /// A command that waits for its parameters, and what has come of it.
    command: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ssd1306 { height: u8 },
    Ssd0303,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Horizontal,
    Vertical,
    Page,
}

/// The meaning of the next byte that is written: section 8.1.5.2 of the data sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Control,
    Command { only: bool },
    Data { only: bool },
}

/// Columns of the memory: those of the larger chip.
const COLUMNS: usize = 132;
/// The column of an SSD0303 that is at the left of its panel.
const FIRST_COLUMN: usize = 36;

impl Screen {
    /// An SSD1306 with so many rows: 64, or 32.
    pub fn ssd1306(height: u8) -> Self {
        Self::of(Kind::Ssd1306 { height: height.min(64) })
    }

    /// An SSD0303, as the emulator has it: 96 columns and 16 rows in the middle of its memory.
    pub fn ssd0303() -> Self {
        Self::of(Kind::Ssd0303)
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            pages: [[0; COLUMNS]; 8],
            mode: Mode::Page,
            columns: [0, 127],
            rows: [0, 7],
            column: 0,
            page: 0,
            start_line: 0,
            offset: 0,
            contrast: 0x7f,
            on: false,
            pump: kind == Kind::Ssd0303,
            inverted: false,
            all_on: false,
            segments_turned: false,
            rows_turned: false,
            next: Next::Control,
            command: Vec::new(),
        }
    }

    /// Returns what is to be seen. A panel that is off, or whose charge pump is, is dark.
    pub fn shown(&self) -> Picture {
        let (width, height) = match self.kind {
            Kind::Ssd1306 { height } => (128, usize::from(height)),
            Kind::Ssd0303 => (96, 16),
        };
        Picture::of(width, height, |x, y| {
            let (segment, row) = match self.kind {
                // On panels that are sold, segment 127 is at the left, and the last row is the upper one:
                // they are driven with both turned round.
                Kind::Ssd1306 { .. } => (127 - x, if self.rows_turned { y } else { height - 1 - y }),
                Kind::Ssd0303 => (FIRST_COLUMN + x, y),
            };
            let row = (row + usize::from(self.start_line) + usize::from(self.offset)) % 64;
            let lit = self.pages[row / 8][segment] >> (row % 8) & 1 != 0;
            self.on && self.pump && (self.all_on || lit != self.inverted)
        })
    }

    /// A byte of the picture: the next eight rows of a column.
    fn data(&mut self, byte: u8) {
        let (column, page) = (usize::from(self.column), usize::from(self.page & 7));
        let at = match self.kind {
            Kind::Ssd1306 { .. } if self.segments_turned => 127usize.checked_sub(column),
            _ => Some(column),
        };
        if let Some(cell) = at.and_then(|at| self.pages[page].get_mut(at)) {
            *cell = byte;
        }
        let next = |at: u8, [first, last]: [u8; 2]| if at >= last { (first, true) } else { (at + 1, false) };
        match (self.kind, self.mode) {
            (Kind::Ssd0303, _) => self.column = (self.column + 1).min(COLUMNS as u8),
            (_, Mode::Page) => self.column = (self.column + 1) & 127,
            (_, Mode::Horizontal) => {
                let (column, ended) = next(self.column, self.columns);
                self.column = column;
                if ended {
                    self.page = next(self.page, self.rows).0;
                }
            }
            (_, Mode::Vertical) => {
                let (page, ended) = next(self.page, self.rows);
                self.page = page;
                if ended {
                    self.column = next(self.column, self.columns).0;
                }
            }
        }
    }

    /// A byte of a command: section 9 of the data sheet.
    fn command(&mut self, byte: u8) {
        self.command.push(byte);
        if self.command.len() <= self.parameters(self.command[0]) {
            return;
        }
        let command = std::mem::take(&mut self.command);
        let of = |at: usize| command.get(at).copied().unwrap_or(0);
        match command[0] {
            low @ 0x00..=0x0f => self.column = self.column & 0xf0 | low,
            high @ 0x10..=0x1f => self.column = self.column & 0x0f | high << 4,
            0x20 if self.kind != Kind::Ssd0303 => {
                self.mode = match of(1) & 3 {
                    0 => Mode::Horizontal,
                    1 => Mode::Vertical,
                    _ => Mode::Page,
                };
            }
            0x21 if self.kind != Kind::Ssd0303 => {
                self.columns = [of(1) & 127, of(2) & 127];
                self.column = self.columns[0];
            }
            0x22 if self.kind != Kind::Ssd0303 => {
                self.rows = [of(1) & 7, of(2) & 7];
                self.page = self.rows[0];
            }
            line @ 0x40..=0x7f => self.start_line = line & 0x3f,
            0x81 => self.contrast = of(1),
            0x8d => self.pump = of(1) & 4 != 0,
            turned @ (0xa0 | 0xa1) => self.segments_turned = turned & 1 != 0,
            all @ (0xa4 | 0xa5) => self.all_on = all & 1 != 0,
            inverted @ (0xa6 | 0xa7) => self.inverted = inverted & 1 != 0,
            on @ (0xae | 0xaf) => self.on = on & 1 != 0,
            page @ 0xb0..=0xb7 => self.page = page & 7,
            direction @ 0xc0..=0xcf => self.rows_turned = direction & 8 != 0,
            0xd3 => self.offset = of(1) & 0x3f,
            // Clocks, ratios and scrolling change nothing of a picture that stands still.
            _ => {}
        }
    }

    /// Bytes that follow a command.
    fn parameters(&self, command: u8) -> usize {
        match command {
            0x81 | 0xa8 | 0xd3 | 0xd5 | 0xd9 | 0xda | 0xdb => 1,
            _ if self.kind == Kind::Ssd0303 => 0,
            0x20 | 0x8d => 1,
            0x21 | 0x22 | 0xa3 => 2,
            0x26 | 0x27 => 6,
            0x29 | 0x2a => 5,
            _ => 0,
        }
    }
}

impl I2cDevice for Screen {
    fn start(&mut self, _: bool, _: u64) -> bool {
        self.next = Next::Control;
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        match self.next {
            Next::Control => {
                let only = byte & 0x80 != 0;
                self.next = if byte & 0x40 != 0 { Next::Data { only } } else { Next::Command { only } };
            }
            Next::Command { only } | Next::Data { only } => {
                let is_data = matches!(self.next, Next::Data { .. });
                if is_data {
                    self.data(byte)
                } else {
                    self.command(byte)
                }
                if only {
                    self.next = Next::Control;
                }
            }
        }
        true
    }

    /// The status: bit 6 is set while the panel is off.
    fn read(&mut self) -> u8 {
        if self.on { 0 } else { 0x40 }
    }

    fn stop(&mut self, _: u64) {}

    fn set(&mut self, _: &str, _: &str) -> Result<(), String> {
        Err("nothing of it comes from outside".into())
    }

    fn get(&self, what: &str) -> Option<String> {
        match what {
            "on" => return Some(self.on.to_string()),
            "inverted" => return Some(self.inverted.to_string()),
            "contrast" => return Some(self.contrast.to_string()),
            _ => {}
        }
        let shown = self.shown();
        if what == "lit" {
            return Some(shown.lit().to_string());
        }
        if let Some(row) = what.strip_prefix("row") {
            let row = whole(row, shown.height() as u64 - 1)? as usize;
            let pixels = (0..shown.width()).map(|x| if shown.is_lit(x, row) { '1' } else { '0' });
            return Some(pixels.collect());
        }
        let (x, y) = what.strip_prefix("pixel")?.split_once(',')?;
        let (x, y) = (whole(x, shown.width() as u64 - 1)?, whole(y, shown.height() as u64 - 1)?);
        Some(u8::from(shown.is_lit(x as usize, y as usize)).to_string())
    }

    fn picture(&self) -> Option<Picture> {
        Some(self.shown())
    }

    fn copied(&self) -> Box<dyn I2cDevice> {
        Box::new(self.clone())
    }
}
