//! Loads, stores, bounds, growth, data, and what a load asks of a store.

mod common;

use common::*;
use tiny_mapper::{LoadError, Mapper, Store, TrapCode};
use xmap_image::{Image, Op, Ty};

const PAGE: usize = 65_536;

/// A test's memory: 64 bytes of a page, each with the top bit set where it is odd.
fn small() -> xmap_image::ImageBuilder<'static> {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (64, 1, 1);
    let bytes = (0..64u8).map(|n| if n % 2 == 1 { 0x80 | n } else { n }).collect();
    b.data = vec![(0, bytes)];
    b
}

/// Every address of the memory and the one behind it; three of them under Miri, where a call takes long.
fn addresses() -> impl Iterator<Item = usize> {
    (0..=64).step_by(if cfg!(miri) { 32 } else { 1 })
}

fn bytes<const N: usize>(memory: &[u8], at: usize) -> [u8; N] {
    memory[at..at + N].try_into().unwrap()
}

type Load = fn(&[u8], usize) -> u64;

#[test]
fn loads_extend_as_named_and_stop_at_the_end() {
    let table: [(&[Op], usize, Load); 9] = [
        (&[Op::Ld8U, Op::Ld8UW, Op::Ld8UAt], 1, |m, a| m[a].into()),
        (&[Op::Ld8S32, Op::Ld8S32W, Op::Ld8S32At], 1, |m, a| i(i32::from(m[a] as i8))),
        (&[Op::Ld8S64, Op::Ld8S64W], 1, |m, a| m[a] as i8 as u64),
        (&[Op::Ld16U, Op::Ld16UW, Op::Ld16UAt], 2, |m, a| u16::from_le_bytes(bytes(m, a)).into()),
        (&[Op::Ld16S32, Op::Ld16S32W, Op::Ld16S32At], 2, |m, a| {
            i(i32::from(i16::from_le_bytes(bytes(m, a))))
        }),
        (&[Op::Ld16S64, Op::Ld16S64W], 2, |m, a| i16::from_le_bytes(bytes(m, a)) as u64),
        (&[Op::Ld32U, Op::Ld32UW, Op::Ld32UAt], 4, |m, a| u32::from_le_bytes(bytes(m, a)).into()),
        (&[Op::Ld32S64, Op::Ld32S64W], 4, |m, a| i32::from_le_bytes(bytes(m, a)) as u64),
        (&[Op::Ld64, Op::Ld64W, Op::Ld64At], 8, |m, a| u64::from_le_bytes(bytes(m, a))),
    ];
    for (ops, width, rust) in table {
        for at in addresses() {
            let mut b = small();
            // Half of the address is in the register, half in the offset.
            let (base, offset) = ((at / 2) as u64, (at - at / 2) as u8);
            code(&mut b, "short", &[Ty::U32], &[Ty::I64], &[ops[0].abc(1, 1, offset), RET]);
            code(&mut b, "long", &[Ty::U32], &[Ty::I64], &[ops[1].abc(1, 1, 0), u32::from(offset), RET]);
            if let Some(fixed) = ops.get(2) {
                code(&mut b, "fixed", &[Ty::U32], &[Ty::I64], &[fixed.a16(1, at as u16), RET]);
            }
            with(&b, |m| {
                for form in ["short", "long", "fixed"].iter().take(ops.len()) {
                    let got = call(m, form, &[base]);
                    if at + width <= 64 {
                        assert_eq!(got, Ok(vec![rust(m.memory(), at)]), "{form} {ops:?} {at}");
                    } else {
                        assert_eq!(fault(got), (TrapCode::OutOfBounds, at as u32), "{form} {ops:?}");
                    }
                }
            });
        }
    }
}

#[test]
fn an_item_of_a_table_is_chosen_by_two_and_can_take_the_rest_of_one() {
    let mut b = small();
    let params = [Ty::U64, Ty::U64];
    for (name, word) in [("item", 4), ("step", 1 << 31 | 4), ("far", 1 << 31 | 56), ("farthest", u32::MAX)] {
        let ops = [Op::Ld32UTable.abc(1, 1, 2), word, RET];
        code(&mut b, name, &params, &[Ty::I64], &ops);
    }
    with(&b, |m| {
        // The upper halves are no part of it, and of the sum of two no more than a byte.
        let (x, y) = (0xffff_ffff_1234_5603u64, 0x7777_7777_89ab_cd01u64);
        for other in 0..4 {
            let item = u64::from(u32::from_le_bytes(bytes(m.memory(), 4 + 4 * (2 ^ other))));
            let x = x ^ other as u64 ^ 0x5600 ^ 0xcd00;
            assert_eq!(call(m, "item", &[x, y]), Ok(vec![item]));
            assert_eq!(call(m, "step", &[x, y]), Ok(vec![item ^ 0x0089_abcd]));
        }
        assert_eq!(fault(call(m, "far", &[x, y])), (TrapCode::OutOfBounds, 64));
        assert_eq!(fault(call(m, "farthest", &[x, y])), (TrapCode::OutOfBounds, 0x8000_0007));
    });
}

