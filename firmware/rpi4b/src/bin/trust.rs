#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! Counts what an owner's policy costs, with the device program as it is flashed. In the emulator under
//! `-icount`, for `cargo xtask bench`.
//!
//! Handed over is a plan in words: the bytes of a signed policy, 0 for a development device; the root key;
//! the policy, filled up with zeros; then images, each with its length in words before it, as the boot stage
//! would hand them over. Each is installed in its turn into module
//! 0. Lines come back:
//!
//! | line | |
//! | --- | --- |
//! | `ram N` | bytes that the owner takes: policy, room for the next one, versions |
//! | `policy N` | instructions to open the policy |
//! | `image N CODE` | instructions of an image's way in, and the policy's reason where it was refused, else 0 |
//! | `first_op N` | nanoseconds, which are instructions, from reset to the first store of the first image |

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::fmt::Write as _;

    use aarch64_rt::entry;
    use rpi4b::device::{Board, Wrapped, board};
    use rpi4b::limits;
    use rpi4b::startup::{self, Start, arena};
    use tiny_mapper::Gpio;
    use xmap_bcm2711::{Counter as _, GenericTimer, Pmu, Uart};
    use xmap_boards::{Bank, PinMask};
    use xmap_device::{Borrowed, Development, Device, Failure, Owned, Recorder, Rehearsal, Trust, Volatile};
    use xmap_image::words_of;
    use xmap_trust::PublicKey;

    entry!(main, { limits::STACK_PAGES });
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let Start { gpio, mut uart, timer, image, .. } = unsafe { startup::start(device_tree) };
        let pmu = Pmu::start();
        let bytes = image.unwrap_or_else(|error| panic!("{error}")).expect("a plan was handed over");
        let (head, rest) = words_of(bytes).expect("words").split_at(9);
        let (policy, images) = rest.split_at((head[0] as usize).div_ceil(4));
        let probe = Probe { port: board(gpio, timer), at: None };
        match head[0] as usize {
            0 => install(&pmu, probe, Development, images, &mut uart),
            len => {
                let mut root = [0; 32];
                root.copy_from_slice(bytemuck::cast_slice(&head[1..]));
                let policy = &bytemuck::cast_slice(policy)[..len];
                let mut owner = None;
                let count =
                    pmu.count(|| owner = Some(Owned::new(PublicKey(root), policy, Volatile::default())));
                let owner = owner.expect("it was opened").unwrap_or_else(|error| panic!("{error}"));
                _ = writeln!(uart, "ram {}\npolicy {}", size_of::<Owned<Volatile>>(), count.instructions);
                install(&pmu, probe, owner, images, &mut uart);
            }
        }
        uart.flush();
        startup::stop(true)
    }

    fn install<T: Trust>(pmu: &Pmu, probe: Probe, trust: T, mut images: &[u32], uart: &mut Uart<'_>) {
        let rooms = arena::take().expect("nobody has taken them");
        let port: Wrapped<Probe> = Rehearsal::new(Recorder::new(probe), false);
        let mut device: Device<Borrowed<'static>, _, T> = Device::with_trust(port, rooms, trust);
        while let [len, rest @ ..] = images {
            let (image, next) = rest.split_at(*len as usize);
            let mut outcome = Ok(());
            let count = pmu.count(|| outcome = device.install_from(0, bytemuck::cast_slice(image), "usb"));
            let code = match outcome {
                Ok(()) => 0,
                Err(Failure::Trust(reject)) => reject.code(),
                Err(error) => panic!("{error}"),
            };
            _ = writeln!(uart, "image {} {code}", count.instructions);
            images = next;
        }
        let at = device.board_mut().port_mut().port_mut().at.expect("the first image stores");
        _ = writeln!(uart, "first_op {at}");
    }

    /// The board, with a look at the clock after the first store.
    struct Probe {
        port: Board,
        at: Option<u64>,
    }

    impl Probe {
        fn note(&mut self) {
            if self.at.is_none() {
                let mut timer = GenericTimer::new().expect("it was there at start-up");
                let ns = u128::from(timer.ticks()) * 1_000_000_000 / u128::from(timer.hz());
                self.at = Some(ns as u64);
            }
        }
    }

    tiny_mapper::over!([] Probe => port: Board);

    impl xmap_device::BoardLayer for Probe {}

    impl tiny_mapper::Layer for Probe {
        fn set(&mut self, bank: Bank, mask: PinMask) {
            Gpio::set(&mut self.port, bank, mask);
            self.note();
        }

        fn clear(&mut self, bank: Bank, mask: PinMask) {
            Gpio::clear(&mut self.port, bank, mask);
            self.note();
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("trust is firmware: `cargo xtask bench` runs it.");
}
