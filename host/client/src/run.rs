//! `call NAME ARG...` on a device.

use std::fmt;

use tiny_mapper::TrapCode;
use xmap_image::Ty;
use xmap_link::{Described, Export, MAX_POSITION, ModuleStatus, TrapReport, export_id, split_export_id};
use xmap_sim::{ArgumentError, Arguments, Value};

use crate::client::{Client, Outcome};
use crate::error::{Error, ErrorCode};

/// A call that was made. Its `Display` is the plain line: `NAME -> VALUE` or `NAME trap CODE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// The name as the caller gave it.
    pub name: String,
    /// The export, as the device describes it.
    pub export: Described,
    /// The results with their types, or the trap.
    pub outcome: Result<Vec<Value>, TrapReport>,
    /// How many bytes of `bytes` and `str` results did not fit the answer.
    pub missing: u64,
}

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.outcome {
            Ok(results) => {
                f.write_str(" ->")?;
                results.iter().try_for_each(|value| write!(f, " {value}"))?;
                match self.missing {
                    0 => Ok(()),
                    missing => write!(f, " (and {missing} bytes that do not fit an answer)"),
                }
            }
            Err(trap) => match TrapCode::from_u8(trap.code) {
                Some(code) => write!(f, " trap {code}"),
                None => write!(f, " trap {}", trap.code),
            },
        }
    }
}

/// Calls an export by its key, its wasm name or `#` and its number, with arguments as text. The types
/// are those of the image on the device, so that no file is needed. A number is one of module 0, a name one
/// of the first module that has it.
///
/// # Errors
///
/// [`ErrorCode::CallName`], [`ErrorCode::CallArgument`], and those of every method of [`Client`].
pub fn run_call(client: &mut Client, name: &str, args: &[String]) -> Result<Called, Error> {
    run_call_in(client, None, name, args)
}

/// [`run_call`], of one module's exports where there is one.
///
/// # Errors
///
/// As [`run_call`].
pub fn run_call_in(
    client: &mut Client,
    module: Option<&ModuleStatus>,
    name: &str,
    args: &[String],
) -> Result<Called, Error> {
    let export = find(client, module, name)?;
    let params = types(client, &export.params)?;
    let results = types(client, &export.results)?;
    let misfit = |message: String| client.error(ErrorCode::CallArgument, &format!("{name}: {message}"));
    let texts: Vec<&str> = args.iter().map(String::as_str).collect();
    let Arguments { raw, content } =
        Arguments::parse(&params, &texts, false).map_err(|error| match error {
            ArgumentError::Count { expected } => {
                let plural = if expected == 1 { "" } else { "s" };
                misfit(format!("expected {expected} argument{plural}, found {}", args.len()))
            }
            ArgumentError::Unfit { position, unfit } => {
                misfit(format!("argument {position}: {unfit}, found `{}`", texts[position]))
            }
        })?;
    let id = Export::Id(export.id);
    let outcome = match content {
        Some(content) => client.call_with(&id, &raw, &content),
        None if results.iter().any(is_pointer) => client.call_bytes(&id, &raw),
        None => client.call(&id, &raw).map(|outcome| (outcome, Vec::new())),
    };
    let (outcome, bytes) = outcome.map_err(|mut error| {
        // The list has keys, and the caller may have said a number or the name in the module.
        if error.code == ErrorCode::ExportNotAllowed {
            let key = export.key.as_str().escape_debug();
            error.message = format!("{}: the export {key} is not on the key's list", client.port());
        }
        error
    })?;
    let mut missing = 0;
    let outcome = match outcome {
        Outcome::Trapped(trap) => Err(trap),
        Outcome::Returned(raw) if raw.len() == results.len() => {
            let lens = results.iter().zip(raw.windows(2)).filter(|(ty, _)| is_pointer(ty));
            let lens: Vec<u64> = lens.map(|(_, pair)| pair[1]).collect();
            missing = lens.iter().sum::<u64>().saturating_sub(bytes.len() as u64);
            let mut rest = &bytes[..];
            let contents = lens.into_iter().map(|len| {
                let (content, behind) = rest.split_at(rest.len().min(len as usize));
                rest = behind;
                content.to_vec()
            });
            Ok(Value::of_results(&results, &raw, contents))
        }
        Outcome::Returned(raw) => {
            let message = format!("{name} left {} results, its signature has {}", raw.len(), results.len());
            return Err(client.error(ErrorCode::BadAnswer, &message));
        }
    };
    Ok(Called { name: name.into(), export, outcome, missing })
}

/// Returns whether it is the first of the two that `bytes` and `str` take.
fn is_pointer(ty: &Ty) -> bool {
    matches!(ty, Ty::BytesPtr | Ty::StrPtr)
}

fn find(client: &mut Client, module: Option<&ModuleStatus>, name: &str) -> Result<Described, Error> {
    let number = module.map_or(0, |status| status.module);
    let export = match name.strip_prefix('#').map(str::parse::<u16>) {
        Some(Ok(position)) if position <= MAX_POSITION => Some(Export::Id(export_id(number, position))),
        Some(Ok(_)) => None,
        _ => Export::name(name),
    };
    if let Some(export) = export
        && let Some(described) = client.describe(&export)?
        && (module.is_none() || split_export_id(described.id).0 == number)
    {
        return Ok(described);
    }
    // The name may also be one of another module, which came first.
    let exports = match module {
        Some(status) => status.image.map_or(0, |image| image.exports),
        None => client.hello().image.map_or(0, |image| image.exports),
    };
    let listed = list(client, number, exports.min(LISTED))?;
    if module.is_some()
        && let Some(found) = listed.iter().find(|export| is_called(export.key.as_str(), name))
    {
        return Ok(found.clone());
    }
    let keys = listed.iter().map(|export| export.key.as_str());
    let whole = keys.clone().find(|key| is_called(key, name));
    // A key without its namespace may be meant: `lamp_onn` is near to `panel.lamp_on`.
    let words = keys.clone().filter_map(|key| key.rsplit_once('.')).map(|(_, word)| word);
    let error = client.error(ErrorCode::CallName, &format!("the image has no export `{name}`"));
    if let Some(key) = whole {
        return Err(error.help(format!("a key has its namespace in front: `{key}`")));
    }
    Err(error.known(name, keys.chain(words)))
}

fn is_called(key: &str, name: &str) -> bool {
    key == name || key.rsplit_once('.').is_some_and(|(_, word)| word == name)
}

/// Most exports that are listed for "did you mean": a second's worth over a serial port.
const LISTED: u16 = 128;

fn list(client: &mut Client, module: u8, exports: u16) -> Result<Vec<Described>, Error> {
    let mut listed = Vec::new();
    for position in 0..exports {
        listed.extend(client.describe(&Export::Id(export_id(module, position)))?);
    }
    Ok(listed)
}

fn types(client: &Client, bytes: &[u8]) -> Result<Vec<Ty>, Error> {
    let types: Option<Vec<Ty>> = bytes.iter().map(|byte| Ty::from_u8(*byte)).collect();
    types.ok_or_else(|| {
        client.error(ErrorCode::BadAnswer, "the device names a type that this xmap does not know")
    })
}
