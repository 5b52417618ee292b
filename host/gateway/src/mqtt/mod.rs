//! MQTT: states and events out, commands in.
//!
//! States are retained and published where they differ from what the broker was sent last; a new connection
//! forgets what was sent, since a broker that restarts has forgotten it too. Commands come at most once
//! (QoS 0 in a clean session): a lamp that is toggled twice is worse than one that is not. What a broker
//! retained, and what is older than it may be, is not carried out.

mod wire;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{Receiver, channel};

use crate::calls::{self, Given};
use crate::config::MqttConfig;
use crate::device::{Ask, Device};
use crate::homeassistant::{entities, is_plain, switch_of};
use crate::http::App;
use crate::problem::Problem;

use self::wire::{Message, News, WAITING, Wire};

/// How often the states are compared with what the broker has.
const AGAIN: Duration = Duration::from_secs(1);
/// Within this time after a connection everything is published again: a thousand gateways behind one broker
/// do not do so at once.
const JITTER_MS: u64 = 1000;

/// Starts the client; it goes on for as long as the program.
pub fn start(app: &Arc<App>, config: MqttConfig) {
    let (news, received) = channel(WAITING);
    let broker = Broker {
        app: app.clone(),
        client: Wire::start(&config, news),
        config: Arc::new(config),
        sent: HashMap::new(),
        announced: BTreeSet::new(),
        here: false,
        asked: HashMap::new(),
    };
    tokio::spawn(broker.run(received));
}

struct Broker {
    app: Arc<App>,
    config: Arc<MqttConfig>,
    client: Wire,
    /// What the broker was sent since the connection began: topic and payload.
    sent: HashMap<String, String>,
    /// Topics of entities that were announced.
    announced: BTreeSet<String>,
    here: bool,
    /// When exports that are sensors were asked last.
    asked: HashMap<String, Instant>,
}

