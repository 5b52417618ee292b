#![forbid(unsafe_code)]
//! `xmap trace`: what a device has noted of its calls, for people and for the tools that show traces.

mod chrome;
mod ctf;
mod otlp;
mod saved;
mod show;
mod spans;

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use xmap_client::{Client, Noted, PortName};
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input;
use xmap_compiler::map::SourceMap;
use xmap_compiler::recognize::not_this;
use xmap_link::ring::RingEvent;
use xmap_link::split_export_id;

use otlp::{Endpoint, Sender};
use saved::{Module, Reading};
use spans::{Names, Spans};

/// How long to rest between two readings.
const POLL: Duration = Duration::from_millis(100);
/// Bytes of a saved file, and of a map, that are read.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Events that one use reads: what a saved file of [`MAX_FILE_BYTES`] holds.
const MAX_EVENTS: usize = 8 << 20;

/// Show what a device has noted of its calls: calls, handlers, spans, transfers on buses, traps, swaps
///
/// Without one of the outputs, as text. The device holds the last thousand events; --seconds reads on as they
/// come. Names that the panel has as constants are in its map: give it by --map, unless this machine has
/// swapped the image in.
#[derive(Parser)]
#[command(name = "xmap-trace", bin_name = "xmap trace", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  xmap trace --port /dev/ttyUSB0 --map panel.xmap.map
  xmap trace --port /dev/ttyUSB0 --otlp http://127.0.0.1:4318 --seconds 60
  xmap trace --port unix:/run/xmapd/xmapd.sock --chrome day.json      for ui.perfetto.dev
  xmap trace --port /dev/ttyUSB0 --raw night.trace                    and later, without the device:
  xmap trace night.trace --map panel.xmap.map --ctf night")]
struct Args {
    /// A file that --raw has written, in the place of a device
    #[arg(value_name = "FILE", required_unless_present = "port", conflicts_with = "port")]
    file: Option<PathBuf>,
    /// The device: tcp:HOST:PORT, unix:PATH, or the path of a serial port
    #[arg(short, long)]
    port: Option<String>,
    #[command(flatten)]
    session: xmap::SessionArgs,
    /// Read on for this time
    #[arg(long, value_name = "N", value_parser = seconds, requires = "port")]
    seconds: Option<Duration>,
    /// The map of an image: its names, and the lines of traps; may be given again
    #[arg(long = "map", value_name = "FILE")]
    maps: Vec<PathBuf>,
    /// Send spans as OTLP over HTTP: http://HOST:PORT, by default port 4318
    #[arg(long, value_name = "URL")]
    otlp: Option<Endpoint>,
    /// How long the receiver of --otlp has for each answer
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "5", requires = "otlp")]
    timeout: Duration,
    /// Write Chrome's trace events
    #[arg(long, value_name = "FILE")]
    chrome: Option<PathBuf>,
    /// Write the Common Trace Format into a new folder
    #[arg(long, value_name = "DIR")]
    ctf: Option<PathBuf>,
    /// Write what was read, to be shown later
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
    /// Print one JSON object a line for each span
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let time = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| !time.is_zero()).ok_or_else(|| "expected seconds, such as 5 or 0.5".into())
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let errors = Diagnostics::from(*error);
            _ = writeln!(io::stderr(), "{}", errors.render(io::stderr().is_terminal()));
            ExitCode::FAILURE
        }
    }
}

type Done<T> = Result<T, Box<Diagnostic>>;

fn run(args: &Args) -> Done<()> {
    let maps = args.maps.iter().map(|path| read_map(path)).collect::<Done<Vec<SourceMap>>>()?;
    let names = Names { maps: &maps, find: xmap::find_map };
    if let Some(folder) = &args.ctf {
        is_free(folder)?;
    }
    let mut sender = args.otlp.as_ref().map(|endpoint| Sender::new(endpoint, args.timeout));
    let reading = match (&args.file, &args.port) {
        (Some(file), _) => {
            let reading = read_file(file)?;
            if let Some(sender) = &mut sender {
                sender.send(&reading, &Spans::of(&reading, &names).spans);
            }
            reading
        }
        (None, port) => read_device(args, port.as_deref().unwrap_or_default(), &names, &mut sender)?,
    };
    warn_of_maps(args, &maps, &reading);
    let spans = Spans::of(&reading, &names);
    say(&reading, &spans);
    if let Some(path) = &args.raw {
        xmap::write_file(path, reading.to_text().as_bytes())?;
    }
    if let Some(path) = &args.chrome {
        xmap::write_file(path, chrome::text(&reading, &spans).as_bytes())?;
    }
    if let Some(folder) = &args.ctf {
        write_folder(folder, &ctf::metadata(&reading), &ctf::stream(&reading, &spans))?;
    }
    let silent = [&args.raw, &args.chrome, &args.ctf].into_iter().any(Option::is_some) || sender.is_some();
    let text = match (args.json, silent) {
        (true, _) => show::objects(&reading, &spans).iter().map(|object| format!("{object}\n")).collect(),
        (false, true) => String::new(),
        (false, false) => show::text(&spans),
    };
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("standard output: cannot be written: {error}");
            let place = Place::File("standard output".into());
            return Err(Diagnostic::new(Code::CannotWrite, place, message).into());
        }
        _ => {}
    }
    sender.map_or(Ok(()), |sender| sent(&sender, args))
}

