//! Programs that tests talk to: a broker of MQTT and a browser, readers of metrics and traces, a receiver of
//! OTLP, and a clock that jumps.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::{apt, process, target_dir};

/// Programs, each with the Debian package that has it.
const PROGRAMS: [(&str, &str); 5] = [
    ("mosquitto", "mosquitto"),
    ("chromium", "chromium"),
    ("promtool", "prometheus"),
    ("babeltrace2", "babeltrace2"),
    ("faketime", "faketime"),
];

/// Packages of the Python package index, in the versions that tests are made for.
struct Packages {
    what: &'static str,
    /// Their folder below `target`.
    folder: &'static str,
    /// What is there when all of it is.
    whole: &'static [&'static str],
    packages: &'static [&'static str],
}

/// A receiver of OTLP, and a decoder of its messages that is none of ours.
const RECEIVER: Packages = Packages {
    what: "receiver of OTLP",
    folder: "rotel",
    whole: &["rotel/rotel-agent", "opentelemetry"],
    packages: &["rotel==0.0.1a15", "opentelemetry-proto==1.45.2"],
};

/// Home Assistant as far as its checks of MQTT's discovery need it: its own list of packages is thrice as
/// long.
const HOME_ASSISTANT: Packages = Packages {
    what: "checks of Home Assistant",
    folder: "homeassistant",
    whole: &["homeassistant/components/mqtt/discovery.py", "voluptuous", "zlib_ng"],
    packages: &[
        "--no-deps",
        "--only-binary=:all:",
        "homeassistant==2024.3.3",
        "Jinja2==3.1.3",
        "PyJWT==2.8.0",
        "PyYAML==6.0.1",
        "aiohttp==3.9.3",
        "aiohttp_fast_url_dispatcher==0.3.0",
        "aiohttp_zlib_ng==0.3.1",
        "aiosignal==1.4.0",
        "async_interrupt==1.1.1",
        "atomicwrites_homeassistant==1.4.1",
        "attrs==23.2.0",
        "awesomeversion==24.2.0",
        "bcrypt==4.1.2",
        "cffi==2.1.1",
        "ciso8601==2.3.1",
        "cryptography==42.0.5",
        "frozenlist==1.8.0",
        "idna==3.20",
        "ifaddr==0.2.0",
        "lru_dict==1.3.0",
        "markupsafe==3.0.4",
        "multidict==6.9.1",
        "orjson==3.9.15",
        "packaging==26.4",
        "python_slugify==8.0.4",
        "text_unidecode==1.3",
        "typing_extensions==4.16.0",
        "ulid_transform==0.9.0",
        "voluptuous==0.13.1",
        "voluptuous_serialize==2.6.0",
        "yarl==1.9.4",
        "zlib_ng==1.1.0",
    ],
};

const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);

/// Installs what it can, and says in one line what is there. A test names what it leaves out.
pub fn set_up() -> String {
    let one = |(program, package): (&str, &str)| {
        if is_there(program) {
            return format!("{program} there");
        }
        match apt::install(&[package], None) {
            Ok(()) if is_there(program) => format!("{program} installed"),
            Ok(()) => format!("no {program} (its package has none): tests with it are left out"),
            Err(error) => format!("no {program} ({error:#}): tests with it are left out"),
        }
    };
    format!("programs that tests talk to: {}", PROGRAMS.map(one).join(", "))
}

/// Installs packages of Python that tests talk to, each into a folder of its own below `target`, where they
/// are not there, and says in a line each what is. A test with them names what it leaves out.
pub fn set_up_packages() -> String {
    [RECEIVER, HOME_ASSISTANT].map(|packages| packages.set_up()).join("\n")
}

impl Packages {
    fn set_up(&self) -> String {
        let Self { what, .. } = self;
        let folder = target_dir().join(self.folder);
        let is_whole = || self.whole.iter().all(|part| folder.join(part).exists());
        if is_whole() {
            return format!("{what}: there");
        }
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-compile", "--upgrade", "--target"]);
        pip.arg(&folder).args(self.packages);
        match process::run(&mut pip, DOWNLOAD_LIMIT) {
            Ok(_) if is_whole() => format!("{what}: installed"),
            Ok(_) => format!("{what}: none (the packages have none): the test with it is left out"),
            Err(error) => {
                let text = error.to_string();
                let why = text.lines().rev().find(|line| line.contains("ERROR")).unwrap_or(&text);
                format!("{what}: none ({why}): the test with it is left out")
            }
        }
    }
}

/// Returns whether a program is on the PATH, or where Debian puts those of the system.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.any(|folder| folder.join(program).is_file())
}
