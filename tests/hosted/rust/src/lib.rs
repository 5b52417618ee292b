//! A panel with `std`, built for wasm32-wasip1 with cargo's own settings: `println!`, a growing `Vec`, time,
//! sleep and a panic.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use xmap_guest::gpio;

const LAMP: u8 = 17;
static PRESSES: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[unsafe(no_mangle)]
extern "C" fn lamp_set(on: bool) {
    gpio::set(LAMP, on);
    println!("lamp {}", if on { "on" } else { "off" });
}

#[unsafe(no_mangle)]
extern "C" fn press() -> u32 {
    let mut presses = PRESSES.lock().unwrap();
    let next = format!("press {:>3}: {:.2}", presses.len() + 1, presses.len() as f64 / 3.0);
    print!("{next}");
    println!(" ({} ä)", next.len());
    presses.push(next);
    presses.len() as u32
}

/// Waits, and says how long that was.
#[unsafe(no_mangle)]
extern "C" fn blink(ms: u32) -> u32 {
    let start = Instant::now();
    gpio::set(LAMP, true);
    std::thread::sleep(Duration::from_millis(ms.into()));
    gpio::set(LAMP, false);
    start.elapsed().as_micros() as u32
}

/// Panics where there is no such press. The lock is given back before: a panic ends the call where it is.
#[unsafe(no_mangle)]
extern "C" fn length(n: u32) -> u32 {
    let press = PRESSES.lock().unwrap().get(n as usize).cloned();
    eprint!("press {n}");
    eprintln!(" of {}", PRESSES.lock().unwrap().len());
    press.expect("no such press").len() as u32
}

/// There are no files, and the program is told so.
#[unsafe(no_mangle)]
extern "C" fn files() -> bool {
    match std::fs::read("settings.toml") {
        Ok(_) => true,
        Err(error) => {
            println!("settings.toml: {error}");
            std::env::args().for_each(|arg| println!("argument {arg}"));
            std::env::var("MODE").is_ok_and(|mode| mode == "night")
        }
    }
}
