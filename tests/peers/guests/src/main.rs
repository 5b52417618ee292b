#![forbid(unsafe_code)]
//! Makes the committed `.wasm` files: `cargo run -p peer-guests`, with clang 19 and its linker in the path or
//! in `CLANG` and `WASM_LD`. The bytes depend on their version; so a run of the benchmark takes the committed
//! ones.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

/// Text modules.
const TEXT: [&str; 2] = ["gpio", "fib"];
/// C modules.
const C: [&str; 2] = ["crc", "panel"];

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let result = TEXT.iter().try_for_each(|name| assemble(folder, name));
    let result = result.and_then(|()| C.iter().try_for_each(|name| compile(folder, name)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn assemble(folder: &Path, name: &str) -> Result<(), String> {
    let from = folder.join(name).with_extension("wat");
    let bytes = wat::parse_file(&from).map_err(|error| error.to_string())?;
    fs::write(from.with_extension("wasm"), bytes).map_err(|error| format!("{name}.wasm: {error}"))
}

fn compile(folder: &Path, name: &str) -> Result<(), String> {
    let path = |extension| folder.join(name).with_extension(extension);
    let mut clang = tool("CLANG", "clang-19");
    clang.args(["--target=wasm32", "-O2", "-Wall", "-Werror", "-nostdlib", "-c", "-o"]);
    run(clang.args([path("o"), path("c")]))?;
    let mut linker = tool("WASM_LD", "wasm-ld-19");
    linker.args(["--no-entry", "--strip-all", "-z", "stack-size=1024", "-o"]);
    let linked = run(linker.args([path("wasm"), path("o")]));
    _ = fs::remove_file(path("o"));
    linked
}

fn tool(variable: &str, name: &str) -> Command {
    Command::new(env::var_os(variable).map_or(PathBuf::from(name), PathBuf::from))
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().display().to_string();
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed: {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_bytes_are_those_of_the_text() {
        for name in TEXT {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            let committed = fs::read(path.with_extension("wasm")).unwrap();
            assert_eq!(wat::parse_file(path.with_extension("wat")).unwrap(), committed, "{name}");
        }
    }
}
