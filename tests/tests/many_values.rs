//! Functions with more values in flight than registers, against wasmi: loops that carry hundreds and
//! thousands of values, ways out of a block that pass them, and calls that they outlive.

use std::fmt::Write;

use xmap_tests::differential::{Case, Outcome, STACK_BYTES, compare};

/// Compares a module on a stack that is deep enough for wasmi; all calls return.
fn equal(text: String) {
    let work = move || {
        let case = Case::parse(&text, 0).expect("the text is a module");
        let calls = case.calls.len();
        match compare(&case) {
            Outcome::Equal { calls: compared, traps: 0, stopped: 0 } => assert_eq!(compared, calls),
            other => panic!("{:.400}", format!("{other:?}")),
        }
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).unwrap();
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// A function with `n` locals that hold numbers made of the parameter; `code` may change them, and the result
/// is made of all.
fn module(n: usize, calls: &[u32], code: impl FnOnce(&mut String)) -> String {
    let mut text = String::new();
    calls.iter().for_each(|arg| writeln!(text, ";; call f {arg}").unwrap());
    text += "(module (memory (export \"memory\") 1)\n";
    text += "(func $mix (param i32 i32) (result i32)\n";
    text += "  (i32.store (i32.and (local.get 0) (i32.const 1020)) (local.get 1))\n";
    text += "  (i32.xor (i32.load offset=4 (i32.and (local.get 1) (i32.const 1016)))\n";
    text += "    (i32.mul (local.get 0) (i32.const 31))))\n";
    text += "(func (export \"f\") (param $k i32) (result i32) (local $rounds i32)\n";
    (0..n).for_each(|i| write!(text, "(local $v{i} i32)").unwrap());
    for i in 0..n {
        writeln!(
            text,
            "(local.set $v{i} (i32.mul (i32.xor (local.get $k) (i32.const {i})) (i32.const 7919)))"
        )
        .unwrap();
    }
    code(&mut text);
    text += "(i32.const 0)\n";
    (0..n).for_each(|i| writeln!(text, "(i32.mul (local.get $v{i}) (i32.const 31)) i32.xor").unwrap());
    text += "))";
    text
}

/// Some rounds of a loop.
fn rounds(text: &mut String, rounds: usize, body: impl FnOnce(&mut String)) {
    *text += "(loop $l\n";
    body(text);
    *text += "(local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))\n";
    writeln!(text, "(br_if $l (i32.lt_u (local.get $rounds) (i32.const {rounds}))))").unwrap();
}

#[test]
fn loops_carry_any_number_of_values() {
    for n in [250, 300, 1000, 4000] {
        equal(module(n, &[0, 1, 4_000_000_000], |text| {
            rounds(text, 5, |text| {
                for i in 0..n {
                    let next = (i + 1) % n;
                    writeln!(text, "(local.set $v{i} (i32.add (local.get $v{i}) (local.get $v{next})))")
                        .unwrap();
                }
            });
        }));
    }
}

#[test]
fn loops_rotate_any_number_of_values() {
    for n in [251, 300, 1000, 4000] {
        // All values of a round at once: each slot is written with what another one held.
        for step in [1, 7, n / 2] {
            equal(module(n, &[3], |text| {
                rounds(text, 4, |text| {
                    (0..n).for_each(|i| writeln!(text, "(local.get $v{})", (i + step) % n).unwrap());
                    (0..n).rev().for_each(|i| writeln!(text, "(local.set $v{i})").unwrap());
                });
            }));
        }
    }
}

#[test]
fn ways_out_of_a_block_pass_any_number_of_values() {
    for n in [260, 300, 700] {
        equal(module(n, &[0, 1, 2, 3, 4, 5], |text| {
            rounds(text, 3, |text| {
                *text += "(block $out\n";
                for part in 0..4 {
                    for i in (0..n).filter(|i| i % 4 == part) {
                        let next = (i * 7 + 1) % n;
                        writeln!(text, "(local.set $v{i} (i32.sub (local.get $v{next}) (local.get $v{i})))")
                            .unwrap();
                    }
                    writeln!(text, "(br_if $out (i32.eq (local.get $k) (i32.const {part})))").unwrap();
                }
                *text += ")\n";
            });
        }));
    }
}

#[test]
fn tables_pass_any_number_of_values() {
    for n in [260, 500] {
        equal(module(n, &[0, 1, 2, 3, 4], |text| {
            rounds(text, 3, |text| {
                *text += "(block $d (block $c (block $b (block $a\n";
                *text += "(br_table $a $b $c $d (i32.rem_u (i32.add (local.get $k) (local.get $rounds))";
                *text += " (i32.const 5))))\n";
                for (part, far) in [(0, 0), (1, 1), (2, 1)] {
                    for i in (0..n).filter(|i| i % 3 == part) {
                        let next = (i * 5 + 2) % n;
                        writeln!(text, "(local.set $v{i} (i32.xor (local.get $v{next}) (local.get $v{i})))")
                            .unwrap();
                    }
                    writeln!(text, "(br_table $d 0 {far} (i32.and (local.get $v{part}) (i32.const 3))))")
                        .unwrap();
                }
            });
        }));
    }
}

#[test]
fn values_outlive_calls() {
    for n in [200, 300, 1000] {
        equal(module(n, &[0, 9], |text| {
            rounds(text, 3, |text| {
                for i in (0..n).step_by(5) {
                    let other = (i * 3 + 1) % n;
                    writeln!(text, "(local.set $v{i} (call $mix (local.get $v{i}) (local.get $v{other})))")
                        .unwrap();
                }
            });
        }));
    }
}

#[test]
fn values_are_chosen_one_by_one() {
    // Conditional moves write the register that they read.
    for n in [260, 600] {
        equal(module(n, &[0, 77], |text| {
            rounds(text, 3, |text| {
                for i in 0..n {
                    let other = (i * 11 + 3) % n;
                    writeln!(
                        text,
                        "(local.set $v{i} (select (local.get $v{i}) (local.get $v{other}) (i32.and (local.get $v{}) \
                         (i32.const 4))))",
                        (i + 1) % n
                    )
                    .unwrap();
                }
            });
        }));
    }
}
