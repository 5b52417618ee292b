//! An honest host and a guarded device with somebody between them who has no key.

use std::collections::BTreeMap;

use xmap_link::limits::MAX_FRAME;
use xmap_link::*;

use super::changes::change;
use super::entropy::Entropy;

/// How often what is rare came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// Sessions that the host began.
    pub sessions: u32,
    /// Requests of the host that the device ran.
    pub served: u32,
    /// Requests of the host that its role does not include.
    pub too_low: u32,
    /// Answers that the host believed.
    pub believed: u32,
    /// Frames of the one between that the device gave nothing for.
    pub fended_off: u32,
}

/// Returns what the choices let happen: the host begins sessions and asks, frames are lost, and the one
/// between sends what he has seen, what he has changed, and what he has made up.
///
/// Only what the host has asked is run, in its order, each once, and within its key's role; the host believes
/// only what the device answered to that very request.
pub fn link_guard(data: &[u8]) -> Guarded {
    let mut entropy = Entropy::of(data);
    let mut world = World::new(&mut entropy);
    for _ in 0..entropy.below(48) {
        world.step(&mut entropy);
    }
    world.told
}

struct World {
    guard: AuthResponder,
    reader: FrameReader,
    secrets: [Secret; 2],
    roles: [Role; 2],
    host: Option<Host>,
    /// Every request that the host ever sent in a session, with the role of its key; the place says which it
    /// is.
    asked: Vec<(Request, Role)>,
    /// The place of the first that may still be run.
    next: usize,
    /// What the device answered to which.
    answers: BTreeMap<usize, Response>,
    /// Frames that were on the wire, of both directions.
    seen: Vec<Vec<u8>>,
    nonces: u8,
    told: Guarded,
}

struct Host {
    session: Session,
    reader: FrameReader,
    /// The latest request: its place, its number and its frame.
    latest: Option<(usize, u16, Vec<u8>)>,
}

impl World {
    fn new(entropy: &mut Entropy<'_>) -> Self {
        let secrets = [Secret::new([1; 32]), Secret::new([2; 32])];
        let roles = [entropy.pick(&Role::ALL), entropy.pick(&Role::ALL)];
        let mut keys = RoleKeys::new();
        for (secret, role) in secrets.iter().zip(roles) {
            let key = RoleKey { secret: secret.clone(), role, exports: Default::default() };
            keys.add(key).expect("they differ");
        }
        let seed: [u8; 32] = core::array::from_fn(|n| n as u8);
        Self {
            guard: AuthResponder::new(keys, Nonces::from_seed(&seed)),
            reader: FrameReader::new(),
            secrets,
            roles,
            host: None,
            asked: Vec::new(),
            next: 0,
            answers: BTreeMap::new(),
            seen: Vec::new(),
            nonces: 0,
            told: Guarded::default(),
        }
    }

    fn step(&mut self, entropy: &mut Entropy<'_>) {
        match entropy.below(10) {
            0 => self.open(entropy),
            1..4 => self.ask(entropy),
            4 => {
                // The host got no answer.
                let Some((_, _, frame)) = self.host.as_ref().and_then(|host| host.latest.clone()) else {
                    return;
                };
                self.device_gets(&frame, true, entropy);
            }
            5 => {
                let Some(frame) = self.some_seen(entropy) else { return };
                self.device_gets(&frame, false, entropy);
            }
            6 => {
                // Changed, with a checksum that holds, on any channel.
                let Some(frame) = self.some_seen(entropy) else { return };
                let Some((_, mut payload)) = take_apart(&frame) else { return };
                change(&mut payload, entropy);
                let channel =
                    entropy.pick(&[Channel::TaggedRequest, Channel::TaggedRequest, Channel::Request]);
                if let Ok(frame) = encode_bytes(channel, &payload, &mut [0; MAX_FRAME]) {
                    self.device_gets(frame, false, entropy);
                }
            }
            7 => {
                let number = entropy.u32();
                let request = any_request(entropy, number);
                let frame = encode_request(7, &request, &mut [0; MAX_FRAME]).expect("it fits").to_vec();
                self.device_gets(&frame, false, entropy);
            }
            8 => {
                let bytes: Vec<u8> = (0..entropy.below(40)).map(|_| entropy.u8()).collect();
                self.device_gets(&bytes, false, entropy);
            }
            _ => {
                // To the host, as if the device had sent it.
                let Some(frame) = self.some_seen(entropy) else { return };
                let Some((_, mut payload)) = take_apart(&frame) else { return };
                change(&mut payload, entropy);
                if let Ok(frame) = encode_bytes(Channel::TaggedResponse, &payload, &mut [0; MAX_FRAME]) {
                    let frame = frame.to_vec();
                    self.host_gets(&frame);
                }
            }
        }
    }

