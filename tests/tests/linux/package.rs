//! The package as a machine has it: Debian's dpkg installs it and Debian's systemd runs its unit, on a real
//! arm64 kernel in the emulated Pi. One boot, from the installation to the purge, with a lamp that stays on
//! from the first call to the end.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use xmap_client::Switch;
use xmap_image::OwnedImage;
use xmap_link::Life;
use xmap_tools::linux::{Guest, GuestFile, Machine, Root, Store};
use xmap_tools::{deb, dist, service};

use crate::panel::{GPCLR0, GPFSEL1, GPSET0, HIGH, Host, LAMP, LIMIT, LOW, image, of_the_package};

const PORT: u16 = 7000;
/// Of their own, as tests run side by side.
const VERSIONS: [&str; 3] = ["0.0.2-1", "0.0.3-1", "0.0.4-1"];
/// The registers that drive lines; the others select functions and pulls.
const DRIVES: RangeInclusive<u16> = 0x1c..=0x2c;
/// What systemd leaves root: CAP_IPC_LOCK is bit 14, CAP_SYS_RAWIO bit 17, CAP_SYS_NICE bit 23.
const CAPABILITIES: u64 = 1 << 14 | 1 << 17 | 1 << 23;

/// A program that says `reached` where a member of no group but this one may open the link.
const AS_NOBODY: &str = r#"reached() {
    perl -MIO::Socket::UNIX -e '
        $group = getgrnam shift; ($(, $)) = ($group, "$group $group"); ($<, $>) = (65534, 65534);
        print IO::Socket::UNIX->new("/run/xmap/xmapd.sock") ? "reached" : "refused: $!"' "$1"
}
"#;

fn packed(program: &Path, panel: &[u8], version: &str) -> GuestFile {
    let package: PathBuf =
        deb::pack(program, panel, version).unwrap_or_else(|error| panic!("{version}: {error:#}"));
    GuestFile::new(format!("opt/{version}.deb"), std::fs::read(package).unwrap())
}

/// A program that asks the gateway for a path with a token.
const ASKS: &str = r#"ask() {
    perl -MIO::Socket::INET -e '
        $socket = IO::Socket::INET->new("127.0.0.1:8021") or die "refused: $!";
        print $socket "$ARGV[0] $ARGV[1] HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n";
        print $socket "Authorization: Bearer $ARGV[2]\r\n\r\n";
        print while <$socket>' "$1" "$2" "$3"
}
token() { xmap-serve --token-of /etc/xmap/people.key; }
"#;

/// The machine that the package is installed on.
struct Pi(Guest);

impl Pi {
    fn sh(&mut self, command: &str) -> String {
        match self.0.sh(command) {
            Ok(said) => said,
            Err(error) => panic!("{error:#}\n{}", self.journal()),
        }
    }

    fn until(&mut self, command: &str) {
        if let Err(error) = self.0.until(command, LIMIT) {
            panic!("{error:#}\n{}", self.journal());
        }
    }

    fn journal(&mut self) -> String {
        self.0.run("journalctl --no-pager -o short-monotonic -u xmapd | tail -n 40").unwrap().text
    }

    fn pid(&mut self) -> u32 {
        self.sh("systemctl show --value -p MainPID xmapd").parse().unwrap()
    }

    fn install(&mut self, version: &str) {
        self.sh(&format!("dpkg -i /opt/{version}.deb"));
        assert_eq!(
            self.sh("dpkg-query -W -f '${Version} ${db:Status-Status}' xmapd"),
            format!("{version} installed")
        );
        // Its start waits for the unit to be ready.
        assert_eq!(self.sh("systemctl is-active xmapd"), "active");
    }

    fn host(&self) -> Host {
        Host::connect(&format!("tcp:127.0.0.1:{}", self.0.port(PORT).unwrap()))
    }

    /// systemd has started the service again for the nth time.
    fn restarted(&mut self, times: u32) {
        self.until(&format!(
            "test $(systemctl show --value -p NRestarts xmapd) = {times} && systemctl is-active xmapd ||
            {{ sleep 0.5; false; }}"
        ));
    }

