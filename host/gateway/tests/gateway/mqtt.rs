//! MQTT with a real broker, which is killed. Where there is no mosquitto the tests say so and end.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio_rustls::rustls::ClientConfig;
use xmap_gateway::tokens::token_of;
use xmap_keys::roles::make_role_key;
use xmap_link::{Pattern, Role};

use crate::rig::{Gateway, image, stairwell};

fn mosquitto() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("mosquitto")).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("mqtt: SKIPPED, there is no mosquitto on this machine: `apt install mosquitto`");
    }
    found
}

/// A broker that keeps nothing on a disk.
struct Broker {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
    /// What its configuration says of who may come.
    access: String,
    /// What clients believe, and their user and password.
    secure: Option<(Arc<ClientConfig>, String, String)>,
}

impl Broker {
    fn start() -> Option<Self> {
        let mut broker = Self::new()?;
        broker.up();
        Some(broker)
    }

    fn new() -> Option<Self> {
        let program = mosquitto()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (folder, access) = (tempfile::tempdir().unwrap(), "allow_anonymous true\n".into());
        Some(Self { program, folder, port, process: None, access, secure: None })
    }

    /// One that is known by a certificate and asks for a password.
    fn secure() -> Option<Self> {
        let mut broker = Self::new()?;
        let folder = broker.folder.path().to_owned();
        let tools = broker.program.parent().unwrap().join("../bin/mosquitto_passwd");
        let tools = if tools.is_file() { tools } else { "mosquitto_passwd".into() };
        certificates(&folder);
        let file = folder.join("passwords");
        let made =
            Command::new(tools).args(["-b", "-c"]).arg(&file).args(["xmap", "pass word"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let path = |name: &str| folder.join(name).display().to_string();
        broker.access = format!(
            "certfile {}\nkeyfile {}\nallow_anonymous false\npassword_file {}\n",
            path("broker.pem"),
            path("broker.key"),
            file.display()
        );
        let tls = xmap_gateway::tls::client(&folder.join("ca.pem"), None).unwrap();
        broker.secure = Some((tls, "xmap".into(), "pass word".into()));
        broker.up();
        Some(broker)
    }

    fn up(&mut self) {
        let file = self.folder.path().join("mosquitto.conf");
        // As root it would take another user, which may not read the folder.
        let user = "user root\npersistence false\n";
        let text = format!("{user}listener {} 127.0.0.1\n{}", self.port, self.access);
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "the broker does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Somebody at the broker, as Home Assistant is: knows what was published last on each topic.
struct Listener {
    client: Client,
    topics: Arc<Mutex<HashMap<String, String>>>,
}

impl Listener {
    fn at(broker: &Broker, id: &str) -> Self {
        let mut options = MqttOptions::new(id, "127.0.0.1", broker.port);
        options.set_keep_alive(Duration::from_secs(5));
        options.set_max_packet_size(1 << 18, 1 << 18);
        if let Some((tls, user, password)) = &broker.secure {
            options.set_transport(rumqttc::Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(
                tls.clone(),
            )));
            options.set_credentials(user, password);
        }
        let (client, mut connection) = Client::new(options, 256);
        let topics: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let (told, again) = (topics.clone(), client.clone());
        thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => _ = again.try_subscribe("#", QoS::AtMostOnce),
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let payload = String::from_utf8(message.payload.to_vec()).unwrap();
                        told.lock().unwrap().insert(message.topic, payload);
                    }
                    Ok(_) => {}
                    Err(_) => thread::sleep(Duration::from_millis(50)),
                }
            }
        });
        Self { client, topics }
    }

    fn get(&self, topic: &str) -> Option<String> {
        self.topics.lock().unwrap().get(topic).cloned()
    }

    fn wait(&self, topic: &str, is: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let now = self.get(topic);
            if let Some(payload) = now.as_ref().filter(|payload| is(payload)) {
                return payload.clone();
            }
            let known = self.topics.lock().unwrap().keys().cloned().collect::<Vec<_>>();
            assert!(start.elapsed() < Duration::from_secs(60), "{topic} is {now:?}, of {known:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn say(&self, topic: &str, retain: bool, payload: &str) {
        self.client.publish(topic, QoS::AtMostOnce, retain, payload).unwrap();
    }

    /// Sends a command and waits for its result.
    fn command(&self, topic: &str, payload: &str) -> Json {
        let result = format!("{}/result", topic.rsplit_once('/').unwrap().0);
        self.topics.lock().unwrap().remove(&result);
        self.say(topic, false, payload);
        serde_json::from_str(&self.wait(&result, |_| true)).unwrap()
    }
}

