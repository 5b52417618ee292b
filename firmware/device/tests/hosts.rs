//! Hosts side by side: what belongs to one, what ends with it, and what its own mistakes are.

mod common;

use common::{Memory, Says, bytes, call, device, happened, put, ret};
use tiny_mapper::CallError;
use xmap_device::{Device, Identity, MAX_HANDLES, MAX_HOSTS, NotCalled, Recorder, Service};
use xmap_image::{Confirm, FaultPolicy, OnFault, Op, PinMode, Pull, Safe, Ty};
use xmap_link::limits::MAX_FRAME;
use xmap_link::*;
use xmap_sim::{Heap, SimBoard};

const IDENTITY: Identity =
    Identity { board: 1, boot: Boot::Normal, features: 0, clock_hz: 1_000_000, firmware: "0.1.0" };

type Board = Recorder<SimBoard, 8, 64>;

/// A host on a wire of its own.
struct Host {
    service: Service,
    wire: Memory,
    seq: u16,
    session: Option<Session>,
}

impl Host {
    fn new(service: Service) -> Self {
        Self { service, wire: Memory::default(), seq: 0, session: None }
    }

    /// A host on an open link, greeted.
    fn open(device: &mut Device<Heap, Board>) -> Self {
        let mut host = Self::new(Service::new(IDENTITY));
        host.greet(device);
        host
    }

    fn exchange(&mut self, device: &mut Device<Heap, Board>, bytes: &[u8]) -> (u8, Vec<u8>) {
        self.wire.exchange(&mut self.service, device, bytes).pop().expect("an answer")
    }

    fn plainly(&mut self, device: &mut Device<Heap, Board>, request: &Request) -> Response {
        self.seq += 1;
        let mut buffer = [0; MAX_FRAME];
        let frame = encode_request(self.seq, request, &mut buffer).unwrap().to_vec();
        decode_response(&self.exchange(device, &frame).1).unwrap().1
    }

    fn ask(&mut self, device: &mut Device<Heap, Board>, request: &Request) -> Response {
        let Some(mut session) = self.session.take() else { return self.plainly(device, request) };
        self.seq += 1;
        let mut buffer = [0; MAX_FRAME];
        let frame = session.encode(self.seq, request, &mut buffer).unwrap().to_vec();
        let (_, payload) = self.exchange(device, &frame);
        let answer = session.answer(&payload).expect("the device's answer").unwrap().1;
        self.session = Some(session);
        answer
    }

    fn greet(&mut self, device: &mut Device<Heap, Board>) {
        let hello = self.plainly(device, &Request::Hello { protocol: PROTOCOL, nonce: 1 });
        assert!(matches!(hello, Response::Hello(_)), "{hello:?}");
    }

