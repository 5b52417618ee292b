//! Programs that Go compiled, of both dialects of `wasm_exec.js`. Where there is no Go, they are left out,
//! and the tests say so.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use xmap_compiler::manifest::Manifest;
use xmap_gojs::output::{Record, Sink};
use xmap_gojs::{BoardRun, Error, Options, Program, Registry, State, with_stack};
use xmap_sim::{Script, Sim, Value};
use xmap_tools::go::{Go, VERSIONS};
use xmap_tools::process;

const BUILD_LIMIT: Duration = Duration::from_secs(300);

/// One build at a time: the compiler of Go takes all cores.
static BUILDS: Mutex<()> = Mutex::new(());

/// The toolchains that are there: one of each dialect at most.
fn toolchains() -> Vec<(String, Go)> {
    let mut all: Vec<(String, Go)> =
        VERSIONS.iter().filter_map(|version| Some((version.to_string(), Go::fetched(version)?))).collect();
    if all.is_empty() {
        match Go::find() {
            Ok(go) => all.push(("own".to_owned(), go)),
            Err(error) => println!("skipped: {error}"),
        }
    }
    all
}

fn newest() -> Option<Go> {
    toolchains().into_iter().next().map(|(_, go)| go)
}

/// Compiles a program of tests/go.
fn build(go: &Go, name: &str) -> Vec<u8> {
    let _one = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go").join(name);
    let out = wasm_path(go, name);
    let mut command = go.command(&["build", "-ldflags=-s -w", "-o"]);
    process::run(command.arg(&out).arg(source), BUILD_LIMIT).unwrap();
    std::fs::read(out).unwrap()
}

fn wasm_path(go: &Go, name: &str) -> PathBuf {
    let version = go.root.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{version}.wasm"))
}

/// What a program wrote to each side, and how it ended.
#[derive(Debug, PartialEq)]
struct Ran {
    out: String,
    err: String,
    end: Result<i32, Error>,
}

