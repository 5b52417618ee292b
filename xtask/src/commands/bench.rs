//! `cargo xtask bench`

use anyhow::Result;
use xmap_tools::figures::{self, Figures, GOALS};

/// Counts, prints, and compares with what is committed, or writes that anew.
pub(crate) fn run(bless: bool) -> Result<()> {
    let counted = figures::count()?;
    print(&counted);
    if !bless {
        return figures::check(&counted);
    }
    figures::bless(&counted)?;
    println!("\nThe transcripts of `xmap build` have these figures: BLESS=1 cargo test -p xmap --test cli");
    Ok(())
}

/// Compares with what is committed, and prints the headlines alone.
pub(crate) fn check() -> Result<()> {
    let counted = figures::count()?;
    headlines(&counted);
    figures::check(&counted)
}

fn print(counted: &Figures) {
    headlines(counted);
    let call = |name: &str| counted.get(&format!("call.{name}")).copied().unwrap_or(0);
    println!("\ncall {}, each parameter {}, each result {}", call("code"), call("param"), call("result"));
    println!("\nop, and a call of it as a direct entry:");
    for (name, insns) in counted {
        let Some(op) = name.strip_prefix("op.") else { continue };
        let direct =
            counted.get(&format!("direct.{op}")).map_or(String::new(), |insns| format!("{insns:>6}"));
        println!("  {op:<20}{insns:>5}{direct}");
    }
}

fn headlines(counted: &Figures) {
    println!("AArch64 instructions from the call (emulator, -icount):");
    println!("  {:<16}{:>10}{:>22}{:>12}", "", "to store", "to store as flashed", "to return");
    let of = |kind: &str, name: &str| counted.get(&format!("{kind}.{name}")).copied().unwrap_or(0);
    for name in ["call_gpio_set", "lamp_on", "lamp_code"] {
        println!(
            "  {name:<16}{:>10}{:>22}{:>12}",
            of("store", name),
            of("store_as_flashed", name),
            of("return", name)
        );
    }
    let irq = |name: &str| counted.get(&format!("irq.{name}")).copied().unwrap_or(0);
    println!(
        "\ntimer interrupt: {} instructions from the vector back to the interrupted code; of 1000 alarms the main",
        irq("handler")
    );
    println!(
        "  loop, asleep, ran {} to {} ns after the time (an instruction takes 1 ns, a tick of the timer 16)",
        irq("late_ns_min"),
        irq("late_ns_max")
    );
    println!(
        "  from there {} to {} instructions to the store of a timer's handler, over 1000 events",
        irq("store_min"),
        irq("store_max")
    );
    let work = |name: &str| counted.get(&format!("work.{name}")).copied().unwrap_or(0);
    println!(
        "\nwork: {} instructions a gpio call in a loop, {} with a line of the caller; {} a call of fib, {} a byte of CRC-32",
        work("blink"),
        work("blink_line"),
        work("fib"),
        work("crc")
    );
    let link = |name: &str| counted.get(&format!("link.{name}")).copied().unwrap_or(0);
    println!(
        "\nlink: {} instructions from a call's first byte to its answer's last, {} in an authenticated session; {} and {} for a full",
        link("call_open"),
        link("call"),
        link("chunk_open"),
        link("chunk")
    );
    println!(
        "  part of an image; {} to begin a session, {} to refuse a forged frame",
        link("open"),
        link("stranger")
    );
    let ring = |name: &str| counted.get(&format!("trace.{name}")).copied().unwrap_or(0);
    println!(
        "\nring: {} instructions an event of a call, {} of a span, {} of an attribute, {} of a transfer",
        ring("call"),
        ring("span"),
        ring("attribute"),
        ring("bus")
    );
    let trust = |name: &str| counted.get(&format!("trust.{name}")).copied().unwrap_or(0);
    println!(
        "\ntrust, an image of 12 KiB: {} instructions to take it in, {} on a development device; {} to open a policy",
        trust("install"),
        trust("install_development"),
        trust("policy")
    );
    println!(
        "  from reset to the first op {} instructions, {} on a development device; to refuse: no seal {}, unknown key {},",
        trust("first_op"),
        trust("first_op_development"),
        trust("refuse.no_seal"),
        trust("refuse.unknown_key")
    );
    println!(
        "  bad signature {}, hash mismatch {}, rollback {}; code {} bytes, RAM {} bytes",
        trust("refuse.bad_signature"),
        trust("refuse.hash_mismatch"),
        trust("refuse.rollback"),
        counted.get("size.trust").copied().unwrap_or(0),
        counted.get("ram.trust").copied().unwrap_or(0)
    );
    println!("\nfigures to reach:");
    for (name, what, goal) in GOALS {
        let now = counted.get(name).copied().unwrap_or(0);
        let reached = if now <= goal { "reached" } else { "MISSED" };
        println!("  {what:<58}{now:>7} of {goal:>6}  {reached}");
    }
}
