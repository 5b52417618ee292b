//! Images against wasmi: some modules of each generator, and every module that ever differed. The
//! long run is `cargo run --release -p xmap-tests --bin differential`.

use std::fs;
use std::path::Path;

use xmap_boards::RPI4B;
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_compiler::report::How;
use xmap_image::{Field, Fields, Image, Op, decode};
use xmap_tests::differential::{
    Case, Features, Generator, Outcome, STACK_BYTES, Tally, case, check_with, compare,
};

/// Runs on a stack that is deep enough for wasmi.
fn deep<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).unwrap();
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run(generator: Generator, seeds: std::ops::Range<u64>) -> Tally {
    run_with(&Features::SUPPORTED, generator, seeds)
}

fn run_with(features: &'static Features, generator: Generator, seeds: std::ops::Range<u64>) -> Tally {
    deep(move || {
        let mut tally = Tally::default();
        for seed in seeds {
            let outcome = check_with(seed, features, generator);
            if let Outcome::Mismatch(report) = &outcome {
                println!("{report}");
            }
            tally.add(seed, &outcome);
        }
        println!("{generator:?}: {tally}");
        tally
    })
}

/// Most modules are compared, and most of their calls return.
fn holds(tally: &Tally) {
    assert!(tally.mismatches.is_empty(), "{tally}");
    assert!(tally.equal > tally.modules() * 3 / 4, "{tally}");
    assert!(tally.traps < tally.calls * 3 / 4, "{tally}");
}

#[test]
fn modules_of_wasm_smith_are_equal() {
    holds(&run(Generator::Smith, 0..100));
}

#[test]
fn programs_are_equal() {
    holds(&run(Generator::Program, 0..100));
}

/// Nothing that `Features::SUPPORTED` names is refused as unsupported.
#[test]
fn what_is_supported_compiles() {
    let tally = run(Generator::Program, 300..380);
    holds(&tally);
    assert!(!tally.skipped.keys().any(|reason| reason.starts_with("unsupported")), "{tally}");
}

/// A function whose graph has no cycle has a bound, its code does not branch back, and no call takes more
/// fuel.
#[test]
fn what_has_no_loop_has_a_bound() {
    const SEEDS: std::ops::Range<u64> = 700..900;
    holds(&run_with(&Features::LOOPLESS, Generator::Program, SEEDS));
    let (mut bounded, mut functions) = (0, 0);
    for seed in SEEDS {
        let case = case(seed, &Features::LOOPLESS, Generator::Program).unwrap();
        let manifest = Manifest::bare(&RPI4B, Path::new("module.wasm"));
        // A constant that can only trap is refused.
        let Ok(compiled) = compile(&manifest, &case.wasm) else { continue };
        for export in &compiled.report.exports {
            assert!(!matches!(export.how, How::Fuelled(_)), "seed {seed}: {export:?}");
            bounded += usize::from(matches!(export.how, How::Bounded(_)));
        }
        let image = Image::verify(&compiled.words).unwrap();
        for function in image.functions() {
            let code = &image.code()[function.start as usize..][..function.words() as usize];
            assert!(decode(code).all(|(_, op, words)| !leads_back(op, words)), "seed {seed}");
            functions += 1;
        }
    }
    assert!(bounded > 200 && functions > 200, "{bounded} exports, {functions} functions");
}

fn leads_back(op: Op, words: &[u32]) -> bool {
    let first = words[0] as i32;
    match op.shape().fields {
        Fields::Off24 => first >> 8 < 0,
        Fields::Off16(_) => first >> 16 < 0,
        Fields::Abc(_, _, Field::Off8) => first >> 24 < 0,
        Fields::Abc(_, _, Field::Back8) => true,
        Fields::Targets(_) => words[1..].iter().any(|word| (*word as i32) < 0),
        _ => false,
    }
}

/// Without floats and tables there is more of everything else.
#[test]
fn integers_are_equal() {
    for generator in [Generator::Smith, Generator::Program] {
        holds(&run_with(&Features::INTEGERS, generator, 500..560));
    }
}

#[test]
fn a_seed_always_makes_the_same_case() {
    for seed in 0..20 {
        let make = || case(seed, &Features::ALL, Generator::of(seed)).map(|case| (case.wasm, case.calls));
        assert_eq!(make(), make());
    }
}

/// wasmi 2.0 panics on this module. Whatever the reference does, that is not the mapper's fault, and it
/// is counted.
#[test]
fn a_panic_of_the_reference_is_no_mismatch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/panics/wasmi.wat");
    let case = Case::parse(&fs::read_to_string(&path).unwrap(), 0).unwrap();
    let mut tally = Tally::default();
    tally.add(0, &deep(move || compare(&case)));
    assert!(tally.mismatches.is_empty(), "{tally}");
    assert_eq!(tally.equal + tally.panicked.len() as u64, 1, "{tally}");
}

#[test]
fn regressions_are_equal() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let case = Case::parse(&text, 0).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let calls = case.calls.len();
        match deep(move || compare(&case)) {
            Outcome::Equal { calls: compared, .. } => assert_eq!(compared, calls, "{}", path.display()),
            other => panic!("{}: {other:?}", path.display()),
        }
        count += 1;
    }
    assert!(count >= 2, "{count} regressions");
}
