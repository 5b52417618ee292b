//! Types of a function that is called from outside, and the values that go in and out.

use std::fmt;

use boa_engine::{Context, JsResult, JsValue, js_string};
use xmap_image::Ty;
use xmap_sim::Value;

/// The largest whole number up to which JavaScript has all.
const EXACT: i128 = 1 << 53;

/// The types of a function, in the manifest's words: `(seconds: u16, name: str) -> bool`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// The parameters; [`Ty::StrPtr`] is a text.
    pub params: Vec<Ty>,
    /// The result, if there is one.
    pub result: Option<Ty>,
}

impl Signature {
    /// Reads a signature. Parameters may have names.
    ///
    /// # Errors
    /// What is no type, or how a signature is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (params, result) = match text.split_once("->") {
            Some((params, result)) => (params, Some(result)),
            None => (text, None),
        };
        let params = params.trim().strip_prefix('(').and_then(|params| params.strip_suffix(')'));
        let params = params.ok_or("a signature is written `(name: type, ...) -> type`")?;
        let read = |word: &str| {
            let word = word.rsplit(':').next().unwrap_or_default().trim();
            let ty =
                Ty::ALL.into_iter().find(|ty| ty.name() == word && *ty != Ty::Len && *ty != Ty::BytesPtr);
            ty.ok_or_else(|| format!("`{word}` is not a type"))
        };
        let words = params.split(',').filter(|word| !word.trim().is_empty());
        let params = words.map(read).collect::<Result<_, _>>()?;
        let result = result.filter(|word| word.trim() != "()").map(read).transpose()?;
        Ok(Self { params, result })
    }

    /// Checks arguments against the parameters.
    ///
    /// # Errors
    /// The first argument that does not fit, or the number of them.
    pub fn check(&self, args: &[Value]) -> Result<(), String> {
        self.check_count(args.len())?;
        let pairs = self.params.iter().zip(args).enumerate();
        for (at, (ty, value)) in pairs {
            let fits = match (ty, value) {
                (Ty::StrPtr, Value::Str(_)) => true,
                (Ty::StrPtr, _) | (_, Value::Str(_)) => false,
                (ty, value) => value.to_raw(*ty).is_ok(),
            };
            if !fits {
                return Err(format!("argument {at}: expected {}, found {value}", ty.name()));
            }
        }
        Ok(())
    }

    fn check_count(&self, given: usize) -> Result<(), String> {
        let expected = self.params.len();
        if given == expected { Ok(()) } else { Err(format!("takes {expected} arguments, {given} given")) }
    }

    /// Reads arguments of a command line or a script.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn read(&self, args: &[&str]) -> Result<Vec<Value>, String> {
        self.check_count(args.len())?;
        let read = |(at, (ty, text)): (usize, (&Ty, &&str))| match ty {
            Ty::StrPtr => Ok(Value::Str((*text).to_owned())),
            ty => {
                let value = Value::parse(*ty, text);
                value.map_err(|_| format!("argument {at}: expected {}, found `{text}`", ty.name()))
            }
        };
        self.params.iter().zip(args).enumerate().map(read).collect()
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params: Vec<&str> = self.params.iter().map(|ty| ty.name()).collect();
        write!(f, "({})", params.join(", "))?;
        self.result.map_or(Ok(()), |ty| write!(f, " -> {}", ty.name()))
    }
}

/// Reads an argument of which nothing is known: a bool, a whole number, a float, or else a text.
pub fn guess(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => {
            let whole = Value::parse(Ty::I64, text).or_else(|_| Value::parse(Ty::F64, text));
            whole.unwrap_or_else(|_| Value::Str(text.to_owned()))
        }
    }
}

/// A value as JavaScript has it.
///
/// # Errors
/// A whole number that JavaScript does not have exactly.
pub(crate) fn to_js(value: &Value) -> Result<JsValue, String> {
    let whole = |n: i128| {
        if n.abs() <= EXACT {
            Ok(JsValue::new(n as f64))
        } else {
            Err(format!("{n} is more than JavaScript has"))
        }
    };
    match value {
        Value::Bool(b) => Ok((*b).into()),
        Value::U8(n) => whole((*n).into()),
        Value::I8(n) => whole((*n).into()),
        Value::U16(n) => whole((*n).into()),
        Value::I16(n) => whole((*n).into()),
        Value::U32(n) => whole((*n).into()),
        Value::I32(n) => whole((*n).into()),
        Value::U64(n) => whole((*n).into()),
        Value::I64(n) => whole((*n).into()),
        Value::F32(x) => Ok(f64::from(*x).into()),
        Value::F64(x) => Ok((*x).into()),
        Value::Str(text) => Ok(js_string!(text.as_str()).into()),
        Value::Bytes(_) => Err("bytes are no argument here".to_owned()),
    }
}

/// Returns what JavaScript returned: a value, or anything else as JSON has it; nothing for `undefined` and
/// for `null`, which is a Go function's nil.
pub(crate) fn from_js(value: &JsValue, js: &mut Context) -> JsResult<Option<Answer>> {
    if value.is_null_or_undefined() {
        return Ok(None);
    }
    let known = if let Some(flag) = value.as_boolean() {
        Some(Value::Bool(flag))
    } else if let Some(text) = value.as_string() {
        Some(Value::Str(text.to_std_string_lossy()))
    } else if let Some(number) = value.as_number() {
        let is_whole = number.fract() == 0.0 && number.abs() <= EXACT as f64;
        Some(if is_whole { Value::I64(number as i64) } else { Value::F64(number) })
    } else {
        None
    };
    let other = match known {
        Some(value) => Answer::Value(value),
        None => {
            let json = value.to_json(js).ok().flatten();
            Answer::Other(json.map_or_else(|| value.display().to_string(), |json| json.to_string()))
        }
    };
    Ok(Some(other))
}

/// The answer of a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A number, a bool or a text.
    Value(Value),
    /// An object or an array, as JSON has it where it can.
    Other(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}
