//! `xmap verify`: what can be said of an image before it runs.

use std::io::Write;
use std::path::PathBuf;

use xmap_boards::{Bank, Line, LineSet, RegisterKind};
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input;
use xmap_compiler::map::hex;
use xmap_compiler::policy;
use xmap_image::{Extension, FORMAT, Image, Op, Section, Word, decode};
use xmap_keys as keys;
use xmap_trust::{POLICY_MAGIC, PublicKey, Reject, Seal, SealError, TrustPolicy, check_sealed, sealed};

use super::asks::facts;
use super::load::{self, Loaded};
use super::{Done, clean::one_line, output::count, signed_policy};

/// Check every byte of an image, and show what it may do to the board
///
/// An image that passes is what a device accepts: every op, branch, register, mask and section bound
/// is checked, and the content hash. The images of a bundle are held against each other, too. Of a signed
/// policy it shows what it allows, and with --root whether that key has signed it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap verify panel.xmap
  xmap verify /media/boot/panel.xmap     after a copy
  xmap verify panel.xmap --policy policy.toml --origin usb --have 7
  xmap verify panel.policy --root 8a88e3dd...     a policy of `xmap policy sign`")]
pub(super) struct Args {
    /// An image or a bundle (.xmap), or a signed policy
    file: PathBuf,
    /// Hold the image and its seal against this policy (policy.toml); the last line is the verdict
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Where the image came from [default: what its seal says]
    #[arg(long, value_name = "ORIGIN", requires = "policy")]
    origin: Option<String>,
    /// The highest version of the module that the device has seen
    #[arg(long, value_name = "VERSION", requires = "policy", default_value_t = 0)]
    have: u32,
    /// The public root key that a signed policy is held against: 64 hexadecimal digits
    #[arg(long, value_name = "KEY", conflicts_with = "policy", value_parser = root)]
    root: Option<PublicKey>,
}

fn root(text: &str) -> Result<PublicKey, String> {
    keys::from_hex(text).map(PublicKey).ok_or_else(|| "a public key has 64 hexadecimal digits".to_string())
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let bytes = input::read_at_most(&args.file, input::MAX_IMAGES_BYTES)?;
    if args.policy.is_none() && (args.root.is_some() || bytes.starts_with(&POLICY_MAGIC)) {
        return signed_policy::show(&args.file, &bytes, args.root.as_ref(), out);
    }
    if let Some(path) = &args.policy {
        judge(args, &keys::read_policy(path)?, &bytes, out)?;
    }
    let all = load::images(&args.file, &bytes)?;
    all.iter().for_each(Loaded::warn_of_stale_map);
    let errors: Vec<Diagnostic> = all.iter().filter_map(|loaded| loaded.fits().err()).collect();
    if !errors.is_empty() {
        return Err(Diagnostics(errors).into());
    }
    load::beside(&all)?;
    for loaded in &all {
        xmap_device::check_lines(&loaded.image.image()).map_err(|reserved| {
            let message = format!("{}: {reserved}: no device takes the image", loaded.title);
            Diagnostic::new(Code::ReservedLine, Place::File(loaded.title.clone()), message)
                .help("declare another line, and compile the panel again with this xmap".to_string())
        })?;
    }
    if all.len() > 1 {
        writeln!(out, "{}: {} that can stand side by side", args.file.display(), count(all.len(), "image"))?;
    }
    all.iter().try_for_each(|loaded| {
        if all.len() > 1 {
            writeln!(out)?;
        }
        one(loaded, args.policy.is_some(), out)
    })?;
    if args.policy.is_some() {
        writeln!(out, "ok")?;
    }
    Ok(())
}

