//! The errors of a manifest against committed texts (tests/manifest; `BLESS=1` rewrites them), what a
//! right one means, and that no text panics.

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;
use xmap_boards::RPI4B;
use xmap_image::{Confirm, EventSource, FaultPolicy, OnFault, OnOverrun, PinMode, Pull, Safe, Ty, limits};

use super::{ExportedFunction, Manifest, Owner, Value, WasmTy, lines_text, resolve_exports};
use crate::diagnostic::{Code, Diagnostics};

/// The manifest of docs/manifest.md.
const HALL: &str = r#"
[module]
name = "hall"
namespace = "panel"
version = 7
board = "rpi4b"
wasm = "hall.wasm"

[pins]
17 = { name = "lamp", mode = "out", safe = "low" }
27 = { name = "button", mode = "in", pull = "up" }

[exports]
call_gpio_set = { key = "gpio.set", params = ["pin: u8", "val: bool"] }
on_press = { on = { pin = 27, edge = "falling", debounce_us = 5000 } }
on_tick = { on = { every_us = 10000 } }
show = { params = ["text: own str", "raw: bytes"], results = ["i8"] }

[limits]
max_bytes = 8192
memory_bytes = 16777216
fuel = 20000
"#;

fn parse(text: &str) -> Result<Manifest, Diagnostics> {
    Manifest::parse("panels/panel.toml", text)
}

fn function<'m>(name: &'m str, params: &[WasmTy], results: &[WasmTy]) -> ExportedFunction<'m> {
    ExportedFunction { name, params: params.into(), results: results.into(), function: 3 }
}

#[test]
fn errors_are_the_committed_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifest");
    let mut messages = BTreeSet::new();
    let mut stale = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let errors = Manifest::parse("panel.toml", &text).expect_err("a wrong manifest");
        messages.extend(errors.0.iter().map(|e| (e.code, e.message.clone())));
        let found = format!("{errors}\n");
        let expected = path.with_extension("stderr");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != found {
            stale.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    // Every code has a case, and its example is a message that is really given. Those that only
    // the module's code can break belong to the compiler's tests.
    let by_code = [Code::WriteToInput, Code::NotInOut];
    for code in Code::ALL.iter().filter(|c| [3, 4].contains(&(c.number() / 100))) {
        let shown = messages.contains(&(*code, code.example().to_string()));
        assert!(shown || by_code.contains(code), "{code}: nothing says `{}`", code.example());
    }
}

#[test]
fn a_manifest_means_what_it_says() {
    let manifest = parse(HALL).unwrap();
    assert_eq!(manifest.module.name.value, "hall");
    assert_eq!(manifest.module.version.value, 7);
    assert_eq!(manifest.wasm_path(), Path::new("panels/hall.wasm"));
    assert!(!manifest.is_bare());

    let lamp = manifest.pin(17).unwrap();
    assert_eq!((lamp.mode.value, lamp.safe, lamp.pull), (PinMode::Out, Safe::Low, Pull::None));
    let button = manifest.pin(27).unwrap();
    assert_eq!((button.mode.value, button.safe, button.pull), (PinMode::In, Safe::Hold, Pull::Up));
    assert!(manifest.pin(18).is_none());
    assert_eq!(manifest.place(&button.line.span).to_string(), "panels/panel.toml:11:1");

    let exports = manifest.exports.as_ref().unwrap();
    let keys: Vec<_> = exports.iter().map(|e| e.key.value.as_str()).collect();
    assert_eq!(keys, ["panel.gpio_set", "panel.on_press", "panel.on_tick", "panel.show"]);
    let press = EventSource::Falling { line: 27, debounce_us: 5000 };
    assert_eq!(exports[1].on.as_ref().unwrap().value, press);
    let show = exports[3].params.as_ref().unwrap();
    assert_eq!(show.value[0].ty.value, Value::Str(Owner::Own));
    assert_eq!(show.value[1].ty.value, Value::Bytes(Owner::Borrow));

    assert_eq!(manifest.limits.max_bytes.value, 8192);
    assert_eq!(manifest.limits.memory_bytes.value, 16 << 20);
    assert_eq!(manifest.limits.fuel.value, 20_000);
    assert_eq!(manifest.limits.time_us.value, limits::DEFAULT_TIME_US);
}

