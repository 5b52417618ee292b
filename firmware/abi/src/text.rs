//! Rows as text: for documents, disassembly, tests and fuzzers.

use core::fmt;

use crate::{HostFunction, Row};

impl fmt::Display for HostFunction {
    /// Writes the import as documents name it: `gpio.set`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { module, name, .. } = self.row();
        write!(f, "{module}.{name}")
    }
}

/// Parameters and results as documents write them: `(pin i32) -> i32`.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'r>(pub(crate) &'r Row);

impl fmt::Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (n, param) in self.0.params.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", param.name, param.ty.name())?;
        }
        f.write_str(")")?;
        self.0.results.iter().try_for_each(|ty| write!(f, " -> {}", ty.name()))
    }
}

/// A host function as an import of WebAssembly's text format.
#[derive(Clone, Copy, Debug)]
pub struct Import<'r>(pub(crate) &'r Row);

impl fmt::Display for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { module, name, params, results, .. } = self.0;
        write!(f, "(import \"{module}\" \"{name}\" (func")?;
        if !params.is_empty() {
            f.write_str(" (param")?;
            params.iter().try_for_each(|param| write!(f, " {}", param.ty.name()))?;
            f.write_str(")")?;
        }
        results.iter().try_for_each(|ty| write!(f, " (result {})", ty.name()))?;
        f.write_str("))")
    }
}

/// A module of WebAssembly's text format that imports every host function, in the order of the rows.
#[derive(Clone, Copy, Debug)]
pub struct Module;

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(module")?;
        HostFunction::ALL.iter().try_for_each(|function| write!(f, "\n    {}", function.row().import()))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;

    #[test]
    fn imports_are_those_of_the_text_format() {
        let import = |function: HostFunction| function.row().import().to_string();
        let write = r#"(import "gpio" "write" (func (param i32 i32 i32)))"#;
        assert_eq!(import(HostFunction::GpioWrite), write);
        assert_eq!(import(HostFunction::TimeNowUs), r#"(import "time" "now_us" (func (result i64)))"#);
        let module = Module.to_string();
        assert_eq!(module.matches("(import").count(), HostFunction::ALL.len());
    }
}