    fn some_seen(&self, entropy: &mut Entropy<'_>) -> Option<Vec<u8>> {
        let most = self.seen.len().checked_sub(1)?;
        self.seen.get(entropy.below(most as u32 + 1) as usize).cloned()
    }

    /// The host greets and opens a session; where the answers come back, it has one.
    fn open(&mut self, entropy: &mut Entropy<'_>) {
        let hello = Request::Hello { protocol: PROTOCOL, nonce: 1 };
        let hello = encode_request(1, &hello, &mut [0; MAX_FRAME]).expect("it fits").to_vec();
        self.device_gets(&hello, false, entropy);
        self.nonces += 1;
        let which = entropy.below(2) as usize;
        let opening = Opening::new(self.secrets[which].clone(), [self.nonces; 32]);
        let frame = encode_request(2, &opening.request(), &mut [0; MAX_FRAME]).expect("it fits").to_vec();
        let answer = self.device_gets(&frame, false, entropy);
        let Some((channel, mut payload)) = take_apart(&answer) else { return };
        assert_eq!(channel, Channel::Response as u8);
        let genuine = payload.clone();
        if entropy.below(8) == 0 {
            change(&mut payload, entropy);
        }
        let Ok((_, Response::Opened { nonce, role, proof })) = decode_response(&payload) else { return };
        let session = opening.accept(&nonce, role, &proof);
        // It is what is said that counts: a varint may be longer than need be, and the number is no part of
        // the proof.
        let said = |payload: &[u8]| decode_response(payload).map(|(_, response)| response);
        let same = said(&payload) == said(&genuine);
        assert_eq!(session.is_some(), same, "a device without the key is believed, or one with it is not");
        let Some(session) = session else { return };
        assert_eq!(session.role(), self.roles[which]);
        self.told.sessions += 1;
        self.host = Some(Host { session, reader: FrameReader::new(), latest: None });
    }

    fn ask(&mut self, entropy: &mut Entropy<'_>) {
        let place = self.asked.len();
        let request = any_request(entropy, place as u32);
        let Some(host) = &mut self.host else { return };
        let seq = entropy.below(3) as u16;
        let mut buffer = [0; MAX_FRAME];
        let frame = host.session.encode(seq, &request, &mut buffer).expect("it fits").to_vec();
        host.latest = Some((place, seq, frame.clone()));
        self.asked.push((request, host.session.role()));
        if entropy.below(5) != 0 {
            self.device_gets(&frame, true, entropy);
        } else {
            // It is lost on its way, and somebody has it.
            self.seen.push(frame);
        }
    }