/// A gateway whose configuration says this more of MQTT, and this at its end.
fn gateway_with(broker: &Broker, allow: &[&str], mqtt: &str, more: &str) -> Gateway {
    let config = format!(
        "[[device]]\nname = \"sim\"\nsim = {:?}\n[[device]]\nname = \"marks\"\nsim = \"marks.xmap\"\n\
         [[token]]\nname = \"all\"\nkey = \"all.key\"\n\
         [mqtt]\nbroker = \"127.0.0.1:{}\"\nkey = \"mqtt.key\"\n{mqtt}\n{more}",
        stairwell(),
        broker.port
    );
    let mut token = String::new();
    let mut gateway = Gateway::with(&config, |folder: &Path| {
        let patterns = |allow: &[&str]| allow.iter().map(|of| Pattern::new(of).unwrap()).collect::<Vec<_>>();
        let all = make_role_key(&folder.join("all.key"), Role::Operate, &patterns(&["*"])).unwrap();
        make_role_key(&folder.join("mqtt.key"), Role::Operate, &patterns(allow)).unwrap();
        std::fs::write(folder.join("marks.xmap"), marks()).unwrap();
        std::fs::write(folder.join("mqtt.password"), "pass word\n").unwrap();
        if let Ok(ca) = std::fs::read(broker.folder.path().join("ca.pem")) {
            std::fs::write(folder.join("ca.pem"), ca).unwrap();
        }
        token = token_of(&all);
    });
    gateway.token = token;
    for device in ["sim", "marks"] {
        gateway.wait(&format!("/v1/devices/{device}"), |device| device["online"] == true);
    }
    gateway
}

/// A panel that notes which commands it was given, and how many it was given again.
fn marks() -> Vec<u8> {
    let manifest = "[module]\nname = \"marks\"\nnamespace = \"marks\"\nboard = \"rpi4b\"\nwasm = \"marks.wat\"\n\
                    [exports]\nmark = { params = [\"n: u16\"] }\nmarked = { results = [\"u32\"] }\n\
                    again = { results = [\"u32\"] }\n";
    let wat = r#"(module (memory 1) (global $marked (mut i32) (i32.const 0)) (global $again (mut i32) (i32.const 0))
        (func (export "mark") (param $n i32)
          (if (i32.load8_u (local.get $n))
            (then (global.set $again (i32.add (global.get $again) (i32.const 1))))
            (else (global.set $marked (i32.add (global.get $marked) (i32.const 1)))))
          (i32.store8 (local.get $n) (i32.const 1)))
        (func (export "marked") (result i32) (global.get $marked))
        (func (export "again") (result i32) (global.get $again)))"#;
    image(manifest, "marks.wat", wat).0
}

/// Writes a certificate of an authority, and one for a service on this machine that it has signed.
pub(crate) fn certificates(folder: &Path) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_string(), "localhost".to_string()];
    let own = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("ca.pem"), root.pem()).unwrap();
    std::fs::write(folder.join("broker.pem"), own.pem()).unwrap();
    std::fs::write(folder.join("broker.key"), key.serialize_pem()).unwrap();
}

