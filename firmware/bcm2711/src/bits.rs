//! Which register and which bits of it belong to a GPIO line. Pure arithmetic.

use xmap_boards::Line;

/// A field of one line in a group of equal registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Index of the register in its group: 1 is `GPFSEL1`.
    pub(crate) register: usize,
    /// The field's lowest bit.
    shift: u32,
    /// The field's bits, moved down to bit 0.
    mask: u32,
}

impl Field {
    /// The line's function: 3 bits in `GPFSEL0` to `GPFSEL5`, ten lines in each (section 5.2).
    pub(crate) const fn function(line: Line) -> Self {
        let number = line.number() as u32;
        Self { register: (number / 10) as usize, shift: number % 10 * 3, mask: 0b111 }
    }

    /// The line's pull: 2 bits in `GPIO_PUP_PDN_CNTRL_REG0` to `REG3`, 16 lines in each (section 5.2).
    pub(crate) const fn pull(line: Line) -> Self {
        let number = line.number() as u32;
        Self { register: (number / 16) as usize, shift: number % 16 * 2, mask: 0b11 }
    }

    /// `word` with this field set to `value`; the neighbours stay. Bits of `value` beyond the field
    /// are dropped.
    pub(crate) const fn insert(self, word: u32, value: u32) -> u32 {
        (word & !(self.mask << self.shift)) | ((value & self.mask) << self.shift)
    }

    /// This field's value in `word`.
    pub(crate) const fn extract(self, word: u32) -> u32 {
        word >> self.shift & self.mask
    }
}

#[cfg(test)]
mod tests {
    use xmap_boards::RPI4B;

    use super::*;

    fn line(number: u8) -> Line {
        Line::new(number).unwrap()
    }

    #[test]
    fn function_fields_are_where_the_manual_has_them() {
        // Section 5.2: FSEL9 is bits 29:27 of GPFSEL0, FSEL17 bits 23:21 of GPFSEL1, FSEL57 bits 23:21 of
        // GPFSEL5.
        for (number, register, shift) in [(0, 0, 0), (9, 0, 27), (17, 1, 21), (57, 5, 21)] {
            let field = Field::function(line(number));
            assert_eq!((field.register, field.shift), (register, shift), "line {number}");
        }
    }

    #[test]
    fn pull_fields_are_where_the_manual_has_them() {
        // Section 5.2: CNTRL15 is bits 31:30 of REG0, CNTRL17 bits 3:2 of REG1, CNTRL57 bits 19:18 of REG3.
        for (number, register, shift) in [(0, 0, 0), (15, 0, 30), (17, 1, 2), (57, 3, 18)] {
            let field = Field::pull(line(number));
            assert_eq!((field.register, field.shift), (register, shift), "line {number}");
        }
    }

    /// No two lines share a bit, and insertion touches the line's own bits only.
    #[test]
    fn fields_do_not_overlap() {
        for (field, registers) in
            [(Field::function as fn(Line) -> Field, 6), (Field::pull as fn(Line) -> Field, 4)]
        {
            let mut taken = vec![0u32; registers];
            for line in RPI4B.all_lines().iter() {
                let field = field(line);
                let own = field.insert(0, u32::MAX);
                assert_eq!(taken[field.register] & own, 0, "line {line}");
                taken[field.register] |= own;
                assert_eq!(field.insert(u32::MAX, 0), !own, "line {line}");
                assert_eq!(field.extract(own), field.mask, "line {line}");
                assert_eq!(field.extract(!own), 0, "line {line}");
            }
        }
    }
}
