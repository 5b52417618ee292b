//! How to reach a device, and what the verbs that talk to one share.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tiny_mapper::Trap;
use xmap::text::{Maps, image_digits, json, rejection_text, state_help, state_text};
use xmap_client::{Client, ErrorCode, Options, PortName, Swapped, Switch};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_compiler::map::{SourceMap, hex};
use xmap_compiler::recognize::not_this;
use xmap_keys::roles::read_role_key;
use xmap_link::{ImageInfo, ModuleStatus, Thing, TrapReport};

use super::{Done, Failure, load::MAX_MAP_BYTES, map_store, share};

/// How to reach a device.
#[derive(Clone, clap::Args)]
pub(super) struct Device {
    /// The device: tcp:HOST:PORT, unix:PATH, or the path of a serial port
    #[arg(short, long)]
    pub(super) port: String,
    #[command(flatten)]
    pub(super) wire: WireArgs,
}

/// The options of a session that other programs have as well.
#[derive(Clone, Debug, clap::Args)]
pub struct SessionArgs {
    /// Bits a second of a serial port
    #[arg(long, value_name = "N", default_value_t = 115_200)]
    baud: u32,
    /// The role key that the device asks for [default: the file in the environment's XMAP_KEY]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl SessionArgs {
    /// Returns the options, with the key of the file or of the environment's `XMAP_KEY`.
    ///
    /// # Errors
    /// What is wrong with the key's file.
    pub fn options(&self) -> Result<Options, Diagnostic> {
        let default = || std::env::var_os("XMAP_KEY").filter(|file| !file.is_empty()).map(PathBuf::from);
        let key = self.key.clone().or_else(default).map(|file| read_role_key(&file)).transpose()?;
        Ok(Options { baud: self.baud, key: key.map(|key| key.secret), ..Options::default() })
    }
}

/// How to talk over a port.
#[derive(Clone, clap::Args)]
pub(super) struct WireArgs {
    #[command(flatten)]
    session: SessionArgs,
    /// Give up after this time in all [default: each request has a limit of its own]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Print one JSON object a line, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

/// A time of more than zero seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let time = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| !time.is_zero()).ok_or_else(|| "expected seconds, such as 5 or 0.5".into())
}

impl Device {
    /// Opens the port and greets the device.
    ///
    /// # Errors
    /// X0901 to X0907, X0913, X0919, X0920, X0923 to X0925; what is wrong with the key's file.
    pub(super) fn connect(&self) -> Result<Client, Failure> {
        self.connect_or_borrow().map(|(client, _)| client)
    }

    /// The same, and whether a monitor has lent the port.
    ///
    /// # Errors
    /// As [`Device::connect`].
    pub(super) fn connect_or_borrow(&self) -> Result<(Client, bool), Failure> {
        let port: PortName = self.port.parse()?;
        let options = self.wire.options()?;
        let borrowed = share::borrow(&port);
        let is_borrowed = borrowed.is_some();
        let client = match borrowed {
            Some(wire) => Client::over(wire, &options)?,
            None => Client::connect(&port, &options)?,
        };
        client.need_access()?;
        Ok((client, is_borrowed))
    }

    /// Prints a result: as an object, or as text.
    pub(super) fn print(&self, out: &mut dyn Write, json: &Json, text: &str) -> Done {
        self.wire.print(out, json, text)
    }
}

impl WireArgs {
    /// # Errors
    /// What is wrong with the key's file.
    pub(super) fn options(&self) -> Result<Options, Diagnostic> {
        Ok(Options { total: self.timeout, ..self.session.options()? })
    }

    /// Prints a result: as an object, or as text.
    pub(super) fn print(&self, out: &mut dyn Write, json: &Json, text: &str) -> Done {
        match self.json {
            true => writeln!(out, "{json}")?,
            false => writeln!(out, "{text}")?,
        }
        Ok(())
    }
}

/// Which module.
#[derive(Clone, clap::Args)]
pub(super) struct Module {
    /// The module: its number, or its name
    #[arg(short, long, value_name = "MODULE", default_value = "0")]
    module: String,
}

impl Module {
    /// # Errors
    /// X0915, X0916, and those of every request.
    pub(super) fn find(&self, client: &mut Client) -> Result<ModuleStatus, xmap_client::Error> {
        client.find_module(&self.module)
    }
}

/// Maps of images, for traps.
#[derive(clap::Args)]
pub(super) struct MapFiles {
    /// The map of an image on the device: traps are shown with their source lines; may be given again. Maps
    /// of images that were swapped from this machine are found without it
    #[arg(long = "map", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl MapFiles {
    /// # Errors
    /// X0101 to X0103 and X0701: what is no map is said before the device is asked.
    pub(super) fn read(&self) -> Result<Maps, Diagnostic> {
        let mut maps = Maps::found_by(map_store::find);
        for path in &self.files {
            maps.add(read_map(path)?);
        }
        Ok(maps)
    }

    /// Returns whether none was given.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Warns of maps that are of none of these images, which are those that the device runs or tells of: a
    /// map names places in its own image alone.
    pub(super) fn hold_against(&self, maps: &Maps, images: impl IntoIterator<Item = ImageInfo>) {
        let images: Vec<String> = images.into_iter().map(|image| hex(&image.hash)).collect();
        self.hold_against_hashes(maps, &images);
    }