/// Holds discovery payloads against Home Assistant's own schemas, where it is there.
fn home_assistant_takes(announced: &[(&String, &String)]) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let packages = target.join("homeassistant");
    if !packages.join("homeassistant/components/mqtt/discovery.py").is_file() {
        let packages = packages.display();
        return eprintln!("gateway: SKIPPED Home Assistant, there is no {packages}: `cargo xtask setup`");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/entities.py");
    let mut python = Command::new("python3");
    python.arg("-B").arg(script).env("PYTHONPATH", packages);
    let mut python =
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    serde_json::to_writer(python.stdin.take().unwrap(), announced).unwrap();
    let said = python.wait_with_output().unwrap();
    let texts = [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(said.status.success(), "{}", texts.concat());
}

/// Holds a discovery payload against what Home Assistant asks of its component.
fn is_entity(topic: &str, payload: &str) -> Json {
    let entity: Json = serde_json::from_str(payload).unwrap();
    let parts: Vec<&str> = topic.split('/').collect();
    let &["homeassistant", component, node, object, "config"] = &parts[..] else { panic!("{topic}") };
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    assert!(plain(node) && plain(object), "{topic}");
    let needs: &[&str] = match component {
        "binary_sensor" | "sensor" => &["state_topic"],
        "light" | "switch" | "number" | "button" => &["command_topic"],
        _ => panic!("{topic}"),
    };
    for field in needs.iter().chain(&["unique_id", "device", "origin", "availability", "name"]) {
        assert!(!entity[field].is_null(), "{topic} has no {field}");
    }
    assert!(entity["device"]["identifiers"][0].is_string() && entity["origin"]["name"].is_string());
    assert!(component != "number" || entity["min"].as_f64() < entity["max"].as_f64(), "{topic}");
    entity
}

#[test]
fn states_commands_and_discovery() {
    let Some(broker) = Broker::start() else { return };
    says_and_takes_everything(&broker, "");
}

/// The same in MQTT 5, encrypted, with a password.
#[test]
fn states_commands_and_discovery_in_version_5_over_tls() {
    let Some(broker) = Broker::secure() else { return };
    let mqtt = "version = \"5\"\nca = \"ca.pem\"\nuser = \"xmap\"\npassword_file = \"mqtt.password\"\n";
    says_and_takes_everything(&broker, mqtt);
}

fn says_and_takes_everything(broker: &Broker, mqtt: &str) {
    let somebody = Listener::at(broker, "somebody");
    let allow = ["stairs.lamp_*", "stairs.all_off", "stairs.floor_light", "stairs.chase_step"];
    let mut gateway = gateway_with(broker, &allow, mqtt, "");
    somebody.wait("xmap/gateway", |payload| payload == "online");
    somebody.wait("xmap/sim/availability", |payload| payload == "online");
    somebody.wait("xmap/sim/line/lamp", |payload| payload == "OFF");
    assert_eq!(somebody.wait("xmap/sim/line/button", |_| true), "ON");
    // What Home Assistant makes of it.
    let light = "homeassistant/light/xmap_sim/line_lamp/config";
    let light = is_entity(light, &somebody.wait(light, |_| true));
    let topics = somebody.topics.lock().unwrap().clone();
    let announced: Vec<_> = topics.iter().filter(|(topic, _)| topic.starts_with("homeassistant/")).collect();
    home_assistant_takes(&announced);
    let entities: Vec<Json> = announced.iter().map(|(topic, payload)| is_entity(topic, payload)).collect();
    assert!(entities.len() > 10, "{announced:?}");
    let mut ids: Vec<&str> = entities.iter().map(|entity| entity["unique_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), entities.len());
    // It turns the light on, and presses a button.
    somebody.say(light["command_topic"].as_str().unwrap(), false, light["payload_on"].as_str().unwrap());
    somebody.wait(light["state_topic"].as_str().unwrap(), |payload| payload == "ON");
    let button = "homeassistant/button/xmap_sim/export_stairs_all_off/config";
    let button = is_entity(button, &somebody.wait(button, |_| true));
    somebody.say(button["command_topic"].as_str().unwrap(), false, button["payload_press"].as_str().unwrap());
    somebody.wait("xmap/sim/line/lamp", |payload| payload == "OFF");
    // Inputs of a simulated panel, and calls with results.
    somebody.say("xmap/sim/line/button/set", false, "OFF");
    somebody.wait("xmap/sim/line/button", |payload| payload == "OFF");
    let call = |payload: &str| somebody.command("xmap/sim/export/stairs.floor_light/call", payload);
    assert_eq!(call("[1,true]")["results"], json!([true]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert_eq!(call(&json!({ "args": [1, false], "at": now }).to_string())["results"], json!([true]));
    // Not: too old, no arguments of its types, not on the list, not there, kept by the broker.
    assert_eq!(call(&json!({ "args": [1, true], "at": now - 60.0 }).to_string())["code"], "X1508");
    assert_eq!(call("[300,true]")["code"], "X0910");
    assert_eq!(call("{")["code"], "X1508");
    assert_eq!(somebody.command("xmap/sim/export/stairs.pump_on/call", "")["code"], "X1504");
    assert_eq!(somebody.command("xmap/other/export/stairs.lamp_on/call", "")["code"], "X1508");
    let before = somebody.wait("xmap/sim/line/floor_1", |_| true);
    assert_eq!(before, "OFF");
    drop(somebody.client.disconnect());
    // Retained while nobody listens, and so given to whoever comes.
    gateway.process.kill().unwrap();
    gateway.process.wait().unwrap();
    let somebody = Listener::at(broker, "another");
    somebody.wait("xmap/gateway", |payload| payload == "offline");
    somebody.say("xmap/sim/export/stairs.lamp_on/call", true, "[]");
    let again = gateway_with(broker, &["*"], mqtt, "");
    somebody.wait("xmap/gateway", |payload| payload == "online");
    let refused = |metrics: &str| metrics.contains("xmap_gateway_mqtt_total{what=\"refused\"} 1");
    let start = Instant::now();
    while !refused(&again.ask("GET", "/metrics", b"").body) {
        assert!(start.elapsed() < Duration::from_secs(20), "the kept command did not come");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(somebody.wait("xmap/sim/line/lamp", |_| true), "OFF");
}

#[test]
fn entities_are_as_the_configuration_says() {
    let Some(broker) = Broker::start() else { return };
    let more = "[ha.sim.lamp]\nname = \"Stairs\"\nicon = \"mdi:stairs\"\n[ha.sim.pump]\nkind = \"none\"\n\
                [ha.sim.button]\nkind = \"binary_sensor\"\ndevice_class = \"door\"\n\
                [ha.marks.\"marks.marked\"]\nkind = \"sensor\"\nevery_s = 1\nunit = \"marks\"\n\
                [ha.marks.\"marks.mark\"]\nmax = 100\n";
    let _gateway = gateway_with(&broker, &["*"], "", more);
    let somebody = Listener::at(&broker, "somebody");
    let entity = |topic: &str| is_entity(topic, &somebody.wait(topic, |_| true));
    let lamp = entity("homeassistant/light/xmap_sim/line_lamp/config");
    assert_eq!((&lamp["name"], &lamp["icon"]), (&json!("Stairs"), &json!("mdi:stairs")));
    let button = entity("homeassistant/binary_sensor/xmap_sim/line_button/config");
    assert_eq!(button["device_class"], "door");
    assert_eq!(entity("homeassistant/number/xmap_marks/export_marks_mark/config")["max"], 100.0);
    let sensor = entity("homeassistant/sensor/xmap_marks/export_marks_marked/config");
    assert_eq!(sensor["unit_of_measurement"], "marks");
    let value = sensor["state_topic"].as_str().unwrap();
    assert_eq!(somebody.wait(value, |_| true), "0");
    somebody.say("xmap/marks/export/marks.mark/call", false, "[7]");
    somebody.wait(value, |payload| payload == "1");
    let topics = somebody.topics.lock().unwrap().clone();
    assert!(!topics.keys().any(|topic| topic.contains("line_pump")), "{topics:?}");
    let announced: Vec<_> = topics.iter().filter(|(topic, _)| topic.starts_with("homeassistant/")).collect();
    home_assistant_takes(&announced);
}

#[test]
fn a_broker_that_is_killed_twenty_times_ends_with_every_state() {
    killed_twenty_times("");
}

#[test]
fn a_broker_that_is_killed_twenty_times_ends_with_every_state_in_version_5() {
    killed_twenty_times("version = \"5\"\n");
}

fn killed_twenty_times(mqtt: &str) {
    let Some(mut broker) = Broker::start() else { return };
    let gateway = gateway_with(&broker, &["*"], mqtt, "");
    let somebody = Listener::at(&broker, "somebody");
    somebody.wait("xmap/sim/line/lamp", |_| true);
    let mut sent = 0;
    for round in 0..20 {
        broker.kill();
        let call = gateway.call(
            "sim",
            "stairs.floor_light",
            &format!("{{\"args\":[{},{}]}}", round % 4, round % 3 == 0),
        );
        assert_eq!(call.status, 200, "HTTP goes on without the broker");
        thread::sleep(Duration::from_millis(30 * (round % 4)));
        broker.up();
        for _ in 0..20 {
            // Each is another one, so that the panel knows which comes again.
            let payload = format!("[{sent}]");
            let topic = "xmap/marks/export/marks.mark/call";
            _ = somebody.client.try_publish(topic, QoS::AtMostOnce, false, payload);
            sent += 1;
            thread::sleep(Duration::from_millis(20));
        }
    }
    // A broker of its own memory: what is there now, the gateway has sent since the last kill.
    let late = Listener::at(&broker, "late");
    late.wait("xmap/gateway", |payload| payload == "online");
    thread::sleep(Duration::from_secs(2));
    let levels = gateway.get("/v1/devices/sim/levels");
    for line in levels["lines"].as_array().unwrap() {
        let level = if line["high"] == true { "ON" } else { "OFF" };
        late.wait(&format!("xmap/sim/line/{}", line["name"].as_str().unwrap()), |payload| payload == level);
    }
    let light = "homeassistant/light/xmap_sim/line_lamp/config";
    is_entity(light, &late.wait(light, |_| true));
    let metrics = gateway.ask("GET", "/metrics", b"").body;
    let value = |name: &str| -> u32 {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    let commands = value("xmap_gateway_mqtt_total{what=\"commands\"}");
    let connects = value("xmap_gateway_mqtt_total{what=\"connects\"}");
    eprintln!("mqtt: {connects} connections, {commands} of {sent} commands came through");
    let count = |key: &str| gateway.call("marks", key, "").json()["results"][0].as_u64().unwrap();
    assert_eq!(count("marks.again"), 0, "no command was carried out twice");
    assert_eq!(count("marks.marked"), u64::from(commands));
    assert!(commands > 0 && commands <= sent, "{commands} of {sent}");
    assert!(connects >= 2, "{connects}");
}
