//! The committed modules are what `tests/panels/build.sh` promises: WebAssembly 1.0 with the guest
//! ABI's imports, integers, direct calls and one page of memory; and the panels together use all of
//! the ABI.

use std::collections::BTreeSet;

use wasmparser::{Operator, Parser, Payload, TypeRef, Validator, WasmFeatures};
use xmap_tests::Panel;

/// Every import of the guest ABI.
const ABI: [&str; 16] = [
    "gpio.direction",
    "gpio.get",
    "gpio.pull",
    "gpio.read",
    "gpio.set",
    "gpio.toggle",
    "gpio.write",
    "log.message",
    "time.delay_us",
    "time.local_minute",
    "time.now_us",
    "time.unix_us",
    "trace.end_span",
    "trace.set_attr_i64",
    "trace.set_attr_str",
    "trace.start_span",
];

/// WebAssembly 1.0 without floats: no bulk memory, no sign extension, no reference types.
fn features() -> WasmFeatures {
    WasmFeatures::WASM1.difference(WasmFeatures::FLOATS)
}

#[test]
fn modules_need_no_more_than_integers_of_wasm_1() {
    for panel in Panel::all().unwrap() {
        Validator::new_with_features(features())
            .validate_all(&panel.wasm)
            .unwrap_or_else(|e| panic!("{}: {e}", panel.name));
    }
}

#[test]
fn modules_call_directly_and_stay_in_one_page() {
    for panel in Panel::all().unwrap() {
        for payload in Parser::new(0).parse_all(&panel.wasm) {
            match payload.unwrap() {
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        assert!(memory.unwrap().initial <= 1, "{}: more than a page", panel.name);
                    }
                }
                Payload::ElementSection(_) => panic!("{}: function pointers", panel.name),
                Payload::CodeSectionEntry(body) => {
                    for op in body.get_operators_reader().unwrap() {
                        let op = op.unwrap();
                        let refused = matches!(
                            op,
                            Operator::CallIndirect { .. }
                                | Operator::MemoryGrow { .. }
                                | Operator::MemoryCopy { .. }
                                | Operator::MemoryFill { .. }
                        );
                        assert!(!refused, "{}: {op:?}", panel.name);
                    }
                }
                _ => {}
            }
        }
    }
}

#[test]
fn modules_import_the_guest_abi_and_all_of_it() {
    let mut used = BTreeSet::new();
    for panel in Panel::all().unwrap() {
        for payload in Parser::new(0).parse_all(&panel.wasm) {
            let Payload::ImportSection(imports) = payload.unwrap() else { continue };
            for import in imports.into_imports() {
                let import = import.unwrap();
                assert!(matches!(import.ty, TypeRef::Func(_)), "{}: {import:?}", panel.name);
                used.insert(format!("{}.{}", import.module, import.name));
            }
        }
    }
    assert_eq!(used.iter().map(String::as_str).collect::<Vec<_>>(), ABI);
}

/// Debug information is what the `.map` file is made of: some panels keep theirs.
#[test]
fn two_modules_keep_their_line_tables() {
    let with_lines = |panel: &Panel| {
        Parser::new(0)
            .parse_all(&panel.wasm)
            .any(|payload| matches!(payload, Ok(Payload::CustomSection(s)) if s.name() == ".debug_line"))
    };
    let panels = Panel::all().unwrap();
    let names: Vec<_> = panels.iter().filter(|p| with_lines(p)).map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["demo", "lamp"]);
}

/// The panel that the budget of an image is measured with.
#[test]
fn hall64_has_64_exports() {
    let panels = Panel::all().unwrap();
    let hall = panels.iter().find(|p| p.name == "hall64").unwrap();
    assert_eq!(hall.manifest.exports.as_ref().unwrap().len(), 64);
}
