//! Each import by itself: what it does at its edges, and the rules that a module cannot break unnoticed.

mod common;

use common::{ANSWERS, Bench, CLEARS, DATA, EXITS, GLOBAL, GO, MOVED, MOVES, NULL, SP};
use xmap_gojs::{Error, Options, Program, Registry, State};

fn string_of(bench: &mut Bench, bits: u64) -> String {
    bench.set_global("seen", bits);
    bench.program.eval("typeof seen + ':' + String(seen)").unwrap()
}

#[test]
fn an_end_inside_a_call_ends_all() {
    let mut bench = Bench::new();
    bench.set_global("go", GO);
    bench.mode(EXITS);
    // Not even JavaScript that catches everything keeps the program alive.
    let function =
        "(function() { try { go._makeFuncWrapper(1)() } catch (e) { globalThis.caught = 1 } return 1 })";
    let function = bench.program.hold(function).unwrap();
    bench.u64(SP + 8, function);
    bench.u64(SP + 16, DATA.into());
    bench.u64(SP + 24, 0);
    assert_eq!(bench.call("syscall/js.valueInvoke"), Err(Error::Exited { code: 5 }));
    assert_eq!(bench.program.state(), State::Exited(5));
    assert_eq!(bench.program.resume(), Err(Error::Exited { code: 5 }));
    // Timers that waited are gone with the program.
    assert_eq!(bench.program.run_events(), Ok(State::Exited(5)));
}

#[test]
fn the_stack_pointer_is_read_again() {
    // On both ways of each of the three: a result and an exception.
    for import in ["valueCall", "valueInvoke", "valueNew"] {
        for fails in [false, true] {
            let mut bench = Bench::new();
            bench.set_global("go", GO);
            bench.mode(MOVES);
            let fail = if fails { "throw new Error('x')" } else { "" };
            let text = format!("(function() {{ go._resume(); {fail} }})");
            let function = bench.program.hold(&text).unwrap();
            let (args, result) = if import == "valueCall" { (32, 56) } else { (16, 40) };
            if import == "valueCall" {
                bench.set_global("f", function);
                bench.u64(SP + 8, GLOBAL);
                bench.string(SP + 16, DATA, "f");
            } else {
                bench.u64(SP + 8, function);
            }
            bench.u64(SP + args, DATA.into());
            bench.u64(SP + args + 8, 0);
            bench.u64(SP + result, 0x1111);
            bench.u64(SP + MOVED + result, 0x2222);
            bench.i32(SP + MOVED + result + 8, 0x77);
            bench.call(&format!("syscall/js.{import}")).unwrap();
            assert_eq!(bench.get(SP + result), 0x1111, "{import} {fails}: the old stack");
            assert_ne!(bench.get(SP + MOVED + result), 0x2222, "{import} {fails}: the new one");
            assert_eq!(bench.byte(SP + MOVED + result + 8), u8::from(!fails), "{import}");
        }
    }
    // A getter runs Go, too.
    let mut bench = Bench::new();
    bench.set_global("go", GO);
    bench.mode(MOVES);
    bench
        .program
        .eval("Object.defineProperty(globalThis, 'late', { get() { go._resume(); return 9 } })")
        .unwrap();
    bench.u64(SP + 8, GLOBAL);
    bench.string(SP + 16, DATA, "late");
    bench.call("syscall/js.valueGet").unwrap();
    assert_eq!(f64::from_bits(bench.get(SP + MOVED + 32)), 9.0);
}

#[test]
fn a_stack_above_two_gigabytes_is_no_negative_address() {
    let mut bench = Bench::new();
    let error = bench.call_at("runtime.nanotime1", -16).unwrap_err();
    assert!(matches!(error, Error::OutsideMemory { address: 0xFFFF_FFF8, length: 8, .. }), "{error}");
}

