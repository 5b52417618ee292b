//! The quick loop: the same arm64 program, as the package installs it, by qemu-user. It runs in a root of its
//! own, where in a mount namespace a file of registers is /dev/gpiomem; a second for a start, and no kernel
//! to boot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;
use xmap_link::features;
use xmap_tools::linux::user_emulator;
use xmap_tools::{deb, process, service};

use crate::panel::{GPCLR0, GPFSEL1, GPSET0, HIGH, Host, LAMP, LIMIT, LOW, image, of_the_package};

const GPLEV0: usize = 0x34;
/// Of its own, as tests run side by side.
const USER_VERSION: &str = "0.0.1-1";

/// Makes the namespace and runs the service in it; `$1` is the root. A machine that allows no namespaces (a
/// container may not) has the file in its place all the same, and says so.
const SCRIPT: &str = r#"
enter() {
    exec chroot "$1" /usr/bin/qemu-aarch64 /usr/sbin/xmapd --registers /dev/gpiomem
}
if [ "$2" = inside ]; then
    set -e
    mount --rbind /proc "$1/proc"
    mount -t tmpfs none "$1/dev"
    : > "$1/dev/gpiomem"
    mount --bind "$1/registers" "$1/dev/gpiomem"
    enter "$1"
elif unshare --mount true; then
    exec unshare --mount sh "$0" "$1" inside
elif unshare --user --map-root-user --mount true; then
    exec unshare --user --map-root-user --mount sh "$0" "$1" inside
else
    echo "no mount namespaces on this machine: a link stands in for /dev/gpiomem"
    ln -sf ../registers "$1/dev/gpiomem"
    enter "$1"
fi
"#;

/// The package, built once.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let packed =
            service::build().and_then(|program| deb::pack(&program, &of_the_package(), USER_VERSION));
        packed.unwrap_or_else(|error| panic!("{error:#}"))
    })
}

/// An installed service. It ends with this.
struct Service {
    root: TempDir,
    child: Option<Child>,
}

impl Service {
    /// Unpacks the package into a root of its own, with this panel in the place of the one that came along.
    fn install(panel: Option<&[u8]>) -> Self {
        let root = tempfile::tempdir().unwrap();
        process::run(Command::new("dpkg-deb").arg("-x").arg(package()).arg(root.path()), LIMIT).unwrap();
        for folder in ["proc", "dev", "run/xmap", "var/lib/xmap", "usr/bin"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("registers"), [0; 4096]).unwrap();
        if let Some(panel) = panel {
            fs::write(root.path().join("usr/share/xmap/panel.xmap"), panel).unwrap();
        }
        fs::write(root.path().join("start"), SCRIPT).unwrap();
        let emulator = user_emulator().unwrap_or_else(|error| panic!("{error:#}"));
        fs::copy(emulator, root.path().join("usr/bin/qemu-aarch64")).unwrap();
        Self { root, child: None }
    }

    fn start(&mut self) -> Host {
        let log = fs::File::create(self.root.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.arg(self.root.path().join("start")).arg(self.root.path()).stdin(Stdio::null());
        self.child = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let socket = self.root.path().join("run/xmap/xmapd.sock");
        let start = std::time::Instant::now();
        while !self.said().contains("listening on") {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && start.elapsed() < LIMIT, "{ended:?}: {}", self.said());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Host::connect(&format!("unix:{}", socket.display()))
    }

    /// Waits until the service has said something: its words come on another way than its answers.
    fn says(&self, what: &str) {
        let start = std::time::Instant::now();
        while !self.said().contains(what) {
            assert!(start.elapsed() < LIMIT, "{}", self.said());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.root.path().join("log")).unwrap_or_default()
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// A register, as the file has it.
    fn register(&self, offset: usize) -> u32 {
        let bytes = fs::read(self.root.path().join("registers")).unwrap();
        u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn the_installed_program_runs_by_qemu_user() {
    let mut service = Service::install(Some(&image(1)));
    let mut host = service.start();
    assert_eq!(host.version(), Some(1));
    host.asserts_runs();
    host.call("lamp", &[1]);
    assert_eq!(service.register(GPLEV0) & (LAMP | LOW | HIGH), LAMP | HIGH);
    assert_eq!(service.register(usize::from(GPFSEL1)) >> 21 & 7, 1);
    let recorded = host.recorded();
    assert_eq!(recorded, [(GPCLR0, LAMP), (GPCLR0, LOW), (GPSET0, HIGH), (GPSET0, LAMP)]);

    service.kill();
    assert_eq!(service.register(GPLEV0) & (LAMP | LOW | HIGH), LAMP | HIGH);
    let mut host = service.start();
    host.asserts_runs();
    assert_eq!(host.recorded(), [(GPCLR0, LOW), (GPSET0, HIGH)], "no store to the lamp");
    assert_eq!(service.register(GPLEV0) & (LAMP | LOW | HIGH), LAMP | HIGH);
}

#[test]
fn the_panel_of_the_package_runs_and_drives_nothing() {
    let mut service = Service::install(None);
    let mut host = service.start();
    assert_eq!(host.version(), Some(1));
    let start = std::time::Instant::now();
    while host.call("seconds", &[]) == [0] {
        assert!(start.elapsed() < LIMIT);
    }
    assert_eq!(host.recorded(), []);
    assert_eq!((service.register(usize::from(GPFSEL1)), service.register(GPLEV0)), (0, 0));
}

/// The same panel as machine code: the same stores, and its counter counts.
#[test]
fn the_installed_program_runs_machine_code() {
    let mut service = Service::install(Some(&image(1)));
    let config = service.root.path().join("etc/xmap/xmapd.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("native = true\n{text}")).unwrap();
    let mut host = service.start();
    host.asserts_runs();
    service.says("machine code of ");
    assert_ne!(host.0.hello().features & features::MACHINE_CODE, 0);
    host.call("lamp", &[1]);
    let start = std::time::Instant::now();
    while host.call("ticks", &[]) < vec![3] {
        assert!(start.elapsed() < LIMIT);
    }
    assert_eq!(host.recorded(), [(GPCLR0, LAMP), (GPCLR0, LOW), (GPSET0, HIGH), (GPSET0, LAMP)]);
    // It is made anew for an image that the service finds in its slot.
    service.kill();
    let mut host = service.start();
    host.asserts_runs();
    service.says("machine code of ");
}
