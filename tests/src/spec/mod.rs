//! The specification's own tests: each script's modules compiled to images and run by the mapper on
//! the simulated board, each of their assertions judged.
//!
//! A script ([`run`]) is a list of directives: modules, calls and assertions about both. An image is
//! alone: it imports the guest ABI and nothing else. So a module that imports the suite's `spectest`
//! gets definitions of its own for them (`alone`), one that imports functions without state gets
//! copies of them (`stateless`), and one that imports anything else of another module is skipped.

mod alone;
mod expect;
mod instance;
mod play;
mod script;
mod stateless;
mod suite;
mod tally;
mod value;

pub use play::{Call, Play, blob};
pub use script::{play, run};
pub use suite::{File, NotCovered, files, not_covered};
pub use tally::{Tally, Verdict, table};
