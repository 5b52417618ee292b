//! The configuration: devices, tokens and where to listen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};
use xmap_client::{Options, PortName};
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place, Source};
use xmap_compiler::input;
use xmap_keys::roles::read_role_key;
use xmap_link::Pattern;

use crate::fleet::{self, FleetConfig};
use crate::panel::{Panel, load};
use crate::tls;
use crate::tokens::{Token, Tokens};

/// Where the gateway listens unless it is told otherwise: this machine alone.
pub const LISTEN: &str = "127.0.0.1:8021";
/// Bytes of `gateway.toml` that are read: a thousand devices take a tenth of it.
const MAX_BYTES: u64 = 1 << 20;
/// Devices of one gateway: each has a thread, or two where it is simulated.
const MAX_DEVICES: usize = 1000;
/// Bytes of a device's name.
const MAX_NAME: usize = 64;

/// The configuration of the gateway.
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its devices.
    pub devices: Vec<DeviceConfig>,
    /// Who may ask what.
    pub tokens: Tokens,
    /// The broker.
    pub mqtt: Option<MqttConfig>,
    /// The server of rollouts.
    pub fleet: Option<FleetConfig>,
    /// The gateway's side of TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Origins of other pages whose scripts may ask: `https://hall.example`.
    pub origins: Vec<String>,
}

/// A broker, and what the gateway says and does there.
pub struct MqttConfig {
    /// Where it is.
    pub broker: (String, u16),
    /// User and password.
    pub login: Option<(String, String)>,
    /// The beginning of all topics.
    pub prefix: String,
    /// The beginning of discovery topics; `None` announces nothing.
    pub discovery: Option<String>,
    /// How old a command with a time may be, in seconds.
    pub command_age_s: u64,
    /// What commands may do.
    pub token: Token,
    /// The version that is spoken.
    pub version: MqttVersion,
    /// How the broker is known, where the connection is encrypted.
    pub tls: Option<Arc<ClientConfig>>,
    /// What `[ha]` says of lines and exports, by device and name.
    pub ha: BTreeMap<(String, String), Entity>,
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MqttVersion {
    /// 3.1.1.
    Three,
    /// 5.
    Five,
}

/// What `[ha]` says of a line or an export.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// What people call it.
    pub name: Option<String>,
    /// The component: one of [`KINDS`].
    pub kind: Option<String>,
    /// Home Assistant's class of it: `door`, `temperature`.
    pub device_class: Option<String>,
    /// `mdi:lamp`.
    pub icon: Option<String>,
    /// What a number counts.
    pub unit: Option<String>,
    /// The least number.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
    /// The step of a number.
    pub step: Option<f64>,
    every_s: Option<u64>,
    /// How often a sensor's export is called.
    #[serde(skip)]
    pub every: Option<Duration>,
}

impl Entity {
    /// Returns whether it is an export that is called for its result.
    pub fn is_sensor(&self) -> bool {
        self.kind.as_deref() == Some("sensor")
    }
}

/// Kinds of entities; `none` announces nothing.
pub const KINDS: [&str; 7] = ["light", "switch", "binary_sensor", "sensor", "button", "number", "none"];

/// A device.
pub struct DeviceConfig {
    /// Its name in paths.
    pub name: String,
    /// Where it is.
    pub source: Reached,
    /// What is known of its images: names of lines, source lines. Those of a simulated device run on it.
    pub panels: Vec<Panel>,
    /// How often it is asked for news while nobody watches it.
    pub look: Duration,
}

/// How often a device is asked for news unless its table says otherwise.
pub const LOOK: Duration = Duration::from_secs(1);

