//! The compiler under the eyes of somebody who believes neither the module nor the manifest.

use std::path::Path;
use std::sync::LazyLock;

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};
use xmap_boards::{Line, LineSet, RPI4B};
use xmap_compiler::compile::compile;
use xmap_compiler::diagnostic::{Diagnostics, Place};
use xmap_compiler::input::{Content, content};
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_compiler::report::Report;
use xmap_image::Image;
use xmap_keys::parse_policy;
use xmap_trust::{MAX_POLICY_BYTES, SecretKey, open_policy, sign_policy};

/// A module of some exports, that manifests are held against.
const STAIRS: &[u8] = include_bytes!("../../panels/stairs/stairs.wasm");

/// How far an input got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Got {
    /// It is no input at all.
    Nowhere,
    /// It was read, and what it says is refused.
    Read,
    /// It was taken.
    Through,
}

/// A manifest's text: every error has its place and can be printed; what is taken is held against a module.
pub fn manifest(data: &[u8]) -> Got {
    let Ok(text) = std::str::from_utf8(data) else { return Got::Nowhere };
    match Manifest::parse("panel.toml", text) {
        Ok(manifest) => {
            assert!(manifest.pins.windows(2).all(|two| two[0].line.value < two[1].line.value));
            assert!(manifest.pins.iter().all(|pin| manifest.board().reserved(pin.line.value).is_none()));
            hold(&manifest, STAIRS);
            Got::Through
        }
        Err(errors) => told(&errors),
    }
}

/// A file of any kind, then a module and a manifest for it: two bytes say how long the manifest is, which
/// stands first; none is the manifest that a bare module has. The module may be binary or text.
pub fn module(data: &[u8]) -> Got {
    let Some((len, rest)) = data.split_first_chunk::<2>() else { return Got::Nowhere };
    let (text, file) = rest.split_at(rest.len().min(u16::from_le_bytes(*len).into()));
    let path = Path::new("panel.wasm");
    let manifest = if text.is_empty() {
        Manifest::bare(&RPI4B, path)
    } else {
        let Ok(text) = std::str::from_utf8(text) else { return Got::Nowhere };
        match Manifest::parse("panel.toml", text) {
            Ok(manifest) => manifest,
            Err(errors) => return told(&errors),
        }
    };
    match content(path, file.to_vec()) {
        Ok(Content::Module(wasm)) => hold(&manifest, &wasm),
        Ok(Content::Image(_)) => Got::Nowhere,
        Ok(Content::Manifest(text)) => self::manifest(text.as_bytes()),
        Err(error) => told(&error.into()),
    }
}

/// A valid module that the bytes generate, with the guest ABI's imports: it compiles, or is refused for a
/// reason.
pub fn smith(data: &[u8]) -> Got {
    let Some((how, rest)) = data.split_first() else { return Got::Nowhere };
    let config = Config {
        available_imports: (how & 1 != 0).then(|| IMPORTS.clone()),
        max_funcs: 12,
        max_instructions: if how & 2 != 0 { 300 } else { 60 },
        // What the compiler takes none of is left out but for this: a refusal is soon tested.
        simd_enabled: how & 4 != 0,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        tail_call_enabled: false,
        gc_enabled: false,
        threads_enabled: false,
        memory64_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        max_memories: 1,
        max_tags: 0,
        export_everything: how & 8 != 0,
        ..Config::default()
    };
    let Ok(made) = Module::new(config, &mut Unstructured::new(rest)) else { return Got::Nowhere };
    hold(&Manifest::bare(&RPI4B, Path::new("panel.wasm")), &made.to_bytes())
}

/// A policy's text: every error has its place and can be printed; what is taken comes back from its signed
/// form.
pub fn policy_text(data: &[u8]) -> Got {
    let Ok(text) = std::str::from_utf8(data) else { return Got::Nowhere };
    match parse_policy("policy.toml", text) {
        Ok(policy) => {
            let root = SecretKey::from_seed(&[2; 32]);
            let mut buffer = [0; MAX_POLICY_BYTES];
            let signed = sign_policy(&policy, &root, &mut buffer).expect("all that a text can say has room");
            let back = open_policy(signed, &root.public(), policy.version);
            assert!(
                policy
                    .keys
                    .iter()
                    .all(|key| key.key.is_sound() && (key.lines - LineSet::below(Line::COUNT)).is_empty())
            );
            assert_eq!(back, Ok(policy));
            Got::Through
        }
        Err(errors) => told(&errors),
    }
}

/// Compiles, and holds what comes out against what it promises.
fn hold(manifest: &Manifest, wasm: &[u8]) -> Got {
    match compile(manifest, wasm) {
        Ok(compiled) => {
            let image = Image::admit(&compiled.words).expect("what compiles verifies");
            let lines: LineSet = manifest.pins.iter().map(|pin| pin.line.value).collect();
            assert!((image.declared() - lines).is_empty(), "a line that the manifest does not have");
            let map = SourceMap::read(&compiled.map.to_json(), &image).expect("the map is the image's");
            assert_eq!(map, compiled.map);
            let found = Report::of(&image, Some(&map));
            assert_eq!(
                found,
                Report { module: None, budget: None, ..compiled.report },
                "a report reads off the image"
            );
            Got::Through
        }
        Err(errors) => told(&errors),
    }
}

/// Errors that a person can be shown.
fn told(errors: &Diagnostics) -> Got {
    assert!(!errors.0.is_empty(), "an error without an error");
    assert!(errors.to_string().starts_with("error[X"));
    assert!(errors.render(true).len() >= errors.render(false).len());
    for error in &errors.0 {
        for place in [&*error.place].into_iter().chain(error.notes.iter().map(|(place, _)| place)) {
            if let Place::Text { source, span } = place {
                assert!(
                    span.start <= span.end && span.end <= source.text.len(),
                    "{span:?}: {}",
                    error.message
                );
            }
            assert!(!place.to_string().is_empty());
        }
    }
    Got::Read
}

/// The guest ABI as a module that imports all of it: `wasm-smith` takes what it wants.
static IMPORTS: LazyLock<Vec<u8>> =
    LazyLock::new(|| wat::parse_str(xmap_abi::Module.to_string()).expect("it is valid"));
