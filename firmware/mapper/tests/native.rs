//! Native operations, in code and as direct entries.

mod common;

use common::*;
use tiny_mapper::{CallError, Function, LogLevel, Pull, Trap, TrapCode};
use xmap_abi::HostFunction;
use xmap_boards::BoardId;
use xmap_image::{Entry, ImageBuilder, Op, PinMode, Ty, VerifyError, Word};

/// The lines of [`builder`]: 17 and 42 are outputs, 27 an input, 22 both ways.
const OUT: u64 = 17;
const OUT1: u64 = 42;
const IN: u64 = 27;
const BOTH: u64 = 22;
/// Not declared, or no line at all.
const OTHER: [u64; 7] = [0, 18, 57, 58, 63, 64, 0xffff_ffff];

/// Both ways to an operation: a direct entry, and a function of that op.
fn both(params: &[Ty], results: &[Ty], op: u32) -> [ImageBuilder<'static>; 2] {
    let (mut a, mut b) = (builder(), builder());
    direct(&mut a, "f", params, results, &[op]);
    code(&mut b, "f", params, results, &[op, RET]);
    [a, b]
}

fn bank(line: u64) -> (u32, u32) {
    ((line / 32) as u32, 1 << (line % 32))
}

#[test]
fn resolved_lines_go_straight_to_the_port() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (0, 0, 0);
    let table = [
        ("set", Op::LineSet, 17, Did::Set(0, 1 << 17)),
        ("clear", Op::LineClear, 17, Did::Clear(0, 1 << 17)),
        ("set1", Op::LineSet, 42, Did::Set(1, 1 << 10)),
        ("clear1", Op::LineClear, 42, Did::Clear(1, 1 << 10)),
    ];
    for (name, op, line, _) in &table {
        direct(&mut b, name, &[], &[], &[op.abc(*line, 0, 0)]);
        code(&mut b, &format!("{name}_code"), &[], &[], &[op.abc(*line, 0, 0), RET]);
    }
    direct(&mut b, "mask", &[], &[], &[Op::MaskSet.abc(0, 0, 0), 1 << 17 | 1 << 22]);
    direct(&mut b, "unmask", &[], &[], &[Op::MaskClear.abc(1, 0, 0), 1 << 10]);
    direct(&mut b, "put", &[Ty::Bool], &[], &[Op::LinePut.abc(17, 1, 0)]);
    direct(&mut b, "toggle", &[], &[], &[Op::LineToggle.abc(42, 0, 0)]);
    direct(&mut b, "get", &[], &[Ty::Bool], &[Op::LineGet.abc(1, 27, 0)]);
    direct(&mut b, "bank", &[], &[Ty::U32], &[Op::BankRead.abc(1, 1, 0)]);
    with(&b, |m| {
        let did = |m: &mut tiny_mapper::Mapper<'_, Recorder>, name: &str, args: &[u64]| {
            assert_eq!(call(m, name, args), Ok(vec![]), "{name}");
            m.port_mut().take()
        };
        for (name, _, _, expected) in &table {
            assert_eq!(did(m, name, &[]), std::slice::from_ref(expected));
            assert_eq!(m.counters().fuel, 0);
            assert_eq!(did(m, &format!("{name}_code"), &[]), std::slice::from_ref(expected));
            assert_eq!(m.counters().fuel, 2);
        }
        assert_eq!(did(m, "mask", &[]), [Did::Set(0, 1 << 17 | 1 << 22)]);
        assert_eq!(did(m, "unmask", &[]), [Did::Clear(1, 1 << 10)]);
        assert_eq!(did(m, "put", &[1]), [Did::Set(0, 1 << 17)]);
        assert_eq!(did(m, "put", &[0]), [Did::Clear(0, 1 << 17)]);
        assert_eq!(did(m, "toggle", &[]), [Did::Set(1, 1 << 10)]);
        assert_eq!(did(m, "toggle", &[]), [Did::Clear(1, 1 << 10)]);
        m.port_mut().levels[..2].copy_from_slice(&[1 << 27, 0xfff]);
        assert_eq!(call(m, "get", &[]), Ok(vec![1]));
        assert_eq!(call(m, "bank", &[]), Ok(vec![1 << 10]), "the line that is declared");
        m.port_mut().levels[..2].copy_from_slice(&[!(1 << 27), 0]);
        assert_eq!(call(m, "get", &[]), Ok(vec![0]));
    });
}

