//! `xmap norm`: the key of a name.

use std::io::Write;

use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::names::{self, NameError};

use super::Done;

/// Show the key that a name gets in a namespace
///
/// Keys are what calls and manifests name exports by: lower case, every run of other characters than
/// a-z and 0-9 becomes one `_`, the namespace stands in front. A name that already starts with the
/// namespace keeps it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap norm -n user 'Theme Preference'    user.theme_preference
  xmap norm -n pin GPIO-17                pin.gpio_17
  xmap norm -n panel panel.lamp           panel.lamp")]
pub(super) struct Args {
    /// The namespace: words of a-z, 0-9 and _ with dots between them
    #[arg(short, long)]
    namespace: String,
    /// The name
    #[arg(allow_hyphen_values = true)]
    key: String,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let key = names::key(&args.namespace, &args.key).map_err(|error| {
        let (code, text) = match error {
            NameError::Empty => (Code::BadName, &args.key),
            NameError::Namespace => (Code::BadNamespace, &args.namespace),
        };
        let message = match error {
            NameError::Empty => format!("`{text}` has no letter or digit for a key"),
            NameError::Namespace => format!("`{text}` is not a namespace"),
        };
        Diagnostic::new(code, Place::File("the command line".into()), message)
    })?;
    writeln!(out, "{key}")?;
    Ok(())
}
