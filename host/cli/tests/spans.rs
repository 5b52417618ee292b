//! Spans of a panel in each language: the same events. Texts that are constants are numbers, but in Go.

mod languages;

use std::fs;

use xmap_client::Noted;
use xmap_compiler::map::SourceMap;
use xmap_image::OwnedImage;
use xmap_link::ring::{RingEvent, RingText, RingValue};
use xmap_project::Language;
use xmap_sim::{Sim, Value};

use languages::{good, in_each_language};

/// The file of the source, and its text: `fill` is a span with a value of each kind.
fn source(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::C => (
            "panel.c",
            "#include \"xmap.h\"
XMAP_EXPORT(fill) void fill(int32_t litres) {
    int32_t span = XMAP_SPAN(\"fill\");
    XMAP_ATTR_I64(span, \"litres\", litres);
    XMAP_ATTR_F64(span, \"share\", litres / 8.0);
    XMAP_ATTR_STR(span, \"valve\", \"north\");
    xmap_trace_end_span(span);
}
",
        ),
        Language::Rust => (
            "src/lib.rs",
            "#![no_std]
xmap_guest::panic_is_trap!();
#[unsafe(no_mangle)]
extern \"C\" fn fill(litres: i32) {
    let span = xmap_guest::trace::span(\"fill\");
    span.set_i64(\"litres\", litres.into());
    span.set_f64(\"share\", f64::from(litres) / 8.0);
    span.set_str(\"valve\", \"north\");
}
",
        ),
        Language::Zig => (
            "panel.zig",
            "const std = @import(\"std\");
const xmap = @import(\"xmap\");
pub const panic = std.debug.no_panic;
export fn fill(litres: i32) void {
    const span = xmap.traceStartSpan(\"fill\");
    xmap.traceSetAttrI64(span, \"litres\", litres);
    xmap.traceSetAttrF64(span, \"share\", @as(f64, @floatFromInt(litres)) / 8.0);
    xmap.traceSetAttrStr(span, \"valve\", \"north\");
    xmap.traceEndSpan(span);
}
",
        ),
        Language::AssemblyScript => (
            "panel.ts",
            "import { span, attrI64, attrF64, attrStr, trace } from \"./xmap\";
export function fill(litres: i32): void {
  const one = span(\"fill\");
  attrI64(one, \"litres\", litres);
  attrF64(one, \"share\", f64(litres) / 8.0);
  attrStr(one, \"valve\", \"north\");
  trace.endSpan(one);
}
",
        ),
        Language::Go => (
            "panel.go",
            "package main

import \"xmap\"

//go:wasmexport fill
func fill(litres int32) {
	span := xmap.StartSpan(\"fill\")
	xmap.SetAttrI64(span, \"litres\", int64(litres))
	xmap.SetAttrF64(span, \"share\", float64(litres)/8)
	xmap.SetAttrStr(span, \"valve\", \"north\")
	xmap.EndSpan(span)
}

func main() {}
",
        ),
        Language::Wat => (
            "panel.wat",
            "(module
  (import \"trace\" \"start_span\" (func $start (param i32 i32) (result i32)))
  (import \"trace\" \"end_span\" (func $end (param i32)))
  (import \"trace\" \"set_attr_i64\" (func $i64 (param i32 i32 i32 i64)))
  (import \"trace\" \"set_attr_f64\" (func $f64 (param i32 i32 i32 f64)))
  (import \"trace\" \"set_attr_str\" (func $str (param i32 i32 i32 i32 i32)))
  (memory 1 1)
  (data (i32.const 16) \"filllitressharevalvenorth\")
  (func (export \"fill\") (param $litres i32) (local $span i32)
    (local.set $span (call $start (i32.const 16) (i32.const 4)))
    (call $i64 (local.get $span) (i32.const 20) (i32.const 6) (i64.extend_i32_s (local.get $litres)))
    (call $f64 (local.get $span) (i32.const 26) (i32.const 5)
      (f64.div (f64.convert_i32_s (local.get $litres)) (f64.const 8)))
    (call $str (local.get $span) (i32.const 31) (i32.const 5) (i32.const 36) (i32.const 5))
    (call $end (local.get $span))))
",
        ),
    }
}

/// Returns what a call of `fill` noted; a text that travelled as bytes stands in quotes.
fn noted(image: &OwnedImage, map: &SourceMap) -> Vec<String> {
    let mut sim = Sim::from_image(image.clone()).unwrap();
    let mut since = Noted::new();
    sim.call("fill", &[Value::I32(3)]).unwrap();
    while since.take(sim.device().ring(since.next()).unwrap()) {}
    let text = |text: RingText<'_>| match text {
        RingText::Number(number) => map.texts[usize::from(number)].clone(),
        RingText::Bytes(bytes, _) => format!("{:?}", String::from_utf8_lossy(bytes)),
    };
    let shown = |event: RingEvent<'_>| match event {
        RingEvent::Span(name) => Some(format!("span {}", text(name))),
        RingEvent::SpanEnd => Some("end".into()),
        RingEvent::Attribute { key, value, .. } => {
            let value = match value {
                RingValue::I64(value) => value.to_string(),
                RingValue::F64(value) => value.to_string(),
                RingValue::Text(value) => text(value),
            };
            Some(format!("{} = {value}", text(key)))
        }
        _ => None,
    };
    since.split().events().filter_map(|(_, _, event)| shown(event)).collect()
}

#[test]
fn spans_of_each_language_are_the_same_events() {
    let built = in_each_language(source, "fill = { params = [\"litres: i32\"] }", |language, folder| {
        let word = language.word();
        good(folder, "xmap build hall/panel.toml -o hall.xmap");
        let image = OwnedImage::from_bytes(&fs::read(folder.join("hall.xmap")).unwrap()).unwrap();
        let map = fs::read_to_string(folder.join("hall.xmap.map")).unwrap();
        let map = SourceMap::read(&map, &image.image()).unwrap();
        let expected = match language {
            // Its functions hand arguments over in memory, where none is a constant.
            Language::Go => {
                ["span \"fill\"", "\"litres\" = 3", "\"share\" = 0.375", "\"valve\" = \"north\"", "end"]
            }
            _ => ["span fill", "litres = 3", "share = 0.375", "valve = north", "end"],
        };
        assert_eq!(noted(&image, &map), expected, "{word}");
        println!("{word}: {} bytes", image.image().bytes().len());
    });
    assert!(built.contains(&Language::Wat), "{built:?}");
}
