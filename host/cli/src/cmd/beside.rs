//! Programs that are verbs: `xmap NAME` runs `xmap-NAME`, which stands beside this program or on the PATH.
//!
//! Host programs with many dependencies are packages of their own, so that nobody builds them who does not
//! use them.

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use xmap_project::tools::is_program;

/// What the names of such programs begin with.
const PREFIX: &str = "xmap-";

/// Returns the program for a verb, if there is one: the one beside this program before those on the PATH.
pub(super) fn find(verb: &str) -> Option<PathBuf> {
    let well_formed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if verb.is_empty() || !verb.chars().all(well_formed) {
        return None;
    }
    let name = format!("{PREFIX}{verb}{}", env::consts::EXE_SUFFIX);
    folders().into_iter().map(|folder| folder.join(&name)).find(|path| is_program(path))
}

/// Returns the verbs of all programs that can be found, in order.
pub(super) fn verbs() -> BTreeSet<String> {
    let entries = folders().into_iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let programs = entries.map(|entry| entry.path()).filter(|path| is_program(path));
    let verb = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
        let verb = name.strip_suffix(env::consts::EXE_SUFFIX)?;
        // What cargo leaves beside programs has a dot: `xmap-defmt.d`.
        (!verb.is_empty() && !verb.contains('.')).then(|| verb.to_owned())
    };
    programs.filter_map(verb).collect()
}

/// Runs a verb's program in the place of this one; its exit status is ours. `None` where there is no such
/// program.
pub(super) fn run(verb: &OsStr, arguments: &[OsString]) -> Option<std::io::Result<ExitCode>> {
    let mut command = Command::new(find(verb.to_str()?)?);
    command.args(arguments);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // It returns only where the program cannot be started.
        Some(Err(command.exec()))
    }
    #[cfg(not(unix))]
    Some(command.status().map(|status| {
        status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
    }))
}

fn folders() -> Vec<PathBuf> {
    let beside = env::current_exe().ok().and_then(|path| path.parent().map(Path::to_path_buf));
    let path = env::var_os("PATH").unwrap_or_default();
    beside.into_iter().chain(env::split_paths(&path).filter(|folder| folder.is_absolute())).collect()
}
