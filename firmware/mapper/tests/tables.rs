//! Tables, indirect calls and bulk memory.

mod common;

use common::*;
use tiny_mapper::{LoadError, Mapper, STACK_SLOTS, Store, TrapCode};
use xmap_image::{Elements, Image, ImageBuilder, NO_FUNCTION, Op, Table, Ty, TypeRow};

/// Functions 0 to 2 give 10, 20 and twice their argument; table 0 has five references of at most
/// eight: null, 0, 1, 2, null. Table 1 is empty and takes three.
fn tables() -> ImageBuilder<'static> {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (64, 1, 1);
    b.functions.push(function(0, 1, &[Op::Const32.a16(1, 10), RET]));
    b.functions.push(function(0, 1, &[Op::Const32.a16(1, 20), RET]));
    b.functions.push(function(1, 1, &[Op::Add32.abc(1, 1, 1), RET]));
    b.types = vec![
        TypeRow { params: 0, results: 1 },
        TypeRow { params: 1, results: 1 },
        TypeRow { params: 2, results: 1 },
        TypeRow { params: 3, results: 0 },
        TypeRow { params: 0, results: 0 },
    ];
    b.tables = vec![Table { initial: 5, capacity: 8 }, Table { initial: 0, capacity: 3 }];
    b.elements = vec![
        Elements { place: Some((0, 1)), items: vec![0, 1, 2] },
        Elements { place: None, items: vec![2, NO_FUNCTION, 1] },
    ];
    b.data = vec![(0, b"0123456789".to_vec())];
    b.passive_data = vec![b"passive".to_vec()];
    b
}

