//! Installing Debian packages, from backports where the release itself is too old.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;

const INSTALL_LIMIT: Duration = Duration::from_secs(15 * 60);
/// The file that [`install`] adds to apt's sources.
const ADDED: &str = "/etc/apt/sources.list.d/xmap-backports.sources";

/// The Debian release of this machine: `bookworm`.
///
/// # Errors
///
/// The machine says no code name of a release.
pub fn codename() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .filter(|name| !name.is_empty())
        .context("this is not a Debian machine (/etc/os-release has no VERSION_CODENAME)")
}

/// Installs packages as root, or by sudo without a password. `suite` is an additional one to take
/// them from: `bookworm-backports`; it is added to apt's sources from the machine's own mirror if
/// it is not there yet.
///
/// # Errors
///
/// apt is missing or fails, or the user may not install; the message says what to install by hand.
pub fn install(packages: &[&str], suite: Option<&str>) -> Result<()> {
    let names = packages.join(" ");
    ensure!(Path::new("/usr/bin/apt-get").is_file(), "no apt-get on this machine: install {names} by hand");
    ensure!(
        may_install(),
        "installing needs root: run `apt-get install {names}`{} as root",
        suite.map_or(String::new(), |suite| format!(" with `-t {suite}`"))
    );
    if let Some(suite) = suite {
        add(suite)?;
    }
    process::run(as_root("apt-get").arg("update"), INSTALL_LIMIT)?;
    let mut apt = as_root("apt-get");
    apt.args(["install", "--yes", "--no-install-recommends"]);
    if let Some(suite) = suite {
        apt.args(["--target-release", suite]);
    }
    process::run(apt.args(packages), INSTALL_LIMIT)?;
    Ok(())
}

/// Adds a suite to apt's sources, unless one of them has it.
fn add(suite: &str) -> Result<()> {
    let sources = sources()?;
    if sources.iter().any(|source| source.suites.iter().any(|s| s == suite)) {
        return Ok(());
    }
    let release = codename()?;
    let Some(main) = sources.iter().find(|source| source.suites.contains(&release)) else {
        bail!("apt's sources have no entry for {release} to take the mirror from: add {suite} by hand");
    };
    let text = main.with_suite(suite);
    let mut tee = as_root("tee").arg(ADDED).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(mut stdin) = tee.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    ensure!(tee.wait()?.success(), "cannot write {ADDED}");
    Ok(())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn may_install() -> bool {
    is_root()
        || Command::new("sudo")
            .args(["-n", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

/// A command run as root, that asks nothing.
fn as_root(program: &str) -> Command {
    if is_root() {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    } else {
        let mut command = Command::new("sudo");
        command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", program]);
        command
    }
}

/// One source of packages.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    uri: String,
    suites: Vec<String>,
    /// The keyring, or the key itself over several lines.
    signed_by: Option<String>,
}

impl Source {
    /// The same mirror with another suite, in deb822.
    fn with_suite(&self, suite: &str) -> String {
        let mut text = format!("Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n", self.uri);
        if let Some(key) = &self.signed_by {
            text += &format!("Signed-By: {key}\n");
        }
        text
    }
}

/// Every source of binary packages that this machine has.
fn sources() -> Result<Vec<Source>> {
    let mut files = vec![Path::new("/etc/apt/sources.list").to_owned()];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let mut sources = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => sources.extend(deb822(&text)),
            Some("list") => sources.extend(text.lines().filter_map(one_line)),
            _ => {}
        }
    }
    Ok(sources)
}

/// The sources of a `.sources` file: stanzas of `Key: value`, values may go on in indented lines.
fn deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for stanza in text.split("\n\n") {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    *value += "\n";
                    *value += line;
                }
            } else if let Some((key, value)) = line.split_once(':') {
                fields.push((key.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let words = |name| field(name).unwrap_or("").split_whitespace();
        let enabled = field("enabled").is_none_or(|value| value != "no");
        if enabled && words("types").any(|kind| kind == "deb") {
            sources.extend(words("uris").map(|uri| Source {
                uri: uri.to_owned(),
                suites: words("suites").map(str::to_owned).collect(),
                signed_by: field("signed-by").map(str::to_owned),
            }));
        }
    }
    sources
}

/// The source of a line of a `.list` file: `deb [option=value ...] URI SUITE COMPONENT...`.
fn one_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    Some(Source {
        uri: words.next()?.to_owned(),
        suites: vec![words.next()?.to_owned()],
        signed_by: options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="))
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(suites: &[&str], signed_by: Option<&str>) -> Source {
        Source {
            uri: "mirror:/debian".into(),
            suites: suites.iter().map(|&suite| suite.into()).collect(),
            signed_by: signed_by.map(str::to_owned),
        }
    }

    #[test]
    fn stanzas_are_read() {
        let text = "# a comment\nTypes: deb deb-src\nURIs: mirror:/debian\nSuites: bookworm bookworm-updates\n\
            Components: main\nSigned-By: /usr/share/keyrings/k.gpg\n\n\
            Types: deb-src\nURIs: other:/x\nSuites: bookworm\n\n\
            Enabled: no\nTypes: deb\nURIs: off:/x\nSuites: bookworm\n";
        assert_eq!(
            deb822(text),
            [source(&["bookworm", "bookworm-updates"], Some("/usr/share/keyrings/k.gpg"))]
        );
    }

    #[test]
    fn a_key_over_several_lines_stays_whole() {
        let text = "Types: deb\nURIs: mirror:/debian\nSuites: sid\nSigned-By:\n -----BEGIN\n .\n abc\n";
        let sources = deb822(text);
        assert_eq!(sources, [source(&["sid"], Some("\n -----BEGIN\n .\n abc"))]);
        assert_eq!(deb822(&sources[0].with_suite("sid")), sources);
    }

    #[test]
    fn lines_are_read() {
        assert_eq!(one_line("deb mirror:/debian bookworm main contrib"), Some(source(&["bookworm"], None)));
        assert_eq!(
            one_line("deb [arch=amd64 signed-by=/k.gpg] mirror:/debian bookworm main"),
            Some(source(&["bookworm"], Some("/k.gpg")))
        );
        for other in ["# deb mirror:/debian bookworm main", "deb-src mirror:/debian bookworm main", "deb", ""]
        {
            assert_eq!(one_line(other), None, "{other}");
        }
    }

    #[test]
    fn a_suite_is_added_from_the_same_mirror() {
        let text = source(&["bookworm"], Some("/k.gpg")).with_suite("bookworm-backports");
        assert_eq!(
            text,
            "Types: deb\nURIs: mirror:/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /k.gpg\n"
        );
    }
}
