//! Declarations of a panel's exports in other languages, held against its contract.
//!
//! A declaration belongs to an export where both have the same name as words ([`crate::names::words`]): the
//! function's or the key's last. Others are somebody else's. What a parser of a language cannot read, or a
//! type that is not known, is a finding too.

mod c;
mod kotlin;
mod report;
mod rust;
mod shape;
mod swift;
mod tree;
mod typescript;

use std::path::Path;
use std::sync::Arc;

use xmap_compiler::contract::{Contract, ContractExport, ContractParam};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place, Source};
use xmap_compiler::manifest::{Owner, Typed, Value};
use xmap_compiler::names::nearest;
use xmap_image::Ty;

use crate::names::words;

pub use report::{json, sarif, text};
pub use shape::{Shape, Verdict, verdict};

/// A language whose declarations are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C headers and sources.
    C,
    /// Kotlin.
    Kotlin,
    /// Swift.
    Swift,
    /// TypeScript, with or without JSX.
    TypeScript,
    /// Rust.
    Rust,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 5] = [Self::C, Self::Kotlin, Self::Swift, Self::TypeScript, Self::Rust];

    /// The language of a file, by its ending.
    pub fn of(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()? {
            "c" | "h" => Self::C,
            "kt" | "kts" => Self::Kotlin,
            "swift" => Self::Swift,
            "ts" | "tsx" | "mts" | "cts" => Self::TypeScript,
            "rs" => Self::Rust,
            _ => return None,
        })
    }

    /// The type that has the values of a scalar; an address is an `i32`.
    pub const fn scalar(self, ty: Ty) -> &'static str {
        let [c, kotlin, swift, typescript, rust] = match ty {
            Ty::Bool => ["bool", "Boolean", "Bool", "boolean", "bool"],
            Ty::U8 => ["uint8_t", "UByte", "UInt8", "number", "u8"],
            Ty::I8 => ["int8_t", "Byte", "Int8", "number", "i8"],
            Ty::U16 => ["uint16_t", "UShort", "UInt16", "number", "u16"],
            Ty::I16 => ["int16_t", "Short", "Int16", "number", "i16"],
            Ty::U32 => ["uint32_t", "UInt", "UInt32", "number", "u32"],
            Ty::U64 => ["uint64_t", "ULong", "UInt64", "bigint", "u64"],
            Ty::I64 => ["int64_t", "Long", "Int64", "bigint", "i64"],
            Ty::F32 => ["float", "Float", "Float", "number", "f32"],
            Ty::F64 => ["double", "Double", "Double", "number", "f64"],
            _ => ["int32_t", "Int", "Int32", "number", "i32"],
        };
        match self {
            Self::C => c,
            Self::Kotlin => kotlin,
            Self::Swift => swift,
            Self::TypeScript => typescript,
            Self::Rust => rust,
        }
    }
}

/// A function that a file declares.
#[derive(Clone, Debug)]
struct Declaration {
    name: String,
    params: Vec<DeclaredParam>,
    result: Declared,
    /// Bytes of the name.
    span: std::ops::Range<usize>,
    /// Whose bytes are, by the names of parameters and `result`, as a comment says it.
    owners: Vec<(String, Owner)>,
}

#[derive(Clone, Debug)]
struct DeclaredParam {
    name: String,
    ty: Declared,
}

/// A type at its place.
#[derive(Clone, Debug)]
struct Declared {
    shape: Shape,
    /// Its text.
    text: String,
    nullable: bool,
    /// Whose it is, where the declaration says it beside the type.
    owner: Option<Owner>,
    span: std::ops::Range<usize>,
}

/// A function that ends the life of something: `onDestroy`, `deinit`, `drop`, `dispose`.
#[derive(Clone, Debug)]
struct Ending {
    name: String,
    /// Whether what ends has a handle.
    holds_handle: bool,
    /// The functions that it calls.
    calls: Vec<String>,
    span: std::ops::Range<usize>,
}

