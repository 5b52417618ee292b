//! Many devices: `cargo test --release -p xmap-gateway --test gateway many_devices -- --ignored --nocapture`.
//! DEVICES and SECONDS say how many and how long.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use xmap_gateway::tokens::token_of;
use xmap_keys::roles::make_role_key;
use xmap_link::{Pattern, Role};

use crate::rig::{Gateway, stairwell};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
#[ignore = "a minute of both cores"]
fn many_devices_are_each_called_every_second() {
    let (devices, seconds) = (setting("DEVICES", 200), setting("SECONDS", 60));
    let mut config = String::from("[[token]]\nname = \"all\"\nkey = \"all.key\"\n");
    for n in 0..devices {
        config += &format!("[[device]]\nname = \"d{n}\"\nsim = {:?}\n", stairwell());
    }
    let mut token = String::new();
    let mut gateway = Gateway::with(&config, |folder| {
        let key = make_role_key(&folder.join("all.key"), Role::Call, &[Pattern::new("*").unwrap()]);
        token = token_of(&key.unwrap());
    });
    gateway.token = token;
    let all_online =
        |listed: &Json| listed["devices"].as_array().unwrap().iter().all(|device| device["online"] == true);
    gateway.wait("/v1/devices", all_online);
    let begun_mb = gateway.resident_mb();
    let (times, missed) = (Mutex::new(Vec::new()), Mutex::new(0));
    let threads = 8;
    thread::scope(|scope| {
        for first in 0..threads {
            let (gateway, times, missed) = (&gateway, &times, &missed);
            scope.spawn(move || {
                let mut stream = gateway.connect();
                let mine: Vec<u64> = (0..devices).filter(|n| n % threads == first).collect();
                let start = Instant::now();
                let mut buffer = [0; 4096];
                for second in 0..seconds {
                    for (k, n) in mine.iter().enumerate() {
                        // Spread over the second.
                        let at = Duration::from_secs_f64(second as f64 + k as f64 / mine.len() as f64);
                        thread::sleep(at.saturating_sub(start.elapsed()));
                        let request = format!(
                            "POST /v1/devices/d{n}/exports/stairs.lamp_toggle HTTP/1.1\r\nHost: x\r\n\
                             Authorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
                            gateway.token
                        );
                        let asked = Instant::now();
                        stream.write_all(request.as_bytes()).unwrap();
                        let read = stream.read(&mut buffer).unwrap();
                        let took = asked.elapsed();
                        let good = buffer[..read].starts_with(b"HTTP/1.1 200");
                        *missed.lock().unwrap() += u32::from(!good);
                        times.lock().unwrap().push(took);
                    }
                }
            });
        }
    });
    let mut times = times.into_inner().unwrap();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let missed = missed.into_inner().unwrap();
    eprintln!(
        "{devices} devices, {seconds} s: {} calls, {missed} missed; p50 {:.2} ms, p99 {:.2} ms, at most {:.2} ms; \
         {begun_mb:.0} MB at the beginning, {:.0} MB at the end",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        gateway.resident_mb()
    );
    assert_eq!(missed, 0);
    assert!(gateway.resident_mb() < begun_mb + 64.0);
}