/// Units and names say the same as numbers.
#[test]
fn quantities_and_names_mean_numbers() {
    let head = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n";
    let numbers = "[pins]\n17 = { name = \"lamp\", mode = \"out\" }\n27 = { name = \"button\", mode = \"in\" }\n\
                   [exports]\na = { on = { pin = 27, edge = \"both\", debounce_us = 5000 } }\n\
                   b = { on = { every_us = 50000 } }\nc = { on = { after_us = 90000000 } }\n\
                   [limits]\nmax_bytes = 12288\nmemory_bytes = 65536\ntime_us = 2500\n\
                   [policy]\nlink_timeout_ms = 1500\nconfirm_ms = 5000\n";
    let words = "[pins]\nlamp = { line = 17, mode = \"out\" }\nbutton = { header = 13, mode = \"in\" }\n\
                 [exports]\na = { on = { pin = \"button\", edge = \"both\", debounce = \"5ms\" } }\n\
                 b = { on = { every = \"20 Hz\" } }\nc = { on = { after_us = \"1.5 min\" } }\n\
                 [limits]\nmax_bytes = \"12 KiB\"\nmemory_bytes = \"64 KiB\"\ntime = \"2.5ms\"\n\
                 [policy]\nlink_timeout = \"1.5 s\"\ntrial = \"5 s\"\n";
    let header = words.replace("pin = \"button\"", "header = 13").replace("20 Hz", "50ms");
    let [numbers, words, header] =
        [numbers, words, &header].map(|text| parse(&format!("{head}{text}")).unwrap());
    let meaning = |manifest: &Manifest| {
        let pins: Vec<_> = manifest
            .pins
            .iter()
            .map(|pin| (pin.line.value, pin.name.as_ref().map(|name| name.value.clone()), pin.mode.value))
            .collect();
        let on: Vec<_> =
            manifest.exports.iter().flatten().map(|export| export.on.as_ref().unwrap().value).collect();
        let limits = &manifest.limits;
        let limits = (limits.max_bytes.value, limits.memory_bytes.value, limits.time_us.value);
        (pins, on, limits, manifest.policy.clone())
    };
    assert_eq!(meaning(&numbers), meaning(&words));
    assert_eq!(meaning(&numbers), meaning(&header));
}

#[test]
fn a_build_is_a_command_and_what_it_writes() {
    let head = "module = { name = \"a\", board = \"rpi4b\" }\n[build]\noutput = \"out/a.wasm\"\n";
    let build = |text: &str| parse(&format!("{head}{text}")).unwrap();
    let manifest = build("command = \"make  a.wasm\"\nsources = [\"src\"]");
    assert_eq!(manifest.wasm_path(), Path::new("panels/out/a.wasm"));
    let recipe = manifest.build.unwrap();
    assert_eq!(recipe.command.value, ["make", "a.wasm"]);
    assert_eq!(recipe.sources[0].value, "src");
    let recipe = build("command = [\"sh\", \"-c\", \"a > b\"]").build.unwrap();
    assert_eq!(recipe.command.value, ["sh", "-c", "a > b"]);
}

