//! `[policy]`: what follows a fault, and how a new image proves itself.

use xmap_image::{Confirm, FaultPolicy, OnFault, OnOverrun};

use super::{
    measure::{LINK_TIMEOUT, TRIAL},
    reader::{Reader, Table},
};
use crate::diagnostic::Code;

/// The words of `on_trap` and `on_fuel`.
pub(crate) const ON_FAULT: &[(&str, OnFault)] =
    &[("hold", OnFault::Hold), ("safe", OnFault::Safe), ("restart", OnFault::Restart)];
/// The words of `on_overrun`.
pub(crate) const ON_OVERRUN: &[(&str, OnOverrun)] =
    &[("drop_oldest", OnOverrun::DropOldest), ("drop_newest", OnOverrun::DropNewest)];
/// The words of `confirm`.
pub(crate) const CONFIRM: &[(&str, Confirm)] = &[("device", Confirm::Device), ("host", Confirm::Host)];

/// The policy, without what is kept. A key that is wrong has its default.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>) -> FaultPolicy {
    let mut policy = FaultPolicy::default();
    let Some(table) = reader.sub_table(root, "policy", "[policy]".into()) else { return policy };
    reader.only(
        &table,
        &[
            "on_trap",
            "on_fuel",
            "restarts",
            "on_overrun",
            "coalesce",
            "link_timeout_ms",
            "link_timeout",
            "confirm_ms",
            "trial",
            "confirm",
        ],
    );
    if let Some(word) = reader.word(&table, "on_trap", ON_FAULT) {
        policy.on_trap = word.value;
    }
    policy.on_fuel = reader.word(&table, "on_fuel", ON_FAULT).map_or(policy.on_trap, |word| word.value);
    if let Some(n) = reader.integer32(&table, "restarts", 0..=u32::from(u8::MAX)) {
        policy.restarts = n.value as u8;
    }
    if let Some(word) = reader.word(&table, "on_overrun", ON_OVERRUN) {
        policy.on_overrun = word.value;
    }
    if let Some(flag) = reader.boolean(&table, "coalesce") {
        policy.coalesce = flag;
    }
    if let Some(n) = reader.measure32(&table, &LINK_TIMEOUT, 0..=u32::MAX) {
        policy.link_timeout_ms = n.value;
    }
    if let Some(n) = reader.measure32(&table, &TRIAL, 0..=u32::MAX) {
        policy.confirm_ms = n.value;
    }
    if let Some(word) = reader.word(&table, "confirm", CONFIRM) {
        policy.confirm = word.value;
        if word.value == Confirm::Host && policy.confirm_ms == 0 {
            let message = "a host cannot confirm within a trial of 0 ms";
            reader.error(Code::PolicyConflict, &word.span, message).help =
                Some("give `confirm_ms` a time, or leave `confirm` out".to_string());
        }
    }
    policy
}

/// The word of a value in one of the tables above.
pub(crate) fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, meaning)| meaning == value).map_or("", |(word, _)| word)
}
