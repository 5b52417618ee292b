//! What callers of a panel go by: its exports with their types, units, ranges, whose bytes are, and which
//! calls come before which. Two contracts are compared by [`compare`], export by export.
//!
//! An export's [`hash`](ContractExport::hash) is over one line of text, so that whoever has the contract can
//! compute it. Where the image's own types say all of it, the image carries no hash: it is derived from them.

mod compare;
mod facts;
mod rules;
mod wrap;

use std::fmt;

use xmap_image::{ContractHash, ExportId, HOOKS, Image, Plain, contract_hash};

pub use compare::{Change, Effect, Rule, compare, in_use, removed, replaced, unsaid};
pub use facts::Stated;
pub(crate) use wrap::{wrap, wrapped};

use crate::manifest::{Manifest, MappedExport, Typed, Value};

/// The contract of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// The module's name.
    pub panel: String,
    /// Its version.
    pub version: u32,
    /// The exports by their keys, without those that the runtime alone calls.
    pub exports: Vec<ContractExport>,
    /// Its lines, whose levels a host is sent: their numbers, and their names where they have one.
    pub lines: Vec<(u8, Option<String>)>,
    /// Whether it sends messages: it imports `log.message`.
    pub logs: bool,
}

/// The contract of one export.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractExport {
    /// The key.
    pub key: String,
    /// The function's name in the module.
    pub name: String,
    /// The parameters.
    pub params: Vec<ContractParam>,
    /// The results.
    pub results: Vec<Typed>,
    /// The keys of exports that have to have been called before, sorted.
    pub needs: Vec<String>,
    /// Whether a call that is done twice does what one call does.
    pub idempotent: bool,
}

/// A parameter of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractParam {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Typed,
}

/// The line that the export's hash is over: `panel.duty(u8 0..=100 %) -> (bool); needs panel.open`.
impl fmt::Display for ContractExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |types: &mut dyn Iterator<Item = &Typed>| {
            types.map(Typed::to_string).collect::<Vec<_>>().join(", ")
        };
        let (params, results) =
            (list(&mut self.params.iter().map(|p| &p.ty)), list(&mut self.results.iter()));
        write!(f, "{}({params}) -> ({results})", self.key)?;
        if !self.needs.is_empty() {
            write!(f, "; needs {}", self.needs.join(", "))?;
        }
        f.write_str(if self.idempotent { "; idempotent" } else { "" })
    }
}

impl ContractExport {
    /// Returns the hash of the export's line. Names of parameters are no part of it: a call has positions.
    pub fn hash(&self) -> ContractHash {
        contract_hash(format_args!("{self}"))
    }

    /// Returns whether the image's types say all of it.
    fn is_plain(&self) -> bool {
        let mut types = self.params.iter().map(|p| &p.ty).chain(&self.results);
        types.all(|ty| ty.to_string() == ty.value.name()) && self.needs.is_empty() && !self.idempotent
    }

    /// Reads the line that [`fmt::Display`] writes; parameters have no names there. `None` where it is no
    /// such line.
    pub fn parse(line: &str) -> Option<Self> {
        let (key, rest) = line.split_once('(')?;
        let (params, rest) = rest.split_once(") -> (")?;
        let (results, rest) = rest.split_once(')')?;
        let types = |list: &str| -> Option<Vec<Typed>> {
            list.split(", ").filter(|ty| !ty.is_empty()).map(|ty| Typed::parse(ty).ok()).collect()
        };
        let (mut needs, mut idempotent) = (Vec::new(), false);
        for word in rest.split("; ").filter(|word| !word.is_empty()) {
            match word.strip_prefix("needs ") {
                Some(keys) => needs = keys.split(", ").map(String::from).collect(),
                None if word == "idempotent" => idempotent = true,
                None => return None,
            }
        }
        let params = types(params)?.into_iter().enumerate();
        Some(Self {
            key: key.to_string(),
            name: String::new(),
            params: params.map(|(n, ty)| ContractParam { name: format!("arg{n}"), ty }).collect(),
            results: types(results)?,
            needs,
            idempotent,
        })
    }

    /// The export as an image alone says it: types, and no more. Its hash is the export's where the image
    /// carries none.
    pub fn of_image(image: &Image<'_>, id: ExportId) -> Option<Self> {
        let signature = image.signature(id)?;
        let typed = |ty| Value::of(ty).map(Typed::from);
        let params = signature.params().filter_map(typed).enumerate();
        Some(Self {
            key: image.key(id)?.to_string(),
            name: image.name(id)?.to_string(),
            params: params.map(|(n, ty)| ContractParam { name: format!("arg{n}"), ty }).collect(),
            results: signature.results().filter_map(typed).collect(),
            needs: Vec::new(),
            idempotent: false,
        })
    }
}

impl Contract {
    /// The contract of a panel whose exports are resolved.
    pub(crate) fn of(manifest: &Manifest, exports: &[MappedExport], logs: bool) -> Self {
        let line = |pin: &crate::manifest::Pin| {
            (pin.line.value.number(), pin.name.as_ref().map(|name| name.value.clone()))
        };
        Self {
            panel: Plain(&manifest.module.name.value).to_string(),
            version: manifest.module.version.value,
            exports: exports
                .iter()
                .filter(|export| !HOOKS.contains(&export.name.as_str()))
                .map(|export| export.contract.clone())
                .collect(),
            lines: manifest.pins.iter().map(line).collect(),
            logs,
        }
    }

    /// The export with this key.
    pub fn export(&self, key: &str) -> Option<&ContractExport> {
        self.exports.iter().find(|export| export.key == key)
    }
}

/// The lines of exports whose hashes an image carries: what its map keeps, so that a later change has a name.
pub(crate) fn lines(exports: &[MappedExport]) -> Vec<String> {
    match carried(exports).is_empty() {
        true => Vec::new(),
        false => exports.iter().map(|export| export.contract.to_string()).collect(),
    }
}

/// The hashes that an image carries: one for each export, or none where all of them can be derived.
pub(crate) fn carried(exports: &[MappedExport]) -> Vec<ContractHash> {
    if exports.iter().all(|export| export.contract.is_plain()) {
        return Vec::new();
    }
    exports.iter().map(|export| export.contract.hash()).collect()
}
