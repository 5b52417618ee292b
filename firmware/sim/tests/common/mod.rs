//! Small images by hand, as a compiler would make them.
#![allow(dead_code, unreachable_pub)]

use xmap_boards::{BoardId, Line};
use xmap_image::{
    Entry, Export, Function, ImageBuilder, Op, PinMode, PinName, PinRow, Pull, PwmRow, Safe, Ty, Word,
};
use xmap_sim::Sim;

pub fn line(n: u8) -> Line {
    Line::new(n).unwrap()
}

/// A builder with what it takes to say these images in few words.
pub struct Small(pub ImageBuilder<'static>);

impl Small {
    pub fn new() -> Self {
        Self(ImageBuilder::new(BoardId::Rpi4b))
    }

    pub fn pin(mut self, n: u8, name: &'static str, mode: PinMode, safe: Safe, pull: Pull) -> Self {
        self.0.pins.push(PinRow::new(line(n), mode, safe, pull));
        if !name.is_empty() {
            self.0.manifest.pins.push(PinName { line: n, name }).unwrap();
        }
        self
    }

    /// An export that is an op.
    pub fn direct(self, name: &str, params: &[Ty], results: &[Ty], first: Word) -> Self {
        self.export(name, params, results, Entry::Direct { first, second: 0 })
    }

    /// An export that runs code.
    pub fn code(mut self, name: &str, params: &[Ty], results: &[Ty], code: &[Word]) -> Self {
        let function = self.function(params.len(), results.len(), code);
        self.export(name, params, results, Entry::Code { function, fuel: 10_000 })
    }

    /// An export that counts its calls in a global, and one that returns the count.
    pub fn counter(mut self, count: &str, read: &str) -> Self {
        let global = self.0.globals.len() as u16;
        self.0.globals.push(0);
        let more = [
            Op::GlobalGet.a16(1, global),
            Op::Const32.a16(2, 1),
            Op::Add32.abc(1, 1, 2),
            Op::GlobalSet.a16(1, global),
            ret(),
        ];
        self.code(read, &[], &[Ty::U32], &[Op::GlobalGet.a16(1, global), ret()]).code(count, &[], &[], &more)
    }

    /// The module's start function.
    pub fn start(mut self, code: &[Word]) -> Self {
        self.0.start = Some(self.function(0, 0, code));
        self
    }

    fn function(&mut self, params: usize, results: usize, code: &[Word]) -> u32 {
        let (params, results) = (params as u8, results as u8);
        self.0.add(Function { frame: 16, params, results, code: code.to_vec() })
    }

    fn export(mut self, name: &str, params: &[Ty], results: &[Ty], entry: Entry) -> Self {
        let key = format!("panel.{name}");
        let (params, results) = (params.to_vec(), results.to_vec());
        self.0.exports.push(Export { key, name: name.into(), params, results, entry });
        self
    }

    pub fn words(&self) -> Vec<Word> {
        self.0.build().unwrap()
    }

    pub fn sim(&self) -> Sim {
        Sim::from_words(self.words()).unwrap()
    }
}

/// Drives a line, as an op with the line known.
pub fn put(n: u8, high: bool) -> Word {
    if high { Op::LineSet.abc(n, 0, 0) } else { Op::LineClear.abc(n, 0, 0) }
}

pub fn ret() -> Word {
    Op::Ret.abc(0, 0, 0)
}

/// A lamp (17), a button (27, pulled up) and a wire in both directions (22).
pub fn hall() -> Small {
    Small::new()
        .pin(17, "lamp", PinMode::Out, Safe::Low, Pull::None)
        .pin(22, "wire", PinMode::InOut, Safe::Low, Pull::None)
        .pin(27, "button", PinMode::In, Safe::Hold, Pull::Up)
        .direct("lamp", &[Ty::Bool], &[], Op::LinePut.abc(17, 1, 0))
        .direct("lamp_on", &[], &[], put(17, true))
        .direct("toggle", &[], &[], Op::LineToggle.abc(17, 0, 0))
        .direct("button", &[], &[Ty::Bool], Op::LineGet.abc(1, 27, 0))
        .direct("direction", &[Ty::U8, Ty::Bool], &[], Op::GpioDirection.abc(1, 2, 0))
        .direct("set", &[Ty::U8, Ty::Bool], &[], Op::GpioPut.abc(1, 2, 0))
        .direct("wait", &[Ty::U32], &[], Op::TimeDelay.abc(1, 0, 0))
        .code("add", &[Ty::I32, Ty::I32], &[Ty::I32], &[Op::Add32.abc(1, 1, 2), ret()])
        .code("same", &[Ty::F32, Ty::F64, Ty::I64], &[Ty::F32, Ty::F64, Ty::I64], &[ret()])
        .code("fail", &[], &[], &[put(17, true), Op::Unreachable.abc(0, 0, 0)])
}

/// A panel with two PWM channels, on line 18 and, for a servo, on line 13: `duty` and `pulse` set them.
pub fn channels(first: &str, second: &str) -> Sim {
    let set =
        |small: Small, name, row| small.direct(name, &[Ty::U32, Ty::U32], &[], Op::HostCall.abc(0, row, 0));
    let mut panel = set(set(Small::new(), "duty", 23), "pulse", 24);
    panel.0.pwm = vec![
        (first.into(), PwmRow::new(line(18), 1_000, 0)),
        (second.into(), PwmRow::new(line(13), 20_000, 0)),
    ];
    panel.sim()
}