/// Fills in a type of each function's own numbers.
fn typed(mut b: ImageBuilder<'static>) -> ImageBuilder<'static> {
    let ty = |f: &xmap_image::Function| TypeRow { params: f.params, results: f.results };
    let index = |f| b.types.iter().position(|t| *t == ty(f)).expect("a type of the test") as u16;
    b.function_types = b.functions.iter().map(index).collect();
    b
}

const FULL: [Ty; 3] = [Ty::U32; 3];

#[test]
fn an_indirect_call_finds_a_function_of_its_type() {
    let mut b = tables();
    let plain = [Op::CallIndirect.abc(4, 1, 0), 0, ret(5)];
    code(&mut b, "plain", &[Ty::U32], &[Ty::I32], &plain);
    let twice = [Op::Copy.abc(5, 2, 0), Op::CallIndirect.abc(4, 1, 0), 1, ret(5)];
    code(&mut b, "twice", &[Ty::U32; 2], &[Ty::I32], &twice);
    let empty = [Op::CallIndirect.abc(4, 1, 1), 0, ret(5)];
    code(&mut b, "empty", &[Ty::U32], &[Ty::I32], &empty);
    with(&typed(b), |m| {
        assert_eq!(call(m, "plain", &[1]), Ok(vec![10]));
        // Three words of the caller, two of the callee.
        assert_eq!(fuel(m), 3 + 2);
        assert_eq!(call(m, "plain", &[2]), Ok(vec![20]));
        assert_eq!(call(m, "twice", &[3, 21]), Ok(vec![42]));
        assert_eq!(fault(call(m, "plain", &[3])), (TrapCode::SignatureMismatch, 3));
        assert_eq!(fault(call(m, "twice", &[1, 21])), (TrapCode::SignatureMismatch, 1));
        for null in [0, 4] {
            assert_eq!(fault(call(m, "plain", &[null])), (TrapCode::NullElement, null as u32));
        }
        for outside in [5, 7, 8, u32::MAX] {
            let expected = (TrapCode::UndefinedElement, outside);
            assert_eq!(fault(call(m, "plain", &[outside.into()])), expected);
        }
        assert_eq!(fault(call(m, "empty", &[0])), (TrapCode::UndefinedElement, 0));
        m.set_fuel_cap(4);
        assert_eq!(fault(call(m, "plain", &[1])), (TrapCode::Fuel, 0));
        assert_eq!(fuel(m), 3);
    });
}

#[test]
fn references_are_read_written_counted_and_grown() {
    let mut b = tables();
    code(&mut b, "get", &[Ty::U32], &[Ty::U64], &[Op::TableGet.abc(1, 1, 0), RET]);
    code(&mut b, "set", &[Ty::U32, Ty::U64], &[], &[Op::TableSet.abc(1, 2, 0), RET]);
    code(&mut b, "size", &[], &[Ty::U32], &[Op::TableSize.abc(1, 0, 0), RET]);
    code(&mut b, "size1", &[], &[Ty::U32], &[Op::TableSize.abc(1, 1, 0), RET]);
    code(&mut b, "grow", &[Ty::U32, Ty::U64], &[Ty::U32], &[Op::TableGrow.abc(1, 2, 0), RET]);
    code(&mut b, "grow1", &[Ty::U32, Ty::U64], &[Ty::U32], &[Op::TableGrow.abc(1, 2, 1), RET]);
    code(&mut b, "second", &[], &[Ty::U64], &[Op::RefFunc.a16(1, 1), RET]);
    b.types.push(TypeRow { params: 2, results: 0 });
    with(&typed(b), |m| {
        let all: Vec<_> = (0..5).map(|n| call(m, "get", &[n]).unwrap()[0]).collect();
        assert_eq!(all, [0, 1, 2, 3, 0]);
        assert_eq!(call(m, "second", &[]), Ok(vec![2]));
        assert_eq!(call(m, "set", &[4, 2]), Ok(vec![]));
        assert_eq!(call(m, "get", &[4]), Ok(vec![2]));
        for outside in [5u32, 8, u32::MAX] {
            let expected = (TrapCode::TableOutOfBounds, outside);
            assert_eq!(fault(call(m, "get", &[outside.into()])), expected);
            assert_eq!(fault(call(m, "set", &[outside.into(), 1])), expected);
        }
        assert_eq!(call(m, "size", &[]), Ok(vec![5]));
        assert_eq!(call(m, "grow", &[0, 3]), Ok(vec![5]));
        assert_eq!(call(m, "grow", &[2, 3]), Ok(vec![5]));
        // Two words, and one for each new reference.
        assert_eq!(fuel(m), 2 + 2);
        assert_eq!(call(m, "size", &[]), Ok(vec![7]));
        assert_eq!([call(m, "get", &[5]), call(m, "get", &[6])], [Ok(vec![3]), Ok(vec![3])]);
        assert_eq!(call(m, "grow", &[2, 0]), Ok(vec![u32::MAX.into()]));
        assert_eq!(call(m, "grow", &[1, 0]), Ok(vec![7]));
        assert_eq!(call(m, "size1", &[]), Ok(vec![0]));
        assert_eq!(call(m, "grow1", &[3, 1]), Ok(vec![0]));
        // The other table is as it was.
        assert_eq!((call(m, "get", &[7]), call(m, "size", &[])), (Ok(vec![0]), Ok(vec![8])));
        // More than there could ever be: refused, whatever fuel there is.
        assert_eq!(call(m, "grow", &[u32::MAX.into(), 0]), Ok(vec![u32::MAX.into()]));
        assert_eq!(fuel(m), 2);
        // More than there is fuel for: nothing is done.
        m.set_fuel_cap(4);
        assert_eq!(fault(call(m, "grow1", &[3, 0])), (TrapCode::Fuel, 0));
    });
}

#[test]
fn stretches_of_references_move_whole_or_not_at_all() {
    let mut b = tables();
    code(&mut b, "get", &[Ty::U32], &[Ty::U64], &[Op::TableGet.abc(1, 1, 0), RET]);
    code(&mut b, "fill", &FULL, &[], &[Op::TableFill.abc(1, 2, 3), 0, RET]);
    code(&mut b, "copy", &FULL, &[], &[Op::TableCopy.abc(1, 2, 3), 0, RET]);
    code(&mut b, "from1", &FULL, &[], &[Op::TableCopy.abc(1, 2, 3), 1 << 16, RET]);
    code(&mut b, "init", &FULL, &[], &[Op::TableInit.abc(1, 2, 3), 0, RET]);
    code(&mut b, "drop", &[], &[], &[Op::ElemDrop.abc(0, 0, 0), 0, RET]);
    with(&typed(b), |m| {
        let all = |m: &mut Mapper<'_, Recorder>| {
            (0..5).map(|n| call(m, "get", &[n]).unwrap()[0]).collect::<Vec<_>>()
        };
        assert_eq!(call(m, "copy", &[2, 1, 3]), Ok(vec![]));
        assert_eq!(fuel(m), 3 + 3);
        assert_eq!(all(m), [0, 1, 1, 2, 3]);
        assert_eq!(call(m, "copy", &[0, 2, 3]), Ok(vec![]));
        assert_eq!(all(m), [1, 2, 3, 2, 3]);
        assert_eq!(call(m, "fill", &[1, 9, 2]), Ok(vec![]));
        assert_eq!(all(m), [1, 9, 9, 2, 3]);
        assert_eq!(call(m, "init", &[2, 0, 3]), Ok(vec![]));
        assert_eq!(all(m), [1, 9, 3, 0, 2]);
        let outside = |index| (TrapCode::TableOutOfBounds, index);
        for (name, args, index) in [
            ("fill", [3, 0, 3], 3),
            ("fill", [6, 0, 0], 6),
            ("copy", [3, 0, 3], 3),
            ("copy", [0, 3, 3], 3),
            ("from1", [0, 0, 1], 0),
            ("init", [3, 0, 3], 3),
            ("init", [0, 1, 3], 1),
            ("fill", [1, 0, u32::MAX.into()], 1),
            ("copy", [0, 1, u32::MAX.into()], 0),
            ("init", [0, 1, u32::MAX.into()], 0),
        ] {
            assert_eq!(fault(call(m, name, &args)), outside(index), "{name} {args:?}");
        }
        assert_eq!(call(m, "fill", &[5, 0, 0]), Ok(vec![]));
        assert_eq!(call(m, "from1", &[5, 0, 0]), Ok(vec![]));
        assert_eq!(all(m), [1, 9, 3, 0, 2]);
        assert_eq!(call(m, "drop", &[]), Ok(vec![]));
        assert_eq!(fault(call(m, "init", &[0, 0, 1])), outside(0));
        assert_eq!(call(m, "init", &[0, 0, 0]), Ok(vec![]));
        assert_eq!(call(m, "drop", &[]), Ok(vec![]));
        assert_eq!(all(m), [1, 9, 3, 0, 2]);
    });
}

