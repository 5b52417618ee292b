//! What a panel in each language takes to be mounted and called, counted on the emulated board: the last
//! columns of the table in docs/guest.md.

use std::fs;

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_image::Image;
use xmap_tests::Panel;
use xmap_tools::measure::Bench;

/// Within a twentieth. `xmap-tests`' `hosted` holds the columns in front of these.
#[test]
fn the_table_of_languages_says_what_a_mount_takes() {
    let guest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guest.md")).unwrap();
    let bench = Bench::build().unwrap();
    let lamp = Panel::all().unwrap().into_iter().find(|panel| panel.name == "lamp");
    let mut wrong = String::new();
    for panel in lamp.into_iter().chain(Panel::hosted().unwrap()) {
        let name = panel.dir.file_name().unwrap().to_string_lossy().into_owned();
        let manifest = Manifest::read(&panel.manifest_path()).unwrap();
        let compiled = compile(&manifest, &panel.wasm).unwrap_or_else(|e| panic!("{name}: {e}"));
        let image = Image::verify(&compiled.words).unwrap();
        let named = (0..image.exports().len() as u16)
            .map(xmap_image::ExportId)
            .find(|id| image.key(*id).is_some_and(|key| key.ends_with("lamp_set")));
        let export = named.unwrap_or_else(|| panic!("{name} exports lamp_set"));
        let counted = bench.mount(&compiled.words, export.0).unwrap_or_else(|e| panic!("{name}: {e:#}"));
        let [(_, mount), (_, call)] = &counted[..] else { panic!("{name}: {counted:?}") };
        println!("{name}: mount {mount}, call {call}");
        let row = guest.lines().find(|line| line.starts_with(&format!("| `{name}` | "))).unwrap_or_default();
        let printed: Vec<u64> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
        let near = |(is, says): (&u64, &u64)| is.abs_diff(*says) * 20 <= *is;
        if printed.len() != 6 || ![*mount, *call].iter().zip(&printed[4..]).all(near) {
            wrong += &format!("{name}: | {mount} | {call} |\n");
        }
    }
    assert!(wrong.is_empty(), "docs/guest.md has other instructions than\n{wrong}");
}
