//! How much of the register stack a program needs.

use xmap_image::{Op, decode, limits};

use super::{Indirect, Program, called, indirect};

/// Slots of the register stack, beside the window of the innermost function, that the deepest nesting
/// of calls needs; for functions that call themselves, what such images get.
pub fn stack_slots(program: Program<'_>) -> u32 {
    let indirect = indirect(program);
    let mut all = vec![State::Unknown; program.functions.len()];
    let mut most = 0;
    for n in 0..program.functions.len() {
        match need(program, &indirect, &mut all, n, 0) {
            Some(slots) => most = most.max(slots),
            None => return limits::RECURSIVE_STACK_SLOTS,
        }
    }
    most.clamp(limits::STACK_SLOTS, limits::MAX_STACK_SLOTS)
}

#[derive(Clone, Copy)]
enum State {
    Unknown,
    Active,
    Done(u32),
}

/// Calls that nest deeper than this count as recursive: nobody writes them by hand.
const DEEPEST: usize = 1000;

fn need(program: Program<'_>, indirect: &Indirect, all: &mut [State], n: usize, depth: usize) -> Option<u32> {
    match all[n] {
        State::Done(slots) => return Some(slots),
        State::Active => return None,
        State::Unknown if depth > DEEPEST => return None,
        State::Unknown => all[n] = State::Active,
    }
    let (mut own, mut deepest) = (0, 0);
    for (_, op, words) in decode(&program.functions[n].code) {
        if op == Op::SpillEnter {
            own = words[0] >> 16;
        }
        let base = words[0] >> 8 & 0xff;
        for callee in called(op, words, indirect) {
            deepest = deepest.max(base + need(program, indirect, all, callee, depth + 1)?);
        }
    }
    all[n] = State::Done(own + deepest);
    Some(own + deepest)
}

#[cfg(test)]
mod tests {
    use xmap_image::Function;

    use super::*;

    fn of(functions: &[Function]) -> u32 {
        stack_slots(Program { functions, ..Program::default() })
    }

    #[test]
    fn windows_and_spill_slots_add_up() {
        let ret = Op::Ret.abc(0, 0, 0);
        let f = |code: Vec<u32>| Function { frame: 250, params: 0, results: 0, code };
        let caller = f(vec![Op::Call.a16(200, 1), ret]);
        let spills = f(vec![Op::SpillEnter.a16(0, 100), Op::SpillLeave.a16(0, 100), ret]);
        assert_eq!(of(&[caller.clone(), spills]), 300);
        assert_eq!(of(&[f(vec![ret])]), limits::STACK_SLOTS);
        let back = f(vec![Op::Call.a16(2, 0), ret]);
        assert_eq!(of(&[caller, back]), limits::RECURSIVE_STACK_SLOTS);
    }
}
