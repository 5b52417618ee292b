//! What an owner's policy costs on the device, counted: `firmware/rpi4b/src/bin/trust.rs`, and two builds of
//! the program that is flashed.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use heapless::Vec as Few;
use tempfile::NamedTempFile;
use xmap_boards::{BoardId, Line, LineSet};
use xmap_image::limits::DEFAULT_IMAGE_BYTES;
use xmap_image::{Function, Image, ImageBuilder, Op, PinMode, PinRow, Pull, Safe, Word};
use xmap_link::{MAX_KEYS_BYTES, Pattern, Role, RoleKey, RoleKeys, Secret};
use xmap_trust::{
    MAX_POLICY_BYTES, OpClass, Reject, SealError, SecretKey, TrustPolicy, TrustedKey, seal, sign_policy,
};

use crate::emulator::Machine;
use crate::figures::Figures;
use crate::firmware::{self, Owner, Program};
use crate::size;

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Where the images come from.
const ORIGIN: &str = "usb";

/// Ops of a function of the sample, as many as a screen of source makes.
const OPS: usize = 100;

fn root() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

fn signer() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// A policy with one key, which is what most devices have.
fn policy() -> Result<TrustPolicy> {
    let text = |text: &str| anyhow!("{text} does not fit");
    let key = TrustedKey {
        key: signer().public(),
        origins: Few::from_slice(&[ORIGIN.try_into().map_err(|_| text(ORIGIN))?])
            .map_err(|_| text(ORIGIN))?,
        modules: Few::from_slice(&["hall".try_into().map_err(|_| text("hall"))?])
            .map_err(|_| text("hall"))?,
        boards: Few::from_slice(&[BoardId::Rpi4b as u16]).map_err(|_| text("the board"))?,
        lines: LineSet::from_bits(1 << 17),
        ops: OpClass::GpioWrite.bit(),
    };
    let mut policy = TrustPolicy { version: 1, ..TrustPolicy::default() };
    policy.keys.push(key).map_err(|_| text("the key"))?;
    Ok(policy)
}

fn signed(policy: &TrustPolicy) -> Result<Vec<u8>> {
    let mut buffer = [0; MAX_POLICY_BYTES];
    Ok(sign_policy(policy, &root(), &mut buffer).context("the buffer takes the largest policy")?.to_vec())
}

/// An image of exactly [`DEFAULT_IMAGE_BYTES`], which is 12 KiB, nearly all of it code. Its start function
/// sets a line that nobody has set before.
fn image(version: u32) -> Result<Vec<Word>> {
    let most = DEFAULT_IMAGE_BYTES as usize / 4;
    let build = |words: usize| {
        let mut builder = ImageBuilder::new(BoardId::Rpi4b);
        builder.version = version;
        builder.manifest.module = "hall";
        let lamp = Line::new(17).context("the line exists")?;
        builder.pins = vec![PinRow::new(lamp, PinMode::Out, Safe::Hold, Pull::None)];
        let function = |first, ops| {
            let mut code = vec![Op::AddI32.abc(1, 1, 1); ops];
            code[0] = first;
            code.push(Op::Ret.abc(0, 0, 0));
            Function { frame: 2, params: 0, results: 0, code }
        };
        builder.functions = vec![function(Op::LineSet.abc(17, 0, 0), 1)];
        builder.start = Some(0);
        let (mut left, first) = (words, Op::Const32.a16(1, 0));
        while left > 0 {
            let ops = left.min(OPS);
            builder.functions.push(function(first, ops));
            left -= ops;
        }
        anyhow::Ok(builder.build()?)
    };
    // More code until it has the size; a function has words of its own.
    let mut ops = 1;
    loop {
        let image = build(ops)?;
        match most.checked_sub(image.len()) {
            Some(0) => return Ok(image),
            Some(left) => ops += (left / 2).max(1),
            None => ops -= 1,
        }
        ensure!(ops < most, "no image of {DEFAULT_IMAGE_BYTES} bytes");
    }
}

fn sealed(image: &[Word], origin: &str, key: &SecretKey) -> Result<Vec<Word>> {
    let seal = seal(&Image::verify(image)?, origin, key)?;
    Ok([image, &seal.to_words()].concat())
}

