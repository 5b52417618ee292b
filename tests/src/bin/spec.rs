#![forbid(unsafe_code)]
//! `cargo run --release -p xmap-tests --bin spec [NAME]`: runs the specification's tests, prints the
//! table and each assertion that failed or needs what is not supported. With a name, only the files
//! whose names contain it.

use std::process::ExitCode;

use xmap_tests::spec;

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let mut rows = Vec::new();
    for file in spec::files().into_iter().filter(|file| file.name.contains(&wanted)) {
        match spec::run(file.text) {
            Ok(tally) => rows.push((file.name, tally)),
            Err(error) => {
                eprintln!("{}: {error}", file.name);
                return ExitCode::FAILURE;
            }
        }
    }
    for (name, tally) in &rows {
        for (what, list) in [("failed", &tally.failed), ("unsupported", &tally.unsupported)] {
            for (line, message) in list {
                println!("{name}:{line}: {what}: {message}");
            }
        }
    }
    print!("{}", spec::table(rows.iter().map(|(name, tally)| (name.as_str(), tally))));
    if rows.iter().all(|(_, tally)| tally.failed.is_empty() && tally.unsupported.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
