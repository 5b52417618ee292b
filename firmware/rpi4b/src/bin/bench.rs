#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! Counts instructions, in the emulator under `-icount`. `cargo xtask bench` runs it.
//!
//! Handed over is a plan and behind it an image, all in words: how many words the plan has; what to
//! count (below); then for each call the export, how many arguments, and each argument's low and high word.
//! A line comes back for each call: a number, and the trap's code or 0.
//!
//! | what | number |
//! | --- | --- |
//! | 0 | instructions of the call, its return included, with the port of the flashed program |
//! | 1 | instructions from the call's first up to and with the store to GPSETn or GPCLRn, with the board's bare port |
//! | 2 | the same with the port of the flashed program |
//! | 3 | the plan is a number of events of the image's timer, and 1 where there is a flight recorder: `bench/events.rs` |
//! | 4 | instructions of the call, with the board's bare port |
//! | 5 | the plan is one word, an export: the image's mount and a call of it: `bench/mount.rs` |
//! | 6 | instructions from the call's first up to and with the store of the first byte to a bus's FIFO: `bench/bus.rs` |
//!
//! The call is a function that is `Mapper::call` and nothing else; its arguments are in registers when it
//! begins.
//!
//! Without a plan the counter proves itself on code that can be counted on paper, or counts what interrupts
//! cost where the command line is `interrupts`, and what events of the ring cost where it is `ring`.

#[cfg(target_os = "none")]
#[path = "bench/bus.rs"]
mod bus;

#[cfg(target_os = "none")]
#[path = "bench/events.rs"]
mod events;

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
#[path = "bench/interrupts.rs"]
mod interrupts;

#[cfg(target_os = "none")]
#[path = "bench/mount.rs"]
mod mount;

