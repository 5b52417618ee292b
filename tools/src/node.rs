//! Compilers of TypeScript, Kotlin and AssemblyScript, React, and linters of OpenAPI and of pages, from npm
//! in `target/node`: tests compile the clients that `xmap sdk` writes, ask the compilers about types
//! (`xmap lint`), and hold what `xmap openapi` writes against another tool.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{process, target_dir};

/// The packages, in the versions that the tests are made for.
const PACKAGES: [&str; 9] = [
    "typescript@7.0.2",
    "@types/node@26.6.7",
    "@types/react@19.3.3",
    "react@19.3.1",
    "react-test-renderer@19.3.1",
    "axe-core@4.14.1",
    "kotlin-compiler@2.4.20",
    "@redocly/cli@2.77.0",
    "assemblyscript@0.28.20",
];

const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);

/// The folder of the packages.
pub fn folder() -> PathBuf {
    target_dir().join("node")
}

/// Installs what it can, and says in one line what is there. A test names what it leaves out.
pub fn set_up() -> String {
    let has = |path: &str| folder().join("node_modules").join(path).is_file();
    let all = [
        "typescript/bin/tsc",
        "kotlin-compiler/bin/kotlinc",
        "@redocly/cli/bin/cli.js",
        "@types/react/index.d.ts",
        "react-test-renderer/index.js",
        "axe-core/axe.min.js",
        "assemblyscript/bin/asc.js",
    ];
    let there = || all.iter().all(|path| has(path));
    let mut how = "";
    if !there() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(folder())
            .args(PACKAGES);
        let made = std::fs::create_dir_all(folder()).map_err(anyhow::Error::from);
        if let Err(error) = made.and_then(|()| process::run(&mut npm, DOWNLOAD_LIMIT)) {
            return format!("tools of `xmap sdk` from npm: none ({error:#}): left out of the tests");
        }
        how = " (installed)";
    }
    let java = process::run(Command::new("java").arg("-version"), Duration::from_secs(30)).is_ok();
    match java && Path::new(&folder()).join("node_modules/kotlin-compiler").is_dir() {
        true => format!("tools of `xmap sdk` from npm: there{how}"),
        false => format!("tools of `xmap sdk` from npm: there{how}; Kotlin: no java: left out of the tests"),
    }
}
