//! A new panel: manifest, source, bindings, scripts.

use std::fs;
use std::path::{Path, PathBuf};

use xmap_boards::Board;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::manifest::{MAX_NAME_CHARS, Manifest};
use xmap_compiler::names;

use crate::Bindings;

/// A language that there is a template for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C.
    C,
    /// Rust.
    Rust,
    /// Zig.
    Zig,
    /// AssemblyScript.
    AssemblyScript,
    /// Go.
    Go,
    /// WebAssembly's text.
    Wat,
}

/// A file of a template: its path, and its text before names and lines stand in it.
type File = (&'static str, &'static str);

const MANIFEST: &str = include_str!("../templates/panel.toml");
const README: &str = include_str!("../templates/README.md");
const IGNORED: &str = include_str!("../templates/gitignore");
const SCRIPTS: [File; 2] = [
    ("tests/press.txt", include_str!("../templates/press.txt")),
    ("tests/host.txt", include_str!("../templates/host.txt")),
];

/// A service that builds and tests what is pushed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ci {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
}

impl Ci {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Github, Self::Gitlab];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }

    /// The file that it reads, and the text.
    const fn file(self) -> File {
        match self {
            Self::Github => (".github/workflows/panel.yml", include_str!("../templates/ci/github.yml")),
            Self::Gitlab => (".gitlab-ci.yml", include_str!("../templates/ci/gitlab.yml")),
        }
    }
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::C, Self::Rust, Self::Zig, Self::AssemblyScript, Self::Go, Self::Wat];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self.bindings() {
            Some(bindings) => bindings.word(),
            None => "wat",
        }
    }

    /// The language's bindings; a module in WebAssembly's text has none.
    const fn bindings(self) -> Option<Bindings> {
        match self {
            Self::C => Some(Bindings::C),
            Self::Rust => Some(Bindings::Rust),
            Self::Zig => Some(Bindings::Zig),
            Self::AssemblyScript => Some(Bindings::AssemblyScript),
            Self::Go => Some(Bindings::Go),
            Self::Wat => None,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::Rust => "Rust",
            Self::Zig => "Zig",
            Self::AssemblyScript => "AssemblyScript",
            Self::Go => "Go",
            Self::Wat => "WebAssembly's text",
        }
    }

    /// The tools that its build command needs, by their names in [`crate::tools::TOOLS`].
    pub const fn tools(self) -> &'static [&'static str] {
        match self {
            Self::C => &["clang", "wasm-ld"],
            Self::Rust => &["cargo"],
            Self::Zig => &["zig"],
            Self::AssemblyScript => &["asc"],
            Self::Go => &["go"],
            Self::Wat => &[],
        }
    }

    /// The commands by which a machine of a CI service gets the tools, as a block of YAML has them.
    const fn setup(self) -> &'static str {
        match self {
            Self::C => {
                "command -v clang wasm-ld || ($(command -v sudo) sh -c 'apt-get update && apt-get install -y clang lld')\n"
            }
            Self::Rust => "rustup target add wasm32-unknown-unknown\n",
            Self::Zig => {
                "command -v zig || (pip install ziglang && ln -s \"$(python3 -c 'import ziglang; print(ziglang.__path__[0])')/zig\" /usr/local/bin/zig)\n"
            }
            Self::AssemblyScript => "npm install\n",
            Self::Go => "go version\n",
            Self::Wat => "echo \"WebAssembly's text needs no compiler\"\n",
        }
    }

    /// The lines of the manifest that say where the module comes from, and what of it no repository has.
    const fn build(self) -> (&'static str, &'static str) {
        match self {
            Self::C => (
                "\n[build]\ncommand = [\n    \"clang\", \"--target=wasm32\", \"-mbulk-memory\", \"-O2\", \"-g\", \"-nostdlib\",\n    \
                 \"-fdebug-compilation-dir=.\", \"panel.c\", \"-o\", \"panel.wasm\",\n    \
                 \"-Wl,--no-entry,--stack-first,-z,stack-size=4096\",\n]\noutput = \"panel.wasm\"\nbindings = \"names.h\"\n",
                "panel.wasm\n",
            ),
            Self::Rust => (
                "\n[build]\ncommand = \"cargo build --release --target-dir target\"\n\
                 output = \"target/wasm32-unknown-unknown/release/panel.wasm\"\nbindings = \"src/names.rs\"\n",
                "target/\n",
            ),
            Self::Zig => (
                "\n[build]\ncommand = [\n    \"zig\", \"build-exe\", \"-target\", \"wasm32-freestanding\", \"-O\", \"ReleaseSafe\",\n    \
                 \"-fno-strip\", \"-fno-entry\", \"-rdynamic\", \"--stack\", \"4096\", \"--initial-memory=65536\",\n    \
                 \"--max-memory=65536\", \"--dep\", \"xmap\", \"-Mroot=panel.zig\", \"-Mxmap=xmap.zig\",\n    \
                 \"-femit-bin=panel.wasm\",\n]\noutput = \"panel.wasm\"\nbindings = \"names.zig\"\n",
                "panel.wasm\n.zig-cache/\n",
            ),
            Self::AssemblyScript => (
                "\n[build]\ncommand = [\n    \"asc\", \"panel.ts\", \"--outFile\", \"panel.wasm\", \"--sourceMap\", \"--runtime\",\n    \
                 \"stub\", \"-O2\", \"--initialMemory\", \"1\", \"--maximumMemory\", \"1\", \"--use\", \"abort=\",\n]\n\
                 output = \"panel.wasm\"\nbindings = \"names.ts\"\nsources = [\"panel.ts\", \"names.ts\", \"xmap.ts\"]\n",
                "panel.wasm\npanel.wasm.map\nnode_modules/\n",
            ),
            // Go's runtime is in the module, and needs room.
            Self::Go => (
                "\n[build]\ncommand = [\n    \"GOOS=wasip1\", \"GOARCH=wasm\", \"go\", \"build\", \"-buildmode=c-shared\",\n    \
                 \"-ldflags=-s -w\", \"-o\", \"panel.wasm\", \".\",\n]\noutput = \"panel.wasm\"\nbindings = \"names.go\"\n\n\
                 [limits]\nmax_bytes = \"4 MiB\"\nfuel = 20000000\n",
                "panel.wasm\n",
            ),
            Self::Wat => ("wasm = \"panel.wat\"\n", ""),
        }
    }

    /// The source, and the files that it needs beside it; the source is the first.
    const fn files(self) -> &'static [File] {
        match self {
            Self::C => &[
                ("panel.c", include_str!("../templates/c/panel.c")),
                ("xmap.h", include_str!("../guests/xmap.h")),
            ],
            Self::Rust => &[
                ("src/lib.rs", include_str!("../templates/rust/lib.rs")),
                ("Cargo.toml", include_str!("../templates/rust/Cargo.toml.txt")),
                (".cargo/config.toml", include_str!("../templates/rust/config.toml")),
                ("xmap-guest/Cargo.toml", include_str!("../guests/guest.toml")),
                ("xmap-guest/src/lib.rs", include_str!("../guests/lib.rs")),
                ("xmap-guest/src/arguments.rs", include_str!("../guests/arguments.rs")),
                ("xmap-guest/src/lifecycle.rs", include_str!("../guests/lifecycle.rs")),
                ("xmap-guest/src/state.rs", include_str!("../guests/state.rs")),
                ("xmap-guest/src/drivers/at24.rs", include_str!("../guests/drivers/at24.rs")),
                ("xmap-guest/src/drivers/ds1307.rs", include_str!("../guests/drivers/ds1307.rs")),
                ("xmap-guest/src/drivers/fan.rs", include_str!("../guests/drivers/fan.rs")),
                ("xmap-guest/src/drivers/font.rs", include_str!("../guests/drivers/font.rs")),
                ("xmap-guest/src/drivers/lm75.rs", include_str!("../guests/drivers/lm75.rs")),
                ("xmap-guest/src/drivers/mcp23017.rs", include_str!("../guests/drivers/mcp23017.rs")),
                ("xmap-guest/src/drivers/mcp3008.rs", include_str!("../guests/drivers/mcp3008.rs")),
                ("xmap-guest/src/drivers/mod.rs", include_str!("../guests/drivers/mod.rs")),
                ("xmap-guest/src/drivers/modbus.rs", include_str!("../guests/drivers/modbus.rs")),
                ("xmap-guest/src/drivers/pca9552.rs", include_str!("../guests/drivers/pca9552.rs")),
                ("xmap-guest/src/drivers/pcf8574.rs", include_str!("../guests/drivers/pcf8574.rs")),
                ("xmap-guest/src/drivers/registers.rs", include_str!("../guests/drivers/registers.rs")),
                ("xmap-guest/src/drivers/servo.rs", include_str!("../guests/drivers/servo.rs")),
                ("xmap-guest/src/drivers/ssd1306.rs", include_str!("../guests/drivers/ssd1306.rs")),
            ],
            Self::Zig => &[
                ("panel.zig", include_str!("../templates/zig/panel.zig")),
                ("xmap.zig", include_str!("../guests/xmap.zig")),
            ],
            Self::AssemblyScript => &[
                ("panel.ts", include_str!("../templates/assemblyscript/panel.ts")),
                ("xmap.ts", include_str!("../guests/xmap.ts")),
                ("package.json", include_str!("../templates/assemblyscript/package.json")),
            ],
            Self::Go => &[
                ("panel.go", include_str!("../templates/go/panel.go")),
                ("go.mod", include_str!("../templates/go/go.mod.txt")),
                ("xmap/xmap.go", include_str!("../guests/xmap.go")),
                ("xmap/go.mod", include_str!("../guests/go.mod")),
            ],
            Self::Wat => &[("panel.wat", include_str!("../templates/wat/panel.wat"))],
        }
    }
}

