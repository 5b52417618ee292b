//! What outlives a swap of images: the names of `[keep]` become slots and addresses of this build, and
//! a number that says what the state looks like, wherever it stands.

use std::ops::Range;

use wasmparser::ValType;
use xmap_image::Keep as Row;
use xmap_image::limits::MAX_KEPT_BYTES;

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Linked;
use crate::manifest::{At, KeptFrom, KeptMemory, Manifest};
use crate::memory::Memory;
use crate::names;
use crate::wasm::{ConstExpr, WasmModule};

/// The kept state of an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// What it looks like: a hash of names, types and lengths; 0 where nothing is kept.
    pub(crate) layout: u32,
    /// Where it is.
    pub(crate) rows: Vec<Row>,
    /// What each row is called.
    pub(crate) names: Vec<String>,
}

/// Finds what the manifest keeps: globals first, then memory, each in the manifest's order.
///
/// # Errors
/// X0509 to X0512 and X0614, all of them in one go.
pub(crate) fn kept(
    manifest: &Manifest,
    module: &WasmModule<'_>,
    linked: &Linked,
    memory: Memory,
) -> Result<Kept, Diagnostics> {
    let file = manifest.wasm_path().display().to_string();
    let mut finder = Finder { manifest, module, linked, memory, file, errors: Vec::new() };
    let globals: Vec<_> = manifest.keep.globals.iter().map(|name| (name, finder.global(name))).collect();
    let stretches: Vec<_> = manifest.keep.memory.iter().map(|one| (one, finder.stretch(one))).collect();
    finder.distinct(&globals);
    finder.apart(&stretches);
    finder.within_the_most();
    if !finder.errors.is_empty() {
        return Err(Diagnostics(finder.errors));
    }
    let mut kept = Kept::default();
    let mut layout = Layout::default();
    for (name, index) in globals {
        let index = index.unwrap_or_default();
        let slot = linked.globals.binary_search(&index).unwrap_or_default();
        layout.global(&name.value, module.globals[index as usize].ty);
        kept.rows.push(Row::Global(slot as u16));
        kept.names.push(name.value.clone());
    }
    for (stretch, from) in stretches {
        let bytes = stretch.bytes.value;
        layout.memory(&stretch.from.value, bytes);
        kept.rows.push(Row::Memory { from: from.unwrap_or_default(), bytes });
        kept.names.push(match &stretch.from.value {
            KeptFrom::Symbol(name) => name.clone(),
            KeptFrom::Address(_) => String::new(),
        });
    }
    kept.layout = layout.number();
    Ok(kept)
}

struct Finder<'a, 'm> {
    manifest: &'a Manifest,
    module: &'a WasmModule<'m>,
    linked: &'a Linked,
    memory: Memory,
    file: String,
    errors: Vec<Diagnostic>,
}

impl Finder<'_, '_> {
    fn error(&mut self, code: Code, span: &Range<usize>, message: String) -> &mut Diagnostic {
        self.errors.push(Diagnostic::new(code, self.manifest.place(span), message));
        self.errors.last_mut().expect("just pushed")
    }

    /// The global with a name: one that is exported, or the only one that the name section calls so.
    fn global(&mut self, name: &At<String>) -> Option<u32> {
        let module = self.module;
        let exported = module.exported_globals.iter().find(|(export, _)| *export == name.value);
        // The name section is not validated: it may call globals by names that do not exist.
        let there = |index: &u32| (*index as usize) < module.globals.len();
        let called = module.global_names.iter().filter(|(n, called)| there(n) && **called == name.value);
        let found: Vec<u32> = match exported {
            Some((_, index)) => vec![*index],
            None => called.map(|(index, _)| *index).collect(),
        };
        let [index] = found[..] else {
            let names = || {
                let exported = module.exported_globals.iter().map(|(name, index)| (*name, *index));
                let called = module.global_names.iter().map(|(index, name)| (*name, *index));
                let mutable = |index: u32| module.globals.get(index as usize).is_some_and(|g| g.mutable);
                exported.chain(called).filter(move |(_, index)| mutable(*index)).map(|(name, _)| name)
            };
            let (message, help) = if found.is_empty() {
                let help = names::did_you_mean(&name.value, names()).unwrap_or_else(|| {
                    match &names::nearest_few(&name.value, names(), 3)[..] {
                        [] => "the module has no mutable global with a name: export it (`export let` in \
                               AssemblyScript), or keep the name section (`--debug`, do not strip); a variable in \
                               memory goes under `memory`"
                            .to_string(),
                        few => format!("the nearest are: {}", few.join(", ")),
                    }
                });
                (format!("{} has no global `{}`", self.file, name.value), help)
            } else {
                let message = format!("{} has {} globals named `{}`", self.file, found.len(), name.value);
                (message, "export the one that is meant under a name of its own".to_string())
            };
            self.error(Code::NoSuchState, &name.span, message).help = Some(help);
            return None;
        };
        let global = &module.globals[index as usize];
        let refused = if !global.mutable {
            let address = global.ty == ValType::I32 && exported.is_some();
            Some((
                format!("`{}` never changes: the global is immutable", name.value),
                match address {
                    true => format!(
                        "if it is the address of a variable, write `memory = [{{ symbol = \"{}\", bytes = 4 }}]`",
                        name.value
                    ),
                    false => "leave it out".to_string(),
                },
            ))
        } else if !matches!(global.ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64) {
            let message = format!("`{}` holds a reference, which means nothing in another image", name.value);
            Some((message, "keep a number that the module turns into the reference".to_string()))
        } else if !self.linked.changed.contains(&index) {
            let message = format!("`{}` never changes: no function of the image sets it", name.value);
            Some((message, "leave it out, or map the function that sets it in [exports]".to_string()))
        } else {
            None
        };
        match refused {
            Some((message, help)) => {
                self.error(Code::NotKeepable, &name.span, message).help = Some(help);
                None
            }
            None => Some(index),
        }
    }