#[test]
fn call_gpio_set_drives_declared_outputs_and_nothing_else() {
    for b in both(&[Ty::U8, Ty::Bool], &[], Op::GpioPut.abc(1, 2, 0)) {
        with(&b, |m| {
            let mut calls = 0;
            for line in [OUT, OUT1, BOTH] {
                let (bank, mask) = bank(line);
                assert_eq!(call(m, "f", &[line, 1]), Ok(vec![]));
                assert_eq!(m.port_mut().take(), [Did::Set(bank, mask)]);
                assert_eq!(call(m, "f", &[line, 0]), Ok(vec![]));
                assert_eq!(m.port_mut().take(), [Did::Clear(bank, mask)]);
                calls += 2;
            }
            assert_eq!((m.counters().calls, m.counters().traps), (calls, 0));
            for line in [IN, 0, 18, 57, 58, 63, 64, 255] {
                let expected = (TrapCode::UndeclaredLine, line as u32);
                assert_eq!(fault(call(m, "f", &[line, 1])), expected);
            }
            for (args, position) in
                [([256, 1], 0), ([OUT, 2], 1), ([OUT, 1 << 32], 1), ([1 << 32 | OUT, 1], 0)]
            {
                let trap = trap(call(m, "f", &args));
                assert_eq!((trap.code, trap.detail), (TrapCode::BadArgument, position), "{args:?}");
                assert_eq!(trap.op, Trap::NO_OP);
            }
            assert_eq!(call(m, "f", &[OUT]), Err(CallError::ArgumentCount { expected: 2, given: 1 }));
            assert_eq!(m.port_mut().take(), []);
            assert_eq!((m.counters().calls, m.counters().traps), (calls + 12, 12));
        });
    }
}

#[test]
fn any_value_but_zero_is_high_where_the_type_allows_it() {
    for b in both(&[Ty::I32, Ty::I32], &[], Op::GpioPut.abc(1, 2, 0)) {
        with(&b, |m| {
            for value in [1, 2, 0x8000_0000, 0xffff_ffff] {
                assert_eq!(call(m, "f", &[OUT, value]), Ok(vec![]));
                assert_eq!(m.port_mut().take(), [Did::Set(0, 1 << 17)]);
            }
            assert_eq!(fault(call(m, "f", &[i(-1), 1])), (TrapCode::UndeclaredLine, u32::MAX));
        });
    }
}

#[test]
fn the_fast_path_takes_arguments_in_their_order_only() {
    for b in both(&[Ty::Bool, Ty::U8], &[], Op::GpioPut.abc(2, 1, 0)) {
        with(&b, |m| {
            assert_eq!(call(m, "f", &[1, OUT]), Ok(vec![]));
            assert_eq!(m.port_mut().take(), [Did::Set(0, 1 << 17)]);
        });
    }
}

#[test]
fn operations_on_one_line() {
    let ops = [(Op::GpioSet, true), (Op::GpioClear, false)];
    for (op, high) in ops {
        for b in both(&[Ty::U32], &[], op.abc(1, 0, 0)) {
            with(&b, |m| {
                for line in [OUT, OUT1, BOTH] {
                    let (bank, mask) = bank(line);
                    assert_eq!(call(m, "f", &[line]), Ok(vec![]));
                    let did = if high { Did::Set(bank, mask) } else { Did::Clear(bank, mask) };
                    assert_eq!(m.port_mut().take(), [did]);
                }
                for line in OTHER.into_iter().chain([IN]) {
                    assert_eq!(fault(call(m, "f", &[line])), (TrapCode::UndeclaredLine, line as u32));
                }
                assert_eq!(m.port_mut().take(), []);
            });
        }
    }
    for b in both(&[Ty::U32], &[], Op::GpioToggle.abc(1, 0, 0)) {
        with(&b, |m| {
            for line in [OUT, OUT1, BOTH] {
                let (bank, mask) = bank(line);
                for did in [Did::Set(bank, mask), Did::Clear(bank, mask)] {
                    assert_eq!(call(m, "f", &[line]), Ok(vec![]));
                    assert_eq!(m.port_mut().take(), [did]);
                }
            }
            for line in OTHER.into_iter().chain([IN]) {
                assert_eq!(fault(call(m, "f", &[line])), (TrapCode::UndeclaredLine, line as u32));
            }
        });
    }
    for b in both(&[Ty::U32], &[Ty::I32], Op::GpioGet.abc(1, 1, 0)) {
        with(&b, |m| {
            for line in [OUT, OUT1, BOTH, IN] {
                let (bank, mask) = bank(line);
                m.port_mut().levels[bank as usize] = mask;
                assert_eq!(call(m, "f", &[line]), Ok(vec![1]));
                m.port_mut().levels[bank as usize] = !mask;
                assert_eq!(call(m, "f", &[line]), Ok(vec![0]));
            }
            for line in OTHER {
                assert_eq!(fault(call(m, "f", &[line])), (TrapCode::UndeclaredLine, line as u32));
            }
        });
    }
}

