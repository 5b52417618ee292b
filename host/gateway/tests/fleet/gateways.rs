//! Gateways as the programs that they are, each for a part of the fleet, and killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use xmap_keys::roles::make_role_key;
use xmap_link::{Pattern, Role};

use crate::devices::Simulated;
use crate::server::TOKEN;

/// A gateway, which comes back after each kill.
pub(crate) struct Gateway {
    config: PathBuf,
    process: Child,
}

impl Gateway {
    /// Starts one for these devices, in a folder of its own. `broker` is a port.
    pub(crate) fn start(
        folder: &Path,
        devices: &[Arc<Simulated>],
        server: &str,
        broker: Option<u16>,
        look_s: u64,
    ) -> Self {
        fs::create_dir(folder).unwrap();
        make_role_key(&folder.join("all.key"), Role::Operate, &[Pattern::new("*").unwrap()]).unwrap();
        fs::write(folder.join("fleet.token"), TOKEN).unwrap();
        let mut text = format!(
            "listen = \"127.0.0.1:0\"\n[[token]]\nname = \"all\"\nkey = \"all.key\"\n\
             [fleet]\nserver = \"http://{server}\"\ntoken_file = \"fleet.token\"\nstate = \"state\"\n"
        );
        if let Some(port) = broker {
            let prefix = folder.file_name().unwrap().to_str().unwrap();
            text += &format!(
                "[mqtt]\nbroker = \"127.0.0.1:{port}\"\nkey = \"all.key\"\nprefix = {prefix:?}\ndiscovery = \"\"\n"
            );
        }
        for device in devices {
            let port = format!("unix:{}", device.socket.display());
            text += &format!("[[device]]\nname = {:?}\nport = {port:?}\nlook_s = {look_s}\n", device.name);
        }
        let config = folder.join("gateway.toml");
        fs::write(&config, text).unwrap();
        let process = run(&config);
        Self { config, process }
    }

    /// Kills it without a word, and starts another one in its place.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = run(&self.config);
    }

    /// Megabytes that it has in memory.
    pub(crate) fn resident_mb(&self) -> f64 {
        let path = format!("/proc/{}/statm", self.process.id());
        let pages = fs::read_to_string(path).unwrap();
        pages.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1e6
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn run(config: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmap-serve"));
    command.arg("--config").arg(config).stdout(Stdio::null()).spawn().unwrap()
}