#[test]
fn slices_outside_the_memory() {
    let mut bench = Bench::new();
    for (address, length) in [(131_072, 1), (131_000, 100), (-1, 1), (0, -1), (i64::MAX, i64::MAX)] {
        bench.u64(SP + 8, address as u64);
        bench.u64(SP + 16, length as u64);
        let outside = Error::OutsideMemory { address, length, memory: 131_072 };
        assert_eq!(bench.call("runtime.getRandomData"), Err(outside.clone()));
        assert_eq!(bench.call("syscall/js.stringVal"), Err(outside.clone()));
        assert_eq!(bench.call("syscall/js.copyBytesToGo"), Err(outside));
    }
    // Of values, 8 bytes each.
    bench.u64(SP + 8, GLOBAL);
    bench.u64(SP + 16, 131_072 - 8);
    bench.u64(SP + 24, 2);
    let error = bench.call("syscall/js.valueInvoke").unwrap_err();
    assert!(matches!(error, Error::OutsideMemory { .. }), "{error}");
    // The end of the memory is inside.
    bench.u64(SP + 8, 131_072);
    bench.u64(SP + 16, 0);
    bench.call("runtime.getRandomData").unwrap();
}

#[test]
fn references_that_are_not_held() {
    let mut bench = Bench::new();
    let array = bench.program.hold("[1]").unwrap();
    bench.u64(SP + 8, array);
    bench.call("syscall/js.finalizeRef").unwrap();
    let id = array as u32;
    assert_eq!(bench.call("syscall/js.finalizeRef"), Err(Error::DoubleFinalize { id }));
    assert_eq!(bench.call("syscall/js.valueLength"), Err(Error::StaleId { id }));
    bench.u64(SP + 8, 0x7FF8_0001_0000_0400);
    assert_eq!(bench.call("syscall/js.valueLength"), Err(Error::StaleId { id: 0x400 }));
    assert_eq!(bench.call("syscall/js.finalizeRef"), Err(Error::StaleId { id: 0x400 }));
    // What every program has from its beginning is never given back.
    for _ in 0..3 {
        bench.u64(SP + 8, NULL);
        bench.call("syscall/js.finalizeRef").unwrap();
    }
    assert_eq!(string_of(&mut bench, NULL), "object:null");
}

#[test]
fn strings() {
    let mut bench = Bench::new();
    let mut stored = |bytes: &[u8]| {
        bench.slice(SP + 8, DATA, bytes);
        bench.call("syscall/js.stringVal").unwrap();
        let bits = bench.get(SP + 24);
        bench.set_global("text", bits);
        bench.program.eval("JSON.stringify(text)").unwrap()
    };
    assert_eq!(stored(b""), "\"\"");
    assert_eq!(stored("aé\u{1F600}".as_bytes()), "\"aé\u{1F600}\"");
    // As a TextDecoder reads them.
    assert_eq!(stored(b"\xEF\xBB\xBFx"), "\"x\"");
    assert_eq!(stored(b"a\xFFb\xE2\x82"), "\"a\u{FFFD}b\u{FFFD}\"");
    // And back: what stands alone of a pair is no character.
    for (text, expected) in [("'a\\u{1F600}'", "a\u{1F600}"), ("'\\uD800x'", "\u{FFFD}x"), ("12.5", "12.5")] {
        let bits = bench.program.hold(text).unwrap();
        bench.u64(SP + 8, bits);
        bench.call("syscall/js.valuePrepareString").unwrap();
        let (array, length) = (bench.get(SP + 16), bench.get(SP + 24));
        assert_eq!(length as usize, expected.len());
        bench.u64(SP + 8, array);
        bench.u64(SP + 16, DATA.into());
        bench.u64(SP + 24, length);
        bench.call("syscall/js.valueLoadString").unwrap();
        let bytes = bench.program.memory().bytes(DATA.into(), length as i64).unwrap().to_vec();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        // A slice that is too short for it is not overrun.
        bench.u64(SP + 24, length - 1);
        assert!(matches!(bench.call("syscall/js.valueLoadString"), Err(Error::OutsideMemory { .. })));
    }
    let symbol = bench.program.hold("Symbol('s')").unwrap();
    bench.u64(SP + 8, symbol);
    bench.call("syscall/js.valuePrepareString").unwrap();
    assert_eq!(bench.get(SP + 24), "Symbol(s)".len() as u64);
}

