//! Parallel moves: several registers get their new values as if at once.

/// Where a move takes its value from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum From {
    /// A register.
    Register(u8),
    /// A constant.
    Constant(u64),
}

/// One step of the sequence: the register that is written and its source.
pub(super) type Move = (u8, From);

/// Puts moves into an order in which no source is overwritten before it is read. `scratch` is a
/// register that nothing else uses; it breaks cycles.
pub(super) fn sequence(moves: &[Move], scratch: u8) -> Vec<Move> {
    let mut pending: Vec<(u8, u8)> = Vec::new();
    for (to, from) in moves {
        match from {
            From::Register(from) if from != to => pending.push((*to, *from)),
            _ => {}
        }
    }
    // How many of the moves that are left read each register.
    let mut readers = [0usize; 256];
    pending.iter().for_each(|(_, from)| readers[usize::from(*from)] += 1);
    let mut out = Vec::new();
    while !pending.is_empty() {
        let free = pending.iter().position(|(to, _)| readers[usize::from(*to)] == 0);
        match free {
            Some(n) => {
                let (to, from) = pending.remove(n);
                readers[usize::from(from)] -= 1;
                out.push((to, From::Register(from)));
            }
            None => {
                // Only cycles are left: one of their registers waits in the scratch register.
                let (_, first) = pending[0];
                out.push((scratch, From::Register(first)));
                pending.iter_mut().filter(|(_, from)| *from == first).for_each(|(_, from)| *from = scratch);
                readers[usize::from(scratch)] += std::mem::take(&mut readers[usize::from(first)]);
            }
        }
    }
    // Constants read nothing, so they come last.
    out.extend(moves.iter().filter(|(_, from)| matches!(from, From::Constant(_))));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(moves: &[Move]) -> [u64; 9] {
        let mut registers: [u64; 9] = core::array::from_fn(|n| 100 + n as u64);
        for (to, from) in moves {
            registers[usize::from(*to)] = match from {
                From::Register(from) => registers[usize::from(*from)],
                From::Constant(bits) => *bits,
            };
        }
        registers
    }

    proptest! {
        /// Whatever the moves are, each target ends with what its source held before.
        #[test]
        fn a_sequence_has_the_effect_of_all_moves_at_once(
            sources in proptest::collection::vec(prop_oneof![
                (0u8..8).prop_map(From::Register),
                (0u64..4).prop_map(From::Constant),
            ], 8)
        ) {
            let moves: Vec<Move> = sources.iter().enumerate().map(|(n, s)| (n as u8, *s)).collect();
            let after = run(&sequence(&moves, 8));
            for (to, from) in moves {
                let wanted = match from {
                    From::Register(from) => 100 + u64::from(from),
                    From::Constant(bits) => bits,
                };
                prop_assert_eq!(after[usize::from(to)], wanted);
            }
        }
    }
}
