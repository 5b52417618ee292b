//! Who may ask a guarded device what, over real frames, with everything that a man on the wire can do.

mod common;

use common::read_all;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use xmap_link::limits::{MAX_FRAME, MAX_TAGGED_STREAM, TAGGED_BYTES};
use xmap_link::*;

/// What a host got: a channel's number and a payload for each frame.
type Got = Vec<(u8, Vec<u8>)>;

fn secret(of: Role) -> Secret {
    Secret::new([0x40 + of as u8; 32])
}

fn keys() -> RoleKeys {
    let mut keys = RoleKeys::new();
    for role in Role::ALL {
        let exports = ["panel.*"].iter().filter_map(|text| Pattern::new(text)).collect();
        keys.add(RoleKey { secret: secret(role), role, exports }).unwrap();
    }
    keys
}

fn nonces(start: u8) -> Nonces {
    Nonces::from_seed(&core::array::from_fn::<u8, 32, _>(|n| n as u8 ^ start)).unwrap()
}

/// A guarded device that counts what it has run.
struct Device {
    reader: FrameReader,
    guard: AuthResponder,
    served: Vec<(Option<Role>, Request)>,
}

impl Device {
    /// One that has just started; `start` is which start.
    fn new(start: u8) -> Self {
        Self::with(AuthResponder::new(keys(), Some(nonces(start))))
    }

    fn with(guard: AuthResponder) -> Self {
        Self { reader: FrameReader::new(), guard, served: Vec::new() }
    }

    fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in bytes {
            let Some(frame) = self.reader.feed(*byte) else { continue };
            let reply = self.guard.respond(&frame, 0, |caller, request| {
                self.served.push((caller.map(|caller| caller.key.role), request.clone()));
                match request {
                    Request::Hello { nonce, .. } => Response::Hello(hello(nonce)),
                    _ => Response::Returned { results: [self.served.len() as u64].into_iter().collect() },
                }
            });
            out.extend_from_slice(self.guard.bytes(reply));
        }
        out
    }

    /// Returns what was run, greetings left out.
    fn run(&self) -> usize {
        self.served.iter().filter(|(_, request)| !matches!(request, Request::Hello { .. })).count()
    }
}

fn hello(nonce: u32) -> Hello {
    Hello {
        protocol: PROTOCOL,
        nonce,
        board: u16::MAX,
        boot: Boot::Safe,
        features: u32::MAX,
        clock_hz: u32::MAX,
        firmware: "v".repeat(limits::MAX_VERSION).as_str().try_into().unwrap(),
        image: Some(ImageInfo { hash: [0xff; 32], version: u32::MAX, exports: u16::MAX }),
    }
}

fn frames(bytes: &[u8]) -> Got {
    read_all(&mut FrameReader::<517>::new(), bytes)
}

/// An untagged answer, if that is what came.
fn plain(bytes: &[u8]) -> Response {
    let [(channel, payload)] = &frames(bytes)[..] else { panic!("one answer") };
    assert_eq!(*channel, Channel::Response as u8);
    decode_response(payload).unwrap().1
}

/// A host, and how many requests it has made.
struct Host {
    session: Session,
    seq: u16,
}

impl Host {
    fn greet(device: &mut Device) {
        let mut buffer = [0; MAX_FRAME];
        let hello = Request::Hello { protocol: PROTOCOL, nonce: 1 };
        let answer = device.receive(encode_request(1, &hello, &mut buffer).unwrap());
        assert!(matches!(plain(&answer), Response::Hello(_)));
    }

    /// Greets and opens a session; nothing has been asked in it.
    fn open(device: &mut Device, role: Role, nonce: u8) -> Self {
        Self::greet(device);
        let opening = Opening::new(secret(role), [nonce; 32]);
        let mut buffer = [0; MAX_FRAME];
        let answer = device.receive(encode_request(2, &opening.request(), &mut buffer).unwrap());
        let Response::Opened { nonce, role: told, proof } = plain(&answer) else { panic!("not opened") };
        assert_eq!(told, role);
        Self { session: opening.accept(&nonce, told, &proof).unwrap(), seq: 2 }
    }

