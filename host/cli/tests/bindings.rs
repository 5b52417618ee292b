//! `xmap bindings`: what it writes compiles beside the bindings of each language, and holds a function
//! against the manifest. A language whose compiler is not on this machine is named.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xmap_project::{Bindings, tools};

const MANIFEST: &str = r#"
[module]
name = "hall of all"
board = "rpi4b"
wasm = "hall.wasm"

[clock]
zone = "Europe/Berlin"

[pins]
17 = { name = "Lamp", mode = "out" }
switch = { line = 27, mode = "in", pull = "up" }
22 = { name = "74HC595 data", mode = "inout" }
23 = { mode = "out" }

[i2c.temp]
bus = 1
address = 0x48
write_max = 2
read_max = 2

[uart.meter]
port = 3
baud = 19200

[pwm.dimmer]
line = 18
period = "1ms"

[spi.adc]
bus = 0
cs = 1
max_bytes = 3

[exports]
on_press = { on = { pin = "switch", edge = "falling" } }
dim = { params = ["level: u8", "fast: bool"], results = ["u16"] }
wide = { params = ["a: i64", "b: u64", "c: f32", "d: f64", "e: i8", "f: i16", "g: u32", "h: i32"], results = ["i64"] }
show = { params = ["text: str", "raw: bytes"] }
loose = {}
"#;

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests").canonicalize().unwrap()
}

fn bindings(folder: &Path, language: Bindings, file: &str) -> String {
    let manifest = folder.join("panel.toml");
    fs::write(&manifest, MANIFEST).unwrap();
    let mut xmap = Command::new(env!("CARGO_BIN_EXE_xmap"));
    xmap.arg("bindings").arg(&manifest).args(["--lang", language.word(), "-o", file]).current_dir(folder);
    let output = xmap.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(folder.join(file)).unwrap()
}

/// Runs a compiler in a folder; `None` where it is not here. Whether it took the source, and what it said.
fn compile(folder: &Path, program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let words: Vec<OsString> = tools::command(program, folder)?;
    let mut command = Command::new(&words[0]);
    for name in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER"]
    {
        command.env_remove(name);
    }
    let command = command.args(&words[1..]).args(arguments).current_dir(folder);
    let output =
        command.env("GOOS", "wasip1").env("GOARCH", "wasm").env("GOFLAGS", "-mod=mod").output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    Some((output.status.success(), text))
}

/// Compiles a source that uses the bindings, and one whose function has other types than the manifest says.
fn holds(
    language: Bindings,
    file: &str,
    source: &str,
    right: &str,
    (of, wrong): (&str, &str),
    arguments: (&str, &[&str]),
) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = bindings(folder, language, file);
    assert!(text.contains("17") && !text.contains("23"), "{text}");
    match language {
        Bindings::Rust => {
            let crate_ = format!(
                "[package]\nname = \"panel\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
                 path = \"panel.rs\"\n[dependencies]\nxmap-guest = {{ path = {:?} }}\n[workspace]\n",
                guests().join("rust")
            );
            fs::write(folder.join("Cargo.toml"), crate_).unwrap();
        }
        Bindings::AssemblyScript => {
            fs::copy(guests().join("assemblyscript/xmap.ts"), folder.join("xmap.ts")).map(drop).unwrap();
        }
        Bindings::Zig => fs::copy(guests().join("zig/xmap.zig"), folder.join("xmap.zig")).map(drop).unwrap(),
        Bindings::Go => {
            let module = format!(
                "module panel\n\ngo 1.24\n\nrequire xmap v0.0.0\n\nreplace xmap => {}\n",
                guests().join("go").display()
            );
            fs::write(folder.join("go.mod"), module).unwrap();
        }
        Bindings::C => fs::copy(guests().join("c/xmap.h"), folder.join("xmap.h")).map(drop).unwrap(),
    }
    fs::write(folder.join(source), right).unwrap();
    let Some((taken, said)) = compile(folder, arguments.0, arguments.1) else {
        println!("skipped the bindings of {}: no {}", language.word(), arguments.0);
        return;
    };
    assert!(taken, "{said}\n{text}");
    assert!(right.contains(of));
    fs::write(folder.join(source), right.replace(of, wrong)).unwrap();
    let (taken, said) = compile(folder, arguments.0, arguments.1).unwrap();
    assert!(!taken, "another type is not noticed: {said}");
    println!("compiled the bindings of {}", language.word());
}

#[test]
fn a_header_of_c_compiles_and_holds_functions() {
    let source = "#include \"panel.h\"\n\
        void on_press(void) { lamp_toggle(); n74hc595_data_direction(true); switch_pull(XMAP_PULL_UP); }\n\
        uint16_t dim(uint8_t level, bool fast) { lamp_set(level > 9 || fast); return PIN_LAMP + switch_get(); }\n\
        void show(const char *text, uint32_t text_len, const uint8_t *raw, uint32_t raw_len) {\n\
        uint8_t two[2]; temp_write_read(text, text_len + raw_len, two, sizeof two); adc_transfer(two, 2, two, 2); dimmer_duty(9); dimmer_pulse_us(1); meter_write(two, (uint32_t)meter_read(two, 2)); (void)raw; }\n";
    let arguments =
        ["--target=wasm32", "-nostdlib", "-Wall", "-Wextra", "-Werror", "-c", "panel.c", "-o", "panel.o"];
    holds(
        Bindings::C,
        "panel.h",
        "panel.c",
        source,
        ("uint8_t level", "uint16_t level"),
        ("clang", &arguments),
    );
}