/// The files that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The folder.
    pub folder: PathBuf,
    /// The files, relative to it.
    pub files: Vec<PathBuf>,
}

/// Writes a new panel into a folder that is not there yet, or is empty; the panel has the folder's name. With
/// `ci` it is built and tested there when it is pushed.
///
/// # Errors
/// X0115 where something is there, X0408 where the name can be none, X0106 where a file cannot be written.
/// Nothing that stood there is changed.
pub fn begin(folder: &Path, language: Language, board: &Board, ci: Option<Ci>) -> Result<Begun, Diagnostic> {
    let place = || Place::file(folder);
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if names::word(&name).is_none()
        || name.chars().count() > MAX_NAME_CHARS
        || name.chars().any(|c| c == '"' || c == '\\' || xmap_image::acts(c))
    {
        let message = format!("`{}` cannot be the name of a panel", name.escape_debug());
        let help =
            format!("a name has a letter or a digit, no quote, and at most {MAX_NAME_CHARS} characters");
        return Err(Diagnostic::new(Code::BadName, place(), message).help(help));
    }
    let is_free = match folder.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => fs::symlink_metadata(folder).is_err(),
    };
    if !is_free {
        let message = format!("{}: there already", folder.display());
        let help = "give another name, or `xmap init` for a module that is there".to_string();
        return Err(Diagnostic::new(Code::Occupied, place(), message).help(help));
    }
    let mut files = files(&name, language, board);
    if let Some((path, text)) = ci.map(Ci::file) {
        files.push((path.into(), text.replace("@NAME@", &name).replace("@SETUP@\n", language.setup())));
    }
    let mut begun = Begun { folder: folder.to_path_buf(), files: Vec::new() };
    for (path, text) in files {
        let target = folder.join(&path);
        let written =
            fs::create_dir_all(target.parent().unwrap_or(folder)).and_then(|()| fs::write(&target, text));
        written.map_err(|error| Diagnostic::writing(&target, &error))?;
        begun.files.push(path.into());
    }
    Ok(begun)
}

