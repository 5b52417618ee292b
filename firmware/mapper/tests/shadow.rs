//! The shadow stack of a module: a call that does not return normally leaves its pointer as it was.

mod common;

use common::*;
use tiny_mapper::{Trap, TrapCode};
use xmap_image::{Function, Image, ImageBuilder, Op, Ty, Word};

/// The pointer at load.
const FIRST: u64 = 4096;

/// Ops that take 48 bytes of the stack: register 60 is the pointer then.
const TAKE: [Word; 3] =
    [Op::GlobalGet.a16(60, 1), Op::AddI32.abc(60, 60, -48i8 as u8), Op::GlobalSet.a16(60, 1)];

fn module() -> ImageBuilder<'static> {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (64, 1, 1);
    b.globals = vec![1, FIRST];
    b.stack_pointer = Some(1);
    b.time_us = 100;
    b
}

/// A function that takes stack, does this, and gives the stack back.
fn takes(ops: &[Word]) -> Vec<Word> {
    let give = [Op::AddI32.abc(60, 60, 48), Op::GlobalSet.a16(60, 1), RET];
    [&TAKE[..], ops, &give].concat()
}

/// Each way out that is no normal return, what it traps with, and how much fuel it may have.
fn ways_out() -> Vec<(&'static str, Vec<Word>, TrapCode)> {
    let far = [Op::Const32W.abc(1, 0, 0), u32::MAX];
    vec![
        ("unreachable", vec![Op::Unreachable.abc(0, 0, 0)], TrapCode::Unreachable),
        ("load", [&far[..], &[Op::Ld32U.abc(2, 1, 0)]].concat(), TrapCode::OutOfBounds),
        ("divide", vec![Op::Const32.a16(1, 0), Op::DivU32.abc(2, 1, 1)], TrapCode::DivideByZero),
        ("fuel", vec![Op::Br.a24(-1)], TrapCode::Fuel),
        ("time", vec![Op::Const32.a16(1, 101), Op::TimeDelay.abc(1, 0, 0)], TrapCode::Time),
        ("line", vec![Op::Const32.a16(1, 3), Op::GpioSet.abc(1, 0, 0)], TrapCode::UndeclaredLine),
        ("pull", vec![Op::Const32.a16(1, 22), Op::GpioPull.abc(1, 1, 0)], TrapCode::BadArgument),
        ("text", [&far[..], &[Op::LogMessage.abc(1, 1, 1)]].concat(), TrapCode::OutOfBounds),
    ]
}

#[test]
fn every_way_out_gives_the_stack_back() {
    for (name, ops, code_of_trap) in ways_out() {
        let mut b = module();
        code(&mut b, name, &[], &[], &takes(&ops));
        // The same below twenty calls.
        for depth in 0..20 {
            let call = Op::Call.a16(2, depth);
            b.functions.push(function(0, 0, &takes(&[call])));
        }
        export(&mut b, "deep", &[], &[], xmap_image::Entry::Code { function: 20, fuel: 10_000 });
        code(&mut b, "good", &[], &[], &takes(&[]));
        with(&b, |m| {
            m.set_fuel_cap(10_000);
            for export in [name, "deep"] {
                for _ in 0..50 {
                    assert_eq!(fault(call(m, export, &[])).0, code_of_trap, "{export}");
                    assert_eq!(m.globals(), [1, FIRST], "{export} by {name}");
                }
                assert_eq!(call(m, "good", &[]), Ok(vec![]));
            }
        });
    }
}

#[test]
fn a_refused_result_gives_the_stack_back() {
    let mut b = module();
    let two = [&TAKE[..], &[Op::Const32.a16(1, 2), RET]].concat();
    code(&mut b, "bad", &[], &[Ty::Bool], &two);
    code(&mut b, "fine", &[], &[Ty::U8], &two);
    with(&b, |m| {
        assert_eq!(fault(call(m, "bad", &[])), (TrapCode::BadArgument, Trap::RESULT));
        assert_eq!(m.globals(), [1, FIRST]);
        // A module that returns with another value wants it so: it is its own.
        assert_eq!(call(m, "fine", &[]), Ok(vec![2]));
        assert_eq!(m.globals(), [1, FIRST - 48]);
        // What a call finds is what it leaves, not what there was at load.
        assert_eq!(fault(call(m, "bad", &[])).0, TrapCode::BadArgument);
        assert_eq!(m.globals(), [1, FIRST - 48]);
    });
}