#[cfg(target_os = "none")]
#[path = "bench/ring.rs"]
mod ring;

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::arch::asm;
    use core::fmt::Write as _;
    use core::hint::black_box;
    use core::slice;
    use core::sync::atomic::{AtomicU32, Ordering};

    use aarch64_rt::entry;
    use rpi4b::device::{Board, Wrapped, board, flown};
    use rpi4b::limits;
    use rpi4b::startup::{self, Start, arena};
    use tiny_mapper::{CallError, Gpio as _, Mapper, Port, Store};
    use xmap_bcm2711::{Clock, Gpio, Pi, Pmu, Uart};
    use xmap_boards::{Bank, PinMask};
    use xmap_device::{Record as _, Recorder, Rehearsal, prepare_lines};
    use xmap_image::{ExportId, Image, words_of};

    entry!(main, { limits::STACK_PAGES });
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let start = unsafe { startup::start(device_tree) };
        let pmu = Pmu::start();
        let Start { gpio, buses, mut uart, timer, image, arguments, .. } = start;
        // The emulator hands over no seed, and a call without one ends before its work.
        rpi4b::random::seed(b"a seed that counts, not that is secret");
        let rooms = arena::take().expect("nobody has taken them");
        match image.unwrap_or_else(|error| panic!("{error}")) {
            None if arguments == "interrupts" => crate::interrupts::measure(timer, &mut uart),
            None if arguments == "ring" => crate::ring::measure(&pmu, &mut uart),
            None => prove(&pmu, gpio, &mut uart),
            Some(bytes) => {
                let words = words_of(bytes).expect("words");
                let (plan, rest) = words.split_at(words[0] as usize);
                let (what, plan) = (plan[1], &plan[2..]);
                if what == 6 {
                    let image = Image::verify(rest).unwrap_or_else(|error| panic!("{error}"));
                    let [[room, _], ..] = rooms;
                    let port = crate::bus::Probe::new(gpio, timer, buses);
                    let calls = Calls::load(&pmu, port, image, room.into());
                    stores(calls, |_| crate::bus::take(), plan, &mut uart);
                    uart.flush();
                    startup::stop(true)
                }
                let mut board = board(gpio, timer);
                if what == 5 {
                    let (port, export) = (flown(wrap(board)), ExportId(plan[0] as u16));
                    crate::mount::measure(&pmu, port, rooms, bytemuck::cast_slice(rest), export, &mut uart);
                    uart.flush();
                    startup::stop(true)
                }
                let image = Image::verify(rest).unwrap_or_else(|error| panic!("{error}"));
                if what == 3 {
                    let image = bytemuck::cast_slice(rest);
                    let measure =
                        if plan[1] == 0 { crate::events::unrecorded } else { crate::events::recorded };
                    measure(Probe::new(board), rooms, image, plan[0], &mut uart);
                    uart.flush();
                    startup::stop(true)
                }
                let [[room, _], ..] = rooms;
                let store = room.into();
                prepare_lines(&image, &mut board);
                match what {
                    0 => {
                        // As the service does after each answer: a message always finds room.
                        let after = |p: &mut Wrapped<Board>| p.take_texts(&mut |_| ());
                        returns(Calls::load(&pmu, wrap(board), image, store), after, plan, &mut uart)
                    }
                    4 => returns(Calls::load(&pmu, board, image, store), |_| (), plan, &mut uart),
                    1 => {
                        let calls = Calls::load(&pmu, Probe::new(board), image, store);
                        stores(calls, Probe::take, plan, &mut uart)
                    }
                    _ => {
                        let calls = Calls::load(&pmu, wrap(Probe::new(board)), image, store);
                        stores(calls, |p| p.port_mut().port_mut().take(), plan, &mut uart)
                    }
                }
            }
        }
        uart.flush();
        startup::stop(true)
    }

    /// The flashed program's port around this one, its record full as it is after a while.
    fn wrap<P: xmap_device::Board>(port: P) -> Wrapped<P> {
        let mut port = Rehearsal::new(Recorder::new(port), false);
        for _ in 0..=limits::TRACE_ENTRIES {
            port.clear(Bank::Zero, 0);
        }
        port
    }

    /// The calls of a plan: export and arguments.
    fn each_call(mut plan: &[u32], mut call: impl FnMut(ExportId, &[u64])) {
        while let [export, count, rest @ ..] = plan {
            let (words, next) = rest.split_at(*count as usize * 2);
            let mut args = [0; 16];
            for (arg, pair) in args.iter_mut().zip(words.chunks(2)) {
                *arg = u64::from(pair[0]) | u64::from(pair[1]) << 32;
            }
            call(ExportId(*export as u16), &args[..*count as usize]);
            plan = next;
        }
    }

    /// A call, or what stands for one: mapper, export, arguments and how many; gives the trap's code or 0.
    type Enter<P> = extern "C" fn(&mut Mapper<'static, P>, u16, *const u64, usize) -> u64;

    /// The call that is measured: a function that is `Mapper::call` and nothing else.
    extern "C" fn enter<P: Port>(
        mapper: &mut Mapper<'static, P>,
        export: u16,
        args: *const u64,
        count: usize,
    ) -> u64 {
        // SAFETY: `Calls::make` passes pointer and length of one slice.
        let args = unsafe { slice::from_raw_parts(args, count) };
        match mapper.call(ExportId(export), args) {
            Ok(_) => 0,
            Err(CallError::Trap(trap)) => trap.code as u64,
            Err(_) => u64::MAX,
        }
    }

    /// Gives the counter at its first instruction: the place where `enter` would begin.
    #[unsafe(naked)]
    extern "C" fn begin<P>(_: &mut Mapper<'static, P>, _: u16, _: *const u64, _: usize) -> u64 {
        core::arch::naked_asm!("mrs x0, pmevcntr0_el0", "ret")
    }
    /// Instructions of `begin`.
    const BEGIN: u32 = 2;

    /// Calls of a plan, all made by the same code.
    struct Calls<'p, P: 'static> {
        pmu: &'p Pmu,
        mapper: Mapper<'static, P>,
    }

    impl<'p, P: Port + 'static> Calls<'p, P> {
        fn load(pmu: &'p Pmu, port: P, image: Image<'static>, store: Store<'static>) -> Self {
            let mapper = Mapper::load(image, port, store).unwrap_or_else(|error| panic!("{error}"));
            Self { pmu, mapper }
        }

        /// Returns what was counted, the counter in front of it, and what came back.
        #[inline(never)]
        fn make(&mut self, enter: Enter<P>, export: ExportId, args: &[u64]) -> (u32, u32, u64) {
            let mut outcome = 0;
            let mapper = &mut self.mapper;
            let (count, first) =
                self.pmu.count_from(|| outcome = enter(mapper, export.0, args.as_ptr(), args.len()));
            (count.instructions, first, outcome)
        }

        /// Instructions from the first that is counted to the first of the call, and those of
        /// everything but the call.
        fn around(&mut self, export: ExportId, args: &[u64]) -> (u32, u32) {
            let (all, first, at) = self.make(black_box(begin::<P>), export, args);
            ((at as u32).wrapping_sub(first), all - BEGIN)
        }
    }

    fn returns<P: Port + 'static>(
        mut calls: Calls<'_, P>,
        mut after: impl FnMut(&mut P),
        plan: &[u32],
        uart: &mut Uart<'_>,
    ) {
        _ = writeln!(
            uart,
            "ram mapper {} stack {}",
            size_of::<Mapper<'_, Board>>() - size_of::<Board>(),
            8 * tiny_mapper::STACK_SLOTS
        );
        each_call(plan, |export, args| {
            let (_, around) = calls.around(export, args);
            let (all, _, code) = calls.make(black_box(enter), export, args);
            _ = writeln!(uart, "{} {code}", all - around);
            after(calls.mapper.port_mut());
        });
    }

    fn stores<P: Port + 'static>(
        mut calls: Calls<'_, P>,
        mut at: impl FnMut(&mut P) -> Option<u32>,
        plan: &[u32],
        uart: &mut Uart<'_>,
    ) {
        each_call(plan, |export, args| {
            let (before, _) = calls.around(export, args);
            at(calls.mapper.port_mut());
            let (_, first, code) = calls.make(black_box(enter), export, args);
            match at(calls.mapper.port_mut()) {
                Some(at) => _ = writeln!(uart, "{} {code}", at.wrapping_sub(first) - before),
                None => _ = writeln!(uart, "none {code}"),
            }
        });
    }

    /// A port that reads the counter right after its first store.
    pub(crate) struct Probe<P> {
        port: P,
        at: Option<u32>,
    }

    impl<P> Probe<P> {
        pub(crate) fn new(port: P) -> Self {
            Self { port, at: None }
        }

        /// Returns what the counter said after the first store since this was last asked.
        pub(crate) fn take(&mut self) -> Option<u32> {
            self.at.take()
        }
    }

    tiny_mapper::over!([P] Probe<P> => port: P);

    impl<P: xmap_device::Board> xmap_device::BoardLayer for Probe<P> {}

    impl<P: Port> tiny_mapper::Layer for Probe<P> {
        #[inline(always)]
        fn set(&mut self, bank: Bank, mask: PinMask) {
            self.port.set(bank, mask);
            let now = Pmu::retired();
            self.at.get_or_insert(now);
        }

        #[inline(always)]
        fn clear(&mut self, bank: Bank, mask: PinMask) {
            self.port.clear(bank, mask);
            let now = Pmu::retired();
            self.at.get_or_insert(now);
        }
    }

    /// The counter on code whose instructions can be counted on paper.
    fn prove(pmu: &Pmu, gpio: Gpio<'static>, uart: &mut Uart<'_>) {
        let nothing = pmu.count(|| ());
        // SAFETY: does nothing.
        let straight = pmu.count(|| unsafe { asm!(".rept 100", "nop", ".endr", options(nomem, nostack)) });
        let looped = pmu.count(|| {
            // SAFETY: touches its own register and the flags alone.
            unsafe {
                asm!(
                    "mov {n}, #1000",
                    "0: subs {n}, {n}, #1",
                    "b.ne 0b",
                    n = out(reg) _,
                    options(nomem, nostack),
                );
            }
        });
        // A static: nothing has to be fetched before the seven.
        static AT: AtomicU32 = AtomicU32::new(0);
        let (_, first) = pmu.count_from(|| {
            // SAFETY: does nothing; not `nomem`, so that the reading stays behind it.
            unsafe { asm!(".rept 7", "nop", ".endr", options(nostack)) };
            AT.store(Pmu::retired(), Ordering::Relaxed);
        });
        let at = AT.load(Ordering::Relaxed);
        // A store to GPSET0: fetch the reference, fetch the block's address, make the mask, and the one
        // `str`, which adds the offset.
        let mut pi = Pi::new(gpio, Clock::new(NoTimer), |_, _| ());
        let set = pmu.count(|| pi.set(Bank::Zero, 1 << 17));
        for (name, count, expected) in [
            ("nothing", nothing.instructions, 0),
            ("straight", straight.instructions, 100),
            ("loop", looped.instructions, 2001),
            ("first seven", at.wrapping_sub(first), 7),
            ("gpio.set", set.instructions, 4),
        ] {
            _ = writeln!(uart, "count {name} {count}");
            assert_eq!(count, expected, "{name}");
        }
        assert_eq!(straight.cycles, 100, "an instruction is a cycle here");
    }

    /// No clock is asked for.
    struct NoTimer;

    impl xmap_bcm2711::Counter for NoTimer {
        fn ticks(&mut self) -> u64 {
            0
        }

        fn hz(&self) -> u32 {
            1
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("bench is firmware: `cargo xtask bench` runs it.");
}
