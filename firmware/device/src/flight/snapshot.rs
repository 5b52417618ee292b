//! A snapshot: the state of a device between two things that it does, from which a recording can begin.
//!
//! Each part of the device that has a state gives it away and takes it back in one function, which exchanges
//! its fields with a writer or with a reader: so what is written and what is read cannot differ.

use xmap_boards::{BANKS, BoardId, Line};

use super::operation::{self, FORMAT};
use super::reader::{Reader, Torn};

/// What is given the bytes of a snapshot, a few at a time.
pub type Sink<'s> = dyn FnMut(&[u8]) + 's;
/// What gives a device's part of a snapshot.
pub type Write<'w> = dyn FnMut(&mut Sink<'_>) + 'w;

/// What fields are exchanged with: a writer takes their values, a reader gives them others.
pub(crate) trait Exchange {
    /// Exchanges a number.
    fn number(&mut self, value: &mut u64) -> Result<(), Torn>;

    /// Exchanges memory: it is mostly zeros.
    fn memory(&mut self, memory: &mut [u8]) -> Result<(), Torn>;
}

/// A writer.
impl<F: FnMut(&[u8])> Exchange for F {
    fn number(&mut self, value: &mut u64) -> Result<(), Torn> {
        let (mut bytes, mut len, mut rest) = ([0; 10], 0, *value);
        for byte in &mut bytes {
            len += 1;
            *byte = rest as u8 & 0x7f;
            rest >>= 7;
            if rest == 0 {
                break;
            }
            *byte |= 0x80;
        }
        self(bytes.get(..len).unwrap_or_default());
        Ok(())
    }

    fn memory(&mut self, memory: &mut [u8]) -> Result<(), Torn> {
        // In words: the main loop waits for it.
        let (mut rest, tail) = memory.as_chunks::<8>();
        while !rest.is_empty() {
            let zeros = rest.iter().take_while(|word| **word == [0; 8]).count();
            let (_, behind) = rest.split_at(zeros);
            let len = behind.iter().take_while(|word| **word != [0; 8]).count();
            let (stretch, behind) = behind.split_at(len);
            self.number(&mut (8 * zeros as u64))?;
            self.number(&mut (8 * len as u64))?;
            self(stretch.as_flattened());
            rest = behind;
        }
        if !tail.is_empty() {
            self.number(&mut 0)?;
            self.number(&mut (tail.len() as u64))?;
            self(tail);
        }
        Ok(())
    }
}

impl Exchange for Reader<'_> {
    fn number(&mut self, value: &mut u64) -> Result<(), Torn> {
        *value = self.varint()?;
        Ok(())
    }

    fn memory(&mut self, memory: &mut [u8]) -> Result<(), Torn> {
        let mut rest = memory;
        while !rest.is_empty() {
            let (zeros, len) = (self.number::<u32>()? as usize, self.number::<u32>()? as usize);
            let (none, behind) = rest.split_at_mut_checked(zeros).ok_or(Torn)?;
            let (stretch, behind) = behind.split_at_mut_checked(len).ok_or(Torn)?;
            none.fill(0);
            stretch.copy_from_slice(self.take(len)?);
            // Nothing is passed over for ever.
            if zeros + len == 0 {
                return Err(Torn);
            }
            rest = behind;
        }
        Ok(())
    }
}

/// Exchanges a number of any width.
pub(crate) fn value<T: Copy + Into<u64> + TryFrom<u64>>(
    with: &mut dyn Exchange,
    value: &mut T,
) -> Result<(), Torn> {
    let mut number = (*value).into();
    with.number(&mut number)?;
    *value = T::try_from(number).map_err(|_| Torn)?;
    Ok(())
}

/// Exchanges a flag.
pub(crate) fn flag(with: &mut dyn Exchange, flag: &mut bool) -> Result<(), Torn> {
    let mut number = u8::from(*flag);
    value(with, &mut number)?;
    *flag = match number {
        0 => false,
        1 => true,
        _ => return Err(Torn),
    };
    Ok(())
}

/// Exchanges a time that may be never, which is all bits.
pub(crate) fn time(with: &mut dyn Exchange, time_us: &mut u64) -> Result<(), Torn> {
    let mut number = time_us.wrapping_add(1);
    with.number(&mut number)?;
    *time_us = number.wrapping_sub(1);
    Ok(())
}

/// Exchanges a time that there may be.
pub(crate) fn deadline(with: &mut dyn Exchange, deadline_us: &mut Option<u64>) -> Result<(), Torn> {
    let mut time_us = deadline_us.unwrap_or(u64::MAX);
    time(with, &mut time_us)?;
    *deadline_us = (time_us != u64::MAX).then_some(time_us);
    Ok(())
}