#[test]
fn a_bank_read_shows_declared_lines_alone() {
    let declared = [1 << OUT | 1 << IN | 1 << BOTH, 1 << (OUT1 - 32)];
    let worlds = [[u32::MAX; 2], [0xdead_beef, 0x03ff_ffff], [1 << OUT | 1, 1 << 3], [0; 2]];
    for levels in worlds {
        let expected = [0, 1].map(|bank| u64::from(levels[bank]) & declared[bank]);
        for b in both(&[Ty::U32], &[Ty::I32], Op::GpioRead.abc(1, 1, 0)) {
            with(&b, |m| {
                m.port_mut().levels[..2].copy_from_slice(&levels);
                assert_eq!(call(m, "f", &[0]), Ok(vec![expected[0]]));
                assert_eq!(call(m, "f", &[1]), Ok(vec![expected[1]]));
                assert_eq!(fault(call(m, "f", &[2])), (TrapCode::UndeclaredLine, 2));
            });
        }
        for bank in 0..2 {
            for b in both(&[], &[Ty::U32], Op::BankRead.abc(1, bank, 0)) {
                with(&b, |m| {
                    m.port_mut().levels[..2].copy_from_slice(&levels);
                    assert_eq!(call(m, "f", &[]), Ok(vec![expected[usize::from(bank)]]));
                });
            }
        }
        // An image that declares no line reads none.
        let mut blind = ImageBuilder::new(BoardId::Rpi4b);
        direct(&mut blind, "f", &[Ty::U32], &[Ty::I32], &[Op::GpioRead.abc(1, 1, 0)]);
        with(&blind, |m| {
            m.port_mut().levels[..2].copy_from_slice(&levels);
            assert_eq!([0, 1].map(|bank| call(m, "f", &[bank])), [Ok(vec![0]), Ok(vec![0])]);
        });
    }
}

#[test]
fn a_bank_is_written_clear_first() {
    for b in both(&[Ty::U32; 3], &[], Op::GpioWrite.abc(1, 2, 3)) {
        with(&b, |m| {
            let (a, c) = (1 << 17, 1 << 22);
            assert_eq!(call(m, "f", &[0, a, c]), Ok(vec![]));
            let (a, c) = (a as u32, c as u32);
            assert_eq!(m.port_mut().take(), [Did::Clear(0, c), Did::Set(0, a)]);
            assert_eq!(call(m, "f", &[0, a.into(), a.into()]), Ok(vec![]));
            assert_eq!(m.port_mut().take(), [Did::Clear(0, a), Did::Set(0, a)]);
            assert_eq!(call(m, "f", &[0, 0, 0]), Ok(vec![]));
            assert_eq!(m.port_mut().take(), []);
            assert_eq!(call(m, "f", &[1, 1 << 10, 0]), Ok(vec![]));
            assert_eq!(m.port_mut().take(), [Did::Set(1, 1 << 10)]);
            assert_eq!(call(m, "f", &[1, 0, 1 << 10]), Ok(vec![]));
            assert_eq!(m.port_mut().take(), [Did::Clear(1, 1 << 10)]);
            // Nothing is done where one line of either mask is not the module's.
            let refused = [
                ([0, 1 << 17 | 1 << 27, 0], 27),
                ([0, 1 << 17, 1 << 3], 3),
                ([1, 1 << 10 | 1 << 26, 0], 58),
                ([2, 1, 0], 2),
                ([u32::MAX.into(), 0, 0], u32::MAX),
            ];
            for (args, detail) in refused {
                assert_eq!(fault(call(m, "f", &args)), (TrapCode::UndeclaredLine, detail));
            }
            assert_eq!(m.port_mut().take(), []);
        });
    }
}

