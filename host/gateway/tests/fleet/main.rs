//! A fleet: thousands of devices, gateways that are killed, a broker, and rollouts of good and bad panels.
//! `cargo xtask fleet --devices 10000 --bad 3% --kills 50` runs it at full size: DEVICES, BAD and KILLS say
//! how large it is here.

mod devices;
mod gateways;
#[path = "../gateway/rig.rs"]
mod rig;
mod seals;
mod server;

use std::collections::{BTreeSet, HashMap};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value as Json;

use devices::Simulated;
use gateways::Gateway;
use server::{Report, Server, spread};

/// Groups of a rollout, of a small fleet and of a large one.
const GROUPS: (usize, usize) = (4, 10);
/// Devices of a gateway at most, as its configuration has it.
const MOST: usize = 1000;
/// The longest that a rollout may take.
const LIMIT: Duration = Duration::from_secs(900);

fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// An image whose handler runs twice a second, and counts as good after it has run.
pub(crate) fn hall(version: u32, body: &str) -> Vec<u8> {
    let manifest = format!(
        "[module]\nname = \"hall\"\nnamespace = \"hall\"\nversion = {version}\nboard = \"rpi4b\"\nwasm = \"hall.wat\"\n\
         [pins]\n17 = {{ name = \"lamp\", mode = \"out\", safe = \"low\" }}\n27 = {{ name = \"jumper\", mode = \"in\" }}\n\
         [exports]\nlamp_on = {{}}\ntick = {{ on = {{ every_us = 500000 }} }}\n[policy]\nconfirm_ms = 1200\n"
    );
    let wat = format!(
        r#"(module (import "gpio" "set" (func $set (param i32 i32))) (import "gpio" "get" (func $get (param i32) (result i32)))
        (global $zero (mut i32) (i32.const 0))
        (func (export "lamp_on") (call $set (i32.const 17) (i32.const 1)))
        (func $tick (export "tick") {body}))"#
    );
    rig::image(&manifest, "hall.wat", &wat).0
}

/// A body that traps where the jumper is set, and one that always does.
const TRAPS_WITH_JUMPER: &str =
    "(if (call $get (i32.const 27)) (then (drop (i32.div_u (i32.const 1) (global.get $zero)))))";
const TRAPS: &str = "(drop (i32.div_u (i32.const 1) (global.get $zero)))";

/// A mosquitto, where there is one.
struct Broker {
    process: Child,
    port: u16,
}

impl Broker {
    fn start(folder: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = folder.join("mosquitto.conf");
        let text = format!(
            "user root\npersistence false\nmax_queued_messages 0\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
        );
        std::fs::write(&file, text).unwrap();
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("mosquitto");
        command.env("PATH", path).arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(process) = command.spawn() else {
            eprintln!("fleet: its broker is SKIPPED, there is no mosquitto: `apt install mosquitto`");
            return None;
        };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "the broker does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { process, port })
    }

    /// Waits until the retained states of all devices say this version. Returns how many messages came.
    async fn says(&self, devices: &[Arc<Simulated>], version: u32) -> usize {
        let mut options = MqttOptions::new("fleet-test", "127.0.0.1", self.port);
        options.set_max_packet_size(1 << 18, 1 << 18);
        let (client, mut events) = AsyncClient::new(options, 64);
        let mut messages = 0;
        let mut missing: HashMap<&str, String> =
            devices.iter().map(|device| (device.name.as_str(), String::new())).collect();
        let start = Instant::now();
        while !missing.is_empty() {
            let event = tokio::time::timeout(Duration::from_secs(120), events.poll()).await;
            let Ok(event) = event else { panic!("the broker has no more, and lacks {missing:?}") };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    client.subscribe("+/+/module/0", QoS::AtMostOnce).await.unwrap();
                }
                Ok(Event::Incoming(Packet::Publish(message))) => {
                    messages += 1;
                    let name = message.topic.split('/').nth(1).unwrap();
                    let state: Json = serde_json::from_slice(&message.payload).unwrap();
                    if state["version"] == version && state["on_trial"] == false {
                        missing.remove(name);
                    } else if let Some(said) = missing.get_mut(name) {
                        *said = state.to_string();
                    }
                }
                _ => {}
            }
            assert!(start.elapsed() < LIMIT, "the broker lacks {missing:?}");
        }
        messages
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// The fleet and what happens to it.
struct Scene {
    devices: Vec<Arc<Simulated>>,
    gateways: Vec<Gateway>,
    server: Server,
    groups: usize,
    /// Gateways that were killed.
    kills: usize,
    gap: Duration,
    killed: Instant,
}

impl Scene {
    /// Rolls an image out to the end, and kills gateways meanwhile until so many were killed in all.
    async fn roll_out(&mut self, what: &str, image: &[u8], kills: usize) -> Report {
        let start = Instant::now();
        self.server.roll_out(image, self.groups);
        let mut shown = 0;
        while !self.server.is_over() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.kills < kills && self.killed.elapsed() > self.gap {
                let chosen = spread(&self.kills.to_string(), "kill") as usize % self.gateways.len();
                self.gateways[chosen].kill();
                self.kills += 1;
                self.killed = Instant::now();
            }
            let (begun, told) = self.server.progress();
            if begun > shown {
                println!("{what}: {:.0} s, group {begun}, {told} outcomes", start.elapsed().as_secs_f64());
                shown = begun;
            }
            if start.elapsed() > LIMIT {
                let report = self.server.report();
                let open = report.assigned.iter().filter(|name| !report.told.contains_key(*name));
                panic!("{what}: {told} outcomes, and none of {:?}", open.take(9).collect::<Vec<_>>());
            }
        }
        let report = self.server.report();
        println!(
            "{what}: {:.0} s, {} groups begun{}, {} devices reached, {} failed; {} kills so far",
            start.elapsed().as_secs_f64(),
            report.begun,
            if report.halted { " and the rest halted" } else { "" },
            report.fetched.len(),
            report.failures().count(),
            self.kills
        );
        // Nobody outside of the groups that were begun has seen it.
        assert!(report.fetched.is_subset(&report.assigned), "{what}");
        report
    }

    /// Holds each device against the version that it is to run.
    fn holds(&self, what: &str, version: impl Fn(&str) -> u32) {
        for device in &self.devices {
            let seen = device.seen();
            let good = seen.version == version(&device.name) && !seen.on_trial && seen.running && seen.lit;
            assert!(good && seen.glitches == 0, "{what}: {}: {seen:?}", device.name);
        }
    }
}