/// Exchanges a number that may be negative.
pub(crate) fn signed(with: &mut dyn Exchange, value: &mut i64) -> Result<(), Torn> {
    let mut number = operation::unsigned(*value);
    with.number(&mut number)?;
    *value = operation::signed(number);
    Ok(())
}

/// Exchanges a line.
pub(crate) fn line(with: &mut dyn Exchange, line: &mut Line) -> Result<(), Torn> {
    let mut number = line.number();
    value(with, &mut number)?;
    *line = Line::new(number).ok_or(Torn)?;
    Ok(())
}

/// What the recorder asks of the board for a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoardState {
    /// The number of the next store to a set or clear register since the device's start.
    pub stores: u32,
    /// The lines that are outputs, bank by bank.
    pub outputs: [u32; BANKS],
    /// The levels of all lines, bank by bank.
    pub levels: [u32; BANKS],
}

/// What a snapshot has beside the device's own part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The board's number.
    pub board: u16,
    /// The time that was read last, in microseconds since boot.
    pub last_us: u64,
    /// What the wall clock last was ahead of the time since boot.
    pub ahead_us: i64,
    /// The levels that were read last.
    pub levels: [u32; BANKS],
    /// The digest of the outputs.
    pub digest: u32,
    /// Checks that were noted before.
    pub checks: u32,
    /// What the board was.
    pub of_board: BoardState,
}

impl Snapshot {
    pub(super) fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        let mut format = FORMAT;
        value(with, &mut format)?;
        if format != FORMAT {
            return Err(Torn);
        }
        value(with, &mut self.board)?;
        with.number(&mut self.last_us)?;
        signed(with, &mut self.ahead_us)?;
        value(with, &mut self.digest)?;
        value(with, &mut self.checks)?;
        value(with, &mut self.of_board.stores)?;
        // Those of the board: a program may know another one that has more.
        let banks = BoardId::from_u16(self.board).ok_or(Torn)?.board().lines.div_ceil(32);
        let masks = [&mut self.levels, &mut self.of_board.outputs, &mut self.of_board.levels];
        let mut masks = masks.into_iter().flat_map(|masks| masks.iter_mut().take(banks.into()));
        masks.try_for_each(|mask| value(with, mask))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn memory_comes_back_as_it_was() {
        for len in [0, 1, 7, 8, 9, 64, 1000, 65_536] {
            for (every, width) in [(1, 1), (3, 2), (8, 8), (17, 5), (400, 30), (usize::MAX, 1)] {
                let mut memory: Vec<u8> =
                    (0..len).map(|n| u8::from(n % every < width) * (n % 255 + 1) as u8).collect();
                let (before, mut bytes) = (memory.clone(), Vec::new());
                (|part: &[u8]| bytes.extend_from_slice(part)).memory(&mut memory).unwrap();
                let mut again = std::vec![0xaa; len];
                let mut from = Reader::bare(&bytes);
                from.memory(&mut again).unwrap();
                assert!(again == before && from.at() == bytes.len(), "{len} {every}");
                assert!(bytes.len() <= len + len / 4 + 16, "{len} {every}: {}", bytes.len());
                if len > 1000 && every == usize::MAX {
                    assert!(bytes.len() < 20, "zeros are few bytes: {}", bytes.len());
                }
                // Cut anywhere it is torn, and never out of bounds.
                for cut in 0..bytes.len().min(40) {
                    assert!(Reader::bare(&bytes[..cut]).memory(&mut again).is_err());
                }
            }
        }
    }

    #[test]
    fn what_is_exchanged_comes_back() {
        for number in [0, 1, 127, 128, 300, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            let mut with = |part: &[u8]| bytes.extend_from_slice(part);
            let (mut of, mut never, mut none) = (number, number, Some(number).filter(|of| *of != u64::MAX));
            with.number(&mut of).unwrap();
            time(&mut with, &mut never).unwrap();
            deadline(&mut with, &mut none).unwrap();
            signed(&mut with, &mut (number as i64)).unwrap();
            let mut from = Reader::bare(&bytes);
            let (mut of, mut never, mut there, mut minus) = (9, 9, None, 9);
            Exchange::number(&mut from, &mut of).unwrap();
            time(&mut from, &mut never).unwrap();
            deadline(&mut from, &mut there).unwrap();
            signed(&mut from, &mut minus).unwrap();
            assert_eq!((of, never, there, minus), (number, number, none, number as i64));
            assert_eq!(from.at(), bytes.len());
        }
        let mut small = 0_u8;
        assert!(value(&mut Reader::bare(&[0x80, 0x02]), &mut small).is_err(), "a number that does not fit");
        assert!(flag(&mut Reader::bare(&[2]), &mut false).is_err());
    }
}