#[test]
fn direction_and_pull_ask_for_lines_of_their_mode() {
    let more = |mut b: ImageBuilder<'static>| {
        b.pins.push(pin(5, PinMode::Any));
        b
    };
    for b in both(&[Ty::U32; 2], &[], Op::GpioDirection.abc(1, 2, 0)).map(more) {
        with(&b, |m| {
            for line in [BOTH, 5] {
                for (value, function) in [(0, Function::Input), (1, Function::Output), (9, Function::Output)]
                {
                    assert_eq!(call(m, "f", &[line, value]), Ok(vec![]));
                    assert_eq!(m.port_mut().take(), [Did::Select(line as u8, function)]);
                }
            }
            for line in OTHER.into_iter().chain([OUT, IN]) {
                assert_eq!(fault(call(m, "f", &[line, 1])), (TrapCode::UndeclaredLine, line as u32));
            }
        });
    }
    for b in both(&[Ty::U32; 2], &[], Op::GpioPull.abc(1, 2, 0)).map(more) {
        with(&b, |m| {
            for line in [BOTH, 5, IN] {
                for (value, pull) in [(0, Pull::None), (1, Pull::Up), (2, Pull::Down)] {
                    assert_eq!(call(m, "f", &[line, value]), Ok(vec![]));
                    assert_eq!(m.port_mut().take(), [Did::Pull(line as u8, pull)]);
                }
                assert_eq!(fault(call(m, "f", &[line, 3])), (TrapCode::BadArgument, 3));
            }
            for line in OTHER.into_iter().chain([OUT]) {
                assert_eq!(fault(call(m, "f", &[line, 1])), (TrapCode::UndeclaredLine, line as u32));
            }
            assert_eq!(m.port_mut().take(), []);
        });
    }
}

#[test]
fn waits_add_up_against_the_time_of_a_call() {
    let mut b = builder();
    b.time_us = 100;
    direct(&mut b, "wait", &[Ty::U32], &[], &[Op::TimeDelay.abc(1, 0, 0)]);
    direct(&mut b, "now", &[], &[Ty::U64], &[Op::TimeNow.abc(1, 0, 0)]);
    let twice = [Op::TimeDelay.abc(1, 0, 0), Op::TimeDelay.abc(2, 0, 0), RET];
    code(&mut b, "twice", &[Ty::U32; 2], &[], &twice);
    with(&b, |m| {
        assert_eq!(call(m, "now", &[]), Ok(vec![0]));
        assert_eq!(call(m, "twice", &[60, 40]), Ok(vec![]));
        assert_eq!(m.port_mut().take(), [Did::Delay(60), Did::Delay(40)]);
        // The sum of one call counts, not that of all.
        assert_eq!(call(m, "now", &[]), Ok(vec![100]));
        let trap = trap(call(m, "twice", &[60, 41]));
        assert_eq!((trap.code, trap.op, trap.detail), (TrapCode::Time, 1, 41));
        assert_eq!(m.port_mut().take(), [Did::Delay(60)]);
        assert_eq!(call(m, "wait", &[100]), Ok(vec![]));
        assert_eq!(fault(call(m, "wait", &[101])), (TrapCode::Time, 101));
        assert_eq!(fault(call(m, "wait", &[u32::MAX.into()])), (TrapCode::Time, u32::MAX));
    });
}

