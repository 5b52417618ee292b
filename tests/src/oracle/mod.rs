//! An independent account of what a panel does: the module in wasmi, the guest ABI over a simple
//! model of the board, and the plain trace of the run.
//!
//! It shares no code with xmap, on purpose: where a target's trace differs from the oracle's, one of the two
//! has read the specification wrongly. It knows lines, time, traps, handlers and what the policy has follow a
//! fault, and a swap that nobody takes back (a module alone: no hosts, no queue that runs over; edges that a
//! module makes by its own pulls and directions are seen when its call is over). It does not know fuel in
//! words, whose limit is the image's own: a call that burns [`FUEL`] units traps, so scripts only run out of
//! fuel in loops that do nothing else. Messages stand in the trace as they are: those of a panel have no
//! control characters but tabs, which all printers escape.

mod board;
mod clock;
mod engine;
mod events;
mod hosted;
mod manifest;
mod play;
mod script;
#[cfg(test)]
mod tests;
mod ty;

pub use clock::{Daily, Zone};
pub use engine::FUEL;
pub use manifest::{Export, Keep, Manifest, Mode, On, OnFault, Pin, Policy, Safe, Stretch};
pub use play::{Run, run};
pub use script::{Arg, Script, Step};
pub use ty::Ty;