fn run_with(wasm: &[u8], args: &[&str], options: Options) -> Ran {
    with_stack(|| {
        let written = Record::default();
        let args = ["app.wasm"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        let options = Options { args, sink: Sink::Record(written.clone()), ..options };
        let mut program = Program::load(wasm, &options).unwrap();
        let end = program.run();
        let side = |side: i32| {
            let written = written.lock().unwrap();
            let bytes: Vec<u8> =
                written.iter().filter(|(fd, _)| *fd == side).flat_map(|(_, bytes)| bytes.clone()).collect();
            String::from_utf8(bytes).unwrap()
        };
        Ran { out: side(1), err: side(2), end }
    })
}

fn run(wasm: &[u8], args: &[&str]) -> Ran {
    run_with(wasm, args, Options::default())
}

/// The same under Node, with Go's own host.
fn node(go: &Go, name: &str, args: &[&str]) -> Option<(String, i32)> {
    let mut command = Command::new("node");
    command
        .arg("--stack-size=8192")
        .arg(go.host().ok()?)
        .arg(wasm_path(go, name))
        .args(args)
        .env("NAME", "x");
    match command.output() {
        Ok(output) => Some((String::from_utf8(output.stdout).unwrap(), output.status.code()?)),
        Err(error) => {
            println!("skipped: node: {error}");
            None
        }
    }
}

#[test]
fn ways_to_end_and_to_write() {
    for (version, go) in toolchains() {
        println!("Go {version}");
        let wasm = build(&go, "ways.go");
        let env = vec![("NAME".to_owned(), "x".to_owned())];
        let options = Options { env, ..Options::default() };
        let hello = run_with(&wasm, &["hello", "two"], options.clone());
        assert_eq!(hello.out, "hello [hello two] x\nno line feed");
        assert_eq!(hello.err, "to the other side\n");
        assert_eq!(hello.end, Ok(0));
        let exit = run(&wasm, &["exit"]);
        assert_eq!((exit.out.as_str(), exit.end), ("before", Ok(7)));
        let panic = run(&wasm, &["panic"]);
        assert!(panic.err.starts_with("panic: no way\n\ngoroutine 1"), "{}", panic.err);
        assert_eq!(panic.end, Ok(2));
        let deadlock = run(&wasm, &["deadlock"]);
        assert!(
            deadlock.err.starts_with("fatal error: all goroutines are asleep - deadlock!"),
            "{}",
            deadlock.err
        );
        assert_eq!(deadlock.end, Ok(2));
        assert_eq!(run(&wasm, &["sleep"]).out, "true\n");
        let unfit = run(&wasm, &["unfit"]);
        assert!(unfit.out.contains("not implemented"), "{}", unfit.out);
        // Node and Go's own host say the same.
        for way in ["hello", "exit", "values", "reenter", "sleep", "panic", "deadlock"] {
            let Some((out, code)) = node(&go, "ways.go", &[way]) else { break };
            let ran = run_with(&wasm, &[way], options.clone());
            assert_eq!((ran.out.as_str(), ran.end.clone()), (out.as_str(), Ok(code)), "{way}: {ran:?}");
        }
    }
}

#[test]
fn a_program_that_calls_itself_deeply() {
    let Some(go) = newest() else { return };
    let wasm = build(&go, "ways.go");
    assert_eq!(run(&wasm, &["deep"]).out, "200000\n");
}

#[test]
fn time_and_random_numbers_from_a_seed() {
    let Some(go) = newest() else { return };
    let wasm = build(&go, "ways.go");
    let options = |seed| Options { seed: Some(seed), time_ms: Some(1_000_000_000_000), ..Options::default() };
    let start = std::time::Instant::now();
    let first = run_with(&wasm, &["seeded"], options(1));
    assert!(first.out.contains("2001-09-09T01:46:4"), "{}", first.out);
    assert_eq!(run_with(&wasm, &["seeded"], options(1)), first);
    assert_ne!(run_with(&wasm, &["seeded"], options(2)).out, first.out);
    println!("three runs that wait for 1.5 s: {:?}", start.elapsed());
}

#[test]
fn real_files() {
    for (version, go) in toolchains() {
        println!("Go {version}");
        let wasm = build(&go, "ways.go");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let options = Options { folders: vec![path.clone()], ..Options::default() };
        let ran = run_with(&wasm, &["files", path.to_str().unwrap()], options);
        let expected = "\"first\\nsecond\\n\"\n13 3 -rw-r--r-- 2 true\n2000\ntrue\ntrue\ntrue\nall";
        assert_eq!((ran.out.as_str(), ran.end.clone()), (expected, Ok(0)), "{ran:?}");
        assert_eq!(std::fs::read(path.join("b.txt")).unwrap(), b"fir");
    }
}

fn registered<R>(test: impl FnOnce(&mut Program, &mut Registry) -> R + Send) -> Option<R>
where
    R: Send,
{
    // `//go:wasmexport` is of Go 1.24 and later.
    let wasm = build(&newest()?, "registered.go");
    Some(with_stack(|| {
        let sink = Sink::Record(Record::default());
        let options = Options { sink, ..Options::default() };
        let mut program = Program::load(&wasm, &options).unwrap();
        assert_ne!(program.start().unwrap(), State::Exited(0));
        let mut registry = Registry::of(&mut program, "panel").unwrap();
        test(&mut program, &mut registry)
    }))
}

#[test]
fn what_a_program_registers() {
    registered(|_, registry| {
        let found: Vec<String> = registry
            .entries()
            .iter()
            .map(|entry| {
                let types = entry.signature.as_ref().map_or("?".to_owned(), ToString::to_string);
                format!("{} {}{types}", entry.key, entry.name)
            })
            .collect();
        let expected = [
            "panel.add_numbers Add Numbers(i32, i32) -> i32",
            "panel.greet greet(str) -> str",
            "panel.untyped untyped?",
            "panel.slow slow() -> bool",
            "panel.stuck stuck?",
            "panel.later later() -> i32",
            "panel.never never?",
            "panel.misfit misfit() -> u8",
            "panel.end end?",
            "panel.gone gone?",
            "panel.lamp_one.lit Lamp One.lit?",
            "panel.lamp_one.off Lamp One.off?",
            "panel.lamp_one.on Lamp One.On?",
            "panel.double double(i64) -> i64",
            "panel.half half(f64) -> f64",
        ];
        let mut sorted = found.clone();
        sorted.sort_unstable();
        let mut wanted = expected.map(str::to_owned).to_vec();
        wanted.sort_unstable();
        assert_eq!(sorted, wanted);
    });
}

#[test]
fn calls_from_outside() {
    registered(|program, registry| {
        let mut call = |name: &str, args: &[&str]| {
            let answer = registry.call_text(program, name, args);
            answer.map(|answer| answer.map_or(String::new(), |answer| answer.to_string()))
        };
        assert_eq!(call("panel.add_numbers", &["40", "2"]).unwrap(), "42");
        assert_eq!(call("Add Numbers", &["-1", "1"]).unwrap(), "0");
        assert_eq!(call("greet", &["you"]).unwrap(), "\"hello you\"");
        assert_eq!(call("untyped", &["1", "x", "true"]).unwrap(), "3");
        assert_eq!(call("slow", &[]).unwrap(), "true");
        assert_eq!(call("later", &[]).unwrap(), "7");
        assert_eq!(call("panel.lamp_one.on", &[]).unwrap(), "");
        assert_eq!(call("panel.lamp_one.lit", &[]).unwrap(), "{\"lit\":true}");
        // All 64 bits of an export's.
        assert_eq!(call("double", &["4611686018427387903"]).unwrap(), "9223372036854775806");
        assert_eq!(call("half", &["5"]).unwrap(), "2.5");

        // What does not fit is refused before anything runs.
        let misfit = |name: &str, message: &str| {
            Err(Error::Arguments { key: format!("panel.{name}"), message: message.to_owned() })
        };
        assert_eq!(
            call("add_numbers", &["1"]).unwrap_err().to_string(),
            "no function `add_numbers` is registered"
        );
        assert_eq!(call("panel.add_numbers", &["1"]), misfit("add_numbers", "takes 2 arguments, 1 given"));
        assert_eq!(
            call("panel.add_numbers", &["1", "x"]),
            misfit("add_numbers", "argument 1: expected i32, found `x`")
        );
        assert_eq!(
            call("untyped", &["9007199254740993"]),
            misfit("untyped", "9007199254740993 is more than JavaScript has")
        );
        let key = |name: &str| format!("panel.{name}");
        assert_eq!(call("gone", &[]), Err(Error::Released { key: key("gone") }));
        assert_eq!(call("never", &[]), Err(Error::NoAnswer { key: key("never") }));
        let error = call("misfit", &[]).unwrap_err();
        assert_eq!(error.to_string(), "panel.misfit: its result is no u8: 300");
        // A panic ends the program, and with it all calls.
        assert_eq!(call("end", &[]), Err(Error::Exited { code: 2 }));
        assert_eq!(call("greet", &["you"]), Err(Error::Exited { code: 2 }));
    });
}

/// A function that blocks for ever is a deadlock, which Go reports.
#[test]
fn a_call_that_blocks() {
    registered(|program, registry| {
        assert_eq!(registry.call_text(program, "stuck", &[]), Err(Error::Exited { code: 2 }));
    });
}

#[test]
fn hooks_before_and_after() {
    registered(|program, registry| {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (before, after) = (seen.clone(), seen.clone());
        registry.before(Box::new(move |entry, args| {
            before.borrow_mut().push(format!("before {} {}", entry.key, args.len()));
            if args == [Value::Str("nobody".to_owned())] { Err("not you".to_owned()) } else { Ok(()) }
        }));
        registry.after(Box::new(move |entry, done| {
            after.borrow_mut().push(format!("after {} {}", entry.key, done.is_ok()));
        }));
        registry.call_text(program, "greet", &["you"]).unwrap();
        let refused = registry.call_text(program, "greet", &["nobody"]);
        assert_eq!(
            refused,
            Err(Error::Refused { key: "panel.greet".to_owned(), reason: "not you".to_owned() })
        );
        registry.call_text(program, "gone", &[]).unwrap_err();
        let expected = [
            "before panel.greet 1",
            "after panel.greet true",
            "before panel.greet 1",
            "before panel.gone 0",
            "after panel.gone false",
        ];
        assert_eq!(*seen.borrow(), expected);
    });
}

/// The same panel in C, compiled to an image and run by `xmap sim`, leaves the same trace.
#[test]
fn a_board_as_in_c() {
    for (version, go) in toolchains() {
        println!("Go {version}");
        let wasm = build(&go, "stairs.go");
        let panel = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/panels/stairs");
        let script = std::fs::read_to_string(panel.join("script.txt")).unwrap();
        // What follows is about unmounting and traps, which a Go program does not have.
        let script = script.split("call on_unmount").next().unwrap();
        let text = std::fs::read_to_string(panel.join("panel.toml")).unwrap();
        let manifest = Manifest::parse("panel.toml", &text).unwrap();

        let module = std::fs::read(panel.join("stairs.wasm")).unwrap();
        let compiled = xmap_compiler::compile::compile(&manifest, &module).unwrap();
        let mut sim = Sim::from_words(compiled.words).unwrap();
        let parsed = Script::parse(script, &sim.image()).unwrap();
        let mut in_c = Vec::new();
        xmap_sim::run(&mut sim, &parsed, &mut |shown| in_c.push(shown.to_string())).unwrap();
        assert!(in_c.len() > 40, "{}", in_c.len());

        let in_go = with_stack(|| {
            let options = Options::default();
            let mut run = BoardRun::load(&wasm, &options, &manifest).unwrap();
            let mut lines = Vec::new();
            run.play(script, &mut |line| lines.push(line.to_owned())).unwrap();
            lines
        });
        assert_eq!(in_go, in_c);
    }
}

/// `go test` runs a package's tests by this host, as it would by any program.
#[test]
fn as_the_program_of_go_test() {
    let Some(go) = newest() else { return };
    let _one = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    let exec = format!("-exec={} run", env!("CARGO_BIN_EXE_xmap-go"));
    let mut test = go.command(&["test", "-count=1", "-short", &exec, "syscall/js", "container/list"]);
    let printed = process::run(test.current_dir(env!("CARGO_TARGET_TMPDIR")), BUILD_LIMIT).unwrap();
    assert!(printed.contains("ok  \tsyscall/js") && printed.contains("ok  \tcontainer/list"), "{printed}");
}
