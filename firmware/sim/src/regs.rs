//! The registers of the GPIO block, by the names and offsets of *BCM2711 ARM Peripherals*,
//! section 5.2 ("Register View").

use std::fmt;

use xmap_boards::{Bank, Line};

/// One 32-bit register of the GPIO block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Register {
    /// `GPFSEL0` to `GPFSEL5`: the function of ten lines each, three bits a line.
    Select(u8),
    /// `GPSET0`, `GPSET1`: ones drive lines high. Reads as zero.
    Set(Bank),
    /// `GPCLR0`, `GPCLR1`: ones drive lines low. Reads as zero.
    Clear(Bank),
    /// `GPLEV0`, `GPLEV1`: the levels on the pads. Writes do nothing.
    Level(Bank),
    /// `GPEDS0`, `GPEDS1`: edges that were seen; writing ones forgets them.
    Events(Bank),
    /// `GPREN0`, `GPREN1`: lines whose rising edges are detected.
    Rising(Bank),
    /// `GPFEN0`, `GPFEN1`: lines whose falling edges are detected.
    Falling(Bank),
    /// `GPIO_PUP_PDN_CNTRL_REG0` to `3`: the pull of sixteen lines each, two bits a line.
    Pull(u8),
}

impl Register {
    /// Every register of the model, by offset.
    pub const ALL: [Register; 22] = [
        Register::Select(0),
        Register::Select(1),
        Register::Select(2),
        Register::Select(3),
        Register::Select(4),
        Register::Select(5),
        Register::Set(Bank::Zero),
        Register::Set(Bank::One),
        Register::Clear(Bank::Zero),
        Register::Clear(Bank::One),
        Register::Level(Bank::Zero),
        Register::Level(Bank::One),
        Register::Events(Bank::Zero),
        Register::Events(Bank::One),
        Register::Rising(Bank::Zero),
        Register::Rising(Bank::One),
        Register::Falling(Bank::Zero),
        Register::Falling(Bank::One),
        Register::Pull(0),
        Register::Pull(1),
        Register::Pull(2),
        Register::Pull(3),
    ];

    /// The register that holds a line's function.
    pub const fn select_of(line: Line) -> Self {
        Self::Select(line.number() / 10)
    }

    /// The register that holds a line's pull.
    pub const fn pull_of(line: Line) -> Self {
        Self::Pull(line.number() / 16)
    }

    /// The offset from the block's base (0xfe20_0000 on the board), in bytes.
    pub const fn offset(self) -> u16 {
        let (first, index) = match self {
            Self::Select(n) => (0x00, n as u16),
            Self::Set(bank) => (0x1c, bank as u16),
            Self::Clear(bank) => (0x28, bank as u16),
            Self::Level(bank) => (0x34, bank as u16),
            Self::Events(bank) => (0x40, bank as u16),
            Self::Rising(bank) => (0x4c, bank as u16),
            Self::Falling(bank) => (0x58, bank as u16),
            Self::Pull(n) => (0xe4, n as u16),
        };
        first + 4 * index
    }

    /// The register at this offset, if the model has it.
    pub fn from_offset(offset: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|register| register.offset() == offset)
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, index) = match *self {
            Self::Select(n) => ("GPFSEL", n),
            Self::Set(bank) => ("GPSET", bank as u8),
            Self::Clear(bank) => ("GPCLR", bank as u8),
            Self::Level(bank) => ("GPLEV", bank as u8),
            Self::Events(bank) => ("GPEDS", bank as u8),
            Self::Rising(bank) => ("GPREN", bank as u8),
            Self::Falling(bank) => ("GPFEN", bank as u8),
            Self::Pull(n) => ("GPIO_PUP_PDN_CNTRL_REG", n),
        };
        write!(f, "{name}{index}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_the_manual() {
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
            assert_eq!(Register::from_offset(offset).unwrap().to_string(), name);
        }
        assert_eq!(Register::from_offset(0x18), None);
    }

    #[test]
    fn every_register_is_found_at_its_offset() {
        for register in Register::ALL {
            assert_eq!(Register::from_offset(register.offset()), Some(register));
        }
    }

    #[test]
    fn lines_have_their_registers() {
        let line = |n| Line::new(n).unwrap();
        assert_eq!(Register::select_of(line(17)).to_string(), "GPFSEL1");
        assert_eq!(Register::select_of(line(57)).to_string(), "GPFSEL5");
        assert_eq!(Register::pull_of(line(17)).to_string(), "GPIO_PUP_PDN_CNTRL_REG1");
    }
}
