#![cfg_attr(not(test), no_std)]
//! See ARCHITECTURE.md.