/// The files of a panel with this name.
fn files(name: &str, language: Language, board: &Board) -> Vec<(String, String)> {
    let (lamp, button) = lines(board);
    let (build, ignored) = language.build();
    let own = language.files();
    let source = own.first().map_or("", |(path, _)| path);
    let fill = |text: &str| {
        text.replace("@NAME@", name)
            .replace("@BOARD@", board.name)
            .replace("@WASM@\n", &format!("{build}\n"))
            .replace("@LAMP@", &lamp.to_string())
            .replace("@BUTTON@", &button.to_string())
            .replace("@LANGUAGE@", language.name())
            .replace("@SOURCE@", source)
    };
    let manifest = fill(MANIFEST);
    // What the first build would write, so that an editor knows the names before.
    let bindings = Manifest::parse("panel.toml", &manifest).ok().and_then(|manifest| {
        let file = manifest.build.as_ref()?.bindings.as_ref()?.value.clone();
        let text = Bindings::of_file(Path::new(&file))?.of(&manifest);
        Some((file, text))
    });
    let names = bindings.as_ref().map_or_else(String::new, |(file, _)| {
        format!(", whose names the build writes to `{file}` for the source")
    });
    let mut files = vec![
        ("panel.toml".to_string(), manifest),
        ("README.md".into(), fill(README).replace("@NAMES@", &names)),
    ];
    files.extend(own.iter().chain(&SCRIPTS).map(|(path, text)| ((*path).to_string(), fill(text))));
    files.push((".gitignore".into(), format!("{IGNORED}{ignored}")));
    files.extend(bindings);
    files
}

