//! Branches, calls, frames, fuel.

mod common;

use common::*;
use tiny_mapper::{CallError, Mapper, Store, Trap, TrapCode};
use xmap_image::{Entry, ExportId, Image, Op, Ty, limits};

#[test]
fn recursion_keeps_each_frame() {
    let mut b = builder();
    code(&mut b, "fib", &[Ty::U32], &[Ty::U32], &fib(0));
    with(&b, |m| {
        assert_eq!(call(m, "fib", &[20]), Ok(vec![6765]));
        // 8 words for each call; 21,891 calls of fib(20).
        assert_eq!(fuel(m), 8 * 21_891);
    });
}

#[test]
fn a_backward_branch_costs_its_distance_and_a_forward_one_nothing() {
    let mut b = builder();
    // 4 words; the loop of 2 words is taken n - 1 times.
    let body = [Op::Br.a24(0), Op::AddI32.abc(1, 1, -1i8 as u8), Op::BrNeI.abc(1, 0, -2i8 as u8), ret(1)];
    code(&mut b, "spin", &[Ty::U32], &[Ty::U32], &body);
    with(&b, |m| {
        assert_eq!(call(m, "spin", &[10]), Ok(vec![0]));
        assert_eq!(fuel(m), 4 + 9 * 2);
    });
    let need = 4 + 9 * 2;
    for (given, outcome) in [(need, Ok(vec![0])), (need - 1, Err(2))] {
        b.exports[0].entry = Entry::Code { function: 0, fuel: given };
        with(&b, |m| {
            let got = call(m, "spin", &[10]);
            match outcome {
                Ok(results) => assert_eq!(got, Ok(results)),
                Err(at) => {
                    let trap = trap(got);
                    assert_eq!((trap.code, trap.op, trap.detail), (TrapCode::Fuel, at, 0));
                    // What the branch would have cost is not used.
                    assert_eq!(fuel(m), need - 2);
                }
            }
        });
    }
}

#[test]
fn entering_costs_the_words_of_the_function_and_a_call_those_of_the_callee() {
    let mut b = builder();
    code(&mut b, "outer", &[], &[], &[Op::Call.a16(1, 1), Op::Call.a16(9, 1), RET]);
    b.functions.push(function(0, 0, &[RET, RET, RET, RET, RET]));
    with(&b, |m| {
        assert_eq!(call(m, "outer", &[]), Ok(vec![]));
        assert_eq!(fuel(m), 3 + 5 + 5);
        m.set_fuel_cap(12);
        assert_eq!(trap(call(m, "outer", &[])).op, 1);
        assert_eq!(fuel(m), 8);
        m.set_fuel_cap(2);
        let trap = trap(call(m, "outer", &[]));
        assert_eq!((trap.code, trap.op), (TrapCode::Fuel, Trap::NO_OP));
        assert_eq!(fuel(m), 0);
    });
}

#[test]
fn an_endless_loop_and_an_endless_recursion_end() {
    let mut b = builder();
    code(&mut b, "spin", &[], &[], &[Op::Br.a24(-1), RET]);
    b.exports[0].entry = Entry::Code { function: 0, fuel: 1000 };
    code(&mut b, "dive", &[], &[], &[Op::Call.a16(3, 1), RET]);
    with(&b, |m| {
        assert_eq!(trap(call(m, "spin", &[])).code, TrapCode::Fuel);
        assert_eq!(fuel(m), 1000);
        let trap = trap(call(m, "dive", &[]));
        assert_eq!((trap.code, trap.op, trap.export), (TrapCode::StackOverflow, 2, 0));
        // The image's 192 slots hold 64 frames of 3 below the first.
        assert_eq!(fuel(m), 2 + 2 * 64);
        assert_eq!(m.counters().traps, 2);
    });
}