    fn frame(&mut self, request: &Request) -> Vec<u8> {
        self.seq += 1;
        let mut buffer = [0; MAX_FRAME];
        self.session.encode(self.seq, request, &mut buffer).unwrap().to_vec()
    }

    /// The answer to the latest request, if a tagged one came.
    fn answer(&self, bytes: &[u8]) -> Option<Response> {
        frames(bytes).iter().filter(|(channel, _)| *channel == Channel::TaggedResponse as u8).find_map(
            |(_, payload)| {
                let (seq, response) = self.session.answer(payload)?.unwrap();
                assert_eq!(seq, self.seq);
                Some(response)
            },
        )
    }

    fn ask(&mut self, device: &mut Device, request: &Request) -> Response {
        let frame = self.frame(request);
        let answer = device.receive(&frame);
        self.answer(&answer).expect("a tagged answer")
    }
}

fn call() -> Request {
    Request::Call { export: Export::Id(1), args: Args::new() }
}

#[test]
fn without_a_key_a_device_answers_its_greeting_and_nothing_else() {
    let mut device = Device::new(0);
    let mut buffer = [0; MAX_FRAME];
    let status = encode_request(7, &Request::Status, &mut buffer).unwrap().to_vec();
    assert_eq!(plain(&device.receive(&status)), Response::Refused(Refusal::HelloFirst));
    Host::greet(&mut device);
    assert_eq!(plain(&device.receive(&status)), Response::Refused(Refusal::KeyRequired));
    let nobody = Opening::new(Secret::new([9; 32]), [1; 32]);
    let open = encode_request(8, &nobody.request(), &mut buffer).unwrap().to_vec();
    assert_eq!(plain(&device.receive(&open)), Response::Refused(Refusal::UnknownKey));
    assert_eq!(device.run(), 0);
    assert!(device.guard.stream(Channel::Text, b"x", &mut buffer).is_none());
}

#[test]
fn without_random_numbers_there_are_no_sessions() {
    let mut device = Device::with(AuthResponder::new(keys(), None));
    Host::greet(&mut device);
    let mut buffer = [0; MAX_FRAME];
    let open = Opening::new(secret(Role::Own), [1; 32]).request();
    let answer = device.receive(encode_request(8, &open, &mut buffer).unwrap());
    assert_eq!(plain(&answer), Response::Refused(Refusal::NoRandom));
}

#[test]
fn a_device_without_keys_lets_nobody_in() {
    let mut device = Device::with(AuthResponder::new(RoleKeys::new(), Some(nonces(0))));
    Host::greet(&mut device);
    let mut buffer = [0; MAX_FRAME];
    let open = Opening::new(secret(Role::Own), [1; 32]).request();
    let answer = device.receive(encode_request(8, &open, &mut buffer).unwrap());
    assert_eq!(plain(&answer), Response::Refused(Refusal::UnknownKey));
}

#[test]
fn each_role_may_what_it_says_and_what_those_below_it_may() {
    let requests = [
        (Role::Observe, Request::Status),
        (Role::Observe, Request::Trace { from: 0 }),
        (Role::Observe, Request::Happened { from: 0 }),
        (Role::Observe, Request::Clock),
        (Role::Observe, Request::Metrics { from: 0 }),
        (Role::Observe, Request::Callers { module: 0 }),
        (Role::Observe, Request::Ring { from: 0 }),
        (Role::Operate, Request::Recording { from: 0 }),
        (Role::Observe, Request::Firmware(FirmwareRequest::Status)),
        (Role::Call, Request::Parent(SpanParent { trace: [1; 16], span: [1; 8] })),
        (Role::Call, call()),
        (Role::Call, Request::CallBytes { export: Export::Id(0), args: Args::new() }),
        (
            Role::Call,
            Request::CallWith { export: Export::Id(0), args: Args::new(), bytes: ArgumentBytes::new() },
        ),
        (Role::Call, Request::Bind { export: Export::Id(0) }),
        (Role::Operate, Request::Begin { module: 0, bytes: 4, hash: [0; 32], token: 1 }),
        (Role::Operate, Request::Confirm { module: 0 }),
        (Role::Operate, Request::Rollback { module: 0 }),
        (Role::Operate, Request::Reset { module: None }),
        (Role::Operate, Request::SetClock { unix_us: 0 }),
        (Role::Own, Request::Policy { bytes: 4, token: 1 }),
        (Role::Own, Request::Firmware(FirmwareRequest::Begin { token: 1, seal: Default::default() })),
        (Role::Own, Request::Firmware(FirmwareRequest::Try)),
    ];
    for role in Role::ALL {
        let mut device = Device::new(0);
        let mut host = Host::open(&mut device, role, 1);
        for (needs, request) in &requests {
            assert_eq!(request.needs(), Some(*needs));
            let before = device.served.len();
            let answer = host.ask(&mut device, request);
            if role >= *needs {
                assert!(matches!(answer, Response::Returned { .. }));
                assert_eq!(device.served[before], (Some(role), request.clone()));
            } else {
                assert_eq!(answer, Response::Refused(Refusal::RoleTooLow { needs: *needs }));
                assert_eq!(device.served.len(), before);
            }
        }
    }
}

