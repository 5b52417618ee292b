//! The registers of a board's GPIO block: their names, where they are, and which of their bits are a line's.

use core::fmt;

use crate::{BANKS, Bank, Board, BoardId, Line};

/// The registers of a GPIO block, by what they do.
#[derive(Debug)]
pub struct RegisterMap {
    /// The functions of lines.
    pub select: Registers,
    /// Ones drive lines high. They read as zero.
    pub set: Registers,
    /// Ones drive lines low. They read as zero.
    pub clear: Registers,
    /// The levels on the pads. Stores do nothing.
    pub level: Registers,
    /// The edges that were seen; storing ones forgets them.
    pub events: Registers,
    /// The lines whose rising edges are detected.
    pub rising: Registers,
    /// The lines whose falling edges are detected.
    pub falling: Registers,
    /// The pull resistors of lines.
    pub pull: Registers,
}

/// Registers that stand one behind the other and do the same for one line after the other.
#[derive(Debug)]
pub struct Registers {
    /// The name of the first one, without its number.
    pub name: &'static str,
    /// The offset of the first one from the block's base, in bytes.
    pub offset: u16,
    /// Bits of a line.
    pub bits: u8,
}

impl Registers {
    /// Returns the number of lines that one register has bits for.
    pub const fn lines(&self) -> u8 {
        32 / self.bits
    }

    /// Returns the index of the register that has the bits of a line.
    pub const fn index(&self, line: Line) -> u8 {
        line.number() / self.lines()
    }

    /// Returns the lowest bit of a line in its register.
    pub const fn shift(&self, line: Line) -> u32 {
        (line.number() % self.lines() * self.bits) as u32
    }

    /// Returns the bits of a line, moved down to bit 0.
    pub const fn mask(&self) -> u32 {
        u32::MAX >> (32 - self.bits)
    }

    /// Returns the offset of a register from the block's base, in bytes.
    pub const fn offset(&self, index: u8) -> u16 {
        self.offset + 4 * index as u16
    }
}

/// The kind of a register of the GPIO block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RegisterKind {
    /// See [`RegisterMap::select`].
    Select,
    /// See [`RegisterMap::set`].
    Set,
    /// See [`RegisterMap::clear`].
    Clear,
    /// See [`RegisterMap::level`].
    Level,
    /// See [`RegisterMap::events`].
    Events,
    /// See [`RegisterMap::rising`].
    Rising,
    /// See [`RegisterMap::falling`].
    Falling,
    /// See [`RegisterMap::pull`].
    Pull,
}

impl RegisterKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Select,
        Self::Set,
        Self::Clear,
        Self::Level,
        Self::Events,
        Self::Rising,
        Self::Falling,
        Self::Pull,
    ];

    /// Returns the registers of this kind.
    pub const fn of(self, gpio: &RegisterMap) -> &Registers {
        match self {
            Self::Select => &gpio.select,
            Self::Set => &gpio.set,
            Self::Clear => &gpio.clear,
            Self::Level => &gpio.level,
            Self::Events => &gpio.events,
            Self::Rising => &gpio.rising,
            Self::Falling => &gpio.falling,
            Self::Pull => &gpio.pull,
        }
    }

    /// Returns whether the registers drive lines: set and clear do.
    pub const fn drives(self) -> bool {
        matches!(self, Self::Set | Self::Clear)
    }
}

/// One 32-bit register of a board's GPIO block. Its text is its name: `GPSET0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Register {
    board: BoardId,
    /// What it does.
    pub kind: RegisterKind,
    /// Its index among those of its kind.
    pub index: u8,
}

impl Register {
    /// Returns the bank of a register that has one bit for each line.
    pub const fn bank(self) -> Option<Bank> {
        match self.kind {
            RegisterKind::Select | RegisterKind::Pull => None,
            _ => Bank::new(self.index as u32),
        }
    }