    /// The same with hashes in hexadecimal, or their beginnings.
    pub(super) fn hold_against_hashes(&self, maps: &Maps, hashes: &[String]) {
        for (path, image) in self.files.iter().zip(maps.images()) {
            if !hashes.iter().any(|hash| image.starts_with(hash)) {
                let path = path.display();
                let text = "not of an image that the device runs: it names places in its own image alone";
                _ = writeln!(std::io::stderr(), "warning: {path}: {text}");
            }
        }
    }
}

fn read_map(path: &Path) -> Result<SourceMap, Diagnostic> {
    let bytes = input::read_at_most(path, MAX_MAP_BYTES)?;
    let map = std::str::from_utf8(&bytes).ok().and_then(SourceMap::read_any);
    map.ok_or_else(|| not_this(Code::ImageInvalid, path, &bytes, "the map of an image"))
}

/// Learns the keys of exports that trapped from the device, where no map has them and the image still runs:
/// it has the names in its images.
///
/// # Errors
/// Those of every request.
pub(super) fn learn_keys(
    client: &mut Client,
    maps: &mut Maps,
    traps: impl IntoIterator<Item = (u8, TrapReport)>,
) -> Result<(), xmap_client::Error> {
    for (module, trap) in traps {
        if trap.export == Trap::START || maps.key(&trap).is_some() || !runs(client, module, &trap)? {
            continue;
        }
        let key = client.export_key(module, trap.export)?;
        // Another image may have come in between.
        if runs(client, module, &trap)? {
            key.into_iter().for_each(|key| maps.learn(&trap, key));
        }
    }
    Ok(())
}

/// Returns whether a module runs the image of a trap now.
fn runs(client: &mut Client, module: u8, trap: &TrapReport) -> Result<bool, xmap_client::Error> {
    let image = if client.has_modules() {
        client.module(module)?.and_then(|module| module.image)
    } else {
        client.hello().image
    };
    Ok(image.is_some_and(|image| hex(&image.hash).starts_with(&image_digits(trap))))
}

/// Says which maps would name the lines of these traps, once for each image.
pub(super) fn hint_at_maps<'t>(maps: &Maps, traps: impl IntoIterator<Item = &'t TrapReport>) {
    let without = traps.into_iter().filter(|trap| trap.op != Trap::NO_OP && !maps.has(trap));
    for image in without.map(image_digits).collect::<BTreeSet<_>>() {
        // It stands in nobody's way.
        _ = writeln!(
            std::io::stderr(),
            "note: the map of image {image} names functions and lines: `xmap build` writes it beside the image, \
             and --map takes it"
        );
    }
}

/// The name that a module goes by in messages.
pub(super) fn name_of(status: &ModuleStatus) -> String {
    match status.name.as_str() {
        "" => format!("module {}", status.module),
        name => name.escape_debug().to_string(),
    }
}

/// Says whether things that count as good now are on the device's storage, where it has one.
///
/// # Errors
/// X0926 where one of them is not.
pub(super) fn must_keep(
    device: &Device,
    client: &mut Client,
    name: &str,
    things: u16,
    out: &mut dyn Write,
) -> Done {
    match client.must_keep(name, things) {
        Ok(None) => Ok(()),
        Ok(Some(())) => {
            let json = json!({ "kept": true, "name": name });
            device.print(out, &json, &format!("kept {name}: it is on the disk"))
        }
        Err(error) => {
            if device.wire.json && error.code == ErrorCode::NotKept {
                writeln!(out, "{}", json!({ "kept": false, "name": name, "why": error.message }))?;
            }
            Err(error.into())
        }
    }
}

/// The bits of a module's image and of its version.
pub(super) fn image_things(module: u8) -> u16 {
    Thing::Image.bit(module) | Thing::Versions.bit(module)
}

/// Returns what a swap or a rollback came to. Where the image does not run, that is an error; `what` is the
/// image's name and the word for what was to be done with it.
///
/// # Errors
/// X0914; X1106 where the device's policy does not allow the image.
pub(super) fn switched(
    device: &Device,
    client: &mut Client,
    what: (&str, &str),
    switch: Switch,
    maps: &Maps,
    out: &mut dyn Write,
) -> Result<Swapped, Failure> {
    let state = match switch {
        Ok(swapped) => return Ok(swapped),
        Err(state) => state,
    };
    let (name, done) = what;
    let rejection = client.rejection(&state).map(|rejection| rejection_text(&rejection));
    if device.wire.json {
        let mut object = json!({ "not": done, "name": name, "state": json::state(&state, maps) });
        if let Some(line) = &rejection {
            object["rejection"] = json!(line);
        }
        writeln!(out, "{object}")?;
    } else if let Some(line) = &rejection {
        writeln!(out, "{line}")?;
    }
    let code = if rejection.is_some() { Code::Rejected } else { Code::NotSwapped };
    let why = rejection.unwrap_or_else(|| state_text(&state, maps));
    let message = format!("{}: {name} was not {done}: {why}", client.port());
    let help = state_help(&state).map_or_else(String::new, |help| format!("; {help}"));
    let help = format!("what ran before runs on{help}");
    Err(Diagnostic::new(code, Place::File(client.port().into()), message).help(help).into())
}
