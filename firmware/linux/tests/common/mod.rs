//! The real program on a file of registers, and a host on its socket.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use xmap_client::{Client, Options, Outcome, PortName};
use xmap_compiler::manifest::Manifest;
use xmap_link::{Export, Life, MAX_KEYS_BYTES, Pattern, Role, RoleKey, RoleKeys, Secret};
use xmapd::registers::file;

/// How long anything here may take on a machine that does much else.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Lines of the panels here.
pub const HELD: u32 = 1 << 17;
pub const LOW: u32 = 1 << 22;
pub const HIGH: u32 = 1 << 23;
pub const BUTTON: u64 = 1 << 27;

/// A panel with a lamp that holds its level (17), one that is low when safe (22) and one that is high (23), a
/// button (27), a count that outlives a swap, and what a test adds.
pub fn panel(version: u32, policy: &str) -> Vec<u8> {
    let manifest = format!(
        "module = {{ name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\", version = {version} }}\n\
         [pins]\n\
         17 = {{ name = \"held\", mode = \"out\", safe = \"hold\" }}\n\
         22 = {{ name = \"low\", mode = \"out\", safe = \"low\" }}\n\
         23 = {{ name = \"high\", mode = \"out\", safe = \"high\" }}\n\
         27 = {{ name = \"button\", mode = \"in\", pull = \"up\" }}\n\
         [exports]\n\
         held = {{ params = [\"on: bool\"] }}\n\
         low = {{ params = [\"on: bool\"] }}\n\
         count = {{ results = [\"u32\"] }}\n\
         add = {{ params = [\"n: u32\"] }}\n\
         poke = {{ params = [\"n: u32\"] }}\n\
         peek = {{ results = [\"u32\"] }}\n\
         say = {{}}\n\
         pressed = {{ on = {{ pin = 27, edge = \"falling\" }} }}\n\
         [keep]\n\
         globals = [\"count\"]\n\
         memory = [{{ from = 64, bytes = 12 }}]\n\
         [policy]\n\
         {policy}\n"
    );
    let wat = r#"(module
        (import "gpio" "set" (func $set (param i32 i32)))
        (import "log" "message" (func $log (param i32 i32 i32)))
        (memory 1)
        (data (i32.const 0) "hello")
        (global $count (mut i32) (i32.const 0))
        (export "count_of" (global $count))
        (func (export "held") (param i32) (call $set (i32.const 17) (local.get 0)))
        (func (export "low") (param i32) (call $set (i32.const 22) (local.get 0)))
        (func (export "count") (result i32) (global.get $count))
        (func $add (export "add") (param i32)
            (global.set $count (i32.add (global.get $count) (local.get 0))))
        (func (export "poke") (param i32) (i32.store (i32.const 72) (local.get 0)))
        (func (export "peek") (result i32) (i32.load (i32.const 72)))
        (func (export "say") (call $log (i32.const 1) (i32.const 0) (i32.const 5)))
        (func (export "pressed") (call $add (i32.const 1000))))"#;
    build(&manifest, wat)
}