/// What a file declares.
#[derive(Debug, Default)]
struct Declarations {
    functions: Vec<Declaration>,
    endings: Vec<Ending>,
    /// Names in stretches that the parser could not read.
    unread: Vec<(String, std::ops::Range<usize>)>,
    /// Whether nothing of the file could be read.
    foreign: bool,
}

xmap_compiler::rules! {
    /// A rule that a declaration breaks.
    ParamType = "param-type", "A parameter has other values than the export's.";
    ResultType = "result-type", "A result has other values than the export's.";
    ParamCount = "param-count", "The declaration has another number of parameters.";
    ParamOrder = "param-order", "The parameters stand in another order.";
    ResultCount = "result-count", "There is a result too many, or one is missing.";
    Nullable = "nullable", "A value may be missing, and an export's never is.";
    OwnershipMissing = "ownership-missing", "An address does not say whose the bytes are.";
    OwnershipDiffers = "ownership-differs", "The bytes are somebody else's.";
    CleanupMissing = "cleanup-missing", "What holds a handle ends without `export_cleanup`.";
    UnknownExport = "unknown-export", "The panel has no such export, and one of nearly that name.";
    Unreadable = "unreadable", "A declaration of an export cannot be read.";
}

/// A fault of a declaration.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// How a type stands to the contract's, where it is about one.
    pub verdict: Option<Verdict>,
    /// The export's key; empty where it is about none.
    pub key: String,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Where.
    pub place: Place,
    /// Where the export is, in the manifest.
    pub other: Place,
}

impl Finding {
    /// The finding as an error.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(
            Code::Declaration,
            self.place.clone(),
            format!("{}: {}", self.rule.name(), self.message),
        )
        .note(self.other.clone(), "the export is here")
        .help(self.help.clone())
    }
}

/// Holds the declarations of a file against a contract. `place` says where an export is, by the function's
/// name in the module.
pub fn lint(
    contract: &Contract,
    place: &dyn Fn(&str) -> Place,
    language: Language,
    file: &Arc<Source>,
) -> Vec<Finding> {
    let unreadable = |message: &str, help: &str| Finding {
        rule: Rule::Unreadable,
        verdict: Some(Verdict::Unknown),
        key: String::new(),
        message: message.to_string(),
        help: help.to_string(),
        place: Place::File(file.path.clone()),
        other: place(""),
    };
    if tree::nests_deeply(&file.text) {
        let message = "the file's brackets stand too deep in one another";
        return vec![unreadable(message, "leave it out, or write it flatter")];
    }
    let declarations = match language {
        Language::C => c::read(&file.text),
        Language::Kotlin => kotlin::read(&file.text),
        Language::Swift => swift::read(&file.text),
        Language::TypeScript => typescript::read(&file.text, file.path.ends_with("tsx")),
        Language::Rust => rust::read(&file.text),
    };
    let cleanup = ContractExport {
        key: CLEANUP.into(),
        name: CLEANUP.into(),
        params: vec![ContractParam { name: "handle".into(), ty: Value::Scalar(Ty::U32).into() }],
        results: Vec::new(),
        needs: Vec::new(),
        idempotent: false,
    };
    let exports: Vec<&ContractExport> = contract.exports.iter().chain([&cleanup]).collect();
    let mut check = Check { exports: &exports, place, file, findings: Vec::new() };
    for function in &declarations.functions {
        check.function(function);
    }
    for ending in &declarations.endings {
        check.ending(ending);
    }
    for (name, span) in &declarations.unread {
        if let Some(export) = check.export(name) {
            let message = format!("`{name}` stands where the file cannot be read");
            let help = "write the declaration so that the language's own compiler takes it".to_string();
            check.find(Rule::Unreadable, Some(Verdict::Unknown), Some(export), span, message, help);
        }
    }
    if declarations.foreign && check.findings.is_empty() {
        let message = "nothing of the file can be read in the language of its ending";
        return vec![unreadable(message, "leave it out, or give it the ending of its language")];
    }
    check.findings.sort_by_key(|finding| match &finding.place {
        Place::Text { span, .. } => span.start,
        _ => 0,
    });
    check.findings
}