#[test]
fn a_lost_answer_comes_again_and_the_call_has_run_once() {
    let mut device = Device::new(0);
    let mut host = Host::open(&mut device, Role::Call, 1);
    let frame = host.frame(&call());
    let first = device.receive(&frame);
    // Strangers in between change nothing.
    Host::greet(&mut device);
    assert_eq!(device.receive(&frame), first);
    assert!(matches!(host.answer(&first), Some(Response::Returned { .. })));
    assert_eq!(device.run(), 1);
}

#[test]
fn an_opening_whose_answer_was_lost_is_answered_alike() {
    let mut device = Device::new(0);
    Host::greet(&mut device);
    let opening = Opening::new(secret(Role::Call), [1; 32]);
    let mut buffer = [0; MAX_FRAME];
    let open = encode_request(2, &opening.request(), &mut buffer).unwrap().to_vec();
    let first = device.receive(&open);
    assert_eq!(device.receive(&open), first);
    let Response::Opened { nonce, .. } = plain(&first) else { panic!("not opened") };
    // Another opening is not that one again, and takes its place.
    let another = Opening::new(secret(Role::Call), [2; 32]);
    let answer = device.receive(encode_request(3, &another.request(), &mut buffer).unwrap());
    let Response::Opened { nonce: another, .. } = plain(&answer) else { panic!("not opened") };
    assert_ne!(another, nonce, "a nonce is for one opening");
    let first = device.receive(&open);
    let Response::Opened { nonce, role, proof } = plain(&first) else { panic!("not opened") };
    let mut host = Host { session: opening.accept(&nonce, role, &proof).unwrap(), seq: 2 };
    assert!(matches!(host.ask(&mut device, &call()), Response::Returned { .. }));
    // Once it was used, the same opening gives another session.
    let Response::Opened { nonce: other, .. } = plain(&device.receive(&open)) else { panic!("not opened") };
    assert_ne!(other, nonce);
    assert!(matches!(host.ask(&mut device, &call()), Response::Returned { .. }));
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn a_device_that_lacks_the_key_is_not_believed() {
    let mut device = Device::new(0);
    Host::greet(&mut device);
    let opening = Opening::new(secret(Role::Call), [1; 32]);
    let mut buffer = [0; MAX_FRAME];
    let answer = device.receive(encode_request(2, &opening.request(), &mut buffer).unwrap());
    let Response::Opened { nonce, role, proof } = plain(&answer) else { panic!("not opened") };
    assert!(opening.accept(&nonce, role, &proof).is_some());
    assert!(opening.accept(&nonce, Role::Own, &proof).is_none(), "the role is part of it");
    for byte in 0..32 {
        for bit in 0..8 {
            let mut other = nonce;
            other[byte] ^= 1 << bit;
            assert!(opening.accept(&other, role, &proof).is_none());
        }
    }
    for bit in 0..128 {
        let mut other = proof;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(opening.accept(&nonce, role, &other).is_none());
    }
    // What it answered to somebody else's nonce.
    assert!(Opening::new(secret(Role::Call), [2; 32]).accept(&nonce, role, &proof).is_none());
    assert!(Opening::new(secret(Role::Own), [1; 32]).accept(&nonce, role, &proof).is_none());
}

/// A frame around a payload as it is.
fn wrap(channel: u8, payload: &[u8]) -> Vec<u8> {
    common::plain_frame(channel, payload)
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_flipped_bit_of_a_request_and_every_truncation_is_refused() {
    let mut device = Device::new(0);
    let mut host = Host::open(&mut device, Role::Own, 1);
    host.ask(&mut device, &call());
    let (channel, payload) = frames(&host.frame(&call())).remove(0);
    let ran = device.run();
    let mut refused = |payload: &[u8]| {
        let answer = device.receive(&wrap(channel, payload));
        if payload.len() < TAGGED_BYTES + 2 {
            assert_eq!(answer, []);
        } else {
            assert_eq!(plain(&answer), Response::Refused(Refusal::NoSession));
        }
    };
    for bit in 0..payload.len() * 8 {
        let mut changed = payload.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        refused(&changed);
    }
    for len in 0..payload.len() {
        refused(&payload[..len]);
        refused(&payload[payload.len() - len..]);
    }
    let longer = [&payload[..], &[0]].concat();
    refused(&longer);
    assert_eq!(device.run(), ran);
    let answer = device.receive(&wrap(channel, &payload));
    assert!(host.answer(&answer).is_some(), "the frame itself is good");
    assert_eq!(device.run(), ran + 1);
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_flipped_bit_of_an_answer_and_every_truncation_is_ignored() {
    let mut device = Device::new(0);
    let mut host = Host::open(&mut device, Role::Own, 1);
    let frame = host.frame(&call());
    let (channel, payload) = frames(&device.receive(&frame)).remove(0);
    assert_eq!(channel, Channel::TaggedResponse as u8);
    for bit in 0..payload.len() * 8 {
        let mut changed = payload.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(host.session.answer(&changed), None);
    }
    for len in 0..payload.len() {
        assert_eq!(host.session.answer(&payload[..len]), None);
    }
    assert!(host.session.answer(&payload).is_some());
    // An answer to the request before is none to this one.
    host.frame(&call());
    assert_eq!(host.session.answer(&payload), None);
}

#[test]
fn what_was_sent_is_not_taken_for_what_was_answered() {
    let mut device = Device::new(0);
    let mut host = Host::open(&mut device, Role::Own, 1);
    let sent = host.frame(&call());
    let answer = device.receive(&sent);
    let (sent, answer) = (frames(&sent).remove(0).1, frames(&answer).remove(0).1);
    // To the host its own request, to the device its own answer, on every channel.
    assert_eq!(host.session.answer(&sent), None);
    assert_eq!(host.session.unasked(&sent), None);
    assert_eq!(host.session.unasked(&answer), None);
    let ran = device.run();
    for channel in 0..=u8::MAX {
        let reply = device.receive(&wrap(channel, &answer));
        if channel == Channel::TaggedRequest as u8 {
            assert!(matches!(plain(&reply), Response::Refused(_)));
        }
    }
    assert_eq!(device.run(), ran);
}

#[test]
fn a_request_that_was_recorded_does_nothing_later() {
    let mut device = Device::new(0);
    let mut host = Host::open(&mut device, Role::Own, 1);
    let recorded: Vec<_> = (0..5).map(|_| host.frame(&call())).collect();
    for frame in &recorded {
        device.receive(frame);
    }
    assert_eq!(device.run(), 5);
    for frame in &recorded[..4] {
        assert_eq!(plain(&device.receive(frame)), Response::Refused(Refusal::NoSession));
    }
    // The latest gets its answer again, which the host ignores once it has asked anew.
    assert_eq!(frames(&device.receive(&recorded[4])).len(), 1);
    assert_eq!(device.run(), 5);
    // Nor do they after the device has restarted, with the opening before them.
    let opening = Opening::new(secret(Role::Own), [1; 32]).request();
    let mut buffer = [0; MAX_FRAME];
    let opening = encode_request(2, &opening, &mut buffer).unwrap();
    let mut device = Device::new(1);
    assert_eq!(plain(&device.receive(&recorded[0])), Response::Refused(Refusal::HelloFirst));
    Host::greet(&mut device);
    device.receive(opening);
    for frame in &recorded {
        assert_eq!(plain(&device.receive(frame)), Response::Refused(Refusal::NoSession));
    }
    assert_eq!(device.run(), 0);
}

#[test]
fn a_second_host_takes_over_with_a_request_and_not_before() {
    let mut device = Device::new(0);
    let mut first = Host::open(&mut device, Role::Call, 1);
    assert!(matches!(first.ask(&mut device, &call()), Response::Returned { .. }));
    let mut second = Host::open(&mut device, Role::Operate, 2);
    assert!(matches!(first.ask(&mut device, &call()), Response::Returned { .. }));
    assert_eq!(device.guard.caller().unwrap().role, Role::Call);
    assert!(matches!(second.ask(&mut device, &Request::Status), Response::Returned { .. }));
    assert_eq!(device.guard.caller().unwrap().role, Role::Operate);
    let frame = first.frame(&call());
    assert_eq!(plain(&device.receive(&frame)), Response::Refused(Refusal::NoSession));
    // The latest answer of the session before is nobody's any more.
    assert!(matches!(second.ask(&mut device, &call()), Response::Returned { .. }));
}

#[test]
fn an_opening_of_somebody_else_does_not_end_a_session() {
    let mut device = Device::new(0);
    let mut host = Host::open(&mut device, Role::Call, 1);
    host.ask(&mut device, &call());
    let mut buffer = [0; MAX_FRAME];
    for nonce in 0..if cfg!(miri) { 2 } else { 50 } {
        let opening = Opening::new(secret(Role::Own), [nonce; 32]).request();
        device.receive(encode_request(9, &opening, &mut buffer).unwrap());
        Host::greet(&mut device);
        assert!(matches!(host.ask(&mut device, &call()), Response::Returned { .. }));
    }
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn what_comes_unasked_is_the_devices_and_in_order() {
    let mut device = Device::new(0);
    let mut host = Host::open(&mut device, Role::Observe, 1);
    host.ask(&mut device, &Request::Status);
    let mut buffer = [0; MAX_FRAME];
    let mut send = |payload: &[u8]| {
        let frame = device.guard.stream(Channel::Text, payload, &mut buffer).unwrap().unwrap();
        frames(frame).remove(0).1
    };
    let sent: Vec<_> = (0..4u8).map(|n| send(&[n; 40])).collect();
    let longest = send(&[7; MAX_TAGGED_STREAM]);
    assert_eq!(host.session.unasked(&sent[0]), Some((Channel::Text as u8, &[0; 40][..])));
    assert_eq!(host.session.unasked(&sent[0]), None, "again");
    // One was lost, then the one before it comes late.
    assert_eq!(host.session.unasked(&sent[2]), Some((Channel::Text as u8, &[2; 40][..])));
    assert_eq!(host.session.unasked(&sent[1]), None);
    for bit in 0..sent[3].len() * 8 {
        let mut changed = sent[3].clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(host.session.unasked(&changed), None);
    }
    assert!(host.session.unasked(&sent[3]).is_some());
    assert_eq!(host.session.unasked(&longest), Some((Channel::Text as u8, &[7; MAX_TAGGED_STREAM][..])));
    let too_long = device.guard.stream(Channel::Text, &[0; MAX_TAGGED_STREAM + 1], &mut buffer);
    assert_eq!(too_long, Some(Err(EncodeError::PayloadTooLong)));
}

#[test]
fn what_a_later_version_asks_is_refused_with_a_tag() {
    let mut device = Device::new(0);
    let mut host = Host::open(&mut device, Role::Own, 1);
    // An opening within a session is none.
    let open = Opening::new(secret(Role::Own), [3; 32]).request();
    assert_eq!(host.ask(&mut device, &open), Response::Refused(Refusal::Unsupported));
    let greeted = host.ask(&mut device, &Request::Hello { protocol: PROTOCOL, nonce: 77 });
    assert_eq!(greeted, Response::Hello(hello(77)));
}

/// Which frame of a recorded conversation the man on the wire sends, and what he does to it.
#[derive(Clone, Copy, Debug)]
enum Trick {
    Pass,
    Drop,
    Twice,
    Earlier(Index),
    Flip(Index, u8),
    Cut(Index),
    Channel(u8),
}

fn trick() -> impl Strategy<Value = Trick> {
    prop_oneof![
        4 => Just(Trick::Pass),
        1 => Just(Trick::Drop),
        2 => Just(Trick::Twice),
        2 => any::<Index>().prop_map(Trick::Earlier),
        2 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Trick::Flip(at, bit)),
        1 => any::<Index>().prop_map(Trick::Cut),
        1 => any::<u8>().prop_map(Trick::Channel),
    ]
}

proptest! {
    /// Whatever he does: the device runs a prefix of what the host sent, in order, each at most once, leaving
    /// some out; and the host takes for an answer only what the device wrote to that request.
    #[test]
    fn a_man_on_the_wire_can_only_cut_it(
        tricks in vec((trick(), trick(), common::operation()), 1..12)
    ) {
        let mut device = Device::new(0);
        let mut host = Host::open(&mut device, Role::Own, 1);
        let (mut sent, mut answers): (Got, Got) = (Vec::new(), Vec::new());
        let mut asked = Vec::new();
        let tampered = |trick: Trick, frame: (u8, Vec<u8>), seen: &mut Got| {
            seen.push(frame.clone());
            let (channel, payload) = frame;
            match trick {
                Trick::Pass => vec![(channel, payload)],
                Trick::Drop => vec![],
                Trick::Twice => vec![(channel, payload.clone()), (channel, payload)],
                Trick::Earlier(at) => vec![seen[at.index(seen.len())].clone()],
                Trick::Flip(at, bit) => {
                    let mut payload = payload;
                    let at = at.index(payload.len());
                    payload[at] ^= 1 << bit;
                    vec![(channel, payload)]
                }
                Trick::Cut(at) => vec![(channel, payload[..at.index(payload.len())].to_vec())],
                Trick::Channel(channel) => vec![(channel, payload)],
            }
        };
        for (there, back, request) in tricks {
            let frame = frames(&host.frame(&request)).remove(0);
            asked.push(request);
            for (channel, payload) in tampered(there, frame, &mut sent) {
                let before = device.served.len();
                let reply = device.receive(&wrap(channel, &payload));
                for frame in frames(&reply) {
                    for (channel, payload) in tampered(back, frame, &mut answers) {
                        if channel == Channel::TaggedResponse as u8
                            && let Some(answer) = host.session.answer(&payload)
                        {
                            // It is what the device said when it ran this very request.
                            let (seq, answer) = answer.unwrap();
                            prop_assert_eq!(seq, host.seq);
                            let Response::Returned { results } = answer else {
                                prop_assert!(matches!(asked.last(), Some(Request::Open { .. })), "{:?}", answer);
                                continue;
                            };
                            let ran = device.served.get(results[0] as usize - 1);
                            prop_assert_eq!(ran.map(|(_, request)| request), asked.last());
                        }
                    }
                }
                prop_assert!(device.served.len() <= before + 1);
            }
        }
        let mut rest = asked.iter();
        for (role, request) in device.served.iter().filter(|(role, _)| role.is_some()) {
            prop_assert_eq!(*role, Some(Role::Own));
            prop_assert!(rest.any(|asked| asked == request), "{:?} was not asked, or not in this order", request);
        }
    }

    #[test]
    fn any_frame_is_refused_or_ignored(channel: u8, payload in vec(any::<u8>(), 0..512)) {
        let mut device = Device::new(0);
        let mut host = Host::open(&mut device, Role::Own, 1);
        host.ask(&mut device, &Request::Status);
        let ran = device.run();
        device.receive(&wrap(channel, &payload));
        prop_assert_eq!(device.run(), ran);
        prop_assert_eq!(host.session.answer(&payload), None);
        prop_assert_eq!(host.session.unasked(&payload), None);
    }
}
