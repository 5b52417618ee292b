//! Any message, for property tests.
#![allow(dead_code, unreachable_pub)]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use xmap_link::limits::{
    FIRMWARE_SEAL, MAX_ARGS, MAX_ARGUMENT_BYTES, MAX_CALLERS, MAX_CHUNK, MAX_HAPPENINGS, MAX_MODULE_NAME,
    MAX_NAME, MAX_REASON, MAX_RECORDING, MAX_RESULT_BYTES, MAX_TRACE_ENTRIES, MAX_USES, MAX_VERSION,
};
use xmap_link::*;

fn args() -> impl Strategy<Value = Args> {
    vec(any::<u64>(), 0..=MAX_ARGS).prop_map(|v| v.into_iter().collect())
}

fn types() -> impl Strategy<Value = Types> {
    vec(any::<u8>(), 0..=MAX_ARGS).prop_map(|v| v.into_iter().collect())
}

/// Text of at most `max` bytes, with characters of one to four bytes.
fn text(max: usize) -> impl Strategy<Value = String> {
    any::<String>().prop_map(move |mut s| {
        s.truncate(s.floor_char_boundary(max));
        s
    })
}

fn name() -> impl Strategy<Value = Name> {
    text(MAX_NAME).prop_map(|s| Name::try_from(s.as_str()).unwrap())
}

fn export() -> impl Strategy<Value = Export> {
    prop_oneof![any::<u16>().prop_map(Export::Id), name().prop_map(Export::Name)]
}

pub fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (any::<u16>(), any::<u32>()).prop_map(|(protocol, nonce)| Request::Hello { protocol, nonce }),
        Just(Request::Status),
        (export(), args()).prop_map(|(export, args)| Request::Call { export, args }),
        any::<u32>().prop_map(|from| Request::Trace { from }),
        Just(Request::Levels),
        export().prop_map(|export| Request::Describe { export }),
        any::<([u32; 2], [u32; 2], u64)>().prop_map(|(lines, levels, advance_us)| Request::Rehearse {
            lines,
            levels,
            advance_us
        }),
        operation(),
    ]
}

/// The requests that operate a device.
pub fn operation() -> impl Strategy<Value = Request> {
    let chunk = vec(any::<u8>(), 0..=MAX_CHUNK).prop_map(|v| v.into_iter().collect::<Chunk>());
    prop_oneof![
        any::<u8>().prop_map(|module| Request::Module { module }),
        any::<(u8, u32, [u8; 32], u32)>().prop_map(|(module, bytes, hash, token)| Request::Begin {
            module,
            bytes,
            hash,
            token
        }),
        (any::<(u32, u32)>(), chunk).prop_map(|((token, offset), data)| Request::Chunk {
            token,
            offset,
            data
        }),
        any::<u32>().prop_map(|token| Request::Commit { token }),
        any::<u32>().prop_map(|token| Request::Abort { token }),
        any::<u8>().prop_map(|module| Request::Confirm { module }),
        any::<u8>().prop_map(|module| Request::Rollback { module }),
        any::<Option<u8>>().prop_map(|module| Request::Reset { module }),
        any::<u32>().prop_map(|from| Request::Happened { from }),
        export().prop_map(|export| Request::Bind { export }),
        (any::<u32>(), args()).prop_map(|(handle, args)| Request::CallHandle { handle, args }),
        any::<u32>().prop_map(|handle| Request::Release { handle }),
        any::<([u8; 8], [u8; 32])>().prop_map(|(key, nonce)| Request::Open { key: RoleKeyId(key), nonce }),
        Just(Request::Trust),
        any::<(u32, u32)>().prop_map(|(bytes, token)| Request::Policy { bytes, token }),
        Just(Request::Hosts),
        any::<u8>().prop_map(|edition| Request::Edition { edition }),
        Just(Request::Kept),
        Just(Request::Limits),
        (export(), args()).prop_map(|(export, args)| Request::CallBytes { export, args }),
        export().prop_map(|export| Request::Contract { export }),
        (export(), any::<[u8; 8]>()).prop_map(|(export, hash)| Request::BindContract { export, hash }),
        any::<u16>().prop_map(|from| Request::Uses { from }),
        Just(Request::Clock),
        any::<i64>().prop_map(|unix_us| Request::SetClock { unix_us }),
        (export(), args(), vec(any::<u8>(), 0..=MAX_ARGUMENT_BYTES)).prop_map(|(export, args, bytes)| {
            Request::CallWith { export, args, bytes: bytes.into_iter().collect() }
        }),
        any::<u16>().prop_map(|from| Request::Metrics { from }),
        any::<u8>().prop_map(|module| Request::Callers { module }),
        any::<u32>().prop_map(|from| Request::Ring { from }),
        any::<([u8; 16], [u8; 8])>().prop_map(|(trace, span)| Request::Parent(SpanParent { trace, span })),
        any::<u32>().prop_map(|from| Request::Recording { from }),
        prop_oneof![
            Just(FirmwareRequest::Status),
            Just(FirmwareRequest::Try),
            (any::<u32>(), vec(any::<u8>(), 0..=FIRMWARE_SEAL)).prop_map(|(token, seal)| {
                FirmwareRequest::Begin { token, seal: seal.into_iter().collect() }
            }),
        ]
        .prop_map(Request::Firmware),
    ]
}

