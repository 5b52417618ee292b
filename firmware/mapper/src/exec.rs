//! Execution: one loop over the ops of an image.
//!
//! What verification has shown is not checked again: registers, lines, functions and branch targets
//! exist. Where Rust needs an answer all the same, the answer is a trap, never a panic.

use core::hint::black_box;

use xmap_image::{FunctionRow, Image, Word, limits, opcode as op};

use crate::arith::{self, extend};
#[cfg(feature = "full")]
use crate::bulk::Bulk;
#[cfg(feature = "full")]
use crate::float::{self, f32_of, f64_of, of_f32, of_f64};
use crate::memory::{Memory, address, load, store};
use crate::native::{Native, drive, place};
use crate::window::window_at;
use crate::{Fault, Port, TrapCode};

/// The link word of the outermost frame: it leads to a place where no image has code.
const OUTERMOST: u64 = u64::MAX << 8;

/// Where the outermost frame's return leads.
const OUTSIDE: usize = (OUTERMOST >> 8) as usize + 1;

/// The detail of a trap where no verified image gets.
const EXCLUDED: u32 = 1;

/// Whether the fields of a word are taken as bytes of memory, one load each, or by shifting the word: what
/// is shorter for the machine.
const BYTES: bool = cfg!(target_arch = "x86_64");

/// The opcode and the fields of a word.
#[inline(always)]
fn fields(word: &Word) -> &[u8; 4] {
    bytemuck::cast_ref(word)
}

/// The lower and the upper half of a register.
#[inline(always)]
fn halves(register: &u64) -> &[u32; 2] {
    bytemuck::cast_ref(register)
}

/// A fault in one number, so that the ways out of the loop carry one value and not two.
#[inline(always)]
const fn packed(fault: Fault) -> u64 {
    (fault.code as u64) << 32 | fault.detail as u64
}

/// The fault in a number.
fn unpacked(number: u64) -> Fault {
    Fault::new(TrapCode::from_u8((number >> 32) as u8).unwrap_or(TrapCode::Unreachable), number as u32)
}

/// A fault and the index of the op that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) fault: Fault,
    pub(crate) at: u32,
}

/// What the loop of ops ends with where the outermost frame has returned; no fault is this number.
const RETURNED: u64 = 0;

/// What it ends with for the memory to grow; no trap has this detail.
const GROW: u64 = packed(Fault::new(TrapCode::Unreachable, EXCLUDED + 1));

/// What it ends with where there is no code.
#[cfg(feature = "machine-code")]
const NO_CODE: u64 = packed(Fault::new(TrapCode::Unreachable, EXCLUDED));

/// What it ends with where there is no fuel left.
const NO_FUEL: u64 = packed(Fault::new(TrapCode::Fuel, 0));

/// Words of fuel that machine code has spent in a run that was short: going there and back takes as long as
/// interpreting some twenty ops.
#[cfg(feature = "machine-code")]
const SHORT_WORDS: i64 = 24;

/// Short runs in a row after which the rest of a function is interpreted: a loop of operations on lines, say.
#[cfg(feature = "machine-code")]
const SHORT_RUNS: u32 = 8;

/// The end of the op at `pc`.
#[cfg(feature = "machine-code")]
fn op_end(code: &[Word], pc: usize) -> usize {
    let first = code.get(pc).copied().unwrap_or(0);
    pc.wrapping_add(xmap_image::Op::from_u8(first as u8).map_or(1, |op| op.words(first)))
}

/// One run: a call's code and what it works on.
// In this order, so that the address of `native`, which its operations take, is that of the whole: another
// one would be computed in front of every op and kept.
#[repr(C)]
pub(crate) struct Run<'r, 'm, P> {
    pub(crate) native: Native<'r, P>,
    pub(crate) code: &'r [Word],
    pub(crate) functions: &'r [FunctionRow],
    pub(crate) image: &'r Image<'r>,
    pub(crate) stack: &'r mut [u64],
    pub(crate) globals: &'r mut [u64],
    pub(crate) memory: &'r mut Memory<'m>,
    /// Where the window is on the stack.
    pub(crate) base: u32,
    /// The last place for a window below the spill slots, which are taken from the stack's other end.
    pub(crate) last_base: u32,
    /// What `memory.size` says.
    pub(crate) pages: u32,
    /// The op that trapped.
    pub(crate) at: u32,
    /// Words of code that the run may still pay for.
    pub(crate) fuel: i64,
}