    /// Asks for a session with the key of this byte; the refusal, if there is one.
    fn begin(&mut self, device: &mut Device<Heap, Board>, key: u8) -> Result<(), Refusal> {
        self.greet(device);
        let opening = Opening::new(Secret::new([key; 32]), [self.seq as u8; 32]);
        match self.plainly(device, &opening.request()) {
            Response::Opened { nonce, role, proof } => {
                self.session = Some(opening.accept(&nonce, role, &proof).unwrap());
                Ok(())
            }
            Response::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    fn bind(&mut self, device: &mut Device<Heap, Board>) -> Option<u32> {
        match self.ask(device, &Request::Bind { export: Export::name("on").unwrap() }) {
            Response::Bound { handle } => Some(handle),
            Response::Refused(Refusal::NoHandle) => None,
            other => panic!("{other:?}"),
        }
    }

    fn call(&mut self, device: &mut Device<Heap, Board>, handle: u32) -> Response {
        self.ask(device, &Request::CallHandle { handle, args: Args::new() })
    }
}

/// A lamp on line 17, an export that sets any line, and one that goes wrong by itself.
fn lamp(version: u32, policy: FaultPolicy) -> Vec<u8> {
    let mut small = common::Small::new()
        .pin(17, "lamp", PinMode::Out, Safe::Low, Pull::None)
        .direct("on", &[], &[], put(17, true))
        .direct("set", &[Ty::U8, Ty::Bool], &[], Op::GpioPut.abc(1, 2, 0))
        .direct("set_any", &[Ty::U32, Ty::Bool], &[], Op::GpioPut.abc(1, 2, 0))
        .code("broken", &[Ty::Bool], &[], &[Op::Unreachable.abc(0, 0, 0), ret()])
        .named("lamp")
        .policy(policy);
    small.0.version = version;
    bytes(&small)
}

fn with_lamp() -> Device<Heap, Board> {
    let mut device = device(Recorder::new(SimBoard::new()));
    device.install(0, &lamp(1, FaultPolicy::default())).unwrap();
    device
}

const STALE: Response = Response::Refused(Refusal::StaleHandle);

#[test]
fn a_handle_is_its_hosts_alone() {
    let mut device = with_lamp();
    let (mut one, mut other) = (Host::open(&mut device), Host::open(&mut device));
    let handle = one.bind(&mut device).unwrap();
    assert_eq!(other.call(&mut device, handle), STALE);
    assert_eq!(other.ask(&mut device, &Request::Release { handle }), STALE);
    assert!(matches!(one.call(&mut device, handle), Response::Returned { .. }));
    assert_eq!(one.ask(&mut device, &Request::Release { handle }), Response::Done);
    assert_eq!(one.call(&mut device, handle), STALE);
}

#[test]
fn nobody_takes_anothers_handles_and_they_end_with_their_host() {
    let mut device = with_lamp();
    for _ in 0..100 {
        let mut hosts: Vec<Host> = (0..MAX_HOSTS).map(|_| Host::open(&mut device)).collect();
        for host in &mut hosts {
            for _ in 0..MAX_HANDLES {
                assert!(host.bind(&mut device).is_some());
            }
            assert_eq!(host.bind(&mut device), None);
        }
        hosts.iter_mut().for_each(|host| host.service.end(&mut device));
    }
}

/// On bare metal there is one wire: whoever greets anew has nothing of who came before.
#[test]
fn on_one_wire_a_new_session_frees_what_the_one_before_had() {
    let mut device = with_lamp();
    let mut host = Host::open(&mut device);
    let handle = host.bind(&mut device).unwrap();
    let begin = Request::Begin { module: 0, bytes: 64, hash: [0; 32], token: 7 };
    assert_eq!(host.ask(&mut device, &begin), Response::Staging { next: 0 });
    host.greet(&mut device);
    assert_eq!(host.call(&mut device, handle), STALE);
    assert_eq!(happened(&device).last(), Some(&DeviceEventKind::TransferEnded));
    assert_eq!(host.ask(&mut device, &Request::Abort { token: 7 }), Response::Refused(Refusal::NoTransfer));
}

fn guarded(keys: &[(u8, Role)]) -> Service {
    let mut table = RoleKeys::new();
    for (byte, role) in keys {
        let exports = [Pattern::new("*").unwrap()].into_iter().collect();
        table.add(RoleKey { secret: Secret::new([*byte; 32]), role: *role, exports }).unwrap();
    }
    let seed: [u8; 32] = core::array::from_fn(|n| n as u8);
    Service::guarded(IDENTITY, AuthResponder::new(table, Nonces::from_seed(&seed)))
}

#[test]
fn a_guarded_session_ends_with_the_next_ones_first_request_and_not_with_a_strangers_words() {
    let mut device = with_lamp();
    let mut host = Host::new(guarded(&[(1, Role::Own), (2, Role::Call)]));
    host.begin(&mut device, 1).unwrap();
    let handle = host.bind(&mut device).unwrap();
    assert_eq!(host.service.role(), Some(Role::Own));
    let mut first = host.session.take().unwrap();
    // Somebody greets and opens on the same wire, and asks nothing.
    host.begin(&mut device, 2).unwrap();
    std::mem::swap(&mut first, host.session.as_mut().unwrap());
    assert!(matches!(host.call(&mut device, handle), Response::Returned { .. }), "it goes on");
    std::mem::swap(&mut first, host.session.as_mut().unwrap());
    assert_eq!(host.call(&mut device, handle), STALE, "the first request of the other session");
    assert_eq!(host.service.role(), Some(Role::Call));
    assert!(host.bind(&mut device).is_some_and(|new| new != handle));
}

#[test]
fn a_transfer_is_its_hosts_alone_and_ends_with_it() {
    let mut device = with_lamp();
    let (mut one, mut other) = (Host::open(&mut device), Host::open(&mut device));
    let begin = |token| Request::Begin { module: 0, bytes: 64, hash: [1; 32], token };
    assert_eq!(one.ask(&mut device, &begin(7)), Response::Staging { next: 0 });
    let none = Response::Refused(Refusal::NoTransfer);
    let chunk = Request::Chunk { token: 7, offset: 0, data: Chunk::from_slice(&[0; 8]).unwrap() };
    for request in [&chunk, &Request::Commit { token: 7 }, &Request::Abort { token: 7 }] {
        assert_eq!(other.ask(&mut device, request), none, "{request:?}");
    }
    assert_eq!(one.ask(&mut device, &chunk), Response::Staging { next: 8 });
    assert!(matches!(other.ask(&mut device, &begin(8)), Response::Refused(Refusal::Busy { .. })));
    one.service.end(&mut device);
    assert_eq!(other.ask(&mut device, &begin(8)), Response::Staging { next: 0 });
}

#[test]
fn where_there_is_no_room_a_greeting_is_answered_and_nothing_else() {
    let mut device = with_lamp();
    let busy = Response::Refused(Refusal::Busy { retry_ms: FULL_RETRY_MS });
    let mut host = Host::new(Service::new(IDENTITY));
    host.service.set_full(Some(Role::Own));
    host.greet(&mut device);
    assert_eq!((host.ask(&mut device, &Request::Status), host.service.role()), (busy.clone(), None));
    host.service.set_full(None);
    assert!(matches!(host.ask(&mut device, &Request::Status), Response::Status(_)));
    assert_eq!(host.service.role(), Some(Role::Own));
    host.service.set_full(Some(Role::Own));
    assert!(matches!(host.ask(&mut device, &Request::Status), Response::Status(_)), "it goes on");

    let mut host = Host::new(guarded(&[(1, Role::Own), (2, Role::Observe)]));
    host.service.set_full(Some(Role::Operate));
    assert_eq!(host.begin(&mut device, 2), Err(Refusal::Busy { retry_ms: FULL_RETRY_MS }));
    assert_eq!(host.begin(&mut device, 1), Ok(()), "a higher role finds room");
    assert!(matches!(host.ask(&mut device, &Request::Status), Response::Status(_)));
}

fn trial(on_trap: OnFault) -> FaultPolicy {
    FaultPolicy { confirm_ms: 1000, confirm: Confirm::Host, on_trap, restarts: 9, ..FaultPolicy::default() }
}

fn is_trap<T>(outcome: &Result<T, NotCalled>) -> bool {
    matches!(outcome, Err(NotCalled::Call(CallError::Trap(_))))
}

#[test]
fn a_hosts_own_argument_ends_no_trial_and_is_counted_apart() {
    for on_trap in [OnFault::Hold, OnFault::Restart] {
        let mut device = with_lamp();
        device.install(0, &lamp(2, trial(on_trap))).unwrap();
        // A line that is not declared, one that does not exist, a value that its type does not have.
        let mistakes = [("set", [27, 1]), ("set_any", [1000, 1]), ("set", [256, 1]), ("set", [17, 2])];
        for (name, args) in mistakes {
            let outcome = call(&mut device, name, &args);
            assert!(is_trap(&outcome), "{name} {args:?}: {outcome:?}");
        }
        assert_eq!(device.image(0).unwrap().header().version, 2, "the trial goes on");
        assert_eq!((device.mistakes(), device.calls().1, device.life(0)), (4, 0, Life::Running));
        assert_eq!(device.status(0).unwrap().trap, None);
        let told = happened(&device);
        assert_eq!(told.iter().filter(|what| matches!(what, DeviceEventKind::Mistaken(_))).count(), 4);
        assert_eq!(told.contains(&DeviceEventKind::MadeSafe), on_trap == OnFault::Restart, "{told:?}");
        let mut host = Host::open(&mut device);
        let counts = host.ask(&mut device, &Request::Hosts);
        assert_eq!(counts, Response::Hosts(HostCounts { mistakes: 4, ..HostCounts::default() }));
        // What goes wrong in the module is the module's.
        assert!(is_trap(&call(&mut device, "broken", &[1])));
        assert_eq!(device.image(0).unwrap().header().version, 1, "rolled back");
        assert_eq!((device.mistakes(), device.calls().1), (4, 1));
    }
}

/// The line that traps has to be the one that the host named: a `bool` of 1 is not line 1.
#[test]
fn a_line_that_the_module_chose_is_not_the_hosts() {
    let code = [Op::Const32.a16(2, 1), Op::GpioPut.abc(2, 1, 0), ret()];
    let mut small = common::Small::new()
        .pin(17, "lamp", PinMode::Out, Safe::Low, Pull::None)
        .direct("on", &[], &[], put(17, true))
        .code("wrong", &[Ty::Bool], &[], &code)
        .named("lamp")
        .policy(trial(OnFault::Hold));
    small.0.version = 2;
    let mut device = with_lamp();
    device.install(0, &bytes(&small)).unwrap();
    assert!(is_trap(&call(&mut device, "wrong", &[1])));
    assert_eq!((device.image(0).unwrap().header().version, device.mistakes()), (1, 0));
}
