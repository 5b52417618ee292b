//! What a call and a loop cost on this machine: `cargo bench -p tiny-mapper`.
//!
//! Method: each figure is the best of 200 short rounds of many calls, by the monotonic clock, in one
//! process. The first two stand beside a call through an indexed table of function pointers that
//! checks the same: line declared, value 0 or 1. The port keeps the last mask in memory, as a
//! register would; nothing here measures a bus.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{Recorder, builder, code, direct, ret};
use tiny_mapper::{Layer, Mapper, STACK_SLOTS, Store};
use xmap_boards::{BANKS, Bank, PinMask};
use xmap_image::{Image, Op, Ty};

/// Registers in memory; whatever else a port does is recorded.
#[derive(Default)]
struct Registers {
    set: [PinMask; BANKS],
    clear: [PinMask; BANKS],
    rest: Recorder,
}

tiny_mapper::over!([] Registers => rest: Recorder);

impl Layer for Registers {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.set[bank as usize] = black_box(mask);
    }

    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.clear[bank as usize] = black_box(mask);
    }
}

/// The table to compare with.
type Native = fn(&mut Board, &[u64]) -> Result<u64, u32>;

struct Board {
    port: Registers,
    writable: u64,
}

fn put(board: &mut Board, args: &[u64]) -> Result<u64, u32> {
    let [pin, value] = args else { return Err(1) };
    if *pin >= 64 || board.writable >> pin & 1 == 0 || *value > 1 {
        return Err(2);
    }
    let bank = if *pin < 32 { Bank::Zero } else { Bank::One };
    let mask = 1 << (pin & 31);
    if *value != 0 {
        board.port.set(bank, mask)
    } else {
        board.port.clear(bank, mask)
    }
    Ok(0)
}

fn lamp_on(board: &mut Board, args: &[u64]) -> Result<u64, u32> {
    let [] = args else { return Err(1) };
    board.port.set(Bank::Zero, 1 << 17);
    Ok(0)
}

/// Nanoseconds of one of `n` runs, the best of 15 rounds.
fn best(n: u32, mut run: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        for _ in 0..n {
            run();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(n));
    }
    best
}

/// CRC-32 of the `$2` bytes at `$1`, by a table of 256 words at address 0.
const CRC: [u32; 12] = [
    Op::Add32.abc(2, 1, 2),
    Op::Const32.a16(3, -1i16 as u16),
    Op::BrEq.abc(1, 2, 8),
    Op::Ld8U.abc(4, 1, 0),
    Op::Xor.abc(4, 4, 3),
    Op::AndI.abc(4, 4, 255),
    Op::ShlI32.abc(4, 4, 2),
    Op::Ld32U.abc(4, 4, 0),
    Op::ShrUI32.abc(3, 3, 8),
    Op::Xor.abc(3, 4, 3),
    Op::AddI32.abc(1, 1, 1),
    Op::BrNe.abc(1, 2, -9i8 as u8),
];

fn crc_table() -> Vec<u8> {
    let entry = |n: u32| (0..8).fold(n, |c, _| if c & 1 != 0 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 });
    (0..256).flat_map(|n| entry(n).to_le_bytes()).collect()
}

fn main() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (65_536, 1, 1);
    b.data = vec![(0, crc_table())];
    // The first function: it calls function 0.
    code(&mut b, "fib", &[Ty::U32], &[Ty::U32], &common::fib(0));
    direct(&mut b, "put", &[Ty::U8, Ty::Bool], &[], &[Op::GpioPut.abc(1, 2, 0)]);
    direct(&mut b, "lamp_on", &[], &[], &[Op::LineSet.abc(17, 0, 0)]);
    direct(&mut b, "put_i32", &[Ty::I32, Ty::I32], &[], &[Op::GpioPut.abc(1, 2, 0)]);
    let put_body = [Op::GpioPut.abc(1, 2, 0), common::RET];
    code(&mut b, "put_code", &[Ty::U8, Ty::Bool], &[], &put_body);
    let crc = [&CRC[..], &[Op::XorW.abc(1, 3, 0), u32::MAX, ret(1)]].concat();
    code(&mut b, "crc", &[Ty::U32, Ty::U32], &[Ty::U32], &crc);
    let blink = [
        Op::Const32.a16(2, 17),
        Op::Const32.a16(3, 1),
        Op::GpioPut.abc(2, 3, 0),
        Op::AddI32.abc(1, 1, -1i8 as u8),
        Op::BrNeI.abc(1, 0, -3i8 as u8),
        common::RET,
    ];
    code(&mut b, "blink", &[Ty::U32], &[], &blink);

    let words = b.build().expect("the image verifies");
    let image = Image::verify(&words).expect("it was built");
    let (mut stack, mut memory) = ([0; STACK_SLOTS], vec![0; 65_536]);
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut [] };
    let mut m = Mapper::load(image, Registers::default(), store).expect("the store is large enough");
    let id = |name| image.find(name).expect("it was added");
    let (put_id, lamp_id, i32_id) = (id("put"), id("lamp_on"), id("put_i32"));

    let table: Vec<Native> = vec![put, lamp_on, put];
    // The lines of two banks are one word here, as on the board.
    let writable = u64::try_from(image.writable().bits()).unwrap_or(u64::MAX);
    let mut board = Board { port: Registers::default(), writable };
    let n = 20_000;
    let native = best(n, || {
        let f = table.get(black_box(0usize)).expect("it is there");
        _ = black_box(f(&mut board, black_box(&[17, 1])));
    });
    let mapped = best(n, || _ = black_box(m.call(black_box(put_id), black_box(&[17, 1]))));
    println!("put         table {native:6.2} ns   mapper {mapped:6.2} ns   {:4.2}x", mapped / native);
    let native = best(n, || {
        let f = table.get(black_box(1usize)).expect("it is there");
        _ = black_box(f(&mut board, black_box(&[])));
    });
    let mapped = best(n, || _ = black_box(m.call(black_box(lamp_id), black_box(&[]))));
    println!("lamp_on     table {native:6.2} ns   mapper {mapped:6.2} ns   {:4.2}x", mapped / native);
    let general = best(n, || _ = black_box(m.call(black_box(i32_id), black_box(&[17, 5]))));
    println!("put_i32     the general way       {general:6.2} ns");
    let code_id = id("put_code");
    let general = best(n, || _ = black_box(m.call(black_box(code_id), black_box(&[17, 1]))));
    println!("put_code    a function of one op  {general:6.2} ns");

    let fib = id("fib");
    let ns = best(1, || assert_eq!(m.call(fib, &[20]), Ok(&[6_765][..])));
    println!("fib(20)     {:8.2} us, 21,891 calls", ns / 1e3);
    let crc = id("crc");
    m.memory_mut()[1024..1033].copy_from_slice(b"123456789");
    assert_eq!(m.call(crc, &[1024, 9]), Ok(&[0xcbf4_3926][..]));
    let ns = best(1, || _ = black_box(m.call(crc, &[1024, 4_000])));
    println!("CRC-32      {:8.3} ns a byte, 9 ops", ns / 4_000.0);
    let blink = id("blink");
    let ns = best(1, || _ = black_box(m.call(blink, &[10_000])));
    println!("gpio loop   {:8.3} ns a turn, 3 ops", ns / 10_000.0);
}
