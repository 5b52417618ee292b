//! Running an image under the eyes of a port that knows what it may do.

use tiny_mapper::{
    CallError, Clock, Function, Gpio, Log, LogLevel, Mapper, Port, Pull, Random, Store, Trap, TrapCode,
};
use xmap_boards::{BANKS, Bank, Line, PinMask};
use xmap_image::{ExportId, Image, Op, PinMode};

use super::Entropy;

/// Words of code that a call may run here, whatever the image says.
const FUEL: u32 = 5_000;
/// Bytes of memory here: two pages and a rest.
const MEMORY: usize = 2 * 65_536 + 100;
/// Slots here, for globals and tables.
const SLOTS: usize = 4096;

/// A port that checks what it is asked to do, and keeps a digest of it.
struct Auditor<'a> {
    image: Image<'a>,
    digest: u64,
    now_us: u64,
    waited_us: u64,
    levels: [PinMask; BANKS],
}

impl Auditor<'_> {
    fn note(&mut self, what: u32, value: u64) {
        let value = value ^ u64::from(what) << 56;
        self.digest = (self.digest.rotate_left(7) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn mode(&self, line: Line) -> PinMode {
        let row = self.image.pins().iter().find(|row| row.line() == line);
        row.expect("a line that the image does not declare").mode()
    }

    fn written(&self, bank: Bank, mask: PinMask) {
        assert_ne!(mask, 0, "a store of nothing");
        assert_eq!(mask & !self.image.writable().bank(bank), 0, "a line that is not the module's");
    }
}

impl Gpio for Auditor<'_> {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.written(bank, mask);
        self.levels[bank as usize] |= mask;
        self.note(1 + bank as u32, mask.into());
    }
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.written(bank, mask);
        self.levels[bank as usize] &= !mask;
        self.note(3 + bank as u32, mask.into());
    }
    fn level(&mut self, bank: Bank) -> PinMask {
        self.levels[bank as usize] ^ self.now_us as u32
    }
    fn select(&mut self, line: Line, function: Function) {
        assert!(matches!(self.mode(line), PinMode::InOut | PinMode::Any));
        self.note(5, u64::from(line.number()) << 8 | function as u64);
    }
    fn pull(&mut self, line: Line, pull: Pull) {
        assert_ne!(self.mode(line), PinMode::Out);
        self.note(6, u64::from(line.number()) << 8 | pull as u64);
    }
}

impl Clock for Auditor<'_> {
    fn now_us(&mut self) -> u64 {
        self.now_us += 1;
        self.now_us
    }
    fn delay_us(&mut self, us: u32) {
        self.now_us += u64::from(us);
        self.waited_us += u64::from(us);
        let most = self.image.header().time_us;
        assert!(self.waited_us <= most.into(), "a call waits {} of {most} us", self.waited_us);
        self.note(7, us.into());
    }
}

impl Log for Auditor<'_> {
    fn log(&mut self, level: LogLevel, text: &str) {
        self.note(8, level as u64);
        text.chars().for_each(|c| self.note(9, u32::from(c).into()));
    }
}

impl Random for Auditor<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self.now_us += 1;
        bytes.fill(self.now_us as u8);
        self.note(11, bytes.len() as u64);
        true
    }
}

impl Port for Auditor<'_> {
    fn random(&mut self) -> Option<&mut dyn Random> {
        Some(self)
    }
}

/// Calls every export a few times. Returns whether the image could be loaded.
pub(crate) fn run(image: Image<'_>, entropy: &mut Entropy<'_>) -> bool {
    // The same calls leave the same behind, whatever stood in the store before.
    let first = digest(image, &mut entropy.clone(), 0);
    let second = digest(image, entropy, 0xa5);
    assert_eq!(first, second, "the store's earlier content shows");
    first.is_some()
}

fn digest(image: Image<'_>, entropy: &mut Entropy<'_>, dirt: u8) -> Option<u64> {
    if image.slots() > SLOTS {
        return None;
    }
    let mut stack = vec![u64::from_le_bytes([dirt; 8]); image.stack_slots()];
    let mut memory = vec![dirt; MEMORY];
    let mut globals = vec![u64::from(dirt); image.slots()];
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let port = Auditor { image, digest: 0, now_us: 0, waited_us: 0, levels: [0; BANKS] };
    let mut mapper = Mapper::load(image, port, store).ok()?;
    mapper.set_fuel_cap(FUEL);
    if let Err(trap) = mapper.start() {
        assert_eq!(trap.export, Trap::START);
        check_trap(&image, trap);
    }
    for n in 0..image.exports().len().min(64) as u16 {
        for round in 0..3 {
            call(&mut mapper, ExportId(n), round, entropy);
        }
    }
    let state = mapper
        .globals()
        .iter()
        .chain(&[mapper.memory().len() as u64])
        .fold(0, |d: u64, g| d.rotate_left(5) ^ g);
    let state = mapper.memory().iter().fold(state, |d, byte| d.rotate_left(3) ^ u64::from(*byte));
    Some(state ^ mapper.port().digest)
}

fn call(mapper: &mut Mapper<'_, Auditor<'_>>, id: ExportId, round: u32, entropy: &mut Entropy<'_>) {
    let image = *mapper.image();
    let row = image.exports()[usize::from(id.0)];
    let args: Vec<u64> = (0..row.params())
        .map(|_| match round {
            0 => u64::from(entropy.below(2)),
            1 => u64::from(entropy.u8() % 64),
            _ => u64::from(entropy.u32()) | u64::from(entropy.u32() & 0xff) << 56,
        })
        .collect();
    mapper.port_mut().waited_us = 0;
    let mut note = 0;
    match mapper.call(id, &args) {
        Ok(results) => {
            let signature = image.signature(id).expect("an export has a signature");
            assert_eq!(signature.results().len(), results.len());
            for (ty, result) in signature.results().zip(results) {
                assert!(ty.fits(*result), "{result:#x} is no {}", ty.name());
                note ^= result;
            }
        }
        Err(CallError::Trap(trap)) => {
            assert_eq!(trap.export, id.0);
            check_trap(&image, trap);
            note = u64::from(trap.op) << 32 | u64::from(trap.detail) ^ trap.code as u64;
        }
        Err(error) => panic!("export {}: {error}", id.0),
    }
    let used = mapper.counters().fuel;
    let most = if row.is_direct() {
        // For a length, where it has one: no range is longer than the memory.
        let function = Op::from_u8(row.first as u8).and_then(|op| op.host_function(row.first));
        function.map_or(0, |function| function.row().cost.fuel(MEMORY as u32))
    } else {
        row.second.min(FUEL)
    };
    assert!(used <= most, "{used} of {most} words of fuel");
    mapper.port_mut().note(10, note ^ u64::from(used));
}

fn check_trap(image: &Image<'_>, trap: Trap) {
    assert_eq!(trap.image, image.hash_prefix());
    assert!(trap.op == Trap::NO_OP || (trap.op as usize) < image.code().len());
    // Other details of this code stand for what verification excludes.
    assert!(trap.code != TrapCode::Unreachable || trap.detail == 0, "{trap:?}");
}
