//! `xmap call`: an export of the panel on a device.

use std::io::Write;

use serde_json::json;
use xmap::text::json;
use xmap_client::{Recorder, run_call_in};
use xmap_link::{SpanParent, split_export_id};

use super::reach::{Device, MapFiles};
use super::{Done, Failure};

/// Call an export of the panel on a device
///
/// The device knows its exports and their types, so no file is needed. Where the call traps, that is printed
/// as its result, and the exit status is 3.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap call --port /dev/ttyUSB0 lamp_on
  xmap call --port tcp:127.0.0.1:5555 call_gpio_set 17 true
  xmap call heat_to -4.5 --port /dev/ttyUSB0
  xmap call --port /dev/ttyUSB0 say -- --help               a text that begins with a hyphen
  xmap call --port /dev/ttyUSB0 --trace tick        with its register stores and messages
  xmap call --port /dev/ttyUSB0 --map panel.xmap.map tick
  xmap call --port /dev/ttyUSB0 --module pump start         of one module, where several have it
  xmap call --port /dev/ttyUSB0 --traceparent \"$TRACEPARENT\" start     a part of the caller's trace")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    /// Take an export of this module: its number, or its name [default: the first that has it]
    #[arg(short, long, value_name = "MODULE")]
    module: Option<String>,
    /// Put what the device notes of the call under a span of the caller's, as W3C's Trace Context writes it
    #[arg(long, value_name = "TRACEPARENT", value_parser = parent)]
    traceparent: Option<SpanParent>,
    /// Also print the register stores and messages of the call, before its result
    #[arg(short, long)]
    trace: bool,
    #[command(flatten)]
    maps: MapFiles,
    /// The export: its wasm name, its key, or # and its number
    name: String,
    /// Its arguments: decimal or 0x, floats for float parameters; behind `--` one may begin with a hyphen
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    args: Vec<String>,
}

/// Reads `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01` (W3C Trace Context, section 3.2): of a
/// later version what this one has.
fn parent(text: &str) -> Result<SpanParent, &'static str> {
    const FORM: &str = "expected 00-TRACE-SPAN-FLAGS: 32, 16 and 2 hexadecimal digits in lower case";
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let [version, trace, span, flags, rest @ ..] = &parts[..] else { return Err(FORM) };
    let is_form = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    if !is_form || *version == "ff" || (*version == "00" && !rest.is_empty()) {
        return Err(FORM);
    }
    let (trace, span) = (u128::from_str_radix(trace, 16), u64::from_str_radix(span, 16));
    match (trace.map_err(|_| FORM)?, span.map_err(|_| FORM)?) {
        (0, _) | (_, 0) => Err("a trace or a span of zeros alone is none"),
        (trace, span) => Ok(SpanParent { trace: trace.to_be_bytes(), span: span.to_be_bytes() }),
    }
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let maps = args.maps.read()?;
    let mut client = args.device.connect()?;
    let module = args.module.as_ref().map(|module| client.find_module(module)).transpose()?;
    let image = module.as_ref().map_or(client.hello().image, |module| module.image);
    args.maps.hold_against(&maps, image);
    let mut recorder = if args.trace { Some(Recorder::start(&mut client)?) } else { None };
    if let Some(parent) = args.traceparent {
        client.set_parent(parent)?;
    }
    let called = run_call_in(&mut client, module.as_ref(), &args.name, &args.args)?;
    let lines = recorder.as_mut().map(|recorder| recorder.lines(&mut client)).transpose()?;
    let callers = match &called.outcome {
        Err(trap) => client.callers(split_export_id(called.export.id).0, trap)?,
        Ok(_) => Vec::new(),
    };
    if args.device.wire.json {
        let mut object = json::called(&called, &maps);
        if let Err(trap) = &called.outcome {
            object["trap"]["stack"] = json::callers(trap, &callers, &maps);
        }
        if let Some(lines) = lines {
            object["trace"] = json!(lines);
        }
        writeln!(out, "{object}")?;
    } else {
        for line in lines.iter().flatten() {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{called}")?;
    }
    let Err(trap) = &called.outcome else { return Ok(()) };
    if let Some(origin) = maps.origin(trap).filter(|_| !args.device.wire.json) {
        out.flush()?;
        _ = writeln!(std::io::stderr(), "at {origin}");
        for caller in maps.callers(trap, &callers) {
            _ = writeln!(std::io::stderr(), "called from {caller}");
        }
    }
    Err(Failure::Trapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_as_the_standard_writes_it() {
        let right = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read = parent(right).unwrap();
        assert_eq!((read.trace[0], read.trace[15], read.span[7]), (0x4b, 0x36, 0xb7));
        assert_eq!(parent(&right.replacen("00", "cc", 1)), Ok(read));
        assert_eq!(parent(&(right.replacen("00", "cc", 1) + "-later")), Ok(read));
        for wrong in [
            "",
            &right[1..],
            &right.to_uppercase(),
            &(right.to_string() + "-later"),
            &right.replacen("00", "ff", 1),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(parent(wrong).is_err(), "{wrong}");
        }
    }
}
