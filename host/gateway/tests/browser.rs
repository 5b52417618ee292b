//! The page in a real Chromium, driven over its debugging pipe. Where there is no Chromium the tests say so
//! and end: `apt install chromium`, or CHROMIUM=PATH.

#[path = "gateway/rig.rs"]
mod rig;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use rig::{Gateway, lamp, root};

/// A browser with one page.
struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    next: u32,
    _profile: TempDir,
}

/// The program; `None` where there is none.
fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Some(path.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| folders.iter().map(move |of| of.join(name))).find(|path| path.is_file())
}

impl Browser {
    /// Starts one; `None` where there is none, which it says.
    fn start() -> Option<Self> {
        let Some(program) = chromium() else {
            eprintln!(
                "browser: SKIPPED, there is no chromium on this machine: `apt install chromium`, or CHROMIUM=PATH"
            );
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The pipe is file descriptors 3 and 4.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"])
            .arg(program)
            .args(
                "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run".split(' '),
            )
            .args("--disable-background-networking --disable-component-update --disable-sync".split(' '))
            .args(["--disable-quic", "--remote-debugging-pipe", "--window-size=1280,1000"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut browser = Self { process, to, from, session: String::new(), next: 0, _profile: profile };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = browser.ask("Target.attachToTarget", attach)["sessionId"].as_str().unwrap().into();
        browser.ask("DOM.enable", json!({}));
        Some(browser)
    }

    fn ask(&mut self, method: &str, params: Json) -> Json {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut bytes = Vec::new();
            self.from.read_until(0, &mut bytes).unwrap();
            assert_eq!(bytes.pop(), Some(0), "the browser is gone");
            let answer: Json = serde_json::from_slice(&bytes).unwrap();
            if answer["id"] == self.next {
                // A page that is left takes its answers with it (-32000).
                let left = answer["error"]["code"] == -32000 && method == "Runtime.evaluate";
                assert!(left || answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The value of an expression in the page.
    fn run(&mut self, expression: &str) -> Json {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.ask("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    fn wait(&mut self, expression: &str) {
        let start = Instant::now();
        // Between two pages nothing is there yet.
        let guarded =
            format!("(() => {{ try {{ return Boolean({expression}) }} catch {{ return false }} }})()");
        while self.run(&guarded) != true {
            if start.elapsed() > Duration::from_secs(60) {
                let text = self.run("document.body.innerText");
                panic!("{expression} does not come true on\n{text}");
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn open(&mut self, gateway: &Gateway) {
        let url = format!("http://{}/#{}", gateway.address, gateway.token);
        self.ask("Page.navigate", json!({ "url": url }));
        self.wait("document.querySelector('#exports form') && !location.hash");
    }

    /// Presses a key as a keyboard does.
    fn press(&mut self, key: &str) {
        let text = if key == "Enter" { "\r" } else { "" };
        let code = if key == "Enter" { 13 } else { 9 };
        let of = |kind: &str| json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
        self.ask("Input.dispatchKeyEvent", of("keyDown"));
        self.ask("Input.dispatchKeyEvent", of("keyUp"));
    }

    /// Gives a file to a field.
    fn choose(&mut self, field: &str, file: &Path) {
        let document = self.ask("DOM.getDocument", json!({}))["root"]["nodeId"].clone();
        let found = self.ask("DOM.querySelector", json!({ "nodeId": document, "selector": field }));
        let files = json!({ "nodeId": found["nodeId"], "files": [file.to_str().unwrap()] });
        self.ask("DOM.setFileInputFiles", files);
    }

    fn size(&mut self, width: u32, height: u32, mobile: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    fn theme(&mut self, theme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": theme });
        self.ask("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Presses the button of an export.
fn call(key: &str) -> String {
    format!("[...document.querySelectorAll('#exports button')].find((b) => b.textContent === '{key}')")
}

const STORES: &str = "document.getElementById('stores').innerText";

#[test]
fn a_person_presses_and_sees_the_store() {
    let Some(mut browser) = Browser::start() else { return };
    let gateway = Gateway::stairwell();
    browser.open(&gateway);
    // By the keyboard alone.
    browser.run(&format!("{}.focus()", call("stairs.lamp_on")));
    browser.press("Enter");
    browser.wait(&format!("{STORES}.includes('GPSET0 0x00020000')"));
    browser.wait("document.getElementById('line-17').className === 'high'");
    browser.wait("document.getElementById('line-17').innerText.includes('high')");
    let focused = browser.run("document.activeElement.textContent");
    assert_eq!(focused, "stairs.lamp_on", "news take the focus from nobody");
    // An input is pressed, and the panel sees it.
    browser.run("document.querySelector('#line-27 button').click()");
    browser.wait("document.getElementById('line-27').className === ''");
    browser.run(&format!("{}.click()", call("stairs.button_down")));
    browser
        .wait(&format!("{}.form.querySelector('output').textContent === 'true'", call("stairs.button_down")));
    // Fields hold what their types take.
    let field = format!("{}.form.querySelector('input[type=number]')", call("stairs.floor_light"));
    browser.run(&format!("{field}.value = '256'; 0"));
    assert_eq!(browser.run(&format!("{field}.checkValidity()")), false);
    browser.run(&format!("{field}.value = '2'; {}.click(); 0", call("stairs.floor_light")));
    browser.wait(&format!("{STORES}.includes('floor_2')"));
    // The waveform is drawn, and moves.
    let drawn = "document.getElementById('wave').toDataURL()";
    let before = browser.run(drawn);
    browser.wait(&format!("{drawn} !== {before}"));
    // A phone, in the dark: nothing is wider than the screen.
    browser.size(360, 740, true);
    browser.theme("dark");
    browser.wait("document.documentElement.clientWidth === 360");
    assert_eq!(browser.run("document.documentElement.scrollWidth <= 360"), true);
    assert_eq!(browser.run("getComputedStyle(document.body).backgroundColor"), "rgb(21, 24, 26)");
    // What a screen reader has: each field and each button has a name, each section a heading.
    let nameless = "[...document.querySelectorAll('button, input, select, progress')].filter((of) => \
        !of.textContent.trim() && !of.getAttribute('aria-label') && !(of.labels && of.labels.length) && !of.closest('[hidden]')).length";
    assert_eq!(browser.run(nameless), 0);
    assert_eq!(
        browser.run(
            "[...document.querySelectorAll('section')].every((of) => \
        document.getElementById(of.getAttribute('aria-labelledby')).tagName === 'H2')"
        ),
        true
    );
    // What `cargo xtask setup` installs, or another one.
    let installed =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/node/node_modules/axe-core/axe.min.js");
    let axe = std::env::var_os("AXE").map_or_else(|| installed.into(), std::path::PathBuf::from);
    let Ok(axe) = std::fs::read_to_string(&axe) else {
        eprintln!("browser: SKIPPED axe on the page, there is no {}", axe.display());
        return;
    };
    {
        browser.run(&(axe + "; 0"));
        let found = browser
            .run("axe.run().then((found) => found.violations.map((of) => of.id + ': ' + of.nodes[0].html))");
        assert_eq!(found, json!([]));
    }
}

#[test]
fn a_person_swaps_with_the_lamp_on_and_sees_why_a_bad_image_went_back() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let first = file("first.xmap", &lamp(1, "", "").0);
    let gateway = Gateway::start(&["--sim", first.to_str().unwrap()]);
    browser.open(&gateway);
    browser.run(&format!("{}.click()", call("hall.lamp_on")));
    browser.wait("document.getElementById('line-17').className === 'high'");
    let swap = "document.querySelector('[aria-label=\"Swap module 0\"]').click()";
    browser.choose("#image-0", &file("second.xmap", &lamp(2, "[policy]\nconfirm_ms = 0\n", "").0));
    browser.run(swap);
    browser.wait("document.getElementById('life-0').textContent.includes('version 2')");
    // One that traps in its trial.
    let (image, map) = lamp(3, "", "(drop (i32.div_u (i32.const 1) (global.get $zero)))");
    browser.choose("#image-0", &file("third.xmap", &image));
    browser.choose("#map-0", &file("third.xmap.map", map.as_bytes()));
    browser.run(swap);
    browser.wait("document.getElementById('events').innerText.includes(': trap divide_by_zero')");
    browser.wait("document.getElementById('events').innerText.includes('$tick')");
    browser.wait("document.getElementById('life-0').textContent.includes('version 2')");
    assert_eq!(browser.run("document.getElementById('line-17').className"), "high");
    let stores = browser.run(
        "[...document.querySelectorAll('#stores p')].filter((of) => of.innerText.includes('lamp')).length",
    );
    assert_eq!(stores, 1, "the swap wrote the lamp's line");
}

#[test]
fn a_person_sees_the_source_line_of_a_trap() {
    let Some(mut browser) = Browser::start() else { return };
    let panel = root().join("tests/panels/lamp/panel.toml");
    let gateway = Gateway::start(&["--sim", panel.to_str().unwrap()]);
    browser.open(&gateway);
    let form = "[...document.querySelectorAll('#exports button')].find((b) => b.textContent.endsWith('blinks_per_minute')).form";
    browser.run(&format!("{form}.querySelector('input').value = '0'; {form}.requestSubmit()"));
    browser.wait(&format!("{form}.querySelector('output').textContent.includes('lamp.c:72')"));
    browser.wait("document.getElementById('events').innerText.includes('lamp.c:72')");
}

#[test]
fn a_person_without_a_token_is_asked_for_one() {
    let Some(mut browser) = Browser::start() else { return };
    let gateway = Gateway::stairwell();
    browser.ask("Page.navigate", json!({ "url": format!("http://{}/", gateway.address) }));
    browser.wait("!document.getElementById('login').hidden");
    assert_eq!(browser.run("document.activeElement.id"), "token");
    browser.run(
        "document.getElementById('token').value = 'guess'; document.getElementById('login').requestSubmit()",
    );
    browser.wait("document.getElementById('refused').textContent.includes('does not know this token')");
    let token = &gateway.token;
    browser.run(&format!(
        "document.getElementById('token').value = '{token}'; document.getElementById('login').requestSubmit()"
    ));
    browser.wait("document.querySelector('#exports form')");
}

/// What the pictures of the documents show: the page, and the panel on it.
const SHOWN: [&str; 5] = [
    "host/gateway/page/index.html",
    "host/gateway/page/page.css",
    "host/gateway/page/page.js",
    "tests/panels/demo/panel.toml",
    "tests/panels/demo/stairwell.wasm",
];

/// A line with the SHA-256 of each, as `sha256sum` writes it.
fn shown() -> String {
    let line = |path: &str| {
        let digest = hmac_sha256::Hash::hash(&std::fs::read(root().join(path)).unwrap());
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{digits}  {path}\n")
    };
    SHOWN.into_iter().map(line).collect()
}

/// A browser draws no two pictures alike, so what they show stands beside them.
#[test]
fn the_pictures_are_of_this_page() {
    let taken = std::fs::read_to_string(root().join("docs/pictures/gateway.sha256")).unwrap_or_default();
    let how = "cargo test --workspace --test browser -- --ignored take_the_pictures";
    assert_eq!(taken, shown(), "the page has changed since its pictures were taken: {how}");
}

/// Makes the pictures of the documents: `cargo test --workspace --test browser -- --ignored
/// take_the_pictures`.
#[test]
#[ignore = "writes docs/pictures"]
fn take_the_pictures() {
    let mut browser = Browser::start().expect("pictures take a chromium");
    let gateway = Gateway::stairwell();
    browser.size(1280, 900, false);
    browser.open(&gateway);
    for key in
        ["stairs.lamp_on", "stairs.chase_step", "stairs.chase_step", "stairs.tick", "stairs.light_left_s"]
    {
        browser.run(&format!("{}.click()", call(key)));
        std::thread::sleep(Duration::from_millis(700));
    }
    browser.run("document.querySelector('#line-27 button').click()");
    std::thread::sleep(Duration::from_millis(400));
    browser.run(&format!("{}.click()", call("stairs.tick")));
    std::thread::sleep(Duration::from_millis(1500));
    let folder = root().join("docs/pictures");
    std::fs::create_dir_all(&folder).unwrap();
    for (theme, name) in [("light", "gateway.png"), ("dark", "gateway-dark.png")] {
        browser.theme(theme);
        std::thread::sleep(Duration::from_millis(300));
        let picture = browser.ask("Page.captureScreenshot", json!({ "format": "png" }));
        std::fs::write(folder.join(name), base64(picture["data"].as_str().unwrap())).unwrap();
    }
    std::fs::write(folder.join("gateway.sha256"), shown()).unwrap();
}

/// Decodes base64.
fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for value in text.bytes().filter_map(|byte| LETTERS.iter().position(|letter| *letter == byte)) {
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Serves a folder's files as `python3 -m http.server` does. Returns the origin.
fn serve(folder: PathBuf) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            _ = lines.read_line(&mut line);
            let mut rest = String::new();
            while lines.read_line(&mut rest).is_ok_and(|read| read > 2) {
                rest.clear();
            }
            let path = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_string();
            let path = if path.is_empty() { "index.html" } else { &path };
            let kind = if path.ends_with(".js") { "text/javascript" } else { "text/html; charset=utf-8" };
            let (status, body) = match std::fs::read(folder.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    origin
}

/// Does what docs/web-button.md says, with its HTML.
#[test]
fn the_page_of_the_tutorial_presses_the_panel() {
    use xmap_contract::{openapi, sdk};
    let modules = root().join("target/node/node_modules");
    let modules = std::env::var_os("XMAP_NODE_MODULES").map_or(modules, PathBuf::from);
    let compiler = modules.join("typescript/bin/tsc");
    if !compiler.is_file() || !modules.join("@types/react/index.d.ts").is_file() {
        eprintln!("browser: SKIPPED the tutorial's page, there is no tsc or no React");
        return;
    }
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hall = folder.path().join("hall");
    xmap_project::begin(&hall, xmap_project::Language::Wat, &xmap_boards::RPI4B, None).unwrap();
    let manifest = hall.join("panel.toml");
    let built = xmap_project::build(&manifest, None, &mut |_| ()).unwrap();
    let place = xmap_compiler::diagnostic::Place::File("panel.toml".into());
    let document = openapi::document(&built.compiled.contract, &place).unwrap();
    let client = folder.path().join("web/client");
    let api = sdk::model::Api::read(&document).unwrap_or_else(|error| panic!("{}", error.why));
    for (name, text) in sdk::write(&api, sdk::Language::TypeScript) {
        std::fs::create_dir_all(client.join(&name).parent().unwrap()).unwrap();
        std::fs::write(client.join(name), text).unwrap();
    }
    std::os::unix::fs::symlink(modules.canonicalize().unwrap(), client.join("node_modules")).unwrap();
    let compiled =
        Command::new("node").arg(&compiler).args(["-p", "."]).current_dir(&client).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stdout));
    let origin = serve(folder.path().join("web"));
    let gateway = Gateway::start(&["--sim", manifest.to_str().unwrap(), "--origin", &origin]);
    let page = std::fs::read_to_string(root().join("docs/web-button.md")).unwrap();
    let (_, page) = page.split_once("```html\n").unwrap();
    let (page, _) = page.split_once("```").unwrap();
    assert!(page.contains("http://127.0.0.1:8021/"));
    let page = page.replace("127.0.0.1:8021", &gateway.address);
    std::fs::write(folder.path().join("web/index.html"), page).unwrap();

    browser.ask("Page.navigate", json!({ "url": format!("{origin}/#{}", gateway.token) }));
    browser.wait("document.getElementById('state').textContent === 'open'");
    gateway.wait("/v1/devices/sim", |device| device["uses"].as_array().unwrap().len() == 4);
    browser.run("document.getElementById('blink').click()");
    browser.wait("document.getElementById('blink').textContent === 'Stop'");
    let lit = |levels: &Json| levels["lines"][0]["high"] == true;
    gateway.wait("/v1/devices/sim/levels", lit);
    // Somebody presses the panel's own button, and holds it until it has settled.
    let level = |level: bool| {
        let body = format!("{{\"level\":{level}}}");
        assert_eq!(gateway.ask("POST", "/v1/devices/sim/lines/button", body.as_bytes()).status, 200);
        gateway.wait("/v1/devices/sim/levels", |levels| levels["lines"][1]["high"] == level);
    };
    level(false);
    browser.wait("document.getElementById('presses').textContent === '1'");
    level(true);
    // A page that is left holds nothing.
    browser.ask("Page.navigate", json!({ "url": "about:blank" }));
    gateway.wait("/v1/devices/sim", |device| device["uses"] == json!([]));
    // Without --origin the same page is shut out.
    let closed = Gateway::start(&["--sim", manifest.to_str().unwrap()]);
    closed.wait("/v1/devices/sim", |device| device["online"] == true);
    browser.ask("Page.navigate", json!({ "url": format!("{origin}/") }));
    browser.wait("document.getElementById('blink')");
    let ask = format!(
        "fetch('http://{}/v1/devices', {{ headers: {{ Authorization: 'Bearer {}' }} }}).then(() => 'read', () => 'shut')",
        closed.address, closed.token
    );
    assert_eq!(browser.run(&ask), "shut");
}