/// A failure says why, unless the gateway that saw it is gone.
fn has_reason(why: &str) -> bool {
    why.contains("divide_by_zero") || why == "rolled back, and the device does not say why any more"
}

async fn scenario() {
    let count = setting("DEVICES", 200.0) as usize;
    let (bad, kills) = (setting("BAD", 3.0) / 100.0, setting("KILLS", 6.0) as usize);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("d")).unwrap();
    // What takes longer with more devices: looks at the server and at devices, and a gateway's start.
    let sleep_s = (count as u64 / 1000).max(1);
    let mut names: Vec<String> = (0..count).map(|n| format!("d{n:05}")).collect();
    names.sort_by_key(|name| spread(name, "jumper"));
    let jumpers: BTreeSet<String> =
        names.iter().take((count as f64 * bad).ceil() as usize).cloned().collect();
    names.sort();
    let first = hall(1, "");
    let start =
        |name: &String| Simulated::start(&folder.join("d"), name, &first, jumpers.contains(name), None);
    let devices: Vec<_> = names.iter().map(start).collect();
    let broker = Broker::start(folder);
    let server = Server::start(names.iter().cloned(), sleep_s).await;
    let began = Instant::now();
    let parts = devices.chunks(count.div_ceil(4).clamp(1, MOST)).enumerate();
    let gateways: Vec<_> = parts
        .map(|(n, part)| {
            let port = broker.as_ref().map(|broker| broker.port);
            Gateway::start(&folder.join(format!("g{n}")), part, &server.address, port, sleep_s)
        })
        .collect();
    while server.introduced() < count {
        assert!(began.elapsed() < LIMIT, "{} of {count} devices are known", server.introduced());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "{count} devices at {} gateways, {} with the jumper; all known after {:.0} s",
        gateways.len(),
        jumpers.len(),
        began.elapsed().as_secs_f64()
    );
    let gap = Duration::from_secs_f64(1.0 + count as f64 / 2500.0);
    let groups = if count < 1000 { GROUPS.0 } else { GROUPS.1 };
    let mut scene = Scene { devices, gateways, server, groups, kills: 0, gap, killed: Instant::now() };

    let good = scene.roll_out("version 2", &hall(2, ""), kills / 3).await;
    assert!(!good.halted && good.fetched.len() == count && good.failures().count() == 0);
    scene.holds("version 2", |_| 2);

    // One that some devices cannot bear: it ends with the first group in which too many fail.
    let some = scene.roll_out("version 3, bad with the jumper", &hall(3, TRAPS_WITH_JUMPER), kills).await;
    let failed: BTreeSet<&String> = some.failures().map(|(name, _)| name).collect();
    let expected: BTreeSet<&String> = some.assigned.intersection(&jumpers).collect();
    assert_eq!(failed, expected);
    assert!(some.failures().all(|(_, why)| has_reason(why)), "{:?}", some.failures().next());
    assert!(jumpers.is_empty() || some.halted);
    let before: BTreeSet<String> = some.told.keys().cloned().collect();
    let runs_it = |name: &str| before.contains(name) && !jumpers.contains(name);
    scene.holds("version 3", |name| if runs_it(name) { 3 } else { 2 });

    // One that no device can bear: all of the first group are back, and no other one has seen it.
    let none = scene.roll_out("version 4, bad everywhere", &hall(4, TRAPS), kills).await;
    assert!(none.halted && none.begun == 1 && none.failures().count() == none.assigned.len());
    assert!(none.failures().all(|(_, why)| has_reason(why)), "{:?}", none.failures().next());
    let said = none.failures().filter(|(_, why)| why.contains("divide_by_zero")).count();
    scene.holds("version 4", |name| if runs_it(name) { 3 } else { 2 });

    let mut version = 4;
    while version == 4 || scene.kills < kills {
        version += 1;
        let good = scene.roll_out(&format!("version {version}"), &hall(version, ""), kills).await;
        assert!(!good.halted && good.fetched.len() == count && good.failures().count() == 0);
        scene.holds("a good version", |_| version);
    }
    let messages = match &broker {
        Some(broker) => broker.says(&scene.devices, version).await,
        None => 0,
    };
    let counted = scene.server.counted();
    let mb: f64 = scene.gateways.iter().map(Gateway::resident_mb).sum();
    println!(
        "{} of {} failures of version 4 have the trap, the others were seen by a gateway that was killed\n\
         {:.0} s in all: {} requests, {:.1} MB of bodies, {} feedbacks twice, {} kills, {mb:.0} MB of gateways, \
         {messages} retained states",
        said,
        none.assigned.len(),
        began.elapsed().as_secs_f64(),
        counted.requests,
        counted.bytes as f64 / 1e6,
        counted.late,
        scene.kills
    );
    scene.holds("at the end", |_| version);
}

#[test]
fn a_bad_panel_ends_with_its_first_group_and_every_device_is_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(scenario());
}
