//! The command line of a peer, and its clock.
//!
//! `time` prints a line `TASK NANOSECONDS` for each task: the median of [`REPETITIONS`] of them, those of
//! all tasks taking turns. `count TASK N` does a task N times and nothing else, for callgrind.
//! `kernel MODULE N` does a call of a kernel and prints its result and its nanoseconds.
//! `check` proves that the tasks do what they say.

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use cpu_time::ProcessTime;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::{Peer, Task, board, modules};

/// Repetitions of each task in a process.
const REPETITIONS: usize = 9;
/// Calls in one repetition of [`Task::Call`].
const CALLS: u32 = 100_000;
/// Rounds of the guest's loop in one repetition of [`Task::Blink`]: two calls of `gpio.set` each.
const ROUNDS: u32 = 1_000_000;
/// The number whose Fibonacci number is sought.
const FIB: u32 = 30;
/// The least that a repetition of [`Task::FirstCall`] takes, in nanoseconds.
const FIRST_CALL_NS: f64 = 2e6;

/// What the output calls [`Peer::admitted_call`].
const ADMITTED_CALL: &str = "admitted-call";

/// `PEER time`, `PEER count TASK N` or `PEER check`.
pub fn main(peer: &impl Peer, args: &[String]) -> ExitCode {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["time"] => time(peer),
        ["check"] => check(peer),
        ["kernel", module, n] => {
            let Ok(n) = n.parse() else { return usage() };
            if kernel(peer, Path::new(module), n).is_none() {
                println!("{} cannot do that", peer.name());
            }
        }
        ["count", task, n] => {
            let task = Task::ALL.into_iter().find(|t| t.name() == task);
            let (Some(task), Ok(n)) = (task, n.parse()) else { return usage() };
            if count(peer, task, n).is_none() {
                println!("{} cannot do that", peer.name());
            }
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: time | check | count TASK N | kernel MODULE N");
    ExitCode::from(2)
}

/// Nanoseconds of one run: the process's own time on the processor. Whatever else the machine does takes its
/// turns beside it, and what several threads do at once adds up.
#[inline(always)]
fn nanoseconds(run: impl FnOnce()) -> f64 {
    let start = ProcessTime::now();
    run();
    start.elapsed().as_nanos() as f64
}

fn time(peer: &impl Peer) {
    let (mut call, mut blink, mut blink_line) = (peer.call(), peer.blink(), peer.blink_line());
    let (mut fib, mut crc, mut first_call) = (peer.fib(), peer.crc(), peer.first_call());
    let batch = first_call.as_mut().map_or(1, first_call_batch);
    let mut times: [Vec<f64>; 6] = Default::default();
    // The first repetition of all warms up and does not count.
    for _ in 0..=REPETITIONS {
        let turn = [
            call.as_mut().map(|f| nanoseconds(|| calls(f, CALLS)) / f64::from(CALLS)),
            blink.as_mut().map(|f| nanoseconds(|| f(black_box(ROUNDS))) / f64::from(2 * ROUNDS)),
            blink_line
                .as_mut()
                .map(|f| nanoseconds(|| f(black_box(17), black_box(ROUNDS))) / f64::from(2 * ROUNDS)),
            fib.as_mut().map(|f| nanoseconds(|| _ = black_box(f(black_box(FIB))))),
            crc.as_mut().map(|f| nanoseconds(|| _ = black_box(f()))),
            first_call.as_mut().map(|f| nanoseconds(|| (0..batch).for_each(|_| f())) / f64::from(batch)),
        ];
        times.iter_mut().zip(turn).for_each(|(times, time)| times.extend(time));
    }
    if let Some(mut admitted) = peer.admitted_call() {
        let times = (0..=REPETITIONS).map(|_| nanoseconds(|| (0..batch).for_each(|_| admitted())));
        let times: Vec<f64> = times.map(|time| time / f64::from(batch)).collect();
        if let Some(median) = median(times.get(1..).unwrap_or_default()) {
            println!("{ADMITTED_CALL} {median}");
        }
    }
    for (task, times) in Task::ALL.into_iter().zip(times) {
        if let Some(median) = median(times.get(1..).unwrap_or_default()) {
            println!("{} {median}", task.name());
        }
    }
}

/// Returns how many first calls a repetition has.
fn first_call_batch(first_call: &mut impl FnMut()) -> u32 {
    first_call();
    let one = nanoseconds(&mut *first_call).max(1.0);
    ((FIRST_CALL_NS / one) as u32).clamp(1, 10_000)
}

/// `n` calls from the host, each with arguments that the compiler does not see.
#[inline(always)]
fn calls(call: &mut impl FnMut(u32, u32), n: u32) {
    for _ in 0..n {
        call(black_box(17), black_box(1));
    }
}

fn count(peer: &impl Peer, task: Task, n: u32) -> Option<()> {
    match task {
        Task::Call => calls(&mut peer.call()?, n),
        Task::Blink => peer.blink()?(n),
        Task::BlinkLine => peer.blink_line()?(17, n),
        Task::Fib => _ = black_box(peer.fib()?(n)),
        Task::Crc => {
            let mut crc = peer.crc()?;
            (0..n).for_each(|_| _ = black_box(crc()));
        }
        Task::FirstCall => {
            let mut first_call = peer.first_call()?;
            (0..n).for_each(|_| first_call());
        }
    }
    Some(())
}

fn kernel(peer: &impl Peer, module: &Path, n: u32) -> Option<()> {
    let mut run = peer.kernel(module)?;
    let mut result = 0;
    let time = nanoseconds(|| result = black_box(run(black_box(n))));
    println!("{result} {time}");
    Some(())
}

/// Equal work: what each task leaves in the registers, and what it returns.
fn check(peer: &impl Peer) {
    const LAMP: u32 = 1 << 17;
    board::cleared();
    if let Some(mut call) = peer.call() {
        call(17, 1);
        assert_eq!(board::cleared(), (LAMP, 0), "call, high");
        call(17, 0);
        assert_eq!(board::cleared(), (0, LAMP), "call, low");
    }
    if let Some(mut blink) = peer.blink() {
        blink(3);
        assert_eq!(board::cleared(), (LAMP, LAMP), "blink");
    }
    if let Some(mut blink_line) = peer.blink_line() {
        blink_line(17, 3);
        assert_eq!(board::cleared(), (LAMP, LAMP), "blink-line");
    }
    if let Some(mut fib) = peer.fib() {
        assert_eq!(fib(20), 6765, "fib");
    }
    if let Some(mut crc) = peer.crc() {
        assert_eq!(crc(), modules::crc_expected(), "crc");
        assert_eq!(crc(), modules::crc_expected(), "crc, once more");
    }
    board::cleared();
    if let Some(mut first_call) = peer.first_call() {
        first_call();
        assert_eq!(board::cleared(), (LAMP, 0), "first-call");
    }
    if let Some(mut admitted) = peer.admitted_call() {
        admitted();
        assert_eq!(board::cleared(), (LAMP, 0), "{ADMITTED_CALL}");
    }
    println!("ok");
}

fn median(times: &[f64]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

/// The global allocator that counts.
pub type HeapCounter = &'static StatsAlloc<std::alloc::System>;

/// Prints what one more loaded panel holds on the heap beside its linear memory, in bytes: the mean of
/// several. The program's global allocator must be stats_alloc's.
pub fn heap<P: Peer>(peer: &P) {
    const COPIES: usize = 8;
    fn held() -> usize {
        let stats = INSTRUMENTED_SYSTEM.stats();
        stats.bytes_allocated - stats.bytes_deallocated
    }
    // What is made once for all.
    let Some(first) = peer.hold() else { return };
    let before = held();
    let mut copies = Vec::new();
    copies.reserve_exact(COPIES);
    let list = held() - before;
    let mut memory = 0;
    for _ in 0..COPIES {
        let (copy, linear) = peer.hold().expect("it could before");
        copies.push(copy);
        memory += linear;
    }
    println!("heap {}", (held() - before - list - memory) / COPIES);
    drop((first, copies));
}
