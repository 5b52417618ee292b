#![no_std]
use xmap_guest::{State, gpio, log};

xmap_guest::panic_is_trap!();

static LIMITS: [i32; 8] = [10, 20, 30, 40, 50, 60, 70, 80];
static TOTAL: State<i32> = State::new(0);

#[unsafe(no_mangle)]
extern "C" fn index(n: u32) -> i32 {
    LIMITS[n as usize]
}

fn limit(n: u32) -> Option<i32> {
    LIMITS.get(n as usize).copied()
}

#[unsafe(no_mangle)]
extern "C" fn unwrap(n: u32) -> i32 {
    let a = limit(n).unwrap();
    gpio::set(17, a > 30);
    let b = limit(n + 1).unwrap();
    a + b
}

#[unsafe(no_mangle)]
extern "C" fn div(a: i32, b: i32) -> i32 {
    TOTAL.update(|t| t + a / b)
}

#[unsafe(no_mangle)]
extern "C" fn formatted(n: i32) -> i32 {
    if n > 100 {
        panic!("n is {n}, too large");
    }
    if n < 0 {
        log::info("negative");
        panic!("n is {n}, negative");
    }
    n
}

#[unsafe(no_mangle)]
extern "C" fn borrow(n: u32) -> u32 {
    let mut words = [1u32, 2, 3, 4, 5, 6, 7, 8];
    let rest = &mut words[n as usize..];
    rest.sort_unstable();
    rest[0]
}
