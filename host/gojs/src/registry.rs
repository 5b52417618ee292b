//! What a program registered, for callers from outside: functions by their keys.
//!
//! A program registers a function with `js.Global().Set(name, js.FuncOf(...))`, several of them in an object,
//! or exports one with `//go:wasmexport`. Keys are normalised as those of a manifest are. A function's
//! property `signature` says its types; those of an export are in the module.

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::JsPromise;
use boa_engine::{JsObject, JsValue, js_string};
use xmap_compiler::names;
use xmap_image::Ty;
use xmap_sim::Value;

use crate::engine::Export;
use crate::signature::{Answer, Signature, from_js, guess, to_js};
use crate::{Error, Program};

/// How deep objects with functions are looked into.
const MOST_DEPTH: usize = 4;

/// A function that can be called from outside.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The name as the program has it, those of objects in front.
    pub name: String,
    /// Its types, where it says them.
    pub signature: Option<Signature>,
    /// What it is.
    pub kind: EntryKind,
    target: Target,
}

/// The way in which a function was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// With `js.Global().Set`.
    Set,
    /// With `//go:wasmexport`.
    Export,
}

#[derive(Clone, Debug)]
enum Target {
    Function(JsObject),
    Export(Export),
}

/// Sees a call before it runs, and can refuse it with a reason.
pub type Before = Box<dyn FnMut(&Entry, &[Value]) -> Result<(), String>>;
/// Sees what a call came to.
pub type After = Box<dyn FnMut(&Entry, &Result<Option<Answer>, Error>)>;

/// The functions of a program by their keys, and the hooks around their calls.
#[derive(Default)]
pub struct Registry {
    entries: Vec<Entry>,
    before: Vec<Before>,
    after: Vec<After>,
}

impl Registry {
    /// Looks at what a program has registered by now.
    ///
    /// # Errors
    /// [`Error::NoKey`] for a name of which no key can be made, [`Error::DuplicateKey`] for two with the same
    /// one, [`Error::Signature`] for a property that is none.
    pub fn of(program: &mut Program, namespace: &str) -> Result<Self, Error> {
        let mut found = Found { entries: Vec::new() };
        let names = program.host.registered.borrow().clone();
        let global = program.js.global_object();
        for name in names {
            let value = program.run_js(|js| global.get(js_string!(name.as_str()), js))?;
            if let Ok(value) = value {
                found.look(namespace, &name, &name, &value, 0, program)?;
            }
        }
        for export in program.engine.exports().to_vec() {
            let params = export.params.clone();
            let results = export.results.clone().unwrap_or_default();
            let signature = params.map(|params| Signature { params, result: results.first().copied() });
            let name = export.name.clone();
            found.add(namespace, &name, &name, signature, Target::Export(export))?;
        }
        Ok(Self { entries: found.entries, before: Vec::new(), after: Vec::new() })
    }

    /// The functions, in the order in which they were registered, exports last.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The function with this key or name.
    ///
    /// # Errors
    /// [`Error::UnknownKey`].
    pub fn find(&self, name: &str) -> Result<&Entry, Error> {
        let entry = self.entries.iter().find(|entry| entry.key == name);
        let entry = entry.or_else(|| self.entries.iter().find(|entry| entry.name == name));
        entry.ok_or_else(|| Error::UnknownKey {
            name: name.to_owned(),
            known: self.entries.iter().map(|entry| entry.key.clone()).collect(),
        })
    }

    /// Adds a hook that runs before each call.
    pub fn before(&mut self, hook: Before) {
        self.before.push(hook);
    }

    /// Adds a hook that runs after each call.
    pub fn after(&mut self, hook: After) {
        self.after.push(hook);
    }

    /// Calls a function with arguments of a command line or a script.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_text(
        &mut self,
        program: &mut Program,
        name: &str,
        args: &[&str],
    ) -> Result<Option<Answer>, Error> {
        let entry = self.find(name)?;
        let args = match &entry.signature {
            Some(signature) => signature
                .read(args)
                .map_err(|message| Error::Arguments { key: entry.key.clone(), message })?,
            None => args.iter().map(|text| guess(text)).collect(),
        };
        self.call(program, name, &args)
    }

    /// Calls a function by its key or name and returns what it answered, if it answers anything. Events run
    /// until a promise is settled.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], [`Error::Arguments`], [`Error::Refused`] by a hook; then nothing has run.
    /// [`Error::Released`], [`Error::Exception`], [`Error::NoAnswer`], or what ended the program.
    pub fn call(
        &mut self,
        program: &mut Program,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Answer>, Error> {
        let entry = self.find(name)?.clone();
        if let Some(code) = program.host.exited.get() {
            return Err(Error::Exited { code });
        }
        let misfit = |message| Error::Arguments { key: entry.key.clone(), message };
        if let Some(signature) = &entry.signature {
            signature.check(args).map_err(misfit)?;
        }
        for hook in &mut self.before {
            hook(&entry, args).map_err(|reason| Error::Refused { key: entry.key.clone(), reason })?;
        }
        let done = match &entry.target {
            Target::Function(function) => call_function(program, &entry, function, args),
            Target::Export(export) => call_export(program, &entry, export, args),
        };
        self.after.iter_mut().for_each(|hook| hook(&entry, &done));
        done
    }
}

