//! `xmap swap`: a new image for a running device.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use xmap::text::json::board_name;
use xmap::text::{Maps, json, swapped_text, why_text};
use xmap::uses::{broken, line};
use xmap_client::{Client, Swapped, Trial};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::map::{SourceMap, hex};
use xmap_image::{ExportId, Image, OwnedImage};
use xmap_link::{ImageInfo, ModuleStatus, Role};
use xmap_trust::{SEAL_WORDS, Seal};

use super::progress::Progress;
use super::reach::{Device, Module, image_things, must_keep, switched};
use super::{Done, Failure, load, map_store, sign};

/// Names of exports that a line has at most.
const MOST_NAMES: usize = 8;

/// Give a running device a new image
///
/// The image is compiled where it has to be, checked here, sent to a slot that is not in use, and checked
/// there; the old one works meanwhile. The device switches between two events. A new image that cannot
/// be mounted, or does not pass its trial, is taken back by the device itself.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap swap --port /dev/ttyUSB0 panel.xmap
  xmap swap --port /dev/ttyUSB0 panel.toml --wait    compiles it; waits for the trial's end
  xmap swap --port tcp:127.0.0.1:5555 --module 1 pump.xmap
  xmap swap --port /dev/ttyUSB0 panel.toml --replace          another panel takes the module's place
  xmap swap --port /dev/ttyUSB0 panel.toml --force            although clients use what it changes
  xmap swap --port /dev/ttyUSB0 panel.toml --sign hall.key --origin uart
  xmap swap --port /dev/ttyUSB0 panel.toml --confirm          ends the trial at once")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    module: Module,
    /// Wait until the trial is over, and say how it ended
    #[arg(short, long)]
    wait: bool,
    /// End the trial at once: the image counts as good
    #[arg(long, conflicts_with = "wait")]
    confirm: bool,
    /// Let the panel take the place of another one with another name
    #[arg(long)]
    replace: bool,
    /// Swap although connected clients were made for other exports than the image has; of a device with
    /// keys this takes the owner's
    #[arg(long)]
    force: bool,
    /// Seal the image with this secret key first, as `xmap sign` does
    #[arg(long, value_name = "FILE", requires = "origin")]
    sign: Option<PathBuf>,
    /// Where the sealed image comes from: usb, uart, https://...
    #[arg(long, value_name = "ORIGIN", requires = "sign")]
    origin: Option<String>,
    /// An image; a manifest or a module is compiled first
    #[arg(value_name = "PANEL")]
    file: PathBuf,
}

impl Args {
    /// Returns what another verb asks for: the panel of a manifest, without waiting for the end of its trial.
    pub(super) fn of(device: Device, module: Module, file: PathBuf) -> Self {
        let (sign, origin) = (None, None);
        let (wait, confirm, replace, force) = (false, false, false, false);
        Self { device, module, wait, confirm, replace, force, sign, origin, file }
    }
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut loaded = load::load(&args.file)?;
    loaded.warn_of_stale_map();
    if let (Some(key), Some(origin)) = (&args.sign, &args.origin) {
        let key = xmap_keys::read_key(key)?;
        loaded.seal = Some(sign::sealed(&args.file, &loaded.image.image(), origin, &key)?);
    }
    let mut maps = Maps::found_by(map_store::find);
    if let Some(map) = loaded.map {
        map_store::keep(&map);
        maps.add(map);
    }
    let mut client = args.device.connect()?;
    let seal = loaded.seal.as_ref().filter(|_| client.takes_seals());
    if loaded.seal.is_some() && seal.is_none() && !args.device.wire.json {
        writeln!(out, "the seal stays here: the device is a development build, and checks none")?;
    }
    let panel = Panel { name: name(&loaded.image, &args.file), image: &loaded.image, seal, maps: &maps };
    let before = args.module.find(&mut client)?;
    let module = before.module;
    panel.takes_the_place(args, &client, &before)?;
    if let Some(message) = broken(&mut client, &before, &loaded.image.image(), &maps)? {
        if !args.force {
            let help = "`--force` puts it there all the same, and the client's handles are stale then";
            let place = Place::File(client.port().into());
            return Err(Diagnostic::new(Code::BreaksClients, place, message).help(help.to_string()).into());
        }
        // What others rely on is the owner's to break.
        client.need_role(Role::Own)?;
    }
    // What happens from here on may say why the image was taken back.
    let since = client.next_happening()?;
    let swapped = panel.send(args, &mut client, module, out)?;
    if args.confirm && swapped.trial_ms > 0 {
        client.confirm(module)?;
        let json = json!({ "confirmed": panel.name, "module": module, "generation": swapped.generation });
        args.device.print(out, &json, &format!("confirmed {}", panel.name))?;
    }
    if args.wait && swapped.trial_ms > 0 {
        // Whoever reads along learns of the swap while its trial goes on.
        out.flush()?;
        panel.wait(args, &mut client, &swapped, since, out)?;
    }
    if swapped.trial_ms > 0 && !args.wait && !args.confirm {
        // An image on trial does not count as good: a restart brings the one before it, on purpose.
        return Ok(());
    }
    must_keep(&args.device, &mut client, &panel.name, image_things(module), out)
}