/// Compiles a panel.
pub fn build(manifest: &str, wat: &str) -> Vec<u8> {
    let manifest = Manifest::parse("panel.toml", manifest).unwrap_or_else(|error| panic!("{error:?}"));
    let wasm = wat::parse_str(wat).unwrap();
    let compiled =
        xmap_compiler::compile::compile(&manifest, &wasm).unwrap_or_else(|error| panic!("{error:?}"));
    compiled.words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A device: its folder, and the program while it runs.
pub struct Device {
    pub folder: TempDir,
    child: Option<Child>,
    said: Arc<Mutex<String>>,
    /// Reads what the program says until its end.
    reader: Option<JoinHandle<()>>,
    pub arguments: Vec<String>,
    /// Whether the command line names the default panel; else the configuration has to.
    pub names_panel: bool,
    /// The role key of whoever asks.
    pub key: Option<Secret>,
}

impl Device {
    /// A device with this default panel that has never run.
    pub fn new(panel: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("panel.xmap"), panel).unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        // A call may take all the fuel that there is: tests hang devices.
        let config = "realtime_priority = 0\n[limits]\nfuel = 4294967295\n";
        fs::write(folder.path().join("xmapd.toml"), config).unwrap();
        Self {
            folder,
            child: None,
            said: Arc::default(),
            reader: None,
            arguments: Vec::new(),
            names_panel: true,
            key: None,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with its arguments, not started yet.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xmapd"));
        self.give(&mut command);
        command
    }

    /// Gives a command the program's arguments.
    pub fn give(&self, command: &mut Command) {
        for (flag, name) in [
            ("--config", "xmapd.toml"),
            ("--registers", "registers"),
            ("--socket", "socket"),
            ("--panel", "panel.xmap"),
            ("--state", "state"),
        ] {
            if self.names_panel || flag != "--panel" {
                command.arg(flag).arg(self.path(name));
            }
        }
        command.args(&self.arguments);
    }

    /// Starts the program and waits until it listens.
    pub fn start(&mut self) -> &mut Self {
        let command = self.command();
        self.start_as(command);
        let socket = self.path("socket");
        self.until("the socket", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        // It listens before the first module is mounted.
        self.says("serving, ");
        self
    }

    /// A device with this default panel that runs, and a greeted host.
    pub fn running(panel: &[u8]) -> (Self, Host) {
        let mut device = Self::new(panel);
        let host = device.start().host();
        (device, host)
    }

    /// Kills the program and starts it again; returns a host that greeted the new one.
    pub fn cut_power(&mut self) -> Host {
        self.kill();
        self.start().host()
    }

    /// Ends the program in order and starts it again; returns a host that greeted the new one.
    pub fn restart(&mut self) -> Host {
        self.stop();
        self.start().host()
    }

    /// Starts a command in the place of the program.
    pub fn start_as(&mut self, mut command: Command) {
        assert!(self.child.is_none(), "it runs");
        let mut child = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        self.said.lock().unwrap().clear();
        let said = self.said.clone();
        self.reader = Some(thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *said.lock().unwrap() += &format!("{line}\n");
            }
        }));
        self.child = Some(child);
    }

    /// Waits until something holds; fails with what the program said where it does not, or where the program
    /// ended.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "{what}: the program ended: {ended:?}\n{}", self.said());
            assert!(start.elapsed() < LIMIT, "{what} did not come\n{}", self.said());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// [`Device::until`], where the program may end instead; `ended` says so then.
    pub fn until_or_end(&mut self, what: &str, ended: &mut bool, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
                *ended = true;
                return;
            }
            assert!(start.elapsed() < LIMIT, "{what} did not come\n{}", self.said());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until the program has ended; false where it does not.
    pub fn ends(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Returns whether the program ends within a moment.
    pub fn has_ended_soon(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(300) {
            if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Ends the program that runs under another one, which ends with it.
    pub fn kill_group(&mut self) {
        let tracer = self.child.as_ref().unwrap().id();
        let children = fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children")).unwrap();
        for child in children.split_whitespace() {
            assert!(Command::new("kill").args(["-s", "KILL", child]).status().unwrap().success());
        }
        self.end();
    }

    /// Waits until the program has said this since it was started: its words come over a pipe, and may be
    /// later than its answers.
    pub fn says(&mut self, what: &str) {
        let said = self.said.clone();
        self.until(&format!("{what:?}"), || said.lock().unwrap().contains(what));
    }

    /// Returns what the program said since it was started.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The number of the program's process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits for the program's end, and for its last words: these may be in the pipe still.
    pub fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        let mut child = self.child.take().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                if let Some(reader) = self.reader.take() {
                    reader.join().unwrap();
                }
                return status;
            }
            if start.elapsed() > LIMIT {
                _ = child.kill();
                panic!("the program does not end\n{}", self.said());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends the program as nothing can keep it from.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        self.child = Some(child);
        self.end();
    }

    /// Ends the program as systemd does.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let status = self.end();
        assert!(status.success(), "{status}\n{}", self.said());
    }

    pub fn port(&self) -> PortName {
        format!("unix:{}", self.path("socket").display()).parse().unwrap()
    }

    /// A greeted host.
    pub fn host(&self) -> Host {
        let options = Options { key: self.key.clone(), ..Options::default() };
        let client = Client::connect(&self.port(), &options);
        Host(client.unwrap_or_else(|error| panic!("{error}\n{}", self.said())))
    }

    /// A register, by its offset in bytes.
    pub fn register(&self, offset: u64) -> u32 {
        let mut word = [0; 4];
        OpenOptions::new()
            .read(true)
            .open(self.path("registers"))
            .unwrap()
            .read_exact_at(&mut word, offset)
            .unwrap();
        u32::from_le_bytes(word)
    }

    /// The levels of lines 0 to 31.
    pub fn levels(&self) -> u32 {
        self.register(file::LEVELS)
    }

    /// Returns whether a line is an output.
    pub fn is_output(&self, line: u32) -> bool {
        self.register(u64::from(line / 10 * 4)) >> (line % 10 * 3) & 0b111 == 1
    }

    /// Drives the button from outside.
    pub fn press(&self, down: bool) {
        self.drive(BUTTON, if down { 0 } else { BUTTON });
    }

    /// Drives lines from outside, and no others.
    pub fn drive(&self, lines: u64, levels: u64) {
        let registers = OpenOptions::new().write(true).open(self.path("registers")).unwrap();
        registers.write_all_at(&levels.to_le_bytes(), file::OUTSIDE).unwrap();
        registers.write_all_at(&lines.to_le_bytes(), file::DRIVEN).unwrap();
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// A host with its session.
pub struct Host(pub Client);

impl Host {
    pub fn call(&mut self, name: &str, args: &[u64]) -> Vec<u64> {
        match self.0.call(&Export::name(name).unwrap(), args).unwrap() {
            Outcome::Returned(results) => results,
            Outcome::Trapped(trap) => panic!("{name} trapped: {trap:?}"),
        }
    }

    /// The version of the first module's image; `None` where it has none.
    pub fn version(&mut self) -> Option<u32> {
        self.module().image.map(|image| image.version)
    }

    pub fn module(&mut self) -> xmap_link::ModuleStatus {
        self.0.module(0).unwrap().expect("the device has swaps")
    }

    pub fn life(&mut self) -> Life {
        self.module().life
    }

    pub fn count(&mut self) -> u64 {
        self.call("count", &[])[0]
    }
}

/// Returns whether a folder has a file.
pub fn has(folder: &Path, name: &str) -> bool {
    folder.join(name).exists()
}

/// The secret of the key with this number.
pub fn secret(byte: u8) -> Secret {
    Secret::new([byte; 32])
}

/// A device with two keys: one that may look, one that may do everything.
pub fn guarded() -> Device {
    let device = Device::new(&panel(1, "confirm_ms = 0"));
    let config = format!("realtime_priority = 0\n{}", keyed(&device));
    fs::write(device.path("xmapd.toml"), config).unwrap();
    device
}

/// The table of these two keys, and the part of the configuration that names it.
pub fn keyed(device: &Device) -> String {
    let mut keys = RoleKeys::new();
    for (byte, role) in [(1, Role::Observe), (2, Role::Own)] {
        let exports = [Pattern::new("*").unwrap()].into_iter().collect();
        keys.add(RoleKey { secret: secret(byte), role, exports }).unwrap();
    }
    let mut buffer = [0; MAX_KEYS_BYTES];
    fs::write(device.path("role.keys"), keys.write(&mut buffer).unwrap()).unwrap();
    fs::set_permissions(device.path("role.keys"), Permissions::from_mode(0o600)).unwrap();
    format!("[link]\nkeys = '{}'\n", device.path("role.keys").display())
}

pub fn with_key(byte: u8) -> Options {
    Options { key: Some(secret(byte)), ..Options::default() }
}
