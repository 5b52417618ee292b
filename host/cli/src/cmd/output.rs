//! Where results go: the standard output, and files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};

pub(super) use super::clean::Clean;

/// Characters of a line where nobody says how wide the terminal is.
const DEFAULT_COLUMNS: usize = 100;

/// The standard output, in large pieces, without what would change the terminal: names in images, maps and
/// panels are anybody's.
pub(super) fn stdout() -> Clean<BufWriter<StdoutLock<'static>>> {
    Clean::new(BufWriter::new(io::stdout().lock()))
}

/// Returns whether errors are shown in colours: on a terminal that has them, unless `NO_COLOR` is set.
pub(super) fn stderr_has_colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !set("NO_COLOR") && !dumb
}

/// Characters of a line: `COLUMNS`, else the terminal's width.
pub(super) fn columns() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|n| n.parse().ok());
    let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    asked.or_else(terminal).unwrap_or(DEFAULT_COLUMNS).clamp(40, 400)
}

/// Returns a waveform (`xmap_sim::draw`) as this user's terminal shows it: in ASCII where the locale is of
/// another encoding than UTF-8.
pub(super) fn drawn(waveform: String) -> String {
    let named = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    // The first that is set holds, by POSIX.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(named);
    if locale.is_none_or(|locale| is_utf8(&locale)) { waveform } else { in_ascii(&waveform) }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

fn in_ascii(waveform: &str) -> String {
    let ascii = |c| match c {
        '▁' => '_',
        '▇' => '#',
        '▒' => '%',
        '─' => '-',
        '┬' => '+',
        '≈' | '…' => '~',
        c => c,
    };
    waveform.chars().map(ascii).collect()
}

/// A number of things: `1 call`, `2 calls`.
pub(super) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// A file's content, ready beside its place.
pub(super) struct Staged {
    /// The path as it was given, for messages.
    given: PathBuf,
    /// Where it leads.
    path: PathBuf,
    content: Content,
}

enum Content {
    /// A temporary file in the same folder, to be renamed.
    Whole(NamedTempFile),
    /// A device or a pipe takes the bytes as they are: nothing there can be replaced.
    Device(Vec<u8>),
}

/// Writes bytes beside their place, so that [`Staged::commit`] has little left to fail with.
///
/// # Errors
/// X0102 where the place is a directory, X0106 where it cannot be written.
pub(super) fn stage(given: &Path, bytes: &[u8]) -> Result<Staged, Diagnostic> {
    // A link stays a link, and what it leads to is replaced.
    let path = fs::canonicalize(given).unwrap_or_else(|_| given.to_path_buf());
    let staged = |path, content| Staged { given: given.to_path_buf(), path, content };
    match fs::metadata(&path) {
        Ok(there) if there.is_dir() => {
            let message = format!("{}: a directory, not a file", given.display());
            return Err(Diagnostic::new(Code::NotAFile, Place::file(given), message));
        }
        Ok(there) if !there.is_file() => return Ok(staged(path, Content::Device(bytes.into()))),
        // A rename would replace it all the same: its owner said no.
        Ok(there) if there.permissions().readonly() => {
            let message = format!("{}: cannot be written: the file is read-only", given.display());
            return Err(Diagnostic::new(Code::CannotWrite, Place::file(given), message));
        }
        _ => {}
    }
    let write = || -> io::Result<NamedTempFile> {
        let mut file = temporary(folder(&path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let file = write().map_err(|error| Diagnostic::writing(given, &error))?;
    Ok(staged(path, Content::Whole(file)))
}

impl Staged {
    /// Puts the file in its place.
    ///
    /// # Errors
    /// X0106; what stood there still does.
    pub(super) fn commit(self) -> Result<(), Diagnostic> {
        let path = self.path;
        let done = match self.content {
            Content::Whole(file) => file.persist(&path).map(drop).map_err(|error| error.error),
            Content::Device(bytes) => File::create(&path).and_then(|mut file| file.write_all(&bytes)),
        };
        done.map_err(|error| Diagnostic::writing(&self.given, &error))?;
        // The new name is on the disk once its folder is; some file systems know no such thing.
        _ = File::open(folder(&path)).and_then(|folder| folder.sync_all());
        Ok(())
    }

    /// Returns whether there is a place beside this one: a device has none.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.content, Content::Whole(_))
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// X0106, with what the system says.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    stage(path, bytes)?.commit()
}

/// Puts files in their places: all of them or, as far as the operating system lets it, none.
///
/// # Errors
/// As [`Staged::commit`].
pub(super) fn commit_all(files: Vec<Staged>) -> Result<(), Diagnostic> {
    let mut before: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
    for file in files {
        let there = fs::metadata(&file.path).is_ok_and(|there| there.is_file());
        let there = (file.path.clone(), there.then(|| fs::read(&file.path).ok()).flatten());
        if let Err(error) = file.commit() {
            for (path, bytes) in before {
                _ = match bytes {
                    Some(bytes) => write_file(&path, &bytes).ok(),
                    None => fs::remove_file(&path).ok(),
                };
            }
            return Err(error);
        }
        before.push(there);
    }
    Ok(())
}

/// Writes an image, or a bundle of them, and maps beside it, and says which files they are. A device or a
/// pipe gets the image alone.
///
/// # Errors
/// As [`stage`] and [`Staged::commit`]; X0106 where one of `sources` would be written over.
pub(super) fn write_image(
    output: &Path,
    image: &[u8],
    maps: &[(PathBuf, String)],
    sources: &[PathBuf],
) -> Result<String, Diagnostic> {
    for path in maps.iter().map(|(path, _)| &**path).chain([output]) {
        if sources.iter().any(|source| same(source, path)) {
            let message = format!("{}: is the input, and would be written over", path.display());
            let help = "name another output with -o".to_string();
            return Err(Diagnostic::new(Code::CannotWrite, Place::file(path), message).help(help));
        }
    }
    let image = stage(output, image)?;
    if !image.is_file() {
        image.commit()?;
        return Ok(output.display().to_string());
    }
    let mut files = Vec::new();
    for (path, text) in maps {
        files.push(stage(path, text.as_bytes())?);
    }
    // The image comes last: where it is new, its maps are.
    files.push(image);
    commit_all(files)?;
    let mut names = vec![output.display().to_string()];
    names.extend(maps.iter().map(|(path, _)| path.display().to_string()));
    let last = names.pop().unwrap_or_default();
    Ok(if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) })
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A temporary file with the permissions of any new file; a temporary one is its owner's alone by default.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".xmap-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waveform_is_drawn_in_ascii_where_utf8_is_off() {
        assert_eq!(in_ascii("lamp 17 ▁▇▒\n        ┬─≈…\n"), "lamp 17 _#%\n        +-~~\n");
        for (locale, expected) in [
            ("en_GB.UTF-8", true),
            ("C.utf8", true),
            ("C", false),
            ("POSIX", false),
            ("de_DE.ISO-8859-1", false),
        ] {
            assert_eq!(is_utf8(locale), expected, "{locale}");
        }
    }
}
