//! Clients that mean no good, devices that go away, and a gateway that is killed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::rig::{Gateway, answer, lamp, stairwell};

/// The gateway answers, and within a time.
fn still_answers(gateway: &Gateway, within: Duration) {
    let start = Instant::now();
    let called = gateway.call("sim", "stairs.lamp_on", "");
    assert_eq!(called.status, 200, "{}", called.body);
    assert!(start.elapsed() < within, "{:?}", start.elapsed());
}

#[test]
fn a_body_without_end_is_refused_and_not_kept() {
    let gateway = Gateway::stairwell();
    let before = gateway.resident_mb();
    // It says how large it is.
    let mut stream = gateway.connect();
    let head = |length: &str| {
        format!(
            "PUT /v1/devices/sim/modules/0/image HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{length}\r\n\r\n",
            gateway.token
        )
    };
    stream.write_all(head("Content-Length: 1000000000").as_bytes()).unwrap();
    let refused = answer(stream);
    assert_eq!((refused.status, refused.code().as_str()), (413, "X1509"));
    // It does not, and comes as long as somebody takes it.
    let mut stream = gateway.connect();
    stream.write_all(head("Transfer-Encoding: chunked").as_bytes()).unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    let mut sent = 0u64;
    while sent < 1 << 30 && stream.write_all(&chunk).is_ok() {
        sent += 0x10000;
    }
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    still_answers(&gateway, Duration::from_secs(10));
    let grown = gateway.resident_mb() - before;
    assert!(grown < 64.0, "{grown} MB");
}

#[test]
fn ten_thousand_connections_are_a_bounded_number() {
    let gateway = Gateway::stairwell();
    let before = gateway.resident_mb();
    let (mut open, mut refused) = (Vec::new(), 0);
    for n in 0..10_000 {
        let Ok(mut stream) = TcpStream::connect(&gateway.address) else { continue };
        // Half of them begin a request and say no more.
        if n % 2 == 0 {
            _ = stream.write_all(b"GET / HT");
        }
        // This process has no room for all of them; the gateway does not know of that.
        if open.len() < 300 {
            open.push(stream);
        } else if n % 100 == 0 {
            _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut text = String::new();
            _ = stream.read_to_string(&mut text);
            refused += u32::from(text.starts_with("HTTP/1.1 503") && text.contains("\"X1510\""));
        }
    }
    assert!(refused > 0, "nobody was told so");
    let grown = gateway.resident_mb() - before;
    assert!(grown < 64.0, "{grown} MB");
    drop(open);
    let start = Instant::now();
    while !gateway_answers(&gateway) {
        assert!(start.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(50));
    }
}

fn gateway_answers(gateway: &Gateway) -> bool {
    let Ok(mut stream) = TcpStream::connect(&gateway.address) else { return false };
    _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut text = String::new();
    _ = stream.read_to_string(&mut text);
    text.starts_with("HTTP/1.1 200")
}

#[test]
fn a_client_that_reads_nothing_holds_nobody_up() {
    let gateway = Gateway::stairwell();
    let before = gateway.resident_mb();
    // Streams of events that nobody reads, while a lot happens.
    let deaf: Vec<_> = (0..16).map(|_| gateway.events("/v1/devices/sim/events")).collect();
    let path = "/v1/devices/sim/exports/stairs.lamp_toggle";
    let mut stream = gateway.connect();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
        gateway.token
    );
    let start = Instant::now();
    let mut buffer = [0; 4096];
    let mut calls = 0;
    while start.elapsed() < Duration::from_secs(5) {
        stream.write_all(request.as_bytes()).unwrap();
        let read = stream.read(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(text.starts_with("HTTP/1.1 200") || text.starts_with("HTTP/1.1 429"), "{text}");
        calls += 1;
    }
    assert!(calls > 50, "{calls} calls");
    still_answers(&gateway, Duration::from_secs(5));
    let grown = gateway.resident_mb() - before;
    assert!(grown < 64.0, "{grown} MB after {calls} calls");
    drop(deaf);
}