#[test]
fn a_module_of_rust_compiles_and_holds_functions() {
    if tools::has_rust_target() != Some(true) {
        println!("skipped the bindings of rust: no target {}", tools::RUST_TARGET);
        return;
    }
    let source = "#![no_std]\nmod names;\nuse names::{i2c_temp, lamp, pwm_dimmer, spi_adc, uart_meter, n74hc595_data, switch_};\n\
        xmap_guest::panic_is_trap!();\nnames::check_exports!();\n\
        #[unsafe(no_mangle)]\nextern \"C\" fn on_press() { lamp::toggle(); n74hc595_data::direction(true); }\n\
        #[unsafe(no_mangle)]\nextern \"C\" fn dim(level: u8, fast: bool) -> u16 {\n\
        lamp::set(level > 9 || fast); u16::from(lamp::LINE) + u16::from(switch_::get()) }\n\
        #[unsafe(no_mangle)]\nextern \"C\" fn wide(a: i64, _: u64, _: f32, _: f64, _: i8, _: i16, _: u32, _: i32) -> i64 {\n\
        let mut two = [0; 2]; _ = spi_adc::transfer(&[1], &mut two); pwm_dimmer::duty(9); pwm_dimmer::pulse_us(1); uart_meter::read(&mut two); _ = uart_meter::write(&two); i2c_temp::write_read(&[0], &mut two).map_or(a, |()| i64::from(two[0])) }\n\
        #[unsafe(no_mangle)]\nextern \"C\" fn show(_: *const u8, _: usize, _: *const u8, _: usize) {}\n";
    let arguments = ["build", "--quiet", "--offline", "--target", "wasm32-unknown-unknown"];
    holds(Bindings::Rust, "names.rs", "panel.rs", source, ("level: u8", "level: u16"), ("cargo", &arguments));
}

#[test]
fn a_file_of_zig_compiles_and_holds_functions() {
    let source = "const names = @import(\"names.zig\");\n\
        export fn on_press() void { names.spi_adc.transfer(&.{1}, &.{}) catch {}; names.pwm_dimmer.duty(9); names.pwm_dimmer.pulseUs(1); names.uart_meter.write(&.{1}) catch {}; _ = names.uart_meter.read(&.{}); names.lamp.toggle(); names.n74hc595_data.direction(true); }\n\
        export fn dim(level: u8, fast: bool) u16 {\n\
        names.lamp.set(level > 9 or fast); return @as(u16, names.lamp.line) + @intFromBool(names.@\"switch\".get()); }\n\
        comptime { _ = @as(*const names.exports.Dim, &dim); _ = @as(*const names.exports.OnPress, &on_press); }\n";
    let arguments = [
        "build-exe",
        "-target",
        "wasm32-freestanding",
        "-fno-entry",
        "-rdynamic",
        "--dep",
        "xmap",
        "-Mroot=panel.zig",
        "-Mxmap=xmap.zig",
        "-femit-bin=panel.wasm",
        "--global-cache-dir",
        "cache",
        "--cache-dir",
        "cache",
    ];
    holds(Bindings::Zig, "names.zig", "panel.zig", source, ("level: u8", "level: u16"), ("zig", &arguments));
}

#[test]
fn a_file_of_assemblyscript_compiles_and_holds_functions() {
    let source = "import { lamp, switch_, n74hc595_data, i2c_temp, spi_adc, pwm_dimmer, uart_meter, Dim } from \"./names\";\n\
        export function on_press(): void { lamp.toggle(); n74hc595_data.direction(true); }\n\
        export function dim(level: u8, fast: bool): u16 {\n\
        lamp.set(level > 9 || fast); i2c_temp.writeRead(0, 0, 0, 0); spi_adc.transfer(0, 0, 0, 0); pwm_dimmer.duty(9); pwm_dimmer.pulseUs(1); uart_meter.write(0, uart_meter.read(0, 1)); return <u16>(lamp.line + i32(switch_.get())); }\n\
        const held: Dim = dim;\nexport function same(): bool { return held(1, true) == 17; }\n";
    let arguments = ["panel.ts", "--outFile", "panel.wasm", "--runtime", "stub", "--use", "abort="];
    holds(
        Bindings::AssemblyScript,
        "names.ts",
        "panel.ts",
        source,
        ("level: u8", "level: f64"),
        ("asc", &arguments),
    );
}

#[test]
fn a_file_of_go_compiles_and_holds_functions() {
    let source = "package main\n\n\
        //go:wasmexport on_press\nfunc onPress() { LampToggle(); N74hc595DataDirection(true) }\n\n\
        //go:wasmexport dim\nfunc dim(level uint32, fast bool) uint32 {\n\tLampSet(level > 9 || fast)\n\tTempWriteRead(nil, nil)\n\
        \tif SwitchGet() {\n\t\treturn 1\n\t}\n\treturn uint32(LampLine)\n}\n\nvar _ DimExport = dim\n\nfunc main() {}\n";
    let arguments = ["build", "-buildmode=c-shared", "-o", "panel.wasm", "."];
    holds(Bindings::Go, "names.go", "panel.go", source, ("level uint32", "level uint64"), ("go", &arguments));
}

#[test]
fn a_manifest_that_is_wrong_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("panel.toml");
    fs::write(&manifest, MANIFEST.replace("mode = \"in\"", "mode = \"inn\"")).unwrap();
    let mut xmap = Command::new(env!("CARGO_BIN_EXE_xmap"));
    let xmap =
        xmap.arg("bindings").arg(&manifest).args(["--lang", "c", "-o", "panel.h"]).current_dir(folder.path());
    let output = xmap.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("error[X0405]") || !output.stderr.is_empty());
    assert!(!folder.path().join("panel.h").exists());
}