    /// The address of a stretch of memory.
    fn stretch(&mut self, stretch: &KeptMemory) -> Option<u32> {
        let (who, from) = match &stretch.from.value {
            KeptFrom::Symbol(name) => (format!("`{name}`"), self.symbol(name, &stretch.from.span)?),
            KeptFrom::Address(from) => (format!("0x{from:x}"), *from),
        };
        let (bytes, memory) = (stretch.bytes.value, self.memory.bytes);
        let end = u64::from(from) + u64::from(bytes);
        if end > u64::from(memory) {
            let message =
                format!("{who} takes 0x{from:x} to 0x{end:x}, the memory has 0x{memory:x} bytes at load");
            self.error(Code::KeepOutside, &stretch.from.span, message).help = Some(match memory {
                0 => "the module has no memory; its globals can be kept".to_string(),
                _ => "keep fewer `bytes`, or raise `memory_bytes` in [limits] where it cuts the memory short"
                    .to_string(),
            });
            return None;
        }
        Some(from)
    }

    /// The address that an exported global holds.
    fn symbol(&mut self, name: &str, span: &Range<usize>) -> Option<u32> {
        let module = self.module;
        let globals =
            || module.exported_globals.iter().map(|(name, index)| (*name, &module.globals[*index as usize]));
        let Some((_, global)) = globals().find(|(export, _)| *export == name) else {
            let addresses =
                || globals().filter(|(_, g)| !g.mutable && g.ty == ValType::I32).map(|(name, _)| name);
            let message = format!("{} exports no variable `{name}`", self.file);
            let help = names::did_you_mean(name, addresses()).unwrap_or_else(|| {
                format!(
                    "export it: `--export={name}` (wasm-ld; `-Wl,--export={name}` where clang links), \
                     `#[unsafe(no_mangle)] pub static` (Rust), `export var` (Zig)"
                )
            });
            self.error(Code::NoSuchState, span, message).help = Some(help);
            return None;
        };
        if global.mutable || global.ty != ValType::I32 {
            let what = if global.mutable { "mutable" } else { "no i32" };
            let message = format!("`{name}` is no address: the global is {what}");
            self.error(Code::NotKeepable, span, message).help =
                Some(format!("a global that changes is kept with `globals = [\"{name}\"]`"));
            return None;
        }
        match &global.init {
            ConstExpr::Bits(bits) => Some(*bits as u32),
            ConstExpr::Function(_) | ConstExpr::Imported(_) | ConstExpr::Unsupported(..) => {
                let message = format!("`{name}` is no address: its value is not a constant");
                self.error(Code::NotKeepable, span, message);
                None
            }
        }
    }

    /// No global is kept twice.
    fn distinct(&mut self, globals: &[(&At<String>, Option<u32>)]) {
        for (n, (name, index)) in globals.iter().enumerate() {
            let earlier = globals[..n].iter().find(|(_, other)| index.is_some() && other == index);
            if let Some((first, _)) = earlier {
                let note = (self.manifest.place(&first.span), "kept here already".to_string());
                let message = match first.value == name.value {
                    true => format!("`{}` is kept twice", name.value),
                    false => format!("`{}` and `{}` are one global", first.value, name.value),
                };
                self.error(Code::KeepOverlap, &name.span, message).notes.push(note);
            }
        }
    }