/// The manifest's name of a module; a module without a manifest goes by its file.
fn name(image: &OwnedImage, file: &Path) -> String {
    match image.manifest().module {
        "" => file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        name => name.to_string(),
    }
}

/// Asks the person at the terminal.
fn is_wanted() -> bool {
    _ = write!(io::stderr(), "Another panel has this place. Replace it? [y/N] ");
    let mut line = String::new();
    io::stdin().read_line(&mut line).is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
}

/// Returns what is another one of the exports: by the map of the image before, where it was sent from this
/// machine.
fn difference(before: &ImageInfo, map: Option<&SourceMap>, new: &Image<'_>, maps: &Maps) -> String {
    let keys: Vec<&str> =
        (0..).map(ExportId).zip(new.exports()).filter_map(|(export, _)| new.key(export)).collect();
    let Some(map) = map.filter(|map| !map.exports.is_empty()) else {
        let (old, now) = (before.exports, new.exports().len());
        return format!(
            "exports: {old} before, {now} now; the map of the image before is not on this machine"
        );
    };
    let contract = |image: &str, key: &str| line(maps, image, key);
    let hash = hex(&new.hash());
    let is_other = |key: &&&str| {
        let both = contract(&map.image, key).zip(contract(&hash, key));
        both.is_some_and(|(old, now)| old != now)
    };
    let was = |key: &&&str| map.exports.iter().any(|old| old == **key);
    let names = |what: &str, names: Vec<&str>| {
        let shown = names.iter().take(MOST_NAMES).map(|name| name.escape_debug().to_string());
        let more = names.len().saturating_sub(MOST_NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (!names.is_empty()).then(|| format!("{what} {}{more}", shown.collect::<Vec<_>>().join(", ")))
    };
    let gone = map.exports.iter().map(String::as_str).filter(|old| !keys.contains(old)).collect();
    let parts: Vec<String> = [
        names("new:", keys.iter().filter(|key| !was(key)).copied().collect()),
        names("gone:", gone),
        names("with another contract:", keys.iter().filter(is_other).copied().collect()),
    ]
    .into_iter()
    .flatten()
    .collect();
    match parts.is_empty() {
        true => format!("exports: the same {}", keys.len()),
        false => format!("exports: {}", parts.join("; ")),
    }
}

/// What is swapped in.
struct Panel<'a> {
    name: String,
    image: &'a OwnedImage,
    seal: Option<&'a Seal>,
    maps: &'a Maps,
}

