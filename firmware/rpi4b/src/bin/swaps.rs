#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! Swaps two images to and fro while a lamp is on and a timer runs, with the device program as it is flashed,
//! and counts. In the emulator under `-icount`, for `cargo xtask bench` and the emulator's tests.
//!
//! Handed over is a bundle of two images that export `lamp(on)` for line 17 and a timer's handler; the
//! command line is the number of swaps. Lines of `name number` come back:
//!
//! | name | number |
//! | --- | --- |
//! | `swaps` | swaps that were made and confirmed |
//! | `stores` | register stores from the first swap to the last, by anybody |
//! | `dark` | times that the lamp was seen low |
//! | `events`, `missed`, `dropped` | of the timer, since the first mount |
//! | `first_us`, `last_us` | the first image's mount was between these times |
//! | `end_us` | the end |
//! | `late_us` | the longest time from a deadline to its handler |
//! | `admit` | instructions to admit an image: hash, structure, manifest |
//! | `commit` | instructions of the slowest commit: admit, and the switch |

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::fmt::Write as _;

    use aarch64_rt::entry;
    use rpi4b::device::{Pi4b, board, flown};
    use rpi4b::limits;
    use rpi4b::startup::{self, Start, arena};
    use tiny_mapper::prelude::*;
    use xmap_bcm2711::Pmu;
    use xmap_boards::Bank;
    use xmap_device::{Development, Device, Record as _, Recorder, Rehearsal};
    use xmap_image::{Image, Word, bundle, words_of};
    use xmap_link::limits::MAX_CHUNK;

    const LAMP: u32 = 1 << 17;
    const TOKEN: u32 = 1;

    entry!(main, { limits::STACK_PAGES });
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let Start { gpio, mut uart, timer, image, arguments, .. } = unsafe { startup::start(device_tree) };
        let pmu = Pmu::start();
        let rounds: u32 = arguments.parse().expect("the command line is the number of swaps");
        let bytes = image.unwrap_or_else(|error| panic!("{error}")).expect("a bundle was handed over");
        let mut images = bundle(words_of(bytes).expect("words")).map(|image| image.expect("an image"));
        let images = [0; 2].map(|_| images.next().expect("two images"));
        let rooms = arena::take().expect("nobody has taken them");
        let mut device: Pi4b<Development> =
            Device::new(flown(Rehearsal::new(Recorder::new(board(gpio, timer)), false)), rooms);

        let first_us = device.board_mut().now_us();
        device.install(0, bytemuck::cast_slice(images[0])).unwrap_or_else(|error| panic!("{error}"));
        let last_us = device.board_mut().now_us();
        let lamp = device.find("lamp").expect("it exports lamp");
        device.call(lamp, &[1], &mut []).unwrap_or_else(|error| panic!("{error:?}"));
        let admit = pmu.count(|| _ = core::hint::black_box(Image::admit(images[0]))).instructions;
        let from = device.board_mut().next();
        let (mut commit, mut dark) = (0, 0);
        for round in 0..rounds {
            commit = commit.max(swap(&pmu, &mut device, images[(round as usize + 1) % 2]));
            dark += u32::from(device.board_mut().level(Bank::Zero) & LAMP == 0);
        }
        let stores = device.board_mut().next() - from;
        while device.poll() {}
        let end_us = device.board_mut().now_us();
        let status = device.status(0).expect("module 0");
        for (name, number) in [
            ("swaps", rounds.into()),
            ("stores", stores.into()),
            ("dark", dark.into()),
            ("events", status.events.into()),
            ("missed", status.missed.into()),
            ("dropped", status.dropped.into()),
            ("first_us", first_us),
            ("last_us", last_us),
            ("end_us", end_us),
            ("late_us", status.late_us.into()),
            ("admit", admit.into()),
            ("commit", commit.into()),
        ] {
            _ = writeln!(uart, "{name} {number}");
        }
        uart.flush();
        startup::stop(true)
    }

    /// Sends an image as a host does, with the device's events in between. Instructions of the commit.
    fn swap(pmu: &Pmu, device: &mut Pi4b<Development>, image: &[Word]) -> u32 {
        let hash = Image::verify(image).unwrap_or_else(|error| panic!("{error}")).hash();
        let bytes: &[u8] = bytemuck::cast_slice(image);
        let mut next = device.begin(0, bytes.len() as u32, hash, TOKEN).unwrap_or_else(|no| panic!("{no}"));
        for chunk in bytes.chunks(MAX_CHUNK) {
            while device.poll() {}
            next = device.chunk(TOKEN, next, chunk).unwrap_or_else(|no| panic!("{no}"));
        }
        while device.poll() {}
        let mut outcome = None;
        let count = pmu.count(|| outcome = Some(device.commit(TOKEN)));
        match outcome {
            Some(Ok(Ok(0))) => {}
            other => panic!("{other:?}"),
        }
        device.confirm(0).unwrap_or_else(|no| panic!("{no}"));
        while device.poll() {}
        count.instructions
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("swaps is firmware: `cargo xtask bench` runs it.");
}
