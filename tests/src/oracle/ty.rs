//! Types of parameters and results.

use anyhow::{Result, bail};

/// A type of the manifest, as far as integers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    /// `bool`: printed as true or false.
    Bool,
    /// `u8`, `u16`, `u32` or `u64`: a number of bits, printed unsigned.
    Unsigned(u32),
    /// `i8`, `i16`, `i32` or `i64`: a number of bits, printed signed.
    Signed(u32),
}

impl Ty {
    /// The type with this name in a manifest.
    ///
    /// # Errors
    ///
    /// Where it is none, or one that the oracle does not know.
    pub fn parse(name: &str) -> Result<Ty> {
        Ok(match name {
            "bool" => Ty::Bool,
            "u8" => Ty::Unsigned(8),
            "u16" => Ty::Unsigned(16),
            "u32" => Ty::Unsigned(32),
            "u64" => Ty::Unsigned(64),
            "i8" => Ty::Signed(8),
            "i16" => Ty::Signed(16),
            "i32" => Ty::Signed(32),
            "i64" => Ty::Signed(64),
            _ => bail!("the oracle has no type `{name}`"),
        })
    }

    /// Returns whether a number is a value of this type.
    pub fn holds(self, n: i128) -> bool {
        match self {
            Ty::Bool => n == 0 || n == 1,
            Ty::Unsigned(bits) => n >= 0 && n < 1 << bits,
            Ty::Signed(bits) => n >= -(1 << (bits - 1)) && n < 1 << (bits - 1),
        }
    }

    /// A result as it is printed, from the integer that the module returned: sign-extended if it
    /// was an i32. `None` where it is no value of this type.
    pub fn print(self, result: i64, from_i32: bool) -> Option<String> {
        let n = match self {
            Ty::Signed(_) => i128::from(result),
            _ if from_i32 => i128::from(result as u32),
            _ => i128::from(result as u64),
        };
        if !self.holds(n) {
            return None;
        }
        Some(if self == Ty::Bool { (n == 1).to_string() } else { n.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_exact() {
        for (name, low, high) in [
            ("bool", 0, 1),
            ("u8", 0, 255),
            ("i8", -128, 127),
            ("u16", 0, 65_535),
            ("i16", -32_768, 32_767),
            ("u32", 0, i128::from(u32::MAX)),
            ("i32", i128::from(i32::MIN), i128::from(i32::MAX)),
            ("u64", 0, i128::from(u64::MAX)),
            ("i64", i128::from(i64::MIN), i128::from(i64::MAX)),
        ] {
            let ty = Ty::parse(name).unwrap();
            assert!(ty.holds(low) && ty.holds(high), "{name}");
            assert!(!ty.holds(low - 1) && !ty.holds(high + 1), "{name}");
        }
        assert!(Ty::parse("f32").is_err());
    }

    #[test]
    fn results_print_as_their_type_has_them() {
        let print = |name, n, from_i32| Ty::parse(name).unwrap().print(n, from_i32);
        assert_eq!(print("bool", 1, true).as_deref(), Some("true"));
        assert_eq!(print("bool", 2, true), None);
        assert_eq!(print("u8", -1, true), None);
        assert_eq!(print("i8", -1, true).as_deref(), Some("-1"));
        assert_eq!(print("u32", -1, true).as_deref(), Some("4294967295"));
        assert_eq!(print("u64", -1, false).as_deref(), Some("18446744073709551615"));
        assert_eq!(print("i64", i64::MIN, false).as_deref(), Some("-9223372036854775808"));
    }
}
