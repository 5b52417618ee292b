//! A board that is simulated alone: three banks of lines, and registers of its own.
//!
//! No board like it can be bought. It is there so that nothing outside this crate takes the Raspberry Pi's
//! number of lines, its banks or its registers for those of every board.

use crate::costs::Costs;
use crate::{Board, BoardId, LineSet, RPI4B, RegisterMap, Registers, Reserved, line};

/// The number of lines: three full banks.
pub(crate) const LINES: u8 = 96;

/// The simulated board with 96 lines.
pub const SIM96: Board = Board {
    id: BoardId::Sim96,
    name: "sim96",
    lines: LINES,
    // All but the one that is reserved.
    header: LineSet::from_bits(LineSet::below(LINES).bits() & !1),
    pins: &[],
    gpio: RegisterMap {
        select: Registers { name: "FSEL", offset: 0x00, bits: 3 },
        set: Registers { name: "SET", offset: 0x30, bits: 1 },
        clear: Registers { name: "CLR", offset: 0x40, bits: 1 },
        level: Registers { name: "LEV", offset: 0x50, bits: 1 },
        events: Registers { name: "EDS", offset: 0x60, bits: 1 },
        rising: Registers { name: "REN", offset: 0x70, bits: 1 },
        falling: Registers { name: "FEN", offset: 0x80, bits: 1 },
        pull: Registers { name: "PUD", offset: 0x90, bits: 2 },
    },
    i2c: &[],
    spi: &[],
    pwm: &[],
    uart: &[],
    limits: RPI4B.limits,
    shortest_period_us: RPI4B.shortest_period_us,
    reserved: &[Reserved { line: line(0), reason: "the simulator's own tests" }],
};

/// A simulated board has no processor: what another counts in instructions counts here as one.
pub(crate) const COSTS: Costs = Costs {
    call: 1,
    param: 1,
    result: 1,
    text: 1,
    text_byte: 1,
    byte: 1,
    reference: 1,
    stretch: 1,
    random: 1,
    random_byte: 1,
    op: [1; 256],
    direct: [1; 256],
};