#[test]
fn calls_nest_as_deep_as_the_image_says_whatever_the_stack_has() {
    let mut b = builder();
    code(&mut b, "dive", &[], &[], &[Op::Call.a16(254, 0), RET]);
    b.functions[0].frame = 255;
    for (slots, calls) in [(limits::STACK_SLOTS, 0), (254, 1), (508, 2), (65_536, 258)] {
        b.stack_slots = slots;
        let words = b.build().unwrap();
        let image = Image::verify(&words).unwrap();
        assert_eq!(image.stack_slots(), limits::WINDOW + slots as usize);
        for more in [0, 1000] {
            let mut stack = vec![0; image.stack_slots() + more];
            let store = Store { stack: &mut stack, ..Store::default() };
            let mut m = Mapper::load(image, Recorder::default(), store).unwrap();
            assert_eq!(fault(call(&mut m, "dive", &[])).0, TrapCode::StackOverflow);
            assert_eq!(fuel(&m), 2 + 2 * calls, "{slots}");
            let state = m.suspend().2;
            let store = Store { stack: &mut stack, ..Store::default() };
            let mut m = Mapper::resume(image, Recorder::default(), store, state).unwrap();
            assert_eq!(fault(call(&mut m, "dive", &[])).0, TrapCode::StackOverflow);
            assert_eq!(fuel(&m), 2 + 2 * calls, "{slots}, resumed");
        }
    }
}

#[test]
fn spill_slots_keep_values_and_are_given_back() {
    let mut b = builder();
    let body = [
        Op::SpillEnter.a16(0, 3),
        Op::Spill.a16(1, 2),
        Op::Const32.a16(1, 0),
        Op::Call.a16(2, 1),
        Op::Fill.a16(1, 2),
        Op::SpillLeave.a16(0, 3),
        ret(1),
    ];
    code(&mut b, "keep", &[Ty::U64], &[Ty::U64], &body);
    // The callee has slots of its own, in other places.
    b.functions.push(function(
        0,
        0,
        &[
            Op::SpillEnter.a16(0, 60),
            Op::Const32.a16(1, 5),
            Op::Spill.a16(1, 59),
            Op::SpillLeave.a16(0, 60),
            RET,
        ],
    ));
    with(&b, |m| {
        for n in [7, u64::MAX] {
            assert_eq!(call(m, "keep", &[n]), Ok(vec![n]));
        }
    });
    // As many as the stack has, and no more.
    b.functions[1].code[0] = Op::SpillEnter.a16(0, 200);
    b.functions[1].code[3] = Op::SpillLeave.a16(0, 200);
    with(&b, |m| assert_eq!(fault(call(m, "keep", &[1])).0, TrapCode::StackOverflow));
}

#[test]
fn br_table_takes_its_target_or_the_default() {
    let mut b = builder();
    // Offsets count from the first of the three target words: 3 is the op behind them.
    let body = [
        Op::BrTable.a16(1, 2),
        3,
        5,
        7,
        Op::Const32.a16(1, 10),
        ret(1),
        Op::Const32.a16(1, 11),
        ret(1),
        Op::Const32.a16(1, 12),
        ret(1),
    ];
    code(&mut b, "pick", &[Ty::U32], &[Ty::U32], &body);
    // Backward: the table's second target is the op itself, until the counter stands at 0.
    let body = [Op::AddI32.abc(1, 1, -1i8 as u8), Op::BrTable.a16(1, 1), 2, -2i32 as u32, ret(1)];
    code(&mut b, "back", &[Ty::U32], &[Ty::U32], &body);
    with(&b, |m| {
        for (arg, result) in [(0, 10), (1, 11), (2, 12), (3, 12), (u64::from(u32::MAX), 12)] {
            assert_eq!(call(m, "pick", &[arg]), Ok(vec![result]));
            assert_eq!(fuel(m), 10);
        }
        assert_eq!(call(m, "back", &[4]), Ok(vec![0]));
        assert_eq!(fuel(m), 5 + 3 * 2);
    });
}