fn call_export(
    program: &mut Program,
    entry: &Entry,
    export: &Export,
    args: &[Value],
) -> Result<Option<Answer>, Error> {
    let misfit = |message: &str| Error::Arguments { key: entry.key.clone(), message: message.to_owned() };
    let (Some(params), Some(results)) = (&export.params, &export.results) else {
        return Err(misfit("it has a parameter or a result that is no number"));
    };
    let bits = params.iter().zip(args).map(|(ty, value)| value.to_raw(*ty));
    let bits: Vec<u64> = bits.collect::<Result<_, _>>().map_err(|unfit| misfit(&unfit.to_string()))?;
    let done = program.call_export(export, &bits)?;
    let result = results.first().zip(done.first());
    Ok(result.map(|(ty, bits)| Answer::Value(Value::from_raw(*ty, *bits))))
}

fn call_function(
    program: &mut Program,
    entry: &Entry,
    function: &JsObject,
    args: &[Value],
) -> Result<Option<Answer>, Error> {
    let key = || entry.key.clone();
    let args: Result<Vec<JsValue>, String> = args.iter().map(to_js).collect();
    let args = args.map_err(|message| Error::Arguments { key: key(), message })?;
    program.host.released.set(false);
    let done = program.run_js(|js| function.call(&JsValue::undefined(), &args, js))?;
    ended(program)?;
    let exception = |error: boa_engine::JsError| Error::Exception { key: key(), message: error.to_string() };
    let mut value = done.map_err(exception)?;
    if program.host.released.get() {
        return Err(Error::Released { key: key() });
    }
    if let Some(promise) = value.as_promise() {
        value = settled(program, entry, &promise)?;
    }
    let answer = program.run_js(|js| from_js(&value, js))?.map_err(exception)?;
    check_result(entry, answer)
}

/// Runs events until a promise is settled.
fn settled(program: &mut Program, entry: &Entry, promise: &JsPromise) -> Result<JsValue, Error> {
    loop {
        match promise.state() {
            PromiseState::Fulfilled(value) => return Ok(value),
            PromiseState::Rejected(reason) => {
                return Err(Error::Exception {
                    key: entry.key.clone(),
                    message: reason.display().to_string(),
                });
            }
            PromiseState::Pending => {
                let ran = program.turn(None)?;
                ended(program)?;
                if !ran {
                    return Err(Error::NoAnswer { key: entry.key.clone() });
                }
            }
        }
    }
}

fn ended(program: &Program) -> Result<(), Error> {
    program.host.exited.get().map_or(Ok(()), |code| Err(Error::Exited { code }))
}

/// A result is of the type that the function says.
fn check_result(entry: &Entry, answer: Option<Answer>) -> Result<Option<Answer>, Error> {
    let Some(ty) = entry.signature.as_ref().and_then(|signature| signature.result) else { return Ok(answer) };
    let typed = match &answer {
        Some(Answer::Value(Value::Str(text))) if ty == Ty::StrPtr => Some(Value::Str(text.clone())),
        Some(Answer::Value(Value::I64(n))) if matches!(ty, Ty::F32 | Ty::F64) => Some(Value::F64(*n as f64)),
        Some(Answer::Value(value)) if ty != Ty::StrPtr => {
            value.to_raw(ty).ok().map(|bits| Value::from_raw(ty, bits))
        }
        _ => None,
    };
    match typed {
        Some(value) => Ok(Some(Answer::Value(value))),
        None => {
            let found = answer.map_or_else(|| "nothing".to_owned(), |answer| answer.to_string());
            let message = format!("its result is no {}: {found}", ty.name());
            Err(Error::Exception { key: entry.key.clone(), message })
        }
    }
}

struct Found {
    entries: Vec<Entry>,
}

impl Found {
    /// A function is an entry; an object is a namespace of those in it.
    fn look(
        &mut self,
        namespace: &str,
        path: &str,
        name: &str,
        value: &JsValue,
        depth: usize,
        program: &mut Program,
    ) -> Result<(), Error> {
        let Some(object) = value.as_object() else { return Ok(()) };
        if object.is_callable() {
            let text = program.run_js(|js| object.get(js_string!("signature"), js))?;
            let text = text.ok().and_then(|text| text.as_string());
            let signature = match text.map(|text| text.to_std_string_lossy()) {
                Some(text) => Some(
                    Signature::parse(&text)
                        .map_err(|message| Error::Signature { name: path.to_owned(), message })?,
                ),
                None => None,
            };
            return self.add(namespace, path, name, signature, Target::Function(object));
        }
        if depth == MOST_DEPTH || !object.is_ordinary() {
            return Ok(());
        }
        let word = names::word(name).ok_or_else(|| Error::NoKey { name: path.to_owned() })?;
        let inner = format!("{namespace}.{word}");
        let keys = program.run_js(|js| object.own_property_keys(js))?.unwrap_or_default();
        for key in keys {
            let Ok(value) = program.run_js(|js| object.get(key.clone(), js))? else { continue };
            let name = key.to_string();
            self.look(&inner, &format!("{path}.{name}"), &name, &value, depth + 1, program)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        namespace: &str,
        path: &str,
        name: &str,
        signature: Option<Signature>,
        target: Target,
    ) -> Result<(), Error> {
        let key = names::key(namespace, name).map_err(|_| Error::NoKey { name: path.to_owned() })?;
        if let Some(other) = self.entries.iter().find(|other| other.key == key) {
            let names = [other.name.clone(), path.to_owned()];
            return Err(Error::DuplicateKey { key, names });
        }
        let kind = if matches!(target, Target::Export(_)) { EntryKind::Export } else { EntryKind::Set };
        self.entries.push(Entry { key, name: path.to_owned(), signature, kind, target });
        Ok(())
    }
}
