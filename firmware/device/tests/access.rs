//! A guarded service on the device program: whom it lets run what, and whom it tells anything.

mod common;

use common::{Memory, Says, bytes, device, hall, happened};
use tiny_mapper::{LogLevel, prelude::*};
use xmap_device::{Device, Identity, Recorder, Service};
use xmap_image::FaultPolicy;
use xmap_link::limits::MAX_FRAME;
use xmap_link::*;
use xmap_sim::{Heap, SimBoard};

const IDENTITY: Identity = Identity {
    board: 1,
    boot: Boot::Normal,
    features: features::TEXT,
    clock_hz: 1_000_000,
    firmware: "0.1.0",
};

fn secret(of: u8) -> Secret {
    Secret::new([of; 32])
}

/// A guarded device with these callers: the byte of a secret, the role, what it may call.
struct Bench {
    service: Service,
    device: Device<Heap, Recorder<SimBoard, 8, 64>>,
    wire: Memory,
    session: Option<Session>,
    seq: u16,
}

impl Bench {
    fn new(image: &common::Small, callers: &[(u8, Role, &[&str])]) -> Self {
        let mut keys = RoleKeys::new();
        for (of, role, allow) in callers {
            let exports = allow.iter().map(|text| Pattern::new(text).unwrap()).collect();
            keys.add(RoleKey { secret: secret(*of), role: *role, exports }).unwrap();
        }
        let seed: [u8; 32] = core::array::from_fn(|n| n as u8);
        let service = Service::guarded(IDENTITY, AuthResponder::new(keys, Nonces::from_seed(&seed)));
        let mut device = device(Recorder::new(SimBoard::new()));
        device.install(0, &bytes(image)).unwrap();
        Self { service, device, wire: Memory::default(), session: None, seq: 0 }
    }

    /// The frames that come back for these bytes.
    fn exchange(&mut self, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        self.wire.exchange(&mut self.service, &mut self.device, bytes)
    }

    /// Without a session, as anybody can.
    fn plainly(&mut self, request: &Request) -> Response {
        self.seq += 1;
        let mut buffer = [0; MAX_FRAME];
        let frames = self.exchange(encode_request(self.seq, request, &mut buffer).unwrap());
        let [(channel, payload)] = &frames[..] else { panic!("{frames:?}") };
        assert_eq!(*channel, Channel::Response as u8);
        decode_response(payload).unwrap().1
    }

    fn open(&mut self, of: u8) {
        self.plainly(&Request::Hello { protocol: PROTOCOL, nonce: 1 });
        self.seq += 1;
        let opening = Opening::new(secret(of), [self.seq as u8; 32]);
        let Response::Opened { nonce, role, proof } = self.plainly(&opening.request()) else {
            panic!("not opened")
        };
        self.session = Some(opening.accept(&nonce, role, &proof).unwrap());
    }

    /// In the session: the texts that came first, and the answer.
    fn ask_with_texts(&mut self, request: &Request) -> (Vec<String>, Response) {
        self.seq += 1;
        let mut session = self.session.take().expect("a session");
        let mut buffer = [0; MAX_FRAME];
        let frame = session.encode(self.seq, request, &mut buffer).unwrap().to_vec();
        let (mut texts, mut answer) = (Vec::new(), None);
        for (channel, payload) in self.exchange(&frame) {
            match Channel::from_u8(channel) {
                Some(Channel::TaggedStream) => {
                    let (inner, payload) = session.unasked(&payload).unwrap();
                    assert_eq!((inner, answer.is_some()), (Channel::Text as u8, false));
                    texts.push(decode_text(payload).unwrap().text.to_string());
                }
                Some(Channel::TaggedResponse) => answer = Some(session.answer(&payload).unwrap().unwrap().1),
                other => panic!("{other:?} came"),
            }
        }
        self.session = Some(session);
        (texts, answer.expect("an answer with a tag"))
    }

    fn ask(&mut self, request: &Request) -> Response {
        self.ask_with_texts(request).1
    }

