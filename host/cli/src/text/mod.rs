//! What a device said, as text for people and as JSON for scripts.

mod clock;
pub mod firmware;
pub mod json;
mod kept;
mod modules;
mod rejected;
mod report;
mod trust;

pub use clock::{clock_report, clock_text};
pub use kept::kept_report;
pub use modules::{
    Maps, columns, happening_line, happening_text, image_digits, module_table, notes, rejection_text,
    state_text, swapped_text, trap_text, why_text,
};
pub use rejected::state_help;
pub use report::{report, uptime};
pub use trust::{limits_report, trust_report};