/// Says what became of the spans that were sent.
fn sent(sender: &Sender<'_>, args: &Args) -> Done<()> {
    let Some(endpoint) = &args.otlp else { return Ok(()) };
    let otlp::Tally { taken, dropped, retries, why } = &sender.tally;
    note(&format!("{endpoint}: {taken} spans taken, {dropped} not, {retries} messages sent again"));
    if *dropped == 0 {
        return Ok(());
    }
    let message = format!("{endpoint}: {dropped} of {} spans were not taken: {why}", taken + dropped);
    let help = match args.raw.is_some() {
        true => "send the file of --raw later: `xmap trace FILE --otlp URL`",
        false => "is the receiver there? `--raw FILE` keeps what was read, to send it later",
    };
    let place = Place::File(endpoint.to_string());
    Err(Diagnostic::new(Code::TraceEndpoint, place, message).help(help.to_string()).into())
}

/// Says what is not whole.
fn say(reading: &Reading, spans: &Spans) {
    if reading.lost > 0 {
        note(&format!("{} events were overwritten before they were read", reading.lost));
    }
    if spans.cut_off > 0 {
        note(&format!("{} events are of calls whose beginnings were overwritten: left out", spans.cut_off));
    }
    if spans.nameless > 0 {
        let text = "names are not known, and shown by their numbers: --map gives the panel's map";
        note(&format!("{} {text}", spans.nameless));
    }
    if spans.not_utf8 > 0 {
        note(&format!(
            "{} texts of the panel are no UTF-8, and shown with replacement characters",
            spans.not_utf8
        ));
    }
    if spans.misuses > 0 {
        note(&format!(
            "the panel used spans {} times in a way that is not meant: see the events",
            spans.misuses
        ));
    }
}

fn note(text: &str) {
    _ = writeln!(io::stderr(), "note: {text}");
}

/// Warns of maps that are of no image that was read.
fn warn_of_maps(args: &Args, maps: &[SourceMap], reading: &Reading) {
    let told = reading.noted.events().filter_map(|(.., event)| match event {
        RingEvent::Module { image: Some(image), .. } => Some(xmap_compiler::map::hex(&image.to_le_bytes())),
        _ => None,
    });
    let known = reading.modules.values().map(|module| module.image.clone()).filter(|image| !image.is_empty());
    let images: Vec<String> = told.chain(known).collect();
    for (path, map) in args.maps.iter().zip(maps) {
        if !images.iter().any(|image| map.image.starts_with(image.as_str())) {
            let path = path.display();
            let text = "not of an image that these events are of: none of its names is used";
            _ = writeln!(io::stderr(), "warning: {path}: {text}");
        }
    }
}

fn read_map(path: &Path) -> Done<SourceMap> {
    let bytes = input::read_at_most(path, MAX_FILE_BYTES)?;
    let map = std::str::from_utf8(&bytes).ok().and_then(SourceMap::read_any);
    Ok(map.ok_or_else(|| not_this(Code::ImageInvalid, path, &bytes, "the map of an image"))?)
}

fn read_file(path: &Path) -> Done<Reading> {
    let bytes = input::read_at_most(path, MAX_FILE_BYTES)?;
    let wrong = |why: &str| {
        let message = format!("{}: {why}", path.display());
        let help = "read the device again, with --raw; or take a copy of the file that is whole";
        Diagnostic::new(Code::TraceFile, Place::file(path), message).help(help.to_string())
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("not what `xmap trace --raw` writes"))?;
    Reading::from_text(&text).map_err(|why| wrong(why).into())
}

