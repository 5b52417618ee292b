#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
//! Machine code of an image: a translator of verified ops into AArch64 instructions, and a checker.
//!
//! [`translate`] writes the code of an image to memory that the caller has, in one go over the ops. [`check`]
//! knows nothing of the translator: it admits words only if the code of each op is shown to do what the op
//! does. What was admitted is a [`Checked`]; running it is another crate's (`xmap-enter`).
//!
//! # Convention
//!
//! | registers | hold |
//! | --- | --- |
//! | `x0`-`x14`, `x19`, `x20` | registers 1 to 17 of the window; all others stand on the stack |
//! | `x15`-`x17`, `x30`, `v0`, `v1` | what an op works with; nothing between two ops |
//! | `x18` | what the routines at the beginning of the code work with |
//! | `x21` | the last place for a window |
//! | `x22` | the entry of the second word of the image's code in the table of ops |
//! | `x23` | globals and tables |
//! | `x24`-`x26` | bytes of memory less 1, 4 and 8 |
//! | `x27` | the memory |
//! | `x28` | register 0 of the window |
//! | `x29` | the fuel that is left |
//!
//! Of a function's registers those that it names are in machine registers while it runs. It stores those that
//! it writes before a call, a return and a way out, and loads those that it names at its beginning and behind
//! a call: so the stack holds, at each of those places, exactly what the interpreter would have there.
//!
//! The table has the place of each op's code; of a function's first op and of one behind a call it is that of
//! the loads in front. An op that the code does not finish is *left*: nothing has changed, the window's
//! registers are on the stack, and the interpreter runs the op.

mod asm;
mod check;
mod convention;
mod translate;

pub use check::{Checked, Refused, Why, check};
pub use translate::{NoCode, translate};