/// The place of a device.
pub enum Reached {
    /// Behind a port.
    Port(PortName, Box<Options>),
    /// In this process.
    Simulated,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    #[serde(default)]
    beyond_this_machine: bool,
    #[serde(default, rename = "device")]
    devices: Vec<DeviceTable>,
    #[serde(default, rename = "token")]
    tokens: Vec<TokenTable>,
    mqtt: Option<MqttTable>,
    #[serde(default)]
    ha: BTreeMap<String, BTreeMap<String, Entity>>,
    tls: Option<TlsTable>,
    fleet: Option<FleetTable>,
    #[serde(default)]
    origins: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetTable {
    server: String,
    #[serde(default = "default_tenant")]
    tenant: String,
    token_file: PathBuf,
    ca: Option<PathBuf>,
    #[serde(default = "default_state")]
    state: PathBuf,
}

fn default_tenant() -> String {
    "DEFAULT".into()
}

fn default_state() -> PathBuf {
    "fleet".into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MqttTable {
    broker: String,
    version: Option<String>,
    ca: Option<PathBuf>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    #[serde(default = "default_prefix")]
    prefix: String,
    #[serde(default = "default_discovery")]
    discovery: String,
    #[serde(default = "default_age")]
    command_age_s: u64,
    key: PathBuf,
}

fn default_prefix() -> String {
    "xmap".into()
}

fn default_discovery() -> String {
    "homeassistant".into()
}

fn default_age() -> u64 {
    10
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceTable {
    name: String,
    port: Option<String>,
    baud: Option<u32>,
    key: Option<PathBuf>,
    panel: Option<PathBuf>,
    sim: Option<PathBuf>,
    look_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenTable {
    name: String,
    key: PathBuf,
    devices: Option<Vec<String>>,
}

impl Config {
    /// Reads `gateway.toml` and every file that it names; their paths are relative to its folder.
    ///
    /// # Errors
    /// X1501, and what is wrong with the files.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let text = input::read_text(path, MAX_BYTES)?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let source = Source::new(path.display().to_string(), text.as_str());
            let place = Place::text(&source, error.span().unwrap_or_default());
            Diagnostic::new(Code::GatewayConfig, place, error.message().trim())
        })?;
        let wrong = |what: String| {
            Diagnostic::new(Code::GatewayConfig, Place::file(path), format!("{}: {what}", path.display()))
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let listen = file.listen.unwrap_or_else(default_listen);
        let beyond = file.beyond_this_machine || file.tls.is_some();
        check_listen(listen, beyond, &path.display().to_string())?;
        let tls = file.tls.map(|tls| tls::server(&folder.join(tls.certificate), &folder.join(tls.key)));
        let tls = tls.transpose()?;
        if file.devices.is_empty() || file.devices.len() > MAX_DEVICES {
            let message = format!("{} devices, expected 1 to {MAX_DEVICES}", file.devices.len());
            return Err(wrong(message)
                .help("a table [[device]] with name and port for each".to_string())
                .into());
        }
        let mut names = BTreeSet::new();
        let mut devices = Vec::new();
        for table in file.devices {
            let name = table.name.clone();
            if !is_name(&name) {
                let message = format!("the device's name {name:?} is not of letters, digits, `-` and `_`");
                return Err(wrong(message).into());
            }
            if !names.insert(name.clone()) {
                return Err(wrong(format!("two devices are named `{name}`")).into());
            }
            devices.push(table.read(folder, &wrong)?);
        }
        let tokens = file.tokens.iter().map(|table| table.read(folder, &names, &wrong));
        let tokens = Tokens::new(tokens.collect::<Result<_, _>>()?);
        if tokens.is_empty() {
            let help =
                "`xmap keygen --role operate -o operator.key`, then a table [[token]] with name and key";
            return Err(wrong("no token: nobody could ask anything".into()).help(help.to_string()).into());
        }
        let mut mqtt = file.mqtt.map(|table| table.read(folder, &wrong)).transpose()?;
        let ha = entities(file.ha, &names, &wrong)?;
        match &mut mqtt {
            Some(mqtt) => mqtt.ha = ha,
            None if ha.is_empty() => {}
            None => return Err(wrong("[ha] without [mqtt], which it is for".into()).into()),
        }
        if let Some(other) = file.origins.iter().find(|origin| !is_origin(origin)) {
            let help =
                "the scheme, the host and the port where it is not the scheme's: \"https://hall.example\"";
            return Err(wrong(format!("{other:?} is no origin")).help(help.to_string()).into());
        }
        let fleet = file.fleet.map(|table| table.read(folder, &wrong)).transpose()?;
        Ok(Self { listen, devices, tokens, mqtt, fleet, tls, origins: file.origins })
    }
}

/// Returns [`LISTEN`].
pub fn default_listen() -> SocketAddr {
    LISTEN.parse().expect("it is an address")
}

/// Holds an address against what is asked for: tokens travel in the clear, so only who says so listens beyond
/// this machine.
///
/// # Errors
/// X1501.
pub fn check_listen(listen: SocketAddr, beyond: bool, place: &str) -> Result<(), Diagnostic> {
    if listen.ip().is_loopback() || beyond {
        return Ok(());
    }
    let message = format!("{place}: {listen} is beyond this machine, and tokens would travel in the clear");
    let help = "a table [tls] with certificate and key, or `beyond_this_machine = true` where the network is \
                trusted";
    Err(Diagnostic::new(Code::GatewayConfig, Place::File(place.to_string()), message).help(help.to_string()))
}

/// Returns whether a text is what a browser sends as an origin: scheme, host and port, in lower case.
pub fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':' | '[' | ']');
    matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(plain)
}

/// Returns whether a text may be a device's name: it stands in paths, labels and topics.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=MAX_NAME).contains(&text.len()) && text.chars().all(plain)
}

