//! Nothing grows: swaps, resets, hosts and traps for a while, and memory, mappings, descriptors and threads
//! are what they were.
//!
//! `XMAP_SOAK_SECONDS` says for how long; some seconds without it.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{Device, Host, panel};
use xmap_client::{Client, Options, Outcome};
use xmap_image::OwnedImage;
use xmap_link::{Export, Retry};

/// What the program takes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    rss_kib: u64,
    size_kib: u64,
    threads: u64,
    mappings: u64,
    descriptors: u64,
}

fn used(device: &Device) -> Use {
    let pid = device.pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Use {
        rss_kib: field("VmRSS:"),
        size_kib: field("VmSize:"),
        threads: field("Threads:"),
        mappings: fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines().count() as u64,
        descriptors: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64,
    }
}

/// A panel with much memory, all of which it writes, and an export that traps.
fn large(version: u32) -> OwnedImage {
    let manifest = format!(
        "module = {{ name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\", version = {version} }}\n\
         [exports]\nbad = {{}}\nfill = {{}}\n[limits]\nmemory_bytes = 4194304\n[policy]\nconfirm_ms = 0\n"
    );
    let wat = r#"(module (memory 64)
        (func (export "bad") (unreachable))
        (func (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 200000))))"#;
    OwnedImage::from_bytes(&common::build(&manifest, wat)).unwrap()
}

/// The options of a host that shares its machine with much else, for an hour.
fn patient() -> Options {
    Options { retry: Retry { attempts: 40, ..Retry::default() }, ..Options::default() }
}

/// A host of a device that may be restarting.
fn connect(device: &mut Device) -> Host {
    let port = device.port();
    let mut host = None;
    device.until("a host", || {
        host = Client::connect(&port, &patient()).ok();
        host.as_mut().is_some_and(|host| host.module(0).is_ok())
    });
    Host(host.unwrap())
}

fn round(device: &mut Device, images: &[OwnedImage; 2]) {
    let mut host = connect(device);
    for image in images {
        assert!(host.0.swap(0, &image.image(), &mut |_| ()).unwrap().is_ok());
        host.call("fill", &[]);
        let bad = host.0.call(&Export::name("bad").unwrap(), &[]).unwrap();
        assert!(matches!(bad, Outcome::Trapped(_)));
    }
    host.0.reset(Some(0)).unwrap();
    let _hosts: Vec<_> = (0..5).map(|_| connect(device)).collect();
    host.0.reset(None).unwrap();
    drop(host);
}

#[test]
fn nothing_grows_by_resets_swaps_hosts_and_traps() {
    let seconds = std::env::var("XMAP_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let mut device = Device::new(&panel(1, ""));
    device.start();
    let images = [large(2), large(3)];
    for _ in 0..5 {
        round(&mut device, &images);
    }
    connect(&mut device);
    let (before, begun) = (used(&device), Instant::now());
    let (mut rounds, mut told) = (0, begun);
    while begun.elapsed() < Duration::from_secs(seconds) || rounds < 10 {
        round(&mut device, &images);
        rounds += 1;
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            println!("{} s, {rounds} rounds: {:?}", begun.elapsed().as_secs(), used(&device));
        }
    }
    connect(&mut device);
    let after = used(&device);
    println!("{rounds} rounds in {} s: {before:?}, then {after:?}", begun.elapsed().as_secs());
    // A page here and there is the allocator's.
    assert!(after.rss_kib <= before.rss_kib + before.rss_kib / 4 + 2048, "{before:?}, {after:?}");
    assert!(after.size_kib <= before.size_kib + before.size_kib / 10, "{before:?}, {after:?}");
    assert!(
        after.threads <= before.threads && after.mappings <= before.mappings + 8,
        "{before:?}, {after:?}"
    );
    assert!(after.descriptors <= before.descriptors + 4, "{before:?}, {after:?}");
}