#[test]
fn properties_and_elements() {
    let mut bench = Bench::new();
    let array = bench.program.hold("[1, 2, 3]").unwrap();
    bench.u64(SP + 8, array);
    bench.u64(SP + 16, 1);
    bench.call("syscall/js.valueIndex").unwrap();
    assert_eq!(f64::from_bits(bench.get(SP + 24)), 2.0);
    bench.u64(SP + 16, 7);
    bench.call("syscall/js.valueIndex").unwrap();
    assert_eq!(bench.get(SP + 24), 0, "undefined");
    bench.u64(SP + 16, 3);
    bench.u64(SP + 24, 4.5_f64.to_bits());
    bench.call("syscall/js.valueSetIndex").unwrap();
    bench.call("syscall/js.valueLength").unwrap();
    assert_eq!(bench.get(SP + 16), 4);
    // A negative index is a name like any other.
    bench.u64(SP + 16, -1_i64 as u64);
    bench.call("syscall/js.valueSetIndex").unwrap();
    bench.set_global("array", array);
    assert_eq!(bench.program.eval("array['-1']").unwrap(), "4.5");
    bench.u64(SP + 8, array);
    bench.string(SP + 16, DATA, "-1");
    bench.call("syscall/js.valueDelete").unwrap();
    assert_eq!(bench.program.eval("'-1' in array").unwrap(), "false");
    // What is frozen stays, and Go hears nothing of it, as under Node.
    let frozen = bench.program.hold("globalThis.frozen = Object.freeze({ a: 1 })").unwrap();
    bench.u64(SP + 8, frozen);
    bench.string(SP + 16, DATA, "a");
    bench.u64(SP + 32, 2.0_f64.to_bits());
    bench.call("syscall/js.valueSet").unwrap();
    bench.call("syscall/js.valueDelete").unwrap();
    assert_eq!(bench.program.eval("frozen.a").unwrap(), "1");
    // Of what is no object nothing can be asked.
    for import in ["valueGet", "valueSet", "valueDelete"] {
        bench.u64(SP + 8, 1.5_f64.to_bits());
        let error = bench.call(&format!("syscall/js.{import}")).unwrap_err();
        assert!(matches!(error, Error::Thrown { import: found, .. } if found == import), "{error}");
    }
}

#[test]
fn kinds() {
    let mut bench = Bench::new();
    for (value, class, expected) in
        [("[]", "Array", 1), ("[]", "Function", 0), ("(() => 1)", "Function", 1), ("'x'", "String", 0)]
    {
        let (value, class) = (bench.program.hold(value).unwrap(), bench.program.hold(class).unwrap());
        bench.u64(SP + 8, value);
        bench.u64(SP + 16, class);
        bench.i32(SP + 24, 0x77);
        bench.call("syscall/js.valueInstanceOf").unwrap();
        assert_eq!(bench.byte(SP + 24), expected);
    }
}

