//! What a recorder holds, by the numbers of its bytes.

/// What was noted: whole operations, of which the first ones may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted<'t> {
    /// The number of the first byte among all that were ever noted.
    pub first: u32,
    /// The bytes, in two parts.
    pub parts: [&'t [u8]; 2],
}

impl<'t> Noted<'t> {
    /// The bytes from a number on, or from the first that is there.
    pub fn since(self, number: u32) -> Self {
        let [one, two] = self.parts;
        let passed = number.wrapping_sub(self.first) as usize;
        match passed.checked_sub(one.len()) {
            None => Self { first: number, parts: [one.get(passed..).unwrap_or_default(), two] },
            Some(passed) => match two.get(passed..) {
                Some(rest) => Self { first: number, parts: [rest, &[]] },
                None => self,
            },
        }
    }

    /// Returns how many bytes there are.
    pub const fn len(self) -> usize {
        self.parts[0].len() + self.parts[1].len()
    }

    /// Returns whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The number of the byte behind the last one.
    pub const fn next(self) -> u32 {
        self.first.wrapping_add(self.len() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_begins_where_it_is_there() {
        let noted = Noted { first: u32::MAX - 1, parts: [b"abc", b"defg"] };
        assert_eq!((noted.len(), noted.next()), (7, 5));
        let since = |number: u32| noted.since(number).parts.concat();
        assert_eq!([since(u32::MAX), since(0), since(1), since(3)].map(|all| all.len()), [6, 5, 4, 2]);
        assert_eq!(since(1), b"defg");
        assert!(noted.since(5).is_empty());
        // What is gone, and what never was.
        for other in [u32::MAX - 2, 6, 1 << 31] {
            assert_eq!(noted.since(other), noted);
        }
    }
}
