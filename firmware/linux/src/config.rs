//! What the service is told: a file, and flags that go before it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::Deserialize;
use xmap_link::limits::MAX_MODULES;
use xmap_trust::{Limit, Limits};

use crate::error::{Code, Error, Result};
use crate::files;

/// Where the file is, unless a flag says otherwise.
pub const DEFAULT: &str = "/etc/xmap/xmapd.toml";
/// Bytes that the flight recorder has room for, unless the file says otherwise, and at most. Memory that it
/// has not written to yet is not taken from the machine.
const RECORD_BYTES: u32 = 16 << 20;
const MOST_RECORD_BYTES: u32 = 1 << 30;
/// Bytes of the file.
const MOST_BYTES: u64 = 1 << 20;

/// The device program of a panel as a Linux service on a Raspberry Pi 4B
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "xmapd", version)]
#[command(after_help = "\
Examples:
  xmapd                                        the chip's lines, as /etc/xmap/xmapd.toml says
  xmapd --check --config xmapd.toml            only looks at a configuration
  xmapd --registers regs.bin --socket ./pi.sock --state ./slots --panel panel.xmap
                                               on any machine: `xmap status --port unix:./pi.sock`

Exit status: 0 ended as it was asked to, 1 it could not start or go on, 2 the command line is wrong.")]
pub struct Arguments {
    /// Read this instead of /etc/xmap/xmapd.toml, which may be missing
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use a file of 4 KiB in the place of the chip's registers: for tests, on any machine
    #[arg(long, value_name = "FILE")]
    pub registers: Option<PathBuf>,
    /// Listen on this Unix socket; "" listens on none
    #[arg(long, value_name = "PATH", value_parser = path())]
    pub socket: Option<PathBuf>,
    /// Listen on this TCP address
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub tcp: Option<SocketAddr>,
    /// Mount this image, or bundle of images, where no slot has one; what cannot be used ends the start
    #[arg(long, value_name = "FILE")]
    pub panel: Option<PathBuf>,
    /// Keep the persistent slots in this folder; "" keeps nothing
    #[arg(long, value_name = "FOLDER", value_parser = path())]
    pub state: Option<PathBuf>,
    /// Take inputs and clock from the host, for scripts
    #[arg(long)]
    pub rehearse: bool,
    /// Mount nothing and wait for help
    #[arg(long)]
    pub safe: bool,
    /// Only check the configuration, and the files that it names
    #[arg(long)]
    pub check: bool,
    /// Forget the slot of this module (0 to 3), or of `all`, and end: the default panel is mounted there next
    #[arg(long, value_name = "MODULE", conflicts_with = "check")]
    pub forget: Option<Forget>,
}

/// The slots to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget {
    /// That of one module.
    Module(u8),
    /// Every one.
    All,
}

impl Forget {
    /// The modules, by their numbers.
    pub fn modules(self) -> std::ops::Range<u8> {
        match self {
            Self::Module(module) => module..module + 1,
            Self::All => 0..MAX_MODULES as u8,
        }
    }
}

impl FromStr for Forget {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let number = text.parse().ok().filter(|module| usize::from(*module) < MAX_MODULES);
        match number {
            Some(module) => Ok(Self::Module(module)),
            None if text == "all" => Ok(Self::All),
            None => Err(format!("expected a module, 0 to {}, or `all`", MAX_MODULES - 1)),
        }
    }
}

