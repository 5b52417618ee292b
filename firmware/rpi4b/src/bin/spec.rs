#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! Does with images what was done with them on the simulated board, and compares, in the emulator.
//! `tests/tests/emulator/spec.rs` runs it with the specification's tests.
//!
//! Handed over are plays, one behind the other to the end, all in words; a register is its low word and its
//! high one.
//!
//! | of a play | words |
//! | --- | --- |
//! | words of the image, bytes of memory for the mapper, calls | 3 |
//! | the image | as many |
//! | the outcome of its start | an outcome without results |
//! | for each call: export, number of arguments, arguments, outcome | 2, registers, an outcome |
//!
//! | of an outcome | words |
//! | --- | --- |
//! | results: their number times 256, the results | 1, registers |
//! | a trap: its code, then image, export, op and detail of [`tiny_mapper::Trap`] | 5 |
//!
//! A line comes back for each play: its steps (the load and each call), and how many of them went otherwise
//! than on the simulated board. In front of it stands a line for each such step, of which the first [`SHOWN`]
//! are printed.

/// Differences that are printed; all are counted.
#[cfg(target_os = "none")]
const SHOWN: u32 = 20;

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::fmt::Write as _;
    use core::slice;

    use aarch64_rt::entry;
    use rpi4b::device::{Board, Wrapped, board};
    use rpi4b::limits;
    use rpi4b::startup::{self, Start, arena};
    use tiny_mapper::{CallError, Mapper, Store, Trap};
    use xmap_bcm2711::Uart;
    use xmap_device::{Recorder, Rehearsal};
    use xmap_image::{ExportId, Image, Word, words_of};

    use super::SHOWN;

    /// Memory for modules: the second half of the first GiB. A test grows one to 50 MiB, more than the
    /// flashed program has.
    const MEMORY: usize = 512 << 20;
    const MEMORY_BYTES: usize = 512 << 20;

    entry!(main, { limits::STACK_PAGES });
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let Start { gpio, mut uart, timer, image, .. } = unsafe { startup::start(device_tree) };
        let plays = image.unwrap_or_else(|error| panic!("{error}")).expect("plays were handed over");
        assert!(plays.as_ptr_range().end.addr() <= MEMORY / 2, "the plays end far below the modules' memory");
        // SAFETY: start-up maps the first GiB as memory, which a Pi 4B has. Program, device tree and plays
        // are in its first half: the tree is read, the emulator puts it beside the plays, which end where was
        // checked. This is the one reference to it, as `main` runs once.
        let memory = unsafe {
            slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(MEMORY), MEMORY_BYTES)
        };
        let [[room, _], ..] = arena::take().expect("nobody has taken them");
        let mut store = Store { memory, ..room.into() };
        // The flashed program's port and so its mapper, to the instruction. No image of the suite has a pin.
        let mut port: Wrapped<Board> = Rehearsal::new(Recorder::new(board(gpio, timer)), false);
        let mut reader = Reader(words_of(plays).expect("words"));
        let (mut number, mut shown) = (0, 0);
        while !reader.0.is_empty() {
            let mut differing = 0;
            let steps = play(&mut reader, &mut port, &mut store, |step, expected, found| {
                differing += 1;
                if shown < SHOWN {
                    shown += 1;
                    differs(&mut uart, (number, step), expected, found);
                }
            });
            _ = writeln!(uart, "{steps} {differing}");
            number += 1;
        }
        uart.flush();
        startup::stop(true)
    }

    /// Says how a step went, and how it should have gone.
    fn differs(uart: &mut Uart<'_>, (play, step): (u32, u32), expected: Outcome<'_>, found: Found<'_>) {
        _ = write!(uart, "play {play} step {step}: ");
        _ = match found {
            Ok(results) => write!(uart, "{results:x?}"),
            Err(CallError::Trap(trap)) => write!(uart, "{trap:?}"),
            Err(error) => write!(uart, "{error}"),
        };
        _ = match expected {
            Outcome::Results(words) => writeln!(uart, " instead of the words {words:x?}"),
            Outcome::Trap(words) => writeln!(uart, " instead of the trap {words:x?}"),
        };
    }

    /// What a call gives.
    type Found<'a> = Result<&'a [u64], CallError>;

    /// Plays once, tells `differs` of each step that goes otherwise, and counts the steps.
    fn play(
        reader: &mut Reader<'static>,
        port: &mut Wrapped<Board>,
        store: &mut Store<'static>,
        mut differs: impl FnMut(u32, Outcome<'_>, Found<'_>),
    ) -> u32 {
        let [words, memory, calls] = reader.several();
        let image = reader.take(words as usize);
        let image = Image::admit(image).unwrap_or_else(|error| panic!("{error}"));
        let Some(memory) = store.memory.get_mut(..memory as usize) else {
            panic!("{memory} bytes of memory")
        };
        let store = Store { stack: &mut *store.stack, memory, globals: &mut *store.globals };
        let mut mapper = Mapper::load(image, port, store).unwrap_or_else(|error| panic!("{error}"));
        let mut compare = |step, expected: Outcome<'_>, found: Found<'_>| {
            if !expected.is(found) {
                differs(step, expected, found);
            }
        };
        let expected = reader.outcome();
        compare(0, expected, mapper.start().map(|()| &[][..]).map_err(CallError::Trap));
        for step in 1..=calls {
            let [export, count] = reader.several();
            let mut args = [0; xmap_image::limits::MAX_PARAMS];
            let args = &mut args[..count as usize];
            args.fill_with(|| reader.register());
            let expected = reader.outcome();
            compare(step, expected, mapper.call(ExportId(export as u16), args));
        }
        1 + calls
    }

    /// How a step went on the simulated board.
    #[derive(Clone, Copy)]
    enum Outcome<'a> {
        /// Two words for each result.
        Results(&'a [Word]),
        /// The five words of a trap.
        Trap([Word; 5]),
    }

    impl Outcome<'_> {
        fn is(self, found: Found<'_>) -> bool {
            match (self, found) {
                (Self::Results(words), Ok(results)) => {
                    let expected =
                        words.chunks_exact(2).map(|half| u64::from(half[0]) | u64::from(half[1]) << 32);
                    expected.eq(results.iter().copied())
                }
                (Self::Trap(words), Err(CallError::Trap(trap))) => {
                    let Trap { image, export, code, op, detail } = trap;
                    words == [code as u32, image, u32::from(export), op, detail]
                }
                _ => false,
            }
        }
    }

    /// What was not read yet. It panics where something is cut off.
    struct Reader<'a>(&'a [Word]);

    impl<'a> Reader<'a> {
        fn take(&mut self, count: usize) -> &'a [Word] {
            let (taken, rest) = self.0.split_at(count);
            self.0 = rest;
            taken
        }

        fn several<const N: usize>(&mut self) -> [Word; N] {
            let (taken, rest) = self.0.split_first_chunk().expect("the plays are whole");
            self.0 = rest;
            *taken
        }

        fn register(&mut self) -> u64 {
            let [low, high] = self.several();
            u64::from(low) | u64::from(high) << 32
        }

        fn outcome(&mut self) -> Outcome<'a> {
            let [first] = self.several();
            match first & 0xff {
                0 => Outcome::Results(self.take(2 * (first >> 8) as usize)),
                code => {
                    let [image, export, op, detail] = self.several();
                    Outcome::Trap([code, image, export, op, detail])
                }
            }
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("spec is firmware: `cargo xtask test` runs it.");
}
