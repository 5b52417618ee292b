//! Whatever bytes a module has, `compile` answers: with an image that verifies, or with errors.
//!
//! The seeds are the modules of `tests/panels`, as compilers emitted them. A mutation is small, so that
//! most of them get past the header and some past the validator.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use xmap_boards::RPI4B;
use xmap_compiler::compile::compile;
use xmap_compiler::input;
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_compiler::report::Report;
use xmap_image::Image;

/// The manifests of all panels.
fn manifests() -> Vec<(PathBuf, Manifest)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/panels");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("panel.toml")).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    assert!(paths.len() >= 6, "the panels are gone");
    let manifest = |path: PathBuf| (path.clone(), Manifest::read(&path).unwrap());
    paths.into_iter().map(manifest).collect()
}

/// A small change.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index),
    Remove(Index, u8),
    Repeat(Index, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    // Bytes that mean much in a module: small numbers, the ends of LEB128, opcodes and types.
    let byte = prop_oneof![0u8..0x50, Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    prop_oneof![
        4 => (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        4 => (any::<Index>(), byte).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        1 => any::<Index>().prop_map(Mutation::Cut),
        1 => (any::<Index>(), 1u8..9).prop_map(|(at, n)| Mutation::Remove(at, n)),
        1 => (any::<Index>(), 1u8..9).prop_map(|(at, n)| Mutation::Repeat(at, n)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutations: &[Mutation]) {
    for mutation in mutations {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        let range = |at: &Index, n: u8| at.index(len)..(at.index(len) + usize::from(n)).min(len);
        match mutation {
            Mutation::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
            Mutation::Set(at, byte) => bytes[at.index(len)] = *byte,
            Mutation::Cut(at) => bytes.truncate(at.index(len)),
            Mutation::Remove(at, n) => drop(bytes.drain(range(at, *n))),
            Mutation::Repeat(at, n) => {
                let piece = bytes[range(at, *n)].to_vec();
                drop(bytes.splice(at.index(len)..at.index(len), piece));
            }
        }
    }
}

/// Compiles, and holds what comes out against what it promises.
fn check(manifest: &Manifest, wasm: &[u8]) {
    match compile(manifest, wasm) {
        Ok(compiled) => {
            let image = Image::verify(&compiled.words).expect("what compiles verifies");
            let map = SourceMap::read(&compiled.map.to_json(), &image).expect("the map is the image's");
            assert_eq!(map, compiled.map);
            let found = Report::of(&image, Some(&map));
            let report = compiled.report;
            let expected = Report { module: None, budget: None, ..report };
            assert_eq!(found, expected, "a report reads off the image");
            let parts: u32 = found.parts().iter().map(|(_, bytes, _)| bytes).sum();
            assert_eq!(parts as usize, found.total);
        }
        Err(errors) => assert!(errors.to_string().starts_with("error[X"), "{errors}"),
    }
}

#[test]
fn the_panels_themselves_hold() {
    for (path, manifest) in manifests() {
        let wasm = input::read_module(&manifest.wasm_path()).unwrap();
        let compiled = compile(&manifest, &wasm);
        assert!(compiled.is_ok(), "{}: {}", path.display(), compiled.unwrap_err());
        check(&manifest, &wasm);
        check(&Manifest::bare(&RPI4B, Path::new("panel.wasm")), &wasm);
    }
}

#[test]
fn a_mutated_module_never_panics() {
    let panels: Vec<(Manifest, Vec<u8>)> = manifests()
        .into_iter()
        .map(|(_, manifest)| {
            let wasm = input::read_module(&manifest.wasm_path()).unwrap();
            (manifest, wasm)
        })
        .collect();
    let bare = Manifest::bare(&RPI4B, Path::new("mutated.wasm"));
    // Debug information is most of a module and is read with less care: it may be wrong as it likes.
    let code = |wasm: &[u8]| wasm.windows(7).position(|w| w == b".debug_").unwrap_or(wasm.len());
    let cases = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) };
    let inputs = (any::<Index>(), prop::collection::vec(mutation(), 1..4), any::<bool>(), any::<bool>());
    proptest!(cases, |((panel, mutations, own, whole) in inputs)| {
        let (manifest, wasm) = panel.get(&panels);
        let mut wasm = wasm.clone();
        let end = if whole { wasm.len() } else { code(&wasm) };
        let tail = wasm.split_off(end);
        mutate(&mut wasm, &mutations);
        wasm.extend(tail);
        check(if own { manifest } else { &bare }, &wasm);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), header: bool) {
        if header {
            bytes.splice(0..0, *b"\0asm\x01\0\0\0");
        }
        check(&Manifest::bare(&RPI4B, Path::new("random.wasm")), &bytes);
    }
}
