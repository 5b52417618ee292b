#![forbid(unsafe_code)]
//! Contracts of panels as documents: [`wit`] prints one and reads it back. What a contract is, its hashes and
//! what a change breaks is the compiler's ([`xmap_compiler::contract`]): `xmap swap` goes by them too.

pub mod cmd;
pub mod lint;
pub mod names;
pub mod openapi;
pub mod sdk;
pub mod wit;
