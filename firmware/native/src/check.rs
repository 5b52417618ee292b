//! The checker: admits code only if that of each op does what the op does and nothing else.
//!
//! It knows the convention and the ops, and nothing of the translator. For each op it walks every path
//! through its code, with terms in the place of values: what is written to registers, window, globals and
//! memory must be what the op says, an access to memory must stand behind the comparison that keeps it
//! inside, and a way back behind the payment for it. A path that leaves for the interpreter must have changed
//! nothing. Code with any other word, or with a branch to anywhere else, is refused.

mod path;
mod spec;
mod state;
mod terms;

use core::fmt;

use xmap_image::{FunctionRow, Image, opcode as op};

use self::path::{Flow, Walk, cond};
use self::spec::{End, Need, Op};
use self::state::State;
use self::terms::{Id, Terms, fixed, kind, window};
use crate::convention::{FUEL, LEAVE, Named, PRELUDE, RETURN, WINDOW, window_register, words};

/// Why code was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The routines at its beginning are others.
    Prelude,
    /// The table names another place than that of an op.
    Table,
    /// A word is no instruction of an allowed form.
    Form,
    /// An instruction takes a register that holds nothing known, or writes one that code only reads.
    Register,
    /// The window's registers are loaded, stored or moved in another way than calls do.
    Window,
    /// An access to memory does not stand behind its comparison.
    Bounds,
    /// A global that the op does not name.
    Global,
    /// Another result, or another store.
    Effect,
    /// A branch to anywhere but where the op leads.
    Branch,
    /// A way back, or a call, that is not paid for.
    Fuel,
    /// A way out for the interpreter that has changed something.
    WayOut,
    /// More instructions than an op takes.
    Long,
}

/// Code that was refused: the op, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The index of the op in the image's code.
    pub op: u32,
    /// What is wrong with its code.
    pub why: Why,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "machine code of op {}: {:?}", self.op, self.why)
    }
}

impl core::error::Error for Refused {}

/// Machine code that the checker has admitted, with its image.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'c> {
    image: Image<'c>,
    words: &'c [u32],
    table: &'c [u32],
    slots: usize,
}

impl<'c> Checked<'c> {
    /// The image.
    pub const fn image(&self) -> &Image<'c> {
        &self.image
    }

    /// The code.
    pub const fn words(&self) -> &'c [u32] {
        self.words
    }

    /// For each word of the image's code, where the code of the op begins.
    pub const fn table(&self) -> &'c [u32] {
        self.table
    }

    /// Slots that the image has.
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// Returns where the code of an op begins, if it is one.
    pub fn place(&self, op: u32) -> Option<u32> {
        self.table.get(op as usize).copied().filter(|place| *place != 0)
    }
}

/// Checks that `words` are the machine code of an image, and `table` where that of each op begins.
///
/// # Errors
/// The first op whose code is not known to do what the op does.
///
/// # Panics
/// Never, for any words.
pub fn check<'c>(image: Image<'c>, words: &'c [u32], table: &'c [u32]) -> Result<Checked<'c>, Refused> {
    let refused = |op, why| Refused { op, why };
    if !words.starts_with(&PRELUDE) {
        return Err(refused(0, Why::Prelude));
    }
    if table.len() != image.code().len() {
        return Err(refused(0, Why::Table));
    }
    let mut checker = Checker { image: &image, words, table, terms: Terms::new(), left: 0 };
    for row in image.functions() {
        checker.function(row).map_err(|(op, why)| refused(op as u32, why))?;
    }
    Ok(Checked { image, words, table, slots: image.slots() })
}

/// Instructions on all paths through one op, or through one entry of a table of branches.
const MOST: u32 = 256;

/// Branches on one path.
const DEEPEST: u32 = 6;

struct Checker<'c> {
    image: &'c Image<'c>,
    words: &'c [u32],
    table: &'c [u32],
    terms: Terms,
    /// Instructions that may still be walked through.
    left: u32,
}

