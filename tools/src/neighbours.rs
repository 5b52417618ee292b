//! Programs that tests talk to: a broker of MQTT and a browser, readers of metrics and traces, a receiver of
//! OTLP.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::{apt, process, target_dir};

/// Programs, each with the Debian package that has it.
const PROGRAMS: [(&str, &str); 4] = [
    ("mosquitto", "mosquitto"),
    ("chromium", "chromium"),
    ("promtool", "prometheus"),
    ("babeltrace2", "babeltrace2"),
];

/// Packages of the Python package index, in the versions that the tests are made for: a receiver of OTLP, and
/// a decoder of its messages that is none of ours.
const RECEIVER: [&str; 2] = ["rotel==0.0.1a15", "opentelemetry-proto==1.45.2"];

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

/// Installs the receiver of OTLP into `target/rotel` where it is not there, and says in one line what is. The
/// test with it names what it leaves out.
pub fn set_up_receiver() -> String {
    let folder = target_dir().join("rotel");
    let is_whole = || folder.join("rotel/rotel-agent").is_file() && folder.join("opentelemetry").is_dir();
    if is_whole() {
        return "receiver of OTLP: rotel there".to_string();
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-compile", "--upgrade", "--target"]);
    pip.arg(&folder).args(RECEIVER);
    match process::run(&mut pip, DOWNLOAD_LIMIT) {
        Ok(_) if is_whole() => "receiver of OTLP: rotel installed".to_string(),
        Ok(_) => "receiver of OTLP: none (its package has none): the test with it is left out".to_string(),
        Err(error) => {
            let text = error.to_string();
            let why = text.lines().rev().find(|line| line.contains("ERROR")).unwrap_or(&text).to_string();
            format!("receiver of OTLP: none ({why}): the test with it is left out")
        }
    }
}

/// Returns whether a program is on the PATH, or where Debian puts those of the system.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.any(|folder| folder.join(program).is_file())
}