    /// The registers say that the lamp is on, and the emulator that no store since the last look could have
    /// put it out. Gives those that drove other lines.
    fn asserts_lamp(&mut self, others: u32) -> Vec<(u16, u32)> {
        assert_eq!(self.0.levels().unwrap() & (LAMP | LOW | HIGH), LAMP | others);
        let mut drives = Vec::new();
        for Store { offset, value } in self.0.stores().unwrap() {
            assert!(offset != GPFSEL1 || value >> 21 & 7 == 1, "the lamp's line was no output");
            if DRIVES.contains(&offset) {
                assert_eq!(value & LAMP, 0, "the lamp was driven: {offset:#x}");
                drives.push((offset, value));
            }
        }
        drives
    }

    /// The same, of a service that has started again, and may have stopped in order before: the panel from
    /// the slot runs, and the others of its lines were made safe.
    fn asserts_takes_over(&mut self) {
        let mut host = self.host();
        assert_eq!(host.version(), Some(2));
        host.asserts_runs();
        let drives = self.asserts_lamp(HIGH);
        let made_safe = |pair: &[(u16, u32)]| pair == [(GPCLR0, LOW), (GPSET0, HIGH)];
        assert!(!drives.is_empty() && drives.chunks(2).all(made_safe), "{drives:x?}");
        host.call("low", &[1]);
        assert_eq!(self.asserts_lamp(HIGH | LOW), [(GPSET0, LOW)]);
    }
}

