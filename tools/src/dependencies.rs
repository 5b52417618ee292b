//! What other people's packages may be: their licences and where they come from, as `deny.toml` says.
//!
//! The file is cargo-deny's, which a fresh machine does not have and takes ten minutes to build. This reads
//! what a test needs of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

use crate::{cargo, root};

/// The manifests that have a Cargo.lock of their own.
const WORKSPACES: [&str; 3] = ["Cargo.toml", "tests/fuzz/Cargo.toml", "tests/peers/Cargo.toml"];
/// The programs that run on a device.
const DEVICE_PROGRAMS: [&str; 2] = ["rpi4b", "xmapd"];
/// The one place that packages come from, as lock files name it.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Licenses,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: Lint,
    unknown_git: Lint,
}

/// What happens to a source that is not crates.io. Nothing else than a refusal is offered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Lint {
    Deny,
}

/// A package of somebody else.
#[derive(Clone, Debug)]
struct Foreign {
    /// Name and version.
    name: String,
    version: String,
    license: Option<String>,
    source: String,
    /// Linked into a program of a device.
    on_device: bool,
}

/// Holds every package of every lock file against `deny.toml`, and says in one line how many there were.
///
/// # Errors
///
/// cargo cannot read a lock file; or some package is not allowed, or a line of `deny.toml` allows what
/// nobody has. The error names each.
pub fn check() -> Result<String> {
    let path = root().join("deny.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let rules: Rules = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let mut packages = BTreeMap::new();
    for manifest in WORKSPACES {
        for package in foreign(&metadata(manifest)?)? {
            let known =
                packages.entry((package.name.clone(), package.version.clone())).or_insert(package.clone());
            known.on_device |= package.on_device;
        }
    }
    let packages: Vec<Foreign> = packages.into_values().collect();
    let Sources { unknown_registry: Lint::Deny, unknown_git: Lint::Deny } = rules.sources;
    let problems = judge(&rules.licenses, &packages)?;
    ensure!(problems.is_empty(), "deny.toml does not hold:\n{}", problems.join("\n"));
    let device = packages.iter().filter(|package| package.on_device).count();
    Ok(format!(
        "{} packages, {device} of them on a device: licences and sources as in deny.toml",
        packages.len()
    ))
}

fn metadata(manifest: &str) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.cargo_path(cargo()).manifest_path(root().join(manifest)).current_dir(root());
    command.features(CargoOpt::AllFeatures).other_options(["--locked".to_owned()]);
    command.exec().with_context(|| format!("cannot read the packages of {manifest}"))
}

/// The packages that are not part of this repository.
fn foreign(metadata: &Metadata) -> Result<Vec<Foreign>> {
    let device = linked(metadata)?;
    let others = metadata.packages.iter().filter_map(|package| {
        let source = package.source.as_ref()?.repr.clone();
        Some(Foreign {
            name: package.name.to_string(),
            version: package.version.to_string(),
            license: package.license.clone(),
            source,
            on_device: device.contains(&package.id),
        })
    });
    Ok(others.collect())
}

/// Returns what is linked into the programs of a device, and what runs at their build inside of the compiler:
/// all that they depend on but for tests and build scripts.
fn linked(metadata: &Metadata) -> Result<BTreeSet<PackageId>> {
    let nodes = &metadata.resolve.as_ref().context("cargo resolved nothing")?.nodes;
    let is_program = |id: &PackageId| {
        let package = &metadata[id];
        package.source.is_none() && DEVICE_PROGRAMS.contains(&package.name.as_str())
    };
    let mut waiting: Vec<&PackageId> =
        nodes.iter().map(|node| &node.id).filter(|id| is_program(id)).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let node =
            nodes.iter().find(|node| node.id == *id).context("a package that cargo did not resolve")?;
        let linked = node
            .deps
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        waiting.extend(linked.map(|dependency| &dependency.pkg));
    }
    Ok(seen)
}