impl Broker {
    async fn run(mut self, mut news: Receiver<News>) {
        let mut events = self.app.hub.listen();
        let mut again = tokio::time::interval(AGAIN);
        loop {
            tokio::select! {
                told = news.recv() => match told {
                    Some(News::Connected) => self.connected().await,
                    Some(News::Lost) => self.here = false,
                    Some(News::Message(message)) => self.message(message),
                    None => return,
                },
                event = events.recv() => match event {
                    Ok(event) => {
                        if event.kind == "event" && self.here && is_plain(&event.device) {
                            let topic = format!("{}/{}/event", self.config.prefix, event.device);
                            self.client.say(topic, event.data.to_string());
                        }
                        if matches!(event.kind, "levels" | "online") {
                            self.publish(Some(&event.device));
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                _ = again.tick() => {
                    self.publish(None);
                    self.sense();
                }
            }
        }
    }

    async fn connected(&mut self) {
        self.app.mqtt.connects.fetch_add(1, Ordering::Relaxed);
        self.sent.clear();
        self.here = true;
        let prefix = &self.config.prefix;
        let mut topics = vec![format!("{prefix}/+/line/+/set"), format!("{prefix}/+/export/+/call")];
        topics.extend(self.config.discovery.as_ref().map(|discovery| format!("{discovery}/status")));
        // A broker that restarted knows none of them.
        for topic in topics {
            self.client.subscribe(topic);
        }
        let mut random = [0; 2];
        _ = getrandom::fill(&mut random);
        tokio::time::sleep(Duration::from_millis(u64::from(u16::from_le_bytes(random)) % JITTER_MS)).await;
        self.publish(None);
    }

    /// Publishes what differs from what was sent.
    fn publish(&mut self, of: Option<&str>) {
        if !self.here {
            return;
        }
        let prefix = self.config.prefix.clone();
        self.retain(format!("{prefix}/gateway"), "online".into());
        let app = self.app.clone();
        let seen = |device: &&Device| {
            self.config.token.sees(&device.name) && of.is_none_or(|of| *of == *device.name)
        };
        let devices: Vec<&Device> = app.devices.iter().filter(seen).collect();
        for device in devices {
            self.announce(device);
            for (topic, payload) in states(device, &app, &prefix) {
                self.retain(topic, payload);
            }
        }
    }

    fn announce(&mut self, device: &Device) {
        if !device.state().online {
            // What it has is what it had.
            return;
        }
        let entities = entities(device, &self.app.shelf, &self.config);
        let marker = format!("/xmap_{}/", device.name);
        let topics: BTreeSet<&String> = entities.iter().map(|(topic, _)| topic).collect();
        let gone: Vec<String> = self
            .announced
            .iter()
            .filter(|topic| topic.contains(&marker) && !topics.contains(topic))
            .cloned()
            .collect();
        for topic in gone {
            // An empty payload takes the entity away.
            self.retain(topic.clone(), String::new());
            self.announced.remove(&topic);
        }
        for (topic, payload) in entities {
            self.announced.insert(topic.clone());
            self.retain(topic, payload);
        }
    }

    /// Asks the exports that `[ha]` makes sensors of, each as often as it says, and publishes what they
    /// return.
    fn sense(&mut self) {
        if !self.here {
            return;
        }
        let app = self.app.clone();
        for ((device, key), entry) in &self.config.ha {
            let Some(every) = entry.every.filter(|_| entry.is_sensor()) else { continue };
            let topic = format!("{}/{device}/export/{key}/value", self.config.prefix);
            let now = Instant::now();
            if self.asked.get(&topic).is_some_and(|asked| now.duration_since(*asked) < every) {
                continue;
            }
            let Some(found) = app.devices.iter().position(|of| *of.name == **device) else { continue };
            let Ok(ask) = calls::call(&app.devices[found], &self.config.token, key, &Given::default()) else {
                continue;
            };
            self.asked.insert(topic.clone(), now);
            let (app, client) = (app.clone(), self.client.clone());
            tokio::spawn(async move {
                if let Ok(answer) = app.devices[found].ask(ask).await
                    && let Some(value) = answer["results"].get(0)
                {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    client.retain(&topic, &text);
                }
            });
        }
    }

    fn retain(&mut self, topic: String, payload: String) {
        if self.sent.get(&topic) == Some(&payload) {
            return;
        }
        // Where there is no room, the next look publishes it.
        if self.client.retain(&topic, &payload) {
            self.sent.insert(topic, payload);
        }
    }

    /// Carries out a command, without waiting for it.
    fn message(&mut self, message: Message) {
        if self.config.discovery.as_ref().is_some_and(|of| message.topic == format!("{of}/status")) {
            // Home Assistant has started, and wants to hear it again.
            if &message.payload[..] == b"online" {
                self.sent.clear();
                self.publish(None);
            }
            return;
        }
        let (app, config, client) = (self.app.clone(), self.config.clone(), self.client.clone());
        tokio::spawn(async move {
            let answer = match command(&app, &config, &message) {
                Ok((device, ask)) => device.ask(ask).await,
                Err(problem) => Err(problem),
            };
            let counter = if answer.is_ok() { &app.mqtt.commands } else { &app.mqtt.refused };
            counter.fetch_add(1, Ordering::Relaxed);
            if let Some(of) = message.topic.strip_suffix("/call").or(message.topic.strip_suffix("/set")) {
                let result = answer.unwrap_or_else(|problem| problem.json());
                client.say(format!("{of}/result"), result.to_string());
            }
        });
    }
}

/// The states of a device: topic and payload.
fn states(device: &Device, app: &App, prefix: &str) -> Vec<(String, String)> {
    let state = device.state();
    let topic = |rest: &str| format!("{prefix}/{}/{rest}", device.name);
    let available = if state.online { "online" } else { "offline" };
    let mut all = vec![(topic("availability"), available.to_string())];
    for (_, line) in state.lines(&app.shelf).iter().filter(|(_, line)| is_plain(&line.name)) {
        if let Some(high) = state.high(line.line) {
            let level = if high { "ON" } else { "OFF" };
            all.push((topic(&format!("line/{}", line.name)), level.to_string()));
        }
    }
    for module in state.modules.iter().filter(|module| module.image.is_some()) {
        let payload = json!({
            "name": module.name.as_str(),
            "life": module.life.name(),
            "version": module.image.map(|image| image.version),
            "on_trial": module.trial_ms > 0,
        });
        all.push((topic(&format!("module/{}", module.module)), payload.to_string()));
    }
    all
}

/// Returns what a message asks for.
fn command<'a>(app: &'a App, config: &MqttConfig, message: &Message) -> Result<(&'a Device, Ask), Problem> {
    if message.retain {
        return Err(Problem::bad("a command that a broker kept is nobody's wish any more"));
    }
    let rest = message.topic.strip_prefix(&config.prefix).and_then(|rest| rest.strip_prefix('/'));
    let parts: Vec<&str> = rest.unwrap_or_default().split('/').collect();
    let &[name, kind, what, _] = &parts[..] else { return Err(Problem::bad("no such topic")) };
    let device = app.devices.iter().find(|device| &*device.name == name);
    let device = device.ok_or_else(|| Problem::bad(format!("no device `{name}`")))?;
    let text = std::str::from_utf8(&message.payload).map_err(|_| Problem::bad("the payload is not UTF-8"))?;
    if kind == "export" {
        let args = arguments(text, config.command_age_s)?;
        return Ok((device, calls::call(device, &config.token, what, &args.into())?));
    }
    let level = match text {
        "ON" => true,
        "OFF" => false,
        _ => return Err(Problem::bad("expected ON or OFF")),
    };
    let switch = {
        let state = device.state();
        let lines = state.lines(&app.shelf);
        let line = lines.iter().find(|(_, line)| line.name == what);
        line.and_then(|(_, line)| switch_of(line, &state.exports))
    };
    let ask = match switch {
        Some((on, off)) => {
            calls::call(device, &config.token, if level { &on } else { &off }, &Given::default())?
        }
        None => calls::drive(device, &config.token, &app.shelf, what, Some(level))?,
    };
    Ok((device, ask))
}

/// The arguments of a call: nothing, an array, or an object with `args` and, where it is known, the time `at`
/// in seconds since 1970.
fn arguments(text: &str, most_s: u64) -> Result<Vec<Json>, Problem> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let json: Json = serde_json::from_str(text)
        .map_err(|error| Problem::bad(format!("the payload is not JSON: {error}")))?;
    let mut object = match json {
        Json::Array(args) => return Ok(args),
        Json::Object(object) => object,
        _ => return Err(Problem::bad("expected an array, or an object with `args`")),
    };
    if let Some(at) = object.get("at") {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let age_s = at.as_f64().map(|at| now - at).ok_or_else(|| Problem::bad("`at` is no number"))?;
        // A clock that is ahead says as little as one that is behind.
        if age_s.abs() > most_s as f64 {
            return Err(Problem::bad(format!("the command is {age_s:.0} s old, at most {most_s}")));
        }
    }
    match object.remove("args") {
        None => Ok(Vec::new()),
        Some(Json::Array(args)) => Ok(args),
        Some(_) => Err(Problem::bad("`args` is not an array")),
    }
}
