//! Arguments and results against their declared types.

mod common;

use common::*;
use proptest::prelude::*;
use tiny_mapper::{Trap, TrapCode};
use xmap_image::{Op, Ty};

/// Types that stand alone: no pointer and no length.
fn plain() -> impl Strategy<Value = Ty> {
    prop::sample::select(Ty::ALL[..11].to_vec())
}

/// A slot that is at the edge of some type.
fn slot() -> impl Strategy<Value = u64> {
    let edges = [0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 1 << 31, (1 << 32) - 1, 1 << 32];
    let negative = [-1i32, -128, -129, -32768, -32769, i32::MIN].map(i);
    prop_oneof![
        prop::sample::select([&edges[..], &negative[..]].concat()),
        any::<u32>().prop_map(u64::from),
        any::<u64>(),
    ]
}

proptest! {
    /// The first argument that does not fit its type is named, and no op runs.
    #[test]
    fn arguments_are_checked_in_order(pairs in prop::collection::vec((plain(), slot()), 0..6)) {
        let (types, args): (Vec<Ty>, Vec<u64>) = pairs.into_iter().unzip();
        let mut b = builder();
        code(&mut b, "f", &types, &[], &[Op::LineSet.abc(17, 0, 0), RET]);
        let misfit = types.iter().zip(&args).position(|(ty, arg)| !ty.fits(*arg));
        with(&b, |m| {
            let got = call(m, "f", &args);
            match misfit {
                Some(position) => {
                    let trap = trap(got);
                    assert_eq!((trap.code, trap.detail), (TrapCode::BadArgument, position as u32));
                    assert_eq!((trap.op, m.port_mut().take()), (Trap::NO_OP, vec![]));
                }
                None => {
                    assert_eq!(got, Ok(vec![]));
                    assert_eq!(m.port_mut().take(), [Did::Set(0, 1 << 17)]);
                }
            }
        });
    }

    /// The first result that does not fit its type is named, and what the call did stays done.
    #[test]
    fn results_are_checked_in_order(pairs in prop::collection::vec((plain(), slot()), 0..6)) {
        let (types, values): (Vec<Ty>, Vec<u64>) = pairs.into_iter().unzip();
        let mut b = builder();
        code(&mut b, "f", &vec![Ty::U64; values.len()], &types, &[Op::LineSet.abc(17, 0, 0), RET]);
        let misfit = types.iter().zip(&values).position(|(ty, value)| !ty.fits(*value));
        with(&b, |m| {
            let got = call(m, "f", &values);
            match misfit {
                Some(position) => {
                    let expected = (TrapCode::BadArgument, Trap::RESULT | position as u32);
                    assert_eq!(fault(got), expected);
                }
                None => assert_eq!(got, Ok(values)),
            }
            assert_eq!(m.port_mut().take(), [Did::Set(0, 1 << 17)]);
        });
    }
}

#[test]
fn bytes_and_text_are_inside_the_memory() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (16, 1, 1);
    b.data = vec![(0, b"na\xc3\xafve".to_vec()), (8, vec![0xff, 0xfe])];
    code(&mut b, "bytes", &[Ty::U8, Ty::BytesPtr, Ty::Len], &[], &[RET]);
    code(&mut b, "text", &[Ty::StrPtr, Ty::Len, Ty::U8], &[], &[RET]);
    with(&b, |m| {
        for (at, len) in [(0, 0), (0, 16), (16, 0), (15, 1), (8, 2)] {
            assert_eq!(call(m, "bytes", &[1, at, len]), Ok(vec![]), "{at} {len}");
        }
        for (at, len) in [(0, 17), (16, 1), (17, 0), (u32::MAX, 1), (1, u32::MAX)] {
            let outside = (TrapCode::OutOfBounds, at);
            let (at, len) = (u64::from(at), u64::from(len));
            assert_eq!(fault(call(m, "bytes", &[1, at, len])), outside);
            assert_eq!(fault(call(m, "text", &[at, len, 1])), outside);
        }
        assert_eq!(call(m, "text", &[0, 6, 1]), Ok(vec![]));
        assert_eq!(fault(call(m, "text", &[0, 3, 1])), (TrapCode::BadText, 0));
        assert_eq!(fault(call(m, "text", &[8, 2, 1])), (TrapCode::BadText, 8));
        assert_eq!(fault(call(m, "bytes", &[1, 1 << 32, 0])), (TrapCode::BadArgument, 1));
        assert_eq!(fault(call(m, "bytes", &[256, 0, 0])), (TrapCode::BadArgument, 0));
        // Arguments are checked in their order.
        assert_eq!(fault(call(m, "text", &[8, 2, 256])), (TrapCode::BadText, 8));
    });
}

#[test]
fn every_parameter_and_result_of_a_full_window_passes() {
    let mut b = builder();
    let types = vec![Ty::U64; xmap_image::limits::MAX_PARAMS];
    code(&mut b, "f", &types, &types, &[RET]);
    b.functions[0].frame = 255;
    let args: Vec<u64> = (1..=types.len() as u64).collect();
    with(&b, |m| assert_eq!(call(m, "f", &args), Ok(args.clone())));
}

#[test]
fn a_text_is_no_longer_than_a_look_at_it_may_take() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (2 << 16, 2, 2);
    code(&mut b, "text", &[Ty::StrPtr, Ty::Len], &[Ty::StrPtr, Ty::Len], &[RET]);
    code(&mut b, "bytes", &[Ty::BytesPtr, Ty::Len], &[Ty::BytesPtr, Ty::Len], &[RET]);
    code(
        &mut b,
        "longer",
        &[],
        &[Ty::StrPtr, Ty::Len],
        &[Op::Const32.a16(1, 7), Op::Const32W.abc(2, 0, 0), 65_537, RET],
    );
    with(&b, |m| {
        for (at, len) in [(0, 65_536), (65_536, 65_536), (131_072, 0)] {
            assert_eq!(call(m, "text", &[at, len]), Ok(vec![at, len]));
        }
        assert_eq!(fault(call(m, "text", &[1, 65_537])), (TrapCode::BadText, 1));
        assert_eq!(fault(call(m, "longer", &[])), (TrapCode::BadText, 7));
        assert_eq!(call(m, "bytes", &[0, 131_072]), Ok(vec![0, 131_072]));
        assert_eq!(fault(call(m, "bytes", &[1, 131_072])), (TrapCode::OutOfBounds, 1));
    });
}
