//! What the simulated board did with a script's images, so that another board can do the same.
//!
//! An image shares nothing with another, so each is played by itself: loaded, started, called as the script
//! calls it. The outcomes are the simulator's, whose verdicts are the specification's; another board that
//! behaves alike gives the same bits, down to the payload of a NaN and the op that trapped.

use tiny_mapper::Trap;
use xmap_image::{ExportId, Word};

/// What was done with one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// The image.
    pub words: Vec<Word>,
    /// Bytes of memory that the mapper was given.
    pub memory: usize,
    /// The trap of its start function, if that did not return.
    pub start: Option<Trap>,
    /// Its calls, in order.
    pub calls: Vec<Call>,
}

/// A call that the mapper did not refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What was called.
    pub export: ExportId,
    /// The registers that were passed.
    pub args: Vec<u64>,
    /// The registers that came back.
    pub outcome: Result<Vec<u64>, Trap>,
}

impl Play {
    /// Loads and calls, together.
    pub const fn steps(&self) -> usize {
        1 + self.calls.len()
    }
}

/// Plays as `firmware/rpi4b/src/bin/spec.rs` reads them, which says what each word is.
///
/// # Panics
/// Where a play has 4 GiB of memory or more.
pub fn blob<'a>(plays: impl IntoIterator<Item = &'a Play>) -> Vec<Word> {
    let mut words = Vec::new();
    for play in plays {
        let memory = u32::try_from(play.memory).expect("a board has less");
        words.extend([play.words.len() as u32, memory, play.calls.len() as u32]);
        words.extend(&play.words);
        outcome(&mut words, &play.start.map_or(Ok(&[]), Err));
        for call in &play.calls {
            words.extend([u32::from(call.export.0), call.args.len() as u32]);
            words.extend(halves(&call.args));
            outcome(&mut words, &call.outcome.as_deref().map_err(|trap| *trap));
        }
    }
    words
}

fn outcome(words: &mut Vec<Word>, outcome: &Result<&[u64], Trap>) {
    match outcome {
        Ok(results) => {
            words.push((results.len() as u32) << 8);
            words.extend(halves(results));
        }
        Err(trap) => {
            words.extend([trap.code as u32, trap.image, u32::from(trap.export), trap.op, trap.detail]);
        }
    }
}

fn halves(registers: &[u64]) -> impl Iterator<Item = Word> {
    registers.iter().flat_map(|register| [*register as u32, (*register >> 32) as u32])
}