impl<P: Port> Run<'_, '_, P> {
    /// Runs from the op at `pc` until the outermost frame returns. Arguments stand in the stack's
    /// slots 1 and up, where results will be.
    ///
    /// # Errors
    /// Where an op traps. Everything it did before stays done.
    pub(crate) fn run(&mut self, mut pc: usize) -> Result<(), Stop> {
        self.begin();
        loop {
            match self.execute(pc) {
                RETURNED => return Ok(()),
                GROW => self.grow().map_err(|fault| Stop { fault, at: self.at })?,
                fault => return Err(Stop { fault: unpacked(fault), at: self.at }),
            }
            pc = self.at as usize + 1;
        }
    }

    /// Makes the window at the beginning of the stack the outermost frame's.
    #[inline(always)]
    fn begin(&mut self) {
        self.last_base = self.stack.len().saturating_sub(limits::WINDOW) as u32;
        if let Some(link) = self.stack.first_mut() {
            *link = OUTERMOST;
        }
    }

    /// The same as [`Run::run`], by machine code; the ops that it leaves are run here.
    ///
    /// # Errors
    /// Where an op traps. Everything it did before stays done.
    #[cfg(feature = "machine-code")]
    pub(crate) fn run_machine(&mut self, machine: &dyn crate::Machine, mut pc: usize) -> Result<(), Stop> {
        self.begin();
        let code = self.code;
        let mut short = 0u32;
        loop {
            let mut frame = crate::Frame {
                image: self.image,
                stack: self.stack,
                memory: self.memory.bytes_mut(),
                slots: self.globals,
                base: self.base,
                last_base: self.last_base,
                pages: self.pages,
                fuel: self.fuel,
                op: Some(pc as u32),
            };
            machine.run(&mut frame);
            let crate::Frame { base, fuel, op, .. } = frame;
            short = if self.fuel - fuel < SHORT_WORDS { short.saturating_add(1) } else { 0 };
            (self.base, self.fuel) = (base, fuel);
            let Some(at) = op else { return Ok(()) };
            pc = at as usize;
            // Behind the end, the interpreter finds no code. That is the op's or, where machine code has come
            // to nothing but short runs of late, the function's.
            let end = if short > SHORT_RUNS && !machine.sees_all() {
                self.function_end(pc)
            } else {
                op_end(code, pc)
            };
            self.code = code.get(..end).unwrap_or_default();
            match self.execute(pc) {
                RETURNED => return Ok(()),
                GROW => {
                    self.grow().map_err(|fault| Stop { fault, at: self.at })?;
                    pc = self.at as usize + 1;
                }
                NO_CODE if self.at as usize >= end => pc = self.at as usize,
                fault => return Err(Stop { fault: unpacked(fault), at: self.at }),
            }
        }
    }

    /// The end of the function that has the op at `pc`.
    #[cfg(feature = "machine-code")]
    fn function_end(&self, pc: usize) -> usize {
        let behind = self.functions.partition_point(|row| row.start as usize <= pc);
        self.functions.get(behind).map_or(usize::MAX, |row| row.start as usize).min(self.image.code().len())
    }

    /// `memory.grow`, which needs all of the memory.
    #[cold]
    fn grow(&mut self) -> Result<(), Fault> {
        let Some(word) = self.code.get(self.at as usize) else { return Ok(()) };
        let [_, a, b, _] = word.to_le_bytes();
        if let Some(window) = window_at(self.stack, self.base) {
            let by = window[usize::from(b)] as u32;
            window[usize::from(a)] = u64::from(self.memory.grow(by, &mut self.fuel)?);
            self.pages = self.memory.pages();
        }
        Ok(())
    }

