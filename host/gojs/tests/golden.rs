//! Values that Go's own host printed under Node, against this host's.

mod common;

use common::{ANSWERS, Bench, CLEARS, DATA, GO, SP};
use serde_json::Value as Json;
use xmap_gojs::layout::Layout;
use xmap_gojs::{Error, Options, State};

fn first() -> Json {
    serde_json::from_str(include_str!("golden/first.json")).unwrap()
}

fn second() -> Json {
    serde_json::from_str(include_str!("golden/second.json")).unwrap()
}

/// The bytes of 64 bits, as hexadecimal digits in the order of memory.
fn hex(bits: u64) -> String {
    bits.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn string_val(bench: &mut Bench, text: &str) -> u64 {
    bench.string(SP + 8, DATA, text);
    bench.call("syscall/js.stringVal").unwrap();
    bench.get(SP + 24)
}

#[test]
fn arguments_and_environment() {
    let golden = first();
    let env = [("B".to_owned(), "2".to_owned()), ("A".to_owned(), "1".to_owned())];
    let layout = Layout::new(&["js".to_owned(), "a".to_owned()], &env).unwrap();
    assert_eq!(Json::from(layout.argc), golden["argc"]);
    assert_eq!(Json::from(layout.argv), golden["argv"]);
    assert_eq!(Json::from(layout.pointers.clone()), golden["ptrs"]);
    let strings: String = layout.bytes[..32].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(Json::from(strings), golden["layout"]);

    // The longest name that fits, and one byte more.
    let most = golden["max_argv0"].as_u64().unwrap() as usize;
    assert!(Layout::new(&["x".repeat(most)], &[]).is_ok());
    let error = Layout::new(&["x".repeat(most + 1)], &[]).unwrap_err();
    assert!(error.to_string().starts_with(golden["limit"].as_str().unwrap()), "{error}");
}

#[test]
fn the_imports() {
    let golden = first();
    let names: Vec<&str> = xmap_gojs::import_names().collect();
    assert_eq!(Json::from(names.len()), golden["n"]);
    assert_eq!(Json::from(names), golden["names"]);
}

#[test]
fn values_ids_and_references() {
    let golden = first();
    let mut bench = Bench::new();
    let hello = string_val(&mut bench, "hello");
    assert_eq!(Json::from(hex(hello)), golden["stringVal"]);
    assert_eq!(Json::from(hex(string_val(&mut bench, "hello"))), golden["stringVal2"]);
    assert_eq!(Json::from(hex(string_val(&mut bench, "other"))), golden["stringVal3"]);
    let texts = [
        ("undefined", "undefined"),
        ("null", "null"),
        ("true", "true"),
        ("false", "false"),
        ("zero", "0"),
        ("negzero", "-0"),
        ("one", "1"),
        ("onehalf", "1.5"),
        ("neg1", "-1"),
        ("nan", "NaN"),
        ("inf", "Infinity"),
        ("ninf", "-Infinity"),
        ("two53", "2**53"),
        ("str", "'new'"),
        ("obj", "({})"),
        ("sym", "Symbol('s')"),
        ("fn", "(function(){})"),
        ("arr", "[]"),
    ];
    assert_eq!(texts.len(), golden["values"].as_object().unwrap().len());
    for (name, text) in texts {
        let bits = bench.program.hold(text).unwrap();
        assert_eq!(Json::from(format!("{bits:#018x}")), golden["values"][name], "{name}");
    }

    // Two references to `hello`, given back one after the other.
    bench.set_global("go", GO);
    let ask = |bench: &mut Bench, text: &str| bench.program.eval(text).unwrap();
    let id = golden["id_hello"].as_u64().unwrap();
    assert_eq!(hello as u32, id as u32);
    let count = format!("go._goRefCounts[{id}]");
    assert_eq!(ask(&mut bench, &count), golden["rc_before"].to_string());
    for (count_after, pool_after) in [("rc_after1", "pool1"), ("rc_after2", "pool2")] {
        bench.u64(SP + 8, hello);
        bench.call("syscall/js.finalizeRef").unwrap();
        assert_eq!(ask(&mut bench, &count), golden[count_after].to_string());
        assert_eq!(ask(&mut bench, "JSON.stringify(go._idPool)"), golden[pool_after].to_string());
    }
    assert_eq!(Json::from(hex(string_val(&mut bench, "again"))), golden["reuse"]);
    // What stays has infinitely many, which JSON has no word for.
    assert_eq!(ask(&mut bench, "JSON.stringify(go._goRefCounts[2])"), golden["null_rc"].to_string());
}

#[test]
fn output_by_line() {
    let golden = first();
    let mut bench = Bench::new();
    for text in ["abc\nde\nf", "g\n"] {
        bench.slice(SP + 16, DATA, text.as_bytes());
        bench.u64(SP + 8, 1);
        bench.i32(SP + 24, text.len() as i32);
        bench.u64(SP + 16, DATA.into());
        bench.call("runtime.wasmWrite").unwrap();
    }
    let lines: Vec<String> = bench.texts().into_iter().map(|(_, text)| text).collect();
    let expected = golden["lines"].as_array().unwrap().iter();
    let expected: Vec<String> = expected.map(|line| format!("{}\n", line.as_str().unwrap())).collect();
    assert_eq!(lines, expected);
}

#[test]
fn files_that_are_none() {
    let golden = first();
    let mut bench = Bench::new();
    for (name, value) in golden["fsconst"].as_object().unwrap() {
        assert_eq!(bench.program.eval(&format!("fs.constants.{name}")).unwrap(), value.to_string());
    }
    let text = "fs.write(1, new Uint8Array(2), 1, 1, null, (e) => { globalThis.code = e.code }); code";
    assert_eq!(Json::from(bench.program.eval(text).unwrap()), golden["write_off"]);
}

/// The golden value is of a process of root's.
#[test]
fn the_process_of_the_machine() {
    let golden = first();
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::with(&Options { folders: vec![folder.path().into()], ..Options::default() });
    let uid = bench.program.eval("process.getuid()").unwrap();
    assert_eq!(uid, rustix::process::getuid().as_raw().to_string());
    if uid == "0" {
        assert_eq!(uid, golden["process"]["getuid"].to_string());
    }
}

#[test]
fn time() {
    assert_eq!(first()["wall_ok"], Json::from(true));
    let mut bench = Bench::new();
    let seconds = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_secs()
    };
    let before = seconds();
    bench.call("runtime.walltime").unwrap();
    let (found, ns) = (bench.get(SP + 8), bench.get(SP + 16) as u32);
    assert!((before..=seconds()).contains(&found));
    assert!(ns < 1_000_000_000 && ns % 1_000_000 == 0);
}

