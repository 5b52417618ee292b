//! The compiler's work grows with the module's size and no faster, whatever the module is: by the steps that
//! it counts, and by the memory that a process may have.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xmap_boards::RPI4B;
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;

/// Code in WebAssembly's binary form.
type Code = Vec<u8>;

fn leb(mut n: u64) -> Code {
    let mut bytes = Vec::new();
    while n >= 128 {
        bytes.push(n as u8 | 128);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

fn op(code: u8, n: usize) -> Code {
    [vec![code], leb(n as u64)].concat()
}

fn get(local: usize) -> Code {
    op(0x20, local)
}

fn set(local: usize) -> Code {
    op(0x21, local)
}

fn call(function: usize) -> Code {
    op(0x10, function)
}

/// `i32.const`, for what is not negative.
fn constant(n: usize) -> Code {
    // A bit more than the number's, so that none of them is the sign.
    let mut bytes = vec![0x41];
    let mut rest = n;
    while rest >= 64 {
        bytes.push(rest as u8 | 128);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn load(offset: usize) -> Code {
    [vec![0x28, 2], leb(offset as u64)].concat()
}

fn br(depth: usize) -> Code {
    op(0x0c, depth)
}

fn table(targets: &[usize], default: usize) -> Code {
    let targets: Vec<Code> = targets.iter().map(|t| leb(*t as u64)).collect();
    [op(0x0e, targets.len()), targets.concat(), leb(default as u64)].concat()
}

const ADD: u8 = 0x6a;
const MUL: u8 = 0x6c;
const XOR: u8 = 0x73;
const LT_U: u8 = 0x49;
const BLOCK: [u8; 2] = [0x02, 0x40];
const LOOP: [u8; 2] = [0x03, 0x40];
const IF: [u8; 2] = [0x04, 0x40];
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const BR_IF_0: [u8; 2] = [0x0d, 0];

fn join(parts: impl IntoIterator<Item = Code>) -> Code {
    parts.into_iter().flatten().collect()
}

fn section(id: u8, items: Vec<Code>) -> Code {
    let content = [leb(items.len() as u64), items.concat()].concat();
    [vec![id], leb(content.len() as u64), content].concat()
}

/// A module of functions `(i32) -> i32` with some locals; the first one is exported.
fn module(functions: Vec<(usize, Code)>) -> Code {
    module_with_table(functions, 0)
}

fn module_with_table(functions: Vec<(usize, Code)>, in_table: usize) -> Code {
    let body = |(locals, code): (usize, Code)| {
        let body = [vec![1], leb(locals as u64), vec![0x7f], code, vec![END]].concat();
        [leb(body.len() as u64), body].concat()
    };
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.extend(section(1, vec![vec![0x60, 1, 0x7f, 1, 0x7f]]));
    bytes.extend(section(3, vec![vec![0]; functions.len()]));
    if in_table > 0 {
        bytes.extend(section(4, vec![[vec![0x70, 0], leb(in_table as u64)].concat()]));
    }
    bytes.extend(section(5, vec![vec![0, 1]]));
    bytes.extend(section(7, vec![vec![1, b'f', 0, 0]]));
    if in_table > 0 {
        let items = join((0..in_table).map(|n| leb(n as u64)));
        let segment = [vec![0, 0x41, 0, END], leb(in_table as u64), items].concat();
        bytes.extend(section(9, vec![segment]));
    }
    bytes.extend(section(10, functions.into_iter().map(body).collect()));
    bytes
}

fn one(locals: usize, code: impl IntoIterator<Item = Code>) -> Code {
    module(vec![(locals, join(code))])
}

/// Sums up locals.
fn sum(locals: usize) -> Code {
    join([constant(0), join((1..=locals).map(|n| [get(n), vec![XOR]].concat()))])
}

/// Sets locals to what memory holds.
fn loads(locals: usize) -> Code {
    join((1..=locals).map(|n| join([get(0), load(4 * n % 60_000), set(n)])))
}

// The families. Each makes a module that is about `n` times as large as for 1.

/// Each function calls the next one twice.
fn double_calls(n: usize) -> Code {
    let next = |k: usize| if k < n { join([call(k), call(k)]) } else { Code::new() };
    module((0..n).map(|k| (0, join([get(0), next(k + 1), constant(1), vec![ADD]]))).collect())
}

/// Functions that call each other in a ring.
fn ring(n: usize) -> Code {
    module((0..n).map(|k| (0, join([get(0), call((k + 1) % n)]))).collect())
}

/// A ring of functions that each call the next one and the one across.
fn double_ring(n: usize) -> Code {
    let calls = |k: usize| join([get(0), call((k + 1) % n), get(0), call((k + n / 2) % n), vec![ADD]]);
    module((0..n).map(|k| (0, calls(k))).collect())
}

/// Functions with one caller each.
fn chain(n: usize) -> Code {
    let next = |k: usize| if k < n { call(k) } else { Code::new() };
    let mix = |k: usize| join([constant(k + 3), vec![MUL], get(0), vec![XOR]]);
    module((0..n).map(|k| (0, join([get(0), next(k + 1), mix(k)]))).collect())
}

/// A tree of functions that each call two.
fn tree(n: usize) -> Code {
    let child = |k: usize| if k < n { call(k) } else { Code::new() };
    let mix = |k: usize| join([constant(k + 3), vec![MUL], get(0), vec![XOR]]);
    module((0..n).map(|k| (0, join([get(0), child(2 * k + 1), child(2 * k + 2), mix(k)]))).collect())
}

/// One local assigned at each depth of nested conditions.
fn nested_ifs(n: usize) -> Code {
    let level = |k: usize| {
        join([get(0), constant(k), vec![LT_U], IF.to_vec(), get(1), constant(1), vec![ADD], set(1)])
    };
    one(1, [join((0..n).map(level)), vec![END; n], get(1)])
}

/// Loops in loops, each with a local of its own.
fn nested_loops(n: usize) -> Code {
    let level = |k: usize| join([LOOP.to_vec(), get(k % 8 + 1), constant(1), vec![ADD], set(k % 8 + 1)]);
    let end = |k: usize| join([get(k % 8 + 1), constant(9), vec![LT_U], BR_IF_0.to_vec(), vec![END]]);
    one(8, [join((0..n).map(level)), join((0..n).rev().map(end)), sum(8)])
}

/// Loops one after the other, with sixty locals that all of them carry.
fn loops(n: usize) -> Code {
    let add = |k: usize| join([get(k % 60 + 1), constant(k % 50), vec![ADD], set(k % 60 + 1)]);
    let one_loop = |k: usize| {
        let back = join([get(k % 60 + 1), constant(9), vec![LT_U], BR_IF_0.to_vec(), vec![END]]);
        join([LOOP.to_vec(), add(7 * k), add(7 * k + 1), add(7 * k + 2), back])
    };
    one(60, [join((0..n).map(one_loop)), sum(60)])
}

/// Values that all wait on the stack.
fn live_values(n: usize) -> Code {
    one(0, [join((0..n).map(|k| join([get(0), load(4 * k % 60_000)]))), vec![ADD; n - 1]])
}

/// Values that wait in locals while control branches.
fn live_over_blocks(n: usize) -> Code {
    let branch = join([get(0), IF.to_vec(), get(0), constant(1), vec![ADD], set(0), vec![END]]);
    one(n, [loads(n), join((0..n).map(|_| branch.clone())), sum(n)])
}

/// A loop that carries all its locals.
fn carried(n: usize) -> Code {
    let step = |k: usize| join([get(k), get(k % n + 1), vec![ADD], set(k)]);
    let back = join([get(1), constant(100_000), vec![LT_U], BR_IF_0.to_vec(), vec![END]]);
    one(n, [loads(n), LOOP.to_vec(), join((1..=n).map(step)), back, sum(n)])
}

/// Two ways, again and again.
fn diamonds(n: usize) -> Code {
    let one_way = |by: usize, op: u8| join([get(0), constant(by), vec![op], set(0)]);
    let two = join([get(0), IF.to_vec(), one_way(3, ADD), vec![ELSE], one_way(5, MUL), vec![END]]);
    one(0, [join((0..n).map(|_| two.clone())), get(0)])
}

/// Straight code: each value is made of the one before.
fn straight(n: usize) -> Code {
    let step = join([get(0), vec![MUL], get(0), vec![XOR]]);
    one(0, [get(0), join((0..n).map(|_| step.clone()))])
}

/// A table with a target of its own for each number, in a loop: what an interpreter or a state machine is.
fn table_loop(n: usize) -> Code {
    let targets: Vec<usize> = (0..n).collect();
    let case = |k: usize| {
        let local = k % 50 + 1;
        join([vec![END], get(local), constant(k), vec![ADD], set(local), get(local), set(0), br(n - 1 - k)])
    };
    let open = join((0..n).map(|_| BLOCK.to_vec()));
    one(
        50,
        [
            LOOP.to_vec(),
            open,
            get(0),
            table(&targets[..n - 1], n - 1),
            join((0..n).map(case)),
            vec![END],
            sum(50),
        ],
    )
}

/// Functions as compilers of languages with coroutines write them: a loop around a table of states.
fn state_machines(n: usize) -> Code {
    const STATES: usize = 100;
    let targets: Vec<usize> = (0..STATES).collect();
    let state = |k: usize| {
        let work = join([get(2), get(0), load(8 * k), vec![ADD], set(2), get(0), get(2), vec![0x36, 2, 16]]);
        let next = join([constant(k * 7 % STATES), set(1), br(STATES - k)]);
        let jump = join([get(2), constant(k), vec![LT_U], IF.to_vec(), next, vec![END]]);
        join([vec![END], work, jump, get(3), constant(1), vec![ADD], set(3)])
    };
    let function = |k: usize| {
        let open = join((0..STATES).map(|_| BLOCK.to_vec()));
        let states = join((0..STATES).map(state));
        let next = if k + 1 < n { join([get(0), call(k + 1), vec![ADD]]) } else { Code::new() };
        let machine =
            join([LOOP.to_vec(), open, get(1), table(&targets[..STATES - 1], STATES - 1), states, vec![END]]);
        (4, join([machine, get(2), get(3), vec![ADD], next]))
    };
    module((0..n).map(function).collect())
}

/// Small functions that call others.
fn small_functions(n: usize) -> Code {
    let calls = |k: usize| join((1..4).map(|c| if k + c * c < n { call(k + c * c) } else { Code::new() }));
    module((0..n).map(|k| (0, join([get(0), calls(k), constant(k), vec![XOR]]))).collect())
}

/// Indirect calls that may each go to every function.
fn indirect_calls(n: usize) -> Code {
    let functions = (0..n).map(|_| (0, join([get(0), get(0), vec![0x11, 0, 0]]))).collect();
    module_with_table(functions, n)
}

/// Tables of a hundred targets each that pass a thousand locals.
fn tables_of_locals(n: usize) -> Code {
    let one_table = join([BLOCK.to_vec(), get(0), table(&[1; 100], 1), vec![END]]);
    let assigned = join((1..=1000).map(|k| join([get(0), set(k)])));
    one(1000, [BLOCK.to_vec(), join((0..n).map(|_| one_table.clone())), assigned, vec![END], sum(1000)])
}

/// Loops in loops, of which each carries a thousand locals.
fn loops_of_locals(n: usize) -> Code {
    let add = |k: usize| join([get(k), constant(1), vec![ADD], set(k)]);
    let back = join([get(0), BR_IF_0.to_vec(), vec![END]]);
    let open = join((0..n).map(|_| LOOP.to_vec()));
    one(1000, [open, join((1..=1000).map(add)), join((0..n).map(|_| back.clone())), sum(1000)])
}

type Family = (&'static str, fn(usize) -> Code, usize);

/// Families that compile at four sizes: the smallest one here, and twice, four and eight times as much.
const FAMILIES: [Family; 18] = [
    ("double calls", double_calls, 20),
    ("ring", ring, 100),
    // Beyond what all inlining together may copy, whatever the module.
    ("double ring", double_ring, 400),
    ("chain", chain, 400),
    ("tree", tree, 200),
    ("nested ifs", nested_ifs, 200),
    ("nested loops", nested_loops, 60),
    ("loops", loops, 60),
    ("live values", live_values, 600),
    ("live over blocks", live_over_blocks, 260),
    ("carried", carried, 300),
    ("diamonds", diamonds, 250),
    ("straight", straight, 500),
    ("table loop", table_loop, 150),
    ("state machines", state_machines, 2),
    ("small functions", small_functions, 200),
    ("indirect calls", indirect_calls, 100),
    ("loads", |n| one(0, [join((0..n).map(|_| join([get(0), load(0), set(0)]))), get(0)]), 1000),
];

#[test]
fn work_grows_with_the_module() {
    let manifest = Manifest::bare(&RPI4B, Path::new("module.wasm"));
    let mut wrong = Vec::new();
    for (name, family, least) in FAMILIES {
        let mut before: Option<(usize, u64)> = None;
        for n in [least, 2 * least, 4 * least, 8 * least] {
            let wasm = family(n);
            let steps = match compile(&manifest, &wasm) {
                Ok(compiled) => compiled.steps,
                Err(errors) => panic!("{name} {n}: {errors}"),
            };
            println!("{name} {n}: {} bytes, {steps} steps", wasm.len());
            if let Some((bytes, fewer)) = before {
                // Twice the module: twice the work, with a logarithm.
                let growth = wasm.len() as f64 / bytes as f64;
                if steps as f64 > fewer as f64 * growth * 1.4 {
                    wrong.push(format!("{name} {n}: {fewer} steps, then {steps}"));
                }
            }
            before = Some((wasm.len(), steps));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Kibibytes of address space that a build of a hundred kilobytes may have: a gibibyte for a megabyte leaves
/// as much.
const MOST_KIB: usize = 256 << 10;

#[test]
fn a_process_with_little_memory_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.wasm");
    // The module, and the error, where it is too much for an image.
    let cases: [(&str, Code, Option<&str>); 8] = [
        ("double calls", double_calls(5000), None),
        ("chain", chain(1500), None),
        ("nested ifs", nested_ifs(6000), None),
        ("live over blocks", live_over_blocks(2000), None),
        ("carried", carried(4000), None),
        ("straight", straight(35_000), Some("X0604")),
        ("tables of locals", tables_of_locals(500), Some("X0615")),
        ("loops of locals", loops_of_locals(3000), Some("X0615")),
    ];
    for (name, wasm, error) in cases {
        fs::write(&path, &wasm).unwrap();
        let limited = format!("ulimit -v {MOST_KIB}; exec \"$0\" build \"$1\" -o \"$1.xmap\"");
        let output = Command::new("sh")
            .args(["-c", &limited, env!("CARGO_BIN_EXE_xmap")])
            .arg(&path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        println!("{name}: {} bytes", wasm.len());
        match error {
            None => assert!(output.status.success(), "{name}: {:?} {text}", output.status),
            Some(code) => {
                assert_eq!(output.status.code(), Some(1), "{name}: {text}");
                assert!(text.contains(code), "{name}: {text}");
                assert!(text.contains("function"), "{name}: {text}");
            }
        }
    }
}

/// Returns what `xmap` says within a minute, and that it is an error of the input.
fn refused(arguments: &[&str], folder: &Path) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xmap"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if begun.elapsed() > Duration::from_secs(60) => {
                child.kill().unwrap();
                panic!("{arguments:?}: not done after a minute");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let text = fs::read_to_string(folder.join("stderr")).unwrap();
    assert_eq!(status.code(), Some(1), "{arguments:?}: {text:.1000}");
    text
}

#[test]
fn pipes_and_endless_names_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
    write("module.wasm", &carried(10));
    let manifest = |wasm: &str, exports: &str| {
        let text = "[module]\nname = \"m\"\nversion = 1\nboard = \"rpi4b\"\nwasm = ";
        format!("{text}\"{wasm}\"\n{exports}").into_bytes()
    };
    write("of_a_pipe.toml", &manifest("pipe", ""));
    write("panel.toml", &manifest("module.wasm", ""));
    let unknown: String = (0..60_000).map(|n| format!("u{n} = {{}}\n")).collect();
    write("unknown.toml", &manifest("module.wasm", &format!("[exports]\n{unknown}")));
    write("script", format!("call {}\n", "a".repeat(1 << 20)).as_bytes());

    // A module may call a function by a name of a hundred kilobytes: it is shown by its beginning.
    let name = "n".repeat(95_000);
    let functions: String =
        (0..20).map(|n| format!("(func $f{n}{name} (export \"e{n}\") (loop (br 0)))")).collect();
    write("long.wat", format!("(module {functions})").as_bytes());
    write(
        "import.wat",
        format!("(module (import \"{name}\" \"{name}\" (func)) (func (export \"f\") (call 0)))").as_bytes(),
    );
    for arguments in [
        &["build", "long.wat"][..],
        &["dis", "long.xmap"],
        &["size", "long.xmap"],
        &["inspect", "import.wat"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_xmap"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{arguments:?}: {:.1000}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.len() < 40_000, "{arguments:?}: {} bytes", output.stdout.len());
    }

    assert!(refused(&["build", "pipe"], folder.path()).contains("X0103"));
    assert!(refused(&["build", "of_a_pipe.toml"], folder.path()).contains("X0103"));
    assert!(refused(&["sim", "panel.toml", "--script", "pipe"], folder.path()).contains("X0103"));
    assert!(refused(&["build", "unknown.toml"], folder.path()).contains("X0203"));
    assert!(refused(&["sim", "panel.toml", "--script", "script"], folder.path()).contains("X0802"));
}