/// A path that may be empty, unlike clap's own.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the registers are.
    pub registers: RegistersAt,
    /// The files of serial ports, by the ports' numbers; the others are the kernel's own.
    pub uarts: BTreeMap<u8, PathBuf>,
    /// The character device of the chip's lines; `None` is found.
    pub gpiochip: Option<PathBuf>,
    /// What is mounted where no slot has an image.
    pub panel: Option<PathBuf>,
    /// Whether the command line names it.
    pub panel_named: bool,
    /// The folder of the persistent slots; `None` keeps nothing.
    pub state: Option<PathBuf>,
    /// The least seconds between two writes of kept state that changed, where its image does not say it; 0
    /// writes only when the service stops, whatever images say.
    pub keep_every_s: u32,
    /// Priority under `SCHED_FIFO`, 1 to 99; 0 asks for none.
    pub realtime_priority: u8,
    /// The Unix socket; `None` listens on none.
    pub socket: Option<PathBuf>,
    /// Who may use it.
    pub socket_mode: u32,
    /// The TCP address; `None` listens on none.
    pub tcp: Option<SocketAddr>,
    /// The loopback address where metrics are read over HTTP; `None` serves none.
    pub metrics: Option<SocketAddr>,
    /// The table of role keys; without one the device is open.
    pub keys: Option<PathBuf>,
    /// Whose images are taken; without it, anybody's.
    pub trust: Option<TrustAt>,
    /// What an image may ask for.
    pub limits: Limits,
    /// Images run as machine code, where the machine has such and the kernel allows it.
    pub native: bool,
    /// Bytes that the flight recorder has room for; 0 for none.
    pub record_bytes: usize,
    /// Inputs and clock are the host's.
    pub rehearse: bool,
    /// Nothing is mounted.
    pub safe: bool,
}

/// The place of the registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistersAt {
    /// The chip's, by this device; `None` takes what the kernel offers.
    Chip(Option<PathBuf>),
    /// A file in their place.
    File(PathBuf),
}

/// An owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAt {
    /// The public half of the owner's root key.
    pub root: [u8; 32],
    /// The signed policy.
    pub policy: PathBuf,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    registers: Option<String>,
    gpiochip: Option<String>,
    panel: Option<PathBuf>,
    state: Option<String>,
    keep_every_s: Option<u32>,
    realtime_priority: Option<u8>,
    native: bool,
    record_bytes: Option<u32>,
    uart: BTreeMap<String, PathBuf>,
    link: WrittenLink,
    trust: Option<WrittenTrust>,
    limits: WrittenLimits,
}

/// A key for each limit.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLimits {
    image_bytes: Option<u32>,
    memory_bytes: Option<u32>,
    kept_bytes: Option<u32>,
    fuel: Option<u32>,
    time_us: Option<u32>,
    period_us: Option<u32>,
    events_per_s: Option<u32>,
    log_bytes_per_s: Option<u32>,
}

