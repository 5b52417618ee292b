//! `xmap sign`: the seal behind an image.

use std::io::Write;
use std::path::{Path, PathBuf};

use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_image::Image;
use xmap_image::limits::MAX_IMAGE_BYTES;
use xmap_keys as keys;
use xmap_trust::{MAX_MODULE_BYTES, MAX_ORIGIN_BYTES, SEAL_WORDS, Seal, SecretKey, seal};

use super::{Done, load, map_store, output::write_file};

/// Sign an image: its hash, module, version and board, and where it may come from
///
/// Puts a seal of 212 bytes behind the image; one that stands there is replaced. The file is written whole or
/// not at all.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap sign panel.xmap --key hall.key --origin https://panels.example
  xmap sign panel.xmap --key hall.key --origin usb -o signed.xmap
  xmap verify signed.xmap --policy policy.toml --origin usb")]
pub(super) struct Args {
    /// An image (.xmap)
    file: PathBuf,
    /// The secret key, as `xmap keygen` wrote it
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// Where the image may come from: usb, uart, https://...
    #[arg(long, value_name = "ORIGIN")]
    origin: String,
    /// Where the signed image goes [default: the image itself]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let limit = MAX_IMAGE_BYTES as u64 + SEAL_WORDS as u64 * 4;
    let bytes = input::read_at_most(&args.file, limit)?;
    let all = load::images(&args.file, &bytes)?;
    let [loaded] = &all[..] else {
        let message = format!("{}: a bundle, and a seal is for one image", args.file.display());
        let error = Diagnostic::new(Code::NotSealed, Place::file(&args.file), message);
        return Err(error.help("sign the images, each by itself".to_string()).into());
    };
    let key = keys::read_key(&args.key)?;
    let image = loaded.image.image();
    let seal = sealed(&args.file, &image, &args.origin, &key)?;
    let output = args.output.as_ref().unwrap_or(&args.file);
    let mut bytes = image.bytes().to_vec();
    bytes.extend(seal.to_words().iter().flat_map(|word| word.to_le_bytes()));
    write_file(output, &bytes)?;
    // No map stands beside a signed copy.
    loaded.map.iter().filter(|_| output != &args.file).for_each(map_store::keep);
    writeln!(out, "module    {}, version {}", seal.module, seal.version)?;
    writeln!(out, "key       {}\norigin    {}\nwrote {}", seal.key, seal.origin, output.display())?;
    Ok(())
}

/// The seal of an image.
///
/// # Errors
/// X1105 where its module's name or the origin does not fit one.
pub(super) fn sealed(
    file: &Path,
    image: &Image<'_>,
    origin: &str,
    key: &SecretKey,
) -> Result<Seal, Diagnostic> {
    seal(image, origin, key).map_err(|_| {
        let message = format!("{}: its module's name or the origin does not fit a seal", file.display());
        Diagnostic::new(Code::NotSealed, Place::file(file), message).help(format!(
            "a name has 1 to {MAX_MODULE_BYTES} bytes, an origin 1 to {MAX_ORIGIN_BYTES}, and neither a control character"
        ))
    })
}