/// The hook that gets the handles of those that are gone.
const CLEANUP: &str = "export_cleanup";

struct Check<'a> {
    exports: &'a [&'a ContractExport],
    place: &'a dyn Fn(&str) -> Place,
    file: &'a Arc<Source>,
    findings: Vec<Finding>,
}

/// Returns what stands in a type's place in messages.
fn shown(ty: &Declared) -> &str {
    &ty.text
}

impl<'a> Check<'a> {
    /// The export that a name means.
    fn export(&self, name: &str) -> Option<&'a ContractExport> {
        let wanted = words(name);
        let last = |key: &str| key.rsplit('.').next().map(words);
        let is = |export: &&&ContractExport| {
            words(&export.name) == wanted || last(&export.key).as_ref() == Some(&wanted)
        };
        (!wanted.is_empty()).then(|| self.exports.iter().find(is).copied()).flatten()
    }

    fn find(
        &mut self,
        rule: Rule,
        verdict: Option<Verdict>,
        export: Option<&ContractExport>,
        span: &std::ops::Range<usize>,
        message: String,
        help: String,
    ) {
        let key = export.map(|export| export.key.clone()).unwrap_or_default();
        let other = (self.place)(export.map_or("", |export| export.name.as_str()));
        let place = Place::text(self.file, span.clone());
        self.findings.push(Finding { rule, verdict, key, message, help, place, other });
    }

    fn function(&mut self, declared: &Declaration) {
        let Some(export) = self.export(&declared.name) else { return self.unknown(declared) };
        let takes = export.params.iter().map(|param| (param.name.as_str(), &param.ty)).collect::<Vec<_>>();
        self.order(declared, export);
        let mut at = 0;
        for (name, ty) in &takes {
            let Some(first) = declared.params.get(at) else { return self.count(declared, export) };
            let second = declared.params.get(at + 1).map(|param| &param.ty.shape);
            let used = match is_pair(ty, &first.ty.shape, second) {
                true => 2,
                false => 1,
            };
            if used == 1 && ty.value.owner().is_some() && first.ty.shape == Shape::Pointer {
                return self.count(declared, export);
            }
            at += used;
            self.value(
                Rule::ParamType,
                declared,
                export,
                (&format!("parameter `{name}`"), &first.name),
                ty,
                &first.ty,
                used == 2,
            );
        }
        if at != declared.params.len() {
            return self.count(declared, export);
        }
        self.result(declared, export);
    }

    fn unknown(&mut self, declared: &Declaration) {
        let name = words(&declared.name).join("_");
        // Short names are near to many.
        if name.len() < 5 {
            return;
        }
        let known: Vec<String> = self.exports.iter().map(|export| words(&export.name).join("_")).collect();
        let near = nearest(&name, known.iter().map(String::as_str));
        let edits = |a: &str, b: &str| a.len().abs_diff(b.len()) <= 2 && differs_little(a, b);
        let Some(near) = near.filter(|near| edits(near, &name)) else { return };
        let export = self.exports.iter().find(|export| words(&export.name).join("_") == near).copied();
        let message = format!("the panel has no export `{}`", declared.name);
        let help = format!("did you mean `{}`?", export.map_or(near, |export| export.name.as_str()));
        self.find(Rule::UnknownExport, None, export, &declared.span, message, help);
    }

    fn count(&mut self, declared: &Declaration, export: &ContractExport) {
        let types: Vec<String> = export.params.iter().map(|p| format!("{}: {}", p.name, p.ty)).collect();
        let message = format!(
            "`{}` has {} parameters, and the export takes ({})",
            declared.name,
            declared.params.len(),
            types.join(", ")
        );
        let help =
            "declare each of them; `bytes` and `str` are a buffer or a text, or an address and a length";
        self.find(Rule::ParamCount, None, Some(export), &declared.span, message, help.to_string());
    }

    fn order(&mut self, declared: &Declaration, export: &ContractExport) {
        let names: Vec<Vec<String>> = export.params.iter().map(|param| words(&param.name)).collect();
        // Where a text is an address and a length, what follows stands one further behind.
        let mut places = Vec::new();
        for param in &declared.params {
            if let Some(n) = names.iter().position(|name| *name == words(&param.name)) {
                places.push((n, param));
            }
        }
        if let Some(pair) = places.windows(2).find(|pair| pair[0].0 > pair[1].0) {
            let (first, second) = (&pair[0].1.name, &pair[1].1.name);
            let message = format!(
                "`{}` has `{first}` before `{second}`, and the export takes them the other way",
                declared.name
            );
            let order: Vec<&str> = export.params.iter().map(|param| param.name.as_str()).collect();
            let help = format!("the order is {}", order.join(", "));
            self.find(Rule::ParamOrder, None, Some(export), &pair[0].1.ty.span.clone(), message, help);
        }
    }

    fn result(&mut self, declared: &Declaration, export: &ContractExport) {
        let is_void = declared.result.shape == Shape::Void;
        match (&export.results[..], is_void) {
            ([], true) => {}
            ([], false) => {
                let message = format!(
                    "`{}` returns `{}`, and the export returns nothing",
                    declared.name,
                    shown(&declared.result)
                );
                let help = "declare it without a result".to_string();
                self.find(Rule::ResultCount, None, Some(export), &declared.result.span, message, help);
            }
            ([one], false) => {
                let who = ("the result", "result");
                self.value(
                    Rule::ResultType,
                    declared,
                    export,
                    who,
                    one,
                    &declared.result,
                    one.fixed.is_some(),
                );
            }
            ([one, rest @ ..], void) => {
                let all: Vec<String> = [one].into_iter().chain(rest).map(ToString::to_string).collect();
                let returns =
                    if void { "nothing".to_string() } else { format!("`{}`", shown(&declared.result)) };
                let message =
                    format!("`{}` returns {returns}, and the export ({})", declared.name, all.join(", "));
                let help = match rest {
                    [] => format!("let it return `{one}`"),
                    _ => {
                        "more than one result cannot be declared here: call the export by its key".to_string()
                    }
                };
                let verdict = (!rest.is_empty() && !void).then_some(Verdict::Unknown);
                self.find(Rule::ResultCount, verdict, Some(export), &declared.span, message, help);
            }
        }
    }

    /// One value: its type, whether it may be missing, whose it is. `counted` says that an address has its
    /// length.
    #[allow(clippy::too_many_arguments)]
    fn value(
        &mut self,
        rule: Rule,
        declared: &Declaration,
        export: &ContractExport,
        (who, name): (&str, &str),
        ty: &Typed,
        found: &Declared,
        counted: bool,
    ) {
        let can_be = matches!(found.shape, Shape::Pointer | Shape::Int { bits: 32, .. } | Shape::Number);
        let is_address = counted && can_be && ty.value.owner().is_some();
        let verdict = if is_address { Verdict::Equal } else { verdict(ty, &found.shape) };
        let verdict = match &found.shape {
            Shape::Pointer if !counted => Verdict::Different,
            _ => verdict,
        };
        if verdict != Verdict::Equal {
            let why = match (&found.shape, verdict) {
                (Shape::Unknown(why), _) => format!(": {why}"),
                (Shape::Pointer, _) => ": its length is missing".to_string(),
                (_, Verdict::Widening) if rule == Rule::ParamType => ": what does not fit traps".to_string(),
                (_, Verdict::Narrowing) if rule == Rule::ResultType => {
                    ": what does not fit is cut".to_string()
                }
                _ => String::new(),
            };
            let message = format!(
                "{who} of `{}` is `{}`, and the export's is `{ty}` ({verdict}{why})",
                declared.name,
                shown(found)
            );
            let help = format!("declare it as {}", natural(ty));
            self.find(rule, Some(verdict), Some(export), &found.span, message, help);
            return;
        }
        if found.nullable {
            let message = format!("{who} of `{}` may be missing (`{}`)", declared.name, shown(found));
            let help = "declare it as one that is always there".to_string();
            self.find(Rule::Nullable, None, Some(export), &found.span, message, help);
        }
        let Some(owner) = ty.value.owner() else { return };
        let by_type = match &found.shape {
            Shape::Text(owner) | Shape::Bytes(owner) => *owner,
            _ => None,
        };
        let by_comment =
            declared.owners.iter().find(|(who, _)| words(who) == words(name)).map(|(_, owner)| *owner);
        let said = found.owner.or(by_comment).or(by_type);
        let comment = format!("write `xmap: {name} {}` in the comment above it", owner.name());
        match said {
            None if is_address => {
                let message = format!(
                    "{who} of `{}` is an address, and nothing says whose the bytes are",
                    declared.name
                );
                self.find(Rule::OwnershipMissing, None, Some(export), &found.span, message, comment);
            }
            // What is copied anyway may be lent or given.
            Some(said)
                if said != owner
                    && !(owner == Owner::Copy && found.owner.is_none() && by_comment.is_none()) =>
            {
                let message = format!(
                    "{who} of `{}` is `{}`, and the export's `{}`",
                    declared.name,
                    said.name(),
                    owner.name()
                );
                self.find(Rule::OwnershipDiffers, None, Some(export), &found.span, message, comment);
            }
            _ => {}
        }
    }

    fn ending(&mut self, ending: &Ending) {
        let is_cleanup = |call: &String| words(call) == words(CLEANUP) || words(call) == ["cleanup"];
        if !ending.holds_handle || ending.calls.iter().any(is_cleanup) {
            return;
        }
        let message = format!("`{}` ends what holds a handle, and does not call `{CLEANUP}`", ending.name);
        let help = format!("call `{CLEANUP}(handle)` there, once");
        let export = self.export(CLEANUP);
        self.find(Rule::CleanupMissing, None, export, &ending.span, message, help);
    }
}

