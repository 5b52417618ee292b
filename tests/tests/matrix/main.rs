//! One trace on three targets: each panel's script on the simulator, on the Linux service in the emulated Pi,
//! and on the bare-metal image that is flashed. `cargo xtask matrix` prints a row for each panel, and fails
//! on any difference.
//!
//! What is compared: the plain trace (results, stores, messages and traps in their order) with the committed
//! one, the levels of the declared lines after each step, the stores to the chip, and what its buses carried.
//! Stores and traffic are not asked of the program under test: the emulator traces them. The chips on the
//! buses are the emulator's. What the device noted of the run (`xmap record`) is then played again on the
//! simulator, which has to make the same stores.

#[path = "../common/act.rs"]
mod act;
mod bare;
#[path = "../common/carried.rs"]
mod carried;
mod chips;
#[path = "../common/connect.rs"]
mod connect;
mod device;
mod linux;
mod played;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_image::Word;
use xmap_tests::Panel;
use xmap_tests::buses::BusPanel;

use chips::CHIPS;
use played::Played;

/// A panel, compiled.
#[derive(Clone)]
struct Compiled {
    name: String,
    words: Vec<Word>,
    script: String,
    /// The file of the trace.
    expected: PathBuf,
    /// The chip that it has on a bus, as the emulator takes it.
    chip: Option<&'static str>,
}

impl Compiled {
    /// The script's lines with something on them.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.script.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty())
    }

    /// Compiles one of `tests/panels` and its like.
    fn of(panel: &Panel) -> Result<Self, String> {
        let name = panel.name.clone();
        let manifest = Manifest::read(&panel.manifest_path()).map_err(|error| format!("{name}: {error}"))?;
        let words = compile(&manifest, &panel.wasm).map_err(|error| format!("{name}:\n{error}"))?.words;
        let script = fs::read_to_string(panel.script_path()).map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { name, words, script, expected: panel.expected_path(), chip: None })
    }

    /// Compiles one of `tests/buses`.
    fn with_chip(name: &str, chip: &'static str) -> Self {
        let panel = BusPanel::open(name);
        let expected = panel.expected_path();
        Self { name: name.to_owned(), words: panel.words, script: panel.script, expected, chip: Some(chip) }
    }

    /// The image as a file has it.
    fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// What came of a panel on a target; the error says why it did not come to its end.
type Run = Result<Played, String>;

fn main() -> ExitCode {
    // Names of panels; cargo's own flags for tests are none.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let panels = match compiled(&wanted) {
        Ok(panels) => panels,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let (mut linux, mut bare) = (on(&panels, linux::play), on(&panels, bare::play));
    let mut different = Vec::new();
    println!("{:<10} simulator, Linux on the emulated Pi 4B, bare metal on the emulated Pi 4B", "panel");
    for compiled in &panels {
        let runs = [
            ("sim", played::simulated(compiled)),
            ("linux", linux.next().unwrap_or_else(|| Err("there was no run".into()))),
            ("bare", bare.next().unwrap_or_else(|| Err("there was no run".into()))),
        ];
        different.extend(row(compiled, &runs));
    }
    // Once more at the end, where one looks first.
    different.iter().for_each(|difference| eprintln!("{difference}"));
    if different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The panels of these names, or all.
fn compiled(wanted: &[String]) -> Result<Vec<Compiled>, String> {
    let mut panels = Panel::all().map_err(|error| format!("{error:#}"))?;
    panels.extend(Panel::hosted().map_err(|error| format!("{error:#}"))?);
    panels.extend(Panel::lives().map_err(|error| format!("{error:#}"))?);
    let buses = CHIPS.map(|(name, _)| name.to_owned());
    let names: Vec<_> = panels.iter().map(|panel| panel.name.clone()).chain(buses).collect();
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(name)) {
        return Err(format!("there is no test panel {unknown}: {}", names.join(", ")));
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    panels.retain(|panel| is_wanted(&panel.name));
    let mut all = panels.iter().map(Compiled::of).collect::<Result<Vec<_>, _>>()?;
    let buses = CHIPS.into_iter().filter(|(name, _)| is_wanted(name));
    all.extend(buses.map(|(name, chip)| Compiled::with_chip(name, chip)));
    Ok(all)
}

/// Runs all panels on a target, beside what else is done; gives one after the other as it comes.
fn on(panels: &[Compiled], play: fn(&[Compiled], &mut dyn FnMut(Run))) -> impl Iterator<Item = Run> + use<> {
    let (send, runs) = mpsc::channel();
    let panels = panels.to_vec();
    thread::spawn(move || play(&panels, &mut |run| _ = send.send(run)));
    runs.into_iter()
}

/// Prints a panel's row, and under it each difference; gives those with the panel's name.
fn row(panel: &Compiled, runs: &[(&str, Run); 3]) -> Vec<String> {
    let expected = fs::read_to_string(&panel.expected).unwrap_or_default();
    let reference = runs[0].1.as_ref().ok();
    let mut differences = Vec::new();
    let mut verdicts = Vec::new();
    for (target, run) in runs {
        let found = match run {
            Ok(played) => played.differences(&expected, reference),
            Err(error) => vec![error.clone()],
        };
        verdicts.push(format!("{target} {}", if found.is_empty() { "ok" } else { "DIFFERS" }));
        differences.extend(found.into_iter().map(|difference| format!("{target}: {difference}")));
    }
    let registers = match reference {
        Some(reference) if differences.is_empty() => {
            let (hash, stores) = (reference.hash(), reference.stores.len());
            let plural = if stores == 1 { "" } else { "s" };
            let carried = match reference.carried.len() {
                0 => String::new(),
                events => format!(", {events} events on buses"),
            };
            format!("{stores} store{plural}{carried}, traces identical (sha256 {hash})")
        }
        _ => "NOT identical".into(),
    };
    println!("{:<10} {}, {registers}", panel.name, verdicts.join(" / "));
    differences.iter().for_each(|difference| println!("  {difference}"));
    differences.into_iter().map(|difference| format!("{}: {difference}", panel.name)).collect()
}
