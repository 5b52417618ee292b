//! The compiler.

pub mod codes;
pub mod diagnostic;
pub mod names;