#[test]
fn messages_are_text_in_memory() {
    let text = "Tür auf\u{1f511}";
    for mut b in both(&[Ty::I32, Ty::U32, Ty::U32], &[], Op::LogMessage.abc(1, 2, 3)) {
        (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (32, 1, 1);
        b.data = vec![(4, text.as_bytes().to_vec())];
        with(&b, |m| {
            let len = text.len() as u64;
            let levels =
                [(0, LogLevel::Debug), (1, LogLevel::Info), (2, LogLevel::Warn), (i(-1), LogLevel::Warn)];
            for (level, expected) in levels {
                assert_eq!(call(m, "f", &[level, 4, len]), Ok(vec![]));
                assert_eq!(m.port_mut().take(), [Did::Log(expected, text.into())]);
            }
            assert_eq!(call(m, "f", &[0, 32, 0]), Ok(vec![]));
            assert_eq!(m.port_mut().take(), [Did::Log(LogLevel::Debug, String::new())]);
            let all = u64::from(u32::MAX);
            for (at, len, detail) in [(33, 0, 33), (0, 33, 0), (4, all, 4), (all, 1, u32::MAX)] {
                assert_eq!(fault(call(m, "f", &[0, at, len])), (TrapCode::OutOfBounds, detail));
            }
            // Cut within a character.
            assert_eq!(fault(call(m, "f", &[0, 4, 2])), (TrapCode::BadText, 4));
            assert_eq!(fault(call(m, "f", &[0, 6, 2])), (TrapCode::BadText, 6));
            assert_eq!(m.port_mut().take(), []);
        });
    }
}

/// 65,000 texts of 16 MiB took 97 s for 65,004 words of fuel.
#[test]
fn a_text_is_charged_for_its_length_before_it_is_read() {
    const BYTES: usize = 100_000;
    for (n, mut b) in
        both(&[Ty::I32, Ty::U32, Ty::U32], &[], Op::LogMessage.abc(1, 2, 3)).into_iter().enumerate()
    {
        (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (BYTES as u32, 2, 2);
        b.data = vec![(0, vec![b'a'; 1]), (BYTES as u32 - 1, vec![0xff])];
        let entered = if n == 0 { 0 } else { 2 };
        with(&b, |m| {
            for (len, charged) in
                [(0, 0), (256, 0), (271, 0), (272, 1), (BYTES as u64 - 1, (BYTES as u32 - 257) / 16)]
            {
                assert_eq!(call(m, "f", &[0, 0, len]), Ok(vec![]));
                assert_eq!(m.counters().fuel, entered + charged, "{len}");
                m.port_mut().take();
            }
            // What is no text is not read either, where the fuel does not cover it.
            m.set_fuel_cap(entered + 10);
            assert_eq!(fault(call(m, "f", &[0, 0, 256 + 10 * 16 + 16])), (TrapCode::Fuel, 0));
            assert_eq!(fault(call(m, "f", &[0, 0, BYTES as u64])), (TrapCode::Fuel, 0));
            assert_eq!(fault(call(m, "f", &[0, 1, BYTES as u64])), (TrapCode::OutOfBounds, 1));
            assert_eq!(m.counters().fuel, entered, "what traps costs nothing");
            assert_eq!(call(m, "f", &[0, 0, 256 + 10 * 16 + 15]), Ok(vec![]));
            m.set_fuel_cap(u32::MAX);
            assert_eq!(fault(call(m, "f", &[0, 0, BYTES as u64])), (TrapCode::BadText, 0));
        });
    }
}

const RANDOM: Word = Op::HostCall.abc(0, HostFunction::RandomGet as u8, 0);

#[test]
fn random_bytes_fill_a_range_and_nothing_else() {
    for mut b in both(&[Ty::U32, Ty::U32], &[], RANDOM) {
        (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (32, 1, 1);
        with(&b, |m| {
            m.port_mut().random = Some(9);
            assert_eq!(call(m, "f", &[4, 8]), Ok(vec![]));
            let expected: Vec<u8> = (0..32).map(|n| if (4..12).contains(&n) { 9 } else { 0 }).collect();
            assert_eq!(m.memory(), expected);
            assert_eq!(call(m, "f", &[32, 0]), Ok(vec![]));
            assert_eq!(m.port_mut().take(), [Did::Random(8), Did::Random(0)]);
            let all = u64::from(u32::MAX);
            for (at, len, detail) in [(33, 0, 33), (0, 33, 0), (4, all, 4), (all, 1, u32::MAX)] {
                assert_eq!(fault(call(m, "f", &[at, len])), (TrapCode::OutOfBounds, detail));
            }
            assert_eq!(m.memory(), expected);
            assert_eq!(m.port_mut().take(), []);
            // A board that has no random numbers.
            m.port_mut().random = None;
            let row = HostFunction::RandomGet as u32;
            assert_eq!(fault(call(m, "f", &[0, 1])), (TrapCode::Unavailable, row));
            assert_eq!(m.memory(), expected);
        });
    }
}

#[test]
fn random_bytes_are_paid_for_before_they_are_made() {
    for (n, mut b) in both(&[Ty::U32, Ty::U32], &[], RANDOM).into_iter().enumerate() {
        (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (65_536, 1, 1);
        let entered = if n == 0 { 0 } else { 2 };
        with(&b, |m| {
            m.port_mut().random = Some(1);
            for (len, charged) in [(0, 0), (15, 0), (16, 1), (65_536, 4096)] {
                assert_eq!(call(m, "f", &[0, len]), Ok(vec![]));
                assert_eq!(m.counters().fuel, entered + charged, "{len}");
            }
            m.port_mut().take();
            m.set_fuel_cap(entered + 10);
            assert_eq!(fault(call(m, "f", &[0, 11 * 16])), (TrapCode::Fuel, 0));
            assert_eq!(m.port_mut().take(), []);
            assert_eq!(call(m, "f", &[0, 11 * 16 - 1]), Ok(vec![]));
        });
    }
}

/// Where the window of a host call begins is the op's to say.
#[test]
fn a_host_call_takes_its_arguments_behind_its_base() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (32, 1, 1);
    let call_at = |base| Op::HostCall.abc(base, HostFunction::RandomGet as u8, 0);
    let body = [Op::Const32.a16(7, 3), Op::Const32.a16(8, 2), call_at(6), ret(1)];
    code(&mut b, "f", &[Ty::U32], &[Ty::U32], &body);
    with(&b, |m| {
        m.port_mut().random = Some(5);
        assert_eq!(call(m, "f", &[77]), Ok(vec![77]));
        assert_eq!(m.memory()[..6], [0, 0, 0, 5, 5, 0]);
    });
    // The frame is that of `function`: the last window that fits, and the first that does not.
    for (base, fits) in [(61, true), (62, false), (255, false)] {
        let mut b = builder();
        code(&mut b, "f", &[], &[], &[call_at(base), RET]);
        assert_eq!(b.build().is_ok(), fits, "{base}");
    }
}

#[test]
fn rows_that_host_calls_cannot_name_do_not_verify() {
    let own = HostFunction::ALL.iter().map(|function| *function as u8);
    let own = own.filter(|row| HostFunction::arity(*row).is_none());
    let unknown = (0..=255).filter(|row| HostFunction::ALL.iter().all(|function| *function as u8 != *row));
    for row in own.chain(unknown) {
        let mut b = builder();
        code(&mut b, "f", &[], &[], &[Op::HostCall.abc(1, row, 0), RET]);
        let expected = xmap_image::BuildError::Verify(VerifyError::Call(0));
        assert_eq!(b.build(), Err(expected), "{row}");
    }
    // A direct entry has the row's parameters and results, and the first window.
    let random = HostFunction::RandomGet as u8;
    let cases: [(&[Ty], &[Ty], u8); 4] = [
        (&[Ty::U32, Ty::U32], &[Ty::U32], 0),
        (&[Ty::U32], &[], 0),
        (&[Ty::U32; 3], &[], 0),
        (&[Ty::U32; 3], &[], 1),
    ];
    for (params, results, base) in cases {
        let mut b = builder();
        direct(&mut b, "f", params, results, &[Op::HostCall.abc(base, random, 0)]);
        let expected = xmap_image::BuildError::Verify(VerifyError::Export(0));
        assert_eq!(b.build(), Err(expected), "{params:?} at {base}");
    }
}

#[test]
fn a_trap_names_the_op_in_code_and_none_for_a_direct_entry() {
    let [a, b] = both(&[Ty::U32], &[], Op::GpioSet.abc(1, 0, 0));
    with(&a, |m| assert_eq!(trap(call(m, "f", &[1])).op, Trap::NO_OP));
    with(&b, |m| assert_eq!(trap(call(m, "f", &[1])).op, 0));
}

#[test]
fn direct_rows_that_the_fast_path_could_not_tell_apart_do_not_verify() {
    let put = Op::GpioPut.abc(1, 2, 0);
    let cases: [(&[Ty], &[Ty], u32); 6] = [
        (&[Ty::Bool, Ty::Bool], &[], put),
        (&[Ty::BytesPtr, Ty::Len], &[], put),
        (&[Ty::StrPtr, Ty::Len], &[], put),
        (&[Ty::U8], &[], put),
        (&[Ty::U8, Ty::Bool], &[Ty::I32], put),
        // Register 1 is a result, and no argument stands there before.
        (&[], &[Ty::I32], Op::GpioGet.abc(1, 1, 0)),
    ];
    for (params, results, first) in cases {
        let mut b = builder();
        export(&mut b, "f", params, results, Entry::Direct { first, second: 0 });
        let expected = xmap_image::BuildError::Verify(VerifyError::Export(0));
        assert_eq!(b.build(), Err(expected), "{params:?}");
    }
}
