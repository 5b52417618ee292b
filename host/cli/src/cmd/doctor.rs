//! `xmap doctor`: what this machine has for panels, and what it lacks.

use std::io::Write;
use std::path::Path;

use serde_json::json;
use xmap_client::PortName;
use xmap_project::tools::{RUST_TARGET, TOOLS, has_rust_target, version};

use super::Done;

/// Say what this machine has for panels, and what it lacks for what
///
/// Looks for the compilers that `xmap new` has templates for, and for serial ports. WebAssembly's text needs
/// none of them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap doctor
  xmap doctor --json")]
pub(super) struct Args {
    /// Print one JSON object a line, for scripts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    for tool in TOOLS {
        let version = version(tool, Path::new("."));
        row(args, out, tool.name, tool.what, version.as_deref(), tool.get)?;
        if tool.name == "cargo" {
            let found = has_rust_target() == Some(true);
            let get = format!("`rustup target add {RUST_TARGET}`");
            row(
                args,
                out,
                "target",
                "Rust: what panels are compiled for",
                found.then_some(RUST_TARGET),
                &get,
            )?;
        }
    }
    let ports: Vec<String> = PortName::serial_ports().iter().map(ToString::to_string).collect();
    let found = (!ports.is_empty()).then(|| ports.join(", "));
    row(
        args,
        out,
        "serial port",
        "a board on a cable",
        found.as_deref(),
        "plug it in; on Linux join the group of the port",
    )
}

fn row(args: &Args, out: &mut dyn Write, name: &str, what: &str, found: Option<&str>, get: &str) -> Done {
    if args.json {
        let get = found.is_none().then_some(get);
        return Ok(writeln!(out, "{}", json!({ "name": name, "for": what, "found": found, "get": get }))?);
    }
    match found {
        Some(found) => writeln!(out, "{:<12} {found}", name)?,
        None => writeln!(out, "{:<12} missing, for {what}\n{:13}{get}", name, "")?,
    }
    Ok(())
}
