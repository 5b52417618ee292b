//! An image is no larger than what a size-minded author would ship as WebAssembly: its code and data
//! fit into the module after `wasm-opt -Oz`, and what is more are its tables, which a module leaves to
//! the engine.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_image::Section;
use xmap_tests::Panel;

#[test]
fn images_are_as_small_as_optimised_modules() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/panels/oz.toml");
    let optimised: BTreeMap<String, u32> = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut table = format!(
        "{:<10}{:>8}{:>8}{:>8}{:>8}{:>8}{:>10}\n",
        "panel", "-Oz", "image", "code", "data", "tables", "code %"
    );
    let mut wrong = Vec::new();
    for panel in Panel::all().unwrap() {
        let oz = optimised[&panel.name];
        let manifest = Manifest::read(&panel.manifest_path()).unwrap();
        let compiled = compile(&manifest, &panel.wasm).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
        let bytes = |section: Section| compiled.report.sections[section as usize];
        let code = bytes(Section::Code);
        let data = bytes(Section::Data) + bytes(Section::Globals);
        let image = compiled.words.len() as u32 * 4;
        let tables = image - code - data;
        let share = f64::from(code + data) * 100.0 / f64::from(oz);
        writeln!(table, "{:<10}{oz:>8}{image:>8}{code:>8}{data:>8}{tables:>8}{share:>9.0}%", panel.name)
            .unwrap();
        if code + data > oz || image > oz + tables {
            wrong.push(panel.name);
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "code and data of {wrong:?} exceed the module\n{table}");
}

/// The budget of the design: a realistic panel of 64 exports in 12,288 bytes.
#[test]
fn a_panel_of_64_exports_fits_its_budget() {
    let panel = Panel::all().unwrap().into_iter().find(|p| p.name == "hall64").expect("the panel is there");
    let manifest = Manifest::read(&panel.manifest_path()).unwrap();
    let compiled = compile(&manifest, &panel.wasm).unwrap();
    assert_eq!(compiled.report.exports.len(), 64);
    assert!(compiled.words.len() * 4 <= 12_288, "{} bytes", compiled.words.len() * 4);
}
