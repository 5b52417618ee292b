//! The specification's tests on the emulated Pi: what the simulated board did with the suite's images, done
//! again by the mapper that is flashed, bit for bit.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use tempfile::NamedTempFile;
use tiny_mapper::{Trap, TrapCode};
use xmap_tests::spec::{self, Play};
use xmap_tools::emulator::Machine;
use xmap_tools::firmware::{self, Program};

use crate::board::bytes;

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What the emulated board made of plays.
struct Played {
    /// Steps that went otherwise, for each play.
    differing: Vec<usize>,
    /// The first of them, in words.
    differences: String,
}

fn play_again(plays: &[&Play]) -> Played {
    let program = firmware::build(Program::Spec).unwrap_or_else(|error| panic!("{error:#}"));
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&bytes(&spec::blob(plays.iter().copied()))).unwrap();
    let machine = Machine { panel: Some(file.path()), ..Machine::new(&program) };
    let (sent, status) = machine.start().unwrap().finish(LIMIT).unwrap();
    assert!(status.success(), "{sent}");
    let (mut differing, mut differences) = (Vec::new(), String::new());
    for line in sent.lines() {
        if line.starts_with("play ") {
            writeln!(differences, "{line}").unwrap();
            continue;
        }
        let (steps, count) = line.split_once(' ').unwrap_or_else(|| panic!("{sent}"));
        assert_eq!(steps, plays[differing.len()].steps().to_string(), "{sent}");
        differing.push(count.parse().unwrap());
    }
    assert_eq!(differing.len(), plays.len(), "{sent}");
    Played { differing, differences }
}

#[test]
fn the_suite_runs_as_on_the_simulated_board() {
    let mut files: Vec<(String, Vec<Play>)> = Vec::new();
    for file in spec::files() {
        let (tally, plays) = spec::play(file.text).unwrap_or_else(|e| panic!("{}: {e}", file.name));
        assert!(tally.failed.is_empty() && tally.unsupported.is_empty(), "{}: {tally:?}", file.name);
        files.push((file.name, plays));
    }
    let plays: Vec<&Play> = files.iter().flat_map(|(_, plays)| plays).collect();
    let Played { differing, differences } = play_again(&plays);
    let mut differing = differing.into_iter();
    let row = |name: &str, [passed, failed]: [usize; 2]| println!("{name:<52}{passed:>8}{failed:>8}");
    println!("{:<52}{:>8}{:>8}", "file", "passed", "failed");
    let mut total = [0; 2];
    for (name, plays) in &files {
        let failed = differing.by_ref().take(plays.len()).sum();
        let passed = plays.iter().map(Play::steps).sum::<usize>() - failed;
        row(name, [passed, failed]);
        total = [total[0] + passed, total[1] + failed];
    }
    row("total", total);
    assert_eq!(total[1], 0, "{differences}");
    // Modules and calls of the suite that have to do something, in place of being refused.
    assert!(total[0] > 40_000);
}

/// What the emulated board says of plays that did not go so.
#[test]
fn differences_are_found() {
    let script = r#"(module
            (func (export "div") (param i32) (result i64) (i64.div_u (i64.const 99) (i64.extend_i32_u (local.get 0))))
            (func $f (export "f") (result f32) (f32.div (f32.const 0) (f32.const 0))))
        (assert_return (invoke "div" (i32.const 9)) (i64.const 11))
        (assert_trap (invoke "div" (i32.const 0)) "integer divide by zero")
        (assert_return (invoke "f") (f32.const nan:canonical))"#;
    let (tally, plays) = spec::play(script).unwrap();
    let [play] = &plays[..] else { panic!("{plays:?}") };
    assert!(tally.failed.is_empty() && play.steps() == 4);
    let trap = play.calls[1].outcome.clone().unwrap_err();
    let mut wrong = vec![play.clone(); 7];
    wrong[1].calls[0].outcome = Ok(vec![11 | 1 << 63]);
    wrong[2].calls[0].outcome = Ok(vec![]);
    wrong[3].calls[1].outcome = Err(Trap { code: TrapCode::IntegerOverflow, ..trap });
    wrong[4].calls[1].outcome = Err(Trap { op: trap.op + 1, ..trap });
    wrong[5].calls[2].outcome = Ok(vec![play.calls[2].outcome.as_ref().unwrap()[0] ^ 1 << 31]);
    wrong[6].start = Some(trap);
    wrong[6].calls[0].outcome = Err(trap);
    let Played { differing, differences } = play_again(&wrong.iter().collect::<Vec<_>>());
    assert_eq!(differing, [0, 1, 1, 1, 1, 1, 2]);
    let first: Vec<&str> = differences.lines().map(|line| line.split(':').next().unwrap()).collect();
    let steps = [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 0), (6, 1)];
    assert_eq!(first, steps.map(|(play, step)| format!("play {play} step {step}")));
    assert!(
        differences.starts_with("play 1 step 1: [b] instead of the words [b, 80000000]\n"),
        "{differences}"
    );
}