    fn call(&mut self, export: Export) -> Response {
        self.ask(&Request::Call { export, args: Args::new() })
    }
}

fn named(name: &str) -> Export {
    Export::name(name).unwrap()
}

/// A `Request` of each kind that names the export.
fn naming(export: &Export) -> [Request; 2] {
    let export = export.clone();
    [Request::Call { export: export.clone(), args: Args::new() }, Request::Bind { export }]
}

#[test]
fn a_list_holds_however_the_export_is_named() {
    let callers: &[(u8, Role, &[&str])] = &[(1, Role::Call, &["panel.lamp_*"]), (2, Role::Own, &["*"])];
    let mut bench = Bench::new(&hall(), callers);
    bench.open(1);
    let id = |bench: &mut Bench, name: &str| {
        let Response::Described(described) = bench.ask(&Request::Describe { export: named(name) }) else {
            panic!("{name} is not described")
        };
        Export::Id(described.id)
    };
    for name in ["lamp_on", "panel.lamp_on"] {
        for export in [named(name), id(&mut bench, name)] {
            assert!(matches!(bench.ask(&naming(&export)[0]), Response::Returned { .. }), "{export:?}");
        }
    }
    let stores = bench.device.board().entries().len();
    assert!(stores > 0);
    for name in ["toggle", "panel.toggle", "lamp"] {
        for export in [named(name), id(&mut bench, name)] {
            for request in naming(&export) {
                assert_eq!(bench.ask(&request), Response::Refused(Refusal::ExportNotAllowed), "{request:?}");
            }
        }
    }
    // What is not there is said to be not there: names are no secret of who may read.
    assert_eq!(bench.call(named("nothing")), Response::Refused(Refusal::UnknownExport));
    assert_eq!(bench.device.board().entries().len(), stores);
}

#[test]
fn an_export_without_a_key_is_for_those_who_may_call_all() {
    let callers: &[(u8, Role, &[&str])] = &[(1, Role::Call, &["panel.*"]), (2, Role::Call, &["*"])];
    let mut image = hall();
    image.0.exports.iter_mut().filter(|export| export.name == "toggle").for_each(|export| export.key.clear());
    let mut bench = Bench::new(&image, callers);
    bench.open(1);
    assert_eq!(bench.call(named("toggle")), Response::Refused(Refusal::ExportNotAllowed));
    assert!(matches!(bench.call(named("lamp_on")), Response::Returned { .. }));
    bench.open(2);
    assert!(matches!(bench.call(named("toggle")), Response::Returned { .. }));
}

#[test]
fn a_handle_of_another_caller_opens_no_door() {
    let callers: &[(u8, Role, &[&str])] =
        &[(1, Role::Call, &["panel.lamp_on"]), (2, Role::Call, &["panel.toggle"])];
    let mut bench = Bench::new(&hall(), callers);
    bench.open(2);
    let Response::Bound { handle } = bench.ask(&Request::Bind { export: named("toggle") }) else {
        panic!("not bound")
    };
    let call = Request::CallHandle { handle, args: Args::new() };
    assert!(matches!(bench.ask(&call), Response::Returned { .. }));
    let stores = bench.device.board().entries().len();
    bench.open(1);
    for request in [call.clone(), Request::Release { handle }] {
        assert_eq!(bench.ask(&request), Response::Refused(Refusal::StaleHandle));
    }
    assert_eq!(bench.device.board().entries().len(), stores);
    // Its session has ended with the other one's first request, and the handle with it.
    bench.open(2);
    assert_eq!(bench.ask(&call), Response::Refused(Refusal::StaleHandle));
}