    /// All together is no more than a device reads back.
    fn within_the_most(&mut self) {
        let keep = &self.manifest.keep;
        let stretches = keep.memory.iter().map(|stretch| u64::from(stretch.bytes.value));
        let bytes = stretches.sum::<u64>() + 8 * keep.globals.len() as u64;
        let largest = keep.memory.iter().max_by_key(|stretch| stretch.bytes.value);
        if let Some(largest) = largest.filter(|_| bytes > u64::from(MAX_KEPT_BYTES)) {
            let message = format!("[keep] has {bytes} bytes in all, at most {MAX_KEPT_BYTES}");
            self.error(Code::KeptTooLarge, &largest.bytes.span, message).help =
                Some("keep what a restart needs; this is the longest part".to_string());
        }
    }

    /// No byte is kept twice.
    fn apart(&mut self, stretches: &[(&KeptMemory, Option<u32>)]) {
        let range = |(stretch, from): &(&KeptMemory, Option<u32>)| {
            from.map(|from| u64::from(from)..u64::from(from) + u64::from(stretch.bytes.value))
        };
        for (n, second) in stretches.iter().enumerate() {
            let Some(ours) = range(second) else { continue };
            for first in &stretches[..n] {
                let Some(theirs) = range(first) else { continue };
                let both = ours.start.max(theirs.start)..ours.end.min(theirs.end);
                if !both.is_empty() {
                    let note = (self.manifest.place(&first.0.from.span), "kept here already".to_string());
                    let message = format!("0x{:x} to 0x{:x} are kept twice", both.start, both.end);
                    self.error(Code::KeepOverlap, &second.0.from.span, message).notes.push(note);
                }
            }
        }
    }
}

/// The hash of what kept state looks like. docs/manifest.md has what goes into it.
#[derive(Default)]
struct Layout {
    bytes: Vec<u8>,
}

impl Layout {
    fn global(&mut self, name: &str, ty: ValType) {
        self.named(0, name);
        // The numbers of the types in a module (WebAssembly specification, section 5.3.1).
        self.bytes.push(match ty {
            ValType::I32 => 0x7f,
            ValType::I64 => 0x7e,
            ValType::F32 => 0x7d,
            _ => 0x7c,
        });
    }

    fn memory(&mut self, from: &KeptFrom, bytes: u32) {
        match from {
            KeptFrom::Symbol(name) => self.named(1, name),
            KeptFrom::Address(from) => {
                self.bytes.push(2);
                self.bytes.extend(from.to_le_bytes());
            }
        }
        self.bytes.extend(bytes.to_le_bytes());
    }

    fn named(&mut self, kind: u8, name: &str) {
        self.bytes.push(kind);
        self.bytes.extend((name.len() as u32).to_le_bytes());
        self.bytes.extend(name.as_bytes());
    }

    /// The first four bytes of SHA-256; 0 means that nothing is kept.
    fn number(&self) -> u32 {
        if self.bytes.is_empty() {
            return 0;
        }
        let [a, b, c, d, ..] = hmac_sha256::Hash::hash(&self.bytes);
        u32::from_le_bytes([a, b, c, d]).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images that are out in the field have these numbers.
    #[test]
    fn the_layout_is_the_documented_hash() {
        let mut layout = Layout::default();
        assert_eq!(layout.number(), 0);
        layout.global("count", ValType::I32);
        layout.memory(&KeptFrom::Symbol("table".into()), 16);
        layout.memory(&KeptFrom::Address(1024), 4);
        let bytes = b"\0\x05\0\0\0count\x7f\x01\x05\0\0\0table\x10\0\0\0\x02\0\x04\0\0\x04\0\0\0";
        assert_eq!(layout.bytes, bytes);
        // What `sha256sum` says of these bytes begins with c28fe8a0.
        assert_eq!(layout.number(), 0xa0e8_8fc2);
    }

    #[test]
    fn order_names_types_and_lengths_are_in_the_number() {
        let number = |f: &dyn Fn(&mut Layout)| {
            let mut layout = Layout::default();
            f(&mut layout);
            layout.number()
        };
        let (a, b) = (KeptFrom::Symbol("a".into()), KeptFrom::Symbol("b".into()));
        let all = [
            number(&|l| l.global("a", ValType::I32)),
            number(&|l| l.global("a", ValType::I64)),
            number(&|l| l.global("a", ValType::F32)),
            number(&|l| l.global("a", ValType::F64)),
            number(&|l| l.global("b", ValType::I32)),
            number(&|l| l.memory(&a, 4)),
            number(&|l| l.memory(&a, 8)),
            number(&|l| l.memory(&KeptFrom::Address(4), 4)),
            number(&|l| l.memory(&KeptFrom::Address(8), 4)),
            number(&|l| {
                l.memory(&a, 4);
                l.memory(&b, 4);
            }),
            number(&|l| {
                l.memory(&b, 4);
                l.memory(&a, 4);
            }),
        ];
        let distinct: std::collections::BTreeSet<u32> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(!distinct.contains(&0));
    }
}
