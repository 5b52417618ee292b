//! Modules of `wasm-smith`.

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};
use xmap_abi::HostFunction;

use super::rewrite::rewrite;
use super::rng::Rng;
use super::{Features, Fuel, MAX_PAGES};

/// A module, and where it is made to end, the global that counts and what it starts with.
pub(super) fn module(rng: &mut Rng, features: &Features) -> Option<(Vec<u8>, Option<Fuel>)> {
    let config = config(rng, features);
    let bytes = 1 << rng.range(7, 13);
    let bytes = rng.bytes(bytes);
    let mut module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    // Not always: the counter keeps functions from being bounded, inlined or folded away.
    let fuel = match rng.below(2) {
        0 => {
            let fuel = rng.pick(&[50, 500, 5000]);
            Some((module.ensure_termination(fuel).ok()?, fuel))
        }
        _ => None,
    };
    let wasm = rewrite(rng, &module.to_bytes());
    Some((wasm, fuel))
}

/// A module without anything.
const EMPTY: [u8; 8] = *b"\0asm\x01\0\0\0";

/// A module that imports the whole guest ABI.
#[cfg(test)]
pub(super) fn all_imports() -> Vec<u8> {
    wat::parse_str(xmap_abi::Module.to_string()).expect("it is valid")
}

/// The imports that a random module may have: it declares no devices, and a module without any that calls one
/// does not compile (X1306).
fn imports_without_devices() -> Vec<u8> {
    let functions = HostFunction::ALL.iter().map(|function| function.row());
    let imports = functions.filter(|row| !super::is_of_a_device(row));
    let text: String = imports.map(|row| row.import().to_string()).collect();
    wat::parse_str(format!("(module {text})")).expect("it is valid")
}

fn config(rng: &mut Rng, features: &Features) -> Config {
    let imports = rng.one_in(3);
    Config {
        available_imports: Some(if imports { imports_without_devices() } else { Vec::from(EMPTY) }),
        min_imports: 0,
        max_imports: if imports { HostFunction::ALL.len() } else { 0 },
        min_funcs: rng.range(1, 6),
        max_funcs: 16,
        min_types: 2,
        max_types: 12,
        max_instructions: rng.pick(&[20, 60, 150, 400]),
        max_nesting_depth: rng.pick(&[3, 6, 12]),
        max_globals: 8,
        min_globals: rng.below(3),
        min_memories: u32::from(!rng.one_in(8)),
        max_memories: 1,
        max_memory32_bytes: u64::from(MAX_PAGES - 1) * 65_536,
        max_data_segments: 4,
        max_tables: if features.references { 3 } else { usize::from(features.tables) },
        table_max_size_required: true,
        min_tables: u32::from(features.tables && !rng.one_in(4)),
        max_table_elements: 20,
        max_element_segments: if features.tables { 4 } else { 0 },
        min_element_segments: usize::from(features.tables),
        max_elements: 20,
        max_exports: 0,
        max_tags: 0,
        disallow_traps: rng.one_in(3),
        allow_floats: features.floats,
        canonicalize_nans: features.floats,
        saturating_float_to_int_enabled: features.floats && features.saturating,
        bulk_memory_enabled: features.bulk_memory,
        reference_types_enabled: features.references,
        extended_const_enabled: features.extended_const,
        multi_value_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        exceptions_enabled: false,
        tail_call_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: false,
        memory64_enabled: false,
        wide_arithmetic_enabled: false,
        acquire_release_atomics_enabled: false,
        multibyte_array_access_enabled: false,
        ..Config::default()
    }
}
