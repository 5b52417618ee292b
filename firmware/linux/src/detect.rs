//! Which board this is: the one module that touches rppal.
//!
//! rppal knows every Raspberry Pi by its revision code, device tree and `/proc/cpuinfo`. It is archived
//! upstream (July 2025), and everything else that it can do is done here by other means: the mapper
//! stores to the mapped registers itself, and edges come from the kernel's GPIO character device. So a change
//! to its fork `rpi-pal`, which has the same `system::DeviceInfo`, is a change of one line here and one in
//! `Cargo.toml`.

use rppal::system::{DeviceInfo, SoC};

use crate::error::{Code, Error, Result};

/// Makes sure that this machine has the chip whose registers the service writes. Returns the board's name.
///
/// # Errors
/// [`Code::Board`] where it has another one, or cannot be recognised.
pub fn detect() -> Result<String> {
    let help = "`xmapd --registers FILE` runs anywhere, with a file in the place of the chip";
    let info = DeviceInfo::new()
        .map_err(|_| Error::new(Code::Board, "this machine is not a Raspberry Pi 4B").help(help))?;
    match info.soc() {
        SoC::Bcm2711 => Ok(info.model().to_string()),
        soc => {
            let message = format!("{} with a {soc} is not a Raspberry Pi 4B with a BCM2711", info.model());
            Err(Error::new(Code::Board, message).help(help))
        }
    }
}