fn trap() -> impl Strategy<Value = TrapReport> {
    any::<(u32, u16, u8, u32, u32)>().prop_map(|(image, export, code, op, detail)| TrapReport {
        image,
        export,
        code,
        op,
        detail,
    })
}

fn image_info() -> impl Strategy<Value = ImageInfo> {
    any::<([u8; 32], u32, u16)>().prop_map(|(hash, version, exports)| ImageInfo { hash, version, exports })
}

fn hello() -> impl Strategy<Value = Hello> {
    (any::<(u32, u16, bool, u32, u32)>(), text(MAX_VERSION), option::of(image_info())).prop_map(
        |((nonce, board, safe, features, clock_hz), firmware, image)| Hello {
            protocol: PROTOCOL,
            nonce,
            board,
            boot: if safe { Boot::Safe } else { Boot::Normal },
            features,
            clock_hz,
            firmware: firmware.as_str().try_into().unwrap(),
            image,
        },
    )
}

fn image_state() -> impl Strategy<Value = ImageState> {
    prop_oneof![
        Just(ImageState::None),
        Just(ImageState::Mounted),
        any::<(u16, u32)>().prop_map(|(code, detail)| ImageState::Rejected { code, detail }),
        any::<i32>().prop_map(|result| ImageState::MountRefused { result }),
        trap().prop_map(ImageState::MountTrapped),
    ]
}

pub fn role() -> impl Strategy<Value = Role> {
    proptest::sample::select(&Role::ALL[..])
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::HelloFirst),
        Just(Refusal::Unsupported),
        Just(Refusal::BadMessage),
        Just(Refusal::NoImage),
        Just(Refusal::UnknownExport),
        any::<u8>().prop_map(|expected| Refusal::ArgumentCount { expected }),
        Just(Refusal::NotCallable),
        Just(Refusal::StaleHandle),
        Just(Refusal::NoHandle),
        Just(Refusal::NoModule),
        Just(Refusal::Faulted),
        any::<u32>().prop_map(|retry_ms| Refusal::Busy { retry_ms }),
        Just(Refusal::NoTransfer),
        any::<u32>().prop_map(|expected| Refusal::BadChunk { expected }),
        any::<u32>().prop_map(|most| Refusal::TooLarge { most }),
        Just(Refusal::NoPrevious),
        Just(Refusal::NotOnTrial),
        Just(Refusal::KeyRequired),
        Just(Refusal::UnknownKey),
        Just(Refusal::NoSession),
        role().prop_map(|needs| Refusal::RoleTooLow { needs }),
        Just(Refusal::ExportNotAllowed),
        Just(Refusal::NoRandom),
        Just(Refusal::OtherContract),
        Just(Refusal::NoArguments),
        Just(Refusal::NoRoom),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    prop_oneof![
        Just(Life::Unloaded),
        Just(Life::Verified),
        Just(Life::Mounted),
        Just(Life::Running),
        Just(Life::Faulted),
        Just(Life::Unmounted),
    ]
}

