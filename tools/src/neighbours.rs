//! Programs that the gateway's tests talk to: a broker of MQTT, and a browser.

use std::path::PathBuf;

use crate::apt;

/// Programs, each with the Debian package that has it.
const PROGRAMS: [(&str, &str); 2] = [("mosquitto", "mosquitto"), ("chromium", "chromium")];

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
    format!("broker and browser of the gateway's tests: {}", PROGRAMS.map(one).join(", "))
}

/// Returns whether a program is on the PATH, or where Debian puts those of the system.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.any(|folder| folder.join(program).is_file())
}
