//! `cargo xtask corpus`: modules that others have published, from the npm registry, built and compared.
//!
//! Nothing of them is committed but their names, versions, hashes and what is expected of each
//! (`tests/corpus.toml`). What was fetched stays in `target/corpus`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use xmap_tools::{cargo, process, root, target_dir};

const FETCH_LIMIT: Duration = Duration::from_secs(180);
const RUN_LIMIT: Duration = Duration::from_secs(60 * 60);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write what was found to tests/corpus.toml: answers, and hashes of versions that are new there
    #[arg(long)]
    bless: bool,
    /// Packages of tests/corpus.toml; without any, all of them
    packages: Vec<String>,
}

#[derive(Deserialize)]
struct Corpus {
    package: Vec<Package>,
}

/// A package; what is expected of its modules is read by the program that compares.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    integrity: Option<String>,
}

/// What `npm pack --json` says.
#[derive(Deserialize)]
struct Packed {
    filename: String,
    integrity: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let list = root().join("tests/corpus.toml");
    let text = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let corpus: Corpus = toml::from_str(&text).with_context(|| list.display().to_string())?;
    let folder = target_dir().join("corpus");
    for name in &arguments.packages {
        ensure!(
            corpus.package.iter().any(|package| package.name == *name),
            "tests/corpus.toml has no `{name}`"
        );
    }
    let asked =
        |package: &&Package| arguments.packages.is_empty() || arguments.packages.contains(&package.name);
    for package in corpus.package.iter().filter(asked) {
        fetch(package, &folder, arguments.bless)?;
    }
    let mut command = Command::new(cargo());
    command.args(["run", "--release", "--quiet", "-p", "xmap-tests", "--bin", "corpus", "--"]);
    command.arg(&list).arg(&folder).args(arguments.bless.then_some("--bless")).args(&arguments.packages);
    let said = process::run(command.current_dir(root()), RUN_LIMIT)?;
    print!("{said}");
    Ok(())
}

/// Fetches a package, where it is not there, and unpacks it to `FOLDER/NAME-VERSION/`.
fn fetch(package: &Package, folder: &Path, bless: bool) -> Result<()> {
    let Package { name, version, integrity } = package;
    let place = folder.join(format!("{}-{version}", name.replace('/', "+")));
    let known = place.join("integrity");
    if let Ok(there) = fs::read_to_string(&known)
        && (integrity.as_ref() == Some(&there) || (integrity.is_none() && bless))
    {
        return Ok(());
    }
    fs::create_dir_all(&place)?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--json", "--silent", "--pack-destination"])
        .arg(&place)
        .arg(format!("{name}@{version}"));
    let said =
        process::run(&mut npm, FETCH_LIMIT).with_context(|| format!("cannot fetch {name}@{version}"))?;
    let packed: Vec<Packed> = serde_json::from_str(&said).with_context(|| format!("npm said: {said}"))?;
    let packed = packed.first().with_context(|| format!("npm packed nothing for {name}"))?;
    match integrity {
        Some(integrity) => {
            ensure!(*integrity == packed.integrity, "{name}@{version} is another file than the list's");
        }
        None => ensure!(bless, "tests/corpus.toml has no hash for {name}@{version}: --bless writes it"),
    }
    let archive = place.join(&packed.filename);
    let mut tar = Command::new("tar");
    process::run(tar.arg("-xzf").arg(&archive).arg("-C").arg(&place), FETCH_LIMIT)?;
    fs::remove_file(&archive)?;
    Ok(fs::write(known, &packed.integrity)?)
}
