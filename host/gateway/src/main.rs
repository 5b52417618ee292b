#![forbid(unsafe_code)]
//! `xmap-serve`, which `xmap serve` runs: the gateway as a program.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgGroup, Parser};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_gateway::config::{
    Config, DeviceConfig, LOOK, Reached, check_listen, default_listen, is_origin, options, parse_port,
};
use xmap_gateway::device::Device;
use xmap_gateway::http::{App, router};
use xmap_gateway::hub::Hub;
use xmap_gateway::panel::{demo, load};
use xmap_gateway::server;
use xmap_gateway::shelf::Shelf;
use xmap_gateway::tokens::{Token, Tokens, random_token, token_of};
use xmap_keys::roles::{make_role_key, read_role_key};
use xmap_link::{Pattern, Role};

/// Serve devices over HTTP, with a web page
///
/// Prints the page's address. With --sim a panel runs on the simulated board, and its inputs can be pressed
/// on the page. docs/gateway.md has what is answered.
#[derive(Parser)]
#[command(
    name = "xmap-serve",
    bin_name = "xmap serve",
    version,
    max_term_width = 100,
    group(ArgGroup::new("what").required(true).args(["sim", "demo", "port", "config", "token_of", "new_key"])),
    after_help = "\
Examples:
  xmap serve --sim panel.toml                      a panel without any hardware
  xmap serve --demo                                the panel of xmap demo
  xmap serve --port /dev/ttyUSB0 --panel panel.toml
  xmap serve --config gateway.toml                 many devices, and tokens for people and programs
  xmap serve --token-of visitor.key                the token of a role key that gateway.toml names
  xmap serve --new-key people.key                  such a key, for everything