#[test]
fn bytes_both_ways() {
    let mut bench = Bench::new();
    for (text, ok) in [
        ("globalThis.target = new Uint8Array(2)", 1),
        ("globalThis.target = new Uint8ClampedArray(2)", 1),
        ("globalThis.target = new Uint8Array([9, 9, 9, 9]).subarray(1, 3)", 1),
        ("globalThis.target = new Int8Array(2)", 0),
        ("globalThis.target = [0, 0]", 0),
    ] {
        let target = bench.program.hold(text).unwrap();
        bench.u64(SP + 8, target);
        bench.slice(SP + 16, DATA, &[7, 8, 9]);
        bench.i32(SP + 48, 0x77);
        bench.call("syscall/js.copyBytesToJS").unwrap();
        assert_eq!(bench.byte(SP + 48), ok, "{text}");
        if ok == 1 {
            assert_eq!(bench.get(SP + 40), 2);
            assert_eq!(bench.program.eval("String(target)").unwrap(), "7,8");
        }
        // And back, into more room than there is.
        bench.slice(SP + 8, DATA, &[1; 4]);
        bench.u64(SP + 32, target);
        bench.call("syscall/js.copyBytesToGo").unwrap();
        assert_eq!(bench.byte(SP + 48), ok, "{text}");
        if ok == 1 {
            assert_eq!(bench.program.memory().bytes(DATA.into(), 4).unwrap(), [7, 8, 1, 1]);
        }
    }
}

#[test]
fn a_timeout_that_is_missed() {
    let mut bench = Bench::new();
    bench.u64(SP + 8, 0);
    bench.call("runtime.scheduleTimeoutEvent").unwrap();
    // Go does not take it up: it is resumed again and again, though not for ever.
    let error = bench.program.run_events().unwrap_err();
    assert_eq!(error, Error::MissedTimeout { id: 1 });
    assert!(bench.resumed() > 100);
    assert!(bench.texts()[0].1.starts_with("scheduleTimeoutEvent: missed timeout event"));
}

#[test]
fn timers_are_in_order() {
    let mut bench = Bench::with(&Options { time_ms: Some(0), ..Options::default() });
    bench.mode(CLEARS);
    bench.clears(1);
    bench.u64(SP + 8, 20);
    bench.call("runtime.scheduleTimeoutEvent").unwrap();
    let text = "globalThis.order = [];
        const say = (word) => order.push(word + '@' + Math.floor(performance.now()));
        setTimeout(say, 10, 'ten'); setTimeout(say, 5, 'five'); setTimeout(say, 5, 'also five');
        const never = setTimeout(say, 1, 'never'); clearTimeout(never);
        let times = 0; const every = setInterval(() => { say('every'); if (++times == 3) clearInterval(every) }, 4);
        setImmediate(say, 'now'); queueMicrotask(() => say('before'));
        Promise.resolve().then(() => say('promise'))";
    bench.program.eval(text).unwrap();
    assert_eq!(bench.program.run_events(), Ok(State::Idle));
    assert_eq!(bench.resumed(), 1);
    let order = bench.program.eval("order.map((word) => word.split('@')[0]).join()").unwrap();
    assert_eq!(order, "before,promise,now,every,five,also five,every,ten,every");
}

#[test]
fn seeds() {
    let draw = |seed| {
        let mut bench = Bench::with(&Options { seed, ..Options::default() });
        bench.slice(SP + 8, DATA, &[0; 16]);
        bench.call("runtime.getRandomData").unwrap();
        let bytes = bench.program.memory().bytes(DATA.into(), 16).unwrap().to_vec();
        let text = "[Math.random(), String(crypto.getRandomValues(new Uint8Array(3)))].join()";
        (bytes, bench.program.eval(text).unwrap())
    };
    assert_eq!(draw(Some(7)), draw(Some(7)));
    assert_ne!(draw(Some(7)), draw(Some(8)));
    assert_ne!(draw(None), draw(None));
    let mut bench = Bench::with(&Options { time_ms: Some(86_400_000), ..Options::default() });
    bench.call("runtime.walltime").unwrap();
    assert_eq!(bench.get(SP + 8), 86_400);
    bench.call("runtime.nanotime1").unwrap();
    let first = bench.get(SP + 8);
    bench.call("runtime.nanotime1").unwrap();
    assert!(first >= 86_400_000_000_000 && bench.get(SP + 8) > first, "a look takes a moment");
    assert_eq!(bench.program.eval("new Date().toISOString().slice(0, 19)").unwrap(), "1970-01-02T00:00:00");
}