    /// The loop of ops, from the op at `pc`. Returns [`RETURNED`], [`GROW`] or a fault.
    // What every op needs is in local variables that registers can hold, and what no op changes is in
    // variables that nothing changes: LLVM keeps those that do not fit on the stack, but would load and store
    // one that changes around every op. What few ops need is in `self`.
    #[inline(never)]
    fn execute(&mut self, pc: usize) -> u64 {
        let code = self.code;
        let memory = self.memory.bytes_mut();
        let mut fuel = self.fuel;
        let Some(mut window) = window_at(self.stack, self.base) else {
            self.at = pc as u32;
            return packed(Fault::new(TrapCode::StackOverflow, 0));
        };
        // The index of the op, or of its last word once nothing can trap any more. It moves on at the end of
        // the loop alone: an arm that saw it moved on would be compiled to count from its place before, too,
        // and keep both.
        let mut pc = pc;

        let fault = 'run: loop {
            'op: {
                macro_rules! trap {
                    ($code:expr, $detail:expr) => {
                        break 'run packed(Fault::new($code, $detail))
                    };
                }
                // What verification excludes.
                macro_rules! excluded {
                    () => {
                        trap!(TrapCode::Unreachable, EXCLUDED)
                    };
                }
                let Some(word) = code.get(pc) else {
                    if pc == OUTSIDE {
                        break 'run RETURNED;
                    }
                    excluded!()
                };
                // What the machine extracts fields from is loaded once, here; what takes them as bytes never
                // is.
                let value = if BYTES { 0 } else { *word };
                macro_rules! word {
                    () => {
                        if BYTES { *word } else { value }
                    };
                }
                // The word behind.
                macro_rules! behind {
                    () => {{
                        let Some(word) = code.get(pc.wrapping_add(1)) else { excluded!() };
                        *word
                    }};
                }
                macro_rules! skip {
                    () => {
                        pc = pc.wrapping_add(1)
                    };
                }
                // The next word of an op that cannot trap.
                macro_rules! next {
                    () => {{
                        let word = behind!();
                        skip!();
                        word
                    }};
                }
                let opcode = if BYTES { fields(word)[0] } else { value as u8 };
                // A field of the word, taken where it is used: taken here, each op would pay for all three.
                macro_rules! field {
                    (a) => {
                        if BYTES { fields(word)[1] } else { (value >> 8) as u8 }
                    };
                    (b) => {
                        if BYTES { fields(word)[2] } else { (value >> 16) as u8 }
                    };
                    (c) => {
                        if BYTES { fields(word)[3] } else { (value >> 24) as u8 }
                    };
                }
                macro_rules! half {
                    () => {
                        if BYTES {
                            usize::from(u16::from_le_bytes([fields(word)[2], fields(word)[3]]))
                        } else {
                            (value >> 16) as usize
                        }
                    };
                }
                macro_rules! reg {
                    ($r:ident) => {
                        window[usize::from(field!($r))]
                    };
                }
                // The lower half alone, so that it comes zero-extended.
                macro_rules! r32 {
                    ($r:ident) => {
                        if BYTES { halves(&reg!($r))[0] } else { reg!($r) as u32 }
                    };
                }
                macro_rules! s32 {
                    ($r:ident) => {
                        reg!($r) as u32 as i32
                    };
                }
                macro_rules! s64 {
                    ($r:ident) => {
                        reg!($r) as i64
                    };
                }
                // `a =` a u64, a u32 or a bool. All ops that do this end in one place, the end of the loop.
                macro_rules! set {
                    ($value:expr) => {{
                        let value = u64::from($value);
                        if BYTES {
                            window[usize::from(field!(a))] = value;
                            break 'op;
                        }
                        value
                    }};
                }
                // Any other op is done.
                macro_rules! done {
                    () => {
                        break 'op
                    };
                }
                macro_rules! u8w {
                    ($f:ident) => {
                        u64::from(field!($f))
                    };
                }
                macro_rules! i8w {
                    ($f:ident) => {
                        i32::from(field!($f) as i8)
                    };
                }
                // A result, or the trap.
                macro_rules! check {
                    ($result:expr) => {
                        match $result {
                            Ok(value) => value,
                            Err(fault) => {
                                let fault = Fault::from(fault);
                                trap!(fault.code, fault.detail)
                            }
                        }
                    };
                }
                // What the fuel does not cover is given back behind the loop, so that nothing keeps it as it
                // was.
                macro_rules! pay {
                    ($words:expr) => {
                        let words: i64 = $words;
                        fuel -= words;
                        if fuel < 0 {
                            trap!(TrapCode::Fuel, words as u32)
                        }
                    };
                }
                // A branch of `$offset` words if `$taken`. Backward, it costs its distance.
                macro_rules! branch {
                    ($offset:expr, $taken:expr) => {{
                        if $taken {
                            let offset = $offset as i64;
                            pay!(-(offset & (offset >> 63)));
                            pc = pc.wrapping_add(offset as usize);
                        }
                        done!()
                    }};
                }
                macro_rules! branch8 {
                    ($taken:expr) => {
                        branch!(field!(c) as i8, $taken)
                    };
                }
                macro_rules! branch16 {
                    ($taken:expr) => {
                        branch!(word!() as i32 >> 16, $taken)
                    };
                }
                // `a =` what stands at an address; the bytes as `$ty`, then a register.
                macro_rules! ld {
                ($address:expr, $ty:ident as $($rest:tt)+) => {{
                    let address: u64 = $address;
                    let Some(bytes) = load(memory, address) else { trap!(TrapCode::OutOfBounds, limit(address)) };
                    u64::from($ty::from_le_bytes(bytes) as $($rest)+)
                }};
            }
                macro_rules! st {
                ($address:expr, $ty:ident $(, $skip:expr)?) => {{
                    let address: u64 = $address;
                    let bytes = (reg!(a) as $ty).to_le_bytes();
                    if store(memory, address, bytes).is_none() {
                        trap!(TrapCode::OutOfBounds, limit(address))
                    }
                    $($skip;)?
                    done!()
                }};
            }
                // What an op with a word behind gives, once it has trapped or not.
                macro_rules! wide {
                    ($value:expr) => {{
                        let value = $value;
                        skip!();
                        value
                    }};
                }
                // The three forms of an address.
                macro_rules! short {
                    () => {
                        address(reg!(b), u32::from(field!(c)))
                    };
                }
                macro_rules! long {
                    () => {
                        address(reg!(b), behind!())
                    };
                }
                macro_rules! fixed {
                    () => {
                        u64::from(word!() >> 16)
                    };
                }

                // The place of the line that register `$r` names, the word's byte `$byte`, if it is in the
                // set.
                macro_rules! line {
                    ($set:ident, $r:ident, $byte:literal) => {
                        match self.native.lines.$set.find(u64::from(r32!($r))) {
                            Some(place) => place,
                            None => {
                                // Behind the box it is read again, so that nothing keeps it for this.
                                let word = if BYTES { *black_box(word) } else { value };
                                trap!(
                                    TrapCode::UndeclaredLine,
                                    window[usize::from(word.to_le_bytes()[$byte])] as u32
                                )
                            }
                        }
                    };
                }
                macro_rules! drive {
                    ($place:expr, $high:expr) => {{
                        let place = $place;
                        drive(self.native.port, place, $high);
                        done!()
                    }};
                }
                // Goes on in a function whose register 0 is register `a`.
                macro_rules! enter {
                    ($callee:ident, $link:expr) => {{
                        let above = self.base.wrapping_add(u32::from(field!(a)));
                        if above > self.last_base {
                            trap!(TrapCode::StackOverflow, 0)
                        }
                        let Some(new) = window_at(self.stack, above) else { excluded!() };
                        new[0] = ($link as u64) << 8 | u64::from(field!(a));
                        pay!(i64::from($callee.words()));
                        (window, self.base) = (new, above);
                        pc = ($callee.start as usize).wrapping_sub(1);
                        done!()
                    }};
                }
                // Goes on where the link leads: past the outermost frame, no code is there.
                macro_rules! leave {
                    () => {{
                        let link = window[0];
                        self.base = self.base.wrapping_sub(u32::from(link as u8));
                        pc = (link >> 8) as usize;
                        let Some(old) = window_at(self.stack, self.base) else { excluded!() };
                        window = old;
                        done!()
                    }};
                }
                // The place of a spill slot.
                macro_rules! slot {
                    () => {
                        self.last_base as usize + limits::WINDOW + half!()
                    };
                }
                #[cfg(feature = "full")]
                macro_rules! f32s {
                    ($f:expr) => {
                        $f(f32_of(reg!(b)), f32_of(reg!(c)))
                    };
                }
                #[cfg(feature = "full")]
                macro_rules! f64s {
                    ($f:expr) => {
                        $f(f64_of(reg!(b)), f64_of(reg!(c)))
                    };
                }

                let value = match opcode {
                    // Bytes that are no op have an arm too, so that the table of arms needs no check in
                    // front. An arm of nothing but constants would have them loaded in front of every op;
                    // this word is zero, as verification has shown.
                    op::Unreachable | other_ops!() => trap!(TrapCode::Unreachable, word!().swap_bytes()),
                    op::Br => branch!(word!() as i32 >> 8, true),
                    op::BrIf => branch16!(reg!(a) != 0),
                    op::BrIfz => branch16!(reg!(a) == 0),
                    op::BrTable => {
                        let index = (r32!(a) as usize).min(half!());
                        let Some(offset) = code.get(pc.wrapping_add(1).wrapping_add(index)) else {
                            excluded!()
                        };
                        branch!(*offset as i32, true)
                    }
                    op::Call => {
                        let Some(callee) = self.functions.get(half!()) else { excluded!() };
                        enter!(callee, pc)
                    }
                    #[cfg(feature = "full")]
                    op::CallIndirect => {
                        let ty = behind!();
                        let Some(table) = self.image.tables().get(usize::from(field!(c))) else {
                            excluded!()
                        };
                        let Some(slots) = self.globals.get(table.slot as usize..) else { excluded!() };
                        let index = r32!(b);
                        if slots.first().is_none_or(|size| u64::from(index) >= *size) {
                            trap!(TrapCode::UndefinedElement, index)
                        }
                        // Null is zero, which becomes an index that no function has.
                        let reference = slots.get(index as usize + 1).copied().unwrap_or(0);
                        let Some(callee) = self.functions.get(reference.wrapping_sub(1) as usize) else {
                            trap!(TrapCode::NullElement, index)
                        };
                        if callee.ty() != ty {
                            trap!(TrapCode::SignatureMismatch, index)
                        }
                        enter!(callee, pc.wrapping_add(1))
                    }
                    op::Ret => leave!(),
                    op::RetV => {
                        window[1] = reg!(a);
                        leave!()
                    }
                    op::Copy => set!(reg!(b)),
                    op::Const32 => set!((word!() as i32 >> 16) as u32),
                    op::Const64 => set!((word!() as i32 >> 16) as i64 as u64),
                    op::Const32W => set!(next!()),
                    op::Const64W => {
                        let low = u64::from(next!());
                        set!(low | u64::from(next!()) << 32)
                    }
                    op::CmovNz => {
                        if reg!(b) == 0 {
                            done!()
                        }
                        set!(reg!(c))
                    }
                    op::CmovZ => {
                        if reg!(b) != 0 {
                            done!()
                        }
                        set!(reg!(c))
                    }
                    op::GlobalGet => {
                        let Some(global) = self.globals.get(half!()) else { excluded!() };
                        set!(*global)
                    }
                    op::GlobalSet => {
                        let Some(global) = self.globals.get_mut(half!()) else { excluded!() };
                        *global = reg!(a);
                        done!()
                    }

                    op::BrEq => branch8!(reg!(a) == reg!(b)),
                    op::BrNe => branch8!(reg!(a) != reg!(b)),
                    op::BrLtU => branch8!(reg!(a) < reg!(b)),
                    op::BrLeU => branch8!(reg!(a) <= reg!(b)),
                    op::BrLtS32 => branch8!(s32!(a) < s32!(b)),
                    op::BrLeS32 => branch8!(s32!(a) <= s32!(b)),
                    op::BrLtS64 => branch8!(s64!(a) < s64!(b)),
                    op::BrLeS64 => branch8!(s64!(a) <= s64!(b)),
                    op::BrEqI => branch8!(reg!(a) == u8w!(b)),
                    op::BrNeI => branch8!(reg!(a) != u8w!(b)),
                    op::BrLtUI => branch8!(reg!(a) < u8w!(b)),
                    op::BrGtUI => branch8!(reg!(a) > u8w!(b)),
                    op::BrLtSI32 => branch8!(s32!(a) < i8w!(b)),
                    op::BrGtSI32 => branch8!(s32!(a) > i8w!(b)),

                    op::BrAddI32 => {
                        let sum = (r32!(a)).wrapping_add(i8w!(b) as u32);
                        window[usize::from(field!(a))] = u64::from(sum);
                        if sum != 0 {
                            let back = u8w!(c);
                            pay!(back as i64);
                            pc = pc.wrapping_sub(back as usize);
                        }
                        done!()
                    }

                    op::Eq => set!(reg!(b) == reg!(c)),
                    op::Ne => set!(reg!(b) != reg!(c)),
                    op::LtU => set!(reg!(b) < reg!(c)),
                    op::LeU => set!(reg!(b) <= reg!(c)),
                    op::LtS32 => set!(s32!(b) < s32!(c)),
                    op::LeS32 => set!(s32!(b) <= s32!(c)),
                    op::LtS64 => set!(s64!(b) < s64!(c)),
                    op::LeS64 => set!(s64!(b) <= s64!(c)),
                    op::EqI => set!(reg!(b) == u8w!(c)),
                    op::NeI => set!(reg!(b) != u8w!(c)),
                    op::LtUI => set!(reg!(b) < u8w!(c)),
                    op::GtUI => set!(reg!(b) > u8w!(c)),
                    op::LtSI32 => set!(s32!(b) < i8w!(c)),
                    op::GtSI32 => set!(s32!(b) > i8w!(c)),

                    op::Add32 => set!((r32!(b)).wrapping_add(r32!(c))),
                    op::Sub32 => set!((r32!(b)).wrapping_sub(r32!(c))),
                    op::Mul32 => set!((r32!(b)).wrapping_mul(r32!(c))),
                    op::DivS32 => set!(check!(arith::div_s32(r32!(b), r32!(c)))),
                    op::DivU32 => set!(check!(arith::div_u32(r32!(b), r32!(c)))),
                    op::RemS32 => set!(check!(arith::rem_s32(r32!(b), r32!(c)))),
                    op::RemU32 => set!(check!(arith::rem_u32(r32!(b), r32!(c)))),
                    op::And => set!(reg!(b) & reg!(c)),
                    op::Or => set!(reg!(b) | reg!(c)),
                    op::Xor => set!(reg!(b) ^ reg!(c)),
                    op::Shl32 => set!((r32!(b)).wrapping_shl(r32!(c))),
                    op::ShrS32 => set!((s32!(b)).wrapping_shr(r32!(c)) as u32),
                    op::ShrU32 => set!((r32!(b)).wrapping_shr(r32!(c))),
                    op::Rotl32 => set!((r32!(b)).rotate_left(r32!(c))),
                    op::Rotr32 => set!((r32!(b)).rotate_right(r32!(c))),
                    op::Add64 => set!(reg!(b).wrapping_add(reg!(c))),
                    op::Sub64 => set!(reg!(b).wrapping_sub(reg!(c))),
                    op::Mul64 => set!(reg!(b).wrapping_mul(reg!(c))),
                    op::DivS64 => set!(check!(arith::div_s64(reg!(b), reg!(c)))),
                    op::DivU64 => set!(check!(arith::div_u64(reg!(b), reg!(c)))),
                    op::RemS64 => set!(check!(arith::rem_s64(reg!(b), reg!(c)))),
                    op::RemU64 => set!(check!(arith::rem_u64(reg!(b), reg!(c)))),
                    op::Shl64 => set!(reg!(b).wrapping_shl(r32!(c))),
                    op::ShrS64 => set!((s64!(b)).wrapping_shr(r32!(c)) as u64),
                    op::ShrU64 => set!(reg!(b).wrapping_shr(r32!(c))),
                    op::Rotl64 => set!(reg!(b).rotate_left(r32!(c))),
                    op::Rotr64 => set!(reg!(b).rotate_right(r32!(c))),

                    op::AddI32 => set!((r32!(b)).wrapping_add(i8w!(c) as u32)),
                    op::MulI32 => set!((r32!(b)).wrapping_mul(i8w!(c) as u32)),
                    op::AndI => set!(reg!(b) & u8w!(c)),
                    op::OrI => set!(reg!(b) | u8w!(c)),
                    op::XorI => set!(reg!(b) ^ u8w!(c)),
                    op::ShlI32 => set!((r32!(b)).wrapping_shl(u32::from(field!(c)))),
                    op::ShrSI32 => set!((s32!(b)).wrapping_shr(u32::from(field!(c))) as u32),
                    op::ShrUI32 => set!((r32!(b)).wrapping_shr(u32::from(field!(c)))),
                    op::RotlI32 => set!((r32!(b)).rotate_left(u32::from(field!(c)))),
                    op::AddI64 => set!(reg!(b).wrapping_add(i8w!(c) as i64 as u64)),
                    op::ShlI64 => set!(reg!(b).wrapping_shl(u32::from(field!(c)))),
                    op::ShrSI64 => set!((s64!(b)).wrapping_shr(u32::from(field!(c))) as u64),
                    op::ShrUI64 => set!(reg!(b).wrapping_shr(u32::from(field!(c)))),
                    op::RotlI64 => set!(reg!(b).rotate_left(u32::from(field!(c)))),
                    op::AddW32 => set!((r32!(b)).wrapping_add(next!())),
                    op::MulW32 => set!((r32!(b)).wrapping_mul(next!())),
                    op::AndW => set!(reg!(b) & u64::from(next!())),
                    op::OrW => set!(reg!(b) | u64::from(next!())),
                    op::XorW => set!(reg!(b) ^ u64::from(next!())),

                    op::XorShrI32 => set!(reg!(a) ^ u64::from((r32!(b)).wrapping_shr(u32::from(field!(c))))),

                    op::Clz32 => set!((r32!(b)).leading_zeros()),
                    op::Ctz32 => set!((r32!(b)).trailing_zeros()),
                    op::Popcnt => set!(reg!(b).count_ones()),
                    op::Clz64 => set!(reg!(b).leading_zeros()),
                    op::Ctz64 => set!(reg!(b).trailing_zeros()),
                    op::Ext8S32 => set!(extend!(reg!(b), i8 => i32 as u32)),
                    op::Ext16S32 => set!(extend!(reg!(b), i16 => i32 as u32)),
                    op::Ext8S64 => set!(extend!(reg!(b), i8 => i64 as u64)),
                    op::Ext16S64 => set!(extend!(reg!(b), i16 => i64 as u64)),
                    op::Ext32S64 => set!(extend!(reg!(b), i32 => i64 as u64)),
                    op::Wrap => set!(r32!(b)),
                    op::Spill => {
                        let value = reg!(a);
                        let Some(slot) = self.stack.get_mut(slot!()) else { excluded!() };
                        *slot = value;
                        let Some(same) = window_at(self.stack, self.base) else { excluded!() };
                        window = same;
                        done!()
                    }
                    op::Fill => {
                        let Some(slot) = self.stack.get(slot!()) else { excluded!() };
                        let value = *slot;
                        let Some(same) = window_at(self.stack, self.base) else { excluded!() };
                        window = same;
                        set!(value)
                    }
                    op::SpillEnter => {
                        let Some(room) = self.last_base.checked_sub(half!() as u32) else {
                            trap!(TrapCode::StackOverflow, 0)
                        };
                        if self.base > room {
                            trap!(TrapCode::StackOverflow, 0)
                        }
                        self.last_base = room;
                        done!()
                    }
                    op::SpillLeave => {
                        self.last_base = self.last_base.wrapping_add(half!() as u32);
                        done!()
                    }
                    op::MemorySize => set!(self.pages),
                    op::MemoryGrow => {
                        (self.fuel, self.at) = (fuel, pc as u32);
                        return GROW;
                    }

                    op::Ld8U => set!(ld!(short!(), u8 as u64)),
                    op::Ld8S32 => set!(ld!(short!(), i8 as i32 as u32)),
                    op::Ld8S64 => set!(ld!(short!(), i8 as i64 as u64)),
                    op::Ld16U => set!(ld!(short!(), u16 as u64)),
                    op::Ld16S32 => set!(ld!(short!(), i16 as i32 as u32)),
                    op::Ld16S64 => set!(ld!(short!(), i16 as i64 as u64)),
                    op::Ld32U => set!(ld!(short!(), u32 as u64)),
                    op::Ld32S64 => set!(ld!(short!(), i32 as i64 as u64)),
                    op::Ld64 => set!(ld!(short!(), u64 as u64)),
                    op::Ld8UW => set!(wide!(ld!(long!(), u8 as u64))),
                    op::Ld8S32W => set!(wide!(ld!(long!(), i8 as i32 as u32))),
                    op::Ld8S64W => set!(wide!(ld!(long!(), i8 as i64 as u64))),
                    op::Ld16UW => set!(wide!(ld!(long!(), u16 as u64))),
                    op::Ld16S32W => set!(wide!(ld!(long!(), i16 as i32 as u32))),
                    op::Ld16S64W => set!(wide!(ld!(long!(), i16 as i64 as u64))),
                    op::Ld32UW => set!(wide!(ld!(long!(), u32 as u64))),
                    op::Ld32S64W => set!(wide!(ld!(long!(), i32 as i64 as u64))),
                    op::Ld64W => set!(wide!(ld!(long!(), u64 as u64))),
                    op::Ld8UAt => set!(ld!(fixed!(), u8 as u64)),
                    op::Ld8S32At => set!(ld!(fixed!(), i8 as i32 as u32)),
                    op::Ld16UAt => set!(ld!(fixed!(), u16 as u64)),
                    op::Ld16S32At => set!(ld!(fixed!(), i16 as i32 as u32)),
                    op::Ld32UAt => set!(ld!(fixed!(), u32 as u64)),
                    op::Ld64At => set!(ld!(fixed!(), u64 as u64)),
                    op::Ld8UAdd => set!(wide!(ld!(u64::from((r32!(b)).wrapping_add(behind!())), u8 as u64))),
                    op::Ld32UTable => {
                        let item = u64::from((r32!(b) ^ r32!(c)) as u8);
                        let table = behind!();
                        let value = ld!(u64::from(table << 1 >> 1) + item * 4, u32 as u64) as u32;
                        // All ones where the rest of `c` is wanted, too.
                        let rest = r32!(c) >> 8 & (table as i32 >> 31) as u32;
                        skip!();
                        set!(value ^ rest)
                    }
                    op::St8 => st!(short!(), u8),
                    op::St16 => st!(short!(), u16),
                    op::St32 => st!(short!(), u32),
                    op::St64 => st!(short!(), u64),
                    op::St8W => st!(long!(), u8, skip!()),
                    op::St16W => st!(long!(), u16, skip!()),
                    op::St32W => st!(long!(), u32, skip!()),
                    op::St64W => st!(long!(), u64, skip!()),
                    op::St8At => st!(fixed!(), u8),
                    op::St16At => st!(fixed!(), u16),
                    op::St32At => st!(fixed!(), u32),
                    op::St64At => st!(fixed!(), u64),

                    op::LineSet => drive!(place(field!(a)), true),
                    op::LineClear => drive!(place(field!(a)), false),
                    op::LinePut => drive!(place(field!(a)), r32!(b) != 0),
                    op::LineGet => set!(self.native.is_high(place(field!(b)))),
                    op::MaskSet => drive!((bank(field!(a)), next!()), true),
                    op::MaskClear => drive!((bank(field!(a)), next!()), false),
                    op::BankRead => set!(self.native.levels(bank(field!(b)))),
                    op::GpioSet => drive!(line!(writable, a, 1), true),
                    op::GpioClear => drive!(line!(writable, a, 1), false),
                    op::GpioPut => drive!(line!(writable, a, 1), r32!(b) != 0),
                    op::GpioGet => {
                        let place = line!(declared, b, 2);
                        set!(self.native.is_high(place))
                    }
                    op::LineToggle => {
                        self.native.flip(place(field!(a)));
                        done!()
                    }
                    op::GpioToggle => {
                        let place = line!(writable, a, 1);
                        self.native.flip(place);
                        done!()
                    }
                    op::GpioRead => set!(check!(self.native.read(r32!(b)))),
                    op::TimeNow => set!(self.native.now()),
                    rare_ops!() => {
                        fuel = check!(self.native.rare(word!(), window, memory, fuel));
                        done!()
                    }

                    #[cfg(feature = "full")]
                    bulk_ops!() => {
                        let mut bulk = Bulk { image: self.image, slots: self.globals, memory };
                        let (words, left) = check!(bulk.step(code, pc, window, fuel));
                        (pc, fuel) = (pc.wrapping_add(words).wrapping_sub(1), left);
                        done!()
                    }
                    #[cfg(feature = "full")]
                    op::RefFunc => set!((word!() >> 16) + 1),

                    #[cfg(feature = "full")]
                    op::FAdd32 => set!(of_f32(f32s!(|x, y| x + y))),
                    #[cfg(feature = "full")]
                    op::FSub32 => set!(of_f32(f32s!(|x, y| x - y))),
                    #[cfg(feature = "full")]
                    op::FMul32 => set!(of_f32(f32s!(|x, y| x * y))),
                    #[cfg(feature = "full")]
                    op::FDiv32 => set!(of_f32(f32s!(|x, y| x / y))),
                    #[cfg(feature = "full")]
                    op::FMin32 => set!(of_f32(f32s!(float::min32))),
                    #[cfg(feature = "full")]
                    op::FMax32 => set!(of_f32(f32s!(float::max32))),
                    #[cfg(feature = "full")]
                    op::FEq32 => set!(f32s!(|x, y| x == y)),
                    #[cfg(feature = "full")]
                    op::FNe32 => set!(f32s!(|x, y| x != y)),
                    #[cfg(feature = "full")]
                    op::FLt32 => set!(f32s!(|x, y| x < y)),
                    #[cfg(feature = "full")]
                    op::FLe32 => set!(f32s!(|x, y| x <= y)),
                    #[cfg(feature = "full")]
                    op::FAdd64 => set!(of_f64(f64s!(|x, y| x + y))),
                    #[cfg(feature = "full")]
                    op::FSub64 => set!(of_f64(f64s!(|x, y| x - y))),
                    #[cfg(feature = "full")]
                    op::FMul64 => set!(of_f64(f64s!(|x, y| x * y))),
                    #[cfg(feature = "full")]
                    op::FDiv64 => set!(of_f64(f64s!(|x, y| x / y))),
                    #[cfg(feature = "full")]
                    op::FMin64 => set!(of_f64(f64s!(float::min64))),
                    #[cfg(feature = "full")]
                    op::FMax64 => set!(of_f64(f64s!(float::max64))),
                    #[cfg(feature = "full")]
                    op::FEq64 => set!(f64s!(|x, y| x == y)),
                    #[cfg(feature = "full")]
                    op::FNe64 => set!(f64s!(|x, y| x != y)),
                    #[cfg(feature = "full")]
                    op::FLt64 => set!(f64s!(|x, y| x < y)),
                    #[cfg(feature = "full")]
                    op::FLe64 => set!(f64s!(|x, y| x <= y)),
                    #[cfg(feature = "full")]
                    float_unary_ops!() => {
                        set!(check!(float::unary(word!(), reg!(b))))
                    }
                };
                window[usize::from(field!(a))] = value;
            }
            pc = pc.wrapping_add(1);
        };
        self.fuel = fuel;
        self.at = pc as u32;
        if fault >> 32 != NO_FUEL >> 32 {
            return fault;
        }
        if fuel < 0 {
            self.fuel = fuel + i64::from(fault as u32);
        }
        NO_FUEL
    }
}

/// The bank that verification has shown to exist.
#[inline(always)]
const fn bank(number: u8) -> xmap_boards::Bank {
    xmap_boards::Bank::nth(number as usize)
}

/// An address as the detail of a trap: those beyond 32 bits are all ones.
#[inline(always)]
const fn limit(address: u64) -> u32 {
    if address > u32::MAX as u64 { u32::MAX } else { address as u32 }
}
