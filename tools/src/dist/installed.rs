//! The packages of a release where they are used: Debian's dpkg installs them on the emulated Pi, and a panel
//! goes from `xmap new` to the service's lines there.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::debian::read;
use crate::linux::{Guest, GuestFile, Machine, Root};

/// Where the packages are in the guest.
const COMMAND_LINE: &str = "opt/release/xmap.deb";
const SERVICE: &str = "opt/release/xmapd.deb";

const START_LIMIT: Duration = Duration::from_secs(120);

/// The line of the lamp of a panel that `xmap new` begins, in the registers that drive lines.
const LAMP: u32 = 1 << 17;
const GPSET0: u16 = 0x1c;
const GPCLR0: u16 = 0x28;

/// What the command line's package has beside the program, below /usr/share.
const FILES: [&str; 8] = [
    "man/man1/xmap.1.gz",
    "man/man1/xmap-swap.1.gz",
    "bash-completion/completions/xmap",
    "zsh/vendor-completions/_xmap",
    "fish/vendor_completions.d/xmap.fish",
    "doc/xmap/completions/_xmap.ps1",
    "doc/xmap/copyright",
    "doc/xmap/docs/tutorial.md",
];

/// Returns the files of a guest in which [`use_packages`] installs these packages.
///
/// # Errors
///
/// A package cannot be read.
pub fn guest_files(command_line: &Path, service: &Path) -> Result<Vec<GuestFile>> {
    Ok(vec![GuestFile::new(COMMAND_LINE, read(command_line)?), GuestFile::new(SERVICE, read(service)?)])
}

/// Boots the emulated Debian and uses the packages in it.
///
/// # Errors
///
/// It does not boot, or as [`use_packages`].
pub(super) fn try_packages(command_line: &Path, service: &Path) -> Result<String> {
    let files = guest_files(command_line, service)?;
    use_packages(&mut Machine { root: Root::Debian, files, ports: Vec::new(), chips: Vec::new() }.boot()?)
}

/// Installs the packages of [`guest_files`], takes a panel from its beginning to the lamp on the line, and
/// purges both packages. Returns what was seen, in one line.
///
/// # Errors
///
/// A command fails or says another thing than it should; the error has what it printed.
pub fn use_packages(guest: &mut Guest) -> Result<String> {
    guest.sh(&format!("dpkg -i /{SERVICE} /{COMMAND_LINE}"))?;
    let version = guest.sh("xmap --version")?;
    for file in FILES {
        guest.sh(&format!("test -s /usr/share/{file}"))?;
    }

    // A panel of one's own, and one that came along.
    guest.sh("cd /root && xmap new hall --lang wat")?;
    says(guest, "xmap test /root/hall", "2 passed, 0 failed")?;
    says(guest, "xmap build /root/hall/panel.toml -o /root/hall.xmap", "wrote /root/hall.xmap")?;
    says(guest, "xmap build /usr/share/doc/xmap/examples/wat/panel.toml -o /root/sample.xmap", "wrote")?;

    // Onto the service, in the place of the panel that its package brings. Nobody can be asked here.
    let port = "--port unix:/run/xmap/xmapd.sock";
    guest.until(&format!("xmap status {port} || {{ sleep 0.5; false; }}"), START_LIMIT)?;
    let swap = format!("xmap swap /root/hall/panel.toml {port}");
    let refused = guest.run(&swap)?;
    ensure!(refused.status == 1 && refused.text.contains("X0927"), "{}: {}", refused.status, refused.text);
    says(guest, &format!("{swap} --replace --confirm"), "hall")?;
    says(guest, &format!("xmap status {port}"), "hall")?;
    guest.watch()?;
    guest.sh(&format!("xmap call {port} blink true"))?;
    blinks(guest)?;

    guest.sh("dpkg -P xmap xmapd")?;
    guest
        .sh("for path in bin/xmap share/doc/xmap share/man/man1/xmap.1.gz; do test ! -e /usr/$path; done")?;
    Ok(format!("{version}: installed in the emulated Debian, where a panel was begun, tested and swapped"))
}

/// Waits until the emulator has seen the lamp go on and off.
fn blinks(guest: &mut Guest) -> Result<()> {
    let start = Instant::now();
    let (mut on, mut off) = (false, false);
    while !(on && off) {
        ensure!(start.elapsed() < START_LIMIT, "the lamp does not blink: on {on}, off {off}");
        for store in guest.stores()?.into_iter().filter(|store| store.value & LAMP != 0) {
            on |= store.offset == GPSET0;
            off |= store.offset == GPCLR0;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Runs a command that has to succeed and to print this.
fn says(guest: &mut Guest, command: &str, expected: &str) -> Result<()> {
    let said = guest.sh(command)?;
    ensure!(said.contains(expected), "`{command}` did not say {expected:?}:\n{said}");
    Ok(())
}