impl DeviceTable {
    fn read(self, folder: &Path, wrong: &dyn Fn(String) -> Diagnostic) -> Result<DeviceConfig, Diagnostics> {
        let Self { name, port, baud, key, panel, sim, look_s } = self;
        let look = match look_s {
            None => LOOK,
            Some(s @ 1..=3600) => Duration::from_secs(s),
            Some(s) => {
                let text = format!("device `{name}`: look_s = {s}, expected seconds from 1 to 3600");
                return Err(wrong(text).into());
            }
        };
        let Some(sim) = sim else {
            let Some(port) = port else {
                let help = "tcp:HOST:PORT, unix:PATH or the path of a serial port; `sim = \"panel.toml\"` simulates one";
                return Err(wrong(format!("device `{name}` has no port")).help(help.to_string()).into());
            };
            let port = parse_port(&port)?;
            let options = options(key.map(|key| folder.join(key)).as_deref(), baud)?;
            let panels = panel.map(|panel| load(&folder.join(panel))).transpose()?.unwrap_or_default();
            return Ok(DeviceConfig { name, source: Reached::Port(port, Box::new(options)), panels, look });
        };
        if port.is_some() || baud.is_some() || key.is_some() || panel.is_some() {
            let help = "a simulated device has `name`, `sim` and `look_s` alone".to_string();
            return Err(wrong(format!("device `{name}` has a port and a panel to simulate"))
                .help(help)
                .into());
        }
        Ok(DeviceConfig { name, source: Reached::Simulated, panels: load(&folder.join(sim))?, look })
    }
}

impl MqttTable {
    fn read(self, folder: &Path, wrong: &dyn Fn(String) -> Diagnostic) -> Result<MqttConfig, Diagnostic> {
        let broker =
            self.broker.rsplit_once(':').and_then(|(host, port)| Some((host.into(), port.parse().ok()?)));
        let Some(broker) = broker.filter(|(host, _): &(String, u16)| !host.is_empty()) else {
            return Err(wrong(format!("the broker {:?} is not HOST:PORT", self.broker)));
        };
        for part in [&self.prefix, &self.discovery] {
            if part.contains(['+', '#']) || part.starts_with('$') || part.ends_with('/') {
                return Err(wrong(format!("{part:?} is no beginning of a topic")));
            }
        }
        if self.prefix.is_empty() {
            return Err(wrong("the prefix of topics is empty".into()));
        }
        let login = match (self.user, self.password_file) {
            (None, None) => None,
            (Some(user), file) => {
                let password = file.map(|file| input::read_text(&folder.join(file), 4096)).transpose()?;
                Some((user, password.unwrap_or_default().trim_end().to_owned()))
            }
            (None, Some(_)) => return Err(wrong("a password without a user".into())),
        };
        let version = match self.version.as_deref() {
            None | Some("3.1.1") => MqttVersion::Three,
            Some("5") => MqttVersion::Five,
            Some(other) => {
                let help = "version = \"5\", or \"3.1.1\", which it is where this is left out".to_string();
                return Err(wrong(format!("no version {other:?} of MQTT")).help(help));
            }
        };
        let own = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some((folder.join(certificate), folder.join(key))),
            (None, None) => None,
            _ => return Err(wrong("`tls_certificate` and `tls_key` stand together".into())),
        };
        let tls = match self.ca {
            Some(ca) => {
                let own = own.as_ref().map(|(certificate, key)| (&**certificate, &**key));
                Some(tls::client(&folder.join(ca), own)?)
            }
            None if own.is_some() => {
                let help = "`ca` names who has signed the broker's certificate, and turns TLS on".to_string();
                return Err(wrong("a certificate for the broker without `ca`".into()).help(help));
            }
            None => None,
        };
        Ok(MqttConfig {
            broker,
            login,
            prefix: self.prefix,
            discovery: Some(self.discovery).filter(|discovery| !discovery.is_empty()),
            command_age_s: self.command_age_s,
            version,
            tls,
            ha: BTreeMap::new(),
            token: Token::of_key("mqtt", &read_role_key(&folder.join(self.key))?, None),
        })
    }
}

impl FleetTable {
    fn read(self, folder: &Path, wrong: &dyn Fn(String) -> Diagnostic) -> Result<FleetConfig, Diagnostic> {
        let server = self.server.trim_end_matches('/').to_owned();
        if !fleet::is_server(&server) {
            let help = "the address of the server's DDI: \"https://hawkbit.example\"".to_string();
            return Err(wrong(format!("{:?} is no server", self.server)).help(help));
        }
        let tls = self.ca.map(|ca| tls::client(&folder.join(ca), None)).transpose()?;
        if server.starts_with("https:") && tls.is_none() {
            let help = "`ca` names who has signed the server's certificate".to_string();
            return Err(wrong("[fleet] with https and without `ca`".into()).help(help));
        }
        if !is_name(&self.tenant) {
            return Err(wrong(format!(
                "the tenant {:?} is not of letters, digits, `-` and `_`",
                self.tenant
            )));
        }
        let token = input::read_text(&folder.join(self.token_file), 4096)?.trim().to_owned();
        let state = folder.join(self.state);
        Ok(FleetConfig { server, tenant: self.tenant, token, tls, state })
    }
}