/// Where an op stands.
#[derive(Clone, Copy)]
struct Place {
    /// The index of the op in the image's code.
    at: usize,
    named: Named,
    /// Where the code of the op behind begins; nowhere, for the last of a function.
    end: usize,
}

impl Checker<'_> {
    fn function(&mut self, row: &FunctionRow) -> Result<(), (usize, Why)> {
        let (start, len) = (row.start as usize, row.words() as usize);
        let code = self.image.code().get(start..start + len).unwrap_or_default();
        let named = Named::of(code);
        let mut resumes = true;
        let mut at = 0;
        while let Some(first) = code.get(at) {
            let place = start + at;
            let len = words(*first);
            self.op(place, len, at + len >= code.len(), named, resumes).map_err(|why| (place, why))?;
            resumes = matches!(*first as u8, op::Call | op::CallIndirect);
            at += len;
        }
        Ok(())
    }

    fn entry(&self, at: usize) -> usize {
        self.table.get(at).copied().unwrap_or(0) as usize
    }

    /// Checks the op at `at`, of `len` words.
    fn op(&mut self, at: usize, len: usize, is_last: bool, named: Named, resumes: bool) -> Result<(), Why> {
        if (1..len).any(|n| self.entry(at + n) != 0) || self.entry(at) < PRELUDE.len() {
            return Err(Why::Table);
        }
        let loaded = self.loaded(self.entry(at));
        if resumes && named.used & !loaded != 0 || !resumes && loaded != 0 {
            return Err(Why::Window);
        }
        self.terms.clear();
        self.left = MOST;
        let mut op = spec::read(self.image, at, &mut self.terms)?;
        let end = if is_last { usize::MAX } else { self.entry(at + len) };
        let place = Place { at, named, end };
        self.walk(&mut op, place, State::new(named.used), self.body(at), 0)
    }

    /// The registers of the window that the instructions from a place on load.
    fn loaded(&self, from: usize) -> u32 {
        let loads = self.words.get(from..).unwrap_or_default().iter().map_while(|word| window_load(*word));
        loads.fold(0, |all, registers| all | registers)
    }

    /// Returns where the code of an op begins for a branch: behind the loads of the window.
    fn body(&self, at: usize) -> usize {
        let from = self.entry(at);
        let rest = self.words.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|word| window_load(**word).is_some()).count()
    }

    /// Walks from the instruction at `from` to every place where the op ends.
    fn walk(
        &mut self,
        op: &mut Op,
        place: Place,
        mut state: State,
        from: usize,
        depth: u32,
    ) -> Result<(), Why> {
        if depth > DEEPEST {
            return Err(Why::Long);
        }
        let mut at = from;
        loop {
            if at == place.end {
                return self.next(op, place, &state);
            }
            let word = self.words.get(at).copied().ok_or(Why::Branch)?;
            self.left = self.left.checked_sub(1).ok_or(Why::Long)?;
            let mut walk = Walk { terms: &mut self.terms, op, used: place.named.used };
            let to = |by: i64| usize::try_from(at as i64 + by).map_err(|_| Why::Branch);
            match walk.step(&mut state, word, at)? {
                Flow::On => {}
                Flow::If(flags, cond, by) => {
                    let mut taken = state;
                    taken.assume(flags, cond, &mut self.terms)?;
                    self.arrive(op, place, taken, to(by)?, depth + 1)?;
                    state.assume(flags, cond ^ 1, &mut self.terms)?;
                }
                Flow::To(by) => return self.arrive(op, place, state, to(by)?, depth + 1),
                Flow::Call(by) => match op.end {
                    End::Call(start, words) => {
                        let is_there = to(by)? == self.entry(start as usize);
                        let words = self.terms.number(words.into())?;
                        return self.called(op, place, &state, at, is_there, words);
                    }
                    _ => walk.look_up(&mut state, to(by)?)?,
                },
                Flow::CallRegister(target) => {
                    let code = self.terms.raw(kind::FOUND_CODE, [0; 3])?;
                    let found = self.terms.raw(kind::FOUND, [0; 3])?;
                    let words = self.terms.raw(kind::FOUND_WORDS, [0; 3])?;
                    let is_there = target == code && state.holds(found, cond::EQ);
                    let is_there = is_there && matches!(op.end, End::Indirect);
                    return self.called(op, place, &state, at, is_there, words);
                }
                Flow::ToRegister(target) => return self.table(op, place, state, target),
            }
            at += 1;
        }
    }

    /// A branch leads to `to`.
    fn arrive(&mut self, op: &mut Op, place: Place, state: State, to: usize, depth: u32) -> Result<(), Why> {
        let is_branch = matches!(op.end, End::Branch(_) | End::Table(_));
        match to {
            LEAVE => self.left(op, place, &state),
            RETURN => self.returned(op, place, &state),
            _ if is_branch && to == self.body(self.target(op, place)?) => self.branched(op, place, &state),
            _ if to >= PRELUDE.len() => self.walk(op, place, state, to, depth),
            _ => Err(Why::Branch),
        }
    }

    /// The op that a branch leads to.
    fn target(&self, op: &Op, place: Place) -> Result<usize, Why> {
        usize::try_from(place.at as i64 + 1 + i64::from(op.offset)).map_err(|_| Why::Branch)
    }

    /// Returns whether everything but the fuel is as the op leaves it.
    fn is_done(&mut self, op: &Op, place: Place, state: &State) -> Result<bool, Why> {
        for need in op.needs {
            let holds = match need {
                Need::Nothing => true,
                Need::Holds(flags, cond) => state.holds(flags, cond),
                Need::Fits(sum) => self.walk_of(op, place).has_fitted(state, sum)?,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(state.is_as_before(place.named.used, op.def) && state.stored == op.stored)
    }

    /// The path ends at the op behind.
    fn next(&mut self, op: &Op, place: Place, state: &State) -> Result<(), Why> {
        let goes_on = match op.end {
            End::Next => true,
            End::Branch(Some((flags, cond))) => op.offset == 0 || state.holds(flags, cond ^ 1),
            _ => false,
        };
        if !goes_on {
            return Err(Why::Branch);
        }
        if state.register(FUEL) != fixed(FUEL) {
            return Err(Why::Fuel);
        }
        if self.is_done(op, place, state)? { Ok(()) } else { Err(Why::Effect) }
    }

    /// The path ends at the branch's target.
    fn branched(&mut self, op: &mut Op, place: Place, state: &State) -> Result<(), Why> {
        if let End::Branch(Some((flags, cond))) = op.end
            && op.offset != 0
            && !state.holds(flags, cond)
        {
            return Err(Why::Branch);
        }
        let is_paid = match op.fuel() {
            0 => state.register(FUEL) == fixed(FUEL),
            words => {
                let words = self.terms.number(words)?;
                self.walk_of(op, place).fuel_less(state, words)?
            }
        };
        if !is_paid {
            return Err(Why::Fuel);
        }
        if self.is_done(op, place, state)? { Ok(()) } else { Err(Why::Effect) }
    }

    fn walk_of<'w>(&'w mut self, op: &'w Op, place: Place) -> Walk<'w> {
        Walk { terms: &mut self.terms, op, used: place.named.used }
    }

    /// The path ends in a function.
    fn called(
        &mut self,
        op: &Op,
        place: Place,
        state: &State,
        at: usize,
        is_there: bool,
        words: Id,
    ) -> Result<(), Why> {
        // It comes back to the loads of the window in front of the op behind.
        if !is_there || at + 1 != place.end {
            return Err(Why::Branch);
        }
        let is_stored = place.named.written & !state.synced == 0;
        if !(is_stored && state.linked && state.moved && state.slot.is_none() && state.stored.is_none()) {
            return Err(Why::Window);
        }
        if self.walk_of(op, place).fuel_less(state, words)? { Ok(()) } else { Err(Why::Fuel) }
    }

    /// The path ends with the function.
    fn returned(&mut self, op: &Op, place: Place, state: &State) -> Result<(), Why> {
        if !matches!(op.end, End::Return) {
            return Err(Why::Branch);
        }
        let is_stored = place.named.written & !state.synced == 0;
        let is_here = state.register(WINDOW) == fixed(WINDOW) && !state.linked;
        if !(is_stored && is_here && state.slot.is_none() && state.stored.is_none()) {
            return Err(Why::Window);
        }
        if state.register(FUEL) == fixed(FUEL) { Ok(()) } else { Err(Why::Fuel) }
    }

    /// The path ends with the interpreter, which runs the op.
    fn left(&mut self, op: &Op, place: Place, state: &State) -> Result<(), Why> {
        let number = |machine| self.terms.as_number(state.register(machine));
        let names_it = match (number(16), number(17)) {
            (Some(offset), Some(start)) => (offset as u32).wrapping_add(start as u32) as usize == place.at,
            _ => false,
        };
        if !names_it || op.returned.is_some() {
            return Err(Why::WayOut);
        }
        if state.register(FUEL) != fixed(FUEL) {
            return Err(Why::Fuel);
        }
        let is_stored = place.named.written & !state.synced == 0 && state.stored.is_none();
        let mut is_as_before = state.is_as_before(place.named.used, None);
        if let (Some(before), Some((register, _))) = (op.before, op.def) {
            is_as_before |= state.is_as_before(place.named.used, Some((register, before)));
        }
        if is_stored && is_as_before { Ok(()) } else { Err(Why::WayOut) }
    }

    /// The path goes on with one of the branches behind, by a number that is at most the last one's.
    fn table(&mut self, op: &mut Op, place: Place, mut state: State, target: Id) -> Result<(), Why> {
        const ITEM: u32 = kind::X | kind::ADD | 2 << 10;
        const LESS: u32 = 0x1a80_0000 | cond::CC << 12;
        let End::Table(targets) = op.end else { return Err(Why::Branch) };
        let code = self.image.code().get(place.at..).unwrap_or_default();
        let index = window((code.first().copied().unwrap_or(0) >> 8) as u8);
        let last = self.terms.number(u64::from(targets) - 1)?;
        let flags = self.terms.of_two(kind::SUBS, index, last)?;
        let least = self.terms.raw(LESS, [index, last, flags])?;
        let found = self.terms.get(target);
        let first = self.terms.get(found.of[0]);
        if found.kind != ITEM || found.of[1] != least || first.kind != kind::PLACE {
            return Err(Why::Branch);
        }
        state.forget();
        for n in 0..targets as usize {
            self.left = MOST;
            op.offset = code.get(1 + n).copied().unwrap_or(0) as i32;
            let at = first.number as usize + n;
            let word = self.words.get(at).copied().ok_or(Why::Branch)?;
            match self.walk_of(op, place).step(&mut state, word, at)? {
                Flow::To(by) => {
                    let to = usize::try_from(at as i64 + by).map_err(|_| Why::Branch)?;
                    self.arrive(op, place, state, to, 0)?;
                }
                _ => return Err(Why::Branch),
            }
        }
        Ok(())
    }
}

/// The registers of the window that an instruction loads from their places to their machine registers, bit by
/// bit, if it is a load of such.
fn window_load(word: u32) -> Option<u32> {
    let (rt, ru) = (word & 31, word >> 10 & 31);
    if word >> 5 & 31 != WINDOW {
        return None;
    }
    let of = |rt: u32, slot: u32| {
        let register = window_register(rt)?;
        (u32::from(register) == slot).then_some(1 << register)
    };
    if word & 0xffe0_0000 == 0xa940_0000 {
        let slot = word >> 15 & 63;
        return Some(of(rt, slot)? | of(ru, slot + 1)?);
    }
    if word & 0xffc0_0000 == 0xf940_0000 { of(rt, word >> 10 & 0xfff) } else { None }
}