#[test]
fn a_gateway_that_is_killed_is_started_again_and_answers() {
    for _ in 0..5 {
        let mut gateway = Gateway::stairwell();
        still_answers(&gateway, Duration::from_secs(10));
        let _events = gateway.events("/v1/devices/sim/events");
        gateway.process.kill().unwrap();
        gateway.process.wait().unwrap();
    }
}

/// Once a second, or as often as KILLS says:
/// `KILLS=60 cargo test -p xmap-gateway --test gateway every_second`.
#[test]
fn a_gateway_that_is_killed_every_second_under_load_touches_no_output() {
    let kills: u32 = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let port = format!("tcp:{}", device(lamp(1, "", "").0));
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    for kill in 0..=kills {
        let began = Instant::now();
        let mut gateway = Gateway::start(&["--port", &port]);
        let device = gateway.wait("/v1/devices/device", |device| device["online"] == true);
        slowest = slowest.max(began.elapsed());
        // It is lit in the first round alone; whoever wrote the line since would have put it out or lit it
        // anew.
        if kill == 0 {
            assert_eq!(gateway.call("device", "hall.lamp_on", "").status, 200);
        } else {
            assert_eq!(device["levels"]["banks"][0].as_u64().unwrap() >> 17 & 1, 1, "after {kill} kills");
        }
        let address = gateway.address.clone();
        let token = gateway.token.clone();
        let load: Vec<_> = (0..4)
            .map(|_| {
                let (address, token) = (address.clone(), token.clone());
                thread::spawn(move || {
                    let request = format!(
                        "POST /v1/devices/device/exports/hall.version HTTP/1.1\r\nHost: x\r\n\
                         Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
                    );
                    let (mut done, mut buffer) = (0, [0; 4096]);
                    let Ok(mut stream) = TcpStream::connect(&address) else { return done };
                    while stream.write_all(request.as_bytes()).is_ok()
                        && matches!(stream.read(&mut buffer), Ok(read @ 1..) if buffer[..read].starts_with(b"HTTP/1.1 200"))
                    {
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        let events = gateway.events("/v1/devices/device/events");
        thread::sleep(Duration::from_secs(1));
        gateway.process.kill().unwrap();
        gateway.process.wait().unwrap();
        calls += load.into_iter().map(|load| load.join().unwrap()).sum::<u32>();
        drop(events);
    }
    let gateway = Gateway::start(&["--port", &port]);
    let device = gateway.wait("/v1/devices/device", |device| device["online"] == true);
    assert_eq!(device["levels"]["banks"][0].as_u64().unwrap() >> 17 & 1, 1);
    let status = &device["status"];
    assert_eq!((&status["traps"], &device["modules"][0]["generation"]), (&0.into(), &1.into()), "{status}");
    eprintln!("{kills} kills, {calls} calls; there again after {slowest:?} at most");
    assert!(calls > kills * 10, "{calls} calls");
}

/// A cable between the gateway and a device, which a test pulls.
struct Cable {
    port: String,
    plugged: Arc<AtomicBool>,
    /// Pulled where so many bytes have gone to the device since [`Cable::pull_after`].
    after: Arc<Mutex<Option<usize>>>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    fn to(device: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cable = Self {
            port: format!("tcp:{}", listener.local_addr().unwrap()),
            plugged: Arc::new(AtomicBool::new(true)),
            after: Arc::default(),
            ends: Arc::default(),
        };
        let (plugged, after, ends) = (cable.plugged.clone(), cable.after.clone(), cable.ends.clone());
        thread::spawn(move || {
            for host in listener.incoming() {
                let host = host.unwrap();
                if !plugged.load(Ordering::SeqCst) {
                    continue;
                }
                let device = TcpStream::connect(&device).unwrap();
                ends.lock().unwrap().extend([host.try_clone().unwrap(), device.try_clone().unwrap()]);
                let (mut from, mut to) = (device.try_clone().unwrap(), host.try_clone().unwrap());
                thread::spawn(move || {
                    _ = std::io::copy(&mut from, &mut to);
                    _ = to.shutdown(std::net::Shutdown::Both);
                });
                let (mut from, mut to, after, plugged) = (host, device, after.clone(), plugged.clone());
                thread::spawn(move || {
                    let mut buffer = [0; 64];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        if let Some(left) = &mut *after.lock().unwrap() {
                            if *left < read {
                                plugged.store(false, Ordering::SeqCst);
                                break;
                            }
                            *left -= read;
                        }
                        if to.write_all(&buffer[..read]).is_err() {
                            break;
                        }
                    }
                    _ = from.shutdown(std::net::Shutdown::Both);
                    _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        cable
    }

    fn pull(&self) {
        self.plugged.store(false, Ordering::SeqCst);
        for end in self.ends.lock().unwrap().drain(..) {
            _ = end.shutdown(std::net::Shutdown::Both);
        }
    }

    fn pull_after(&self, bytes: usize) {
        *self.after.lock().unwrap() = Some(bytes);
    }

    fn plug(&self) {
        *self.after.lock().unwrap() = None;
        self.plugged.store(true, Ordering::SeqCst);
    }
}

/// A device behind a socket, for any number of connections one after another.
pub(crate) fn device(image: Vec<u8>) -> String {
    use xmap_gateway::panel::Panel;
    use xmap_gateway::simulated::Simulated;
    let image = xmap_image::OwnedImage::from_bytes(&image).unwrap();
    let simulated = Simulated::start(&[Panel { image, map: None }]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for host in listener.incoming() {
            let (host, device) = (host.unwrap(), simulated.connect().unwrap());
            let (mut a, mut b) = (host.try_clone().unwrap(), device.try_clone().unwrap());
            let (mut c, mut d) = (device, host);
            thread::spawn(move || {
                _ = std::io::copy(&mut a, &mut b);
                _ = b.shutdown(std::net::Shutdown::Both);
            });
            thread::spawn(move || {
                _ = std::io::copy(&mut c, &mut d);
                _ = d.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}

#[test]
fn a_device_that_is_unplugged_anywhere_comes_back() {
    let cable = Cable::to(device(lamp(1, "", "").0));
    let gateway = Gateway::start(&["--port", &cable.port]);
    let path = "/v1/devices/device";
    let online = |is: bool| gateway.wait(path, |device| device["online"] == is);
    online(true);
    assert_eq!(gateway.call("device", "hall.lamp_on", "").status, 200);
    // Without a word: the next request says that it is away, and why.
    let mut events = gateway.events("/v1/devices/device/events");
    cable.pull();
    events.until("online", |news| news["online"] == false);
    let away = gateway.call("device", "hall.lamp_on", "");
    assert_eq!((away.status, away.code().as_str()), (503, "X1506"));
    assert!(away.head.contains("retry-after: 1"), "{}", away.head);
    cable.plug();
    events.until("online", |news| news["online"] == true);
    assert_eq!(gateway.call("device", "hall.version", "").status, 200);
    // That it is away may be known only by a request that does not arrive.
    let version = || {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = gateway.call("device", "hall.version", "");
            if answer.status != 503 || Instant::now() > end {
                return answer;
            }
            thread::sleep(Duration::from_millis(20));
        }
    };
    // In the middle of a swap, at several places: the old image runs on.
    let image = lamp(2, "[policy]\nconfirm_ms = 0\n", "").0;
    assert!(image.len() > 270, "{}", image.len());
    for bytes in [1, 60, 120, 200, 260] {
        cable.pull_after(bytes);
        let broken = gateway.ask("PUT", "/v1/devices/device/modules/0/image", &image);
        assert_eq!(broken.status, 503, "after {bytes}: {}", broken.body);
        assert!(matches!(broken.code().as_str(), "X0906" | "X1506"), "{}", broken.body);
        cable.plug();
        assert_eq!(version().json()["results"][0], 1, "after {bytes}");
    }
    // In the middle of a call.
    cable.pull_after(5);
    let broken = gateway.call("device", "hall.version", "");
    assert_eq!(broken.status, 503, "{}", broken.body);
    cable.plug();
    online(true);
    let lines = gateway.wait(path, |device| device["levels"]["banks"].is_array());
    assert_eq!(lines["levels"]["banks"][0].as_u64().unwrap() >> 17 & 1, 1, "the lamp is on all the time");
}

#[test]
fn a_device_that_is_away_keeps_no_other_waiting() {
    // One that listens and never answers, and one that does not listen.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "[[device]]\nname = \"silent\"\nport = \"tcp:{}\"\n[[device]]\nname = \"gone\"\nport = \"tcp:127.0.0.1:1\"\n\
         [[device]]\nname = \"sim\"\nsim = {:?}\n[[token]]\nname = \"all\"\nkey = \"all.key\"\n",
        silent.local_addr().unwrap(),
        stairwell()
    );
    let mut token = String::new();
    let mut gateway = Gateway::with(&config, |folder| {
        let allow = [xmap_link::Pattern::new("*").unwrap()];
        let role = xmap_link::Role::Operate;
        let key = xmap_keys::roles::make_role_key(&folder.join("all.key"), role, &allow).unwrap();
        token = xmap_gateway::tokens::token_of(&key);
    });
    gateway.token = token;
    gateway.wait("/v1/devices/sim", |device| device["online"] == true);
    still_answers(&gateway, Duration::from_secs(5));
    let gone = gateway.wait("/v1/devices/gone", |device| device["error"].is_object());
    assert_eq!(gone["error"]["code"], "X0901", "{gone}");
    let away = gateway.call("silent", "stairs.lamp_on", "");
    assert_eq!((away.status, away.code().as_str()), (503, "X1506"));
    let silent = gateway.wait("/v1/devices/silent", |device| device["error"].is_object());
    assert_eq!(silent["error"]["code"], "X0902", "{silent}");
}

/// Debian's `libfaketime`, which gives a process another wall clock.
fn faketime() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.is_file()).map(|path| path.display().to_string())
}

#[test]
fn a_clock_that_jumps_holds_nothing_up() {
    let Some(library) = faketime() else {
        println!("SKIPPED: there is no libfaketime: `apt install faketime`");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    let clock_path = clock.display().to_string();
    let set = |jump: &str| std::fs::write(&clock, jump).unwrap();
    set("+0d");
    let environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", clock_path.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        // What the kernel counts since its start does not jump.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let gateway = Gateway::start_in(&["--sim", &stairwell()], &environment);
    gateway.wait("/v1/devices/sim", |device| device["online"] == true);
    let mut events = gateway.events("/v1/devices/sim/events");
    let year = || {
        let head = gateway.ask("GET", "/v1/devices/sim", b"").head.to_ascii_lowercase();
        let date = head.lines().find_map(|line| line.strip_prefix("date: ")).unwrap().to_string();
        date.split(' ').nth(3).unwrap().parse::<u32>().unwrap()
    };
    let today = year();
    for jump in ["+1200d", "-1200d", "+0d"] {
        set(jump);
        if jump == "+1200d" {
            let start = Instant::now();
            while year() < today + 3 {
                assert!(start.elapsed() < Duration::from_secs(20), "the clock does not jump");
                thread::sleep(Duration::from_millis(100));
            }
        }
        for (call, store) in
            [("stairs.lamp_on", "GPSET0 0x00020000"), ("stairs.lamp_off", "GPCLR0 0x00020000")]
        {
            assert_eq!(gateway.call("sim", call, "").status, 200, "{jump}");
            events.until("store", |news| news["text"] == store);
        }
        let device = gateway.get("/v1/devices/sim");
        assert_eq!(device["online"], true, "{jump}");
    }
}
