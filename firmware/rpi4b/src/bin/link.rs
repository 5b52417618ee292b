#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! Counts what a request costs the device, from its first byte to its answer's last: on an open device, and
//! in an authenticated session. In the emulator under `-icount`, for `cargo xtask bench`.
//!
//! Handed over is an image that exports `lamp(on)`. The wire is memory, so a byte costs next to nothing; the
//! bytes that a session adds are unpacked and checked like all others. Lines of `name number` come back:
//!
//! | name | number |
//! | --- | --- |
//! | `call_open` | instructions of a call on an open device |
//! | `call` | instructions of the same call in a session |
//! | `chunk_open`, `chunk` | the same of a full part of an image |
//! | `open` | instructions of beginning a session: keys, nonce, proof |
//! | `stranger` | instructions of refusing a frame with a wrong tag |

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::fmt::Write as _;

    use aarch64_rt::entry;
    use heapless::{Deque, Vec};
    use rpi4b::device::{Pi4b, board, flown};
    use rpi4b::limits;
    use rpi4b::startup::{self, Start, arena};
    use xmap_bcm2711::Pmu;
    use xmap_device::{Development, Device, Identity, Recorder, Rehearsal, Service, Wire};
    use xmap_link::limits::{MAX_CHUNK, MAX_FRAME, MAX_ROLE_KEYS};
    use xmap_link::{
        Args, AuthResponder, Boot, Channel, Chunk, Export, FrameReader, Nonces, Opening, PROTOCOL, Request,
        Response, Role, RoleKey, RoleKeys, Secret, Session, decode_response, encode_bytes, encode_request,
    };

    const IDENTITY: Identity =
        Identity { board: 1, boot: Boot::Normal, features: 0, clock_hz: 1, firmware: "bench" };

    /// A wire in memory.
    #[derive(Default)]
    struct Memory {
        to_device: Deque<u8, { 2 * MAX_FRAME }>,
        to_host: Vec<u8, { 2 * MAX_FRAME }>,
    }

    impl Wire for Memory {
        fn read(&mut self) -> Option<u8> {
            self.to_device.pop_front()
        }

        fn write(&mut self, bytes: &[u8]) {
            self.to_host.extend_from_slice(bytes).expect("an answer fits");
        }
    }

    /// A device, its service and what counts.
    struct Bench {
        pmu: Pmu,
        device: Pi4b<Development>,
        wire: Memory,
        seq: u16,
    }

    impl Bench {
        /// Instructions until the service has answered this frame.
        fn count(&mut self, service: &mut Service, frame: &[u8]) -> u32 {
            self.wire.to_host.clear();
            for byte in frame {
                self.wire.to_device.push_back(*byte).expect("a frame fits");
            }
            let (wire, device) = (&mut self.wire, &mut self.device);
            self.pmu.count(|| assert!(service.poll(wire, device), "a request")).instructions
        }

        /// The payload of the answer.
        fn answer<T>(&self, read: impl Fn(&[u8]) -> T) -> T {
            let mut reader: FrameReader = FrameReader::new();
            for byte in &self.wire.to_host {
                if let Some(frame) = reader.feed(*byte) {
                    return read(frame.payload);
                }
            }
            panic!("no answer")
        }

        fn plainly(&mut self, service: &mut Service, request: &Request) -> (u32, Response) {
            self.seq += 1;
            let mut buffer = [0; MAX_FRAME];
            let frame = encode_request(self.seq, request, &mut buffer).expect("a request fits");
            let count = self.count(service, frame);
            (count, self.answer(|payload| decode_response(payload).expect("a response").1))
        }

        fn tagged(
            &mut self,
            service: &mut Service,
            session: &mut Session,
            request: &Request,
        ) -> (u32, Response) {
            self.seq += 1;
            let mut buffer = [0; MAX_FRAME];
            let frame = session.encode(self.seq, request, &mut buffer).expect("a request fits");
            let count = self.count(service, frame);
            let answer = self
                .answer(|payload| session.answer(payload).expect("a tag that holds").expect("a response"));
            (count, answer.1)
        }
    }

    fn secret() -> Secret {
        Secret::new(core::array::from_fn(|n| n as u8))
    }

    fn call() -> Request {
        let args: Args = [1].into_iter().collect();
        Request::Call { export: Export::name("lamp").expect("a short name"), args }
    }

    fn begin(token: u32) -> Request {
        Request::Begin { module: 1, bytes: 4096, hash: [0; 32], token }
    }

    fn chunk(token: u32, offset: u32) -> Request {
        let data: Chunk = core::iter::repeat_n(0xa5, MAX_CHUNK).collect();
        Request::Chunk { token, offset, data }
    }

    fn returned(response: &Response) {
        assert!(matches!(response, Response::Returned { .. }), "{response:?}");
    }

    fn staged(response: &Response, next: usize) {
        assert_eq!(*response, Response::Staging { next: next as u32 });
    }

    /// A frame of a session that is none of the device's.
    fn forged(buffer: &mut [u8]) -> &[u8] {
        encode_bytes(Channel::TaggedRequest, &[0x5a; 40], buffer).expect("it fits")
    }

    entry!(main, { limits::STACK_PAGES });
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let Start { gpio, mut uart, timer, image, .. } = unsafe { startup::start(device_tree) };
        let pmu = Pmu::start();
        let bytes = image.unwrap_or_else(|error| panic!("{error}")).expect("an image was handed over");
        let rooms = arena::take().expect("nobody has taken them");
        let mut device: Pi4b<Development> =
            Device::new(flown(Rehearsal::new(Recorder::new(board(gpio, timer)), false)), rooms);
        device.install(0, bytes).unwrap_or_else(|error| panic!("{error}"));
        let mut bench = Bench { pmu, device, wire: Memory::default(), seq: 0 };
        let hello = Request::Hello { protocol: PROTOCOL, nonce: 1 };

        let mut open = Service::new(IDENTITY);
        bench.plainly(&mut open, &hello);
        // Twice: the second is like all that follow.
        bench.plainly(&mut open, &call());
        let (call_open, answer) = bench.plainly(&mut open, &call());
        returned(&answer);
        bench.plainly(&mut open, &begin(1));
        bench.plainly(&mut open, &chunk(1, 0));
        let (chunk_open, answer) = bench.plainly(&mut open, &chunk(1, MAX_CHUNK as u32));
        staged(&answer, 2 * MAX_CHUNK);
        bench.plainly(&mut open, &Request::Abort { token: 1 });

        let mut keys = RoleKeys::new();
        // The last of a full table.
        for n in 1..MAX_ROLE_KEYS as u8 {
            let key =
                RoleKey { secret: Secret::new([n; 32]), role: Role::Observe, exports: Default::default() };
            keys.add(key).expect("it fits");
        }
        let exports = xmap_link::Pattern::new("panel.*").into_iter().collect();
        keys.add(RoleKey { secret: secret(), role: Role::Operate, exports }).expect("it fits");
        let nonces = Nonces::from_seed(secret().expose());
        let mut guarded = Service::guarded(IDENTITY, AuthResponder::new(keys, nonces));
        bench.plainly(&mut guarded, &hello);
        let opening = Opening::new(secret(), [7; 32]);
        let (open, answer) = bench.plainly(&mut guarded, &opening.request());
        let Response::Opened { nonce, role, proof } = answer else { panic!("{answer:?}") };
        let mut session = opening.accept(&nonce, role, &proof).expect("the device has the key");
        bench.tagged(&mut guarded, &mut session, &call());
        let (call, answer) = bench.tagged(&mut guarded, &mut session, &call());
        returned(&answer);
        bench.tagged(&mut guarded, &mut session, &begin(2));
        bench.tagged(&mut guarded, &mut session, &chunk(2, 0));
        let (chunk, answer) = bench.tagged(&mut guarded, &mut session, &chunk(2, MAX_CHUNK as u32));
        staged(&answer, 2 * MAX_CHUNK);

        // What the device did not make keys for.
        let stranger = bench.count(&mut guarded, forged(&mut [0; MAX_FRAME]));
        for (name, number) in [
            ("call_open", call_open),
            ("call", call),
            ("chunk_open", chunk_open),
            ("chunk", chunk),
            ("open", open),
            ("stranger", stranger),
        ] {
            _ = writeln!(uart, "{name} {number}");
        }
        uart.flush();
        startup::stop(true)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("link is firmware: `cargo xtask bench` runs it.");
}
