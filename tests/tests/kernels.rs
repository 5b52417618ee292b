//! The programs of `tests/kernels`: each gives on the mapper what it gives in the oracle.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wasmi::{Engine, Instance, Linker, Module, Store};
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_sim::Sim;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")
}

/// The names of a set, as `kernels.toml` has them.
fn set(name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join("kernels.toml")).unwrap();
    let mut sets: BTreeMap<String, BTreeMap<String, u32>> = toml::from_str(&text).unwrap();
    sets.remove(name).unwrap().into_keys().collect()
}

fn expected(wasm: &[u8], n: u32) -> u32 {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, wasm).unwrap();
    let instance: Instance = Linker::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
    instance.get_typed_func::<u32, u32>(&store, "run").unwrap().call(&mut store, n).unwrap()
}

fn mapped(name: &str, path: &Path, wasm: &[u8], n: u32) -> u32 {
    let text = format!(
        "[module]\nname = {name:?}\nversion = 1\nboard = \"rpi4b\"\nwasm = {:?}\n[limits]\nfuel = {}\n",
        path.display().to_string(),
        u32::MAX
    );
    let manifest = Manifest::parse("kernel.toml", &text).unwrap();
    let compiled = compile(&manifest, wasm).unwrap_or_else(|e| panic!("{name}:\n{e}"));
    let mut sim = Sim::from_words(compiled.words).unwrap();
    let run = sim.image().find("run").unwrap();
    sim.call_raw(run, &[u64::from(n)]).unwrap_or_else(|e| panic!("{name}: {e:?}"))[0] as u32
}

#[test]
fn a_kernel_gives_what_it_gives_in_the_oracle() {
    for set_name in ["tune", "check"] {
        for name in set(set_name) {
            let path = folder().join(set_name).join(&name).with_extension("wasm");
            let wasm = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            for n in [1, 3] {
                assert_eq!(mapped(&name, &path, &wasm, n), expected(&wasm, n), "{name} {n}");
            }
        }
    }
}

#[test]
fn every_module_is_in_one_set_and_has_its_source() {
    for (set_name, other) in [("tune", "check"), ("check", "tune")] {
        let (names, others) = (set(set_name), set(other));
        assert!(names.len() >= 10 && names.iter().all(|name| !others.contains(name)));
        for file in fs::read_dir(folder().join(set_name)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(names.iter().any(|known| known == name), "{}: not in kernels.toml", path.display());
            let sources = ["c", "rs", "zig", "ts"].map(|ending| path.with_extension(ending));
            assert!(sources.iter().any(|source| source.exists()), "{name}: no source");
        }
    }
}
