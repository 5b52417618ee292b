//! What a caller asks of a device, held against what the caller may do and what the device has.

use axum::http::StatusCode;
use serde_json::Value as Json;
use xmap_boards::Line;
use xmap_compiler::codes::Code;
use xmap_compiler::names::did_you_mean;
use xmap_link::Role;

use crate::device::{Ask, Device};
use crate::problem::Problem;
use crate::shelf::Shelf;
use crate::state::ExportOf;
use crate::tokens::Token;

/// A value that a caller gives.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The arguments.
    pub args: Vec<Json>,
    /// The hash of the contract that the caller was made for, where it says it.
    pub contract: Option<String>,
}

impl From<Vec<Json>> for Given {
    fn from(args: Vec<Json>) -> Self {
        Self { args, contract: None }
    }
}

/// A call of an export by its key.
///
/// # Errors
/// X1504, X1506, X0909, X0910, X1606.
pub fn call(device: &Device, token: &Token, key: &str, given: &Given) -> Result<Ask, Problem> {
    let export = export(device, token, key)?;
    if let Some(asked) = &given.contract {
        same_contract(device, &export, asked)?;
    }
    Ok(Ask::Call { key: key.to_owned(), args: texts(&export, &given.args)? })
}

/// Holds an export against the hash of the contract that a caller was made for.
///
/// # Errors
/// X1504, X1506, X0909, X1606.
pub fn made_for(device: &Device, token: &Token, key: &str, contract: &str) -> Result<(), Problem> {
    same_contract(device, &export(device, token, key)?, contract)
}

/// The export of a key, where the token may call it.
fn export(device: &Device, token: &Token, key: &str) -> Result<ExportOf, Problem> {
    // A token that may not call it learns nothing of what is there.
    if !token.may_call(key) {
        let shown: String = key.chars().take(80).collect();
        let detail = format!("the export {shown} is not on the token's list");
        return Err(Problem::new(StatusCode::FORBIDDEN, Code::TokenTooLow, detail));
    }
    // What a device that is away has, is not known.
    device.must_be_here()?;
    let state = device.state();
    state.exports.iter().find(|export| export.key == key).cloned().ok_or_else(|| {
        let shown: String = key.chars().take(80).collect();
        let near = did_you_mean(key, state.exports.iter().map(|export| export.key.as_str()));
        let detail = format!("{}: no export `{shown}`", device.name);
        Problem::new(StatusCode::NOT_FOUND, Code::CallName, detail).help(near)
    })
}

fn same_contract(device: &Device, export: &ExportOf, asked: &str) -> Result<(), Problem> {
    // A device of earlier firmware knows none.
    if let Some(found) = &export.contract
        && asked != found
    {
        let shown: String = asked.chars().take(32).collect();
        let (name, key) = (&device.name, &export.key);
        let detail = format!("{name}: {key} has the contract {found}, and {shown} was asked for");
        let help = "make the client anew from the panel's contract (`xmap contract`)".to_string();
        return Err(Problem::new(StatusCode::CONFLICT, Code::OtherContract, detail).help(Some(help)));
    }
    Ok(())
}

/// Arguments as the client takes them. A boolean is for a `bool`, a text for a `str`, a text of `0x` and two
/// digits each for `bytes`, a number or a text of one for any other type: JSON has no infinities, and many
/// readers of it no whole numbers of 64 bits.
fn texts(export: &ExportOf, args: &[Json]) -> Result<Vec<String>, Problem> {
    let misfit = |detail: String| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            Code::CallArgument,
            format!("{}: {detail}", export.key),
        )
    };
    // A `bytes` or `str` is one value, or an address in the module's memory and a length.
    let values: Vec<&str> = export.params.iter().copied().filter(|ty| *ty != "len").collect();
    let types = if args.len() == export.params.len() { &export.params } else { &values };
    let takes = values.len();
    if args.len() != types.len() {
        let plural = if takes == 1 { "" } else { "s" };
        return Err(misfit(format!("expected {takes} argument{plural}, found {}", args.len())));
    }
    let one = |(position, (arg, ty)): (usize, (&Json, &&str))| match arg {
        Json::Bool(value) if *ty == "bool" => Ok(value.to_string()),
        Json::Number(number) if *ty != "bool" => Ok(number.to_string()),
        Json::String(text) if *ty == "str" || *ty == "bytes" => Ok(text.clone()),
        Json::String(text) if *ty != "bool" && text.len() <= 64 => Ok(text.clone()),
        other => {
            let shown: String = other.to_string().chars().take(40).collect();
            Err(misfit(format!("argument {position}: expected {ty}, found {shown}")))
        }
    };
    args.iter().zip(types).enumerate().map(one).collect()
}

/// A level for an input of a simulated device, by the line's name or number.
///
/// # Errors
/// X1504, X1506, X1511, X0306.
pub fn drive(
    device: &Device,
    token: &Token,
    shelf: &Shelf,
    line: &str,
    level: Option<bool>,
) -> Result<Ask, Problem> {
    token.must_be(Role::Operate)?;
    device.must_be_here()?;
    let name = &device.name;
    let refused = |detail: String| Problem::new(StatusCode::CONFLICT, Code::NotSimulated, detail);
    if !device.drivable {
        return Err(refused(format!("{name}: its inputs are wired, and are not the gateway's to drive")));
    }
    let lines = device.state().lines(shelf);
    let number: Option<u8> = line.parse().ok();
    let found = lines.iter().find(|(_, of)| number == Some(of.line) || of.name == line);
    let line_of = match found {
        Some((_, of)) if of.is_input() => Line::new(of.line),
        Some((_, of)) => return Err(refused(format!("{name}: {} is an output", of.name))),
        // A module without a manifest declares nothing.
        None if lines.is_empty() => number.and_then(Line::new),
        None => None,
    };
    let line = line_of.ok_or_else(|| {
        let shown: String = line.chars().take(80).collect();
        Problem::new(StatusCode::NOT_FOUND, Code::UndeclaredLine, format!("{name}: no line `{shown}`"))
    })?;
    Ok(Ask::Drive { line, level })
}
