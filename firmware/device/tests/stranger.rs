//! A guarded device, and somebody on the wire who has no key.

mod common;

use common::{Memory, Says, Small, bytes, device, line, put, ret};
use xmap_device::{Device, Identity, Recorder, Service};
use xmap_image::{FaultPolicy, PinMode, Pull, Safe};
use xmap_link::limits::MAX_FRAME;
use xmap_link::{
    AuthResponder, Boot, Channel, Export, Life, Nonces, Opening, PROTOCOL, Refusal, Request, Response, Role,
    RoleKey, RoleKeys, Secret, Session, decode_response, encode_request,
};
use xmap_sim::{Heap, SimBoard};

type Board = Recorder<SimBoard, 8, 64>;

struct Bench {
    service: Service,
    device: Device<Heap, Board>,
    wire: Memory,
}

impl Bench {
    /// The frames that come back.
    fn exchange(&mut self, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        self.wire.exchange(&mut self.service, &mut self.device, bytes)
    }

    fn plain(&mut self, request: &Request) -> Response {
        let frame = encode_request(1, request, &mut [0; MAX_FRAME]).unwrap().to_vec();
        let frames = self.exchange(&frame);
        assert_eq!(frames[0].0, Channel::Response as u8);
        decode_response(&frames[0].1).unwrap().1
    }

    fn pass(&mut self, us: u64) {
        self.device.pass(us, |board, us| board.port_mut().advance(us));
    }

    fn pump_runs(&mut self) -> bool {
        self.device.board_mut().port_mut().is_high(line(2))
    }
}

/// A device whose module waits 2 ms for its host, and a session of that host.
fn bench() -> (Bench, Session) {
    let secret = Secret::new([1; 32]);
    let mut keys = RoleKeys::new();
    keys.add(RoleKey {
        secret: secret.clone(),
        role: Role::Call,
        exports: [xmap_link::Pattern::new("*").unwrap()].into_iter().collect(),
    })
    .unwrap();
    let seed: [u8; 32] = core::array::from_fn(|n| n as u8);
    let guard = AuthResponder::new(keys, Nonces::from_seed(&seed));
    let identity = Identity { board: 1, boot: Boot::Normal, features: 0, clock_hz: 1_000_000, firmware: "0" };
    let plant = Small::new()
        .pin(2, "pump", PinMode::Out, Safe::Low, Pull::None)
        .code("work", &[], &[], &[put(2, true), ret()])
        .policy(FaultPolicy { link_timeout_ms: 2, ..FaultPolicy::default() });
    let mut device = device(Recorder::new(SimBoard::new()));
    device.install(0, &bytes(&plant)).unwrap();
    let mut bench = Bench { service: Service::guarded(identity, guard), device, wire: Memory::default() };
    bench.plain(&Request::Hello { protocol: PROTOCOL, nonce: 1 });
    let opening = Opening::new(secret, [9; 32]);
    let Response::Opened { nonce, role, proof } = bench.plain(&opening.request()) else {
        panic!("no session")
    };
    let session = opening.accept(&nonce, role, &proof).expect("the device has the key");
    (bench, session)
}

#[test]
fn a_request_that_is_sent_again_keeps_no_module_waiting_for_its_host() {
    let (mut bench, mut session) = bench();
    let call = Request::Call { export: Export::name("work").unwrap(), args: Default::default() };
    let frame = session.encode(1, &call, &mut [0; MAX_FRAME]).unwrap().to_vec();
    let answer = bench.exchange(&frame);
    assert_eq!(answer[0].0, Channel::TaggedResponse as u8);
    assert!(bench.pump_runs());
    // Whoever listens has the frame, and may send it as often as he likes: it gets the answer again, and that
    // is all.
    for _ in 0..10 {
        bench.pass(500);
        assert_eq!(bench.exchange(&frame), answer);
    }
    assert_eq!(bench.device.life(0), Life::Faulted, "the host has been silent for 5 ms");
    assert!(!bench.pump_runs());
    // The host itself is heard.
    let frame = session.encode(2, &Request::Status, &mut [0; MAX_FRAME]).unwrap().to_vec();
    bench.exchange(&frame);
    assert_eq!(bench.device.life(0), Life::Running);
}

#[test]
fn what_a_stranger_sends_keeps_no_module_waiting_and_does_nothing() {
    let (mut bench, mut session) = bench();
    let call = Request::Call { export: Export::name("work").unwrap(), args: Default::default() };
    let frame = session.encode(1, &call, &mut [0; MAX_FRAME]).unwrap().to_vec();
    for _ in 0..10 {
        bench.pass(500);
        assert!(matches!(bench.plain(&Request::Hello { protocol: PROTOCOL, nonce: 2 }), Response::Hello(_)));
        assert_eq!(bench.plain(&call), Response::Refused(Refusal::KeyRequired));
        assert_eq!(bench.plain(&Request::Reset { module: None }), Response::Refused(Refusal::KeyRequired));
        assert!(!bench.service.wants_reset());
    }
    assert_eq!(bench.device.life(0), Life::Faulted);
    assert!(!bench.pump_runs());
    bench.exchange(&frame);
    assert!(bench.pump_runs(), "the session that was begun before still is one");
}
