//! `xmap keys`: the table of role keys that a device has.

use std::io::Write;
use std::path::PathBuf;

use xmap::text::columns;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_keys::roles;
use xmap_link::{Pattern, RoleKeyId, RoleKeys};

use super::Done;

/// Show or change a device's table of role keys
///
/// The table says who may ask a device what. It goes to the device with its firmware, or to the daemon as a
/// file, and never over the link. It holds the keys' secrets, so only its owner may read it; they are not
/// printed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap keygen --role operate --allow '*' -o anna.key
  xmap keys device.keys --add anna.key           makes the table if there is none
  xmap keys device.keys
  xmap keys device.keys --remove 0d53f0a9c1b2e3f4")]
pub(super) struct Args {
    /// Put this role key into the table; may be given again
    #[arg(long, value_name = "KEY")]
    add: Vec<PathBuf>,
    /// Take the key with this id out of the table; may be given again
    #[arg(long, value_name = "ID", value_parser = id)]
    remove: Vec<RoleKeyId>,
    /// The table
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

fn id(text: &str) -> Result<RoleKeyId, String> {
    xmap_keys::key_id(text).map(RoleKeyId).ok_or_else(|| "expected 16 hexadecimal digits".into())
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let path = &args.file;
    // A table is made by the first key that goes into it; what is only looked at has to be there.
    let mut keys = if args.add.is_empty() || roles::exists(path) {
        roles::read_role_keys(path)?
    } else {
        RoleKeys::new()
    };
    for id in &args.remove {
        if !keys.remove(*id) {
            let message = format!("{}: has no key {id}", path.display());
            return Err(Diagnostic::new(Code::KeyMisfit, Place::file(path), message).into());
        }
    }
    for key in &args.add {
        roles::add_role_key(&mut keys, path, roles::read_role_key(key)?)?;
    }
    if !args.add.is_empty() || !args.remove.is_empty() {
        roles::write_role_keys(path, &keys)?;
    }
    let head = ["key", "role", "may call"].map(String::from);
    let rows = keys.iter().map(|(id, key)| {
        let exports: Vec<_> = key.exports.iter().map(Pattern::as_str).collect();
        let exports = if exports.is_empty() { "-".into() } else { exports.join(" ") };
        [id.to_string(), key.role.to_string(), exports]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    write!(out, "{}", columns(&rows))?;
    Ok(())
}
