//! The account of starts as the store has it, and as it should.

use heapless::Vec;
use xmap_store::{Disk, Place, StoreError};

use super::{Job, Keeper, PAUSE_US, halves, newest};
use crate::starts::encode;
use crate::{COUNTED, Count, Starts};

/// The account of starts in a store.
#[derive(Clone, Debug, Default)]
pub(super) struct Started {
    written: Vec<Count, COUNTED>,
    /// What it should be.
    wanted: Vec<Count, COUNTED>,
    /// It was given to the store, which has not taken it.
    given: Option<Vec<Count, COUNTED>>,
}

impl Started {
    /// Tries once more what could not be written.
    pub(super) fn hurry(&mut self) {
        self.given = None;
    }

    /// Takes note that a write has ended.
    pub(super) fn ended(&mut self, well: bool) {
        if well && let Some(given) = self.given.take() {
            self.written = given;
        }
    }

    /// Returns whether the store has to be given the account: one that it did not take waits for
    /// [`Started::hurry`].
    fn is_due(&self) -> bool {
        self.wanted != self.written && self.given.as_ref() != Some(&self.wanted)
    }
}

impl<D: Disk> Keeper<'_, D> {
    /// Returns the account of starts that the store has, for a start that finds none elsewhere.
    pub fn starts(&mut self) -> Starts {
        let starts = Starts::from_record(newest(&mut self.store, Place::STARTS, halves(self.scratch).0));
        self.started = Started { written: starts.ended(), wanted: starts.ended(), given: None };
        starts
    }

    /// Takes note of the account: what has changed of it is written, behind what is on its way.
    pub fn note_starts(&mut self, starts: &Starts) {
        self.started.wanted = starts.ended();
    }

    /// Writes what this start has found of the ones before it, and waits for it: nothing is mounted before.
    ///
    /// # Errors
    /// Why the card did not take it; it is tried again later.
    pub fn keep_starts(&mut self, starts: &Starts, now_us: u64) -> Result<(), StoreError<D::Error>> {
        self.note_starts(starts);
        self.give_starts(now_us);
        while self.job.is_some() {
            self.step(now_us)?;
        }
        Ok(())
    }

    pub(super) fn give_starts(&mut self, now_us: u64) {
        if self.job.is_some() || !self.started.is_due() {
            return;
        }
        let bytes = encode(&self.started.wanted, halves(self.scratch).0);
        self.started.given = Some(self.started.wanted.clone());
        match self.store.begin(Place::STARTS, &[], u32::try_from(bytes).unwrap_or(u32::MAX)) {
            Ok(writing) => self.job = Some(Job { writing, bytes, thing: None, versions: None }),
            Err(_) => self.retry_us = now_us.saturating_add(PAUSE_US),
        }
    }
}
