//! `xmap keygen`: a key to sign images with, or one to talk to a device with.

use std::io::Write;
use std::path::PathBuf;

use xmap_keys::{self as keys, roles};
use xmap_link::limits::MAX_NAME;
use xmap_link::{Pattern, Role};

use super::Done;

/// Make a key that signs images, or one that a device asks its callers for
///
/// Writes the secret to a file that only its owner may read. Of a signing key it prints the public half,
/// which a policy names; a role key goes whole into the device's table (`xmap keys`). The secret is never
/// printed, and no file is written over.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap keygen -o hall.key
  xmap sign panel.xmap --key hall.key --origin usb
  xmap keygen --role call --allow 'panel.*' -o anna.key
  xmap keys device.keys --add anna.key
  xmap call --port /dev/ttyUSB0 --key anna.key lamp_on")]
pub(super) struct Args {
    /// Where the secret key goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Make a role key: observe, call, operate or own, each with what those before it may
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Option<Role>,
    /// Exports that the role key may call, by key: `panel.*`, or `*` for all; may be given again [default:
    /// none]
    #[arg(long, value_name = "PATTERN", value_parser = pattern, requires = "role")]
    allow: Vec<Pattern>,
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "expected observe, call, operate or own".into())
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).ok_or_else(|| format!("expected 1 to {MAX_NAME} bytes without control characters"))
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    if let Some(role) = args.role {
        let key = roles::make_role_key(&args.output, role, &args.allow)?;
        writeln!(out, "role      {role}")?;
        for pattern in &key.exports {
            writeln!(out, "allow     {}", pattern.as_str())?;
        }
        writeln!(out, "id        {}\nwrote {}", key.secret.id(), args.output.display())?;
        return Ok(());
    }
    let public = keys::make_key(&args.output)?.public();
    writeln!(out, "public    {public}\nid        {}\nwrote {}", public.id(), args.output.display())?;
    Ok(())
}
