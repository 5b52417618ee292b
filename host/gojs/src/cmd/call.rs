//! `xmap go call`

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use xmap_gojs::Registry;

use super::{Done, Keyed, failure, load};

/// Run a program's main function, and call a function that it registered
///
/// Arguments are checked against the function's signature, where it has one; otherwise true, false and
/// numbers are what they look like, and anything else is a text.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    given: Keyed,
    /// Say on the standard error what is called and how long it takes
    #[arg(short, long)]
    verbose: bool,
    /// The module
    file: PathBuf,
    /// The function, by its key or its name
    name: String,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(super) fn run(args: &Args) -> Done {
    let mut program = load(&args.file, &args.given.given.options(&args.file, &[]))?;
    let fail = |error| failure(&args.file, error);
    program.start().map_err(fail)?;
    let mut registry = Registry::of(&mut program, &args.given.namespace).map_err(fail)?;
    if args.verbose {
        let began = std::rc::Rc::new(std::cell::Cell::new(Instant::now()));
        let begin = began.clone();
        registry.before(Box::new(move |entry, values| {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            eprintln!("call {}({})", entry.key, values.join(", "));
            begin.set(Instant::now());
            Ok(())
        }));
        registry.after(Box::new(move |entry, done| {
            let how = if done.is_ok() { "returned" } else { "failed" };
            eprintln!("{} {how} after {} us", entry.key, began.get().elapsed().as_micros());
        }));
    }
    let words: Vec<&str> = args.args.iter().map(String::as_str).collect();
    let answer = registry.call_text(&mut program, &args.name, &words);
    program.finish();
    if let Some(answer) = answer.map_err(fail)? {
        writeln!(std::io::stdout(), "{answer}")?;
    }
    Ok(0)
}
