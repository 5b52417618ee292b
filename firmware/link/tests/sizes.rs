//! The largest message of each kind fits a frame: this is what lets the responder ignore a failure.

mod common;

use xmap_link::limits::*;
use xmap_link::*;

fn longest_trap() -> TrapReport {
    TrapReport { image: u32::MAX, export: u16::MAX, code: u8::MAX, op: u32::MAX, detail: u32::MAX }
}

#[test]
fn the_largest_messages_fit() {
    let name = Name::try_from("n".repeat(MAX_NAME).as_str()).unwrap();
    let args: Args = [u64::MAX; MAX_ARGS].into_iter().collect();
    let types: Types = [u8::MAX; MAX_ARGS].into_iter().collect();
    let entry = TraceEntry { time_us: u64::MAX, access: Access::Read, offset: u16::MAX, value: u32::MAX };
    let responses = [
        Response::Hello(Hello {
            protocol: u16::MAX,
            nonce: u32::MAX,
            board: u16::MAX,
            boot: Boot::Safe,
            features: u32::MAX,
            clock_hz: u32::MAX,
            firmware: "v".repeat(MAX_VERSION).as_str().try_into().unwrap(),
            image: Some(ImageInfo { hash: [0xff; 32], version: u32::MAX, exports: u16::MAX }),
        }),
        Response::Refused(Refusal::ArgumentCount { expected: u8::MAX }),
        Response::Status(Status {
            uptime_us: u64::MAX,
            image: ImageState::MountTrapped(longest_trap()),
            calls: u32::MAX,
            traps: u32::MAX,
            refused: u32::MAX,
            frames_good: u32::MAX,
            frames_bad: u32::MAX,
            trace_next: u32::MAX,
            trace_lost: u32::MAX,
        }),
        Response::Returned { results: args.clone() },
        Response::Trapped(longest_trap()),
        Response::Trace(Trace {
            first: u32::MAX,
            next: u32::MAX,
            entries: [entry; MAX_TRACE_ENTRIES].into_iter().collect(),
        }),
        Response::Levels { time_us: u64::MAX, banks: [u32::MAX; MAX_BANKS] },
        Response::Described(Described {
            id: u16::MAX,
            key: name.clone(),
            params: types.clone(),
            results: types,
        }),
        Response::Module(ModuleStatus {
            module: u8::MAX,
            life: Life::Unmounted,
            name: "m".repeat(MAX_MODULE_NAME).as_str().try_into().unwrap(),
            image: Some(ImageInfo { hash: [0xff; 32], version: u32::MAX, exports: u16::MAX }),
            generation: u16::MAX,
            trial_ms: u32::MAX,
            previous: true,
            calls: u32::MAX,
            traps: u32::MAX,
            events: u32::MAX,
            missed: u32::MAX,
            dropped: u32::MAX,
            coalesced: u32::MAX,
            restarts: u32::MAX,
            late_us: u32::MAX,
            trap: Some(longest_trap()),
        }),
        Response::Staging { next: u32::MAX },
        Response::Swapped { module: u8::MAX, generation: u16::MAX, trial_ms: u32::MAX },
        Response::NotSwapped { state: ImageState::MountTrapped(longest_trap()) },
        Response::Done,
        Response::Happened(DeviceEvents {
            first: u32::MAX,
            next: u32::MAX,
            entries: [DeviceEvent {
                time_us: u64::MAX,
                module: u8::MAX,
                what: DeviceEventKind::RolledBack(RollbackReason::NotMounted(ImageState::MountTrapped(
                    longest_trap(),
                ))),
            }; MAX_HAPPENINGS]
                .into_iter()
                .collect(),
        }),
        Response::Bound { handle: u32::MAX },
        Response::Opened { nonce: [0xff; 32], role: Role::Own, proof: [0xff; 16] },
        Response::Trust(TrustStatus {
            policy: Some(u32::MAX),
            rejected: u32::MAX,
            last: Some(Rejection {
                time_us: u64::MAX,
                module: u8::MAX,
                code: u8::MAX,
                details: [u32::MAX; 2],
                text: "o".repeat(MAX_REASON).as_str().try_into().unwrap(),
            }),
        }),
        Response::Kept(KeepStatus {
            storage: true,
            missing: u16::MAX,
            pending: true,
            fault: Some(KeepFault::System { errno: u16::MAX }),
            since_us: u64::MAX,
            written_us: u64::MAX,
            set_aside: u8::MAX,
            newer_default: u8::MAX,
        }),
        Response::ReturnedBytes {
            results: args.clone(),
            bytes: [0xff; MAX_RESULT_BYTES].into_iter().collect(),
        },
        Response::Policy(PolicyState::Refused { code: u8::MAX, details: [u32::MAX; 2] }),
        Response::Hosts(HostCounts { mistakes: u32::MAX, texts_lost: u32::MAX, lines_lost: u32::MAX }),
        Response::Limits { values: [u32::MAX; 16].into_iter().collect() },
        Response::Metrics(MetricsPage {
            next: u16::MAX,
            exports: [ExportMetrics {
                module: u8::MAX,
                export: Some(u16::MAX),
                calls: u32::MAX,
                traps: u32::MAX,
                refused: u32::MAX,
                time_us: u64::MAX,
                fuel: u64::MAX,
                fuel_max: u32::MAX,
                late_us_max: u32::MAX,
                times: [u32::MAX; BUCKETS],
            }; MAX_METRICS]
                .into_iter()
                .collect(),
        }),
        Response::Callers(Callers {
            trap: Some(longest_trap()),
            ops: [u32::MAX; MAX_CALLERS].into_iter().collect(),
            more: true,
        }),
        Response::Firmware(FirmwareAnswer::Status(FirmwareStatus {
            board: u16::MAX,
            runs: u8::MAX,
            standing: FirmwareStanding::Beside,
            good: u8::MAX,
            room: u32::MAX,
            back: Some(FirmwareBack::Damaged),
            slots: [FirmwareSlot {
                partition: u8::MAX,
                content: FirmwareContent::Sealed { version: u32::MAX, bytes: u32::MAX, hash: [0xff; 8] },
            }; 2],
        })),
        Response::Contract { id: u16::MAX, hash: [0xff; CONTRACT_BYTES] },
        Response::Uses { next: u16::MAX, exports: [u16::MAX; MAX_USES].into_iter().collect() },
    ];
    let mut buffer = [0; MAX_FRAME];
    for response in &responses {
        encode_response(u16::MAX, response, &mut buffer).unwrap();
    }
    // What a guarded device answers to those without a key is kept in a small buffer.
    for response in &responses[..2] {
        assert!(encode_response(u16::MAX, response, &mut [0; 160]).is_ok());
    }
    assert!(encode_response(u16::MAX, responses.last().unwrap(), &mut [0; 160]).is_ok());
    let call = Request::CallWith {
        export: Export::Name(name),
        args,
        bytes: [0xff; MAX_ARGUMENT_BYTES].into_iter().collect(),
    };
    let data: Chunk = [0xff; MAX_CHUNK].into_iter().collect();
    let requests = [
        call,
        Request::Chunk { token: u32::MAX, offset: u32::MAX, data },
        Request::Begin { module: u8::MAX, bytes: u32::MAX, hash: [0xff; 32], token: u32::MAX },
        Request::Open { key: RoleKeyId([0xff; 8]), nonce: [0xff; 32] },
    ];
    for request in &requests {
        encode_request(u16::MAX, request, &mut buffer).unwrap();
    }

    in_a_session(&responses, &requests);

    let text = "t".repeat(MAX_TEXT);
    let text =
        Text { trace_at: u32::MAX, level: Level::Warn, more: true, text: &text, module: Some(u8::MAX) };
    encode_text(&text, &mut buffer).unwrap();
    assert!(text_payload(&text, &mut [0; MAX_PAYLOAD]).unwrap().len() <= MAX_TAGGED_STREAM);
}