impl WrittenLimits {
    const fn get(&self, limit: Limit) -> Option<u32> {
        match limit {
            Limit::Image => self.image_bytes,
            Limit::Memory => self.memory_bytes,
            Limit::Kept => self.kept_bytes,
            Limit::Fuel => self.fuel,
            Limit::Time => self.time_us,
            Limit::Period => self.period_us,
            Limit::Events => self.events_per_s,
            Limit::Log => self.log_bytes_per_s,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTrust {
    root: String,
    policy: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLink {
    socket: Option<String>,
    socket_mode: Option<String>,
    tcp: Option<String>,
    metrics: Option<String>,
    keys: Option<PathBuf>,
}

impl Config {
    /// The configuration: flags, then the file, then defaults.
    ///
    /// # Errors
    /// [`Code::Config`], with file, line and column where they are known.
    pub fn load(arguments: &Arguments) -> Result<Self> {
        let path = arguments.config.as_deref().unwrap_or(Path::new(DEFAULT));
        let text = match files::read(path, MOST_BYTES)
            .and_then(|(bytes, _)| String::from_utf8(bytes).map_err(io::Error::other))
        {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && arguments.config.is_none() => {
                String::new()
            }
            Err(error) => {
                let message = format!("{}: cannot be read: {error}", path.display());
                return Err(Error::new(Code::Config, message));
            }
        };
        Self::read(&path.display().to_string(), &text, arguments)
    }

    fn read(name: &str, text: &str, arguments: &Arguments) -> Result<Self> {
        let wrong = |what: String| Error::new(Code::Config, format!("{name}: {what}"));
        let written: Written = toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            let place = if error.span().is_some() { format!(":{line}:{column}") } else { String::new() };
            let mut wrong =
                Error::new(Code::Config, format!("{name}{place}: {}", error.message().replace('\n', "; ")));
            wrong.help = did_you_mean(error.message());
            wrong
        })?;
        let Written {
            registers,
            gpiochip,
            panel,
            state,
            keep_every_s,
            realtime_priority,
            native,
            record_bytes,
            uart,
            link,
            trust,
            limits,
        } = written;
        // What is not said is left to an owner's policy where there is one, and has its default where there
        // is none.
        let others = if trust.is_some() { Limits::none() } else { Limits::default() };
        let limits = Limit::ALL.into_iter().fold(others, |all, limit| match limits.get(limit) {
            Some(value) => all.with(limit, value),
            None => all,
        });
        let chip = |text: Option<String>| text.filter(|text| text != "auto").map(PathBuf::from);
        let realtime_priority = realtime_priority.unwrap_or(50);
        if realtime_priority > 99 {
            return Err(wrong(format!("realtime_priority = {realtime_priority}: expected 0 to 99")));
        }
        let record_bytes = record_bytes.unwrap_or(RECORD_BYTES);
        if record_bytes > MOST_RECORD_BYTES {
            return Err(wrong(format!("record_bytes = {record_bytes}: expected 0 to {MOST_RECORD_BYTES}")));
        }
        let socket_mode = match link.socket_mode.as_deref() {
            None => 0o660,
            Some(text) => {
                u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| {
                    wrong(format!(
                        "link.socket_mode = \"{text}\": expected a mode in octal, such as \"0660\""
                    ))
                })?
            }
        };
        let tcp = match link.tcp.as_deref() {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| {
                wrong(format!(
                    "link.tcp = \"{text}\": expected an address and a port, such as \"127.0.0.1:5577\""
                ))
            })?),
        };
        let metrics = match link.metrics.as_deref() {
            None | Some("") => None,
            Some(text) => {
                let address: Option<SocketAddr> = text.parse().ok();
                // Nobody is asked for a key there, so it is for programs of this machine alone.
                Some(address.filter(|address| address.ip().is_loopback()).ok_or_else(|| {
                    wrong(format!(
                        "link.metrics = \"{text}\": expected a loopback address and a port, such as \
                         \"127.0.0.1:9464\""
                    ))
                })?)
            }
        };
        let socket = match link.socket.as_deref() {
            None => Some("/run/xmap/xmapd.sock".into()),
            Some("") => None,
            Some(path) => Some(path.into()),
        };
        let trust = match trust {
            None => None,
            Some(WrittenTrust { root, policy }) => {
                let root = key(&root).ok_or_else(|| {
                    wrong(
                        "trust.root: expected 64 hexadecimal digits, the public half of the root key".into(),
                    )
                })?;
                Some(TrustAt { root, policy })
            }
        };
        // An empty flag takes away what the file or the default has.
        let named = |flag: &Option<PathBuf>, file: Option<PathBuf>| match flag {
            Some(path) => Some(path.clone()).filter(|path| !path.as_os_str().is_empty()),
            None => file,
        };
        let uarts = uart.into_iter().map(|(number, file)| match number.parse() {
            Ok(number) => Ok((number, file)),
            Err(_) => Err(wrong(format!("uart: `{number}` is not the number of a port"))),
        });
        let config = Self {
            uarts: uarts.collect::<Result<_>>()?,
            registers: match &arguments.registers {
                Some(file) => RegistersAt::File(file.clone()),
                None => RegistersAt::Chip(chip(registers)),
            },
            gpiochip: chip(gpiochip),
            panel_named: arguments.panel.is_some(),
            panel: arguments.panel.clone().or(panel),
            state: named(
                &arguments.state,
                match state.as_deref() {
                    None => Some("/var/lib/xmap".into()),
                    Some("") => None,
                    Some(path) => Some(path.into()),
                },
            ),
            native,
            record_bytes: record_bytes as usize,
            keep_every_s: keep_every_s.unwrap_or(300),
            realtime_priority,
            socket: named(&arguments.socket, socket),
            socket_mode,
            tcp: arguments.tcp.or(tcp),
            metrics,
            keys: link.keys,
            trust,
            limits,
            rehearse: arguments.rehearse,
            safe: arguments.safe,
        };
        if config.socket.is_none() && config.tcp.is_none() {
            return Err(wrong("neither link.socket nor link.tcp: nobody could reach the device".into()));
        }
        Ok(config)
    }
}

