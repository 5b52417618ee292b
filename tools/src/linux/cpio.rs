//! Archives in the format that the kernel unpacks into its first file system: cpio "newc"
//! (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Types of a file, in the upper bits of its mode.
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// An archive that is being written. Everything in it is root's. Folders come before what is in them.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    files: u32,
}

impl Archive {
    /// A folder.
    pub(super) fn folder(&mut self, path: &str, mode: u32) {
        self.entry(path, FOLDER | mode, 2, [0, 0], &[]);
    }

    /// A file and what is in it.
    pub(super) fn file(&mut self, path: &str, mode: u32, data: &[u8]) {
        self.entry(path, FILE | mode, 1, [0, 0], data);
    }

    /// A symbolic link.
    pub(super) fn link(&mut self, path: &str, to: &str) {
        self.entry(path, LINK | 0o777, 1, [0, 0], to.as_bytes());
    }

    /// A character device.
    pub(super) fn device(&mut self, path: &str, mode: u32, major: u32, minor: u32) {
        self.entry(path, CHARACTER_DEVICE | mode, 1, [major, minor], &[]);
    }

    /// Everything in a folder of this machine, under the archive's root.
    ///
    /// # Errors
    ///
    /// Something there cannot be read, or is neither folder, file nor link.
    pub(super) fn tree(&mut self, root: &Path) -> Result<()> {
        self.below(root, "")
    }

    fn below(&mut self, folder: &Path, path: &str) -> Result<()> {
        let read = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = read.with_context(|| folder.display().to_string())?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let from = entry.path();
            let name = entry.file_name();
            let name = name.to_str().with_context(|| format!("{}: not UTF-8", from.display()))?;
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let what = fs::symlink_metadata(&from)?;
            let mode = what.permissions().mode() & 0o7777;
            if what.is_dir() {
                self.folder(&path, mode);
                self.below(&from, &path)?;
            } else if what.is_symlink() {
                let to = fs::read_link(&from)?;
                self.link(&path, to.to_str().context("a link to no UTF-8")?);
            } else {
                self.file(&path, mode, &fs::read(&from).with_context(|| from.display().to_string())?);
            }
        }
        Ok(())
    }

    /// The archive, ended. The kernel takes several, one behind the other.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, 1, [0, 0], &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, links: u32, device: [u32; 2], data: &[u8]) {
        self.files += 1;
        let size = data.len() as u32;
        let name = path.len() as u32 + 1;
        let [major, minor] = device;
        // Number of the file, mode, owner, group, links, time, size, its device, the one it stands for,
        // length of the name, checksum (unused).
        let fields = [self.files, mode, 0, 0, links, 0, size, 0, 0, major, minor, name, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08X}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(data);
        self.pad();
    }

    /// Names and data begin at multiples of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_what_the_format_says() {
        let mut archive = Archive::default();
        archive.file("a", 0o644, b"hello");
        let bytes = archive.finish();
        let header = "070701\
            00000001000081A40000000000000000000000010000000000000005\
            0000000000000000000000000000000000000002\
            00000000";
        assert_eq!(header.len(), 110);
        let (head, rest) = bytes.split_at(110);
        assert_eq!(std::str::from_utf8(head).unwrap(), header);
        assert_eq!(&rest[..10], b"a\0hello\0\0\0");
        assert!(bytes.len().is_multiple_of(4));
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
    }

    #[test]
    fn a_tree_keeps_folders_links_and_modes() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("d")).unwrap();
        fs::write(root.path().join("d/run"), "x").unwrap();
        fs::set_permissions(root.path().join("d/run"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("d/run", root.path().join("l")).unwrap();
        let mut archive = Archive::default();
        archive.tree(root.path()).unwrap();
        let text = String::from_utf8(archive.finish()).unwrap();
        let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("no {name:?} in {text:?}"));
        assert!(at("000081ED") < at("d/run\0") && at("d\0") < at("d/run\0"));
        assert!(at("0000A1FF") < at("l\0") && text.contains("d/run\0"));
    }
}
