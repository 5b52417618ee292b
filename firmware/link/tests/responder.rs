//! The device's side of the rules, over real frames.

mod common;

use xmap_link::limits::MAX_FRAME;
use xmap_link::*;

/// A device that counts what it was asked.
struct Device {
    reader: FrameReader,
    responder: Responder,
    served: Vec<Request>,
}

impl Device {
    fn new() -> Self {
        Self { reader: FrameReader::new(), responder: Responder::new(), served: Vec::new() }
    }

    fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in bytes {
            if let Some(frame) = self.reader.feed(*byte) {
                let answer = self.responder.respond(&frame, |request| {
                    self.served.push(request.clone());
                    match request {
                        Request::Hello { nonce, .. } => Response::Hello(Hello {
                            protocol: PROTOCOL,
                            nonce,
                            board: 1,
                            boot: Boot::Normal,
                            features: features::TRACE,
                            clock_hz: 54_000_000,
                            firmware: "0.1.0".try_into().unwrap(),
                            image: None,
                        }),
                        Request::Call { .. } => {
                            Response::Returned { results: [self.served.len() as u64].into() }
                        }
                        _ => Response::Refused(Refusal::NoImage),
                    }
                });
                out.extend_from_slice(answer);
            }
        }
        out
    }

    fn ask(&mut self, seq: u16, request: &Request) -> Response {
        let mut buffer = [0; MAX_FRAME];
        let bytes = self.receive(encode_request(seq, request, &mut buffer).unwrap());
        answer(&bytes, seq)
    }
}

fn answer(bytes: &[u8], seq: u16) -> Response {
    let frames = common::read_all(&mut FrameReader::<517>::new(), bytes);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].0, Channel::Response as u8);
    let (got, response) = decode_response(&frames[0].1).unwrap();
    assert_eq!(got, seq);
    response
}

fn hello(protocol: u16) -> Request {
    Request::Hello { protocol, nonce: 7 }
}

fn call(arg: u64) -> Request {
    Request::Call { export: Export::Id(0), args: [arg].into_iter().collect() }
}

#[test]
fn a_session_begins_with_a_greeting() {
    let mut device = Device::new();
    assert_eq!(device.ask(1, &call(1)), Response::Refused(Refusal::HelloFirst));
    assert_eq!(device.served, []);
    assert!(matches!(device.ask(2, &hello(PROTOCOL)), Response::Hello(h) if h.nonce == 7));
    assert!(matches!(device.ask(3, &call(1)), Response::Returned { .. }));
    assert_eq!(device.responder.refused(), 1);
}

#[test]
fn a_host_of_another_protocol_learns_ours_and_no_more() {
    let mut device = Device::new();
    assert!(matches!(device.ask(1, &hello(PROTOCOL)), Response::Hello(_)));
    assert!(matches!(device.ask(1, &hello(PROTOCOL + 1)), Response::Hello(h) if h.protocol == PROTOCOL));
    assert_eq!(device.ask(2, &call(1)), Response::Refused(Refusal::HelloFirst));
}

#[test]
fn a_repeated_call_runs_once_and_gets_the_same_answer() {
    let mut device = Device::new();
    device.ask(1, &hello(PROTOCOL));
    let first = device.ask(2, &call(5));
    assert_eq!(device.ask(2, &call(5)), first);
    assert_eq!(device.ask(2, &call(5)), first);
    assert_eq!(device.served.len(), 2);
    // Another request with the same number is another request; so is the next number.
    assert_ne!(device.ask(2, &call(6)), first);
    assert_ne!(device.ask(3, &call(6)), first);
    assert_eq!(device.served.len(), 4);
}

#[test]
fn a_new_session_does_not_get_the_answers_of_the_last() {
    let mut device = Device::new();
    for _ in 0..2 {
        device.ask(1, &hello(PROTOCOL));
        device.ask(2, &call(5));
    }
    assert_eq!(device.served.len(), 4);
}

#[test]
fn what_cannot_be_read_is_refused_by_its_number() {
    let mut device = Device::new();
    device.ask(1, &hello(PROTOCOL));
    let mut refusal = |payload: &[u8], seq| {
        let mut buffer = [0; MAX_FRAME];
        let sent = encode_bytes(Channel::Request, payload, &mut buffer).unwrap();
        answer(&device.receive(sent), seq)
    };
    // Kind 99, then a call (kind 2) that ends after its first byte.
    assert_eq!(refusal(&[4, 1, 99, 1, 2], 0x104), Response::Refused(Refusal::Unsupported));
    assert_eq!(refusal(&[5, 1, 2], 0x105), Response::Refused(Refusal::BadMessage));
    assert_eq!(device.served.len(), 1);
}

#[test]
fn what_is_no_request_gets_no_answer() {
    let mut device = Device::new();
    for (channel, payload) in
        [(Channel::Response, &[1, 0, 1][..]), (Channel::Defmt, b"x"), (Channel::Request, &[1])]
    {
        let mut buffer = [0; MAX_FRAME];
        let sent = encode_bytes(channel, payload, &mut buffer).unwrap();
        assert_eq!(device.receive(sent), []);
    }
    assert_eq!(device.served, []);
}