#[test]
fn moves_and_constants() {
    let mut b = builder();
    code(&mut b, "c32", &[], &[Ty::I32], &[Op::Const32.a16(2, -3i16 as u16), ret(2)]);
    code(&mut b, "c64", &[], &[Ty::I64], &[Op::Const64.a16(2, -3i16 as u16), ret(2)]);
    code(&mut b, "w32", &[], &[Ty::I32], &[Op::Const32W.abc(2, 0, 0), 0xdead_beef, ret(2)]);
    code(&mut b, "w64", &[], &[Ty::I64], &[Op::Const64W.abc(2, 0, 0), 0x89ab_cdef, 0x0123_4567, ret(2)]);
    code(&mut b, "nz", &[Ty::I64; 3], &[Ty::I64], &[Op::CmovNz.abc(1, 2, 3), RET]);
    code(&mut b, "z", &[Ty::I64; 3], &[Ty::I64], &[Op::CmovZ.abc(1, 2, 3), RET]);
    code(&mut b, "copy", &[Ty::I64; 2], &[Ty::I64], &[Op::Copy.abc(1, 2, 0), RET]);
    code(
        &mut b,
        "two",
        &[Ty::I64; 2],
        &[Ty::I64; 2],
        &[Op::Copy.abc(3, 1, 0), Op::Copy.abc(1, 2, 0), Op::Copy.abc(2, 3, 0), RET],
    );
    with(&b, |m| {
        assert_eq!(call(m, "c32", &[]), Ok(vec![0xffff_fffd]));
        assert_eq!(call(m, "c64", &[]), Ok(vec![-3i64 as u64]));
        assert_eq!(call(m, "w32", &[]), Ok(vec![0xdead_beef]));
        assert_eq!(call(m, "w64", &[]), Ok(vec![0x0123_4567_89ab_cdef]));
        for condition in [0, 1, 1 << 32, u64::MAX] {
            let taken = condition != 0;
            assert_eq!(call(m, "nz", &[5, condition, 6]), Ok(vec![if taken { 6 } else { 5 }]));
            assert_eq!(call(m, "z", &[5, condition, 6]), Ok(vec![if taken { 5 } else { 6 }]));
        }
        assert_eq!(call(m, "copy", &[1, u64::MAX]), Ok(vec![u64::MAX]));
        assert_eq!(call(m, "two", &[8, 9]), Ok(vec![9, 8]));
    });
}

#[test]
fn globals_keep_their_values_between_calls() {
    let mut b = builder();
    b.globals = vec![40, u64::MAX];
    let body = [Op::GlobalGet.a16(1, 0), Op::AddI32.abc(1, 1, 1), Op::GlobalSet.a16(1, 0), RET];
    code(&mut b, "next", &[], &[Ty::I32], &body);
    with(&b, |m| {
        assert_eq!(m.globals(), [40, u64::MAX]);
        assert_eq!(call(m, "next", &[]), Ok(vec![41]));
        assert_eq!(call(m, "next", &[]), Ok(vec![42]));
        assert_eq!(m.globals(), [42, u64::MAX]);
    });
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn conditional_branches_compare_as_named() {
    type Test = fn(u64, u64) -> bool;
    let table: [(Op, Test); 8] = [
        (Op::BrEq, |a, b| a == b),
        (Op::BrNe, |a, b| a != b),
        (Op::BrLtU, |a, b| a < b),
        (Op::BrLeU, |a, b| a <= b),
        (Op::BrLtS32, |a, b| (a as i32) < b as i32),
        (Op::BrLeS32, |a, b| a as i32 <= b as i32),
        (Op::BrLtS64, |a, b| (a as i64) < b as i64),
        (Op::BrLeS64, |a, b| a as i64 <= b as i64),
    ];
    let immediate: [(Op, Test); 6] = [
        (Op::BrEqI, |a, b| a == b),
        (Op::BrNeI, |a, b| a != b),
        (Op::BrLtUI, |a, b| a < b),
        (Op::BrGtUI, |a, b| a > b),
        (Op::BrLtSI32, |a, b| (a as i32) < i32::from(b as u8 as i8)),
        (Op::BrGtSI32, |a, b| a as i32 > i32::from(b as u8 as i8)),
    ];
    let tail = [Op::Const32.a16(1, 0), ret(1), Op::Const32.a16(1, 1), ret(1)];
    let values =
        [0, 1, 2, 127, 128, 255, 256, i(-1), i(-128), i(i32::MIN), i(i32::MAX), u64::MAX, 1 << 63, 1 << 32];
    for (op, holds) in table {
        let mut b = builder();
        code(&mut b, "f", &[Ty::I64; 2], &[Ty::Bool], &[&[op.abc(1, 2, 2)], &tail[..]].concat());
        with(&b, |m| {
            for (x, y) in values.iter().flat_map(|x| values.map(|y| (*x, y))) {
                assert_eq!(call(m, "f", &[x, y]), Ok(vec![holds(x, y).into()]), "{op:?} {x:#x} {y:#x}");
            }
        });
    }
    for (op, holds) in immediate {
        for y in [0, 1, 127, 128, 255] {
            let mut b = builder();
            code(&mut b, "f", &[Ty::I64], &[Ty::Bool], &[&[op.abc(1, y, 2)], &tail[..]].concat());
            with(&b, |m| {
                for x in values {
                    let y = u64::from(y);
                    assert_eq!(call(m, "f", &[x]), Ok(vec![holds(x, y).into()]), "{op:?} {x:#x} {y:#x}");
                }
            });
        }
    }
    for (op, holds) in [(Op::BrIf, true), (Op::BrIfz, false)] {
        let mut b = builder();
        code(&mut b, "f", &[Ty::I64], &[Ty::Bool], &[&[op.a16(1, 2)], &tail[..]].concat());
        with(&b, |m| {
            for x in values {
                assert_eq!(call(m, "f", &[x]), Ok(vec![((x != 0) == holds).into()]), "{op:?} {x:#x}");
            }
        });
    }
}

#[test]
fn a_trap_leaves_everything_and_the_next_call_runs() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (16, 1, 1);
    b.globals = vec![0];
    let body = [
        Op::Const32.a16(2, 77),
        Op::GlobalSet.a16(2, 0),
        Op::St32At.a16(2, 4),
        Op::LineSet.abc(17, 0, 0),
        Op::BrIf.a16(1, 1),
        Op::Unreachable.abc(0, 0, 0),
        RET,
    ];
    code(&mut b, "f", &[Ty::Bool], &[], &body);
    with(&b, |m| {
        let hash = m.image().hash_prefix();
        let expected = Trap { image: hash, export: 0, code: TrapCode::Unreachable, op: 5, detail: 0 };
        assert_eq!(call(m, "f", &[0]), Err(CallError::Trap(expected)));
        assert_eq!((m.globals(), m.memory()[4]), (&[77][..], 77));
        assert_eq!(m.port_mut().take(), [Did::Set(0, 1 << 17)]);
        assert_eq!(call(m, "f", &[1]), Ok(vec![]));
        let counters = m.counters();
        assert_eq!((counters.calls, counters.traps, counters.fuel), (2, 1, 7));
    });
}