/// Holds the bytes against a policy as a device does: nothing of the image is looked at before its seal
/// holds.
fn judge(args: &Args, policy: &TrustPolicy, bytes: &[u8], out: &mut dyn Write) -> Done {
    let (chunks, rest) = bytes.as_chunks::<4>();
    let words: Vec<Word> = chunks.iter().map(|word| Word::from_le_bytes(*word)).collect();
    let own = sealed(&words).and_then(|(_, seal)| Seal::parse(seal).ok()).map(|seal| seal.origin);
    let origin = args.origin.as_deref().or(own.as_deref()).unwrap_or_default();
    let verdict = match rest {
        [] => check_sealed(&words, policy, origin, args.have).map(drop),
        // No seal ends there.
        _ => Err(Reject::Seal(SealError::Length)),
    };
    let Err(reject) = verdict else { return Ok(()) };
    writeln!(out, "{reject}")?;
    let message = format!("{}: {reject}", args.file.display());
    Err(Diagnostic::new(Code::Rejected, Place::file(&args.file), message).into())
}

/// Says what there is to say of an image; `genuine` where a policy has taken its seal.
fn one(loaded: &Loaded, genuine: bool, out: &mut dyn Write) -> Done {
    let image = loaded.image.image();
    let header = image.header();
    writeln!(out, "{}: verified", loaded.title)?;
    writeln!(out, "format    {FORMAT}, {} bytes", image.bytes().len())?;
    writeln!(out, "board     {}", header.board.board().name)?;
    writeln!(out, "module    {}, version {}", one_line(loaded.image.manifest().module), header.version)?;
    writeln!(out, "hash      {}", hex(&image.hash()))?;
    if let Some(seal) = &loaded.seal {
        writeln!(out, "seal      {}", seal_text(seal, genuine))?;
    }
    let sections = Section::ALL.iter().map(|section| section_name(*section)).zip(image.section_bytes());
    let extensions =
        Extension::ALL.iter().map(|section| extension_name(*section)).zip(image.extension_bytes());
    let sections: Vec<String> = sections
        .chain(extensions)
        .filter(|(_, bytes)| *bytes > 0)
        .map(|(name, bytes)| format!("{name} {bytes}"))
        .collect();
    writeln!(out, "sections  {}", sections.join(", "))?;
    writeln!(out, "exports   {}, {}", image.exports().len(), count(image.functions().len(), "function"))?;
    let board = header.board.board();
    for (bank, ..) in board.banks() {
        let mask = image.writable().bank(bank);
        if mask != 0 {
            let [set, clear] =
                [RegisterKind::Set, RegisterKind::Clear].map(|kind| board.register(kind, bank));
            writeln!(out, "mask      {set}, {clear}: {mask:#010x} ({})", lines(bank, mask))?;
        }
    }
    for (name, fact) in facts(&image) {
        writeln!(out, "{name:<9} {fact}")?;
    }
    let report = &loaded.report;
    let policy: Vec<String> =
        policy::policy(&report.policy).iter().map(|(key, value)| format!("{key} {value}")).collect();
    if !policy.is_empty() {
        writeln!(out, "policy    {}", policy.join(", "))?;
    }
    let kept = policy::kept(&report.policy, &report.kept);
    if !kept.is_empty() {
        writeln!(out, "kept      {}; {}", kept.join(", "), policy::kept_by(&report.policy))?;
    }
    let writes = Writes::of(&image);
    writeln!(
        out,
        "register writes: {}/{} inside the declared mask ({} fixed, {} held against it at each call)",
        writes.inside,
        writes.fixed + writes.checked,
        writes.fixed,
        writes.checked
    )?;
    if writes.inside == writes.fixed + writes.checked {
        return Ok(());
    }
    // Verification has refused such an image; this is the second pair of eyes.
    let message = format!("{}: a register write is outside the declared mask", loaded.title);
    Err(Diagnostic::new(Code::ImageInvalid, Place::File(loaded.title.clone()), message).into())
}

/// The ops that can store to a register: set, clear, function select, pull.
#[derive(Debug, Default, PartialEq, Eq)]
struct Writes {
    /// Those whose lines stand in the op.
    fixed: usize,
    /// Those whose lines only a call knows: the mapper holds them against the mask.
    checked: usize,
    /// Those of both that cannot leave the mask.
    inside: usize,
}

