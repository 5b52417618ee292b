//! The device behind the wire of these tests: the device program itself on the simulated board, with a panel
//! of five exports. What passes between it and the client is [`super::fake`]'s to damage.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_device::{Device, Recorder, Service, Wire};
use xmap_image::OwnedImage;
use xmap_link::limits::MAX_FRAME;
use xmap_link::*;
use xmap_rig::{IDENTITY, room};
use xmap_sim::{Heap, SimBoard};

/// What the device holds of its stores.
pub(super) const HELD: usize = 60;

const MANIFEST: &str = r#"
[module]
name = "panel"
namespace = "panel"
board = "rpi4b"
version = 3
wasm = "panel.wat"

[pins]
4 = { mode = "out", safe = "low" }
5 = { mode = "out", safe = "low" }
17 = { mode = "out", safe = "high" }

[exports]
add = { params = ["a: i8", "b: u16"], results = ["i32"] }
count = { results = ["u32"] }
fail = {}
lamp = { params = ["on: bool"] }
scale = { params = ["x: f32"], results = ["f32", "bool"] }
"#;

/// `count` returns how often the panel was called, and stores thirty times as often: more than a page of the
/// record, as a shift register would.
const MODULE: &str = r#"
(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (import "log" "message" (func $log (param i32 i32 i32)))
  (memory 1)
  (data (i32.const 0) "done")
  (data (i32.const 16) "LONG")
  (global $calls (mut i32) (i32.const 0))
  (func $called (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
  (func (export "add") (param i32 i32) (result i32)
    (call $called)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "count") (result i32)
    (local $n i32)
    (call $called)
    (loop $again
      (call $set (i32.const 5) (i32.eqz (i32.and (local.get $n) (i32.const 1))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.mul (global.get $calls) (i32.const 30)))))
    (global.get $calls))
  (func (export "fail")
    (call $called)
    (call $set (i32.const 4) (i32.const 1))
    unreachable)
  (func (export "lamp") (param i32)
    (call $called)
    (call $log (i32.const 1) (i32.const 16) (i32.const LEN))
    (call $set (i32.const 17) (local.get 0))
    (call $log (i32.const 1) (i32.const 0) (i32.const 4)))
  (func (export "scale") (param f32) (result f32 i32)
    (call $called)
    (f32.mul (local.get 0) (f32.const 0.1))
    (i32.const 1)))
"#;

/// A message of several frames.
pub(super) fn long() -> String {
    "lämp ".repeat(200)
}

/// The wire to the device program, which is never damaged.
#[derive(Default)]
struct Inner {
    to_device: VecDeque<u8>,
    to_host: Vec<u8>,
}

impl Wire for Inner {
    fn read(&mut self) -> Option<u8> {
        self.to_device.pop_front()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.to_host.extend_from_slice(bytes);
    }
}

/// The device program, asked a request at a time.
pub(super) struct Panel {
    device: Device<Heap, Recorder<SimBoard, HELD, 8192>>,
    service: Service,
    wire: Inner,
    seq: u16,
    /// How many calls were run.
    calls: Arc<AtomicU32>,
    /// Messages before the latest answer.
    pub(super) texts: Vec<(u32, String)>,
}

impl Panel {
    pub(super) fn new(calls: Arc<AtomicU32>) -> Self {
        let module = MODULE.replace("LONG", &long()).replace("LEN", &long().len().to_string());
        let manifest = Manifest::parse("panel.toml", MANIFEST).unwrap();
        let words = compile(&manifest, &wat::parse_str(module).unwrap()).unwrap().words;
        let mut device =
            Device::new(Recorder::new(SimBoard::new()), std::array::from_fn(|_| [room(4096), room(4096)]));
        device.install(0, OwnedImage::new(words).unwrap().image().bytes()).unwrap();
        let service = Service::new(IDENTITY);
        Self { device, service, wire: Inner::default(), seq: 0, calls, texts: Vec::new() }
    }

    /// Answers a request.
    pub(super) fn serve(&mut self, request: &Request) -> Response {
        self.seq = self.seq.wrapping_add(1);
        self.wire.to_device.extend(encode_request(self.seq, request, &mut [0; MAX_FRAME]).unwrap());
        while self.service.poll(&mut self.wire, &mut self.device) {}
        self.calls.store(u32::try_from(self.device.calls().0).unwrap(), Ordering::SeqCst);
        let mut reader: FrameReader = FrameReader::new();
        let (mut answer, mut whole) = (None, String::new());
        for byte in self.wire.to_host.drain(..) {
            let Some(frame) = reader.feed(byte) else { continue };
            if frame.channel == Channel::Text as u8 {
                let piece = decode_text(frame.payload).unwrap();
                whole += piece.text;
                if !piece.more {
                    self.texts.push((piece.trace_at, std::mem::take(&mut whole)));
                }
            } else {
                answer = Some(decode_response(frame.payload).unwrap().1);
            }
        }
        answer.unwrap()
    }
}
