#![forbid(unsafe_code)]
//! `xmap manual`: completions and man pages of the command line, for packages.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, Parser};
use clap_complete::Shell;

/// Write what packages carry beside xmap: completions of shells, and man pages
#[derive(Parser)]
#[command(name = "xmap-manual", bin_name = "xmap manual", version)]
#[command(after_help = "\
Examples:
  xmap manual completions bash > /etc/bash_completion.d/xmap
  xmap manual completions zsh > ~/.zfunc/_xmap
  xmap manual man man1 && man -l man1/xmap-sim.1")]
enum Args {
    /// Print what a shell completes verbs and options with
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write man pages: one for xmap, and one for each verb
    Man {
        /// Where they go; the folder is made
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Args::parse() {
        Args::Completions { shell } => completions(shell),
        Args::Man { folder } => man(&folder),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn completions(shell: Shell) -> io::Result<()> {
    // In memory first: the generator panics where its output takes no more.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut xmap::command(), "xmap", &mut text);
    io::stdout().write_all(&text)
}

fn man(folder: &Path) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::other(format!("{}: cannot be written: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(named)?;
    let mut command = xmap::command();
    command.build();
    pages(&command, "xmap", folder).map_err(named)
}

/// A page for a command, and those of its verbs.
fn pages(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    // A title has to live as long as the program, and there are some dozens.
    let title: &'static str = name.to_string().leak();
    clap_mangen::Man::new(command.clone().name(title)).render(&mut page)?;
    fs::write(&path, page)?;
    writeln!(io::stdout(), "wrote {}", path.display())?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        pages(verb, &format!("{name}-{}", verb.get_name()), folder)?;
    }
    Ok(())
}
