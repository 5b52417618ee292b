//! `xmap keygen`: a key to sign images with.

use std::io::Write;
use std::path::PathBuf;

use xmap_compiler::trust;

use super::Done;

/// Make a key that signs images
///
/// Writes the secret half to a file that only its owner may read, and prints the public half, which a policy
/// names. The secret is never printed, and no file is written over.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap keygen -o hall.key
  xmap sign panel.xmap --key hall.key --origin usb")]
pub(super) struct Args {
    /// Where the secret key goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let public = trust::make_key(&args.output)?.public();
    writeln!(out, "public    {public}\nid        {}\nwrote {}", public.id(), args.output.display())?;
    Ok(())
}
