//! A new image in the place of another, while the lamp stays on.

mod common;

use common::{
    Says, Small, bytes, call, call_export, device, happened, line, pass, put, ret, running, stores,
};
use xmap_device::{Device, Failure, HostId, MountError, NotCalled, SILENCE_US};
use xmap_image::{Confirm, EventSource, FaultPolicy, Keep, Op, PinMode, Pull, Safe, Ty, VerifyError};
use xmap_link::{DeviceEventKind, ImageState, Life, Refusal, RollbackReason};
use xmap_sim::{Heap, SimBoard};

const TOKEN: u32 = 7;

/// A lamp, a timer that counts, and a version that tells two images apart.
fn panel(version: u16) -> Small {
    let mut small = Small::new()
        .pin(17, "lamp", PinMode::Out, Safe::Low, Pull::None)
        .pin(27, "button", PinMode::In, Safe::Hold, Pull::Up)
        .direct("lamp", &[Ty::Bool], &[], Op::LinePut.abc(17, 1, 0))
        .code("version", &[], &[Ty::U32], &[Op::Const32.a16(1, version), ret()])
        .counter("tick", "ticks")
        .code("fail", &[], &[], &[Op::Unreachable.abc(0, 0, 0)])
        .policy(FaultPolicy {
            layout: 5,
            keep: [Keep::Global(0)].into_iter().collect(),
            confirm_ms: 3,
            ..FaultPolicy::default()
        });
    small.0.version = version.into();
    small
}

fn ticking(version: u16) -> Small {
    panel(version).on("tick", EventSource::Every { every_us: 1000 })
}

type Sim = Device<Heap, SimBoard>;

fn hash(image: &[u8]) -> [u8; 32] {
    let words: Vec<u32> = image.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    xmap_image::Image::verify(&words).unwrap().hash()
}

/// Sends an image as a host does; what came of it.
fn swap(device: &mut Sim, module: u8, image: &[u8]) -> Result<Result<u8, Failure>, Refusal> {
    let mut next = device.begin(module, image.len() as u32, hash(image), TOKEN)?;
    for chunk in image.chunks(100) {
        next = device.chunk(TOKEN, next, chunk)?;
    }
    device.commit(TOKEN)
}