#[test]
fn the_end() {
    let golden = first();
    let (code, is_dropped) = (&golden["exit"][1][1], &golden["exit"][2]);
    let mut bench = Bench::new();
    bench.set_global("go", GO);
    bench.i32(SP + 8, code.as_i64().unwrap() as i32);
    assert_eq!(bench.call("runtime.wasmExit"), Err(Error::Exited { code: 3 }));
    assert_eq!(bench.program.state(), State::Exited(3));
    let dropped = bench.program.eval("go._values === undefined && go._goRefCounts === undefined").unwrap();
    assert_eq!(dropped, is_dropped.to_string());
    assert_eq!(bench.program.eval("go.exited").unwrap(), golden["exit"][0].to_string());
    let error = bench.program.resume().unwrap_err().to_string();
    assert!(error.starts_with(golden["resume_after_exit"].as_str().unwrap()), "{error}");
}

#[test]
fn whole_numbers_of_64_bits() {
    let golden = second();
    let mut bench = Bench::new();
    for (text, expected) in golden["getInt64"].as_object().unwrap() {
        let n: i64 = text.parse().unwrap();
        bench.program.memory().write(DATA, &n.to_le_bytes()).unwrap();
        let found = bench.program.memory().i64(DATA).unwrap();
        // Exact here; JavaScript has the nearest double.
        assert_eq!(found, n);
        assert_eq!(found as f64, expected.as_str().unwrap().parse::<f64>().unwrap());
    }
    for (text, expected) in golden["setInt64"].as_object().unwrap() {
        let length: f64 = text.parse().unwrap();
        let bits = bench.program.hold(&format!("({{ length: {length} }})")).unwrap();
        bench.u64(SP + 8, bits);
        bench.call("syscall/js.valueLength").unwrap();
        assert_eq!(Json::from((bench.get(SP + 16) as i64).to_string()), *expected);
    }
}

