//! Execution: one loop over the ops of an image.
//!
//! What verification has shown is not checked again: registers, lines, functions and branch targets
//! exist. Where Rust needs an answer all the same, the answer is a trap, never a panic.

use xmap_image::{FunctionRow, Image, Word, limits, opcode as op};

use crate::arith::{self, extend};
#[cfg(feature = "full")]
use crate::bulk::Bulk;
#[cfg(feature = "full")]
use crate::float::{self, f32_of, f64_of, of_f32, of_f64};
use crate::memory::{Memory, address, load, store};
use crate::native::Native;
use crate::{Fault, Port, TrapCode};

/// The link word of the outermost frame: no image has code at this place.
const OUTERMOST: u64 = u64::MAX;

/// The detail of a trap where no verified image gets.
const EXCLUDED: u32 = 1;

/// The registers of a function: 256 of them, so that a byte names one without a check.
pub(crate) type Window = [u64; limits::WINDOW];

/// The window at `base`; `None` where there is no room for one below `top`.
#[inline(always)]
fn window_at(stack: &mut [u64], base: usize, top: usize) -> Option<&mut Window> {
    stack.get_mut(base..top)?.first_chunk_mut()
}

/// A fault and the index of the op that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) fault: Fault,
    pub(crate) at: u32,
}

/// One run: a call's code and what it works on.
pub(crate) struct Run<'r, 'm, P> {
    pub(crate) code: &'r [Word],
    pub(crate) functions: &'r [FunctionRow],
    pub(crate) image: &'r Image<'r>,
    pub(crate) stack: &'r mut [u64],
    pub(crate) globals: &'r mut [u64],
    pub(crate) memory: &'r mut Memory<'m>,
    pub(crate) native: Native<'r, P>,
    /// Words of code that the run may still pay for.
    pub(crate) fuel: i64,
}