Exit status: 0 ended as it was asked to, 1 the input is wrong, 2 the command line is."
)]
struct Arguments {
    /// Simulate this panel: a manifest, a module, an image or a bundle
    #[arg(long, value_name = "PANEL")]
    sim: Option<PathBuf>,
    /// Simulate the panel of `xmap demo`
    #[arg(long)]
    demo: bool,
    /// Serve this device: tcp:HOST:PORT, unix:PATH, or the path of a serial port
    #[arg(short, long)]
    port: Option<String>,
    /// The panel of the device at --port: names of its lines, source lines of its traps
    #[arg(long, value_name = "PANEL", requires = "port")]
    panel: Option<PathBuf>,
    /// The role key that the device at --port asks for
    #[arg(long, value_name = "FILE", requires = "port")]
    key: Option<PathBuf>,
    /// Bits a second of a serial port
    #[arg(long, value_name = "N", requires = "port")]
    baud: Option<u32>,
    /// Serve what this file lists
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the token of a role key, and end
    #[arg(long, value_name = "KEY")]
    token_of: Option<PathBuf>,
    /// Make a role key whose token may operate every device and call every export, and end
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
    /// Let scripts of this origin ask, as `origins` of a configuration does: http://127.0.0.1:8000
    #[arg(long, value_name = "ORIGIN", value_parser = origin, conflicts_with = "config")]
    origin: Vec<String>,
    /// Listen here [default: 127.0.0.1:8021]; port 0 takes any that is free
    #[arg(short, long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

fn origin(text: &str) -> Result<String, String> {
    match is_origin(text) {
        true => Ok(text.to_owned()),
        false => Err("expected a scheme, a host and a port: http://127.0.0.1:8000".into()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(errors) => {
            _ = writeln!(io::stderr(), "{}", errors.render(io::stderr().is_terminal()));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Diagnostics> {
    if let Some(key) = &arguments.token_of {
        println!("{}", token_of(&read_role_key(key)?));
        return Ok(());
    }
    if let Some(key) = &arguments.new_key {
        // A list of all: who wants to allow less has `xmap keygen`.
        let all = Pattern::new("*").map(|all| vec![all]).unwrap_or_default();
        make_role_key(key, Role::Operate, &all)?;
        return Ok(());
    }
    let (config, shown) = config(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| refused(config.listen, &error))?;
    runtime.block_on(serve(config, shown))
}

/// Returns what to serve, and the token to print where this start made one.
fn config(arguments: &Arguments) -> Result<(Config, Option<String>), Diagnostics> {
    if let Some(path) = &arguments.config {
        let mut config = Config::read(path)?;
        config.listen = arguments.listen.unwrap_or(config.listen);
        return Ok((config, None));
    }
    let listen = arguments.listen.unwrap_or_else(default_listen);
    check_listen(listen, false, "--listen")?;
    let simulated = match &arguments.sim {
        Some(panel) => Some(load(panel)?),
        None if arguments.demo => Some(demo()?),
        None => None,
    };
    let device = match (simulated, &arguments.port) {
        (Some(panels), _) => {
            DeviceConfig { name: "sim".into(), source: Reached::Simulated, panels, look: LOOK }
        }
        (None, port) => {
            let port = parse_port(port.as_deref().unwrap_or_default())?;
            let options = options(arguments.key.as_deref(), arguments.baud)?;
            let panels = arguments.panel.as_deref().map(load).transpose()?.unwrap_or_default();
            let source = Reached::Port(port, Box::new(options));
            DeviceConfig { name: "device".into(), source, panels, look: LOOK }
        }
    };
    let token = random_token().map_err(|error| {
        let place = "the operating system";
        Diagnostic::new(Code::NoRandom, Place::File(place.into()), format!("{place}: {error}"))
    })?;
    let tokens = Tokens::new(vec![Token::of_text("page", &token)]);
    let origins = arguments.origin.clone();
    Ok((
        Config { listen, devices: vec![device], tokens, mqtt: None, fleet: None, tls: None, origins },
        Some(token),
    ))
}

async fn serve(config: Config, token: Option<String>) -> Result<(), Diagnostics> {
    let Config { listen, devices, tokens, mqtt, fleet, tls, origins } = config;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listener = TcpListener::bind(listen).await.map_err(|error| refused(listen, &error))?;
    let listen = listener.local_addr().map_err(|error| refused(listen, &error))?;
    let (hub, shelf) = (Hub::default(), Arc::new(Shelf::default()));
    let start = |device: DeviceConfig| {
        let name = device.name.clone();
        Device::start(device, &hub, &shelf).map_err(|error| {
            Diagnostic::new(Code::MountFailed, Place::File(name.clone()), format!("{name}: {error}"))
        })
    };
    let devices = devices.into_iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let app = Arc::new(App::new(devices, tokens, shelf, hub, origins));
    if let Some(mqtt) = mqtt {
        xmap_gateway::mqtt::start(&app, mqtt);
    }
    if let Some(fleet) = fleet {
        xmap_gateway::fleet::start(&app, fleet);
    }
    // The token stands behind the #, which a browser sends to nobody.
    let token = token.map(|token| format!("#{token}")).unwrap_or_default();
    // An output that is closed or full is no reason not to serve.
    let mut out = io::stdout();
    _ = writeln!(out, "{scheme}://{listen}/{token}").and_then(|()| out.flush());
    tokio::spawn(server::serve(listener, tls.map(TlsAcceptor::from), router(&app)));
    #[cfg(unix)]
    xmap_gateway::notify::ready(&app, &listen.to_string());
    ended().await;
    #[cfg(unix)]
    xmap_gateway::notify::stopping();
    Ok(())
}

/// Waits until somebody wants the program to end.
#[cfg(unix)]
async fn ended() {
    use std::future::{Future, pending, poll_fn};
    use std::task::Poll;
    use tokio::signal::unix::{SignalKind, signal};

    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return pending().await };
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    poll_fn(|context| {
        let end = terminated.poll_recv(context).is_ready() || interrupted.as_mut().poll(context).is_ready();
        if end { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Waits until somebody wants the program to end.
#[cfg(not(unix))]
async fn ended() {
    _ = tokio::signal::ctrl_c().await;
}

fn refused(listen: SocketAddr, error: &io::Error) -> Diagnostic {
    let message = format!("{listen}: cannot listen: {error}");
    let help = "another xmap serve? `--listen 127.0.0.1:0` takes any port that is free".to_string();
    Diagnostic::new(Code::GatewayListen, Place::File(listen.to_string()), message).help(help)
}