/// Puts an array of values behind a header.
fn values(bench: &mut Bench, header: u32, at: u32, bits: &[u64]) {
    let bytes: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    bench.slice(header, at, &bytes);
    bench.u64(header + 8, bits.len() as u64);
}

#[test]
fn calls_and_their_errors() {
    let golden = second();
    let mut bench = Bench::new();
    let object = "({ add(a, b) { return a + b }, fail() { throw new Error('no') } })";
    let object = bench.program.hold(object).unwrap();
    // Ids up to 14 are held.
    for n in 8..15 {
        bench.program.hold(&format!("[{n}]")).unwrap();
    }
    let mut call = |name: &str| {
        bench.u64(SP + 8, object);
        bench.string(SP + 16, DATA, name);
        values(&mut bench, SP + 32, DATA + 64, &[2.0_f64.to_bits(), 3.0_f64.to_bits()]);
        bench.call("syscall/js.valueCall").unwrap();
        Json::from(vec![Json::from(format!("{:016x}", bench.get(SP + 56))), bench.byte(SP + 64).into()])
    };
    assert_eq!(call("add"), golden["call_ok"]);
    assert_eq!(call("fail"), golden["call_err"]);
    assert_eq!(call("missing"), golden["call_missing"]);
}

#[test]
fn bytes_to_go() {
    let mut bench = Bench::new();
    let array = bench.program.hold("new Uint8Array([1, 2, 3])").unwrap();
    bench.slice(SP + 8, DATA, &[0; 4]);
    bench.u64(SP + 32, array);
    bench.call("syscall/js.copyBytesToGo").unwrap();
    let mut found = vec![Json::from(bench.get(SP + 40)), bench.byte(SP + 48).into()];
    found.extend((0..4).map(|at| Json::from(bench.byte(DATA + at))));
    assert_eq!(Json::from(found), second()["copyToGo"]);
    // Of what is no array of bytes nothing is copied.
    bench.u64(SP + 32, common::NULL);
    bench.call("syscall/js.copyBytesToGo").unwrap();
    assert_eq!(Json::from(bench.byte(SP + 48)), first()["copy_null_ok"]);
}

#[test]
fn functions_of_go() {
    let mut bench = Bench::new();
    bench.set_global("go", GO);
    bench.mode(ANSWERS);
    let result = bench.program.eval("go._makeFuncWrapper(7)(1, 2)").unwrap();
    let seen = "JSON.stringify([event.id, event.args.length, Object.keys(event)])";
    let seen: Json = serde_json::from_str(&bench.program.eval(seen).unwrap()).unwrap();
    let found = Json::from(vec![result.parse().unwrap(), seen[0].clone(), seen[1].clone(), seen[2].clone()]);
    assert_eq!(found, second()["fw"]);
}

#[test]
fn timeouts() {
    let golden = second();
    let mut bench = Bench::new();
    bench.set_global("go", GO);
    for id in ["tid", "tid2"] {
        bench.u64(SP + 8, 1);
        bench.call("runtime.scheduleTimeoutEvent").unwrap();
        assert_eq!(Json::from(bench.get(SP + 16) as u32), golden[id]);
    }
    bench.i32(SP + 8, 2);
    bench.call("runtime.clearTimeoutEvent").unwrap();
    let pending = bench.program.eval("JSON.stringify(go._scheduledTimeouts)").unwrap();
    assert_eq!(pending, golden["pending"].to_string());
    bench.mode(CLEARS);
    bench.clears(1);
    assert_eq!(bench.program.run_events(), Ok(State::Idle));
    assert_eq!(Json::from(bench.resumed()), golden["resumed"]);
}