/// A way in: its name, the words, and the policy's reason to refuse them, if it has one.
type Way = (&'static str, Vec<Word>, Option<Reject>);

fn ways() -> Result<Vec<Way>> {
    let (eighth, seventh) = (image(8)?, image(7)?);
    let good = sealed(&eighth, ORIGIN, &signer())?;
    let changed = |at: usize| {
        let mut words = good.clone();
        words[at] ^= 1;
        words
    };
    Ok(vec![
        ("install", good.clone(), None),
        ("no_seal", eighth.clone(), Some(Reject::Seal(SealError::Magic))),
        ("unknown_key", sealed(&eighth, ORIGIN, &root())?, Some(Reject::UnknownKey)),
        ("bad_signature", changed(good.len() - 1), Some(Reject::BadSignature)),
        ("hash_mismatch", changed(eighth.len() - 1), Some(Reject::HashMismatch)),
        ("rollback", sealed(&seventh, ORIGIN, &signer())?, Some(Reject::Rollback { found: 7, have: 8 })),
    ])
}

/// What the program printed.
#[derive(Debug, Default)]
struct Printed {
    ram: u64,
    policy: u64,
    first_op: u64,
    images: Vec<(u64, u8)>,
}

fn run(policy: &[u8], images: &[&[Word]]) -> Result<Printed> {
    let program = firmware::build(Program::Trust)?;
    let mut plan = (policy.len() as u32).to_le_bytes().to_vec();
    plan.extend(root().public().0);
    plan.extend(policy);
    plan.resize(plan.len().next_multiple_of(4), 0);
    for image in images {
        let len = image.len() as u32;
        plan.extend([len].iter().chain(*image).flat_map(|word| word.to_le_bytes()));
    }
    let mut file = NamedTempFile::new()?;
    file.write_all(&plan)?;
    let machine = Machine { panel: Some(file.path()), counting: true, ..Machine::new(&program) };
    let (sent, status) = machine.start()?.finish(LIMIT)?;
    ensure!(status.success(), "the program failed:\n{sent}");
    let mut printed = Printed::default();
    for line in sent.lines() {
        let wrong = || format!("the line `{line}`");
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["ram", n] => printed.ram = n.parse().with_context(wrong)?,
            ["policy", n] => printed.policy = n.parse().with_context(wrong)?,
            ["first_op", n] => printed.first_op = n.parse().with_context(wrong)?,
            ["image", n, code] => {
                printed.images.push((n.parse().with_context(wrong)?, code.parse().with_context(wrong)?));
            }
            _ => return Err(anyhow!(wrong())),
        }
    }
    ensure!(printed.images.len() == images.len(), "{} of {} images", printed.images.len(), images.len());
    Ok(printed)
}

/// Counts: `trust.*` in instructions, `size.trust`, `size.link` and `ram.trust` in bytes.
///
/// # Errors
/// The firmware does not build, or an image is refused for another reason than it should be.
pub fn count() -> Result<Figures> {
    let signed = signed(&policy()?)?;
    let ways = ways()?;
    let images: Vec<&[Word]> = ways.iter().map(|(_, image, _)| &image[..]).collect();
    let plain = image(8)?;
    ensure!(plain.len() * 4 == DEFAULT_IMAGE_BYTES as usize, "an image of {} words", plain.len());
    let development = run(&[], &[&plain])?;
    let owned = run(&signed, &images)?;
    let mut figures = Figures::new();
    for ((name, _, reason), (insns, code)) in ways.iter().zip(&owned.images) {
        let expected = reason.as_ref().map_or(0, Reject::code);
        ensure!(*code == expected, "{name}: refused with {code}, {expected} expected");
        let name = if reason.is_some() { format!("trust.refuse.{name}") } else { format!("trust.{name}") };
        figures.insert(name, *insns);
    }
    let (without, code) = development.images[0];
    ensure!(code == 0, "a development device refused an image: {code}");
    figures.insert("trust.install_development".into(), without);
    figures.insert("trust.policy".into(), owned.policy);
    figures.insert("trust.first_op".into(), owned.first_op);
    figures.insert("trust.first_op_development".into(), development.first_op);
    figures.insert("ram.trust".into(), owned.ram);
    let (keys, policy) = added_code(&signed)?;
    figures.insert("size.link".into(), keys);
    figures.insert("size.trust".into(), policy);
    Ok(figures)
}

/// Bytes that the flashed program has more of with a table of role keys, the table included, and beside that
/// with a policy, the policy included.
fn added_code(signed: &[u8]) -> Result<(u64, u64)> {
    let mut table = RoleKeys::new();
    let exports = [Pattern::new("*").context("a pattern")?].into_iter().collect();
    table.add(RoleKey { secret: Secret::new([1; 32]), role: Role::Operate, exports })?;
    let mut keys = NamedTempFile::new()?;
    keys.write_all(table.write(&mut [0; MAX_KEYS_BYTES]).context("every table fits")?)?;
    let keys = Some(keys.path());
    let mut file = NamedTempFile::new()?;
    file.write_all(signed)?;
    let root = root().public().to_string();
    let (owner, _) = Owner::read(file.path(), &root)?;
    let release = size::of(&firmware::build_with(Program::Firmware, owner, keys)?)?.code;
    let keyed = size::of(&firmware::build_with(Program::Firmware, Owner::Nobody, keys)?)?.code;
    let development = size::of(&firmware::build(Program::Firmware)?)?.code;
    Ok((keyed.saturating_sub(development), release.saturating_sub(keyed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_size_that_is_stated() {
        assert_eq!(image(8).unwrap().len() * 4, 12 << 10);
        assert_eq!(ways().unwrap().len(), 6);
    }
}