    /// Bytes arrive at the device. What it sends back goes to the host, unless it is lost.
    fn device_gets(&mut self, bytes: &[u8], honest: bool, entropy: &mut Entropy<'_>) -> Vec<u8> {
        self.seen.push(bytes.to_vec());
        let mut sent = Vec::new();
        for byte in bytes {
            let Some(frame) = self.reader.feed(*byte) else { continue };
            let mut ran = None;
            let (asked, next) = (&self.asked, &mut self.next);
            let reply = self.guard.respond(&frame, 5, |caller, request| match caller {
                None => {
                    assert!(matches!(request, Request::Hello { .. }), "{request:?} of a stranger");
                    Response::Refused(Refusal::NoImage)
                }
                Some(Caller { key, .. }) => {
                    let found = asked[*next..].iter().position(|(asked, _)| *asked == request);
                    let place = *next
                        + found.unwrap_or_else(|| panic!("{request:?}: nobody asked this, or once more"));
                    *next = place + 1;
                    assert_eq!(key.role, asked[place].1);
                    assert!(request.needs().is_none_or(|needs| needs <= key.role));
                    let response = Response::Bound { handle: place as u32 };
                    ran = Some((place, response.clone()));
                    response
                }
            });
            self.told.served += u32::from(ran.is_some());
            self.told.fended_off += u32::from(!honest && ran.is_none());
            self.answers.extend(ran);
            sent.extend(self.guard.bytes(reply));
        }
        if !sent.is_empty() {
            self.seen.push(sent.clone());
            if entropy.below(6) != 0 {
                self.host_gets(&sent);
            }
        }
        sent
    }

    fn host_gets(&mut self, bytes: &[u8]) {
        let Some(host) = &mut self.host else { return };
        for byte in bytes {
            let Some(frame) = host.reader.feed(*byte) else { continue };
            if frame.channel != Channel::TaggedResponse as u8 {
                continue;
            }
            let Some(answer) = host.session.answer(frame.payload) else { continue };
            let (place, seq, _) = host.latest.as_ref().expect("there is no answer before a request");
            let (got, response) = answer.expect("the device wrote it");
            assert_eq!(got, *seq);
            self.told.believed += 1;
            match response {
                Response::Refused(Refusal::RoleTooLow { needs }) => {
                    assert!(needs > host.session.role());
                    self.told.too_low += 1;
                }
                Response::Refused(Refusal::Unsupported) => {
                    assert!(matches!(self.asked[*place].0, Request::Open { .. }));
                }
                response => {
                    assert_eq!(self.answers.get(place), Some(&response), "an answer to something else")
                }
            }
        }
    }
}

/// A request of any role; the number makes it one of a kind.
fn any_request(entropy: &mut Entropy<'_>, number: u32) -> Request {
    match entropy.below(7) {
        0 => Request::Hello { protocol: PROTOCOL, nonce: number },
        1 => Request::Trace { from: number },
        2 => Request::Release { handle: number },
        3 => Request::CallHandle { handle: number, args: Args::new() },
        4 => Request::Commit { token: number },
        5 => Request::Abort { token: number },
        _ => Request::Open {
            key: Secret::new([1 + (number & 1) as u8; 32]).id(),
            nonce: [0x80 | number as u8; 32],
        },
    }
}

/// The channel and the payload of a frame.
fn take_apart(bytes: &[u8]) -> Option<(u8, Vec<u8>)> {
    let mut reader: FrameReader = FrameReader::new();
    bytes.iter().find_map(|byte| reader.feed(*byte).map(|frame| (frame.channel, frame.payload.to_vec())))
}

/// Any bytes as a table of keys, as they are and behind a head with a checksum that holds, so that they are
/// read. What is read is, written again, the same table.
pub fn role_keys(data: &[u8]) -> bool {
    _ = RoleKeys::parse(data);
    let mut bytes = KEYS_MAGIC.to_vec();
    bytes.extend(KEYS_FORMAT.to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes.extend(crc(&bytes).to_le_bytes());
    let Ok(keys) = RoleKeys::parse(&bytes) else { return false };
    let mut buffer = [0; MAX_KEYS_BYTES];
    let again = keys.write(&mut buffer).expect("it has room");
    assert_eq!(RoleKeys::parse(again), Ok(keys));
    true
}

/// CRC-32 as docs/link.md has it.
fn crc(bytes: &[u8]) -> u32 {
    let shifted = |n: u32| (0..8).fold(n, |c, _| if c & 1 != 0 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 });
    !bytes.iter().fold(u32::MAX, |c, byte| shifted((c ^ u32::from(*byte)) & 0xff) ^ (c >> 8))
}