#[test]
fn output_is_not_lost() {
    let mut bench = Bench::new();
    let mut write = |fd: u64, bytes: &[u8]| {
        bench.slice(SP + 16, DATA, bytes);
        bench.u64(SP + 8, fd);
        bench.u64(SP + 16, DATA.into());
        bench.i32(SP + 24, bytes.len() as i32);
        bench.call("runtime.wasmWrite").unwrap();
    };
    write(1, b"half a line");
    write(2, b"the other side");
    // A character that two writes have halves of.
    write(1, b" \xC3");
    write(1, b"\xA9");
    write(1, b"");
    assert!(bench.texts().is_empty());
    bench.program.finish();
    let expected = [(1, "half a line é".to_owned()), (2, "the other side".to_owned())];
    assert_eq!(bench.texts(), expected);
    bench.i32(SP + 24, -1);
    assert!(matches!(bench.call("runtime.wasmWrite"), Err(Error::OutsideMemory { .. })));
    bench.call_at("debug", 42).unwrap();
    assert_eq!(bench.texts().last().unwrap().1, "42\n");
}

#[test]
fn an_event_that_nobody_takes_is_undefined() {
    let mut bench = Bench::new();
    bench.set_global("go", GO);
    assert_eq!(bench.program.eval("typeof go._makeFuncWrapper(3)()").unwrap(), "undefined");
    assert_eq!(bench.program.eval("go._pendingEvent.id").unwrap(), "3");
    bench.mode(ANSWERS);
    let this = "const o = { f: go._makeFuncWrapper(4) }; o.f(); event.this === o";
    assert_eq!(bench.program.eval(this).unwrap(), "true");
}

#[test]
fn modules_that_are_none() {
    let load = |text: &str| Program::load(&wat::parse_str(text).unwrap(), &Options::default()).err().unwrap();
    assert!(matches!(Program::load(b"no module", &Options::default()), Err(Error::Module(_))));
    assert_eq!(load("(module)"), Error::NotGo { missing: "run" });
    let exports =
        "(memory (export \"mem\") 1) (func (export \"run\") (param i32 i32)) (func (export \"resume\"))";
    assert_eq!(load(&format!("(module {exports})")), Error::NotGo { missing: "getsp" });
    let import =
        |module: &str, name: &str, ty: &str| load(&format!("(module (import \"{module}\" \"{name}\" {ty}))"));
    assert_eq!(import("go", "runtime.wasmExit", "(func (param i32))"), Error::OldGo);
    let unknown =
        |module: &str, name: &str| Error::Import { module: module.to_owned(), name: name.to_owned() };
    assert_eq!(import("gojs", "runtime.fly", "(func (param i32))"), unknown("gojs", "runtime.fly"));
    assert_eq!(import("gojs", "debug", "(func (param i64))"), unknown("gojs", "debug"));
    assert_eq!(import("env", "x", "(global i32)"), unknown("env", "x"));
    // A module that traps says so, and another can be loaded after it.
    let trap = format!(
        "(module {exports} (func (export \"getsp\") (result i32) i32.const 0) (func $t unreachable))"
    );
    let trap = trap.replace("(param i32 i32))", "(param i32 i32) unreachable)");
    let mut program = Program::load(&wat::parse_str(trap).unwrap(), &Options::default()).unwrap();
    assert!(matches!(program.start(), Err(Error::Trap(_))));
    let mut bench = Bench::new();
    assert!(Registry::of(&mut bench.program, "default").unwrap().entries().len() > 20);
}

#[test]
fn folders_that_are_none() {
    let wasm = wat::parse_str("(module)").unwrap();
    let options = Options { folders: vec!["/no/such/folder".into()], ..Options::default() };
    // The module is looked at first.
    assert!(matches!(Program::load(&wasm, &options), Err(Error::NotGo { .. })));
}