/// Returns whether two values that follow each other are an address and a length.
fn is_pair(ty: &Typed, first: &Shape, second: Option<&Shape>) -> bool {
    let length = |shape: Option<&Shape>| match shape {
        Some(Shape::Int { bits: 32, .. }) => true,
        // `size_t`, `usize`: as wide as the machine's addresses.
        Some(Shape::Unknown(why)) => why.contains("machine"),
        Some(Shape::Number) => true,
        _ => false,
    };
    let address = matches!(first, Shape::Pointer | Shape::Int { bits: 32, .. } | Shape::Number);
    ty.value.owner().is_some() && address && length(second)
}

/// Returns whether two words differ in two places at most.
fn differs_little(a: &str, b: &str) -> bool {
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let rest = |text: &str| text.len() - common;
    let behind = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    rest(a).saturating_sub(behind) <= 2 && rest(b).saturating_sub(behind) <= 2
}

/// Returns what a type is in each language.
fn natural(ty: &Typed) -> String {
    let names = match ty.value {
        Value::Bytes(_) => ["const uint8_t * and uint32_t", "ByteArray", "[UInt8]", "Uint8Array", "&[u8]"],
        Value::Str(_) => ["const uint8_t * and uint32_t", "String", "String", "string", "&str"],
        Value::Scalar(ty) => Language::ALL.map(|language| language.scalar(ty)),
    };
    let [c, kotlin, swift, typescript, rust] = names;
    format!("`{c}` (C), `{kotlin}` (Kotlin), `{swift}` (Swift), `{typescript}` (TypeScript), `{rust}` (Rust)")
}

/// The lines of a comment that say whose bytes are: `xmap: key borrow, result own`.
fn owners(comment: &str) -> Vec<(String, Owner)> {
    let mut owners = Vec::new();
    for line in comment.lines() {
        let Some((_, facts)) = line.split_once("xmap:") else { continue };
        for fact in facts.trim_end_matches(['*', '/', ' ']).split(',') {
            let mut parts = fact.split_whitespace();
            let (Some(name), Some(word)) = (parts.next(), parts.next()) else { continue };
            let owner =
                [Owner::Own, Owner::Borrow, Owner::Copy].into_iter().find(|owner| owner.name() == word);
            owners.extend(owner.map(|owner| (name.to_string(), owner)));
        }
    }
    owners
}
