//! A device in a test: its rooms, and images of few words.
#![allow(dead_code, unreachable_pub, unused_imports)]

#[path = "../../../sim/tests/common/mod.rs"]
mod small;

use std::collections::VecDeque;

pub use small::{Small, hall, line, put, ret};
use xmap_device::{Board, Device, ModuleExport, NotCalled, Record, Service, SlotMemory, Trust, Wire};
use xmap_image::{Event, EventSource, FaultPolicy, Image, Op, PinMode, Pull, Safe, Ty, limits};
use xmap_link::{DeviceEvent, DeviceEventKind, FrameReader};
use xmap_sim::{Heap, SimBoard};
use xmap_trust::{Limit, Limits};

/// A wire that is two buffers.
#[derive(Default)]
pub struct Memory {
    pub to_device: VecDeque<u8>,
    pub to_host: Vec<u8>,
}

impl Wire for Memory {
    fn read(&mut self) -> Option<u8> {
        self.to_device.pop_front()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.to_host.extend_from_slice(bytes);
    }
}

impl Memory {
    /// Sends bytes to a service, and returns the frames that come back: channel and payload of each.
    pub fn exchange<B: Board + Record, T: Trust>(
        &mut self,
        service: &mut Service,
        device: &mut Device<Heap, B, T>,
        bytes: &[u8],
    ) -> Vec<(u8, Vec<u8>)> {
        self.to_device.extend(bytes);
        while service.poll(self, device) {}
        let mut reader: FrameReader = FrameReader::new();
        let mut frames = Vec::new();
        for byte in self.to_host.drain(..) {
            frames.extend(reader.feed(byte).map(|frame| (frame.channel, frame.payload.to_vec())));
        }
        frames
    }
}

/// A room that holds images of 16 KiB.
pub fn room() -> SlotMemory<Heap> {
    SlotMemory {
        words: vec![0; 4096],
        stack: vec![0; limits::WINDOW + 192],
        globals: vec![0; 8],
        memory: vec![0; 256],
    }
}

pub fn device<B: Board>(board: B) -> Device<Heap, B> {
    Device::new(board, core::array::from_fn(|_| [room(), room()]))
}

pub fn bytes(small: &Small) -> Vec<u8> {
    Image::verify(&small.words()).unwrap().bytes().to_vec()
}

/// A device on the simulated board.
pub type Running = Device<Heap, SimBoard>;

/// A device with this image in module 0. It takes timers of any period, so that tests can be small.
pub fn running(small: &Small) -> Device<Heap, SimBoard> {
    let mut device = device(SimBoard::new());
    device.set_limits(Limits::default().with(Limit::Period, 1).with(Limit::Events, u32::MAX));
    device.install(0, &bytes(small)).unwrap();
    device
}

/// Calls an export by name; its results.
pub fn call<B: Board, T: Trust>(
    device: &mut Device<Heap, B, T>,
    name: &str,
    args: &[u64],
) -> Result<Vec<u64>, NotCalled> {
    let export = device.find(name).ok_or(NotCalled::Unknown)?;
    call_export(device, export, args)
}

pub fn call_export<B: Board, T: Trust>(
    device: &mut Device<Heap, B, T>,
    export: ModuleExport,
    args: &[u64],
) -> Result<Vec<u64>, NotCalled> {
    let mut results = [0; 8];
    let count = device.call(export, args, &mut results)?;
    Ok(results[..count].to_vec())
}

/// Lets virtual time pass.
pub fn pass<T: Trust>(device: &mut Device<Heap, SimBoard, T>, us: u64) {
    device.pass(us, SimBoard::advance);
}

/// Everything that happened so far.
pub fn happened<B: Board, T: Trust>(device: &Device<Heap, B, T>) -> Vec<DeviceEventKind> {
    let mut all: Vec<DeviceEvent> = Vec::new();
    loop {
        let page = device.happened(all.last().map_or(0, |_| all.len() as u32));
        if page.entries.is_empty() {
            return all.iter().map(|entry| entry.what).collect();
        }
        all.extend(page.entries);
    }
}

/// The stores to `GPSETn` and `GPCLRn` from record entry `from` on.
pub fn stores(board: &SimBoard, from: usize) -> Vec<String> {
    let all = board.accesses().skip(from);
    all.filter(|access| access.drives()).map(|access| access.to_string()).collect()
}

/// What a manifest says beside pins and exports.
pub trait Says {
    fn named(self, module: &'static str) -> Self;
    fn on(self, export: &str, source: EventSource) -> Self;
    fn policy(self, policy: FaultPolicy) -> Self;
    fn memory(self, bytes: u32) -> Self;
    fn reads(self, line: u8) -> Self;
}

impl Says for Small {
    fn named(mut self, module: &'static str) -> Self {
        self.0.manifest.module = module;
        self.0.exports.iter_mut().for_each(|export| export.key = format!("{module}.{}", export.name));
        self
    }

    /// Must come behind the last export: handlers are named by their place among the sorted keys.
    fn on(mut self, export: &str, source: EventSource) -> Self {
        let mut keys: Vec<_> = self.0.exports.iter().map(|of| (of.key.clone(), of.name.clone())).collect();
        keys.sort();
        let place = keys.iter().position(|(_, name)| name == export).expect("the export is there");
        self.0.manifest.events.push(Event { export: place as u16, source }).unwrap();
        self
    }

    fn policy(mut self, policy: FaultPolicy) -> Self {
        self.0.manifest.policy = policy;
        self
    }

    /// An export that reads a line.
    fn reads(self, line: u8) -> Self {
        self.direct("reads", &[], &[Ty::Bool], Op::LineGet.abc(1, line, 0))
    }

    fn memory(mut self, bytes: u32) -> Self {
        (self.0.memory_bytes, self.0.memory_pages, self.0.memory_max_pages) = (bytes, 1, 1);
        self
    }
}

/// A module of this name and version with one export, which sets line 23.
pub fn small_named(module: &'static str, version: u32) -> Small {
    let mut small = Small::new()
        .pin(23, "", PinMode::Out, Safe::Low, Pull::None)
        .direct("beat", &[], &[], put(23, true))
        .named(module);
    small.0.version = version;
    small
}