impl Writes {
    /// Counts those of an image, in its code and in its direct entries.
    fn of(image: &Image<'_>) -> Self {
        let mut writes = Self::default();
        let rows = image.exports().iter().filter(|row| row.is_direct());
        let rows: Vec<[Word; 2]> = rows.map(|row| [row.first, row.second]).collect();
        let direct = rows.iter().filter_map(|row| decode(row).next());
        for (_, op, words) in decode(image.code()).chain(direct) {
            writes.count(op, words, image.writable());
        }
        writes
    }

    fn count(&mut self, op: Op, words: &[Word], writable: LineSet) {
        let a = (words[0] >> 8) as u8;
        let lines = match op {
            Op::LineSet | Op::LineClear | Op::LinePut | Op::LineToggle => {
                Line::new(a).map_or(!LineSet::EMPTY, LineSet::of)
            }
            Op::MaskSet | Op::MaskClear => LineSet::of_bank(Bank::nth(a.into()), words[1]),
            Op::GpioSet
            | Op::GpioClear
            | Op::GpioPut
            | Op::GpioToggle
            | Op::GpioWrite
            | Op::GpioDirection
            | Op::GpioPull => {
                self.checked += 1;
                self.inside += 1;
                return;
            }
            _ => return,
        };
        self.fixed += 1;
        self.inside += usize::from((lines - writable).is_empty());
    }
}

/// The numbers of a bank's lines: `17, 22`.
fn lines(bank: Bank, mask: u32) -> String {
    let bits = (0..32).filter(|bit| mask >> bit & 1 != 0);
    let lines: Vec<String> = bits.map(|bit| (32 * bank as u32 + bit).to_string()).collect();
    let noun = if lines.len() == 1 { "line" } else { "lines" };
    format!("{noun} {}", lines.join(", "))
}

/// A seal in a line. Whether it is genuine only a policy can say, which has the key.
pub(super) fn seal_text(seal: &Seal, genuine: bool) -> String {
    let checked = if genuine { "genuine" } else { "not checked without a policy" };
    format!("key {}, origin {}; signature {checked}", seal.key, seal.origin)
}

/// Returns what a section is called in tables.
pub(super) fn section_name(section: Section) -> &'static str {
    match section {
        Section::Exports => "exports",
        Section::Functions => "functions",
        Section::Code => "code",
        Section::Pins => "pins",
        Section::Globals => "globals",
        Section::DataRows => "data rows",
        Section::Data => "data",
        Section::Signatures => "signatures",
        Section::Names => "name rows",
        Section::Strings => "strings",
        Section::Manifest => "manifest",
    }
}

/// Returns what an extension section is called in tables.
pub(super) fn extension_name(section: Extension) -> &'static str {
    match section {
        Extension::Types => "types",
        Extension::Tables => "tables",
        Extension::Elements => "elements",
        Extension::PassiveElements => "passive elements",
        Extension::ElementItems => "element items",
        Extension::PassiveData => "passive data",
        Extension::Stack => "stack",
        Extension::StackPointer => "stack pointer",
        Extension::I2c => "i2c",
        Extension::I2cRegisters => "i2c registers",
        Extension::Spi => "spi",
        Extension::Pwm => "pwm",
        Extension::Uart => "uart",
        Extension::Contracts => "contracts",
        Extension::Zone => "zone",
        Extension::Untraced => "untraced",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_outside_the_mask_is_not_counted_inside() {
        let mut writes = Writes::default();
        let writable = LineSet::from_bits(1 << 17 | 1 << 40);
        writes.count(Op::LineSet, &[Op::LineSet.abc(17, 0, 0)], writable);
        writes.count(Op::LineClear, &[Op::LineClear.abc(18, 0, 0)], writable);
        writes.count(Op::MaskSet, &[Op::MaskSet.abc(1, 0, 0), 1 << 8], writable);
        writes.count(Op::MaskClear, &[Op::MaskClear.abc(0, 0, 0), 1 << 8], writable);
        writes.count(Op::GpioWrite, &[Op::GpioWrite.abc(1, 2, 3)], writable);
        writes.count(Op::LineGet, &[Op::LineGet.abc(1, 18, 0)], writable);
        assert_eq!(writes, Writes { fixed: 4, checked: 1, inside: 3 });
    }
}