impl<P: Port> Run<'_, '_, P> {
    /// Runs from the op at `pc` until the outermost frame returns. Arguments stand in the stack's
    /// slots 1 and up, where results will be.
    ///
    /// # Errors
    /// Where an op traps. Everything it did before stays done.
    #[inline(never)]
    pub(crate) fn run(&mut self, mut pc: usize) -> Result<(), Stop> {
        let (code, functions) = (self.code, self.functions);
        let (stack, globals) = (&mut *self.stack, &mut *self.globals);
        let native = &mut self.native;
        let mut pages = self.memory.pages();
        let mut memory = self.memory.bytes_mut();
        let mut fuel = self.fuel;
        let mut base = 0;
        // Spill slots are taken from the stack's other end.
        let mut top = stack.len();
        let Some(mut window) = window_at(stack, base, top) else {
            return Err(Stop { fault: Fault::new(TrapCode::StackOverflow, 0), at: pc as u32 });
        };
        window[0] = OUTERMOST;

        let outcome = 'run: loop {
            let at = pc;
            macro_rules! trap {
                ($code:expr, $detail:expr) => {
                    break 'run Err(Stop { fault: Fault::new($code, $detail), at: at as u32 })
                };
            }
            // What verification excludes.
            macro_rules! excluded {
                () => {
                    trap!(TrapCode::Unreachable, EXCLUDED)
                };
            }
            // The next word of this op.
            macro_rules! next {
                () => {{
                    let Some(word) = code.get(pc) else { excluded!() };
                    pc = pc.wrapping_add(1);
                    *word
                }};
            }
            let word = next!();
            let opcode = word as u8;
            // A field of the word, taken where it is used: taken here, each op would pay for all three.
            macro_rules! field {
                (a) => {
                    (word >> 8) as u8
                };
                (b) => {
                    (word >> 16) as u8
                };
                (c) => {
                    (word >> 24) as u8
                };
            }
            macro_rules! reg {
                ($r:ident) => {
                    window[usize::from(field!($r))]
                };
            }
            macro_rules! r32 {
                ($r:ident) => {
                    reg!($r) as u32
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
            // `a =` a u64, a u32 or a bool.
            macro_rules! set {
                ($value:expr) => {
                    window[usize::from(field!(a))] = u64::from($value)
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
            // A branch of `$offset` words if `$taken`. Backward, it costs its distance.
            macro_rules! branch {
                ($offset:expr, $taken:expr) => {
                    if $taken {
                        let offset = $offset as i64;
                        let left = fuel + (offset & (offset >> 63));
                        if left < 0 {
                            trap!(TrapCode::Fuel, 0)
                        }
                        fuel = left;
                        pc = pc.wrapping_add(offset as usize);
                    }
                };
            }
            macro_rules! branch8 {
                ($taken:expr) => {
                    branch!(word as i32 >> 24, $taken)
                };
            }
            macro_rules! branch16 {
                ($taken:expr) => {
                    branch!(word as i32 >> 16, $taken)
                };
            }
            // `a =` what stands at an address; the bytes as `$ty`, then a register.
            macro_rules! ld {
                ($address:expr, $ty:ident as $($rest:tt)+) => {{
                    let address: u64 = $address;
                    let Some(bytes) = load(memory, address) else { trap!(TrapCode::OutOfBounds, limit(address)) };
                    set!($ty::from_le_bytes(bytes) as $($rest)+)
                }};
            }
            macro_rules! st {
                ($address:expr, $ty:ident) => {{
                    let address: u64 = $address;
                    let bytes = (reg!(a) as $ty).to_le_bytes();
                    if store(memory, address, bytes).is_none() {
                        trap!(TrapCode::OutOfBounds, limit(address))
                    }
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
                    address(reg!(b), next!())
                };
            }
            macro_rules! fixed {
                () => {
                    u64::from(word >> 16)
                };
            }

            // Goes on in a function whose register 0 is register `a`.
            macro_rules! enter {
                ($callee:ident) => {{
                    let left = fuel - i64::from($callee.words());
                    if left < 0 {
                        trap!(TrapCode::Fuel, 0)
                    }
                    base += usize::from(field!(a));
                    let Some(new) = window_at(stack, base, top) else { trap!(TrapCode::StackOverflow, 0) };
                    new[0] = (pc as u64) << 8 | u64::from(field!(a));
                    window = new;
                    fuel = left;
                    pc = $callee.start as usize;
                }};
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

            match opcode {
                op::Unreachable => trap!(TrapCode::Unreachable, 0),
                op::Br => branch!(word as i32 >> 8, true),
                op::BrIf => branch16!(reg!(a) != 0),
                op::BrIfz => branch16!(reg!(a) == 0),
                op::BrTable => {
                    let index = (r32!(a)).min(word >> 16);
                    let Some(offset) = code.get(pc.wrapping_add(index as usize)) else { excluded!() };
                    branch!(*offset as i32, true)
                }
                op::Call => {
                    let Some(callee) = functions.get((word >> 16) as usize) else { excluded!() };
                    enter!(callee)
                }
                op::CallIndirect => {
                    let ty = next!();
                    let Some(table) = self.image.tables().get(usize::from(field!(c))) else { excluded!() };
                    let Some(slots) = globals.get(table.slot as usize..) else { excluded!() };
                    let index = r32!(b);
                    if slots.first().is_none_or(|size| u64::from(index) >= *size) {
                        trap!(TrapCode::UndefinedElement, index)
                    }
                    // Null is zero, which becomes an index that no function has.
                    let reference = slots.get(index as usize + 1).copied().unwrap_or(0);
                    let Some(callee) = functions.get(reference.wrapping_sub(1) as usize) else {
                        trap!(TrapCode::NullElement, index)
                    };
                    if callee.ty() != ty {
                        trap!(TrapCode::SignatureMismatch, index)
                    }
                    enter!(callee)
                }
                op::Ret | op::RetV => {
                    if opcode == op::RetV {
                        window[1] = reg!(a);
                    }
                    let link = window[0];
                    if link == OUTERMOST {
                        break 'run Ok(());
                    }
                    base = base.wrapping_sub(link as u8 as usize);
                    pc = (link >> 8) as usize;
                    let Some(old) = window_at(stack, base, top) else { excluded!() };
                    window = old;
                }
                op::Copy => set!(reg!(b)),
                op::Const32 => set!((word as i32 >> 16) as u32),
                op::Const64 => set!((word as i32 >> 16) as i64 as u64),
                op::Const32W => set!(next!()),
                op::Const64W => {
                    let low = u64::from(next!());
                    set!(low | u64::from(next!()) << 32)
                }
                op::CmovNz => set!(if reg!(b) != 0 { reg!(c) } else { reg!(a) }),
                op::CmovZ => set!(if reg!(b) == 0 { reg!(c) } else { reg!(a) }),
                op::GlobalGet => {
                    let Some(global) = globals.get((word >> 16) as usize) else { excluded!() };
                    set!(*global)
                }
                op::GlobalSet => {
                    let Some(global) = globals.get_mut((word >> 16) as usize) else { excluded!() };
                    *global = reg!(a);
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
                op::Spill | op::Fill => {
                    let value = reg!(a);
                    let Some(slot) = stack.get_mut(top.wrapping_add((word >> 16) as usize)) else {
                        excluded!()
                    };
                    let kept = *slot;
                    if opcode == op::Spill {
                        *slot = value;
                    }
                    let Some(same) = window_at(stack, base, top) else { excluded!() };
                    window = same;
                    if opcode == op::Fill {
                        set!(kept);
                    }
                }
                op::SpillEnter => {
                    let slots = (word >> 16) as usize;
                    let Some(room) = top.checked_sub(slots) else { trap!(TrapCode::StackOverflow, 0) };
                    let Some(same) = window_at(stack, base, room) else { trap!(TrapCode::StackOverflow, 0) };
                    window = same;
                    top = room;
                }
                op::SpillLeave => top = top.wrapping_add((word >> 16) as usize),
                op::MemorySize => set!(pages),
                op::MemoryGrow => {
                    set!(self.memory.grow(r32!(b)));
                    pages = self.memory.pages();
                    memory = self.memory.bytes_mut();
                }

                op::Ld8U => ld!(short!(), u8 as u64),
                op::Ld8S32 => ld!(short!(), i8 as i32 as u32),
                op::Ld8S64 => ld!(short!(), i8 as i64 as u64),
                op::Ld16U => ld!(short!(), u16 as u64),
                op::Ld16S32 => ld!(short!(), i16 as i32 as u32),
                op::Ld16S64 => ld!(short!(), i16 as i64 as u64),
                op::Ld32U => ld!(short!(), u32 as u64),
                op::Ld32S64 => ld!(short!(), i32 as i64 as u64),
                op::Ld64 => ld!(short!(), u64 as u64),
                op::Ld8UW => ld!(long!(), u8 as u64),
                op::Ld8S32W => ld!(long!(), i8 as i32 as u32),
                op::Ld8S64W => ld!(long!(), i8 as i64 as u64),
                op::Ld16UW => ld!(long!(), u16 as u64),
                op::Ld16S32W => ld!(long!(), i16 as i32 as u32),
                op::Ld16S64W => ld!(long!(), i16 as i64 as u64),
                op::Ld32UW => ld!(long!(), u32 as u64),
                op::Ld32S64W => ld!(long!(), i32 as i64 as u64),
                op::Ld64W => ld!(long!(), u64 as u64),
                op::Ld8UAt => ld!(fixed!(), u8 as u64),
                op::Ld8S32At => ld!(fixed!(), i8 as i32 as u32),
                op::Ld16UAt => ld!(fixed!(), u16 as u64),
                op::Ld16S32At => ld!(fixed!(), i16 as i32 as u32),
                op::Ld32UAt => ld!(fixed!(), u32 as u64),
                op::Ld64At => ld!(fixed!(), u64 as u64),
                op::St8 => st!(short!(), u8),
                op::St16 => st!(short!(), u16),
                op::St32 => st!(short!(), u32),
                op::St64 => st!(short!(), u64),
                op::St8W => st!(long!(), u8),
                op::St16W => st!(long!(), u16),
                op::St32W => st!(long!(), u32),
                op::St64W => st!(long!(), u64),
                op::St8At => st!(fixed!(), u8),
                op::St16At => st!(fixed!(), u16),
                op::St32At => st!(fixed!(), u32),
                op::St64At => st!(fixed!(), u64),

                op::LineSet => native.drive(field!(a), true),
                op::LineClear => native.drive(field!(a), false),
                op::LinePut => native.drive(field!(a), r32!(b) != 0),
                op::LineToggle => native.flip(field!(a)),
                op::LineGet => set!(native.level(field!(b))),
                op::MaskSet => {
                    let mask = next!();
                    native.port.set(bank(field!(a)), mask);
                }
                op::MaskClear => {
                    let mask = next!();
                    native.port.clear(bank(field!(a)), mask);
                }
                op::BankRead => set!(native.port.level(bank(field!(b)))),
                op::GpioSet => check!(native.put(r32!(a), true)),
                op::GpioClear => check!(native.put(r32!(a), false)),
                op::GpioPut => check!(native.put(r32!(a), r32!(b) != 0)),
                op::GpioToggle => check!(native.toggle(r32!(a))),
                op::GpioGet => set!(check!(native.get(r32!(b)))),
                op::GpioRead => set!(check!(native.read(r32!(b)))),
                op::GpioWrite => check!(native.write(r32!(a), r32!(b), r32!(c))),
                op::GpioDirection => check!(native.direction(r32!(a), r32!(b) != 0)),
                op::GpioPull => check!(native.pull(r32!(a), r32!(b))),
                op::TimeNow => set!(native.port.now_us()),
                op::TimeDelay => check!(native.delay(r32!(a))),
                op::LogMessage => check!(native.log(memory, r32!(a), r32!(b), r32!(c))),

                #[cfg(feature = "full")]
                op::TableGet..=op::DataDrop => {
                    let mut bulk = Bulk { image: self.image, slots: globals, memory };
                    let rest = code.get(at..).unwrap_or_default();
                    let (words, left) = check!(bulk.step(rest, window, fuel));
                    (pc, fuel) = (at.wrapping_add(words), left);
                }
                op::RefFunc => set!((word >> 16) + 1),

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
                op::FSqrt32..=op::FNearest32 | op::FSqrt64..=op::Promote => {
                    set!(check!(float::unary(opcode, reg!(b))))
                }
                // No op. The last byte has an arm of its own, so that the table of the arms covers
                // every byte and no bounds check of it is in the way.
                u8::MAX => trap!(TrapCode::Unreachable, EXCLUDED + 1),
                _ => excluded!(),
            }
        };
        self.fuel = fuel;
        outcome
    }
}

/// The bank that verification has shown to exist.
#[inline(always)]
const fn bank(number: u8) -> xmap_boards::Bank {
    if number == 0 { xmap_boards::Bank::Zero } else { xmap_boards::Bank::One }
}

/// An address as the detail of a trap: those beyond 32 bits are all ones.
#[inline(always)]
const fn limit(address: u64) -> u32 {
    if address > u32::MAX as u64 { u32::MAX } else { address as u32 }
}
