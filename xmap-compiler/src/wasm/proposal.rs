//! Proposals that wasmparser knows and xmap does not compile: each by its name, with the options that
//! do without it.

use wasmparser::{BinaryReaderError, Validator, WasmFeatures};

/// A proposal, or a few that a compiler turns on together.
#[derive(Debug)]
pub(super) struct Proposal {
    features: WasmFeatures,
    /// A noun phrase that `needs` stands before.
    pub(super) name: &'static str,
    /// What to tell the compiler.
    pub(super) way_out: &'static str,
}

const fn proposal(features: WasmFeatures, name: &'static str, way_out: &'static str) -> Proposal {
    Proposal { features, name, way_out }
}

/// What is validated: WebAssembly 1.0 and the extensions that compilers emit by default.
pub(super) const SUPPORTED: WasmFeatures = WasmFeatures::WASM1
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::GC_TYPES);

/// Every proposal for core modules that wasmparser can validate, beyond [`SUPPORTED`].
const PROPOSALS: &[Proposal] = &[
    proposal(
        WasmFeatures::SIMD,
        "SIMD (128-bit vectors)",
        "compile without it: `-mno-simd128` (clang), no `-msimd128` (emcc), `-C target-feature=-simd128` \
         (rustc), `-mcpu=mvp` or `-mcpu=generic-simd128` (zig), `--disable simd` (asc)",
    ),
    proposal(
        WasmFeatures::RELAXED_SIMD,
        "relaxed SIMD",
        "compile without it: `-mno-relaxed-simd` (clang), no `-mrelaxed-simd` (emcc), \
         `-C target-feature=-relaxed-simd` (rustc), `-mcpu=generic` (zig), `--disable relaxed-simd` (asc)",
    ),
    proposal(
        WasmFeatures::THREADS.union(WasmFeatures::ACQUIRE_RELEASE_ATOMICS),
        "threads (shared memory and atomic instructions)",
        "a module has one thread; compile without: `-mno-atomics`, no `-pthread` and no `--shared-memory` \
         (clang, wasm-ld, emcc), `-C target-feature=-atomics` (rustc), `-fsingle-threaded` and no \
         `--shared-memory` (zig), `--disable threads` and no `--sharedMemory` (asc)",
    ),
    proposal(
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        "shared globals, tables and functions (shared-everything-threads)",
        "a module has one thread; compile without threads",
    ),
    proposal(
        WasmFeatures::EXCEPTIONS.union(WasmFeatures::LEGACY_EXCEPTIONS),
        "exception handling",
        "compile without: `-fno-exceptions` and no `-fwasm-exceptions` (clang, emcc), `-C panic=abort` \
         (rustc), `--disable exception-handling` (asc); other languages: return errors as values",
    ),
    proposal(
        WasmFeatures::FUNCTION_REFERENCES,
        "typed function references",
        "compile without: `--disable gc` (asc), `-mcpu=generic` (zig), no `-mgc` (clang); `funcref` and \
         `call_indirect` are supported",
    ),
    proposal(
        WasmFeatures::GC.union(WasmFeatures::CUSTOM_DESCRIPTORS).union(WasmFeatures::MULTIBYTE_ARRAY_ACCESS),
        "garbage collection (structs, arrays, i31)",
        "compile to linear memory: `--disable gc` (asc), `--target wasm` and not `wasm-gc` (moon); what needs \
         an engine with a garbage collector (Kotlin, Dart, Java, OCaml, Scheme) cannot go in",
    ),
    proposal(
        WasmFeatures::MEMORY64,
        "memory64 (64-bit addresses)",
        "compile for 32 bits: `--target=wasm32` (clang), `wasm32-unknown-unknown` (rustc), \
         `-target wasm32-freestanding` (zig), no `-sMEMORY64` (emcc)",
    ),
    proposal(
        WasmFeatures::MULTI_MEMORY,
        "a second memory (multi-memory)",
        "a module has one memory; `wasm-opt --multi-memory-lowering` makes one of several",
    ),
    proposal(
        WasmFeatures::WIDE_ARITHMETIC,
        "128-bit arithmetic (wide-arithmetic)",
        "compile without: `-mno-wide-arithmetic` (clang, emcc), `-C target-feature=-wide-arithmetic` \
         (rustc), `-mcpu=generic` (zig)",
    ),
    proposal(
        WasmFeatures::CUSTOM_PAGE_SIZES,
        "a page size other than 65,536 bytes (custom-page-sizes)",
        "link with pages of 64 KiB (no `--page-size` for wasm-ld); `[limits] memory_bytes` makes a panel's \
         memory smaller than a page",
    ),
    proposal(
        WasmFeatures::MEMORY_CONTROL,
        "giving memory back (memory-control)",
        "compile without `memory.discard`",
    ),
    proposal(
        WasmFeatures::STACK_SWITCHING,
        "stack switching",
        "compile without continuations: a handler runs to its end",
    ),
    proposal(
        WasmFeatures::COMPACT_IMPORTS,
        "a compact import section",
        "let the linker write each import by itself",
    ),
];

