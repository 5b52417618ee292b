#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! Checks start-up and the drivers against the emulated chip. The command line says what to do: `pass`,
//! `interrupts`, `serial`, or how to fail: `panic`, `fault`, `reset`.

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod interrupts;

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod serial;

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::arch::asm;
    use core::fmt::Write as _;
    use core::hint::black_box;

    use aarch64_rt::entry;
    use rpi4b::startup::{self, Start};
    use tiny_mapper::{Function, LogLevel, prelude::*};
    use xmap_bcm2711::{Clock, Counter as _, Pi};
    use xmap_boards::{Bank, Line};

    entry!(main);
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let mut board = unsafe { startup::start(device_tree) };
        match board.arguments {
            "pass" => pass(board),
            "interrupts" => take_interrupts(board),
            "serial" => crate::serial::echo(board),
            "panic" => panic!("asked for"),
            "fault" => {
                let word: u32;
                // SAFETY: nothing is mapped at 2 GiB, so that the load faults; the handler does not return.
                unsafe { asm!("ldr {:w}, [{}]", out(reg) word, in(reg) 2u64 << 30, options(nostack)) };
                panic!("read {word:#x} where no memory is")
            }
            "reset" => {
                _ = writeln!(board.uart, "reset");
                rpi4b::interrupts::reset(&mut board.uart)
            }
            other => panic!("unknown argument {other:?}"),
        }
    }

    fn pass(board: Start) -> ! {
        let Start { gpio, mut uart, timer, image, .. } = board;
        _ = writeln!(uart, "counter {} Hz", timer.hz());
        let image = image.unwrap_or_else(|error| panic!("{error}"));
        let sum = image.map(|image| image.iter().map(|&byte| u32::from(byte)).sum::<u32>());
        _ = writeln!(uart, "image {} B, sum {sum:?}", image.map_or(0, <[u8]>::len));

        // Unaligned loads and stores are plain instructions here, as the MMU is on.
        let mut bytes = black_box([1u8, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(word(&bytes, black_box(1)), 0x0504_0302);
        bytes[black_box(3)..][..4].copy_from_slice(&black_box(0xaabb_ccddu32).to_le_bytes());
        assert_eq!(black_box(bytes), [1, 2, 3, 0xdd, 0xcc, 0xbb, 0xaa, 8]);
        // Floating point is on.
        assert_eq!(black_box(1.5f64) * black_box(2.0), 3.0);

        let mut port = Pi::new(gpio, Clock::new(timer), |level: LogLevel, text: &str| {
            _ = writeln!(uart, "log {} {text}", level.name());
        });
        let started = port.now_us();
        port.delay_us(2_000);
        let waited = port.now_us() - started;
        assert!((2_000..1_000_000).contains(&waited), "waited {waited} us");

        for line in (2..=13).chain(16..=27).filter_map(Line::new) {
            let (bank, mask) = (line.bank(), line.mask());
            port.clear(bank, mask);
            port.select(line, Function::Output);
            assert_eq!(port.level(bank) & mask, 0, "line {line} starts low");
            port.set(bank, mask);
            assert_eq!(port.level(bank) & mask, mask, "line {line} is high");
            port.clear(bank, mask);
            assert_eq!(port.level(bank) & mask, 0, "line {line} is low");
        }
        assert_eq!(port.level(Bank::One) >> 26, 0, "lines that do not exist");
        port.log(LogLevel::Info, "selftest passed");
        uart.flush();
        startup::stop(true)
    }

    fn take_interrupts(board: Start) -> ! {
        let Start { gpio, mut uart, timer, .. } = board;
        crate::interrupts::alarms(timer);
        _ = writeln!(uart, "alarms");
        crate::interrupts::registers_are_kept(timer);
        _ = writeln!(uart, "registers");
        crate::interrupts::bytes_are_received(timer);
        _ = writeln!(uart, "bytes");
        crate::interrupts::a_loop_that_hangs_is_noticed(gpio, timer);
        _ = writeln!(uart, "hang");
        uart.flush();
        startup::stop(true)
    }

    #[inline(never)]
    fn word(bytes: &[u8], at: usize) -> u32 {
        bytes[at..][..4].try_into().map_or(0, u32::from_le_bytes)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("selftest is firmware: `cargo xtask test` runs it.");
}