fn module_status() -> impl Strategy<Value = ModuleStatus> {
    let name = text(MAX_MODULE_NAME);
    let image = option::of(image_info());
    (any::<(u8, u16, bool)>(), life(), name, image, option::of(trap()), any::<[u32; 9]>()).prop_map(
        |((module, generation, previous), life, name, image, trap, c)| ModuleStatus {
            module,
            life,
            name: name.as_str().try_into().unwrap(),
            image,
            generation,
            trial_ms: c[0],
            previous,
            calls: c[1],
            traps: c[2],
            events: c[3],
            missed: c[4],
            dropped: c[5],
            coalesced: c[6],
            restarts: c[7],
            late_us: c[8],
            trap,
        },
    )
}

fn why() -> impl Strategy<Value = RollbackReason> {
    prop_oneof![
        trap().prop_map(RollbackReason::Trap),
        image_state().prop_map(RollbackReason::NotMounted),
        Just(RollbackReason::Unconfirmed),
        Just(RollbackReason::Asked),
    ]
}

fn what() -> impl Strategy<Value = DeviceEventKind> {
    prop_oneof![
        Just(DeviceEventKind::Mounted),
        image_state().prop_map(DeviceEventKind::NotMounted),
        Just(DeviceEventKind::Swapped),
        Just(DeviceEventKind::Confirmed),
        why().prop_map(DeviceEventKind::RolledBack),
        trap().prop_map(DeviceEventKind::Trapped),
        Just(DeviceEventKind::MadeSafe),
        Just(DeviceEventKind::Restarted),
        Just(DeviceEventKind::Faulted),
        Just(DeviceEventKind::Reset),
        Just(DeviceEventKind::HostLost),
        Just(DeviceEventKind::HostBack),
        Just(DeviceEventKind::Overrun),
        Just(DeviceEventKind::TransferEnded),
        any::<u32>().prop_map(|version| DeviceEventKind::Policy { version }),
        any::<u16>().prop_map(|code| DeviceEventKind::Disallowed { code }),
        trap().prop_map(DeviceEventKind::Mistaken),
        (thing(), keep_fault()).prop_map(|(thing, fault)| DeviceEventKind::NotKept { thing, fault }),
        thing().prop_map(|thing| DeviceEventKind::KeptAgain { thing }),
        any::<u8>().prop_map(|starts| DeviceEventKind::SetAside { starts }),
        trap().prop_map(DeviceEventKind::Refused),
    ]
}

fn happenings() -> impl Strategy<Value = DeviceEvents> {
    let happening = (any::<(u64, u8)>(), what()).prop_map(|((time_us, module), what)| DeviceEvent {
        time_us,
        module,
        what,
    });
    (any::<(u32, u32)>(), vec(happening, 0..=MAX_HAPPENINGS)).prop_map(|((first, next), entries)| {
        DeviceEvents { first, next, entries: entries.into_iter().collect() }
    })
}

fn thing() -> impl Strategy<Value = Thing> {
    proptest::sample::select(&[Thing::Image, Thing::State, Thing::Versions, Thing::Policy][..])
}

fn keep_fault() -> impl Strategy<Value = KeepFault> {
    prop_oneof![Just(KeepFault::Budget), any::<u16>().prop_map(|errno| KeepFault::System { errno })]
}

fn keep_status() -> impl Strategy<Value = KeepStatus> {
    (any::<(bool, u16, bool, u64, u64, u8, u8)>(), option::of(keep_fault())).prop_map(|(s, fault)| {
        let (storage, missing, pending, since_us, written_us, set_aside, newer_default) = s;
        KeepStatus { storage, missing, pending, fault, since_us, written_us, set_aside, newer_default }
    })
}

fn rejection() -> impl Strategy<Value = Rejection> {
    (any::<(u64, u8, u8, [u32; 2])>(), text(MAX_REASON)).prop_map(
        |((time_us, module, code, details), text)| Rejection {
            time_us,
            module,
            code,
            details,
            text: text.as_str().try_into().unwrap(),
        },
    )
}