/// Why a module does not validate.
#[derive(Debug)]
pub(super) enum Fault {
    /// It breaks a rule of the specification.
    Invalid(BinaryReaderError),
    /// It needs a proposal; the error is about the first place that does.
    Unsupported(&'static Proposal, BinaryReaderError),
}

impl Fault {
    /// The validator's error.
    pub(super) fn error(&self) -> &BinaryReaderError {
        match self {
            Self::Invalid(error) | Self::Unsupported(_, error) => error,
        }
    }
}

/// Validates a module.
///
/// # Errors
/// Each proposal that the module needs with its first place, then what is invalid even with all of
/// them.
pub(super) fn validate(bytes: &[u8]) -> Result<(), Vec<Fault>> {
    let check = |features| Validator::new_with_features(features).validate_all(bytes).map(drop);
    let mut faults = Vec::new();
    let mut features = SUPPORTED;
    while let Err(error) = check(features) {
        let missing = error.missing_wasm_feature().unwrap_or(WasmFeatures::empty());
        let named =
            PROPOSALS.iter().find(|p| !features.contains(p.features) && p.features.intersects(missing));
        // The validator does not name the feature in each of its messages.
        let enables = |p: &&Proposal| {
            !features.contains(p.features)
                && check(features | p.features).map_or_else(|e| e.offset() > error.offset(), |()| true)
        };
        match named.or_else(|| PROPOSALS.iter().find(enables)) {
            Some(proposal) => {
                features |= proposal.features;
                faults.push(Fault::Unsupported(proposal, error));
            }
            None => {
                faults.push(Fault::Invalid(error));
                break;
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Features for which a module has no use, or that [`SUPPORTED`] has.
    const ELSEWHERE: WasmFeatures = SUPPORTED
        .union(WasmFeatures::COMPONENT_MODEL)
        .union(WasmFeatures::CM_VALUES)
        .union(WasmFeatures::CM_NESTED_NAMES)
        .union(WasmFeatures::CM_ASYNC)
        .union(WasmFeatures::CM_ASYNC_STACKFUL)
        .union(WasmFeatures::CM_MORE_ASYNC_BUILTINS)
        .union(WasmFeatures::CM_THREADING)
        .union(WasmFeatures::CM_ERROR_CONTEXT)
        .union(WasmFeatures::CM_FIXED_LENGTH_LISTS)
        .union(WasmFeatures::CM_GC)
        .union(WasmFeatures::CM_MAP)
        .union(WasmFeatures::CM64)
        .union(WasmFeatures::CM_IMPLEMENTS)
        .union(WasmFeatures::CM_CANON_NAMES)
        .union(WasmFeatures::CM_FORWARD)
        .union(WasmFeatures::CM_ACCESSORS);

    #[test]
    fn every_feature_of_the_validator_has_a_proposal() {
        let known = PROPOSALS.iter().fold(ELSEWHERE, |all, proposal| all | proposal.features);
        assert_eq!(WasmFeatures::all() - known, WasmFeatures::empty(), "wasmparser has learnt a proposal");
    }

    #[test]
    fn a_proposal_is_told_from_a_mistake() {
        let found = |text: &str| -> Vec<String> {
            let bytes = wast::parser::ParseBuffer::new(text)
                .and_then(|buffer| wast::parser::parse::<wast::Wat<'_>>(&buffer)?.encode())
                .unwrap();
            let name = |fault: &Fault| match fault {
                Fault::Invalid(error) => error.message().to_string(),
                Fault::Unsupported(proposal, _) => proposal.name.to_string(),
            };
            validate(&bytes).err().iter().flatten().map(name).collect()
        };
        let nothing: [&str; 0] = [];
        assert_eq!(found("(module (func (export \"f\") (result f32) (f32.const 1)))"), nothing);
        assert_eq!(
            found("(module (func (result i32) (i64.const 1)))"),
            ["type mismatch: expected i32, found i64"]
        );
        assert_eq!(found("(module (memory i64 1))"), ["memory64 (64-bit addresses)"]);
        assert_eq!(found("(module (tag $e) (func (throw $e)))"), ["exception handling"]);
        // All of them at once, and what is wrong besides.
        assert_eq!(
            found("(module (memory 1 1 shared) (memory 1) (func (result i32) (i64.const 1)))"),
            [
                "a second memory (multi-memory)",
                "threads (shared memory and atomic instructions)",
                "type mismatch: expected i32, found i64"
            ]
        );
    }
}
