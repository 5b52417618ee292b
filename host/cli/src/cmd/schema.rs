//! `xmap schema`: what editors complete and check configuration files with.

use std::io::Write;

use clap::ValueEnum;

use super::Done;

/// Print the JSON schema of a configuration file, for editors
///
/// docs/editors.md says how editors are given it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap schema panel > panel.schema.json
  xmap schema policy
  xmap schema xmapd
  xmap schema gateway")]
pub(super) struct Args {
    /// Which file
    #[arg(value_enum)]
    file: File,
}

#[derive(Clone, Copy, ValueEnum)]
enum File {
    /// panel.toml, the manifest of a panel
    Panel,
    /// policy.toml, whose images a device takes
    Policy,
    /// xmapd.toml, the service under Linux
    Xmapd,
    /// gateway.toml, the devices of a gateway
    Gateway,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let schema = match args.file {
        File::Panel => xmap_compiler::manifest::schema(),
        File::Policy => xmap_keys::policy_schema(),
        File::Xmapd => include_str!("../../files/xmapd.schema.json").to_string(),
        File::Gateway => include_str!("../../files/gateway.schema.json").to_string(),
    };
    Ok(write!(out, "{schema}")?)
}