fn policy_state() -> impl Strategy<Value = PolicyState> {
    prop_oneof![
        any::<(u32, u8)>().prop_map(|(version, stopped)| PolicyState::Taken { version, stopped }),
        any::<(u8, [u32; 2])>().prop_map(|(code, details)| PolicyState::Refused { code, details }),
    ]
}

fn entry() -> impl Strategy<Value = TraceEntry> {
    any::<(u64, bool, u16, u32)>().prop_map(|(time_us, read, offset, value)| TraceEntry {
        time_us,
        access: if read { Access::Read } else { Access::Write },
        offset,
        value,
    })
}

fn status() -> impl Strategy<Value = Status> {
    (any::<u64>(), image_state(), any::<[u32; 7]>()).prop_map(|(uptime_us, image, c)| Status {
        uptime_us,
        image,
        calls: c[0],
        traps: c[1],
        refused: c[2],
        frames_good: c[3],
        frames_bad: c[4],
        trace_next: c[5],
        trace_lost: c[6],
    })
}

pub fn response() -> impl Strategy<Value = Response> {
    prop_oneof![
        hello().prop_map(Response::Hello),
        refusal().prop_map(Response::Refused),
        status().prop_map(Response::Status),
        args().prop_map(|results| Response::Returned { results }),
        trap().prop_map(Response::Trapped),
        (any::<(u32, u32)>(), vec(entry(), 0..=MAX_TRACE_ENTRIES)).prop_map(|((first, next), entries)| {
            Response::Trace(Trace { first, next, entries: entries.into_iter().collect() })
        }),
        any::<(u64, [u32; 2])>().prop_map(|(time_us, banks)| Response::Levels { time_us, banks }),
        (any::<u16>(), name(), types(), types()).prop_map(|(id, key, params, results)| {
            Response::Described(Described { id, key, params, results })
        }),
        module_status().prop_map(Response::Module),
        any::<u32>().prop_map(|next| Response::Staging { next }),
        any::<(u8, u16, u32)>().prop_map(|(module, generation, trial_ms)| Response::Swapped {
            module,
            generation,
            trial_ms
        }),
        image_state().prop_map(|state| Response::NotSwapped { state }),
        Just(Response::Done),
        happenings().prop_map(Response::Happened),
        any::<u32>().prop_map(|handle| Response::Bound { handle }),
        (any::<([u8; 32], [u8; 16])>(), role()).prop_map(|((nonce, proof), role)| Response::Opened {
            nonce,
            role,
            proof
        }),
        (any::<(Option<u32>, u32)>(), option::of(rejection())).prop_map(|((policy, rejected), last)| {
            Response::Trust(TrustStatus { policy, rejected, last })
        }),
        policy_state().prop_map(Response::Policy),
        any::<[u32; 3]>().prop_map(|[mistakes, texts_lost, lines_lost]| {
            Response::Hosts(HostCounts { mistakes, texts_lost, lines_lost })
        }),
        keep_status().prop_map(Response::Kept),
        vec(any::<u32>(), 0..=16)
            .prop_map(|values| Response::Limits { values: values.into_iter().collect() }),
        (args(), vec(any::<u8>(), 0..=MAX_RESULT_BYTES)).prop_map(|(results, bytes)| {
            Response::ReturnedBytes { results, bytes: bytes.into_iter().collect() }
        }),
        any::<(u16, [u8; 8])>().prop_map(|(id, hash)| Response::Contract { id, hash }),
        (any::<u16>(), vec(any::<u16>(), 0..=MAX_USES))
            .prop_map(|(next, exports)| Response::Uses { next, exports: exports.into_iter().collect() }),
        any::<(i64, u8, i64)>().prop_map(|(unix_us, schedules, next_us)| {
            Response::Clock(ClockStatus { unix_us, schedules, next_us })
        }),
        (option::of(trap()), vec(any::<u32>(), 0..=MAX_CALLERS), any::<bool>()).prop_map(
            |(trap, ops, more)| { Response::Callers(Callers { trap, ops: ops.into_iter().collect(), more }) }
        ),
        (any::<[u32; 2]>(), any::<u64>(), vec(any::<u8>(), 0..=limits::RING_BLOCK_BYTES)).prop_map(
            |([first, next], time_us, bytes)| {
                let bytes = bytes.into_iter().collect();
                Response::Ring(RingPage { first, next, time_us, bytes })
            }
        ),
        (any::<u16>(), vec(export_metrics(), 0..=MAX_METRICS)).prop_map(|(next, rows)| Response::Metrics(
            MetricsPage { next, exports: rows.into_iter().collect() }
        )),
        firmware().prop_map(Response::Firmware),
        (any::<u32>(), any::<u32>(), any::<bool>(), vec(any::<u8>(), 0..=MAX_RECORDING)).prop_map(
            |(first, next, ended, bytes)| {
                let bytes = bytes.into_iter().collect();
                Response::Recording(RecordingPage { first, next, ended, bytes })
            }
        ),
    ]
}

