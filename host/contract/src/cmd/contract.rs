//! `xmap contract`: prints a panel's contract, holds a panel against one, and compares two.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};
use serde_json::json;
use xmap_compiler::contract::{Change, Effect, Rule, compare};
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::read_text;
use xmap_compiler::names::did_you_mean;

use super::{Done, MAX_DOCUMENT_BYTES, contract, end, show, write_file};
use crate::wit;

/// Print what callers of a panel go by, and say what a change of it breaks
///
/// The contract is WIT; docs/contract.md says what stands where. A panel is a manifest or a module.
#[derive(Parser)]
#[command(
    name = "xmap-contract",
    bin_name = "xmap contract",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  xmap contract panel.toml -o hall.wit             write it
  xmap contract panel.toml --check hall.wit        is the panel still what hall.wit says?
  xmap contract diff hall.wit panel.toml           what breaks, and for whom
  xmap contract diff v1.wit v2.wit --allow 'unit-changed:hall.duty:all clients are ours'
  xmap contract rules

Exit status: 0 nothing breaks, 1 something does or the input is wrong, 2 the command line is."
)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// A manifest or a module
    #[arg(value_name = "PANEL")]
    panel: Option<PathBuf>,
    /// Write the contract to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Hold the panel against the contract in this file instead of printing its own
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    check: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Verb {
    /// Compare two contracts, each of a panel or in a file of WIT
    Diff(Diff),
    /// List the rules
    Rules,
}

#[derive(Args)]
struct Diff {
    /// What clients were made for
    old: PathBuf,
    /// What they are to meet
    new: PathBuf,
    /// Let a change be, with its reason: RULE:EXPORT:REASON; may be given again
    #[arg(long, value_name = "RULE:EXPORT:REASON", value_parser = allowance)]
    allow: Vec<Allowance>,
    /// Read such lines from a file; what stands behind a # is left out
    #[arg(long, value_name = "FILE")]
    allow_file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A change that breaks clients, and may.
#[derive(Clone, Debug)]
struct Allowance {
    rule: Rule,
    key: String,
    reason: String,
}

fn allowance(text: &str) -> Result<Allowance, String> {
    let mut parts = text.splitn(3, ':').map(str::trim);
    let (rule, key, reason) = (parts.next(), parts.next(), parts.next());
    let (Some(name), Some(key), Some(reason)) = (rule, key, reason.filter(|reason| !reason.is_empty()))
    else {
        return Err("expected RULE:EXPORT:REASON; a reason there has to be".into());
    };
    let rule = Rule::ALL.iter().find(|rule| rule.name() == name).ok_or_else(|| {
        let near = did_you_mean(name, Rule::ALL.iter().map(|rule| rule.name()));
        let near = near.map(|near| format!("; {near}")).unwrap_or_default();
        format!("no rule `{name}`{near}")
    })?;
    Ok(Allowance { rule: *rule, key: key.to_string(), reason: reason.to_string() })
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    end(match &cli.verb {
        Some(Verb::Diff(args)) => diff(args),
        Some(Verb::Rules) => {
            let text = Rule::ALL.iter().map(|rule| format!("{:24} {}\n", rule.name(), rule.meaning()));
            show(&text.collect::<String>()).map(|()| true).map_err(Diagnostics::from)
        }
        None => match &cli.panel {
            Some(panel) => print(panel, &cli),
            None => Cli::command()
                .error(
                    ErrorKind::MissingRequiredArgument,
                    "a manifest or a module is missing: `xmap contract panel.toml`",
                )
                .exit(),
        },
    })
}

fn print(panel: &Path, cli: &Cli) -> Done {
    let own = contract(panel)?;
    let Some(file) = &cli.check else {
        let text = wit::print(&own, &Place::file(panel))?;
        match &cli.output {
            Some(path) => write_file(path, &text)?,
            None => show(&text)?,
        }
        return Ok(true);
    };
    let said = wit::parse(file, &read_text(file, MAX_DOCUMENT_BYTES)?)?;
    let mut errors = Vec::new();
    if said.panel != own.panel {
        let message = format!("the contract is of the panel `{}`, and this is `{}`", said.panel, own.panel);
        errors.push(differs(panel, file, message));
    } else {
        for change in compare(&said, &own).iter().filter(|change| breaks(change)) {
            errors.push(differs(panel, file, sentence(change)));
        }
    }
    if errors.is_empty() { Ok(true) } else { Err(Diagnostics(errors)) }
}

fn differs(panel: &Path, file: &Path, message: String) -> Diagnostic {
    Diagnostic::new(Code::ContractDiffers, Place::file(panel), message)
        .note(Place::file(file), "the contract is here")
        .help("change the panel back, or write the contract anew and tell its clients".to_string())
}

fn breaks(change: &Change) -> bool {
    change.source == Effect::Breaks || change.wire == Effect::Breaks
}

/// `panel.duty: unit-changed: ... (source breaks, wire breaks)`.
fn sentence(change: &Change) -> String {
    let Change { key, rule, what, source, wire } = change;
    format!("{key}: {rule}: {what} (source {source}, wire {wire})")
}

fn diff(args: &Diff) -> Done {
    let mut allowed = args.allow.clone();
    if let Some(path) = &args.allow_file {
        let text = read_text(path, MAX_DOCUMENT_BYTES)?;
        for (n, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                allowed.push(allowance(line).map_err(|error| {
                    let message = format!("{}:{}: {error}", path.display(), n + 1);
                    Diagnostic::new(Code::NotAContract, Place::file(path), message)
                })?);
            }
        }
    }
    let (old, new) = (contract(&args.old)?, contract(&args.new)?);
    let changes = compare(&old, &new);
    let reason = |change: &Change| {
        let found = allowed.iter().find(|allow| allow.rule == change.rule && allow.key == change.key);
        found.map(|allow| allow.reason.as_str())
    };
    let worst = |of: fn(&Change) -> Effect| {
        let counted = changes.iter().filter(|change| reason(change).is_none());
        counted.map(of).max().unwrap_or(Effect::Fine)
    };
    let (source, wire) = (worst(|change| change.source), worst(|change| change.wire));
    let unused: Vec<&Allowance> = allowed
        .iter()
        .filter(|allow| !changes.iter().any(|change| allow.rule == change.rule && allow.key == change.key))
        .collect();
    let mut text = String::new();
    if args.json {
        let changes: Vec<_> = changes
            .iter()
            .map(|change| {
                json!({
                    "export": change.key, "rule": change.rule.name(), "what": change.what,
                    "source": change.source.to_string(), "wire": change.wire.to_string(), "allowed": reason(change),
                })
            })
            .collect();
        let unused: Vec<_> =
            unused.iter().map(|allow| json!({ "rule": allow.rule.name(), "export": allow.key })).collect();
        let json = json!({
            "source": source.to_string(), "wire": wire.to_string(), "changes": changes, "unused": unused,
        });
        _ = writeln!(text, "{json}");
    } else {
        for change in &changes {
            let reason = reason(change).map(|reason| format!(", allowed: {reason}")).unwrap_or_default();
            _ = writeln!(text, "{}{reason}", sentence(change));
        }
        for allow in unused {
            _ = writeln!(text, "{}: {}: allowed, and nothing of the kind has changed", allow.key, allow.rule);
        }
        _ = writeln!(text, "source {source}, wire {wire}");
    }
    show(&text)?;
    Ok(source == Effect::Fine && wire == Effect::Fine)
}
