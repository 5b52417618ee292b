#![forbid(unsafe_code)]
//! `xmap view`: a running panel in the terminal, on the simulated board or on a device.

mod picture;
mod screen;
mod source;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use xmap_client::{Client, PortName};

use screen::Screen;
use source::{Pace, Remote, Simulated, Source};

/// How long a key is waited for before the panel is looked at again.
const TURN: Duration = Duration::from_millis(100);

/// Show a running panel: lines, exports to call, events, metrics and log
///
/// Without --port the panel runs on the simulated board, where keys press its inputs. With --port the panel
/// gives the lines their names.
#[derive(Parser)]
#[command(name = "xmap-view", bin_name = "xmap view", version)]
#[command(after_help = "\
Keys: tab changes the list, up and down move in it, enter presses a line or calls an export, space turns
the level of an input, 1 to 9 press inputs, q ends it.

Examples:
  xmap view panel.toml
  xmap view panel.toml --svg view.svg --keys \"1 tab down enter enter\"
  xmap view panel.toml --port /dev/ttyUSB0
  xmap view --port unix:/run/xmapd/link.sock")]
struct Args {
    /// The panel: a manifest, a module or an image
    #[arg(required_unless_present = "port")]
    panel: Option<PathBuf>,
    /// The device: tcp:HOST:PORT, unix:PATH, or the path of a serial port
    #[arg(short, long)]
    port: Option<String>,
    #[command(flatten)]
    session: xmap::SessionArgs,
    /// Draw the screen of the simulated panel into a file instead, and end
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    svg: Option<PathBuf>,
    /// Keys that are typed before the screen is drawn, a tenth of a second apart: tab, enter, up, down,
    /// space, or letters
    #[arg(long, value_name = "KEYS", requires = "svg", default_value = "")]
    keys: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(file) = &args.svg {
        return end(draw(&args, file));
    }
    if !io::stdout().is_terminal() {
        _ = writeln!(
            io::stderr(),
            "error: the standard output is no terminal: `xmap sim` and `xmap status` print"
        );
        return ExitCode::from(2);
    }
    end(source(&args).and_then(|mut source| show(&mut *source).map_err(|error| error.to_string())))
}

fn end(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn draw(args: &Args, file: &Path) -> Result<(), String> {
    let panel = args.panel.as_deref().unwrap_or(Path::new("panel.toml"));
    let svg = picture::svg(&picture::keys(&args.keys), &mut Simulated::new(panel, Pace::Steps(TURN))?)?;
    xmap::write_file(file, svg.as_bytes()).map_err(|error| error.to_string())
}

fn source(args: &Args) -> Result<Box<dyn Source>, String> {
    let panel = args.panel.as_deref();
    match &args.port {
        Some(port) => Ok(Box::new(Remote::new(connect(args, port)?, panel)?)),
        None => Ok(Box::new(Simulated::new(panel.unwrap_or(Path::new("panel.toml")), Pace::ours())?)),
    }
}

fn connect(args: &Args, port: &str) -> Result<Client, String> {
    let options = args.session.options().map_err(|error| error.to_string())?;
    let text = |error: xmap_client::Error| error.to_string();
    let port: PortName = port.parse().map_err(text)?;
    let client = Client::connect(&port, &options).map_err(text)?;
    client.need_access().map_err(text)?;
    Ok(client)
}

fn show(source: &mut dyn Source) -> io::Result<()> {
    let mut screen = Screen::new(!has_utf8());
    let mut terminal = ratatui::try_init()?;
    let done = (|| {
        loop {
            screen.look(source);
            terminal.draw(|frame| screen.draw(frame))?;
            while event::poll(TURN)? {
                if let Event::Key(key) = event::read()?
                    && key.kind != KeyEventKind::Release
                    && !screen.key(key.code, source)
                {
                    return Ok(());
                }
            }
        }
    })();
    ratatui::restore();
    done
}

/// Returns whether the terminal shows UTF-8, by what the first of the usual variables says.
fn has_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
