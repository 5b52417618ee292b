//! A device of hawkBit: a server of a test that speaks as much of the DDI as a rollout takes, over real
//! bytes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hmac_sha256::Hash;
use serde_json::{Value as Json, json};
use xmap_gateway::tokens::token_of;
use xmap_keys::roles::make_role_key;
use xmap_link::{Pattern, Role};

use crate::rig::{Gateway, deployment, lamp};

#[derive(Default)]
struct State {
    /// The image of the open action.
    image: Option<Vec<u8>>,
    /// What the server says its digest is, where it is another one.
    digest: Option<String>,
    cancel: bool,
    id: u32,
    /// Requests, and feedback.
    asked: Vec<String>,
    told: Vec<Json>,
    introduced: bool,
    /// Bytes of each kind of request and of its answer, the last of them.
    sizes: BTreeMap<String, (usize, usize)>,
}

#[derive(Clone)]
struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self { address, state: Arc::default() };
        let one = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let one = one.clone();
                thread::spawn(move || one.answer(stream));
            }
        });
        server
    }

    fn assign(&self, image: &[u8]) -> u32 {
        let mut state = self.state.lock().unwrap();
        state.id += 1;
        (state.image, state.cancel, state.digest) = (Some(image.to_vec()), false, None);
        state.id
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length, mut token) = (String::new(), 0, false);
        let mut asked = lines.read_line(&mut head).unwrap_or(0);
        loop {
            let mut line = String::new();
            let read = lines.read_line(&mut line).unwrap_or(0);
            asked += read;
            if read <= 2 {
                break;
            }
            let line = line.trim().to_lowercase();
            if let Some(of) = line.strip_prefix("content-length: ") {
                length = of.parse().unwrap();
            }
            token |= line == "authorization: gatewaytoken secret";
        }
        let mut body = vec![0; length];
        _ = lines.read_exact(&mut body);
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap().to_string(), words.next().unwrap_or("/").to_string());
        let (status, answer) = if token { self.reply(&method, &path, &body) } else { (401, Vec::new()) };
        let head =
            format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
        let answer = [head.as_bytes(), &answer].concat();
        let end =
            path.rsplit('/').next().unwrap().chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        self.state.lock().unwrap().sizes.insert(format!("{method} {end}"), (asked + length, answer.len()));
        _ = stream.write_all(&answer);
    }

    fn reply(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        state.asked.push(format!("{method} {path}"));
        let (base, id) = (format!("http://{}/DEFAULT/controller/v1/hall", self.address), state.id);
        let ok = |json: Json| (200, json.to_string().into_bytes());
        let link = |what: &str| json!({ "href": format!("{base}/{what}") });
        match (method, path.strip_prefix("/DEFAULT/controller/v1/hall").unwrap_or("?")) {
            ("GET", "") => {
                let mut links = json!({});
                if !state.introduced {
                    links["configData"] = link("configData");
                }
                if state.cancel {
                    links["cancelAction"] = link("cancelAction/1");
                } else if state.image.is_some() {
                    links["deploymentBase"] = link(&format!("deploymentBase/{id}"));
                }
                ok(json!({ "config": { "polling": { "sleep": "00:00:01" } }, "_links": links }))
            }
            ("PUT", "/configData") => {
                state.introduced = serde_json::from_slice::<Json>(body).unwrap()["data"]["board"] == "rpi4b";
                ok(json!({}))
            }
            ("GET", "/cancelAction/1") => {
                ok(json!({ "id": "1", "cancelAction": { "stopId": id.to_string() } }))
            }
            ("GET", "/image") => (200, state.image.clone().unwrap()),
            ("GET", path) if path.starts_with("/deploymentBase/") => {
                let Some(image) = &state.image else { return (410, Vec::new()) };
                let digest: String = Hash::hash(image).iter().map(|byte| format!("{byte:02x}")).collect();
                let digest = state.digest.clone().unwrap_or(digest);
                ok(deployment(&id.to_string(), image.len(), &digest, link("image")))
            }
            ("POST", path) if path.ends_with("/feedback") => {
                let told: Json = serde_json::from_slice(body).unwrap();
                assert_eq!(told["status"]["execution"], "closed");
                state.told.push(told);
                (state.image, state.cancel) = (None, false);
                ok(json!({}))
            }
            _ => (404, Vec::new()),
        }
    }

    /// The feedback number so and so.
    fn told(&self, count: usize) -> Json {
        let start = Instant::now();
        loop {
            let state = self.state.lock().unwrap();
            if state.told.len() >= count {
                assert_eq!(state.told.len(), count, "{:?}", state.told);
                return state.told[count - 1].clone();
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{:?}", state.asked);
            drop(state);
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A gateway for one device, which is outside of it and so outlives it.
fn gateway(server: &Server, port: &str, state: &std::path::Path) -> Gateway {
    let config = format!(
        "[[device]]\nname = \"hall\"\nport = {port:?}\n[[token]]\nname = \"all\"\nkey = \"all.key\"\n\
         [fleet]\nserver = \"http://{}\"\ntoken_file = \"fleet.token\"\nstate = {state:?}\n",
        server.address
    );
    let mut token = String::new();
    let mut gateway = Gateway::with(&config, |folder| {
        std::fs::write(folder.join("fleet.token"), "secret\n").unwrap();
        let key = make_role_key(&folder.join("all.key"), Role::Operate, &[Pattern::new("*").unwrap()]);
        token = token_of(&key.unwrap());
    });
    gateway.token = token;
    gateway.wait("/v1/devices/hall", |device| device["online"] == true);
    gateway
}

const TRIED: &str = "[policy]\nconfirm_ms = 300\n";
/// A handler that traps in its trial.
const TRAPS: &str = "(drop (i32.div_u (i32.const 1) (global.get $zero)))";

#[test]
fn an_assignment_is_swapped_in_and_its_outcome_has_a_reason() {
    let server = Server::start();
    let port = format!("tcp:{}", crate::faults::device(lamp(1, "", "").0));
    let state = tempfile::tempdir().unwrap();
    let gateway = gateway(&server, &port, state.path());
    assert_eq!(gateway.call("hall", "hall.lamp_on", "").status, 200);
    let version = || gateway.call("hall", "hall.version", "").json()["results"][0].clone();
    let finished = |told: &Json| told["status"]["result"]["finished"].as_str().unwrap().to_string();

    server.assign(&lamp(2, TRIED, "").0);
    let told = server.told(1);
    assert_eq!((finished(&told), told["id"].as_str()), ("success".into(), Some("1")), "{told}");
    assert_eq!(version(), 2);
    let sizes = server.state.lock().unwrap().sizes.clone();
    // docs/fleet.md counts with these.
    println!(
        "bytes of a request and of its answer, an image of {} bytes: {sizes:?}",
        lamp(2, TRIED, "").0.len()
    );
    let (of_poll, answer) = sizes["GET hall"];
    assert!(of_poll < 300 && answer < 400, "{sizes:?}");

    // One that traps in its trial is back by itself, and the server is told why.
    server.assign(&lamp(3, TRIED, TRAPS).0);
    let told = server.told(2);
    let why = told["status"]["details"][0].as_str().unwrap();
    assert!(
        finished(&told) == "failure" && why.contains("rolled back") && why.contains("divide_by_zero"),
        "{told}"
    );
    assert_eq!(version(), 2);

    // What is damaged, or is no image, does not reach the device.
    server.assign(&lamp(4, TRIED, "").0);
    server.state.lock().unwrap().digest = Some("00".repeat(32));
    let told = server.told(3);
    assert!(finished(&told) == "failure" && told.to_string().contains("SHA-256"), "{told}");
    server.assign(b"nothing");
    let told = server.told(4);
    assert!(finished(&told) == "failure" && told.to_string().contains("not an image"), "{told}");

    // A cancellation is obeyed, and nothing is swapped in.
    server.assign(&lamp(5, TRIED, "").0);
    server.state.lock().unwrap().cancel = true;
    assert_eq!(finished(&server.told(5)), "success");
    assert_eq!(version(), 2);
    assert!(server.state.lock().unwrap().introduced);
    let device = gateway.get("/v1/devices/hall");
    assert_eq!(device["levels"]["banks"][0].as_u64().unwrap() >> 17 & 1, 1, "the lamp is on all the time");
}

/// What cannot be noted is not begun: the device is not asked, and all else is served.
#[test]
fn a_disk_that_takes_nothing_holds_a_rollout_up_and_nothing_else() {
    let server = Server::start();
    let port = format!("tcp:{}", crate::faults::device(lamp(1, "", "").0));
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::write(&state, "no folder").unwrap();
    let gateway = gateway(&server, &port, &state);
    let version = || gateway.call("hall", "hall.version", "").json()["results"][0].clone();
    server.assign(&lamp(2, TRIED, "").0);
    let start = Instant::now();
    let fetched = || server.state.lock().unwrap().asked.iter().filter(|of| of.ends_with("/image")).count();
    while fetched() < 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "it is tried again");
        assert_eq!(version(), 1);
        thread::sleep(Duration::from_millis(100));
    }
    assert!(server.state.lock().unwrap().told.is_empty());
    std::fs::remove_file(&state).unwrap();
    assert_eq!(server.told(1)["status"]["result"]["finished"], "success");
    assert_eq!(version(), 2);
}

/// Killed after each number of requests, with a good and a bad panel: one feedback, and the right one.
#[test]
fn a_gateway_that_dies_at_any_moment_goes_on_where_it_was() {
    for (bad, requests) in [(false, 1), (false, 2), (false, 3), (true, 2), (true, 3)] {
        let server = Server::start();
        let port = format!("tcp:{}", crate::faults::device(lamp(1, "", "").0));
        let state = tempfile::tempdir().unwrap();
        let mut first = gateway(&server, &port, state.path());
        let before = server.state.lock().unwrap().asked.len();
        server.assign(&lamp(2, TRIED, if bad { TRAPS } else { "" }).0);
        while server.state.lock().unwrap().asked.len() < before + requests {
            thread::sleep(Duration::from_millis(2));
        }
        first.process.kill().unwrap();
        first.process.wait().unwrap();
        let second = gateway(&server, &port, state.path());
        let told = server.told(1);
        let finished = if bad { "failure" } else { "success" };
        assert_eq!(told["status"]["result"]["finished"], finished, "killed after {requests}: {told}");
        let version = second.call("hall", "hall.version", "").json()["results"][0].clone();
        assert_eq!(version, if bad { 1 } else { 2 }, "killed after {requests}");
        thread::sleep(Duration::from_millis(1200));
        server.told(1);
    }
}