/// Returns what does not hold, a line for each.
fn judge(rules: &Licenses, packages: &[Foreign]) -> Result<Vec<String>> {
    let allowed = licensees(&rules.allow)?;
    let exceptions = rules
        .exceptions
        .iter()
        .map(|exception| Ok((exception.name.as_str(), licensees(&exception.allow)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        if package.source != CRATES_IO {
            problems.push(format!("{name} comes from {}", package.source));
        }
        let Some(license) = &package.license else {
            problems.push(format!("{name} names no licence"));
            continue;
        };
        // Older packages write `MIT/Apache-2.0` and `MPL-2.0+`.
        let expression = match Expression::parse_mode(license, ParseMode::LAX) {
            Ok(expression) => expression,
            Err(error) => {
                problems
                    .push(format!("{name} has a licence that cannot be read: {license} ({})", error.reason));
                continue;
            }
        };
        if holds(&expression, &allowed) {
            continue;
        }
        match exceptions.get(package.name.as_str()) {
            Some(exception) if holds(&expression, exception) => {
                used.insert(package.name.as_str());
                if package.on_device {
                    problems
                        .push(format!("{name} is on a device, and its licence {license} is an exception"));
                }
            }
            _ => problems.push(format!("{name} has the licence {license}, which is not allowed")),
        }
    }
    let unused = exceptions.keys().filter(|name| !used.contains(*name));
    problems.extend(unused.map(|name| format!("the exception for {name} is for nobody")));
    Ok(problems)
}

fn licensees(names: &[String]) -> Result<Vec<Licensee>> {
    let parse = |name: &String| Licensee::parse(name).with_context(|| format!("deny.toml allows {name:?}"));
    names.iter().map(parse).collect()
}

fn holds(expression: &Expression, allowed: &[Licensee]) -> bool {
    expression.evaluate(|required| allowed.iter().any(|licensee| licensee.satisfies(required)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, license: &str) -> Foreign {
        Foreign {
            name: name.into(),
            version: "1.0.0".into(),
            license: Some(license.into()),
            source: CRATES_IO.into(),
            on_device: false,
        }
    }

    fn judged(packages: &[Foreign]) -> Vec<String> {
        let rules = Licenses {
            allow: ["MIT", "BSD-3-Clause", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into(),
            exceptions: vec![Exception { name: "port".into(), allow: vec!["MPL-2.0".into()] }],
        };
        let mut packages = packages.to_vec();
        if !packages.iter().any(|package| package.name == "port") {
            packages.push(package("port", "MPL-2.0"));
        }
        judge(&rules, &packages).unwrap()
    }

    #[test]
    fn deny_toml_holds() {
        let said = check().unwrap_or_else(|error| panic!("{error:#}"));
        println!("{said}");
    }

    #[test]
    fn one_allowed_choice_is_enough_and_every_part_of_an_and_counts() {
        for license in ["MIT", "GPL-3.0-only OR MIT", "MIT/Apache-2.0", "MIT AND BSD-3-Clause"] {
            assert_eq!(judged(&[package("a", license)]), [""; 0], "{license}");
        }
        for license in ["GPL-3.0-only", "MIT AND GPL-2.0-only", "Apache-2.0"] {
            let expected = format!("a 1.0.0 has the licence {license}, which is not allowed");
            assert_eq!(judged(&[package("a", license)]), [expected]);
        }
        assert_eq!(
            judged(&[package("a", "as is")])[0].split(':').next(),
            Some("a 1.0.0 has a licence that cannot be read")
        );
        assert_eq!(judged(&[Foreign { license: None, ..package("a", "") }]), ["a 1.0.0 names no licence"]);
    }

    #[test]
    fn an_exception_is_for_its_package_its_licence_and_the_host() {
        assert_eq!(judged(&[package("port", "MPL-2.0+")]), [""; 0]);
        assert_eq!(
            judged(&[package("a", "MPL-2.0")]),
            ["a 1.0.0 has the licence MPL-2.0, which is not allowed"]
        );
        let device = Foreign { on_device: true, ..package("port", "MPL-2.0") };
        assert_eq!(judged(&[device]), ["port 1.0.0 is on a device, and its licence MPL-2.0 is an exception"]);
        assert_eq!(judged(&[package("port", "MIT")]), ["the exception for port is for nobody"]);
    }

    #[test]
    fn packages_come_from_one_place() {
        let git = Foreign { source: "git+https://example.org/a".into(), ..package("a", "MIT") };
        assert_eq!(judged(&[git]), ["a 1.0.0 comes from git+https://example.org/a"]);
    }

    #[test]
    fn the_device_has_what_its_programs_link() {
        let metadata = metadata("Cargo.toml").unwrap();
        let packages = foreign(&metadata).unwrap();
        let on_device = |name: &str| packages.iter().find(|package| package.name == name).unwrap().on_device;
        assert!(on_device("ed25519-dalek") && on_device("rppal") && on_device("safe-mmio"));
        assert!(!on_device("wasmparser") && !on_device("serialport") && !on_device("proptest"));
    }
}
