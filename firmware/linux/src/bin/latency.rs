#![forbid(unsafe_code)]
//! How long a call takes: within the process, over the service's Unix socket, and the same GPIO work by
//! rppal's own API and by the kernel's GPIO character device. `cargo xtask bench --linux` runs it; each line
//! that it prints is a way's name, a tab, and how often, p50, p99, p99.9 and the longest in nanoseconds, or
//! why the way cannot be had here.
//!
//! Every single call is timed by the monotonic clock, which is read before and after; "clock alone" is what
//! that takes by itself. Nothing is left out of the figures: the longest are the scheduler's and other
//! programs'.

use std::error::Error;
use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use xmap_boards::Bank;
use xmap_link::{
    Args, Channel, Export, FrameReader, PROTOCOL, Request, Response, decode_response, encode_request,
};
use xmapd::clock::monotonic_ns;
use xmapd::config::{Arguments as Flags, Config};
use xmapd::device::open;
use xmapd::guard::{Watch, Watchdog};
use xmapd::registers::{Mapped, Registers};

/// Lines that nobody else uses: the panel's lamp, rppal's, the character device's.
const LAMP: &str = "lamp";
const RPPAL_LINE: u8 = 24;
const CHARDEV_LINE: u32 = 25;
/// How the program is run that gives back what it gets, then the socket.
const ECHO: &str = "--echo";
/// Bytes of a call's frame, and of its answer's.
const FRAME: usize = 16;
/// Calls before the first that counts.
const WARM_UP: usize = 1000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Times calls that switch a line
#[derive(Parser)]
struct Arguments {
    /// How often each way is timed
    #[arg(long, default_value_t = 1_000_000)]
    calls: usize,
    /// How often the socket is, where it is slow
    #[arg(long)]
    socket_calls: Option<usize>,
    /// An image with an export `lamp` that switches a line
    #[arg(long)]
    panel: PathBuf,
    /// The service's program
    #[arg(long)]
    service: PathBuf,
    /// An empty folder for what is made on the way
    #[arg(long)]
    work: PathBuf,
}

fn main() -> Result<()> {
    let mut flags = std::env::args_os().skip(1);
    if flags.next().is_some_and(|flag| flag == ECHO) {
        return echo(Path::new(&flags.next().unwrap_or_default()));
    }
    let arguments = Arguments::parse();
    let calls = arguments.calls;
    tell("clock alone", Ok(timed(calls, |_| Ok(()))?));
    tell(
        "store to the mapped register",
        Registers::map(None).map_err(Into::into).and_then(|Mapped { mut registers, .. }| {
            timed(calls, |on| {
                if on {
                    registers.set(Bank::Zero, 1 << 17)
                } else {
                    registers.clear(Bank::Zero, 1 << 17)
                }
                Ok(())
            })
        }),
    );
    tell("call in the process", in_process(&arguments));
    tell("Unix socket there and back, no service", there_and_back(&arguments));
    tell("call over the Unix socket", over_socket(&arguments));
    tell("rppal, OutputPin::write", by_rppal(calls));
    tell("GPIO character device, set values", by_character_device(calls));
    Ok(())
}

/// Prints a way's line.
fn tell(name: &str, times: Result<Vec<u64>>) {
    match times {
        Ok(mut times) => {
            times.sort_unstable();
            let count = times.len();
            // The smallest time that at least this share of the calls did not exceed.
            let at = |share: f64| times[((count as f64 * share).ceil() as usize).clamp(1, count) - 1];
            let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), times[count - 1]);
            println!("{name}\t{count}\t{p50}\t{p99}\t{p999}\t{max}");
        }
        Err(error) => println!("{name}\t{error}"),
    }
}

/// The time of each call of `way`, which switches a line on and off in turn.
fn timed(calls: usize, mut way: impl FnMut(bool) -> Result<()>) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(calls);
    for n in 0..WARM_UP + calls {
        let start = monotonic_ns();
        way(n % 2 == 0)?;
        let end = monotonic_ns();
        if n >= WARM_UP {
            times.push(end.saturating_sub(start));
        }
    }
    Ok(times)
}

fn config(arguments: &Arguments) -> Result<Config> {
    let flags = Flags {
        socket: Some(arguments.work.join("latency.sock")),
        panel: Some(arguments.panel.clone()),
        state: Some(arguments.work.join("state")),
        ..Flags::default()
    };
    Ok(Config::load(&flags)?)
}

/// The device program's call, without a link: export table, mapper, store.
fn in_process(arguments: &Arguments) -> Result<Vec<u64>> {
    let guard = Watchdog::new();
    let (mut device, _) = open(&config(arguments)?, None, &guard, Watch::default())?;
    // Nothing but calls happens here, and a loop of them says no sign of life.
    guard.end();
    let panel = std::fs::read(&arguments.panel)?;
    device
        .install_from(0, &panel, "")
        .map_err(|failure| said("the panel was not mounted", format!("{failure:?}")))?;
    let export = device.find(LAMP).ok_or("the panel has no export `lamp`")?;
    timed(arguments.calls, |on| {
        let called = device.call(export, &[on.into()], &mut []);
        called.map(drop).map_err(|error| said("the call was refused", format!("{error:?}")))
    })
}

