//! What a release is made of, as a bill of materials in CycloneDX's JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use serde_json::{Value, json};

use crate::{cargo, root};

/// A package that is linked into a program of the release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) licence: Option<String>,
    /// SHA-256 of the package in the registry; none of one of ours.
    pub(super) checksum: Option<String>,
    /// The programs that it is in.
    pub(super) programs: BTreeSet<String>,
    /// Where its files are.
    pub(super) folder: PathBuf,
    /// The packages that it depends on, by their references.
    pub(super) depends_on: BTreeSet<String>,
}

impl Component {
    /// The package's URL, by which others know it.
    fn reference(&self) -> String {
        reference(&self.name, &self.version)
    }
}

fn reference(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// Reads the packages of the workspace with its default features.
pub(super) fn metadata() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.cargo_path(cargo()).manifest_path(root().join("Cargo.toml")).current_dir(root());
    command.other_options(["--locked".to_owned()]).exec().context("cannot read the packages of Cargo.toml")
}

/// The packages that are linked into programs, the programs' own included, by name and version.
pub(super) fn components(metadata: &Metadata, programs: &[&str]) -> Result<Vec<Component>> {
    let checksums = checksums()?;
    let nodes = &metadata.resolve.as_ref().context("cargo resolved nothing")?.nodes;
    let nodes: BTreeMap<&PackageId, _> = nodes.iter().map(|node| (&node.id, node)).collect();
    let mut components: BTreeMap<&PackageId, Component> = BTreeMap::new();
    for program in programs {
        let is_it = |id: &&PackageId| {
            let package = &metadata[id];
            package.source.is_none() && package.name.as_str() == *program
        };
        let first = nodes.keys().copied().find(is_it).with_context(|| format!("no package {program}"))?;
        let (mut waiting, mut seen) = (vec![first], BTreeSet::new());
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            let node = nodes.get(id).context("a package that cargo did not resolve")?;
            let is_linked = |dependency: &&cargo_metadata::NodeDep| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            };
            let linked: Vec<&PackageId> =
                node.deps.iter().filter(is_linked).map(|dependency| &dependency.pkg).collect();
            let package = &metadata[id];
            let (name, version) = (package.name.to_string(), package.version.to_string());
            let component = components.entry(id).or_insert_with(|| Component {
                licence: package.license.clone(),
                checksum: checksums.get(&(name.clone(), version.clone())).cloned(),
                name,
                version,
                programs: BTreeSet::new(),
                folder: package
                    .manifest_path
                    .parent()
                    .map(|folder| folder.as_std_path().into())
                    .unwrap_or_default(),
                depends_on: BTreeSet::new(),
            });
            component.programs.insert((*program).to_owned());
            component.depends_on.extend(linked.iter().map(|id| {
                let package = &metadata[*id];
                reference(package.name.as_str(), &package.version.to_string())
            }));
            waiting.extend(linked);
        }
    }
    let mut components: Vec<Component> = components.into_values().collect();
    components.sort();
    Ok(components)
}

/// The checksums of Cargo.lock, by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    #[derive(serde::Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(serde::Deserialize)]
    struct Package {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let path = root().join("Cargo.lock");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let lock: Lock = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let row = |package: Package| Some(((package.name, package.version), package.checksum?));
    Ok(lock.package.into_iter().filter_map(row).collect())
}

/// Writes the bill of materials: without a time and without a random number, so that the same sources give
/// the same text.
pub(super) fn document(components: &[Component]) -> String {
    let one = |component: &Component| {
        let mut object = json!({
            "type": "library",
            "bom-ref": component.reference(),
            "name": component.name,
            "version": component.version,
            "purl": component.reference(),
            "properties": component.programs.iter()
                .map(|program| json!({ "name": "xmap:program", "value": program }))
                .collect::<Vec<_>>(),
        });
        if let Some(licence) = &component.licence {
            // Older packages write `MIT/Apache-2.0`.
            let expression = licence.replace('/', " OR ");
            object["licenses"] = json!([{ "expression": expression }]);
        }
        if let Some(checksum) = &component.checksum {
            object["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        object
    };
    let depends =
        |component: &Component| json!({ "ref": component.reference(), "dependsOn": component.depends_on });
    let document: Value = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": { "type": "application", "name": "xmap", "version": env!("CARGO_PKG_VERSION"), "bom-ref": "xmap" },
        },
        "components": components.iter().map(one).collect::<Vec<_>>(),
        "dependencies": components.iter().map(depends).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).expect("it is plain text") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_of_a_program_is_named_once_with_its_checksum_and_licence() {
        let components = components(&metadata().unwrap(), &super::super::PROGRAMS).unwrap();
        let of =
            |name: &str| components.iter().filter(|component| component.name == name).collect::<Vec<_>>();
        assert!(components.len() > 100, "{}", components.len());
        let [wasmparser] = of("wasmparser")[..] else { panic!("{:?}", of("wasmparser")) };
        assert_eq!(wasmparser.checksum.as_ref().map(String::len), Some(64));
        assert!(wasmparser.programs.contains("xmap") && !wasmparser.programs.contains("rpi4b"));
        assert!(of("proptest").is_empty(), "a test's own");
        for component in &components {
            assert!(component.licence.is_some(), "{} names no licence", component.name);
            assert_eq!(
                component.checksum.is_none(),
                component.folder.starts_with(root()),
                "{}",
                component.name
            );
        }
        let document: Value = serde_json::from_str(&document(&components)).unwrap();
        let references: BTreeSet<&str> = document["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| component["bom-ref"].as_str().unwrap())
            .collect();
        assert_eq!(references.len(), components.len());
        for row in document["dependencies"].as_array().unwrap() {
            for on in row["dependsOn"].as_array().unwrap() {
                assert!(references.contains(on.as_str().unwrap()), "{on} is missing");
            }
        }
    }
}
