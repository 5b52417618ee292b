//! `xmap keys`: the table of role keys that a device has.

use std::io::Write;
use std::path::{Path, PathBuf};

use xmap::text::columns;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_keys::labels::{self, Labels, MAX_LABEL};
use xmap_keys::roles;
use xmap_link::{Pattern, RoleKeyId, RoleKeys};

use super::Done;

/// Show or change a device's table of role keys
///
/// The table says who may ask a device what. It goes to the device with its firmware, or to the daemon as a
/// file, and never over the link. It holds the keys' secrets, so only its owner may read it; they are not
/// printed. Labels, for people alone, stand in a file beside it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap keygen --role operate --allow '*' -o anna.key
  xmap keys device.keys --add anna.key           makes the table if there is none; the label is anna
  xmap keys device.keys --add kiosk.key --label 'kiosk in the hall'
  xmap keys device.keys
  xmap keys device.keys --remove 0d53f0a9c1b2e3f4
  xmap keys device.keys --remove anna")]
pub(super) struct Args {
    /// Put this role key into the table; may be given again
    #[arg(long, value_name = "KEY")]
    add: Vec<PathBuf>,
    /// The label of the key that is added [default: the name of its file]
    #[arg(long, value_name = "TEXT", value_parser = label, requires = "add")]
    label: Option<String>,
    /// Take the key with this id or label out of the table; may be given again
    #[arg(long, value_name = "ID|LABEL")]
    remove: Vec<String>,
    /// The table
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

fn label(text: &str) -> Result<String, String> {
    let expected = || format!("expected 1 to {MAX_LABEL} characters without control characters");
    labels::checked(text).ok_or_else(expected)
}

/// Returns the key that a text names by its id or its label.
fn find(keys: &RoleKeys, labels: &Labels, path: &Path, text: &str) -> Result<RoleKeyId, Diagnostic> {
    let has = |id: &RoleKeyId| keys.iter().any(|(of, _)| of == *id);
    let by_id = xmap_keys::key_id(text).map(RoleKeyId).filter(has);
    let found: Vec<RoleKeyId> = by_id.map_or_else(|| labels.find(text).filter(has).collect(), |id| vec![id]);
    match found[..] {
        [id] => Ok(id),
        [] => {
            let message = format!("{}: has no key {}", path.display(), text.escape_debug());
            let help =
                "a key goes by its 16 hexadecimal digits or by its label; without `--remove` all are shown";
            Err(Diagnostic::new(Code::KeyMisfit, Place::file(path), message).help(help.to_string()))
        }
        _ => {
            let message = format!("{}: {} keys have the label {text}", path.display(), found.len());
            let help = "name it by its 16 hexadecimal digits";
            Err(Diagnostic::new(Code::KeyMisfit, Place::file(path), message).help(help.to_string()))
        }
    }
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let path = &args.file;
    // A table is made by the first key that goes into it; what is only looked at has to be there.
    let mut keys = if args.add.is_empty() || roles::exists(path) {
        roles::read_role_keys(path)?
    } else {
        RoleKeys::new()
    };
    if let (Some(label), [_, _, ..]) = (&args.label, &args.add[..]) {
        let message = format!("{}: --label {label} is of one key, and several are added", path.display());
        let help = "add one after the other, or leave --label out: the files' names are the labels then";
        return Err(Diagnostic::new(Code::KeyMisfit, Place::file(path), message)
            .help(help.to_string())
            .into());
    }
    let mut labels = Labels::read(path)?;
    for text in &args.remove {
        let id = find(&keys, &labels, path, text)?;
        keys.remove(id);
        labels.remove(id);
    }
    for file in &args.add {
        let key = roles::read_role_key(file)?;
        let id = key.secret.id();
        roles::add_role_key(&mut keys, path, key)?;
        let stem = || labels::checked(&file.file_stem()?.to_string_lossy());
        args.label.clone().or_else(stem).into_iter().for_each(|label| labels.set(id, label));
    }
    if !args.add.is_empty() || !args.remove.is_empty() {
        roles::write_role_keys(path, &keys)?;
        labels.write(path)?;
    }
    let head = ["key", "label", "role", "may call"].map(String::from);
    let rows = keys.iter().map(|(id, key)| {
        let exports: Vec<_> = key.exports.iter().map(Pattern::as_str).collect();
        let exports = if exports.is_empty() { "-".into() } else { exports.join(" ") };
        let label = labels.of(id).unwrap_or("-");
        [id.to_string(), label.to_string(), key.role.to_string(), exports]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    write!(out, "{}", columns(&rows))?;
    Ok(())
}