/// Returns what a call over the socket cannot be faster than: as many bytes to another process and back.
fn there_and_back(arguments: &Arguments) -> Result<Vec<u64>> {
    let socket = arguments.work.join("echo.sock");
    let listener = UnixListener::bind(&socket)?;
    let mut echo = Command::new(std::env::current_exe()?).arg(ECHO).arg(&socket).spawn()?;
    let (mut stream, _) = listener.accept()?;
    let mut frame = [1; FRAME];
    let times = timed(arguments.socket_calls.unwrap_or(arguments.calls), |_| {
        stream.write_all(&frame)?;
        Ok(stream.read_exact(&mut frame)?)
    });
    drop(stream);
    echo.wait()?;
    times
}

/// Gives back what comes, until the other end closes.
fn echo(socket: &Path) -> Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    let mut frame = [0; FRAME];
    while let Ok(()) = stream.read_exact(&mut frame) {
        stream.write_all(&frame)?;
    }
    Ok(())
}

/// A host's call: a request's frame there, an answer's frame back, by the service in a process of its own.
fn over_socket(arguments: &Arguments) -> Result<Vec<u64>> {
    let mut service = Service::start(arguments)?;
    let mut stream = service.connect(&arguments.work.join("latency.sock"))?;
    let mut reader: FrameReader = FrameReader::new();
    let mut seq = 0u16;
    let mut ask = |request: &Request| -> Result<Response> {
        seq = seq.wrapping_add(1);
        let mut frame = [0; 600];
        stream.write_all(encode_request(seq, request, &mut frame)?)?;
        loop {
            let mut bytes = [0; 600];
            let count = stream.read(&mut bytes)?;
            if count == 0 {
                return Err("the service has gone".into());
            }
            for byte in &bytes[..count] {
                if let Some(frame) = reader.feed(*byte)
                    && frame.channel == Channel::Response as u8
                    && let Ok((answered, response)) = decode_response(frame.payload)
                    && answered == seq
                {
                    return Ok(response);
                }
            }
        }
    };
    ask(&Request::Hello { protocol: PROTOCOL, nonce: 1 })?;
    let name = Export::name(LAMP).ok_or("a name that is too long")?;
    let Response::Bound { handle } = ask(&Request::Bind { export: name })? else {
        return Err("the service did not bind the export".into());
    };
    timed(arguments.socket_calls.unwrap_or(arguments.calls), |on| {
        let args = Args::from_slice(&[on.into()]).map_err(|_| "one argument")?;
        match ask(&Request::CallHandle { handle, args })? {
            Response::Returned { .. } => Ok(()),
            other => Err(said("the service answered", format!("{other:?}"))),
        }
    })
}

/// The service as a process, ended with this.
struct Service(Child);

impl Service {
    fn start(arguments: &Arguments) -> Result<Self> {
        let mut command = Command::new(&arguments.service);
        command.arg("--socket").arg(arguments.work.join("latency.sock"));
        command.arg("--panel").arg(&arguments.panel).arg("--state").arg(arguments.work.join("state"));
        Ok(Self(command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }

    fn connect(&mut self, socket: &Path) -> Result<UnixStream> {
        let start = Instant::now();
        loop {
            match UnixStream::connect(socket) {
                Ok(stream) => return Ok(stream),
                Err(error) if start.elapsed() > Duration::from_secs(20) => {
                    return Err(said("the service does not listen", error));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
            if let Some(status) = self.0.try_wait()? {
                return Err(said("the service ended", status));
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn by_rppal(calls: usize) -> Result<Vec<u64>> {
    let gpio = rppal::gpio::Gpio::new().map_err(|error| said("not here", error))?;
    let mut pin = gpio.get(RPPAL_LINE).map_err(|error| said("not here", error))?.into_output();
    // Not back to what it was when this ends.
    pin.set_reset_on_drop(false);
    timed(calls, |on| {
        pin.write(rppal::gpio::Level::from(on));
        Ok(())
    })
}

fn by_character_device(calls: usize) -> Result<Vec<u64>> {
    let request = gpiocdev::Request::builder()
        .on_chip("/dev/gpiochip0")
        .with_line(CHARDEV_LINE)
        .as_output(gpiocdev::line::Value::Inactive)
        .request()
        .map_err(|error| said("not here", error))?;
    timed(calls, |on| Ok(request.set_value(CHARDEV_LINE, gpiocdev::line::Value::from(on))?))
}

fn said(what: &str, why: impl Display) -> Box<dyn Error> {
    format!("{what}: {why}").replace(['\n', '\t'], " ").into()
}
