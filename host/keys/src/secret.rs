//! Keys as files, and policies as text: the host's side of [`xmap_trust`].
//!
//! A key file is text of two lines, `xmap secret key 1` and 64 hexadecimal digits. It is its owner's alone:
//! it is made so, and one that others may read or write is not used. Nothing here prints a secret, in errors
//! either.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use xmap_trust::{SecretKey, TrustPolicy};

use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input;
use xmap_compiler::manifest::MAX_MANIFEST_BYTES;

use xmap_compiler::recognize::{FileKind, UTF_16, not_this};

use crate::parse_policy;

/// The first line of a key file.
const HEAD: &str = "xmap secret key 1";
/// Bytes of a key file that are read.
const MAX_KEY_BYTES: u64 = 1024;

/// Reads a policy's file.
///
/// # Errors
/// What stopped the reading (X01), or everything that [`parse_policy`] finds.
pub fn read_policy(path: &Path) -> Result<TrustPolicy, Diagnostics> {
    let bytes = input::read_at_most(path, MAX_MANIFEST_BYTES)?;
    match FileKind::of(path, &bytes) {
        FileKind::Policy | FileKind::Text | FileKind::Empty | FileKind::Unknown | UTF_16 => {
            parse_policy(&path.display().to_string(), &input::text(path, bytes)?)
        }
        _ => Err(not_this(Code::NotAPolicy, path, &bytes, "the text of a policy").into()),
    }
}

/// Makes a new key of the operating system's random numbers, and its file.
///
/// # Errors
/// X1103 where something stands at the path: no key is written over. X0106 where the file cannot be written,
/// X1107 where the system gives no random numbers.
pub fn make_key(path: &Path) -> Result<SecretKey, Diagnostic> {
    let seed = random(path)?;
    write_secret_file(path, format!("{HEAD}\n{}\n", xmap_compiler::map::hex(&seed)).as_bytes())?;
    Ok(SecretKey::from_seed(&seed))
}

/// Random bytes of the operating system, for a key that goes to this path.
pub(crate) fn random<const N: usize>(path: &Path) -> Result<[u8; N], Diagnostic> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Diagnostic::new(Code::NoRandom, Place::file(path), format!("{}: {error}", path.display()))
    })?;
    Ok(bytes)
}

/// Makes a file that is its owner's alone, where nothing stands yet.
pub(crate) fn write_secret_file(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let message = format!("{}: stands there already, and is not written over", path.display());
            Diagnostic::new(Code::KeyExists, Place::file(path), message)
                .help("name another file, or move this one away".to_string())
        }
        _ => Diagnostic::writing(path, &error),
    })?;
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        // Half a key is none.
        _ = fs::remove_file(path);
        return Err(Diagnostic::writing(path, &error));
    }
    Ok(())
}

/// Puts a file that is its owner's alone in the place of what stands at the path, whole or not at all.
pub(crate) fn replace_secret_file(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    let new = path.with_added_extension("new");
    write_secret_file(&new, bytes)?;
    fs::rename(&new, path).map_err(|error| {
        _ = fs::remove_file(&new);
        Diagnostic::writing(path, &error)
    })
}

/// Reads a key's file.
///
/// # Errors
/// What stopped the reading (X01), X1102 where others may read or write the file, X1101 where it is no key.
pub fn read_key(path: &Path) -> Result<SecretKey, Diagnostic> {
    let text = read_secret(path, MAX_KEY_BYTES, "a secret key of xmap")?;
    let seed = text.strip_prefix(HEAD).and_then(|rest| from_hex(rest.trim()));
    seed.map(|seed| SecretKey::from_seed(&seed)).ok_or_else(|| {
        not_a_key(path, &text, FileKind::SecretKey, "a secret key of xmap", "`xmap keygen -o FILE` makes one")
    })
}

/// Reads the text of a key's file.
///
/// # Errors
/// What stopped the reading (X01), X1101 where it is clear at once that it is no key, X1102 where others
/// may read or write the file.
pub(crate) fn read_secret(path: &Path, limit: u64, wanted: &str) -> Result<String, Diagnostic> {
    let bytes = input::read_at_most(path, limit)?;
    match FileKind::of(path, &bytes) {
        FileKind::SecretKey | FileKind::RoleKey | FileKind::Text | FileKind::Empty | FileKind::Unknown => {}
        // Nobody has to close a file that is no secret.
        _ => return Err(not_this(Code::NotAKeyFile, path, &bytes, wanted)),
    }
    closed(path)?;
    input::text(path, bytes)
}

/// The error of a file that is not a key of a kind.
pub(crate) fn not_a_key(path: &Path, text: &str, kind: FileKind, wanted: &str, way: &str) -> Diagnostic {
    match FileKind::of(path, text.as_bytes()) {
        // One of another version, or one that was changed.
        found if found == kind || matches!(found, FileKind::Text | FileKind::Empty) => {
            let message = format!("{}: not {wanted}", path.display());
            Diagnostic::new(Code::NotAKeyFile, Place::file(path), message).help(way.to_string())
        }
        found => {
            let other = found.help(path).unwrap_or_default();
            not_this(Code::NotAKeyFile, path, text.as_bytes(), wanted).help(format!("{way}; {other}"))
        }
    }
}

/// Returns whether a key's file is its owner's alone, where the system knows such a thing.
#[cfg(unix)]
pub(crate) fn closed(path: &Path) -> Result<(), Diagnostic> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path);
    let mode = metadata.map_err(|error| Diagnostic::reading(path, &error))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("{}: others may use it (mode {:03o})", path.display(), mode & 0o777);
    let help =
        format!("chmod 600 {}; where others did read it, make a new key and revoke this one", path.display());
    Err(Diagnostic::new(Code::KeyIsOpen, Place::file(path), message).help(help))
}

#[cfg(not(unix))]
pub(crate) fn closed(_: &Path) -> Result<(), Diagnostic> {
    Ok(())
}

/// A key's short name of 16 hexadecimal digits.
pub fn key_id(text: &str) -> Option<[u8; 8]> {
    from_hex(text)
}

/// Reads bytes from exactly as many hexadecimal digits as they need.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    for (to, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *to = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = make_key(&path).unwrap();
        assert_eq!(read_key(&path).unwrap().public(), made.public());
        assert_ne!(make_key(&folder.path().join("other")).unwrap().public(), made.public());
        let before = fs::read(&path).unwrap();
        assert_eq!(make_key(&path).unwrap_err().code, Code::KeyExists);
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn other_files_are_no_keys_and_are_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        make_key(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let secret = text.lines().nth(1).unwrap().to_string();
        for wrong in [
            text.replace("key 1", "key 2"),
            text.replace(&secret, &secret[1..]),
            String::new(),
            format!("{text}0"),
        ] {
            fs::write(&path, wrong).unwrap();
            let error = read_key(&path).unwrap_err();
            assert_eq!(error.code, Code::NotAKeyFile);
            assert!(!error.message.contains(&secret[1..]));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        make_key(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_key(&path).unwrap_err().code, Code::KeyIsOpen, "{mode:o}");
        }
    }

    #[test]
    fn digits_are_exactly_as_many_as_they_must_be() {
        assert_eq!(from_hex("0aF0"), Some([0x0a, 0xf0]));
        assert_eq!(from_hex::<2>("0aF"), None);
        assert_eq!(from_hex::<2>("0aF01"), None);
        assert_eq!(from_hex::<2>("0ag0"), None);
        assert_eq!(from_hex::<2>("+a+1"), None);
    }
}