#[test]
fn stores_change_their_bytes_or_none() {
    let table = [
        ([Op::St8, Op::St8W, Op::St8At], 1),
        ([Op::St16, Op::St16W, Op::St16At], 2),
        ([Op::St32, Op::St32W, Op::St32At], 4),
        ([Op::St64, Op::St64W, Op::St64At], 8),
    ];
    let value = 0xf1e2_d3c4_b5a6_9788u64;
    for (ops, width) in table {
        for at in addresses() {
            let mut b = small();
            let (base, offset) = ((at / 2) as u64, (at - at / 2) as u8);
            let params = [Ty::U64, Ty::U32];
            code(&mut b, "short", &params, &[], &[ops[0].abc(1, 2, offset), RET]);
            code(&mut b, "long", &params, &[], &[ops[1].abc(1, 2, 0), u32::from(offset), RET]);
            code(&mut b, "fixed", &params, &[], &[ops[2].a16(1, at as u16), RET]);
            for form in ["short", "long", "fixed"] {
                with(&b, |m| {
                    let mut expected = m.memory().to_vec();
                    let got = call(m, form, &[value, base]);
                    if at + width <= 64 {
                        assert_eq!(got, Ok(vec![]));
                        expected[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
                    } else {
                        assert_eq!(fault(got), (TrapCode::OutOfBounds, at as u32));
                    }
                    assert_eq!(m.memory(), expected, "{form} {ops:?} {at}");
                });
            }
        }
    }
}

#[test]
fn an_address_is_32_bits_and_an_offset_does_not_wrap_it() {
    let mut b = small();
    code(&mut b, "long", &[Ty::U64], &[Ty::I64], &[Op::Ld8UW.abc(1, 1, 0), u32::MAX, RET]);
    code(&mut b, "short", &[Ty::U64], &[Ty::I64], &[Op::Ld64.abc(1, 1, 2), RET]);
    with(&b, |m| {
        // 2 + 0xffff_ffff is no address 1: the detail is capped.
        assert_eq!(fault(call(m, "long", &[2])), (TrapCode::OutOfBounds, u32::MAX));
        assert_eq!(fault(call(m, "long", &[0])), (TrapCode::OutOfBounds, u32::MAX));
        assert_eq!(fault(call(m, "short", &[u32::MAX.into()])), (TrapCode::OutOfBounds, u32::MAX));
        // The upper half of a register is no part of an address.
        let expected = u64::from_le_bytes(bytes(m.memory(), 2));
        assert_eq!(call(m, "short", &[7 << 32]), Ok(vec![expected]));
    });
}

fn growing(bytes: u32, pages: u32, max: u32) -> Vec<u32> {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (bytes, pages, max);
    code(&mut b, "grow", &[Ty::U32], &[Ty::I32], &[Op::MemoryGrow.abc(1, 1, 0), RET]);
    code(&mut b, "size", &[], &[Ty::I32], &[Op::MemorySize.abc(1, 0, 0), RET]);
    let body = [
        Op::MemoryGrow.abc(2, 1, 0),
        Op::MemorySize.abc(3, 0, 0),
        Op::ShlI32.abc(3, 3, 16),
        Op::AddI32.abc(3, 3, -4i8 as u8),
        Op::Ld32U.abc(4, 3, 0),
        Op::St32.abc(1, 3, 0),
        Op::Ld32U.abc(1, 3, 0),
        Op::Or.abc(1, 1, 4),
        RET,
    ];
    code(&mut b, "use", &[Ty::U32], &[Ty::I32], &body);
    b.build().unwrap()
}

#[test]
fn grown_pages_are_zero_and_usable_at_once() {
    with_words(&growing(PAGE as u32, 1, 3), |m| {
        assert_eq!(call(m, "size", &[]), Ok(vec![1]));
        assert_eq!(call(m, "use", &[1]), Ok(vec![1]));
        assert_eq!(call(m, "size", &[]), Ok(vec![2]));
        assert_eq!(m.memory().len(), 2 * PAGE);
        assert_eq!(call(m, "grow", &[0]), Ok(vec![2]));
        assert_eq!(call(m, "grow", &[2]), Ok(vec![i(-1)]));
        assert_eq!(call(m, "grow", &[u32::MAX.into()]), Ok(vec![i(-1)]));
        assert_eq!(call(m, "grow", &[1]), Ok(vec![2]));
        assert_eq!(m.memory().len(), 3 * PAGE);
        assert!(m.memory()[2 * PAGE..].iter().all(|byte| *byte == 0));
    });
}

#[test]
fn pages_are_charged_for_what_is_cleared() {
    with_words(&growing(PAGE as u32, 1, 3), |m| {
        m.set_fuel_cap(2 + 1023);
        assert_eq!(fault(call(m, "grow", &[1])), (TrapCode::Fuel, 0));
        assert_eq!((m.memory().len(), m.counters().fuel), (PAGE, 2));
        // What is refused is not paid for, however much it is.
        assert_eq!(call(m, "grow", &[u32::MAX.into()]), Ok(vec![i(-1)]));
        assert_eq!(m.counters().fuel, 2);
        m.set_fuel_cap(2 + 1024);
        assert_eq!(call(m, "grow", &[1]), Ok(vec![1]));
        assert_eq!((m.memory().len(), m.counters().fuel), (2 * PAGE, 2 + 1024));
    });
}

#[test]
fn memory_of_less_than_its_pages_or_without_room_does_not_grow() {
    for (bytes, pages, max) in [(100, 1, 3), (0, 0, 0), (3 * PAGE as u32, 3, 9)] {
        with_words(&growing(bytes, pages, max), |m| {
            assert_eq!(call(m, "grow", &[1]), Ok(vec![i(-1)]), "{bytes} {pages} {max}");
            assert_eq!(call(m, "grow", &[0]), Ok(vec![pages.into()]));
            assert_eq!(m.memory().len(), bytes as usize);
        });
    }
    // An empty memory with room grows from nothing.
    with_words(&growing(0, 0, 2), |m| {
        assert_eq!(call(m, "grow", &[2]), Ok(vec![0]));
        assert_eq!(m.memory().len(), 2 * PAGE);
    });
}

#[test]
fn a_load_brings_data_zeros_and_globals_and_asks_for_room() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (10, 1, 1);
    b.globals = vec![3, 4];
    b.data = vec![(0, vec![1, 2]), (4, vec![5]), (10, vec![]), (1, vec![9])];
    let words = b.build().unwrap();
    let image = Image::verify(&words).unwrap();
    let load = |stack: usize, memory: usize, globals: usize| {
        let (mut stack, mut memory, mut globals) = (vec![1; stack], vec![0xff; memory], vec![9; globals]);
        let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
        Mapper::load(image, Recorder::default(), store).map(|m| {
            assert_eq!(m.port().did, []);
            (m.memory().to_vec(), m.globals().to_vec())
        })
    };
    let loaded = (vec![1, 9, 0, 0, 5, 0, 0, 0, 0, 0], vec![3, 4]);
    assert_eq!(load(448, 10, 2), Ok(loaded.clone()));
    assert_eq!(load(500, 99, 5), Ok(loaded));
    assert_eq!(load(447, 10, 2), Err(LoadError::Stack { needed: 448, given: 447 }));
    assert_eq!(load(448, 9, 2), Err(LoadError::Memory { needed: 10, given: 9 }));
    assert_eq!(load(448, 10, 1), Err(LoadError::Globals { needed: 2, given: 1 }));
}

#[test]
fn a_store_serves_one_image_after_the_other() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (8, 1, 1);
    b.data = vec![(0, vec![7; 8])];
    b.globals = vec![1];
    let first = b.build().unwrap();
    b.data = vec![(2, vec![1])];
    b.globals = vec![2];
    let second = b.build().unwrap();
    let (mut stack, mut memory, mut globals) = (vec![0; 448], vec![0; 8], vec![0; 1]);
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let m = Mapper::load(Image::verify(&first).unwrap(), Recorder::default(), store).unwrap();
    let (image, port, store) = m.into_parts();
    assert_eq!(image.words(), first);
    let m = Mapper::load(Image::verify(&second).unwrap(), port, store).unwrap();
    assert_eq!((m.memory(), m.globals()), (&[0, 0, 1, 0, 0, 0, 0, 0][..], &[2][..]));
}
