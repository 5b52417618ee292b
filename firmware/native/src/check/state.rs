//! What a path through the code of an op has done so far.

use super::Why;
use super::path::cond;
use super::terms::{Id, Terms, UNKNOWN, fixed, kind, window};
use crate::convention::{CACHED, FUEL, LAST, LESS_1, LESS_4, LESS_8, MEMORY, SLOTS, WINDOW, machine};

type Result<T> = core::result::Result<T, Why>;

/// What is stored, where and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) kind: u32,
    pub(super) at: Id,
    pub(super) value: Id,
}

/// Conditions that a path may hold.
const CONDITIONS: usize = 6;

/// What a path has done.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// What machine registers hold.
    registers: [Id; 31],
    /// What `v0` and `v1` hold.
    pub(super) floats: [Id; 2],
    pub(super) flags: Id,
    /// Conditions of branches that brought the path here.
    conditions: [(Id, u32); CONDITIONS],
    conditions_len: usize,
    /// The register of the window that was written where it has no machine register, and its value.
    pub(super) slot: Option<(u8, Id)>,
    /// The store to memory, or to a global.
    pub(super) stored: Option<Stored>,
    /// Registers of the window that were stored to their places.
    pub(super) synced: u32,
    /// The link was stored.
    pub(super) linked: bool,
    /// The window was moved.
    pub(super) moved: bool,
}

impl State {
    /// The state when an op begins in a function that has these registers of the window in machine registers.
    pub(super) fn new(used: u32) -> Self {
        let mut registers = [UNKNOWN; 31];
        for register in 1..=CACHED {
            if let Some(place) = machine(register).and_then(|machine| registers.get_mut(machine as usize))
                && used >> register & 1 != 0
            {
                *place = window(register);
            }
        }
        for machine in [SLOTS, LESS_1, LESS_4, LESS_8, MEMORY, WINDOW, FUEL, LAST] {
            if let Some(place) = registers.get_mut(machine as usize) {
                *place = fixed(machine);
            }
        }
        Self {
            registers,
            floats: [UNKNOWN; 2],
            flags: UNKNOWN,
            conditions: [(UNKNOWN, 0); CONDITIONS],
            conditions_len: 0,
            slot: None,
            stored: None,
            synced: 0,
            linked: false,
            moved: false,
        }
    }

    /// Returns what a machine register holds.
    pub(super) fn register(&self, machine: u32) -> Id {
        self.registers.get(machine as usize).copied().unwrap_or(UNKNOWN)
    }

    pub(super) fn set(&mut self, machine: u32, value: Id) {
        if let Some(place) = self.registers.get_mut(machine as usize) {
            *place = value;
        }
    }

    /// Takes a branch, or does not.
    pub(super) fn assume(&mut self, flags: Id, cond: u32, terms: &mut Terms) -> Result<()> {
        *self.conditions.get_mut(self.conditions_len).ok_or(Why::Long)? = (flags, cond);
        self.conditions_len += 1;
        // What is not found has no words.
        if terms.get(flags).kind == kind::FOUND && cond == cond::NE {
            let zero = terms.number(0)?;
            let words = terms.raw(kind::FOUND_WORDS, [0; 3])?;
            self.registers.iter_mut().filter(|held| **held == words).for_each(|held| *held = zero);
        }
        Ok(())
    }

    /// The conditions that hold.
    pub(super) fn conditions(&self) -> &[(Id, u32)] {
        self.conditions.get(..self.conditions_len).unwrap_or_default()
    }

    /// Returns whether a condition holds.
    pub(super) fn holds(&self, flags: Id, cond: u32) -> bool {
        self.conditions().contains(&(flags, cond))
    }

    /// Forgets what the temporary registers hold.
    pub(super) fn forget(&mut self) {
        [15, 16, 17, 30].into_iter().for_each(|machine| self.set(machine, UNKNOWN));
        (self.floats, self.flags) = ([UNKNOWN; 2], UNKNOWN);
    }

    /// Returns whether nothing of the window and the fuel has changed since the op began: machine registers,
    /// and those without; `register` may hold another value.
    pub(super) fn is_as_before(&self, used: u32, except: Option<(u8, Id)>) -> bool {
        let before = Self::new(used);
        let expected = |register: u8| match except {
            Some((other, value)) if other == register => value,
            _ => machine(register).map_or(UNKNOWN, |machine| before.register(machine)),
        };
        let holds = |register: u8| machine(register).map_or(UNKNOWN, |machine| self.register(machine));
        let slot = except.filter(|(register, _)| machine(*register).is_none());
        (1..=CACHED).all(|register| holds(register) == expected(register))
            && self.slot == slot
            && self.register(WINDOW) == fixed(WINDOW)
            && !self.linked
    }
}
