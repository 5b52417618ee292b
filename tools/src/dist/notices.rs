//! The licences of what a release is made of: who passes the programs on passes these on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use super::bom::Component;

/// The beginnings of the names of files that state a licence or a notice.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// Writes each foreign package with its licence, and each text once with the packages that carry it.
pub(super) fn document(components: &[Component]) -> Result<String> {
    let foreign = || components.iter().filter(|component| component.checksum.is_some());
    let mut text = String::from("Packages of others in xmap's programs, and their licences.\n\n");
    for component in foreign() {
        let Component { name, version, licence, programs, .. } = component;
        let programs = programs.iter().cloned().collect::<Vec<_>>().join(", ");
        let licence = licence.as_deref().unwrap_or("no licence is named");
        _ = writeln!(text, "{name} {version}: {licence} (in {programs})");
    }
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for component in foreign() {
        let entries =
            fs::read_dir(&component.folder).with_context(|| component.folder.display().to_string())?;
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            if !path.is_file() || !NAMES.iter().any(|known| name.starts_with(known)) {
                continue;
            }
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            let whole = String::from_utf8_lossy(&bytes).replace('\r', "");
            let of = texts.entry(whole.trim().to_owned()).or_default();
            of.push(format!("{} {}", component.name, component.version));
        }
    }
    for (licence, mut packages) in texts {
        packages.dedup();
        _ = writeln!(text, "\n{}\n{}\n\n{licence}", "-".repeat(80), packages.join(", "));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::bom::{components, metadata};
    use super::*;

    #[test]
    fn every_package_is_named_and_most_bring_their_text() {
        let components = components(&metadata().unwrap(), &["xmap"]).unwrap();
        let text = document(&components).unwrap();
        for component in components.iter().filter(|component| component.checksum.is_some()) {
            assert!(
                text.contains(&format!("\n{} {}: ", component.name, component.version)),
                "{}",
                component.name
            );
        }
        assert!(text.contains("Permission is hereby granted") && text.contains("Apache License"));
    }
}
