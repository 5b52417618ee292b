#![allow(dead_code, reason = "each test program uses a part of it")]
//! A gateway of a test, as the program that it is, and a client of HTTP that does what a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// How long a test waits for what has to come, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The panel of the demo: a stairwell.
pub(crate) fn stairwell() -> String {
    root().join("tests/panels/demo/panel.toml").display().to_string()
}

/// A gateway that runs until this is dropped.
pub(crate) struct Gateway {
    pub(crate) process: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// The token that it printed; empty with a configuration.
    pub(crate) token: String,
    _folder: Option<TempDir>,
}

impl Gateway {
    /// Starts one with these arguments, at any port.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(args, &[])
    }

    /// Starts one with these variables in its environment.
    pub(crate) fn start_in(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_xmap-serve"))
            .args(args)
            .envs(environment.iter().copied())
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let rest = line.trim().strip_prefix("https://").or(line.trim().strip_prefix("http://"));
        let rest = rest.unwrap_or_else(|| panic!("{line:?}"));
        let (address, token) = rest.split_once('/').unwrap();
        let token = token.trim_start_matches('#').to_string();
        Self { process, address: address.to_string(), token, _folder: None }
    }

    /// Starts one that simulates the stairwell, and waits until it is there.
    pub(crate) fn stairwell() -> Self {
        let gateway = Self::start(&["--sim", &stairwell()]);
        gateway.wait("/v1/devices/sim", |device| device["online"] == true);
        gateway
    }

    /// Starts one with this `gateway.toml`, in a folder that `make` fills.
    pub(crate) fn with(config: &str, make: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, config).unwrap();
        let mut gateway = Self::start(&["--config", path.to_str().unwrap()]);
        gateway._folder = Some(folder);
        gateway
    }

    /// Asks with a token.
    pub(crate) fn ask_as(&self, token: Option<&str>, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{token}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A body that is refused is not read to its end.
        _ = stream.write_all(body);
        answer(stream)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.ask_as(Some(&self.token), method, path, body)
    }

    pub(crate) fn get(&self, path: &str) -> Json {
        let answer = self.ask("GET", path, b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    pub(crate) fn call(&self, device: &str, key: &str, args: &str) -> Answer {
        self.ask("POST", &format!("/v1/devices/{device}/exports/{key}"), args.as_bytes())
    }

    /// Asks until the answer is as wanted.
    pub(crate) fn wait(&self, path: &str, is: impl Fn(&Json) -> bool) -> Json {
        let start = Instant::now();
        loop {
            let json = self.get(path);
            if is(&json) {
                return json;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{path} stays {json}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Opens a stream of events; each is its kind and its data.
    pub(crate) fn events(&self, path: &str) -> Events {
        let mut stream = self.connect();
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", self.token);
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut events = Events { lines: BufReader::new(stream), kind: String::new() };
        // What happens once the answer has begun is in the stream.
        while !events.line().trim().is_empty() {}
        events
    }

    /// Megabytes that the process has in memory.
    pub(crate) fn resident_mb(&self) -> f64 {
        let path = format!("/proc/{}/statm", self.process.id());
        let pages = std::fs::read_to_string(path).unwrap();
        let pages: f64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096.0 / 1e6
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The number of the problem; holds that it is one.
    pub(crate) fn code(&self) -> String {
        assert!(self.head.contains("content-type: application/problem+json"), "{}{}", self.head, self.body);
        let json = self.json();
        assert_eq!(json["status"], self.status, "{json}");
        json["code"].as_str().unwrap().to_string()
    }
}

/// Reads an answer to its end, or as far as it comes.
pub(crate) fn answer(mut stream: TcpStream) -> Answer {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 65536]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..read]);
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let head = head.to_lowercase();
    let body = if head.contains("transfer-encoding: chunked") { dechunked(body) } else { body.to_string() };
    Answer { status, head, body }
}

fn dechunked(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body += &rest[..size];
        text = rest.get(size + 2..).unwrap_or_default();
    }
    body
}

/// A stream of events.
pub(crate) struct Events {
    lines: BufReader<TcpStream>,
    kind: String,
}

impl Events {
    /// The next event.
    pub(crate) fn next(&mut self) -> (String, Json) {
        loop {
            let line = self.line();
            if let Some(kind) = line.strip_prefix("event: ") {
                self.kind = kind.trim().to_string();
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return (self.kind.clone(), serde_json::from_str(data).unwrap());
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "the stream has ended");
        line
    }

    /// The next event of a kind for which this holds.
    pub(crate) fn until(&mut self, kind: &str, is: impl Fn(&Json) -> bool) -> Json {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "no such `{kind}` came");
            let (of, json) = self.next();
            if of == kind && is(&json["data"]) {
                return json["data"].clone();
            }
        }
    }
}

/// An image of a lamp's panel and its map: `body` is the body of `tick`, which runs every 10 ms.
pub(crate) fn lamp(version: u32, policy: &str, body: &str) -> (Vec<u8>, String) {
    hall(version, policy, body, "u32", "i32")
}

/// The same, where the result of `version` has this type in the manifest and in the module.
pub(crate) fn hall(version: u32, policy: &str, body: &str, ty: &str, wasm: &str) -> (Vec<u8>, String) {
    let manifest = format!(
        "[module]\nname = \"hall\"\nnamespace = \"hall\"\nversion = {version}\nboard = \"rpi4b\"\nwasm = \"hall.wat\"\n\
         [pins]\n17 = {{ name = \"lamp\", mode = \"out\", safe = \"low\" }}\n\
         [exports]\nlamp_on = {{}}\nversion = {{ results = [\"{ty}\"] }}\ntick = {{ on = {{ every_us = 10000 }} }}\n{policy}"
    );
    let wat = format!(
        r#"(module (import "gpio" "set" (func $set (param i32 i32)))
        (global $zero (mut i32) (i32.const 0))
        (func (export "lamp_on") (call $set (i32.const 17) (i32.const 1)))
        (func (export "version") (result {wasm}) ({wasm}.const {version}))
        (func $tick (export "tick") {body}))"#
    );
    image(&manifest, "hall.wat", &wat)
}

/// An image of a manifest and a module's text, and its map.
pub(crate) fn image(manifest: &str, file: &str, wat: &str) -> (Vec<u8>, String) {
    use xmap_compiler::compile::compile;
    use xmap_compiler::manifest::Manifest;
    let content = xmap_compiler::input::content(Path::new(file), wat.as_bytes().to_vec()).unwrap();
    let xmap_compiler::input::Content::Module(wasm) = content else { panic!("not a module") };
    let compiled = compile(&Manifest::parse("hall/panel.toml", manifest).unwrap(), &wasm).unwrap();
    (compiled.bytes(), compiled.map.to_json())
}

/// A deployment of an image as hawkBit describes it: its number, and where the image is.
pub(crate) fn deployment(id: &str, bytes: usize, sha256: &str, link: Json) -> Json {
    let artifact = json!({
        "filename": "hall.xmap", "size": bytes, "hashes": { "sha256": sha256 },
        "_links": { "download-http": link },
    });
    let chunk = json!({ "part": "module-0", "version": "2", "name": "hall", "artifacts": [artifact] });
    json!({ "id": id, "deployment": { "download": "forced", "update": "forced", "chunks": [chunk] } })
}