#[test]
fn dpkg_installs_it_and_systemd_keeps_it_running() {
    let program = service::build().unwrap();
    let hosts = service::build_hosts().and_then(|(gateway, command_line)| {
        Ok((deb::pack_gateway(&gateway, VERSIONS[0])?, dist::pack_for_the_pi(&command_line)?))
    });
    let (gateway, command_line) = hosts.unwrap_or_else(|error| panic!("{error:#}"));
    let fresh = deb::pack(&program, &of_the_package(), VERSIONS[2]).unwrap();
    let mut files = dist::guest_files(&command_line, &fresh).unwrap();
    files.extend([
        packed(&program, &of_the_package(), VERSIONS[0]),
        // Its default panel is another one, which the image in the slot goes before.
        packed(&program, &image(9), VERSIONS[1]),
        GuestFile::new("opt/gateway.deb", std::fs::read(gateway).unwrap()),
    ]);
    let machine = Machine { root: Root::Debian, files, ports: vec![PORT], chips: Vec::new() };
    let mut pi = Pi(machine.boot().unwrap());

    pi.install(VERSIONS[0]);
    is_what_the_unit_says(&mut pi);
    may_be_reached_by_its_group_alone(&mut pi);
    serves_it_over_http(&mut pi);

    // The owner lets it listen on TCP.
    pi.sh("sed -i 's/^# tcp = .*/tcp = \"0.0.0.0:7000\"/' /etc/xmap/xmapd.toml
        xmapd --check && systemctl restart xmapd");
    let mut host = pi.host();
    assert_eq!(host.0.hello().features & xmap_link::features::SIMULATED, 0, "these are the chip's registers");
    assert_eq!((host.version(), host.0.module(0).unwrap().unwrap().life), (Some(1), Life::Running));
    host.call("seconds", &[]);

    // Another panel, which counts as good after its trial; then it is in the slot.
    pi.0.watch().unwrap();
    let lamp = OwnedImage::from_bytes(&image(2)).unwrap();
    let switch: Switch = host.0.swap(0, &lamp.image(), &mut |_| ()).unwrap();
    assert!(switch.is_ok(), "{switch:?}");
    host.asserts_runs();
    pi.until("test -s /var/lib/xmap/image-0.a");
    host.call("low", &[1]);
    host.call("lamp", &[1]);
    assert_eq!(pi.0.levels().unwrap() & (LAMP | LOW | HIGH), LAMP | LOW | HIGH);
    let drives = pi.0.stores().unwrap().into_iter().map(|Store { offset, value }| (offset, value));
    let drives: Vec<_> = drives.filter(|(offset, _)| DRIVES.contains(offset)).collect();
    assert_eq!(drives, [(GPCLR0, LAMP), (GPCLR0, LOW), (GPSET0, HIGH), (GPSET0, LOW), (GPSET0, LAMP)]);
    assert_eq!(host.recorded(), drives, "the service recorded what the emulator saw");
    drop(host);

    // Killed: systemd starts it again.
    let pid = pi.pid();
    pi.sh(&format!("kill -KILL {pid}"));
    pi.restarted(1);
    // What the killed one was told.
    pi.until("test -s /var/lib/xmap/recording.before.xrec");
    assert_eq!(pi.sh("stat -c %a /var/lib/xmap/recording.before.xrec").trim(), "640");
    pi.asserts_takes_over();

    // Stopped, as one that hangs: systemd misses the signs of life, ends it and starts it again.
    let pid = pi.pid();
    pi.sh(&format!("kill -STOP {pid}"));
    pi.restarted(2);
    assert_ne!(pi.pid(), pid);
    pi.sh("journalctl --no-pager -u xmapd | grep 'Watchdog timeout (limit 10s)'");
    pi.asserts_takes_over();

    // An upgrade: the owner's configuration, the panel in the slot and the lamp stay.
    let pid = pi.pid();
    pi.install(VERSIONS[1]);
    assert_ne!(pi.pid(), pid, "the new program runs");
    pi.sh("grep '^tcp = \"0.0.0.0:7000\"' /etc/xmap/xmapd.toml");
    pi.asserts_takes_over();

    // A removal stops it in order; what it has kept goes with a purge alone.
    pi.sh("dpkg -r xmapd");
    assert_eq!(pi.sh("systemctl is-active xmapd || true"), "inactive");
    pi.sh("test ! -e /usr/sbin/xmapd && test ! -e /run/xmap && test -s /var/lib/xmap/image-0.a");
    pi.sh("test -e /etc/xmap/xmapd.toml");
    pi.asserts_lamp(HIGH);
    pi.sh("dpkg -P xmapd");
    pi.sh("test ! -e /var/lib/xmap && test ! -e /etc/xmap");
    pi.sh("! find /etc/systemd /var/lib/systemd -name '*xmapd*' | grep .");
    pi.asserts_lamp(HIGH);

    // The packages of a release, on a machine that has had the service.
    let used = dist::use_packages(&mut pi.0);
    used.unwrap_or_else(|error| panic!("{error:#}\n{}", pi.journal()));
}

/// systemd runs what the unit's file says, and the kernel holds the process to it.
fn is_what_the_unit_says(pi: &mut Pi) {
    assert_eq!(pi.sh("systemctl is-enabled xmapd"), "enabled");
    let properties = pi.sh("systemctl show xmapd");
    for property in [
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogUSec=10s",
        "Restart=always",
        "NRestarts=0",
        "DevicePolicy=closed",
        "StatusText=serving, 1 of 4 modules mounted",
    ] {
        assert!(properties.lines().any(|line| line == property), "no {property}:\n{properties}");
    }
    let pid = pi.pid();
    let status = pi.sh(&format!("cat /proc/{pid}/status"));
    let number = |name: &str, radix| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = value.and_then(|value| value.split_whitespace().next());
        u64::from_str_radix(value.unwrap_or_else(|| panic!("no {name}:\n{status}")), radix).unwrap()
    };
    for set in ["CapBnd", "CapPrm", "CapEff"] {
        assert_eq!(number(set, 16), CAPABILITIES, "{set}");
    }
    assert_eq!(number("NoNewPrivs", 10), 1);
    assert_eq!(number("Seccomp", 10), 2, "a filter of system calls");
    assert_eq!(number("Umask", 8), 0o027);
    assert!(number("VmLck", 10) > 0, "memory is locked");
    // What it sees of the machine's files: only its own folders may be written to.
    let mounts = pi.sh(&format!("cut -d' ' -f5,6 /proc/{pid}/mountinfo"));
    let of = |path: &str| {
        let found = mounts.lines().rev().find_map(|line| line.strip_prefix(path)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {path}:\n{mounts}")).split(',').next().unwrap().to_owned()
    };
    assert_eq!(["/", "/var/lib/xmap", "/run/xmap"].map(of), ["ro", "rw", "rw"], "{mounts}");
    // SCHED_FIFO (1) at priority 50: the fields 41 and 40 of /proc/PID/stat.
    assert_eq!(pi.sh(&format!("cut -d' ' -f40,41 /proc/{pid}/stat")), "50 1");
    // Warnings are those of a device without keys and owner, none of something that is not permitted.
    let warnings = pi.sh("journalctl --no-pager -o cat -u xmapd -p warning");
    let known = |line: &str| line.starts_with("OPEN device") || line.starts_with("DEVELOPMENT device");
    assert!(warnings.lines().count() == 2 && warnings.lines().all(known), "{warnings}");
    let said = pi.sh("journalctl --no-pager -o cat -u xmapd");
    assert!(said.contains("Raspberry Pi 4 B: the chip's registers are mapped"), "{said}");
    // Neither systemd nor udev ignores a line of what was installed.
    pi.sh("! journalctl --no-pager -o cat | grep -E 'xmapd.service:[0-9]|60-xmapd.rules:[0-9]'");
    // udev has given the chip's lines to their group. This kernel has no /dev/gpiomem.
    pi.until("test \"$(stat -c '%U %G %a' /dev/gpiochip0)\" = 'root gpio 660'");
}

fn may_be_reached_by_its_group_alone(pi: &mut Pi) {
    assert_eq!(pi.sh("stat -c '%G %a' /run/xmap/xmapd.sock /run/xmap"), "xmap 660\nxmap 750");
    for (group, expected) in [("xmap", "reached"), ("nogroup", "refused: Permission denied")] {
        assert_eq!(pi.sh(&format!("{AS_NOBODY}reached {group}")), expected);
    }
}

/// The gateway's package beside it: ready, held to what its unit says, started again when it is killed or
/// hangs, and gone without a trace. The panel does not notice.
fn serves_it_over_http(pi: &mut Pi) {
    let panel = pi.pid();
    pi.sh("dpkg -i /opt/gateway.deb");
    assert_eq!(
        pi.sh("systemctl is-active xmap-gateway; systemctl is-enabled xmap-gateway"),
        "active\nenabled"
    );
    let properties = pi.sh("systemctl show xmap-gateway");
    for property in [
        "Type=notify",
        "WatchdogUSec=30s",
        "Restart=always",
        "User=xmap-gateway",
        "DevicePolicy=closed",
        "StatusText=serving 1 devices at 127.0.0.1:8021",
    ] {
        assert!(properties.lines().any(|line| line == property), "no {property}:\n{properties}");
    }
    let pid = "$(systemctl show --value -p MainPID xmap-gateway)";
    let status = pi.sh(&format!("cat /proc/{pid}/status"));
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.lines().any(|of| of == line), "no {line}:\n{status}");
    }
    let here = format!(
        "{ASKS}ask GET /v1/devices/here \"$(token)\" | grep '\"online\":true' || {{ sleep 0.5; false; }}"
    );
    pi.until(&here);
    // Nobody is answered without the token, and its key is the gateway's alone.
    pi.sh(&format!("{ASKS}ask GET /v1/devices nothing | grep '401 Unauthorized'"));
    assert_eq!(pi.sh("stat -c '%U %a' /etc/xmap/people.key"), "xmap-gateway 600");
    for (times, signal) in [(1, "KILL"), (2, "STOP")] {
        pi.sh(&format!("kill -{signal} {pid}"));
        pi.until(&format!(
            "test $(systemctl show --value -p NRestarts xmap-gateway) = {times} &&
            systemctl is-active xmap-gateway || {{ sleep 0.5; false; }}"
        ));
        pi.until(&here);
    }
    pi.sh("! journalctl --no-pager -o cat | grep -E 'xmap-gateway.service:[0-9]'");
    pi.sh("dpkg -P xmap-gateway");
    pi.sh(
        "test ! -e /var/lib/xmap-gateway && test ! -e /etc/xmap/people.key && test -e /etc/xmap/xmapd.toml",
    );
    assert_eq!(pi.pid(), panel, "the panel did not notice");
}