#[test]
fn stretches_of_memory_move_whole_or_not_at_all() {
    let mut b = tables();
    code(&mut b, "copy", &FULL, &[], &[Op::MemoryCopy.abc(1, 2, 3), RET]);
    code(&mut b, "fill", &FULL, &[], &[Op::MemoryFill.abc(1, 2, 3), RET]);
    code(&mut b, "init", &FULL, &[], &[Op::MemoryInit.abc(1, 2, 3), 0, RET]);
    code(&mut b, "drop", &[], &[], &[Op::DataDrop.abc(0, 0, 0), 0, RET]);
    with(&typed(b), |m| {
        assert_eq!(call(m, "copy", &[2, 0, 6]), Ok(vec![]));
        assert_eq!(&m.memory()[..10], b"0101234589");
        assert_eq!(call(m, "copy", &[0, 2, 6]), Ok(vec![]));
        assert_eq!(&m.memory()[..10], b"0123454589");
        assert_eq!(call(m, "fill", &[1, 0x100 | u64::from(b'x'), 3]), Ok(vec![]));
        assert_eq!(&m.memory()[..10], b"0xxx454589");
        assert_eq!(call(m, "init", &[4, 2, 5]), Ok(vec![]));
        assert_eq!(&m.memory()[..10], b"0xxxssive9");
        let before = m.memory().to_vec();
        for (name, args, at) in [
            ("copy", [60, 0, 5], 60),
            ("copy", [0, 60, 5], 60),
            ("copy", [65, 0, 0], 65),
            ("copy", [u32::MAX, 0, 1], u32::MAX),
            ("fill", [60, 0, 5], 60),
            ("fill", [1, 0, u32::MAX], 1),
            ("init", [60, 0, 5], 60),
            ("init", [0, 3, 5], 3),
        ] {
            let outcome = call(m, name, &args.map(u64::from));
            assert_eq!(fault(outcome), (TrapCode::OutOfBounds, at), "{name} {args:?}");
        }
        assert_eq!(m.memory(), before);
        for (name, args) in [("copy", [64, 64, 0]), ("fill", [64, 0, 0]), ("init", [64, 7, 0])] {
            assert_eq!(call(m, name, &args), Ok(vec![]));
        }
        // Two words, and one for each whole 16 bytes.
        for (count, cost) in [(0, 2), (15, 2), (16, 3), (48, 5)] {
            assert_eq!(call(m, "copy", &[0, 10, count]), Ok(vec![]));
            assert_eq!(fuel(m), cost);
        }
        m.set_fuel_cap(4);
        assert_eq!(fault(call(m, "fill", &[0, 1, 48])), (TrapCode::Fuel, 0));
        m.set_fuel_cap(u32::MAX);
        assert_eq!(call(m, "drop", &[]), Ok(vec![]));
        assert_eq!(fault(call(m, "init", &[0, 0, 1])), (TrapCode::OutOfBounds, 0));
        assert_eq!(call(m, "init", &[0, 0, 0]), Ok(vec![]));
    });
}

#[test]
fn slots_are_part_of_the_store() {
    let words = typed(tables()).build().unwrap();
    let image = Image::verify(&words).unwrap();
    // The tables' eight and three references with a size each, and a length of each passive segment.
    assert_eq!(image.slots(), 9 + 4 + 1 + 1);
    let load = |globals: usize| {
        let (mut stack, mut memory, mut globals) = ([0; STACK_SLOTS], [0; 64], vec![5; globals]);
        let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
        Mapper::load(image, Recorder::default(), store).map(|m| m.globals().to_vec())
    };
    assert_eq!(load(14), Err(LoadError::Globals { needed: 15, given: 14 }));
    assert_eq!(load(20), Ok(vec![5, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 3, 7]));
}
