#![forbid(unsafe_code)]
//! `xmap-vopr --seeds A..B`: plays worlds on all cores, and says which seeds break a rule.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use clap::Parser;
use xmap_vopr::{Played, Player};

/// Worlds with faults, each made of one number
#[derive(Parser)]
struct Arguments {
    /// The seeds: from A up to and without B
    #[arg(long, default_value = "0..2000", value_parser = seeds)]
    seeds: Range<u64>,
    /// Print what happens in each world
    #[arg(long)]
    log: bool,
    /// Print the first seed that breaks a rule, and the rule, and play no more
    #[arg(long, conflicts_with = "log")]
    first: bool,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let bad = || format!("`{text}` is no range of seeds: write 0..2000");
    let (from, to) = text.split_once("..").ok_or_else(bad)?;
    let range = from.parse().map_err(|_| bad())?..to.parse().map_err(|_| bad())?;
    if range.is_empty() { Err(bad()) } else { Ok(range) }
}

/// What all threads found.
#[derive(Default)]
struct Found {
    played: Played,
    /// Seeds that break a rule, and what they say.
    broken: BTreeMap<u64, String>,
}

fn main() -> ExitCode {
    let Arguments { seeds, log, first } = Arguments::parse();
    if first {
        panic::set_hook(Box::new(|_| ()));
    }
    let begun = Instant::now();
    let (next, found) = (AtomicU64::new(seeds.start), Mutex::new(Found::default()));
    let threads = if log { 1 } else { thread::available_parallelism().map_or(1, NonZero::get) };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&next, &seeds, (log, first), &found));
        }
    });
    let Found { played, broken } = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if first && let Some((seed, rule)) = broken.first_key_value() {
        println!("seed {seed}: {rule}");
        return ExitCode::FAILURE;
    }
    println!("{} worlds in {} s: {played:?}", seeds.end - seeds.start, begun.elapsed().as_secs());
    for seed in broken.keys() {
        println!("seed {seed} breaks a rule: `cargo xtask vopr --seeds {seed}..{} --log`", seed + 1);
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work(next: &AtomicU64, seeds: &Range<u64>, (log, first): (bool, bool), found: &Mutex<Found>) {
    let mut player = Player::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end {
            return;
        }
        let mut told = |now_us: u64, what: &str| {
            if log {
                println!("{:>12.6} s  {what}", now_us as f64 / 1e6);
            }
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| player.play(seed, &mut told)));
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(played) => found.played.add(played),
            Err(rule) => {
                if !first {
                    eprintln!("seed {seed}");
                }
                let text = rule.downcast::<String>().map(|text| *text);
                let text = text.or_else(|rule| rule.downcast::<&str>().map(|text| text.to_string()));
                found.broken.insert(seed, text.unwrap_or_default());
                if first {
                    // Seeds below this one are under way already.
                    next.store(seeds.end, Ordering::Relaxed);
                }
            }
        }
    }
}
