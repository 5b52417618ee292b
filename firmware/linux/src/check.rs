//! `xmapd --check`: the configuration and the files that it names, without starting anything.

use std::fs;
use std::path::Path;

use xmap_device::Trust as _;

use crate::config::{Config, RegistersAt};
use crate::error::{Code, Error, Result};
use crate::keep::DiskMemory;
use crate::mount::DefaultPanel;
use crate::owner::{Door, owner};

/// Looks at every file that the configuration names.
///
/// # Errors
/// The first one that the service could not use.
pub fn check(config: &Config) -> Result<()> {
    Door::open(config)?;
    // A start goes on without a policy that holds, so that one can be sent; whoever asks here wants to know.
    let owner = owner(config, DiskMemory::default())?;
    if let (Some(owner), Some(trust)) = (&owner, &config.trust)
        && owner.policy().is_none_or(|policy| policy.version == 0)
    {
        let message = format!("{}: does not open with the root key of trust.root", trust.policy.display());
        return Err(Error::new(Code::Keys, message));
    }
    if let Some(panel) = &config.panel {
        DefaultPanel::read(panel).map_err(|unusable| unusable.error)?;
    }
    let there = |path: &Path, code: Code| match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::new(code, format!("{}: {error}", path.display()))),
    };
    if let RegistersAt::Chip(Some(device)) = &config.registers {
        there(device, Code::Registers)?;
    }
    if let Some(chip) = &config.gpiochip {
        there(chip, Code::Registers)?;
    }
    // A folder that is not there is made; what stands in its place is not removed.
    match config.state.as_deref().map(fs::metadata) {
        Some(Ok(metadata)) if !metadata.is_dir() => {
            let path = config.state.as_deref().unwrap_or(Path::new("")).display();
            Err(Error::new(Code::State, format!("{path}: not a folder")))
        }
        _ => Ok(()),
    }
}
