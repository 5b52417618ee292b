#![forbid(unsafe_code)]
//! The least that a call can cost: a store that is inlined, and an indexed table of function pointers whose
//! functions check what the mapper checks.

use std::hint::black_box;

use peer_common::{Peer, clear_line, never, put, set_line};

/// A floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// The stores themselves.
    Store,
    /// A table of function pointers.
    Table,
}

/// A function of a table: its arguments are registers, as the mapper takes them.
type Native = fn(&[u64]) -> Result<(), u32>;

/// `gpio.set`: it takes no line that is not declared and no value that is no bool.
fn gpio_set(args: &[u64]) -> Result<(), u32> {
    let [line, value] = *args else { return Err(1) };
    if value > 1 {
        return Err(2);
    }
    let Ok(line) = u32::try_from(line) else { return Err(3) };
    put(line, value != 0).map_err(|_| 3)
}

fn nothing(args: &[u64]) -> Result<(), u32> {
    if args.is_empty() { Ok(()) } else { Err(1) }
}

static TABLE: [Native; 2] = [nothing, gpio_set];

/// A call by index: the index is checked, and the compiler does not know it.
#[inline(always)]
fn by_index(table: &[Native], index: usize, args: &[u64]) -> Result<(), u32> {
    match table.get(black_box(index)) {
        Some(native) => native(args),
        None => Err(4),
    }
}

#[inline(always)]
fn call(line: u32, value: u32) {
    by_index(&TABLE, 1, &[u64::from(line), u64::from(value)]).expect("the line is declared");
}

impl Peer for Floor {
    fn name(&self) -> &'static str {
        match self {
            Floor::Store => "inlined store",
            Floor::Table => "table of functions",
        }
    }

    fn call(&self) -> Option<impl FnMut(u32, u32)> {
        let floor = *self;
        Some(move |line: u32, value: u32| match floor {
            Floor::Store if value != 0 => set_line(0, 1 << line),
            Floor::Store => clear_line(0, 1 << line),
            Floor::Table => call(line, value),
        })
    }

    fn blink(&self) -> Option<impl FnMut(u32)> {
        let mut line = self.blink_line()?;
        Some(move |n| line(17, n))
    }

    fn blink_line(&self) -> Option<impl FnMut(u32, u32)> {
        let floor = *self;
        Some(move |line, n| match floor {
            Floor::Store => (0..n).for_each(|_| {
                set_line(0, 1u32 << line);
                clear_line(0, 1u32 << line);
            }),
            Floor::Table => (0..n).for_each(|_| {
                call(line, 1);
                call(line, 0);
            }),
        })
    }

    fn fib(&self) -> Option<impl FnMut(u32) -> u32> {
        never::<fn(u32) -> u32>()
    }

    fn crc(&self) -> Option<impl FnMut() -> u32> {
        never::<fn() -> u32>()
    }

    fn first_call(&self) -> Option<impl FnMut()> {
        never::<fn()>()
    }

    fn hold(&self) -> Option<(impl Sized + use<>, usize)> {
        never::<((), usize)>()
    }
}

/// Runs `run` with the peer that the command line names, and the rest of the command line.
pub fn with<R>(args: &[String], run: impl FnOnce(&Floor, &[String]) -> R) -> R {
    match args.split_first() {
        Some((name, rest)) if name == "store" => run(&Floor::Store, rest),
        Some((name, rest)) if name == "table" => run(&Floor::Table, rest),
        _ => panic!("the first argument is store or table"),
    }
}

/// The program that engines are added to.
pub fn mini(bytes: &[u8]) -> i32 {
    by_index(&TABLE, bytes.len(), &[17, 1]).map_or(1, |()| 0)
}