/// Reads a device, for as long as is asked for; spans are sent on the way.
fn read_device(args: &Args, port: &str, names: &Names<'_>, sender: &mut Option<Sender<'_>>) -> Done<Reading> {
    let failed = |error: xmap_client::Error| Box::new(diagnostic(error));
    let mut client = connect(args, port)?;
    // Each is made with random numbers of this machine.
    let [first, second] = [(); 2].map(|()| RandomState::new().build_hasher().finish().to_le_bytes());
    let mut seed = [0; 16];
    seed[..8].copy_from_slice(&first);
    seed[8..].copy_from_slice(&second);
    let uptime_us = client.status().map_err(failed)?.uptime_us;
    let boot_unix_us = xmap_client::now_us().saturating_sub_unsigned(uptime_us);
    let mut whole = Reading { device: port.to_string(), boot_unix_us, seed, ..Reading::default() };
    let end = args.seconds.map(|time| Instant::now() + time);
    let mut events = 0;
    let mut part = Reading { noted: Noted::new(), ..whole.clone() };
    loop {
        client.read_noted(&mut part.noted).map_err(failed)?;
        let count = part.noted.events().count();
        events += count;
        if count > 0 {
            learn(&mut client, &mut part).map_err(failed)?;
            if let Some(sender) = sender {
                sender.send(&part, &Spans::of(&part, names).spans);
            }
        }
        whole.lost += part.noted.lost();
        let new = part.noted.split();
        if events == count {
            whole.noted = Noted::since(new.pages().next().map_or(0, |page| page.first));
        }
        for page in new.pages() {
            whole.noted.take(page.clone());
        }
        whole.modules.clone_from(&part.modules);
        whole.keys.extend(part.keys.clone());
        if events > MAX_EVENTS {
            note(&format!("{events} events were read: no more are"));
            break;
        }
        if end.is_none_or(|end| Instant::now() >= end) {
            break;
        }
        thread::sleep(POLL);
    }
    Ok(whole)
}

/// Asks the device for what its events name: modules and keys of exports.
fn learn(client: &mut Client, reading: &mut Reading) -> Result<(), xmap_client::Error> {
    for module in client.modules()? {
        let image = module.image.map(|image| xmap_compiler::map::hex(&image.hash)).unwrap_or_default();
        let of = Module { name: module.name.as_str().to_string(), image };
        // Another image has other exports by the same numbers.
        if reading.modules.get(&module.module).is_some_and(|old| old.image != of.image) {
            reading.keys.retain(|export, _| split_export_id(*export).0 != module.module);
        }
        reading.modules.insert(module.module, of);
    }
    let exports: Vec<u16> = reading
        .noted
        .events()
        .filter_map(|(.., event)| match event {
            RingEvent::Call { export } | RingEvent::Handler { export } => Some(export),
            _ => None,
        })
        .collect();
    for export in exports {
        if let std::collections::btree_map::Entry::Vacant(entry) = reading.keys.entry(export) {
            let (module, position) = split_export_id(export);
            entry.insert(client.export_key(module, position)?.unwrap_or_default());
        }
    }
    Ok(())
}

fn connect(args: &Args, port: &str) -> Done<Client> {
    let options = args.session.options()?;
    let failed = |error: xmap_client::Error| Box::new(diagnostic(error));
    let port: PortName = port.parse().map_err(failed)?;
    let client = Client::connect(&port, &options).map_err(failed)?;
    client.need_access().map_err(failed)?;
    Ok(client)
}

/// An error of the link, with its number.
fn diagnostic(error: xmap_client::Error) -> Diagnostic {
    let xmap_client::Error { code, port, message, help, .. } = error;
    let code =
        Code::from_number(code.number()).expect("a test of `xmap` holds the client's numbers to the list");
    Diagnostic::new(code, Place::File(port), message).help(help)
}

fn not_written(path: &Path, error: &io::Error) -> Box<Diagnostic> {
    let message = format!("{}: cannot be written: {error}", path.display());
    Diagnostic::new(Code::CannotWrite, Place::file(path), message).into()
}

/// Makes files and folders that take a place when they are whole, with what the user's mask leaves of a mode.
#[cfg_attr(not(unix), allow(unused_variables))]
fn beside(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".xmap-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    builder
}

/// Checks that a folder is not there, or empty, before anything is read.
fn is_free(folder: &Path) -> Done<()> {
    let is_free = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if is_free {
        return Ok(());
    }
    let message = format!("{}: is there already, and no empty folder", folder.display());
    let help = "name a new folder: a trace is a folder of its own";
    Err(Diagnostic::new(Code::CannotWrite, Place::file(folder), message).help(help.to_string()).into())
}

/// Writes a folder with a trace, whole or not at all.
fn write_folder(folder: &Path, metadata: &str, stream: &[u8]) -> Done<()> {
    let written = || {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let new = beside(0o777).tempdir_in(above)?;
        fs::write(new.path().join("metadata"), metadata)?;
        fs::write(new.path().join("stream"), stream)?;
        // An empty folder may be there.
        _ = fs::remove_dir(folder);
        fs::rename(new.path(), folder)
    };
    written().map_err(|error| not_written(folder, &error))
}