/// Returns the help for an unknown key: the known one that is nearest to it, where at most a third of the
/// letters differ. serde names the unknown key first and the known ones behind it.
fn did_you_mean(message: &str) -> Option<String> {
    let mut names = message.strip_prefix("unknown field `")?.split('`').step_by(2);
    let unknown = names.next()?;
    let ranked = names.map(|known| (strsim::osa_distance(unknown, known), known));
    let (edits, near) = ranked.min_by_key(|(edits, _)| *edits)?;
    let letters = unknown.len().max(near.len()).max(3);
    (edits * 3 <= letters).then(|| format!("did you mean `{near}`?"))
}

/// 32 bytes of 64 hexadecimal digits.
fn key(digits: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4 | digit(*low)?) as u8);
    let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
    bytes.try_into().ok().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config> {
        Config::read("xmapd.toml", text, &Arguments::default())
    }

    /// docs/schema/xmapd.schema.json has the keys that the file may have.
    #[test]
    fn the_schema_has_these_keys() {
        let schema = include_str!("../../../docs/schema/xmapd.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        for (text, pointer) in [
            ("qqqq = 1", ""),
            ("[link]\nqqqq = 1", "/properties/link"),
            ("[trust]\nqqqq = 1", "/properties/trust"),
            ("[limits]\nqqqq = 1", "/properties/limits"),
        ] {
            let message = read(text).unwrap_err().message;
            xmap_rig::schema::has_keys(&schema, pointer, &message);
        }
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let config = read("").unwrap();
        assert_eq!(config.registers, RegistersAt::Chip(None));
        assert_eq!(config.socket.as_deref(), Some(Path::new("/run/xmap/xmapd.sock")));
        assert_eq!((config.socket_mode, config.tcp, config.keep_every_s), (0o660, None, 300));
        assert_eq!((config.realtime_priority, config.state), (50, Some("/var/lib/xmap".into())));
    }

    #[test]
    fn the_file_that_is_installed_says_the_defaults() {
        let text = include_str!("../dist/xmapd.toml");
        let installed = Config { panel: None, ..read(text).unwrap() };
        assert_eq!(installed, read("").unwrap());
        assert_eq!(read(text).unwrap().panel.as_deref(), Some(Path::new("/usr/share/xmap/panel.xmap")));
    }

    #[test]
    fn every_key_is_taken_and_flags_go_before() {
        let text = "registers = '/dev/mem'\ngpiochip = '/dev/gpiochip4'\npanel = 'p.xmap'\nstate = 's'\n\
            keep_every_s = 0\nrealtime_priority = 0\n[link]\nsocket = ''\nsocket_mode = '0600'\ntcp = '[::1]:9'\n\
            keys = 'k'\n[trust]\nroot = '00ff000000000000000000000000000000000000000000000000000000000001'\n\
            policy = 'y'\n";
        let config = read(text).unwrap();
        assert_eq!(config.registers, RegistersAt::Chip(Some("/dev/mem".into())));
        assert_eq!(config.gpiochip, Some("/dev/gpiochip4".into()));
        assert_eq!((config.panel.clone(), config.state.clone()), (Some("p.xmap".into()), Some("s".into())));
        assert_eq!((config.keep_every_s, config.realtime_priority, config.socket_mode), (0, 0, 0o600));
        assert_eq!((config.socket.clone(), config.tcp), (None, Some("[::1]:9".parse().unwrap())));
        let trust = config.trust.clone().unwrap();
        assert_eq!((&trust.root[..2], trust.root[31], trust.policy), (&[0, 255][..], 1, "y".into()));
        assert_eq!(config.keys, Some("k".into()));
        assert_eq!(read("state = ''").unwrap().state, None);
        let arguments = Arguments {
            registers: Some("r".into()),
            socket: Some("k".into()),
            tcp: Some("1.2.3.4:5".parse().unwrap()),
            panel: Some("q".into()),
            state: Some("t".into()),
            rehearse: true,
            safe: true,
            ..Arguments::default()
        };
        let flagged = Config::read("xmapd.toml", text, &arguments).unwrap();
        let expected = Config {
            registers: RegistersAt::File("r".into()),
            socket: Some("k".into()),
            tcp: Some("1.2.3.4:5".parse().unwrap()),
            panel: Some("q".into()),
            panel_named: true,
            state: Some("t".into()),
            rehearse: true,
            safe: true,
            ..config
        };
        assert_eq!(flagged, expected);
    }

    #[test]
    fn limits_are_those_of_the_file_and_others_have_their_defaults_or_are_the_policys() {
        for limit in Limit::ALL {
            let text = format!("[limits]\n{limit} = 7");
            assert_eq!(read(&text).unwrap().limits, Limits::default().with(limit, 7), "{limit}");
        }
        let owned = format!("[limits]\nfuel = 7\n[trust]\nroot = '{}01'\npolicy = 'y'\n", "00".repeat(31));
        assert_eq!(read(&owned).unwrap().limits, Limits::none().with(Limit::Fuel, 7));
    }

    #[test]
    fn empty_flags_take_away_what_the_file_names() {
        let flags = ["xmapd", "--state", "", "--socket", "", "--tcp", "127.0.0.1:5577"];
        let arguments = Arguments::try_parse_from(flags).unwrap();
        let config = Config::read("xmapd.toml", "state = '/s'\n[link]\nsocket = '/k'", &arguments).unwrap();
        assert_eq!((config.state, config.socket), (None, None));
        let flags = |module: &'static str| Arguments::try_parse_from(["xmapd", "--forget", module]);
        assert_eq!(flags("3").unwrap().forget.unwrap().modules(), 3..4);
        assert_eq!(flags("all").unwrap().forget.unwrap().modules(), 0..4);
        assert!(["4", "", "-1", "hall"].iter().all(|module| flags(module).is_err()));
    }

    #[test]
    fn what_means_nothing_is_said_with_its_place() {
        for (text, message) in [
            ("\npanle = 1", "xmapd.toml:2:1: unknown field `panle`"),
            ("state = 3", "xmapd.toml:1:9: invalid type: integer `3`, expected a string"),
            ("[trust]\nroot = '12'\npolicy = 'p'", "xmapd.toml: trust.root: expected 64 hexadecimal digits"),
            ("[trust]\nroot = '12'", "xmapd.toml:1:1: missing field `policy`"),
            ("realtime_priority = 100", "xmapd.toml: realtime_priority = 100: expected 0 to 99"),
            ("[link]\nsocket_mode = '999'", "xmapd.toml: link.socket_mode = \"999\": expected a mode"),
            ("[link]\ntcp = 'here'", "xmapd.toml: link.tcp = \"here\": expected an address and a port"),
            ("[link]\nsocket = ''", "xmapd.toml: neither link.socket nor link.tcp"),
            ("[limits]\nfule = 3", "xmapd.toml:2:1: unknown field `fule`"),
            ("[limits]\nfuel = -3", "xmapd.toml:2:8: invalid value: integer `-3`, expected u32"),
            ("a b", "xmapd.toml:1:3: "),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.code, Code::Config);
            assert!(error.message.starts_with(message), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_key_that_is_nearly_one_has_a_hint() {
        for (text, near) in [
            ("panle = 1", Some("panel")),
            ("[lnik]\ntcp = ''", Some("link")),
            ("[link]\nsocketmode = '0600'", Some("socket_mode")),
            ("[limits]\nfule = 3", Some("fuel")),
            ("[trust]\nrot = 'x'", Some("root")),
            ("[limits]\ncolour = 3", None),
            ("x = 3", None),
            ("state = 3", None),
        ] {
            let help = near.map(|near| format!("did you mean `{near}`?"));
            assert_eq!(read(text).unwrap_err().help, help, "{text}");
        }
        // A name that a stranger made long takes no time of its own.
        let long = format!("{} = 1", "a".repeat(1 << 16));
        assert_eq!(read(&long).unwrap_err().help, None);
    }

    #[test]
    fn a_missing_file_counts_only_where_it_was_named() {
        let arguments = Arguments { config: Some("/no/such/xmapd.toml".into()), ..Arguments::default() };
        let error = Config::load(&arguments).unwrap_err();
        assert!(error.message.starts_with("/no/such/xmapd.toml: cannot be read: "), "{error}");
    }
}
