//! Panels with devices on buses leave the committed trace in the simulator, which
//! `BLESS=1 cargo test -p xmap-tests --test buses` rewrites; `tests/tests/emulator/i2c.rs` holds the flashed
//! program with the emulator's own chips against the same. What a build prints of them is here, too.

use std::fs;

use xmap_boards::RPI4B;
use xmap_compiler::compile::compile;
use xmap_compiler::diagnostic::Code;
use xmap_compiler::manifest::Manifest;
use xmap_compiler::report::Report;
use xmap_image::Image;
use xmap_sim::{Eeprom, EventKind, Script, Sim, run};
use xmap_tests::buses::BusPanel;
use xmap_trust::{Limit, OpClass, class_of};

#[test]
fn the_simulator_leaves_the_committed_traces() {
    for name in ["thermostat", "settings", "level", "flash", "dimmer", "meter", "clock", "leds", "display"] {
        let panel = BusPanel::open(name);
        let mut sim = Sim::from_words(panel.words.clone()).unwrap();
        let script = Script::parse(&panel.script, &sim.image()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut trace = String::new();
        run(&mut sim, &script, &mut |shown| trace += &format!("{shown}\n"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(panel.expected_path(), &trace).unwrap();
        }
        assert_eq!(trace, panel.expected(), "{name}");
    }
}

/// Plays a panel's script. Returns its trace and the transfers on its buses.
fn run_all(panel: &BusPanel) -> (String, Vec<String>, Sim) {
    let mut sim = Sim::from_words(panel.words.clone()).unwrap();
    let script = Script::parse(&panel.script, &sim.image()).unwrap_or_else(|error| panic!("{error}"));
    let mut trace = String::new();
    run(&mut sim, &script, &mut |shown| trace += &format!("{shown}\n"))
        .unwrap_or_else(|error| panic!("{error}"));
    let carried = sim.traffic().into_iter().flat_map(|of| of.spans).map(|span| span.text).collect();
    (trace, carried, sim)
}

/// The drivers of both languages with their chips: the script says what each must do, both send the same
/// bytes, and the display shows the committed picture.
#[test]
fn drivers_serve_their_chips() {
    let (c, rust) = (BusPanel::open("chips"), BusPanel::of("chips_rust", "chips"));
    let ((trace, carried, sim), other) = (run_all(&c), run_all(&rust));
    let pictures = sim.pictures();
    let [(name, picture)] = &pictures[..] else { panic!("one display: {pictures:?}") };
    let shown = c.expected_path().with_file_name(format!("{name}.txt"));
    if std::env::var_os("BLESS").is_some() {
        fs::write(c.expected_path(), &trace).unwrap();
        fs::write(&shown, picture.to_string()).unwrap();
    }
    assert_eq!(trace, c.expected());
    assert_eq!(picture.to_string(), fs::read_to_string(shown).unwrap());
    assert_eq!((trace, carried), (other.0, other.1), "C and Rust");
}

/// No driver is without its chip: each is part of the panels of the test above.
#[test]
fn every_driver_is_in_a_panel() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let names = |folder: &str| {
        let files = fs::read_dir(root.join(folder)).unwrap().map(|file| file.unwrap().path());
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let c = fs::read_to_string(root.join("tests/buses/chips/chips.c")).unwrap();
    let rust = fs::read_to_string(root.join("tests/buses/chips_rust/src/lib.rs")).unwrap().to_lowercase();
    let (headers, modules) = (names("guests/c/drivers"), names("guests/rust/src/drivers"));
    assert!(headers.len() >= 13 && modules.len() >= 13, "{headers:?} {modules:?}");
    for name in headers.iter().filter(|name| *name != "font") {
        assert!(c.contains(&format!("drivers/{name}.h")), "{name}");
        assert!(modules.contains(name), "{name} has no twin in Rust");
    }
    for name in modules.iter().filter(|name| !["mod", "font"].contains(&name.as_str())) {
        assert!(rust.contains(&format!(" {name}")) && headers.contains(name), "{name}");
    }
}

/// Plays a script on the thermostat, and returns its trace.
fn played(script: &str) -> Result<String, String> {
    let mut sim = Sim::from_words(BusPanel::open("thermostat").words).unwrap();
    let script = Script::parse(script, &sim.image()).map_err(|error| error.to_string())?;
    let mut trace = String::new();
    run(&mut sim, &script, &mut |shown| trace += &format!("{shown}\n")).map_err(|error| error.to_string())?;
    Ok(trace)
}

#[test]
fn a_panel_goes_on_without_its_device_and_with_it_again() {
    let gone = "connect temp tmp105\nset temp temperature 10\nadvance 1s\nexpect heater high\n\
                disturb temp gone\nadvance 3s\nexpect heater low\nexpect alarm high\n\
                restore temp\nadvance 1s\nexpect alarm low\nexpect heater high\n\
                expect device temp temperature 10\n";
    let trace = played(gone).unwrap();
    assert!(trace.contains("log WARN no thermometer") && trace.contains("log INFO the thermometer is back"));
    // Each fault at some clocks: the next second is good.
    for fault in ["nack", "stuck-data", "stuck-clock 50ms", "other-controller", "gone"] {
        for clock in [0, 5, 9, 10, 18, 20, 29, 38, 46, 47] {
            let script = format!(
                "connect temp tmp105\nset temp temperature 10\nadvance 1s\ndisturb temp {fault} at {clock}\n\
                 advance 1s\nrestore temp\nset temp temperature 11\nadvance 1s\ncall sixteenths -> 176\n"
            );
            played(&script).unwrap_or_else(|error| panic!("{fault} at {clock}: {error}"));
        }
    }
    for (script, message) in [
        ("connect tem tmp105", "no device `tem` on a bus; the nearest is `temp`"),
        ("connect temp tmp104", "expected a chip"),
        ("set temp temperature 20", "nothing is connected there"),
        ("connect temp tmp105\nset temp humidity 20", "`temp`: it has a `temperature`"),
        ("connect temp tmp105\nexpect device temp temperature 20", "temp temperature 20: it is 0"),
        ("disturb temp tired", "expected nack, stuck-data"),
    ] {
        let error = played(script).unwrap_err();
        assert!(error.contains(message), "{script}: {error}");
    }
}

#[test]
fn a_build_says_what_the_bus_takes() {
    let panel = BusPanel::open("thermostat");
    let image = Image::verify(&panel.words).unwrap();
    let report = Report::of(&image, None).to_string();
    let line = |key: &str| {
        let line = report.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{report}"));
        line.split_whitespace().last().unwrap().to_string()
    };
    // A time limit of 5 ms, and twelve clocks of 2.5 us.
    assert_eq!(line("thermostat.on_second"), "5030");
    assert_eq!(line("thermostat.precise"), "5030");
    assert_eq!(line("thermostat.want"), "0");
    assert!(report.contains("bus time of timers: at most 0.6 % of all"), "{report}");
    let device =
        "i2c temp, bus 1 at 0x48, 400000 Hz: writes up to 2, reads up to 2; 143 us on the wire, 5030 us";
    assert!(report.contains(device), "{report}");
    assert_eq!(Limit::Time.asked(&image), Some(1_000_000), "a transfer is a wait");
}

#[test]
fn a_build_says_what_the_spi_bus_takes() {
    let panel = BusPanel::open("level");
    let report = Report::of(&Image::verify(&panel.words).unwrap(), None).to_string();
    let device =
        "spi adc, bus 0 select 0, mode 0, 1000000 Hz: up to 3 bytes; 25 us on the wire, 150 us at most";
    assert!(report.contains(device), "{report}");
    let line = report.lines().find(|line| line.starts_with("level.on_tick")).unwrap();
    assert!(line.ends_with(" 150"), "{line}");
}

#[test]
fn constants_of_a_transfer_are_proven() {
    let manifest = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n\
                    [spi.adc]\nbus = 0\ncs = 0\nmax_bytes = 3\n";
    let declared = Manifest::parse("a.toml", manifest).unwrap();
    let text = MODULE.replace("\"i2c\" \"write_read\"", "\"spi\" \"transfer\"");
    let build = |device: &str, write: &str, read: &str, manifest: &Manifest| {
        let text = text.replace("DEVICE", device).replace("FROM", "0").replace("WRITE", write);
        compile(manifest, &wat::parse_str(text.replace("READ", read)).unwrap())
    };
    let words = build("0", "3", "3", &declared).unwrap().words;
    let image = Image::verify(&words).unwrap();
    let class = xmap_image::decode(image.code()).find_map(|(_, op, words)| class_of(op, words[0]));
    assert_eq!(class, Some(OpClass::Spi));
    let bare = Manifest::bare(&RPI4B, "a.wasm".as_ref());
    for (device, write, read, manifest, code, message) in [
        ("1", "1", "1", &declared, Code::UndeclaredDevice, "uses device 1: the manifest declares 1"),
        ("0", "4", "1", &declared, Code::LongTransfer, "writes 4 bytes to `adc`, max_bytes is 3"),
        ("0", "1", "4", &declared, Code::LongTransfer, "reads 4 bytes from `adc`, max_bytes is 3"),
        ("0", "1", "1", &bare, Code::UndeclaredDevice, "no SPI device is declared"),
    ] {
        let errors = build(device, write, read, manifest).unwrap_err();
        assert_eq!(errors.0[0].code, code, "{errors}");
        assert!(errors.to_string().contains(message), "{errors}");
    }
}

#[test]
fn timers_take_no_more_time_on_buses_than_there_is() {
    let build = |name: &str, timeout: u32, periods: [u32; 2]| {
        let manifest = format!(
            "module = {{ name = \"{name}\", board = \"rpi4b\", wasm = \"a.wasm\", namespace = \"{name}\" }}\n\
             [spi.adc]\nbus = 0\ncs = {cs}\nmax_bytes = 3\ntimeout_us = {timeout}\n\
             [exports]\nfast = {{ on = {{ every_us = {} }} }}\nslow = {{ on = {{ every_us = {} }} }}\n",
            periods[0],
            periods[1],
            cs = u8::from(name == "other"),
        );
        let text = "(module (import \"spi\" \"transfer\" (func $spi (param i32 i32 i32 i32 i32) (result i32)))
            (memory 1)
            (func $once (drop (call $spi (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 3))))
            (func (export \"fast\") (call $once))
            (func (export \"slow\") (call $once) (call $once)))";
        let manifest = Manifest::parse("a.toml", &manifest).unwrap();
        compile(&manifest, &wat::parse_str(text).unwrap()).map(|compiled| compiled.words)
    };
    // 500 of each 1,000 and 1,000 of each 2,000.
    let full = build("one", 500, [1_000, 2_000]).unwrap();
    let report = Report::of(&Image::verify(&full).unwrap(), None).to_string();
    assert!(report.contains("bus time of timers: at most 100.0 % of all"), "{report}");
    let errors = build("one", 501, [1_000, 2_000]).unwrap_err();
    assert_eq!(errors.0[0].code, Code::BusTime, "{errors}");
    let expected = "transfers of timers may take 100.2 % of the time: one.fast takes 501 us of each 1000 us, \
                    one.slow takes 1002 us of each 2000 us";
    assert!(errors.to_string().contains(expected), "{errors}");
    // Two panels of one device.
    let other = build("other", 100, [50_000, 50_000]).unwrap();
    let panels = [("one.xmap", &full), ("other.xmap", &other)].map(|(file, words)| {
        xmap_compiler::beside::Panel { file, image: Image::verify(words).unwrap(), manifest: None }
    });
    assert!(xmap_compiler::beside::check(&panels[..1]).is_ok());
    let errors = xmap_compiler::beside::check(&panels).unwrap_err();
    assert_eq!(errors.0[0].code, Code::BusTime, "{errors}");
    assert!(errors.to_string().contains("100.6 % of the time") && errors.to_string().contains("other.slow"));
}

#[test]
fn constants_of_a_channel_are_proven() {
    let manifest = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n\
                    [pwm.lamp]\nline = 18\nperiod_us = 1000\n";
    let declared = Manifest::parse("a.toml", manifest).unwrap();
    let build = |name: &str, channel: &str, value: &str, manifest: &Manifest| {
        let text = format!(
            "(module (import \"pwm\" \"{name}\" (func $f (param i32 i32)))
                (func (export \"g\") (call $f (i32.const {channel}) (i32.const {value}))))"
        );
        compile(manifest, &wat::parse_str(text).unwrap())
    };
    let words = build("duty", "0", "65535", &declared).unwrap().words;
    let report = Report::of(&Image::verify(&words).unwrap(), None).to_string();
    assert!(
        report.contains("pwm lamp, line 18, 1000 us; safe duty 0") && !report.contains("bus us"),
        "{report}"
    );
    build("pulse_us", "0", "1000", &declared).unwrap();
    let bare = Manifest::bare(&RPI4B, "a.wasm".as_ref());
    for (name, channel, value, manifest, code, message) in [
        ("duty", "1", "0", &declared, Code::UndeclaredDevice, "sets channel 1: the manifest declares 1"),
        ("pulse_us", "-1", "0", &declared, Code::UndeclaredDevice, "sets channel -1"),
        ("duty", "0", "65536", &declared, Code::ConstantTrap, "pwm.duty with 65536: a duty is 0 to 65535"),
        (
            "pulse_us",
            "0",
            "1001",
            &declared,
            Code::ConstantTrap,
            "with 1001: the period of `lamp` is 1000 us",
        ),
        ("duty", "0", "0", &bare, Code::UndeclaredDevice, "no PWM channel is declared"),
    ] {
        let errors = build(name, channel, value, manifest).unwrap_err();
        assert_eq!(errors.0[0].code, code, "{errors}");
        assert!(errors.to_string().contains(message), "{errors}");
    }
}

const MODULE: &str = r#"(module
    (import "i2c" "write_read" (func $i2c (param i32 i32 i32 i32 i32) (result i32)))
    (memory 1)
    (func (export "f") (result i32)
        (call $i2c (i32.const DEVICE) (i32.const FROM) (i32.const WRITE) (i32.const 64) (i32.const READ))))"#;

#[test]
fn a_constant_that_is_not_declared_is_an_error_of_the_build() {
    let manifest = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n\
                    [i2c.temp]\nbus = 1\naddress = 0x48\nwrite_max = 1\nread_max = 2\n";
    let build = |device: &str, from: &str, write: &str, read: &str, manifest: &Manifest| {
        let text = MODULE.replace("DEVICE", device).replace("FROM", from).replace("WRITE", write);
        compile(manifest, &wat::parse_str(text.replace("READ", read)).unwrap())
    };
    let declared = Manifest::parse("a.toml", manifest).unwrap();
    let words = build("0", "0", "1", "2", &declared).unwrap().words;
    let image = Image::verify(&words).unwrap();
    let direct = xmap_image::decode(image.code()).find_map(|(_, op, words)| class_of(op, words[0]));
    assert_eq!(direct, Some(OpClass::I2c));
    let bare = Manifest::bare(&RPI4B, "a.wasm".as_ref());
    for (device, from, write, read, manifest, code, message) in [
        ("1", "0", "1", "2", &declared, Code::UndeclaredDevice, "uses device 1: the manifest declares 1"),
        ("-1", "0", "1", "2", &declared, Code::UndeclaredDevice, "uses device -1"),
        ("0", "0", "2", "2", &declared, Code::LongTransfer, "writes 2 bytes to `temp`, write_max is 1"),
        ("0", "0", "1", "3", &declared, Code::LongTransfer, "reads 3 bytes from `temp`, read_max is 2"),
        ("0", "65536", "1", "2", &declared, Code::ConstantTrap, "uses 0x10000 to 0x10001"),
        ("0", "0", "1", "2", &bare, Code::UndeclaredDevice, "no I2C device is declared"),
    ] {
        let errors = build(device, from, write, read, manifest).unwrap_err();
        assert_eq!(errors.0[0].code, code, "{errors}");
        assert!(errors.to_string().contains(message), "{errors}");
    }
}

/// A timer beside a busy bus is late by one transfer at most, and no event is lost; the times are those of
/// docs/benchmarks.md. A transfer takes what its row says that it does, to the microsecond.
#[test]
fn a_timer_waits_for_one_transfer_at_most() {
    const EVERY_US: u64 = 1_000;
    const ROUNDS: u64 = 10_000;
    let manifest = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n\
                    [pins]\n17 = { mode = \"out\", safe = \"low\" }\n\
                    [i2c.memory]\nbus = 1\naddress = 0x50\nspeed = \"400 kHz\"\nwrite_max = 2\nread_max = 32\n\
                    timeout_us = 900\n\
                    [exports]\nbeat = { on = { every_us = 1000 } }\nbusy = { on = { every_us = 1301 } }\n";
    let text = "(module (import \"i2c\" \"write_read\" (func $i2c (param i32 i32 i32 i32 i32) (result i32)))
        (import \"gpio\" \"toggle\" (func $toggle (param i32)))
        (memory 1)
        (func (export \"beat\") (call $toggle (i32.const 17)))
        (func (export \"busy\") (if
            (call $i2c (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 64) (i32.const 32))
            (then unreachable))))";
    let manifest = Manifest::parse("a.toml", manifest).unwrap();
    let words = compile(&manifest, &wat::parse_str(text).unwrap()).unwrap().words;
    let image = Image::verify(&words).unwrap();
    let row = image.i2c()[0];
    let mut sim = Sim::from_words(words.clone()).unwrap();
    sim.board_mut().attach(1, 0x50, Eeprom::new(4096));
    sim.advance(ROUNDS * EVERY_US);
    let (mut beats, mut transfers) = (Vec::new(), Vec::new());
    for event in sim.board().events() {
        match &event.kind {
            EventKind::Access(access) if access.drives() => beats.push(event.time_us),
            EventKind::Transfer(_) => transfers.push(event.end_us - event.time_us),
            _ => {}
        }
    }
    // The first store is the safe state's, and the first beat is before the first transfer.
    let from = beats[1] - EVERY_US;
    let late: Vec<u64> = (1..).zip(&beats[1..]).map(|(n, beat)| beat - (from + n * EVERY_US)).collect();
    let mean = late.iter().sum::<u64>() / late.len() as u64;
    let most = *late.iter().max().unwrap();
    let took = (*transfers.iter().min().unwrap(), *transfers.iter().max().unwrap());
    assert_eq!((mean, most, row.worst_us()), (256, 817, 930));
    assert!(late.len() as u64 >= ROUNDS - 1, "{}", late.len());
    assert_eq!((sim.status().missed, sim.status().dropped), (0, 0));
    assert_eq!(took, (row.wire_us(2, 32).into(), row.wire_us(2, 32).into()));
    assert!(most < took.1 && took.1 < row.worst_us().into());
}