/// Holds `[ha.DEVICE.NAME]` against the devices.
fn entities(
    tables: BTreeMap<String, BTreeMap<String, Entity>>,
    names: &BTreeSet<String>,
    wrong: &dyn Fn(String) -> Diagnostic,
) -> Result<BTreeMap<(String, String), Entity>, Diagnostic> {
    let mut all = BTreeMap::new();
    for (device, entries) in tables {
        if !names.contains(&device) {
            let near = xmap_compiler::names::did_you_mean(&device, names.iter().map(String::as_str));
            return Err(wrong(format!("[ha.{device}] is of a device that is not there")).help(near));
        }
        for (name, mut entity) in entries {
            if let Some(kind) = entity.kind.as_deref().filter(|kind| !KINDS.contains(kind)) {
                let near = xmap_compiler::names::did_you_mean(kind, KINDS)
                    .unwrap_or_else(|| format!("the kinds are {}", KINDS.join(", ")));
                return Err(wrong(format!("[ha.{device}] {name}: no kind {kind:?}")).help(near));
            }
            if entity.is_sensor() != entity.every_s.is_some() || entity.every_s == Some(0) {
                let help = "kind = \"sensor\" calls an export without parameters; every_s says how often"
                    .to_string();
                return Err(wrong(format!(
                    "[ha.{device}] {name}: a sensor has `every_s`, and nothing else has"
                ))
                .help(help));
            }
            entity.every = entity.every_s.map(Duration::from_secs);
            all.insert((device.clone(), name), entity);
        }
    }
    Ok(all)
}

impl TokenTable {
    fn read(
        &self,
        folder: &Path,
        names: &BTreeSet<String>,
        wrong: &dyn Fn(String) -> Diagnostic,
    ) -> Result<Token, Diagnostic> {
        let key = read_role_key(&folder.join(&self.key))?;
        for device in self.devices.iter().flatten() {
            if !names.contains(device) {
                let near = xmap_compiler::names::did_you_mean(device, names.iter().map(String::as_str));
                return Err(wrong(format!(
                    "token `{}` is for a device `{device}`, which is not there",
                    self.name
                ))
                .help(near));
            }
        }
        Ok(Token::of_key(&self.name, &key, self.devices.clone()))
    }
}

/// Reads a port's name.
///
/// # Errors
/// X0904.
pub fn parse_port(text: &str) -> Result<PortName, Diagnostic> {
    text.parse().map_err(|error: xmap_client::Error| {
        Diagnostic::new(Code::BadPort, Place::File(error.port), error.message).help(error.help)
    })
}

/// Returns how to talk to a device.
///
/// # Errors
/// What is wrong with the key's file.
pub fn options(key: Option<&Path>, baud: Option<u32>) -> Result<Options, Diagnostic> {
    let key = key.map(read_role_key).transpose()?.map(|key| key.secret);
    let default = Options::default();
    Ok(Options { baud: baud.unwrap_or(default.baud), key, ..default })
}

/// A pattern that every key matches.
pub fn any() -> Pattern {
    Pattern::new("*").expect("a star is a pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/schema/gateway.schema.json has the keys that the file may have, and those of an entity's kind.
    #[test]
    fn the_schema_has_these_keys() {
        let schema = include_str!("../../../docs/schema/gateway.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let ha = "/properties/ha/additionalProperties/additionalProperties";
        for (text, pointer) in [
            ("qqqq = 1", ""),
            ("[[device]]\nqqqq = 1", "/properties/device/items"),
            ("[[token]]\nqqqq = 1", "/properties/token/items"),
            ("[tls]\nqqqq = 1", "/properties/tls"),
            ("[mqtt]\nqqqq = 1", "/properties/mqtt"),
            ("[ha.hall.lamp]\nqqqq = 1", ha),
            ("[fleet]\nqqqq = 1", "/properties/fleet"),
        ] {
            let Err(error) = toml::from_str::<File>(text) else { panic!("{text}") };
            xmap_rig::schema::has_keys(&schema, pointer, error.message());
        }
        let kinds: Vec<&str> = schema
            .pointer(&format!("{ha}/properties/kind/enum"))
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind.as_str().unwrap())
            .collect();
        assert_eq!(kinds, KINDS);
    }
}
