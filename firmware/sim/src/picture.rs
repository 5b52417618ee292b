//! Pictures that a display shows, as text and as PNG.

use std::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};

/// A picture of lit and dark pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    /// Rows from the upper one on, one behind the other.
    pixels: Vec<bool>,
}

/// Pixels of a file for each pixel of a display, so that a person sees something.
const SCALE: usize = 4;

impl Picture {
    pub(crate) fn of(width: usize, height: usize, lit: impl Fn(usize, usize) -> bool) -> Self {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self { width, pixels: pixels.map(|(x, y)| lit(x, y)).collect() }
    }

    /// The pixels of a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// The number of rows.
    pub fn height(&self) -> usize {
        self.pixels.len().checked_div(self.width).unwrap_or(0)
    }

    /// Returns whether a pixel is lit; those outside are not.
    pub fn is_lit(&self, x: usize, y: usize) -> bool {
        x < self.width && self.pixels.get(y * self.width + x).copied().unwrap_or(false)
    }

    /// Returns how many pixels are lit.
    pub fn lit(&self) -> usize {
        self.pixels.iter().filter(|lit| **lit).count()
    }

    /// Returns the picture as a PNG file (ISO/IEC 15948) of one bit a pixel, each pixel four by four, not
    /// compressed.
    pub fn png(&self) -> Vec<u8> {
        let (width, height) = (self.width * SCALE, self.height() * SCALE);
        let mut rows = Vec::new();
        for y in 0..height {
            // Each row begins with its filter: none.
            rows.push(0);
            let bits: Vec<bool> = (0..width).map(|x| self.is_lit(x / SCALE, y / SCALE)).collect();
            let byte =
                |bits: &[bool]| (0..).zip(bits).fold(0, |byte, (n, bit)| byte | u8::from(*bit) << (7 - n));
            rows.extend(bits.chunks(8).map(byte));
        }
        let mut header = Vec::new();
        header.extend((width as u32).to_be_bytes());
        header.extend((height as u32).to_be_bytes());
        // One bit a pixel, greys, the only methods that there are, not interlaced.
        header.extend([1, 0, 0, 0, 0]);
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, content) in [(b"IHDR", header), (b"IDAT", stored(&rows)), (b"IEND", Vec::new())] {
            file.extend((content.len() as u32).to_be_bytes());
            let from = file.len();
            file.extend(name);
            file.extend(content);
            let sum = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&file[from..]);
            file.extend(sum.to_be_bytes());
        }
        file
    }
}

/// Bytes as a zlib stream (RFC 1950) of blocks that are stored as they are (RFC 1951, section 3.2.4).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend(block);
    }
    // Adler-32, RFC 1950, section 8.2.
    let sum = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((sum.1 << 16 | sum.0).to_be_bytes());
    stream
}

/// A line for each row: `#` for a pixel that is lit, `.` for one that is dark.
impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for y in 0..self.height() {
            let row: String = (0..self.width).map(|x| if self.is_lit(x, y) { '#' } else { '.' }).collect();
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}