#[test]
fn the_documents_examples_are_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/manifest.md");
    let text = fs::read_to_string(path).unwrap();
    let examples: Vec<_> = text.split("```toml\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let example = example.split("```").next().unwrap();
        if let Err(errors) = parse(example) {
            panic!("{errors}");
        }
    }
}

#[test]
fn spans_are_those_of_the_values() {
    let manifest = parse(HALL).unwrap();
    let exports = manifest.exports.as_ref().unwrap();
    let params = &exports[0].params.as_ref().unwrap().value;
    assert_eq!(&HALL[params[0].span.clone()], "\"pin: u8\"");
    assert_eq!(&HALL[manifest.pin(27).unwrap().mode.span.clone()], "\"in\"");
    assert_eq!(&HALL[manifest.limits.fuel.span.clone()], "20000");
    assert_eq!(&HALL[exports[1].name.span.clone()], "on_press");
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let text =
        "[module]\nname = \"a\"\nboard = \"rpi4b\"\nwasm = \"/x/a.wat\"\n[pins]\n4 = { mode = \"inout\" }\n";
    let manifest = parse(text).unwrap();
    assert_eq!(manifest.module.namespace.value, "default");
    assert_eq!(manifest.module.version.value, 1);
    assert_eq!(manifest.wasm_path(), Path::new("/x/a.wat"));
    assert!(manifest.exports.is_none());
    assert_eq!(manifest.pins[0].safe, Safe::Hold);
    assert_eq!(manifest.limits.max_bytes.value, limits::DEFAULT_IMAGE_BYTES);
    assert_eq!(manifest.limits.memory_bytes.value, 16 << 20);
    assert_eq!(manifest.limits.fuel.value, limits::DEFAULT_FUEL);
}

#[test]
fn a_bare_module_has_the_header() {
    let manifest = Manifest::bare(&RPI4B, Path::new("x/blink.wasm"));
    assert_eq!(manifest.module.name.value, "blink");
    assert_eq!(manifest.wasm_path(), Path::new("x/blink.wasm"));
    let lines: Vec<_> = manifest.pins.iter().map(|p| p.line.value.number()).collect();
    assert_eq!(lines, (2..=13).chain(16..=27).collect::<Vec<_>>(), "not the link's UART");
    assert!(manifest.pins.iter().all(|p| RPI4B.reserved(p.line.value).is_none()));
    assert_eq!(lines_text(RPI4B.header), "2-13 and 16-27");
    assert!(manifest.pins.iter().all(|p| p.mode.value == PinMode::Any));

    let all = [
        function("lampOn", &[WasmTy::I32, WasmTy::F64], &[WasmTy::I64]),
        function("_initialize", &[], &[]),
        function("initialize", &[], &[]),
    ];
    let mapped = resolve_exports(&manifest, &all).unwrap();
    let keys: Vec<_> = mapped.iter().map(|m| m.key.as_str()).collect();
    assert_eq!(keys, ["_initialize", "default.initialize", "default.lampon"]);
    assert_eq!(mapped[2].params, [Ty::I32, Ty::F64]);
    assert_eq!(mapped[2].results, [Ty::I64]);
    assert_eq!(mapped[2].param_names, ["arg0", "arg1"]);
}

#[test]
fn verbatim_keys_are_the_names_whatever_they_are() {
    let manifest = Manifest::verbatim(&RPI4B, Path::new("suite.wasm"));
    let i32s = [WasmTy::I32];
    // Neither a key's characters nor the runtime's own signatures are asked for.
    let all = [function("on_mount", &i32s, &[]), function("", &[], &[]), function("\u{0}é!", &[], &i32s)];
    let mapped = resolve_exports(&manifest, &all).unwrap();
    let keys: Vec<_> = mapped.iter().map(|m| (m.key.as_str(), m.name.as_str())).collect();
    // But for what would act on a terminal, which is written out.
    assert_eq!(keys, [("", ""), ("\\u{0}é!", "\\u{0}é!"), ("on_mount", "on_mount")]);
}

#[test]
fn listed_exports_are_typed_and_the_runtimes_own_come_along() {
    use WasmTy::I32;
    let manifest = parse(HALL).unwrap();
    let functions = [
        function("call_gpio_set", &[I32, I32], &[]),
        function("helper", &[], &[]),
        function("on_mount", &[], &[I32]),
        function("on_press", &[], &[]),
        function("on_tick", &[], &[]),
        function("show", &[I32, I32, I32, I32], &[I32]),
    ];
    let mapped = resolve_exports(&manifest, &functions).unwrap();
    let names: Vec<_> = mapped.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["on_mount", "call_gpio_set", "on_press", "on_tick", "show"]);
    assert_eq!(mapped[1].params, [Ty::U8, Ty::Bool]);
    assert_eq!(mapped[1].param_names, ["pin", "val"]);
    assert_eq!(mapped[3].on, Some(EventSource::Every { every_us: 10_000 }));
    assert_eq!(mapped[4].params, [Ty::StrPtr, Ty::Len, Ty::BytesPtr, Ty::Len]);
    assert_eq!(mapped[4].param_names, ["text", "text_len", "raw", "raw_len"]);
    assert_eq!(mapped[4].results, [Ty::I8]);
}

#[test]
fn a_module_that_differs_is_told_so_in_one_go() {
    use WasmTy::{I32, I64};
    let manifest = parse(HALL).unwrap();
    let functions = [
        function("call_gpio_set", &[I64, I32], &[]),
        function("on_pres", &[], &[]),
        function("on_mount", &[], &[]),
        function("on_tick", &[I32], &[]),
        function("show", &[I32, I32], &[I32]),
    ];
    let errors = resolve_exports(&manifest, &functions).unwrap_err();
    let expected = "\
error[X0201]: call_gpio_set param 0: expected i32, found i64
  --> panels/panel.toml:14:47
   |
14 | call_gpio_set = { key = \"gpio.set\", params = [\"pin: u8\", \"val: bool\"] }
   |                                               ^^^^^^^^^
   |
note: the function is (i64, i32) -> ()
  --> panels/hall.wasm: function $call_gpio_set (3)

error[X0203]: panels/hall.wasm does not export a function `on_press`
  --> panels/panel.toml:15:1
   |
15 | on_press = { on = { pin = 27, edge = \"falling\", debounce_us = 5000 } }
   | ^^^^^^^^
   |
help: did you mean `on_pres`?

error[X0205]: on_tick is a handler and takes no params
  --> panels/panel.toml:16:18
   |
16 | on_tick = { on = { every_us = 10000 } }
   |                  ^^^^^^^^^^^^^^^^^^^^
   |
note: the function is (i32) -> ()
  --> panels/hall.wasm: function $on_tick (3)
help: export a function of type () -> () that calls it

error[X0202]: show: expected 4 params, found 2
  --> panels/panel.toml:17:19
   |
17 | show = { params = [\"text: own str\", \"raw: bytes\"], results = [\"i8\"] }
   |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
note: the function is (i32, i32) -> (i32)
  --> panels/hall.wasm: function $show (3)

error[X0204]: on_mount: expected () -> (i32), found () -> ()
--> panels/hall.wasm: function $on_mount (3)
 |
help: the runtime calls it by this name; rename it where it is for something else";
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn what_the_runtime_calls_has_its_types() {
    use WasmTy::{I32, I64};
    let bare = Manifest::bare(&RPI4B, Path::new("a.wasm"));
    let good = [
        function("_initialize", &[], &[]),
        function("on_mount", &[], &[I32]),
        function("export_cleanup", &[I32], &[]),
        function("on_arguments", &[I32], &[I32]),
        function("on_unmount", &[], &[]),
    ];
    let mapped = resolve_exports(&bare, &good).unwrap();
    let keys: Vec<_> = mapped.iter().map(|m| m.key.as_str()).collect();
    assert_eq!(keys, ["_initialize", "export_cleanup", "on_arguments", "on_mount", "on_unmount"]);
    // Every handle is an argument that fits.
    assert_eq!((&mapped[1].params[..], &mapped[1].param_names[..]), (&[Ty::U32][..], &["handle".into()][..]));

    for (name, params, results, expected) in [
        ("_initialize", &[I32][..], &[][..], "expected () -> (), found (i32) -> ()"),
        ("on_mount", &[], &[I64], "expected () -> (i32), found () -> (i64)"),
        ("on_unmount", &[], &[I32], "expected () -> (), found () -> (i32)"),
        ("export_cleanup", &[], &[], "expected (i32) -> (), found () -> ()"),
        ("export_cleanup", &[I64], &[], "expected (i32) -> (), found (i64) -> ()"),
        ("export_cleanup", &[I32], &[I32], "expected (i32) -> (), found (i32) -> (i32)"),
        ("on_arguments", &[I32], &[], "expected (i32) -> (i32), found (i32) -> ()"),
    ] {
        let errors = resolve_exports(&bare, &[function(name, params, results)]).unwrap_err();
        assert_eq!(errors.0[0].message, format!("{name}: {expected}"));
        assert_eq!(errors.0[0].place.to_string(), format!("a.wasm: function ${name} (3)"));
    }
}

#[test]
fn a_listed_hook_and_a_handler_are_told_their_lines() {
    use WasmTy::I32;
    let listed = |entries: &str, functions: &[ExportedFunction<'_>]| {
        let module = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n[exports]\n";
        let manifest = parse(&format!("{module}{entries}\n")).unwrap();
        resolve_exports(&manifest, functions).map_err(|errors| {
            let error = &errors.0[0];
            format!("{} {} {}", error.place, error.code, error.message)
        })
    };
    let cleanup = [function("export_cleanup", &[I32], &[])];
    for (entry, ty) in [("{}", Ty::U32), ("{ params = [\"handle: u32\"] }", Ty::U32)] {
        let mapped = listed(&format!("export_cleanup = {entry}"), &cleanup).unwrap();
        assert_eq!(mapped[0].params, [ty]);
    }
    let narrow = listed("export_cleanup = { params = [\"handle: u8\"] }", &cleanup).unwrap_err();
    assert_eq!(narrow, "panels/panel.toml:3:29 X0204 export_cleanup: a handle is a u32");
    let none = listed("export_cleanup = {}", &[function("export_cleanup", &[], &[])]).unwrap_err();
    let expected = "X0204 export_cleanup: expected (i32) -> (), found () -> ()";
    assert_eq!(none, format!("panels/panel.toml:3:1 {expected}"));
    let tick = "on_tick = { on = { every_us = 500 } }";
    assert!(listed(tick, &[function("on_tick", &[], &[])]).is_ok());
    let result = listed(tick, &[function("on_tick", &[], &[I32])]).unwrap_err();
    assert_eq!(result, "panels/panel.toml:3:18 X0205 on_tick is a handler and has no results");
}

#[test]
fn a_policy_means_what_it_says() {
    let policy = |text: &str| {
        let module = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n";
        parse(&format!("{module}{text}")).unwrap().policy
    };
    assert_eq!(policy(""), FaultPolicy::default());
    assert_eq!(policy("policy = {}"), FaultPolicy::default());
    let same = "[policy]\non_trap = \"hold\"\non_fuel = \"hold\"\nrestarts = 3\non_overrun = \"drop_oldest\"\n\
                coalesce = true\nlink_timeout_ms = 0\nconfirm_ms = 3000\nconfirm = \"device\"";
    assert_eq!(policy(same), FaultPolicy::default());
    let other = "[policy]\non_trap = \"restart\"\non_fuel = \"safe\"\nrestarts = 255\non_overrun = \"drop_newest\"\n\
                 coalesce = false\nlink_timeout_ms = 500\nconfirm_ms = 1\nconfirm = \"host\"";
    let expected = FaultPolicy {
        on_trap: OnFault::Restart,
        on_fuel: OnFault::Safe,
        restarts: 255,
        on_overrun: OnOverrun::DropNewest,
        coalesce: false,
        link_timeout_ms: 500,
        confirm_ms: 1,
        confirm: Confirm::Host,
        ..FaultPolicy::default()
    };
    assert_eq!(policy(other), expected);
    // The end of the fuel is a trap, where nothing else is said of it.
    assert_eq!(policy("policy = { on_trap = \"safe\" }").on_fuel, OnFault::Safe);
    assert_eq!(policy("policy = { on_fuel = \"safe\" }").on_trap, OnFault::Hold);
}

#[test]
fn functions_with_one_key_and_without_one() {
    let manifest = Manifest::bare(&RPI4B, Path::new("a.wasm"));
    let functions = ["lamp_on", "lampOn", "Lamp-On", "!!!"].map(|name| function(name, &[], &[]));
    let errors = resolve_exports(&manifest, &functions).unwrap_err();
    let messages: Vec<_> = errors.0.iter().map(|e| e.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`!!!` has no letter or digit for a key",
            "`lamp_on` and `Lamp-On` both have the key default.lamp_on"
        ]
    );
}

#[test]
fn what_an_image_cannot_hold_is_refused() {
    let manifest = Manifest::bare(&RPI4B, Path::new("a.wasm"));
    let names: Vec<_> = (0..=limits::MAX_EXPORTS).map(|n| format!("export_number_{n}")).collect();
    let functions: Vec<_> = names.iter().map(|n| function(n, &[], &[])).collect();
    let errors = resolve_exports(&manifest, &functions).unwrap_err();
    assert!(errors.has(Code::TooManyExports) && errors.has(Code::TooManyStrings));
    let wide = function("wide", &[WasmTy::I32; limits::MAX_PARAMS + 1], &[]);
    assert!(resolve_exports(&manifest, &[wide]).unwrap_err().has(Code::TooManyParams));
    let widest = function("wide", &[WasmTy::I32; limits::MAX_PARAMS], &[]);
    assert!(resolve_exports(&manifest, &[widest]).is_ok());
}

#[test]
fn files_that_are_none() {
    let folder = std::env::temp_dir();
    assert!(Manifest::read(&folder).unwrap_err().has(Code::NotAFile));
    let missing = folder.join("xmap-no-such-manifest.toml");
    assert!(Manifest::read(&missing).unwrap_err().has(Code::NoSuchFile));
    let path = folder.join(format!("xmap-manifest-{}.toml", std::process::id()));
    fs::write(&path, [b'a', 0xff]).unwrap();
    let not_text = Manifest::read(&path).unwrap_err();
    fs::write(&path, vec![b'#'; super::MAX_MANIFEST_BYTES as usize + 1]).unwrap();
    let too_large = Manifest::read(&path).unwrap_err();
    fs::remove_file(&path).unwrap();
    assert!(not_text.to_string().contains("a bad byte at offset 1"));
    assert!(too_large.has(Code::FileTooLarge));
}

/// Pieces from which a random manifest comes near to a right one.
fn piece() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "[module]",
        "[pins]",
        "[exports]",
        "[limits]",
        "[policy]",
        "[keep]",
        "globals",
        "memory",
        "symbol",
        "bytes",
        "restart",
        "every_s",
        "on_trap",
        "confirm",
        "\"host\"",
        "name",
        "board",
        "wasm",
        "mode",
        "on",
        "pin",
        "params",
        "results",
        "every_us",
        "every",
        "\"5 ms\"",
        "header",
        "line",
        "[build]",
        "command",
        "edge",
        "version",
        "namespace",
        "17",
        "27",
        "14",
        "=",
        "{",
        "}",
        "[",
        "]",
        ",",
        ".",
        "\n",
        "\"",
        "'''",
        "\"in\"",
        "\"out\"",
        "\"rpi4b\"",
        "\"a: u8\"",
        "\"own str\"",
        "-1",
        "1e9",
        "0x11",
        "true",
        "1979-05-27",
        "\u{feff}",
        "\r\n",
        "#",
        "温度",
        "\u{0}",
        "\\u0000",
        "[[pins]]",
        "[pins.17]",
        "a.b.c",
    ];
    prop_oneof![8 => prop::sample::select(KNOWN).prop_map(String::from), 1 => ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_panics(pieces in prop::collection::vec(piece(), 0..60)) {
        if let Err(errors) = parse(&pieces.join(" ")) {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(errors.to_string().starts_with("error[X0"));
        }
    }

    #[test]
    fn no_changed_manifest_panics(
        changes in prop::collection::vec((0..HALL.len(), 0usize..12, piece()), 1..6),
    ) {
        let mut text = HALL.to_string();
        for (at, len, piece) in changes {
            let at = text.floor_char_boundary(at);
            let end = text.floor_char_boundary(at + len);
            text.replace_range(at..end, &piece);
        }
        match parse(&text) {
            Ok(manifest) => {
                // What was accepted is what the board allows.
                for pin in &manifest.pins {
                    prop_assert!(RPI4B.reserved(pin.line.value).is_none());
                }
                let _ = resolve_exports(&manifest, &[]);
            }
            Err(errors) => prop_assert!(!errors.to_string().is_empty()),
        }
    }
}

#[test]
fn devices_on_buses_have_their_indices_and_defaults() {
    let text = format!(
        "{HALL}\n[i2c.temp]\nbus = 1\naddress = 0x48\nspeed = \"400 kHz\"\nwrite_max = 1\nread_max = 2\n\
         [i2c.clock]\nbus = 1\naddress = 0x68\nwrite_max = 8\nread_max = 7\ntimeout = \"5ms\"\n"
    );
    let manifest = parse(&text).unwrap();
    let [temp, clock] = &manifest.i2c[..] else { panic!("{:?}", manifest.i2c) };
    assert_eq!((temp.name.value.as_str(), clock.name.value.as_str()), ("temp", "clock"));
    // Twice the 120 us of 48 clocks, and 1 ms.
    assert_eq!(temp.row, xmap_image::I2cRow::new(1, 0x48, 400_000, [1, 2], 1_240));
    assert_eq!(clock.row, xmap_image::I2cRow::new(1, 0x68, 100_000, [8, 7], 5_000));
    assert_eq!(manifest.i2c_at(1, 0x68).unwrap().name.value, "clock");
    let lines = temp.bus.value.lines();
    assert_eq!(lines_text(lines), "2-3");
    let text = text.replace("timeout =", "registers = { read = [\"0-6\", 0x3f], write = [] }\ntimeout =");
    let manifest = parse(&text).unwrap();
    let expected = xmap_image::I2cRegisters::new([0, 1, 2, 3, 4, 5, 6, 0x3f], []);
    assert_eq!(
        manifest.i2c.iter().map(|device| device.registers).collect::<Vec<_>>(),
        [None, Some(expected)]
    );
    assert_eq!(manifest.i2c[1].row.registers(), 1);
}

#[test]
fn spi_devices_have_their_indices_and_defaults() {
    let text = format!(
        "{HALL}\n[spi.adc]\nbus = 0\ncs = 1\nmax_bytes = 3\n\
         [spi.flash]\nbus = 0\ncs = 0\nmode = 3\nclock = \"8 MHz\"\nmax_bytes = 260\ntimeout = \"5ms\"\n"
    );
    let manifest = parse(&text).unwrap();
    let rows: Vec<_> = manifest.spi.iter().map(|device| (&*device.name.value, device.row)).collect();
    // Twice the 25 us of 25 clocks, and 100 us.
    let adc = xmap_image::SpiRow::new([0, 1, 0], 1_000_000, 3, 150);
    assert_eq!(rows, [("adc", adc), ("flash", xmap_image::SpiRow::new([0, 0, 3], 8_000_000, 260, 5_000))]);
    let lines: Vec<_> = manifest.devices().iter().map(|device| lines_text(device.claim.lines)).collect();
    assert_eq!(lines, ["7 and 9-11", "8-11"]);
}

#[test]
fn channels_have_their_indices_and_defaults() {
    let text = format!(
        "{HALL}\n[pwm.lamp]\nline = 18\nperiod = \"1 kHz\"\nsafe = 6554\n\
         [pwm.flap]\nline = 13\nfrequency_hz = 50\n"
    );
    let manifest = parse(&text).unwrap();
    let rows: Vec<_> = manifest.pwm.iter().map(|channel| (&*channel.name.value, channel.row)).collect();
    let line = |n| xmap_boards::Line::new(n).unwrap();
    let lamp = xmap_image::PwmRow::new(line(18), 1_000, 6_554);
    assert_eq!(rows, [("lamp", lamp), ("flap", xmap_image::PwmRow::new(line(13), 20_000, 0))]);
}