/// A text is refused after the function has returned.
#[test]
fn a_refused_text_gives_the_stack_back() {
    let mut b = module();
    b.data = vec![(0, vec![b'a', 0xff])];
    let text = |at: i16, len: i16| {
        let values = [Op::Const32.a16(1, at as u16), Op::Const32.a16(2, len as u16)];
        [&TAKE[..], &values, &[RET]].concat()
    };
    code(&mut b, "no_text", &[], &[Ty::StrPtr, Ty::Len], &text(0, 2));
    code(&mut b, "outside", &[], &[Ty::BytesPtr, Ty::Len], &text(60, 5));
    code(&mut b, "fine", &[], &[Ty::StrPtr, Ty::Len, Ty::BytesPtr, Ty::Len], &{
        let ops =
            [Op::Const32.a16(1, 0), Op::Const32.a16(2, 1), Op::Const32.a16(3, 0), Op::Const32.a16(4, 2)];
        takes(&ops)
    });
    with(&b, |m| {
        for _ in 0..100 {
            assert_eq!(fault(call(m, "no_text", &[])), (TrapCode::BadText, 0));
            assert_eq!(fault(call(m, "outside", &[])), (TrapCode::OutOfBounds, 60));
            assert_eq!(m.globals(), [1, FIRST]);
        }
        assert_eq!(call(m, "fine", &[]), Ok(vec![0, 1, 0, 2]));
    });
}

#[test]
fn a_refused_argument_and_no_fuel_change_nothing() {
    let mut b = module();
    code(&mut b, "set", &[Ty::Bool], &[], &takes(&[]));
    with(&b, |m| {
        assert_eq!(fault(call(m, "set", &[2])).0, TrapCode::BadArgument);
        m.set_fuel_cap(1);
        assert_eq!(fault(call(m, "set", &[1])).0, TrapCode::Fuel);
        assert_eq!(m.globals(), [1, FIRST]);
    });
}

#[test]
fn the_start_function_gives_the_stack_back() {
    let mut b = module();
    let ops = takes(&[Op::Unreachable.abc(0, 0, 0)]);
    b.functions.push(Function { frame: 64, params: 0, results: 0, code: ops });
    b.start = Some(0);
    with(&b, |m| {
        assert_eq!(m.start().unwrap_err().code, TrapCode::Unreachable);
        assert_eq!(m.globals(), [1, FIRST]);
    });
}

/// All globals but the pointer are the module's own: a trap leaves them as they are, as all of them where no
/// pointer is named.
#[test]
fn other_globals_stay_as_the_trap_found_them() {
    for pointer in [None, Some(1)] {
        let mut b = module();
        b.stack_pointer = pointer;
        let ops = [Op::Const32.a16(1, 9), Op::GlobalSet.a16(1, 0), Op::Unreachable.abc(0, 0, 0)];
        code(&mut b, "f", &[], &[], &takes(&ops));
        with(&b, |m| {
            assert_eq!(fault(call(m, "f", &[])).0, TrapCode::Unreachable);
            let expected = if pointer.is_some() { FIRST } else { FIRST - 48 };
            assert_eq!(m.globals(), [9, expected]);
        });
    }
}

#[test]
fn an_image_says_which_global_it_is() {
    let mut b = module();
    for pointer in [None, Some(0), Some(1)] {
        b.stack_pointer = pointer;
        let words = b.build().unwrap();
        let image = Image::verify(&words).unwrap();
        assert_eq!(image.stack_pointer(), pointer.map(|n| n as usize));
        assert_eq!(ImageBuilder::from_image(&image).unwrap().stack_pointer, pointer);
    }
}