/// The lines of the lamp and of the button: 17 and 27, or the first that the board's header has free.
fn lines(board: &Board) -> (u8, u8) {
    let free = |n: u8| {
        let line = board.line(n)?;
        (board.header.contains(line) && board.reserved(line).is_none()).then_some(n)
    };
    let mut all = [17, 27].into_iter().chain(0..board.lines).filter_map(free);
    let lamp = all.next().unwrap_or(0);
    (lamp, all.find(|n| *n != lamp).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_boards::BOARDS;

    #[test]
    fn every_template_has_a_manifest_that_holds() {
        for language in Language::ALL {
            for board in BOARDS {
                let files = files("hall", language, board);
                assert!(files.iter().all(|(path, text)| !text.contains("@NAME@")
                    && !text.contains("@LAMP@")
                    && !path.is_empty()));
                let (path, text) = &files[0];
                let manifest = Manifest::parse(path, text).unwrap_or_else(|errors| panic!("{errors}"));
                assert_eq!(manifest.build.is_some(), language != Language::Wat);
                assert_eq!(manifest.pins.len(), 2);
                // No number of a line stands in a source that has names.
                let (source, text) = &files[2];
                let numbers = [&lines(board).0, &lines(board).1].map(u8::to_string);
                let words = || text.split(|c: char| !c.is_ascii_alphanumeric());
                let numbered = words().any(|word| numbers.iter().any(|number| number == word));
                assert_eq!(numbered, language == Language::Wat, "{source}");
                let names = files.iter().find(|(path, _)| path.contains("names."));
                assert_eq!(names.is_some(), language != Language::Wat);
            }
        }
    }

    #[test]
    fn a_panel_in_rust_has_all_of_the_bindings() {
        fn sources(folder: &Path, below: &str, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let name = format!("{below}{}", entry.file_name().to_str().unwrap());
                if entry.path().is_dir() {
                    sources(&entry.path(), &format!("{name}/"), found);
                } else {
                    found.push(name);
                }
            }
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests/rust/src");
        let mut all = Vec::new();
        sources(&folder, "xmap-guest/src/", &mut all);
        let written = Language::Rust.files();
        for file in all {
            assert!(written.iter().any(|(path, _)| *path == file), "`xmap new` does not write {file}");
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let hall = folder.path().join("hall");
        let begun = begin(&hall, Language::Wat, BOARDS[0], None).unwrap();
        assert_eq!(begun.files[..3], ["panel.toml", "README.md", "panel.wat"].map(PathBuf::from));
        fs::write(hall.join("panel.wat"), "mine").unwrap();
        assert_eq!(begin(&hall, Language::C, BOARDS[0], None).unwrap_err().code, Code::Occupied);
        assert_eq!(fs::read_to_string(hall.join("panel.wat")).unwrap(), "mine");
        fs::create_dir(folder.path().join("empty")).unwrap();
        assert!(begin(&folder.path().join("empty"), Language::Wat, BOARDS[0], Some(Ci::Github)).is_ok());
        for bad in ["!!!", "a\"b", "a\nb"] {
            assert_eq!(
                begin(&folder.path().join(bad), Language::Wat, BOARDS[0], None).unwrap_err().code,
                Code::BadName
            );
        }
    }
}
