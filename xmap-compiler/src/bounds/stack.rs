//! How much of the register stack a program needs.

use xmap_image::{Op, decode, limits};

use super::Program;
use super::calls::{Called, Calls};

/// Slots of the register stack, beside the window of the innermost function, that the deepest nesting
/// of calls needs; for functions that call themselves, what such images get.
pub fn stack_slots(program: Program<'_>) -> u32 {
    let calls = Calls::of(program);
    let mut all = vec![0u32; calls.len()];
    for called in calls.callees_first() {
        match called {
            Called::Cycle(_) => return limits::RECURSIVE_STACK_SLOTS,
            Called::Type(n, functions) => {
                all[n] = functions.into_iter().map(|function| all[function]).max().unwrap_or(0);
            }
            Called::Function(n) => {
                let (mut own, mut deepest) = (0, 0);
                for (_, op, words) in decode(&program.functions[n].code) {
                    if op == Op::SpillEnter {
                        own = words[0] >> 16;
                    }
                    if let Some(callee) = calls.called(op, words) {
                        let base = words[0] >> 8 & 0xff;
                        deepest = deepest.max(base.saturating_add(all[callee]));
                    }
                }
                all[n] = deepest.saturating_add(own);
            }
        }
    }
    let most = all.into_iter().max().unwrap_or(0);
    most.clamp(limits::STACK_SLOTS, limits::MAX_STACK_SLOTS)
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

    #[test]
    fn a_long_chain_of_calls_is_no_recursion() {
        let call = |n: u16| Function {
            frame: 8,
            params: 0,
            results: 0,
            code: vec![Op::Call.a16(2, n), Op::Ret.abc(0, 0, 0)],
        };
        let mut functions: Vec<Function> = (1..5000).map(call).collect();
        functions.push(Function { frame: 8, params: 0, results: 0, code: vec![Op::Ret.abc(0, 0, 0)] });
        assert_eq!(of(&functions), (4999 * 2).clamp(limits::STACK_SLOTS, limits::MAX_STACK_SLOTS));
    }
}