#[test]
fn the_start_function_runs_by_start_alone() {
    let mut b = builder();
    b.functions.push(function(0, 0, &[Op::LineSet.abc(17, 0, 0), RET]));
    b.functions.push(function(0, 0, &[Op::Unreachable.abc(0, 0, 0)]));
    with(&b, |m| assert_eq!((m.start(), m.port_mut().take()), (Ok(()), vec![])));
    b.start = Some(0);
    with(&b, |m| {
        assert_eq!(m.port_mut().take(), []);
        assert_eq!(m.start(), Ok(()));
        assert_eq!(m.port_mut().take(), [Did::Set(0, 1 << 17)]);
        assert_eq!((m.counters().calls, m.counters().fuel), (0, 2));
    });
    b.start = Some(1);
    with(&b, |m| {
        let trap = m.start().unwrap_err();
        assert_eq!((trap.code, trap.export, trap.op), (TrapCode::Unreachable, Trap::START, 2));
    });
}

#[test]
fn calls_that_cannot_begin() {
    let mut b = builder();
    code(&mut b, "f", &[Ty::I32], &[], &[RET]);
    with(&b, |m| {
        assert_eq!(m.call(ExportId(1), &[]), Err(CallError::UnknownExport));
        for given in [0, 2] {
            let args = vec![0; given];
            assert_eq!(call(m, "f", &args), Err(CallError::ArgumentCount { expected: 1, given }));
        }
        assert_eq!(m.counters().calls, 0);
    });
}

#[test]
fn a_call_from_the_end_of_a_wide_frame_comes_back() {
    for base in [1, 127, 128, 200, 253] {
        let mut b = builder();
        // The parameter goes to the callee and comes back one larger; the caller's own stays.
        let body = [
            Op::Copy.abc(base + 1, 2, 0),
            Op::Call.a16(base, 1),
            Op::Copy.abc(1, base + 1, 0),
            Op::Add64.abc(1, 1, 2),
            RET,
        ];
        code(&mut b, "f", &[Ty::U64; 2], &[Ty::U64], &body);
        b.functions[0].frame = 255;
        b.stack_slots = 256;
        b.functions.push(function(1, 1, &[Op::AddI64.abc(1, 1, 1), RET]));
        with(&b, |m| {
            // At base 1 the callee's register 1 is the caller's register 2.
            let expected = if base == 1 { 21 + 21 } else { 21 + 20 };
            assert_eq!(call(m, "f", &[7, 20]), Ok(vec![expected]), "{base}");
        });
    }
}