/// They fit a tagged frame as well, which has less room.
fn in_a_session(responses: &[Response], requests: &[Request]) {
    let secret = Secret::new([1; 32]);
    let mut keys = RoleKeys::new();
    keys.add(RoleKey { secret: secret.clone(), role: Role::Own, exports: Default::default() }).unwrap();
    let seed: [u8; 32] = core::array::from_fn(|n| n as u8);
    let mut guard = AuthResponder::new(keys, Nonces::from_seed(&seed));
    let mut reader: FrameReader = FrameReader::new();
    let mut exchange = |bytes: &[u8], answer: &Response| {
        let mut got = Vec::new();
        for byte in bytes {
            if let Some(frame) = reader.feed(*byte) {
                let reply = guard.respond(&frame, 0, |_, _| answer.clone());
                got = common::read_all(&mut FrameReader::<517>::new(), guard.bytes(reply));
            }
        }
        got.remove(0)
    };
    let mut buffer = [0; MAX_FRAME];
    let hello = Request::Hello { protocol: PROTOCOL, nonce: 1 };
    exchange(encode_request(1, &hello, &mut buffer).unwrap(), &responses[0]);
    let opening = Opening::new(secret, [2; 32]);
    let (_, opened) = exchange(encode_request(2, &opening.request(), &mut buffer).unwrap(), &responses[0]);
    let Ok((2, Response::Opened { nonce, role, proof })) = decode_response(&opened) else {
        panic!("not opened")
    };
    let mut session = opening.accept(&nonce, role, &proof).unwrap();
    for request in requests {
        session.encode(u16::MAX, request, &mut buffer).unwrap();
    }
    for response in responses {
        let frame = session.encode(u16::MAX, &Request::Status, &mut buffer).unwrap();
        let (_, answer) = exchange(frame, response);
        let (seq, answer) = session.answer(&answer).expect("an answer with a tag").unwrap_or_else(|error| {
            // A greeting of another version, as this one is.
            assert!(matches!(error, DecodeError::OtherProtocol { .. }), "{error}");
            (u16::MAX, response.clone())
        });
        assert_eq!((seq, &answer), (u16::MAX, response));
    }
}

#[test]
fn a_device_spends_little_memory_on_the_link() {
    // What docs/link.md says.
    assert!(size_of::<FrameReader>() <= 560, "{}", size_of::<FrameReader>());
    assert!(size_of::<Responder>() <= 560, "{}", size_of::<Responder>());
    assert!(size_of::<AuthResponder>() <= 8192, "{}", size_of::<AuthResponder>());
}
