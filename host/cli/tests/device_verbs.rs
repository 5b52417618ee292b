//! `xmap call`, `status` and `monitor` against the device's own service, behind a socket: what runs on the
//! board, but for the registers, which are the simulator's.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use tiny_mapper::STACK_SLOTS;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::input;
use xmap_compiler::manifest::Manifest;
use xmap_device::{Device, Identity, Recorder, Service, SlotMemory, Wire};
use xmap_image::OwnedImage;
use xmap_link::{Boot, features};
use xmap_sim::{Heap, SimBoard};

const IDENTITY: Identity = Identity {
    board: 1,
    boot: Boot::Normal,
    features: features::TRACE | features::TEXT,
    clock_hz: 54_000_000,
    firmware: "0.1.0",
};

fn lamp() -> Compiled {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/panels/lamp/panel.toml");
    let manifest = Manifest::read(&path).unwrap();
    compile(&manifest, &input::read_module(&manifest.wasm_path()).unwrap()).unwrap()
}

/// A socket as the device's wire.
struct Socket(TcpStream);

impl Wire for Socket {
    fn read(&mut self) -> Option<u8> {
        let mut byte = [0];
        matches!(self.0.read(&mut byte), Ok(1)).then_some(byte[0])
    }

    fn write(&mut self, bytes: &[u8]) {
        // Where the host is gone, the next read says so.
        _ = self.0.write_all(bytes);
    }
}

/// Serves `hosts` connections, one after the other, with one panel; says where.
fn device(words: Vec<u32>, hosts: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("tcp:{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        // Rooms as large as a device's, for any image that is swapped in.
        let room = || SlotMemory {
            words: vec![0; 1 << 16],
            stack: vec![0; STACK_SLOTS],
            globals: vec![0; 1 << 12],
            memory: vec![0; 1 << 16],
        };
        let port: Recorder<SimBoard, 64, 512> = Recorder::new(SimBoard::new());
        let mut device: Device<Heap, _> = Device::new(port, std::array::from_fn(|_| [room(), room()]));
        device.install(0, OwnedImage::new(words).unwrap().image().bytes()).unwrap();
        for _ in 0..hosts {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let mut wire = Socket(stream);
            let mut service = Service::new(IDENTITY);
            // Nothing behind what was read is the end of the stream; a pause is an error, and no end.
            while !matches!(wire.0.peek(&mut [0]), Ok(0)) {
                while service.poll(&mut wire, &mut device) {}
                service.send_texts(&mut wire, &mut device);
            }
        }
    });
    port
}

fn xmap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xmap")).env("XMAP_MAPS", "").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_panel_is_called_over_a_socket() {
    let compiled = lamp();
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("lamp.map");
    std::fs::write(&map, compiled.map.to_json()).unwrap();
    let port = device(compiled.words, 8);
    let port = port.as_str();
    let call = |args: &[&str]| xmap(&[&["call", "--port", port], args].concat());

    let lit = call(&["--trace", "lamp_on"]);
    assert_eq!(text(&lit.stdout), "GPSET0 0x00020000\nlamp_on ->\n", "{}", text(&lit.stderr));
    assert_eq!(text(&call(&["lamp_lit"]).stdout), "lamp_lit -> true\n");
    assert_eq!(text(&call(&["lamp.off"]).stdout), "lamp.off ->\n");
    let logged = call(&["-t", "forget"]);
    assert_eq!(text(&logged.stdout), "log WARN counters cleared\nforget ->\n");

    let trapped = call(&["--map", map.to_str().unwrap(), "blinks_per_minute", "0"]);
    assert_eq!(trapped.status.code(), Some(3), "a trap is a result with a status of its own");
    assert_eq!(text(&trapped.stdout), "blinks_per_minute trap divide_by_zero\n");
    assert!(text(&trapped.stderr).contains("lamp.c:72:18, function $blinks_per_minute"));

    let wide = call(&["blink", "256", "1"]);
    assert_eq!(wide.status.code(), Some(1));
    assert!(text(&wide.stderr).starts_with("error[X0910]"), "{}", text(&wide.stderr));
    let unknown = call(&["lamp_onn"]);
    assert!(text(&unknown.stderr).contains("did you mean `lamp_on`?"), "{}", text(&unknown.stderr));

    let status = xmap(&["status", "--port", port]);
    let shown = text(&status.stdout);
    for line in ["board     rpi4b", "state     mounted", "calls     6, 1 trapped"] {
        assert!(shown.contains(line), "{line} is not in\n{shown}{}", text(&status.stderr));
    }
}
