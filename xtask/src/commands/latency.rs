//! `cargo xtask bench --linux`: how long a call takes under Linux, beside rppal and the GPIO character
//! device.
//!
//! Two machines, one run: this one, where a page of memory stands in for the chip's registers, and Linux on
//! the emulated Pi, where the registers are the emulated chip's and rppal and the character device can be
//! had. Neither is a Pi.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use xmap_tools::linux::{GuestFile, Machine, Root};
use xmap_tools::{cargo, process, root, service};

use super::peers::{document, machine};

/// Calls of each way on this machine, and in the emulated Pi.
const CALLS: u32 = 1_000_000;
/// Calls over the socket in the emulated Pi, where one takes most of a millisecond.
const SOCKET_CALLS: u32 = 100_000;
const RUN_LIMIT: Duration = Duration::from_secs(40 * 60);
/// Ways that are timed; each has a row.
const WAYS: usize = 7;
const SECTION: &str = "linux";

/// A panel with one line, by which a call is one store.
const MANIFEST: &str = "module = { name = \"latency\", board = \"rpi4b\", wasm = \"lamp.wat\", version = 1 }\n\
    [pins]\n17 = { name = \"lamp\", mode = \"out\", safe = \"low\" }\n[exports]\nlamp = { params = [\"on: bool\"] }\n";
const WAT: &str = "(module (import \"gpio\" \"set\" (func $set (param i32 i32)))\n\
    (func (export \"lamp\") (param i32) (call $set (i32.const 17) (local.get 0))))\n";

/// Runs the rest of its arguments in a mount namespace where this machine looks like a Pi 4B to the service:
/// /proc/cpuinfo has its revision code, and /dev/gpiomem maps a page of memory. `$1` is a folder to make it
/// in.
const AS_A_PI: &str = r#"
if [ "$0" = inside ]; then
    set -e
    work="$1"
    shift
    mkdir "$work/dev"
    touch "$work/dev/null" "$work/dev/gpiomem"
    mount --bind /dev/null "$work/dev/null"
    mount --bind /dev/zero "$work/dev/gpiomem"
    printf 'Hardware\t: BCM2711\nRevision\t: c03114\n' > "$work/cpuinfo"
    mount --bind "$work/cpuinfo" /proc/cpuinfo
    mount --rbind "$work/dev" /dev
    exec "$@"
elif unshare --mount true; then
    exec unshare --mount sh -c "$AS_A_PI" inside "$@"
elif unshare --user --map-root-user --mount true; then
    exec unshare --user --map-root-user --mount sh -c "$AS_A_PI" inside "$@"
fi
echo "this machine allows no mount namespaces, in which a page of memory would be /dev/gpiomem" >&2
exit 1
"#;

/// Measures, prints, and commits if asked to.
pub(crate) fn run(bless: bool) -> Result<()> {
    let work = tempfile::Builder::new().prefix("xmap-latency-").tempdir()?;
    let panel = panel(work.path())?;
    let here = service::build_with_latency_for_this_machine()?;
    let there = service::build_with_latency()?;
    eprintln!("this machine ...");
    let host = on_this_machine(&here, &panel, work.path())?;
    eprintln!("the emulated Pi ...");
    let guest = in_the_emulated_pi(&there, &panel)?;
    let section = format!(
        "On this machine ({}), with a page of memory as the registers:\n\n{}\n\
         On Linux 6.1 in the emulated Pi 4B, with the emulated chip's registers. An emulator's times are no board's: what \
         they show is the ways beside each other, on the same kernel in the same run:\n\n{}\n{}",
        std::env::consts::ARCH,
        table(&host)?,
        table(&guest)?,
        machine::here()?
    );
    print!("{section}");
    if bless {
        document::write_section(SECTION, &section)?;
    }
    Ok(())
}

/// Compiles the panel and gives its image's bytes.
fn panel(work: &Path) -> Result<Vec<u8>> {
    fs::write(work.join("panel.toml"), MANIFEST)?;
    fs::write(work.join("lamp.wat"), WAT)?;
    let image = work.join("panel.xmap");
    let mut xmap = Command::new(cargo());
    xmap.args(["run", "--quiet", "--package", "xmap", "--", "build"]).current_dir(root());
    process::run(xmap.arg(work.join("panel.toml")).arg("-o").arg(&image), RUN_LIMIT)?;
    Ok(fs::read(image)?)
}

fn on_this_machine(programs: &Path, panel: &[u8], work: &Path) -> Result<String> {
    fs::write(work.join("panel.xmap"), panel)?;
    let mut latency = Command::new("sh");
    latency.env("AS_A_PI", AS_A_PI).args(["-c", AS_A_PI, "outside"]).arg(work);
    latency.arg(programs.join("latency")).arg("--calls").arg(CALLS.to_string());
    latency.arg("--panel").arg(work.join("panel.xmap")).arg("--service").arg(programs.join("xmapd"));
    latency.arg("--work").arg(work);
    process::run(&mut latency, RUN_LIMIT)
}

fn in_the_emulated_pi(programs: &Path, panel: &[u8]) -> Result<String> {
    let files = vec![
        GuestFile::program("opt/latency", fs::read(programs.join("latency"))?),
        GuestFile::program("opt/xmapd", fs::read(programs.join("xmapd"))?),
        GuestFile::new("opt/panel.xmap", panel),
    ];
    let mut guest = Machine { root: Root::Small, files, ports: Vec::new(), chips: Vec::new() }.boot()?;
    guest.sh(&format!(
        "mkdir /tmp/work; (/opt/latency --calls {CALLS} --socket-calls {SOCKET_CALLS} --panel /opt/panel.xmap \
         --service /opt/xmapd --work /tmp/work > /tmp/out 2>&1; echo $? > /tmp/done) &"
    ))?;
    guest.until("test -e /tmp/done", RUN_LIMIT)?;
    let said = guest.sh("cat /tmp/out")?;
    ensure!(guest.sh("cat /tmp/done")? == "0", "the measurement in the guest failed:\n{said}");
    Ok(said)
}

/// Returns what the program printed as a table. What a service logs is no line of it.
fn table(printed: &str) -> Result<String> {
    let mut table = String::from(
        "| way | calls | p50, ns | p99, ns | p99.9, ns | longest, ns |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let mut rows = 0;
    for line in printed.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            [_, _, _, _, _, _] => table += &format!("| {} |\n", fields.join(" | ")),
            [name, reason] => table += &format!("| {name} | none: {reason} | | | | |\n"),
            _ => continue,
        }
        rows += 1;
    }
    if rows < WAYS {
        bail!("the measurement did not come to its end:\n{printed}");
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_figures_or_reasons() {
        let line = "call\t10\t1\t2\t3\t4\n";
        let printed = format!("{line}xmapd 0.1.0\nrppal\tnot here: no chip\n{}", line.repeat(5));
        let table = table(&printed).unwrap();
        assert!(
            table.contains("\n| call | 10 | 1 | 2 | 3 | 4 |\n| rppal | none: not here: no chip | | | | |\n")
        );
        assert!(super::table("call\t1\t1\t1\t1\t1\n").is_err());
    }
}
