//! `xmap status`: how a device is.

use std::io::Write;

use xmap::text::{clock_report, json, kept_report, limits_report, module_table, notes, report, trust_report};
use xmap_link::TrapReport;

use super::Done;
use super::reach::{Device, MapFiles, hint_at_maps, learn_keys};

/// Show a device: board, firmware, image, counters and modules
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap status --port /dev/ttyUSB0
  xmap status --port tcp:127.0.0.1:5555 --map panel.xmap.map
  xmap status --port /dev/ttyUSB0 --json | jq '.modules[].life'")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    maps: MapFiles,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut maps = args.maps.read()?;
    let mut client = args.device.connect()?;
    let status = client.status()?;
    let trust = client.trust()?;
    let hosts = client.host_counts()?;
    let limits = client.limits()?;
    let modules = if client.has_modules() { client.modules()? } else { Vec::new() };
    let running = modules.iter().filter_map(|module| module.image).chain(client.hello().image);
    args.maps.hold_against(&maps, running);
    let kept = client.kept()?;
    let traps = modules.iter().filter_map(|module| Some((module.module, module.trap?)));
    let mounting = status.image.trap().map(|trap| (0, *trap));
    let traps: Vec<(u8, TrapReport)> = traps.chain(mounting).collect();
    learn_keys(&mut client, &mut maps, traps.iter().copied())?;
    hint_at_maps(&maps, traps.iter().map(|(_, trap)| trap));
    let clock = client.clock()?;
    if args.device.wire.json {
        let mut object = json::hello(client.hello());
        object["access"] = json::access(client.admission());
        object["trust"] = json::trust(trust.as_ref());
        object["limits"] = json::limits(limits.as_deref());
        object["status"] = json::status(&status, &maps);
        object["hosts"] = json::hosts(&hosts);
        object["clock"] = json::clock(clock.as_ref());
        object["kept"] = json::kept(kept.as_ref(), &modules);
        object["modules"] = modules.iter().map(|module| json::module(module, &maps)).collect();
        writeln!(out, "{object}")?;
        return Ok(());
    }
    write!(out, "{}", report(client.hello(), client.admission(), &status, &hosts, &maps))?;
    write!(out, "{}", clock_report(clock.as_ref()))?;
    write!(out, "{}", trust_report(trust.as_ref()))?;
    write!(out, "{}", kept_report(kept.as_ref(), &modules))?;
    write!(out, "{}", notes(&modules, &maps))?;
    if let Some(limits) = &limits {
        write!(out, "{}", limits_report(limits))?;
    }
    if !modules.is_empty() {
        write!(out, "\n{}", module_table(&modules, &maps))?;
    }
    Ok(())
}
