//! Ops whose work is as long as an operand says: how long, where a constant in the same stretch of code says
//! so, and what they cost at most where none does.

use std::collections::{HashMap, HashSet};

use xmap_abi::{Cost, HostFunction};
use xmap_image::{Field, Fields, Op, Word, branch_targets, fuel};

use super::{Bound, Program};

/// What an op's length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Bytes of text.
    Text,
    /// Bytes of random numbers.
    Random,
    /// Bytes of memory.
    Bytes,
    /// Pages of memory.
    Pages,
    /// References.
    References,
    /// None: the device of a transfer by this function, whose time limit it is.
    Device(HostFunction),
}

impl Length {
    /// Returns what an op's length counts, if it has one.
    pub(super) fn of(op: Op, first: Word) -> Option<Self> {
        match op {
            Op::LogMessage => Some(Self::Text),
            Op::HostCall if op.host_function(first) == Some(HostFunction::RandomGet) => Some(Self::Random),
            Op::HostCall => transfer(op, first).map(Self::Device),
            Op::MemoryCopy | Op::MemoryFill | Op::MemoryInit => Some(Self::Bytes),
            Op::MemoryGrow => Some(Self::Pages),
            Op::TableGrow | Op::TableFill | Op::TableCopy | Op::TableInit => Some(Self::References),
            _ => None,
        }
    }

    /// The most that an op costs by its length, where it is known or not: an op that is longer than all that
    /// there is does nothing.
    pub(super) fn cost(self, program: Program<'_>, known: Option<u32>) -> Bound {
        let most = |all: u64| known.map_or(all, |known| u64::from(known).min(all));
        let costs = program.costs;
        if let Self::Device(function) = self {
            return Bound { bus_us: program.buses.longest_us(function, known), ..Bound::default() };
        }
        let (fuel, insns) = match self {
            // Its instructions are those of the text.
            Self::Text => {
                (fuel::of_text(u32::try_from(most(program.memory_bytes)).unwrap_or(u32::MAX)).into(), 0)
            }
            Self::Random => {
                let bytes = most(program.memory_bytes);
                let fuel = HostFunction::RandomGet.row().cost.fuel(bytes.try_into().unwrap_or(u32::MAX));
                (fuel.into(), costs.random + bytes * costs.random_byte)
            }
            Self::Bytes => {
                let bytes = most(program.memory_bytes);
                (bytes / u64::from(fuel::BYTES), bytes * costs.byte)
            }
            // How many are zeroed depends on how large the memory was.
            Self::Pages => {
                (program.memory_bytes / u64::from(fuel::CLEARED_BYTES), program.memory_bytes * costs.byte)
            }
            Self::References => {
                let references = most(program.slots);
                (references, references * costs.reference)
            }
            Self::Device(_) => (0, 0),
        };
        Bound { insns: insns + if insns > 0 { costs.stretch } else { 0 }, fuel, ..Bound::default() }
    }
}

/// Returns the function by which an op transfers on a bus, if it does.
fn transfer(op: Op, first: Word) -> Option<HostFunction> {
    op.host_function(first).filter(|function| matches!(function.row().cost, Cost::Transfer { .. }))
}

/// The constant lengths of ops that have one, by the op's number.
pub(super) fn lengths(ops: &[(usize, Op, &[Word])]) -> HashMap<usize, u32> {
    let mut lengths = HashMap::new();
    if !ops.iter().any(|(_, op, words)| Length::of(*op, words[0]).is_some()) {
        return lengths;
    }
    let joins: HashSet<i64> =
        ops.iter().flat_map(|(at, op, words)| branch_targets(*at, *op, words)).collect();
    // What is known of each register.
    let mut known = [None; 256];
    for (n, (at, op, words)) in ops.iter().enumerate() {
        if joins.contains(&(*at as i64)) {
            known = [None; 256];
        }
        let [_, a, b, c] = words[0].to_le_bytes().map(usize::from);
        let count = match (op, op.host_function(words[0]).map(|function| function.row().cost)) {
            (Op::TableGrow, _) => a,
            // An argument stands behind the base.
            (Op::HostCall, Some(Cost::Range { len, .. })) => a + 1 + usize::from(len),
            (Op::HostCall, Some(Cost::Transfer { device, .. })) => a + 1 + usize::from(device),
            _ => c,
        };
        if Length::of(*op, words[0]).is_some()
            && let Some(len) = known[count]
        {
            lengths.insert(n, len);
        }
        let value = match op {
            Op::Const32 => Some((words[0] as i32 >> 16) as u32),
            Op::Const32W => Some(words[1]),
            Op::Copy => known[b],
            _ => None,
        };
        let fields = match op.shape().fields {
            Fields::Abc(x, y, z) => [(x, a), (y, b), (z, c)],
            Fields::I16(x)
            | Fields::U16(x)
            | Fields::Off16(x)
            | Fields::Func(x)
            | Fields::Global(x)
            | Fields::Spill(x)
            | Fields::Targets(x) => [(x, a), (Field::Zero, 0), (Field::Zero, 0)],
            Fields::Off24 => [(Field::Zero, 0); 3],
        };
        for (field, register) in fields {
            match field {
                Field::Def | Field::Mut => known[register] = value,
                // The callee's window.
                Field::Base | Field::Args => known[register..].fill(None),
                _ => {}
            }
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use xmap_image::decode;

    use super::*;

    fn found(code: &[Word]) -> Vec<(usize, u32)> {
        let mut lengths: Vec<_> = lengths(&decode(code).collect::<Vec<_>>()).into_iter().collect();
        lengths.sort_unstable();
        lengths
    }

    #[test]
    fn a_constant_in_front_is_found_until_something_else_is_written_there() {
        let log = Op::LogMessage.abc(1, 2, 3);
        let code = [
            Op::Const32.a16(3, 12),
            log,
            Op::Copy.abc(4, 3, 0),
            Op::Const32W.abc(3, 0, 0),
            70_000,
            log,
            Op::LogMessage.abc(1, 2, 4),
            Op::AddI32.abc(3, 3, 1),
            log,
            Op::Const32.a16(3, 5),
            Op::Call.a16(4, 0),
            log,
            Op::Call.a16(3, 0),
            log,
            Op::Ret.abc(0, 0, 0),
        ];
        assert_eq!(found(&code), [(1, 12), (4, 70_000), (5, 12), (10, 5)]);
    }

    #[test]
    fn nothing_is_known_where_ways_meet() {
        // r3 = 4; if r1 goto log; r3 = 5; log
        let code = [
            Op::Const32.a16(3, 4),
            Op::BrIf.a16(1, 1),
            Op::Const32.a16(3, 5),
            Op::LogMessage.abc(1, 2, 3),
            Op::Ret.abc(0, 0, 0),
        ];
        assert_eq!(found(&code), []);
    }
}