impl Panel<'_> {
    /// Says what is about to take the place of what, and asks where that has another name.
    ///
    /// # Errors
    /// X0927.
    fn takes_the_place(&self, args: &Args, client: &Client, before: &ModuleStatus) -> Result<(), Diagnostic> {
        let (port, module) = (client.port(), before.module);
        let board = board_name(client.hello());
        let version = self.image.image().header().version;
        let new = format!("{} version {version}", self.name.escape_debug());
        let was = before.name.as_str();
        let old = match &before.image {
            Some(image) if image.hash == self.image.image().hash() => "the same image".to_string(),
            Some(image) if was.is_empty() => format!("an image without a name, version {}", image.version),
            Some(image) => format!("{} version {}", was.escape_debug(), image.version),
            None => "nothing".to_string(),
        };
        let is_person = io::stderr().is_terminal() && !args.device.wire.json;
        if is_person {
            _ = writeln!(io::stderr(), "{board} at {port}, module {module}: {old} -> {new}");
            if let Some(image) = &before.image {
                let map = self.maps.of(&hex(&image.hash));
                let difference = difference(image, map.as_ref(), &self.image.image(), self.maps);
                _ = writeln!(io::stderr(), "  {difference}");
            }
        }
        let is_other = before.image.is_some() && !was.is_empty() && was != self.name;
        if !is_other || args.replace || (is_person && io::stdin().is_terminal() && is_wanted()) {
            return Ok(());
        }
        let message = format!("{port}: module {module} of the {board} has {old}, and this is {new}");
        let help = "`--replace` puts it there all the same; `--module N` names another module";
        Err(Diagnostic::new(Code::OtherPanel, Place::File(port.into()), message).help(help.to_string()))
    }

    fn send(
        &self,
        args: &Args,
        client: &mut Client,
        module: u8,
        out: &mut dyn Write,
    ) -> Result<Swapped, Failure> {
        let image = self.image.image();
        let bytes = (image.words().len() + self.seal.map_or(0, |_| SEAL_WORDS)) * 4;
        let mut progress = Progress::new(bytes, !args.device.wire.json);
        let switch = client.swap_sealed(module, &image, self.seal, &mut |done| progress.at(done))?;
        drop(progress);
        let swapped = switched(&args.device, client, (&self.name, "swapped"), switch, self.maps, out)?;
        let text = swapped_text("swapped", &self.name, &swapped);
        args.device.print(out, &json::swapped(&self.name, &swapped), &text)?;
        Ok(swapped)
    }

    fn wait(
        &self,
        args: &Args,
        client: &mut Client,
        swapped: &Swapped,
        since: u32,
        out: &mut dyn Write,
    ) -> Done {
        match client.await_trial(swapped, &self.image.image().hash(), since)? {
            Trial::Confirmed => {
                let json = json!({ "trial": "confirmed", "name": self.name, "module": swapped.module });
                args.device.print(out, &json, &format!("confirmed {}", self.name))
            }
            Trial::RolledBack(why) => {
                if args.device.wire.json {
                    let why = why.as_ref().map(|why| json::why(why, self.maps));
                    let json = json!({ "trial": "rolled_back", "name": self.name, "module": swapped.module, "why": why });
                    writeln!(out, "{json}")?;
                }
                let why = why.map_or_else(
                    || "another image runs, and the device does not say why".to_string(),
                    |why| why_text(&why, self.maps),
                );
                let message = format!("{}: {} was rolled back: {why}", client.port(), self.name);
                let place = Place::File(client.port().into());
                Err(Diagnostic::new(Code::RolledBack, place, message).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_compiler::compile::compile;
    use xmap_compiler::manifest::Manifest;

    /// A panel with these exports.
    fn panel(exports: &[&str]) -> (OwnedImage, SourceMap) {
        let lines: String = exports.iter().map(|name| format!("{name} = {{}}\n")).collect();
        let text =
            format!("module = {{ name = \"hall\", board = \"rpi4b\", wasm = \"x\" }}\n[exports]\n{lines}");
        let functions: String = exports.iter().map(|name| format!("(func (export \"{name}\"))")).collect();
        let wasm = wat::parse_str(format!("(module {functions})")).unwrap();
        let compiled = compile(&Manifest::parse("panel.toml", &text).unwrap(), &wasm).unwrap();
        (OwnedImage::new(compiled.words).unwrap(), compiled.map)
    }

    #[test]
    fn the_difference_names_exports() {
        let (old, map) = panel(&["blink", "lit"]);
        let before = ImageInfo { hash: old.image().hash(), version: 1, exports: 2 };
        let said = |exports: &[&str], map: Option<&SourceMap>| {
            let (new, _) = panel(exports);
            difference(&before, map, &new.image(), &Maps::default())
        };
        assert_eq!(said(&["blink", "lit"], Some(&map)), "exports: the same 2");
        assert_eq!(said(&["lit", "left"], Some(&map)), "exports: new: default.left; gone: default.blink");
        let expected = "exports: 2 before, 1 now; the map of the image before is not on this machine";
        assert_eq!(said(&["lit"], None), expected);
        let many: Vec<String> = (10..20).map(|n| format!("e{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let said = said(&many, Some(&map));
        assert!(
            said.contains("new: default.e10, default.e11, ") && said.contains("e17 and 2 more; "),
            "{said}"
        );
    }
}
