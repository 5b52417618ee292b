//! Role keys as files: one for each caller, and the table of them that a device has.
//!
//! A role key's file is text: `xmap role key 1`, then lines `role: ROLE`, `allow: PATTERN` (any number of
//! them) and `secret: ` with 64 hexadecimal digits. The table is [`RoleKeys`] in its binary form. Both hold
//! secrets, and are their owner's alone.

use std::fs;
use std::path::Path;

use xmap_link::limits::MAX_PATTERNS;
use xmap_link::{KeysError, MAX_KEYS_BYTES, Pattern, Role, RoleKey, RoleKeys, Secret};

use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_compiler::map::hex;
use xmap_compiler::recognize::{FileKind, not_this};

use crate::secret::{
    closed, from_hex, not_a_key, random, read_secret, replace_secret_file, write_secret_file,
};

/// The first line of a role key's file.
const HEAD: &str = "xmap role key 1";
/// Bytes of a role key's file that are read: all patterns of full length.
const MAX_FILE_BYTES: u64 = 2048;

/// Makes a role key of the operating system's random numbers, and its file.
///
/// # Errors
/// X1103 where something stands at the path, X0106 where the file cannot be written, X1107 where the system
/// gives no random numbers, X1109 where there are more than [`MAX_PATTERNS`] patterns.
pub fn make_role_key(path: &Path, role: Role, allow: &[Pattern]) -> Result<RoleKey, Diagnostic> {
    let exports = heapless::Vec::from_slice(allow).map_err(|_| {
        let message = format!("{}: {} patterns, at most {MAX_PATTERNS}", path.display(), allow.len());
        Diagnostic::new(Code::KeyMisfit, Place::file(path), message)
    })?;
    let key = RoleKey { secret: Secret::new(random(path)?), role, exports };
    let mut text = format!("{HEAD}\nrole: {role}\n");
    for pattern in &key.exports {
        text += &format!("allow: {}\n", pattern.as_str());
    }
    text += &format!("secret: {}\n", hex(key.secret.expose()));
    write_secret_file(path, text.as_bytes())?;
    Ok(key)
}

/// Reads a role key's file.
///
/// # Errors
/// What stopped the reading (X01), X1102 where others may read or write the file, X1101 where it is no role
/// key.
pub fn read_role_key(path: &Path) -> Result<RoleKey, Diagnostic> {
    let text = read_secret(path, MAX_FILE_BYTES, "a role key of xmap")?;
    parse(&text).ok_or_else(|| {
        let way = "`xmap keygen --role ROLE -o FILE` makes one";
        not_a_key(path, &text, FileKind::RoleKey, "a role key of xmap", way)
    })
}

fn parse(text: &str) -> Option<RoleKey> {
    let mut lines = text.lines();
    lines.next().filter(|line| *line == HEAD)?;
    let role = Role::from_name(lines.next()?.strip_prefix("role: ")?)?;
    let mut exports = heapless::Vec::new();
    let secret = loop {
        let line = lines.next()?;
        if let Some(pattern) = line.strip_prefix("allow: ") {
            exports.push(Pattern::new(pattern)?).ok()?;
        } else {
            break from_hex(line.strip_prefix("secret: ")?)?;
        }
    };
    lines.next().is_none().then_some(RoleKey { secret: Secret::new(secret), role, exports })
}

/// Reads a device's table of keys.
///
/// # Errors
/// What stopped the reading (X01), X1102 where others may read or write the file, X1108 where it is no table.
pub fn read_role_keys(path: &Path) -> Result<RoleKeys, Diagnostic> {
    let bytes = input::read_at_most(path, MAX_KEYS_BYTES as u64)?;
    if !matches!(FileKind::of(path, &bytes), FileKind::RoleKeys | FileKind::Unknown) {
        return Err(not_this(Code::NotRoleKeys, path, &bytes, "a table of role keys"));
    }
    closed(path)?;
    RoleKeys::parse(&bytes).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Diagnostic::new(Code::NotRoleKeys, Place::file(path), message)
            .help("`xmap keys FILE --add KEY` makes one".to_string())
    })
}

/// Writes a device's table of keys in the place of what stands at the path.
///
/// # Errors
/// X0106 where the file cannot be written; what stood there stands there still.
pub fn write_role_keys(path: &Path, keys: &RoleKeys) -> Result<(), Diagnostic> {
    let mut buffer = [0; MAX_KEYS_BYTES];
    let bytes = keys.write(&mut buffer).expect("every table fits its longest form");
    replace_secret_file(path, bytes)
}

/// Adds a key to a table.
///
/// # Errors
/// X1109 where it is there already, or the table is full.
pub fn add_role_key(keys: &mut RoleKeys, path: &Path, key: RoleKey) -> Result<(), Diagnostic> {
    keys.add(key).map(drop).map_err(|error: KeysError| {
        Diagnostic::new(Code::KeyMisfit, Place::file(path), format!("{}: {error}", path.display()))
    })
}

/// Returns whether something stands at the path.
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::new(text).unwrap()).collect()
    }

    #[test]
    fn a_role_key_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        for (role, allow) in
            [(Role::Observe, &[][..]), (Role::Call, &["panel.*", "hall.x"]), (Role::Own, &["*"])]
        {
            let path = folder.path().join(role.name());
            let made = make_role_key(&path, role, &patterns(allow)).unwrap();
            assert_eq!(read_role_key(&path).unwrap(), made);
            assert_eq!((made.role, made.exports.len()), (role, allow.len()));
            let before = fs::read(&path).unwrap();
            assert_eq!(make_role_key(&path, role, &[]).unwrap_err().code, Code::KeyExists);
            assert_eq!(fs::read(&path).unwrap(), before);
        }
        let many = patterns(&["x"; MAX_PATTERNS + 1]);
        let path = folder.path().join("many");
        assert_eq!(make_role_key(&path, Role::Call, &many).unwrap_err().code, Code::KeyMisfit);
        assert!(!exists(&path));
    }

    #[test]
    fn other_files_are_no_role_keys_and_are_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        make_role_key(&path, Role::Call, &patterns(&["panel.*"])).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let secret = text.lines().last().unwrap().strip_prefix("secret: ").unwrap().to_string();
        for wrong in [
            text.replace("key 1", "key 2"),
            text.replace("call", "caller"),
            text.replace("role: call\n", ""),
            text.replace(&secret, &secret[1..]),
            text.replace("panel.*", ""),
            text.replace("allow: panel.*\n", &"allow: panel.*\n".repeat(MAX_PATTERNS + 1)),
            String::new(),
            format!("{text}0"),
        ] {
            fs::write(&path, &wrong).unwrap();
            let error = read_role_key(&path).unwrap_err();
            assert_eq!(error.code, Code::NotAKeyFile, "{wrong}");
            assert!(!error.message.contains(&secret[1..]));
        }
    }

    #[test]
    fn a_table_comes_back_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.keys");
        let key = make_role_key(&folder.path().join("key"), Role::Operate, &patterns(&["*"])).unwrap();
        let mut keys = RoleKeys::new();
        add_role_key(&mut keys, &path, key.clone()).unwrap();
        assert_eq!(add_role_key(&mut keys, &path, key).unwrap_err().code, Code::KeyMisfit);
        write_role_keys(&path, &RoleKeys::new()).unwrap();
        write_role_keys(&path, &keys).unwrap();
        assert_eq!(read_role_keys(&path).unwrap(), keys);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert_eq!(read_role_keys(&path).unwrap_err().code, Code::KeyIsOpen);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_role_keys(&path).unwrap_err().code, Code::NotRoleKeys);
    }
}
