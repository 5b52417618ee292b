//! The panel that goes onto a card: compiled where it has to be, and held against what the device asks of it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use xmap_image::{MAGIC, OwnedImage, Word, conflicts};
use xmap_trust::{Limits, Piece, Seal, TrustPolicy, check_sealed, pieces};

use crate::{cargo, process, root, target_dir};

/// `xmap` itself may have to be compiled.
const COMPILE_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Reads a panel's image or bundle, or compiles a manifest or a module. `policy` is that of the device's
/// owner, where it has one; `media` are the origins that the device can see for it.
///
/// # Errors
///
/// What is wrong with the file, or why the device would not run it.
pub fn read(path: &Path, policy: Option<&TrustPolicy>, media: &[&str]) -> Result<Vec<u8>> {
    let name = || path.display().to_string();
    // A pipe would be waited for.
    ensure!(fs::metadata(path).with_context(name)?.is_file(), "{}: no regular file", name());
    let bytes = fs::read(path).with_context(name)?;
    if bytes.starts_with(&MAGIC) {
        check(&bytes, policy, media).with_context(|| path.display().to_string())?;
        return Ok(bytes);
    }
    let folder = target_dir().join("boot-panel");
    fs::create_dir_all(&folder)?;
    let image = folder.join("panel.xmap");
    // What the file is, if it is no panel, this says as well.
    let mut xmap = Command::new(cargo());
    xmap.args(["run", "--quiet", "--release", "--package", "xmap", "--bin", "xmap", "--manifest-path"]);
    xmap.arg(root().join("Cargo.toml")).args(["--", "build"]).arg(path).arg("-o").arg(&image);
    println!("{}", process::run(&mut xmap, COMPILE_LIMIT)?.trim_end());
    if policy.is_some() {
        bail!(
            "{}: its image has no seal, and this device takes none without: `xmap build`, `xmap sign`, and give the image",
            path.display()
        );
    }
    let bytes = fs::read(&image).with_context(|| image.display().to_string())?;
    check(&bytes, None, media).with_context(|| path.display().to_string())?;
    Ok(bytes)
}

/// Holds images against each other, their board and, with a policy, their seals against it.
fn check(bytes: &[u8], policy: Option<&TrustPolicy>, media: &[&str]) -> Result<()> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    ensure!(rest.is_empty(), "not a whole number of 32-bit words: copy the image again");
    let words: Vec<Word> = chunks.iter().map(|word| Word::from_le_bytes(*word)).collect();
    let mut images: Vec<OwnedImage> = Vec::new();
    for piece in pieces(&words) {
        let Piece { image, seal, whole } = piece?;
        if let Some(policy) = policy {
            allowed(policy, whole, seal, media)?;
        }
        let admitted = OwnedImage::new(image.to_vec())?;
        admitted.image().fits_board(seal.map_or(0, <[Word]>::len) * 4)?;
        if policy.is_none() {
            // A policy's own limits were asked with its seal.
            Limits::default().check(&admitted.image()).map_err(|exceeded| {
                anyhow!(
                    "a device without an owner does not take it: {exceeded}; ask for less in the manifest"
                )
            })?;
        }
        for other in &images {
            if let Some(conflict) = conflicts(&other.image(), &admitted.image()).next() {
                bail!(
                    "two of its images cannot stand side by side: {conflict}; `xmap verify` names the places"
                );
            }
        }
        images.push(admitted);
    }
    Ok(())
}