#[test]
fn only_a_caller_reads_what_a_module_says() {
    let mut bench = Bench::new(&hall(), &[(1, Role::Observe, &[])]);
    let log = |bench: &mut Bench, text: &str| bench.device.board_mut().log(LogLevel::Info, text);
    log(&mut bench, "nobody is there");
    assert!(!bench.service.has_reader());
    // A greeting has its answer, and nothing comes before it.
    assert!(matches!(bench.plainly(&Request::Hello { protocol: PROTOCOL, nonce: 1 }), Response::Hello(_)));
    log(&mut bench, "still nobody");
    bench.service.send_texts(&mut bench.wire, &mut bench.device);
    bench.service.send_bytes(&mut bench.wire, Channel::Defmt, b"log");
    assert!(bench.wire.to_host.is_empty());

    bench.open(1);
    assert!(
        matches!(bench.ask_with_texts(&Request::Status), (texts, Response::Status(_)) if texts.is_empty())
    );
    assert!(bench.service.has_reader());
    log(&mut bench, "somebody");
    let (texts, _) = bench.ask_with_texts(&Request::Status);
    assert_eq!(texts, ["somebody"]);
    bench.service.send_bytes(&mut bench.wire, Channel::Defmt, b"log");
    let [(channel, payload)] = &bench.exchange(&[])[..] else { panic!("one frame") };
    assert_eq!(*channel, Channel::TaggedStream as u8);
    let unasked = bench.session.as_mut().unwrap().unasked(payload);
    assert_eq!(unasked, Some((Channel::Defmt as u8, &b"log"[..])));
}

#[test]
fn a_stranger_keeps_no_module_from_missing_its_host() {
    let policy = FaultPolicy { link_timeout_ms: 2, ..FaultPolicy::default() };
    let mut bench = Bench::new(&hall().policy(policy), &[(1, Role::Observe, &[])]);
    bench.open(1);
    bench.ask(&Request::Status);
    let pass = |bench: &mut Bench, us| bench.device.pass(us, |board, us| board.port_mut().advance(us));
    pass(&mut bench, 1500);
    assert_eq!(bench.device.life(0), Life::Running);
    // Whatever he sends.
    let hello = Request::Hello { protocol: PROTOCOL, nonce: 1 };
    let open = Opening::new(secret(1), [9; 32]).request();
    for request in [hello, open, Request::Status] {
        bench.plainly(&request);
    }
    let mut buffer = [0; MAX_FRAME];
    bench.exchange(encode_bytes(Channel::TaggedRequest, &[7; 60], &mut buffer).unwrap());
    pass(&mut bench, 600);
    assert_eq!(bench.device.life(0), Life::Faulted);
    bench.plainly(&Request::Hello { protocol: PROTOCOL, nonce: 1 });
    assert_eq!(bench.device.life(0), Life::Faulted);
    // Who has the key is a host again, with the very request that says so.
    let Response::Module(status) = bench.ask(&Request::Module { module: 0 }) else { panic!("no status") };
    assert_eq!(status.life, Life::Running);
    assert!(happened(&bench.device).contains(&DeviceEventKind::HostBack));
}

#[test]
fn a_restart_is_an_operators_alone() {
    let mut bench = Bench::new(&hall(), &[(1, Role::Call, &["*"]), (2, Role::Operate, &[])]);
    let reset = Request::Reset { module: None };
    bench.plainly(&Request::Hello { protocol: PROTOCOL, nonce: 1 });
    assert_eq!(bench.plainly(&reset), Response::Refused(Refusal::KeyRequired));
    bench.open(1);
    assert_eq!(bench.ask(&reset), Response::Refused(Refusal::RoleTooLow { needs: Role::Operate }));
    assert!(!bench.service.wants_reset());
    bench.open(2);
    assert_eq!(bench.ask(&reset), Response::Done);
    assert!(bench.service.wants_reset());
}

#[test]
fn a_guarded_device_says_so() {
    let mut bench = Bench::new(&hall(), &[]);
    let Response::Hello(hello) = bench.plainly(&Request::Hello { protocol: PROTOCOL, nonce: 1 }) else {
        panic!("no greeting")
    };
    assert_ne!(hello.features & features::GUARDED, 0);
    assert_eq!(bench.plainly(&Request::Status), Response::Refused(Refusal::KeyRequired));
}