fn read(device: &mut Sim, name: &str) -> u64 {
    call(device, name, &[]).unwrap()[0]
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn ten_thousand_swaps_write_nothing_to_the_lamp_and_lose_no_event() {
    let images = [bytes(&ticking(1)), bytes(&ticking(2))];
    let mut device = running(&ticking(0));
    call(&mut device, "lamp", &[1]).unwrap();
    let from = device.board().accesses().count();
    for n in 0..10_000 {
        assert_eq!(swap(&mut device, 0, &images[n % 2]), Ok(Ok(0)));
        assert_eq!(read(&mut device, "version"), n as u64 % 2 + 1);
        device.confirm(0).unwrap();
        // Not a whole number of periods, so that swaps fall everywhere between two ticks.
        pass(&mut device, 137);
    }
    assert_eq!(stores(device.board(), from), [""; 0], "no store at all, so none to the lamp");
    assert!(device.board().is_high(line(17)));
    let now = device.board().time_us();
    assert_eq!(read(&mut device, "ticks"), now / 1000, "the count was carried, and no tick was lost");
    let status = device.status(0).unwrap();
    assert_eq!((status.events, status.missed, status.dropped), ((now / 1000) as u32, 0, 0));
    let selects =
        device.board().accesses().skip(from).filter(|a| a.write && a.to_string().starts_with("GPFSEL"));
    assert_eq!(selects.count(), 0, "no line changed its mode");
}

#[test]
fn only_lines_whose_use_changes_are_touched() {
    let mut device = running(&panel(1).pin(22, "old", PinMode::Out, Safe::High, Pull::None));
    call(&mut device, "lamp", &[1]).unwrap();
    let from = device.board().accesses().count();
    let next = panel(2).pin(23, "new", PinMode::Out, Safe::High, Pull::None);
    swap(&mut device, 0, &bytes(&next)).unwrap().unwrap();
    assert_eq!(stores(device.board(), from), ["GPSET0 0x00400000", "GPSET0 0x00800000"]);
    let selects: Vec<String> =
        device.board().accesses().skip(from).filter(|a| a.write).map(|a| a.to_string()).collect();
    assert_eq!(selects.iter().filter(|s| s.starts_with("GPFSEL")).count(), 1, "{selects:?}");
}

#[test]
fn a_trial_that_traps_goes_back_with_the_state_that_was_left() {
    let mut device = running(&ticking(1));
    call(&mut device, "lamp", &[1]).unwrap();
    pass(&mut device, 2500);
    swap(&mut device, 0, &bytes(&ticking(2))).unwrap().unwrap();
    assert!(device.status(0).unwrap().trial_ms > 0);
    pass(&mut device, 1000);
    assert_eq!((read(&mut device, "version"), read(&mut device, "ticks")), (2, 3));
    let from = device.board().accesses().count();
    assert!(call(&mut device, "fail", &[]).is_err());
    assert_eq!(
        (read(&mut device, "version"), read(&mut device, "ticks")),
        (1, 2),
        "as it was when it was left"
    );
    assert_eq!(stores(device.board(), from), [""; 0]);
    assert!(device.board().is_high(line(17)));
    assert!(matches!(
        happened(&device)[..],
        [.., DeviceEventKind::Trapped(_), DeviceEventKind::RolledBack(RollbackReason::Trap(_))]
    ));
    pass(&mut device, 1000);
    assert_eq!(read(&mut device, "ticks"), 3, "its timer goes on");
    assert_eq!(device.rollback(0), Err(Refusal::NoPrevious), "the failed one is gone");
}

#[test]
fn a_trial_is_confirmed_by_whom_the_manifest_names() {
    let mut device = running(&panel(1));
    swap(&mut device, 0, &bytes(&panel(2))).unwrap().unwrap();
    assert_eq!(
        swap(&mut device, 0, &bytes(&panel(3))),
        Err(Refusal::Busy { retry_ms: 3 }),
        "the other slot is needed"
    );
    pass(&mut device, 3000);
    assert!(happened(&device).ends_with(&[DeviceEventKind::Confirmed]));
    assert_eq!(device.confirm(0), Err(Refusal::NotOnTrial));

    let mut by_host = panel(3);
    by_host.0.manifest.policy.confirm = Confirm::Host;
    swap(&mut device, 0, &bytes(&by_host)).unwrap().unwrap();
    pass(&mut device, 3000);
    assert_eq!(read(&mut device, "version"), 2);
    assert!(happened(&device).ends_with(&[DeviceEventKind::RolledBack(RollbackReason::Unconfirmed)]));
    swap(&mut device, 0, &bytes(&by_host)).unwrap().unwrap();
    device.confirm(0).unwrap();
    pass(&mut device, 10_000);
    assert_eq!(read(&mut device, "version"), 3);

    device.rollback(0).unwrap().unwrap();
    assert_eq!(read(&mut device, "version"), 2, "a host may ask for the one before");
    device.rollback(0).unwrap().unwrap();
    assert_eq!(read(&mut device, "version"), 3, "and for the one after it");
}

#[test]
fn an_image_that_does_not_mount_leaves_the_one_before() {
    type Expected = fn(&ImageState) -> bool;
    let cases: [(Small, Expected); 3] = [
        (
            panel(2).code("on_mount", &[], &[Ty::I32], &[put(17, false), Op::Const32.a16(1, 9), ret()]),
            |state| *state == ImageState::MountRefused { result: 9 },
        ),
        (panel(2).code("on_mount", &[], &[Ty::I32], &[Op::Unreachable.abc(0, 0, 0)]), |state| {
            matches!(state, ImageState::MountTrapped(_))
        }),
        (
            panel(2).pin(22, "", PinMode::Out, Safe::Low, Pull::None).start(&[Op::Unreachable.abc(0, 0, 0)]),
            |state| matches!(state, ImageState::MountTrapped(_)),
        ),
    ];
    for (small, expected) in cases {
        let mut device = running(&ticking(1));
        pass(&mut device, 1500);
        let failure = swap(&mut device, 0, &bytes(&small)).unwrap().unwrap_err();
        assert!(expected(&failure.state()), "{failure}");
        assert_eq!((read(&mut device, "version"), device.life(0)), (1, Life::Running));
        pass(&mut device, 500);
        assert_eq!(read(&mut device, "ticks"), 2, "on time");
    }
}

#[test]
fn state_is_carried_only_between_equal_layouts() {
    let kept = |version, layout, global, address| {
        let mut small = panel(version).memory(64).code(
            "peek",
            &[],
            &[Ty::U32],
            &[Op::Const32.a16(2, 0), Op::Ld32U.abc(1, 2, address), ret()],
        );
        small.0.globals = vec![0; 3];
        small.0.manifest.policy.layout = layout;
        small.0.manifest.policy.keep =
            [Keep::Global(global), Keep::Memory { from: address.into(), bytes: 4 }].into_iter().collect();
        small.0.data = vec![(8, vec![1, 0, 0, 0])];
        small
    };
    let mut device = running(&kept(1, 5, 0, 8));
    call(&mut device, "tick", &[]).unwrap();
    assert_eq!(read(&mut device, "peek"), 1);
    // The same state stands elsewhere in the next build.
    swap(&mut device, 0, &bytes(&kept(2, 5, 2, 16))).unwrap().unwrap();
    assert_eq!(read(&mut device, "peek"), 1, "the bytes of address 8 are at 16 now");
    device.confirm(0).unwrap();
    swap(&mut device, 0, &bytes(&kept(3, 6, 0, 16))).unwrap().unwrap();
    assert_eq!((read(&mut device, "peek"), read(&mut device, "ticks")), (0, 0), "another layout starts anew");
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn a_transfer_that_is_cut_or_damaged_anywhere_leaves_the_active_image() {
    let image = bytes(&ticking(2));
    let chunks: Vec<&[u8]> = image.chunks(64).collect();
    for cut in 0..=chunks.len() {
        let mut device = running(&ticking(1));
        let mut next = device.begin(0, image.len() as u32, hash(&image), TOKEN).unwrap();
        for chunk in &chunks[..cut] {
            next = device.chunk(TOKEN, next, chunk).unwrap();
            pass(&mut device, 1000);
        }
        if cut < chunks.len() {
            assert_eq!(device.commit(TOKEN), Err(Refusal::BadChunk { expected: next }));
        }
        // Nothing more comes.
        pass(&mut device, SILENCE_US);
        assert_eq!(device.chunk(TOKEN, next, &[0]), Err(Refusal::NoTransfer));
        assert_eq!(read(&mut device, "version"), 1);
        let now = device.board().time_us();
        assert_eq!(read(&mut device, "ticks"), now / 1000);
        assert_eq!(swap(&mut device, 0, &image), Ok(Ok(0)), "and another try succeeds");
    }
    for at in 0..image.len() {
        let mut device = running(&panel(1));
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (at % 8);
        device.begin(0, image.len() as u32, hash(&image), TOKEN).unwrap();
        device.chunk(TOKEN, 0, &damaged).unwrap();
        assert!(matches!(device.commit(TOKEN), Ok(Err(Failure::Image(_)))), "byte {at}");
        assert_eq!(read(&mut device, "version"), 1);
    }
}

#[test]
fn chunks_may_come_twice_but_not_out_of_order() {
    let image = bytes(&panel(2));
    let mut device = running(&panel(1));
    let len = image.len() as u32;
    assert_eq!(device.begin(0, len, hash(&image), TOKEN), Ok(0));
    assert_eq!(device.chunk(TOKEN, 0, &image[..50]), Ok(50));
    assert_eq!(device.chunk(TOKEN, 0, &image[..50]), Ok(50));
    assert_eq!(device.chunk(TOKEN, 60, &image[60..70]), Err(Refusal::BadChunk { expected: 50 }));
    assert_eq!(device.begin(0, len, hash(&image), TOKEN), Ok(50), "a host that lost count asks again");
    assert_eq!(
        device.chunk(TOKEN, 50, &[&image[50..], &[0]].concat()),
        Err(Refusal::BadChunk { expected: 50 })
    );
    assert_eq!(device.chunk(TOKEN, 50, &image[50..]), Ok(len));
    assert_eq!(device.commit(TOKEN), Ok(Ok(0)));
    assert_eq!(device.commit(TOKEN), Err(Refusal::NoTransfer));
}

#[test]
fn of_two_hosts_one_wins_and_the_other_is_told() {
    let image = bytes(&panel(2));
    let mut device = running(&panel(1));
    device.begin(0, image.len() as u32, hash(&image), TOKEN).unwrap();
    let other = device.begin(0, image.len() as u32, hash(&image), TOKEN + 1);
    assert_eq!(other, Err(Refusal::Busy { retry_ms: (SILENCE_US / 1000) as u32 }));
    assert_eq!(device.chunk(TOKEN + 1, 0, &image), Err(Refusal::NoTransfer));
    assert_eq!(device.commit(TOKEN + 1), Err(Refusal::NoTransfer));
    assert!(!device.abort(TOKEN + 1));
    device.chunk(TOKEN, 0, &image).unwrap();
    assert_eq!(device.commit(TOKEN), Ok(Ok(0)));
}

#[test]
fn what_does_not_fit_is_refused_before_it_comes() {
    let mut device = running(&panel(1));
    assert_eq!(device.begin(0, 1 << 20, [0; 32], TOKEN), Err(Refusal::TooLarge { most: 16_384 }));
    assert_eq!(device.begin(4, 100, [0; 32], TOKEN), Err(Refusal::NoModule));
    // An odd length is no image.
    device.begin(0, 3, [0; 32], TOKEN).unwrap();
    device.chunk(TOKEN, 0, &[1, 2, 3]).unwrap();
    assert_eq!(device.commit(TOKEN), Ok(Err(Failure::Image(VerifyError::Alignment))));
    assert_eq!(read(&mut device, "version"), 1);
}

#[test]
fn a_handle_is_stale_when_its_image_is_gone_and_the_module_is_told() {
    let cleanup = [
        Op::GlobalGet.a16(2, 0),
        Op::Const32.a16(3, 1),
        Op::Add32.abc(2, 2, 3),
        Op::GlobalSet.a16(2, 0),
        ret(),
    ];
    let small = |version| panel(version).code("export_cleanup", &[Ty::U32], &[], &cleanup);
    let mut device = running(&small(1));
    let version = device.find("version").unwrap();
    let [first, second, third] = [0; 3].map(|_| device.bind(HostId::LOCAL, version).unwrap());
    let mut results = [0; 1];
    assert_eq!(device.call_handle(HostId::LOCAL, first, &[], &mut results), Ok(1));
    assert!(device.release(HostId::LOCAL, second));
    assert_eq!(device.call_handle(HostId::LOCAL, second, &[], &mut results), Err(NotCalled::Stale));

    swap(&mut device, 0, &bytes(&small(2))).unwrap().unwrap();
    assert_eq!(device.call_handle(HostId::LOCAL, first, &[], &mut results), Err(NotCalled::Stale));
    assert_eq!(device.call_handle(HostId::LOCAL, third, &[], &mut results), Err(NotCalled::Stale));
    assert_eq!(
        call_export(&mut device, version, &[]).unwrap(),
        [2],
        "the number alone names what is there now"
    );
    assert_eq!(read(&mut device, "ticks"), 2, "export_cleanup ran for each handle that was still open");
}

#[test]
fn modules_stand_side_by_side_or_say_what_they_both_want() {
    let other = |n| {
        Small::new().pin(n, "", PinMode::Out, Safe::Low, Pull::None).code(
            "go",
            &[],
            &[],
            &[put(n, true), ret()],
        )
    };
    let mut device = running(&panel(1).named("first"));
    let failure = device.install(1, &bytes(&other(17).named("second"))).unwrap_err();
    assert!(matches!(failure, Failure::Mount(MountError::Conflict { with: 0, .. })), "{failure:?}");
    assert_eq!(failure.state(), ImageState::Rejected { code: 273, detail: 17 });
    assert!(!device.board().is_high(line(17)));
    device.install(1, &bytes(&other(22).named("second"))).unwrap();
    assert!(device.install(2, &bytes(&other(23).named("second"))).is_err(), "one name");
    device.install(3, &bytes(&other(23).named("third"))).unwrap();
    assert_eq!(device.find("second.go").map(|of| of.module), Some(1));
    call(&mut device, "third.go", &[]).unwrap();
    assert!(device.board().is_high(line(23)) && !device.board().is_high(line(22)));
    assert_eq!(device.unload(1), Ok(()));
    device.install(2, &bytes(&other(22).named("second"))).unwrap();
}

#[test]
fn an_image_that_faulted_can_be_replaced() {
    let mut policy = panel(1);
    policy.0.manifest.policy.on_trap = xmap_image::OnFault::Safe;
    let mut device = running(&policy.pin(5, "", PinMode::Out, Safe::Float, Pull::None));
    assert!(call(&mut device, "fail", &[]).is_err());
    assert_eq!(device.life(0), Life::Faulted);
    let next = panel(2).pin(5, "", PinMode::Out, Safe::Float, Pull::None);
    swap(&mut device, 0, &bytes(&next)).unwrap().unwrap();
    assert_eq!((device.life(0), read(&mut device, "version")), (Life::Running, 2));
    assert!(device.board().is_output(line(5)), "it floated, and drives again");
}

#[test]
fn memory_stays_bounded() {
    // All of a device's state but its rooms; what travels and waits is in it, and so are the counters of 32
    // exports of each module.
    let size = size_of::<Device<Heap, ()>>();
    assert!(size <= 40 * 1024, "{size}");
    _ = device(SimBoard::new());
}