    /// Returns the offset from the block's base, in bytes.
    pub const fn offset(self) -> u16 {
        self.kind.of(&self.board.board().gpio).offset(self.index)
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.of(&self.board.board().gpio).name, self.index)
    }
}

impl Board {
    /// Returns the register of this kind that has one bit for each line of a bank.
    pub const fn register(&self, kind: RegisterKind, bank: Bank) -> Register {
        Register { board: self.id, kind, index: bank as u8 }
    }

    /// Returns the register of this kind that has the bits of a line.
    pub const fn register_of(&self, kind: RegisterKind, line: Line) -> Register {
        Register { board: self.id, kind, index: kind.of(&self.gpio).index(line) }
    }

    /// Returns every register of the block, by kind.
    pub fn registers(&self) -> impl Iterator<Item = Register> + use<> {
        let (board, last) = (self.id, self.lines - 1);
        RegisterKind::ALL.into_iter().flat_map(move |kind| {
            let registers = kind.of(&board.board().gpio);
            (0..=last / registers.lines()).map(move |index| Register { board, kind, index })
        })
    }

    /// Returns the register at this offset, if the block has one.
    pub fn register_at(&self, offset: u16) -> Option<Register> {
        self.registers().find(|register| register.offset() == offset)
    }
}

const _: () = assert!(BANKS <= u8::MAX as usize);

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{string::ToString, vec::Vec};

    use super::*;
    use crate::RPI4B;

    #[test]
    fn registers_are_those_of_the_manual() {
        let expected = [
            ("GPFSEL0", 0x00),
            ("GPFSEL5", 0x14),
            ("GPSET0", 0x1c),
            ("GPSET1", 0x20),
            ("GPCLR0", 0x28),
            ("GPCLR1", 0x2c),
            ("GPLEV0", 0x34),
            ("GPLEV1", 0x38),
            ("GPEDS0", 0x40),
            ("GPEDS1", 0x44),
            ("GPREN0", 0x4c),
            ("GPREN1", 0x50),
            ("GPFEN0", 0x58),
            ("GPFEN1", 0x5c),
            ("GPIO_PUP_PDN_CNTRL_REG0", 0xe4),
            ("GPIO_PUP_PDN_CNTRL_REG3", 0xf0),
        ];
        for (name, offset) in expected {
            assert_eq!(RPI4B.register_at(offset).unwrap().to_string(), name);
        }
        assert_eq!(RPI4B.register_at(0x18), None);
        assert_eq!(RPI4B.registers().count(), 22);
    }

    #[test]
    fn every_register_is_found_at_its_offset() {
        for board in boards() {
            for register in board.registers() {
                assert_eq!(board.register_at(register.offset()), Some(register), "{register}");
            }
        }
    }

    #[test]
    fn lines_have_their_registers() {
        let name = |kind, n| RPI4B.register_of(kind, Line::new(n).unwrap()).to_string();
        assert_eq!(name(RegisterKind::Select, 17), "GPFSEL1");
        assert_eq!(name(RegisterKind::Select, 57), "GPFSEL5");
        assert_eq!(name(RegisterKind::Pull, 17), "GPIO_PUP_PDN_CNTRL_REG1");
        assert_eq!(name(RegisterKind::Set, 40), "GPSET1");
    }

    /// No two lines share a bit of a register.
    #[test]
    fn bits_do_not_overlap() {
        for board in boards() {
            for kind in RegisterKind::ALL {
                let registers = kind.of(&board.gpio);
                let mut taken = Vec::new();
                for line in board.all_lines().iter() {
                    let index = usize::from(registers.index(line));
                    taken.resize(taken.len().max(index + 1), 0);
                    let own = registers.mask() << registers.shift(line);
                    assert_eq!(taken[index] & own, 0, "{kind:?} of line {line}");
                    taken[index] |= own;
                }
            }
        }
    }

    fn boards() -> impl Iterator<Item = &'static Board> {
        (0..8).filter_map(BoardId::from_u16).map(BoardId::board)
    }
}
