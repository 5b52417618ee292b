//! The arrows between the packages of this workspace, as ARCHITECTURE.md has them: nothing points up.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// For each package, the packages of ours that it may depend on, tests left out. A package that is not in the
/// list fails.
const ARROWS: [(&str, &str); 37] = [
    ("xmap-abi", ""),
    ("xmap-boards", ""),
    ("xmap-image", "xmap-abi xmap-boards"),
    ("xmap-link", "xmap-boards"),
    ("tiny-mapper", "xmap-abi xmap-boards xmap-image"),
    // Translator and checker see what an image is; what runs their code sees the state of a call, too.
    ("xmap-native", "xmap-image"),
    ("xmap-enter", "tiny-mapper xmap-image xmap-native"),
    ("xmap-trust", "xmap-abi xmap-boards xmap-image"),
    // Records on a card: what they are of is its caller's.
    ("xmap-store", ""),
    ("xmap-device", "tiny-mapper xmap-boards xmap-image xmap-link xmap-store xmap-trust"),
    ("xmap-update", "xmap-device xmap-link xmap-store xmap-trust"),
    ("xmap-bcm2711", "tiny-mapper xmap-boards"),
    ("xmap-sim", "tiny-mapper xmap-boards xmap-image xmap-link xmap-device"),
    (
        "rpi4b",
        "tiny-mapper xmap-bcm2711 xmap-boards xmap-image xmap-link xmap-store xmap-device \
         xmap-trust xmap-update",
    ),
    (
        "xmapd",
        "tiny-mapper xmap-enter xmap-native xmap-bcm2711 xmap-boards xmap-image xmap-link \
         xmap-device xmap-trust",
    ),
    // The compiler sees what an image is, and nothing of how one runs or travels.
    ("xmap-ir", "xmap-abi xmap-image"),
    ("xmap-compiler", "xmap-abi xmap-boards xmap-image xmap-ir"),
    // Who talks to a device needs no compiler.
    ("xmap-client", "tiny-mapper xmap-boards xmap-image xmap-link xmap-sim xmap-trust"),
    ("xmap-floors", "tiny-mapper xmap-boards xmap-image"),
    ("xmap-keys", "xmap-boards xmap-compiler xmap-link xmap-trust"),
    // A panel's folder on the host: no device, no terminal.
    (
        "xmap-project",
        "tiny-mapper xmap-abi xmap-boards xmap-compiler xmap-device xmap-image xmap-sim xmap-trust",
    ),
    ("xmap-defmt", ""),
    (
        "xmap",
        "tiny-mapper xmap-abi xmap-boards xmap-client xmap-compiler xmap-floors xmap-image \
         xmap-keys xmap-link xmap-device xmap-project xmap-sim xmap-store xmap-trust",
    ),
    // It has its texts and its JSON from the command line, so that a field means the same in both.
    (
        "xmap-gateway",
        "tiny-mapper xmap xmap-boards xmap-client xmap-compiler xmap-device xmap-image xmap-keys \
         xmap-link xmap-sim xmap-trust",
    ),
    ("xmap-contract", "tiny-mapper xmap-compiler xmap-image xmap-project"),
    ("xmap-gojs", "tiny-mapper xmap-boards xmap-compiler xmap-image xmap-sim"),
    ("xmap-manual", "xmap"),
    ("xmap-trace", "tiny-mapper xmap xmap-abi xmap-client xmap-compiler xmap-image xmap-link"),
    ("xmap-view", "xmap xmap-boards xmap-client xmap-compiler xmap-image xmap-link xmap-project xmap-sim"),
    (
        "xmap-bodies",
        "tiny-mapper xmap-abi xmap-boards xmap-compiler xmap-device xmap-image xmap-keys xmap-link \
         xmap-sim xmap-store xmap-trust",
    ),
    (
        "xmap-rig",
        "tiny-mapper xmap-bodies xmap-compiler xmap-device xmap-image xmap-link xmap-sim xmap-store \
         xmap-trust xmap-update",
    ),
    (
        "xmap-vopr",
        "tiny-mapper xmap-bodies xmap-boards xmap-device xmap-image xmap-link xmap-sim xmap-store \
         xmap-trust",
    ),
    // As in anybody's crate: by published names.
    ("example-client", "xmap-client xmap-link"),
    ("example-host-test", ""),
    // What runs firmware for tests, and the commands, which are made of it.
    ("xmap-tools", "xmap-abi xmap-boards xmap-image xmap-link xmap-store xmap-trust xmap-update"),
    ("xtask", "xmap-boards xmap-tools xmap-trust"),
    (
        "xmap-tests",
        "tiny-mapper xmap xmap-abi xmap-boards xmap-client xmap-compiler xmap-image xmap-keys \
         xmap-sim xmap-store",
    ),
];

#[test]
fn nothing_points_up() {
    let manifest = xmap_tools::root().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let names: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let arrows: BTreeMap<&str, &str> = ARROWS.into_iter().collect();
    assert_eq!(names, arrows.keys().copied().collect(), "each package has a row, and each row a package");
    for package in &metadata.packages {
        let ours = package.dependencies.iter().filter(|dependency| {
            dependency.kind != DependencyKind::Development && names.contains(dependency.name.as_str())
        });
        for dependency in ours {
            let allowed = arrows[package.name.as_str()].split(' ').any(|name| name == dependency.name);
            assert!(allowed, "{} must not depend on {}", package.name, dependency.name);
        }
    }
}

/// An arrow leads to a package that stands before it in the list, so that there is no circle.
#[test]
fn the_list_has_an_order() {
    let mut before = BTreeSet::new();
    for (name, dependencies) in ARROWS {
        for dependency in dependencies.split_whitespace() {
            assert!(before.contains(dependency), "{dependency} stands behind {name}");
        }
        before.insert(name);
    }
}