/// Asks of an image with its seal what the device will ask at boot.
fn allowed(policy: &TrustPolicy, whole: &[Word], seal: Option<&[Word]>, media: &[&str]) -> Result<()> {
    let says = seal.and_then(|seal| Seal::parse(seal).ok()).map(|seal| seal.origin).unwrap_or_default();
    let known = media.iter().find(|medium| **medium == &*says);
    let verdict = check_sealed(whole, policy, known.map_or(media[0], |medium| medium), 0);
    verdict.map(drop).map_err(|reject| {
        let sign = format!("`xmap sign panel.xmap --key KEY --origin {}` makes a seal", media[0]);
        match (seal, known) {
            (None, _) => anyhow!("{reject}; {sign}"),
            (Some(_), None) => anyhow!(
                "{reject}: its seal says `{}`, and this device sees one of {}; {sign}",
                says.escape_debug(),
                media.join(", ")
            ),
            _ => anyhow!("{reject}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use heapless::Vec as Few;
    use xmap_boards::{BOOT_MEDIA, BoardId, LineSet};
    use xmap_image::{Entry, Export, Function, Image, ImageBuilder, Op};
    use xmap_trust::{OpClass, SecretKey, TrustedKey, seal};

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    fn policy() -> TrustPolicy {
        let key = TrustedKey {
            key: key(1).public(),
            origins: Few::from_slice(&["sd".try_into().unwrap(), "usb".try_into().unwrap()]).unwrap(),
            modules: Few::from_slice(&["hall".try_into().unwrap()]).unwrap(),
            boards: Few::from_slice(&[BoardId::Rpi4b as u16]).unwrap(),
            lines: LineSet::EMPTY,
            ops: OpClass::GpioWrite.bit(),
        };
        let mut policy = TrustPolicy { version: 1, ..TrustPolicy::default() };
        policy.keys.push(key).unwrap();
        policy
    }

    fn image(name: &'static str, memory_bytes: u32) -> Vec<Word> {
        let mut builder = ImageBuilder::new(BoardId::Rpi4b);
        builder.manifest.module = name;
        builder.functions =
            vec![Function { frame: 1, params: 0, results: 0, code: vec![Op::Ret.abc(0, 0, 0)] }];
        let pages = memory_bytes >> 16;
        (builder.memory_bytes, builder.memory_pages, builder.memory_max_pages) = (memory_bytes, pages, pages);
        builder.build().unwrap()
    }

    fn bytes(words: &[Word]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn sealed(origin: &str, signer: u8) -> Vec<u8> {
        let words = image("hall", 0);
        let seal = seal(&Image::verify(&words).unwrap(), origin, &key(signer)).unwrap();
        bytes(&[&words[..], &seal.to_words()].concat())
    }

    fn verdict(bytes: &[u8], policy: Option<&TrustPolicy>) -> String {
        check(bytes, policy, &BOOT_MEDIA).map_or_else(|error| format!("{error:#}"), |()| "ok".into())
    }

    #[test]
    fn a_development_device_takes_any_image_that_fits() {
        assert_eq!(verdict(&bytes(&image("hall", 0)), None), "ok");
        assert_eq!(verdict(&sealed("anywhere", 7), None), "ok");
        let large = bytes(&image("hall", (16 << 20) + 65_536));
        assert_eq!(verdict(&large, None), "the image needs 16842752 bytes of memory, and there are 16777216");
        let plain = OwnedImage::new(image("hall", 0)).unwrap();
        let mut builder = ImageBuilder::from_image(&plain.image()).unwrap();
        builder.exports = vec![Export {
            key: "hall.spin".into(),
            name: "spin".into(),
            params: Vec::new(),
            results: Vec::new(),
            entry: Entry::Code { function: 0, fuel: 20_000_001 },
        }];
        let slow = verdict(&bytes(&builder.build().unwrap()), None);
        assert!(slow.contains("limit fuel: 20000001, at most 20000000"), "{slow}");
        let mut damaged = bytes(&image("hall", 0));
        damaged[60] ^= 1;
        assert!(verdict(&damaged, None).contains("damaged"));
        assert!(verdict(&damaged[..101], None).contains("whole number"));
        let two = [image("hall", 0), image("porch", 0)].concat();
        assert_eq!(verdict(&bytes(&two), None), "ok");
        let same = [image("hall", 0), image("hall", 0)].concat();
        assert!(verdict(&bytes(&same), None).starts_with("two of its images cannot stand side by side: "));
    }

    #[test]
    fn an_owners_device_takes_what_its_policy_allows() {
        let policy = policy();
        assert_eq!(verdict(&sealed("sd", 1), Some(&policy)), "ok");
        assert_eq!(verdict(&sealed("usb", 1), Some(&policy)), "ok");
        let unsealed = verdict(&bytes(&image("hall", 0)), Some(&policy));
        assert!(unsealed.starts_with("reject: ") && unsealed.contains("xmap sign"), "{unsealed}");
        let elsewhere = verdict(&sealed("https://panels.example", 1), Some(&policy));
        assert!(elsewhere.contains("sees one of sd, network"), "{elsewhere}");
        assert!(verdict(&sealed("network", 1), Some(&policy)).starts_with("reject: untrusted origin"));
        assert!(verdict(&sealed("sd", 2), Some(&policy)).starts_with("reject: "));
    }
}