fn firmware() -> impl Strategy<Value = FirmwareAnswer> {
    let standing = prop_oneof![
        Just(FirmwareStanding::Good),
        Just(FirmwareStanding::Trial),
        Just(FirmwareStanding::Beside)
    ];
    let back = || {
        prop_oneof![Just(FirmwareBack::Reset), Just(FirmwareBack::NotMounted), Just(FirmwareBack::Damaged)]
    };
    let slot = || {
        let content = prop_oneof![
            Just(FirmwareContent::Unsealed),
            Just(FirmwareContent::Damaged),
            any::<(u32, u32, [u8; 8])>().prop_map(|(version, bytes, hash)| FirmwareContent::Sealed {
                version,
                bytes,
                hash
            }),
        ];
        (any::<u8>(), content).prop_map(|(partition, content)| FirmwareSlot { partition, content })
    };
    let status = (any::<(u16, u8, u8, u32)>(), standing, option::of(back()), slot(), slot());
    prop_oneof![
        status.prop_map(|((board, runs, good, room), standing, back, first, second)| {
            let slots = [first, second];
            FirmwareAnswer::Status(FirmwareStatus { board, runs, standing, good, room, back, slots })
        }),
        any::<(u8, u32)>().prop_map(|(partition, version)| FirmwareAnswer::Written { partition, version }),
        any::<(u8, [u32; 2])>().prop_map(|(code, details)| FirmwareAnswer::Rejected { code, details }),
        prop_oneof![Just(NoFirmware::NoSlots), Just(NoFirmware::NoBootLoader), Just(NoFirmware::Package)]
            .prop_map(FirmwareAnswer::None),
    ]
}

fn export_metrics() -> impl Strategy<Value = ExportMetrics> {
    let numbers = any::<(u8, Option<u16>, [u32; 5], [u64; 2], [u32; BUCKETS])>();
    numbers.prop_map(|(module, export, numbers, [time_us, fuel], times)| {
        let [calls, traps, refused, fuel_max, late_us_max] = numbers;
        ExportMetrics { module, export, calls, traps, refused, time_us, fuel, fuel_max, late_us_max, times }
    })
}

/// Returns what came out of a stream: channel and payload of each frame.
pub fn read_all<const N: usize>(reader: &mut FrameReader<N>, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    for byte in bytes {
        if let Some(frame) = reader.feed(*byte) {
            frames.push((frame.channel, frame.payload.to_vec()));
        }
    }
    frames
}

/// The frame around a content, written in the plainest way: an independent second opinion of
/// checksum (bit by bit) and COBS (block by block).
pub fn plain_frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut content = vec![channel];
    content.extend_from_slice(payload);
    let mut crc = !0u32;
    for byte in &content {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    content.extend_from_slice(&(!crc).to_le_bytes());

    let mut frame = vec![0];
    // Each stretch between zeros in blocks of 254; a full block stands for no zero.
    let stretches: Vec<&[u8]> = content.split(|byte| *byte == 0).collect();
    for (number, stretch) in stretches.iter().enumerate() {
        let mut rest = *stretch;
        while rest.len() >= 254 {
            let (block, after) = rest.split_at(254);
            frame.push(255);
            frame.extend_from_slice(block);
            rest = after;
        }
        let last_full = number + 1 == stretches.len() && rest.is_empty() && !stretch.is_empty();
        if !last_full {
            frame.push(rest.len() as u8 + 1);
            frame.extend_from_slice(rest);
        }
    }
    frame.push(0);
    frame
}
