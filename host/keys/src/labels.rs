//! Labels of role keys: a text for people beside a device's table, which has ids alone.
//!
//! They stand in `TABLE.labels`, a line `ID LABEL` for each. No device reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_link::RoleKeyId;

use crate::key_id;
use crate::secret::replace_secret_file;

/// Characters of a label at most: it is a column of a table.
pub const MAX_LABEL: usize = 40;
/// Bytes of a file of labels that are read: those of far more keys than a table has.
const MAX_FILE_BYTES: u64 = 8192;

/// The labels of a table's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<[u8; 8], String>);

impl Labels {
    /// Reads the labels beside a table; none where there is no such file.
    ///
    /// # Errors
    /// What stopped the reading (X01), X1108 where a line has no id and label.
    pub fn read(table: &Path) -> Result<Self, Diagnostic> {
        let path = beside(table);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = input::read_text(&path, MAX_FILE_BYTES)?;
        let mut labels = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let row = line.split_once(' ').and_then(|(id, label)| Some((key_id(id)?, checked(label)?)));
            let (id, label) = row.ok_or_else(|| {
                let message = format!("{}:{number}: no key's id and label", path.display());
                Diagnostic::new(Code::NotRoleKeys, Place::file(&path), message)
                    .help("only people read labels: the file may be removed".to_string())
            })?;
            labels.insert(id, label);
        }
        Ok(Self(labels))
    }

    /// Writes the labels beside a table.
    ///
    /// # Errors
    /// X0106 where the file cannot be written.
    pub fn write(&self, table: &Path) -> Result<(), Diagnostic> {
        let path = beside(table);
        if self.0.is_empty() && !path.exists() {
            return Ok(());
        }
        let line = |(id, label): (&[u8; 8], &String)| format!("{} {label}\n", RoleKeyId(*id));
        replace_secret_file(&path, self.0.iter().map(line).collect::<String>().as_bytes())
    }

    /// Returns a key's label.
    pub fn of(&self, id: RoleKeyId) -> Option<&str> {
        self.0.get(&id.0).map(String::as_str)
    }

    /// Returns the keys with this label.
    pub fn find<'a>(&'a self, label: &'a str) -> impl Iterator<Item = RoleKeyId> + 'a {
        self.0.iter().filter(move |(_, of)| *of == label).map(|(id, _)| RoleKeyId(*id))
    }

    /// Gives a key a label.
    pub fn set(&mut self, id: RoleKeyId, label: String) {
        self.0.insert(id.0, label);
    }

    /// Forgets a key's label.
    pub fn remove(&mut self, id: RoleKeyId) {
        self.0.remove(&id.0);
    }
}

/// Returns a label without the white space around it; `None` where it is empty, longer than [`MAX_LABEL`], or
/// has control characters.
pub fn checked(label: &str) -> Option<String> {
    let label = label.trim();
    let fits = !label.is_empty() && label.chars().count() <= MAX_LABEL;
    (fits && !label.chars().any(char::is_control)).then(|| label.to_owned())
}

fn beside(table: &Path) -> PathBuf {
    table.with_added_extension("labels")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn labels_come_back_and_what_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("device.keys");
        let [anna, kiosk] = [RoleKeyId([1; 8]), RoleKeyId([2; 8])];
        let mut labels = Labels::read(&table).unwrap();
        labels.write(&table).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no file without a label");
        labels.set(anna, "Anna, phone".into());
        labels.set(kiosk, "kiosk".into());
        labels.write(&table).unwrap();
        let read = Labels::read(&table).unwrap();
        assert_eq!(
            (read.of(anna), read.find("kiosk").collect::<Vec<_>>()),
            (Some("Anna, phone"), vec![kiosk])
        );
        labels.remove(anna);
        labels.write(&table).unwrap();
        assert_eq!(Labels::read(&table).unwrap().of(anna), None);
        for wrong in ["0101 short", "0101010101010101", "0101010101010101 \u{1b}[2J", "x"] {
            fs::write(beside(&table), format!("0202020202020202 kiosk\n{wrong}\n")).unwrap();
            let error = Labels::read(&table).unwrap_err();
            assert!(error.code == Code::NotRoleKeys && error.message.contains(".labels:2: "), "{error}");
        }
    }

    #[test]
    fn a_label_is_one_short_line() {
        assert_eq!(checked("  Anna "), Some("Anna".into()));
        for wrong in ["", " ", "a\nb", &"x".repeat(MAX_LABEL + 1)] {
            assert_eq!(checked(wrong), None, "{wrong:?}");
        }
    }
}
