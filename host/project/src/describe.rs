//! The manifest of a module that is there already: its exports, and the lines that its constants name.

use std::collections::BTreeMap;
use std::path::Path;

use xmap_boards::Board;
use xmap_compiler::compile::compile;
use xmap_compiler::diagnostic::Diagnostics;
use xmap_compiler::manifest::Manifest;
use xmap_image::{ExportId, HOOKS, Image, Op, OwnedImage, Ty, Word, decode};

/// How a line is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    driven: bool,
    turned: bool,
}

/// Writes the text of a manifest for a module. `wasm` is how the manifest names its file.
///
/// # Errors
/// What is wrong with the module.
pub fn describe(
    name: &str,
    wasm: &Path,
    module: &[u8],
    board: &'static Board,
) -> Result<String, Diagnostics> {
    let bare = Manifest::bare(board, wasm);
    let compiled = compile(&bare, module)?;
    let image = OwnedImage::new(compiled.words).expect("the compiler has verified what it built");
    let view = image.image();
    let mut text = format!(
        "[module]\nname = \"{name}\"\nnamespace = \"{}\"\nboard = \"{}\"\nwasm = \"{}\"\n",
        xmap_compiler::names::word(name).unwrap_or_else(|| "panel".into()),
        board.name,
        wasm.display()
    );
    let (lines, unknown) = lines(&view);
    text += "\n# The lines that the module's constants name. Give them names, safe states and pulls.\n";
    if unknown {
        text += "# It also uses lines that only a call knows: declare those, too.\n";
    }
    text += "[pins]\n";
    for (line, used) in &lines {
        let mode = match used {
            Use { turned: true, .. } => "mode = \"inout\"",
            Use { driven: true, .. } => "mode = \"out\", safe = \"low\"",
            _ => "mode = \"in\"",
        };
        text += &format!("line{line} = {{ line = {line}, {mode} }}\n");
    }
    text += "\n# Without this table every exported function is mapped; a type narrows what a call may give.\n[exports]\n";
    let mut handlers = Vec::new();
    for n in 0..view.exports().len() as u16 {
        let id = ExportId(n);
        let (Some(name), Some(signature)) = (view.name(id), view.signature(id)) else { continue };
        if HOOKS.contains(&name) {
            continue;
        }
        let (params, results): (Vec<Ty>, Vec<Ty>) =
            (signature.params().collect(), signature.results().collect());
        if params.is_empty() && results.is_empty() && name.starts_with("on_") {
            handlers.push(key(name));
        }
        let params: Vec<String> =
            params.iter().enumerate().map(|(n, ty)| format!("\"arg{n}: {}\"", ty.name())).collect();
        let results: Vec<String> = results.iter().map(|ty| format!("\"{}\"", ty.name())).collect();
        let lists = [("params", params), ("results", results)];
        let lists = lists.iter().filter(|(_, list)| !list.is_empty());
        let lists: Vec<String> = lists.map(|(key, list)| format!("{key} = [{}]", list.join(", "))).collect();
        let entry = if lists.is_empty() { "{}".into() } else { format!("{{ {} }}", lists.join(", ")) };
        text += &format!("{} = {entry}\n", key(name));
    }
    if !handlers.is_empty() {
        text += "\n# These look like handlers. A handler says what calls it:\n";
        for name in handlers {
            text += &format!("# {name} = {{ on = {{ every = \"100ms\" }} }}\n");
        }
    }
    Ok(text)
}

/// A name as a key of TOML.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { name.into() } else { format!("{name:?}") }
}

/// The lines that constants name, and whether others are used as well.
fn lines(image: &Image<'_>) -> (BTreeMap<u8, Use>, bool) {
    let (mut lines, mut unknown) = (BTreeMap::new(), false);
    let code = image.code();
    for (_, op, words) in decode(code) {
        note(op, words, &mut lines, &mut unknown);
    }
    for row in image.exports().iter().filter(|row| row.is_direct()) {
        for (_, op, words) in decode(&[row.first, row.second]).take(1) {
            note(op, words, &mut lines, &mut unknown);
        }
    }
    (lines, unknown)
}

fn note(op: Op, words: &[Word], lines: &mut BTreeMap<u8, Use>, unknown: &mut bool) {
    let [_, a, b, _] = words[0].to_le_bytes();
    let mut drive = |line: u8| lines.entry(line).or_default().driven = true;
    match op {
        Op::LineSet | Op::LineClear | Op::LinePut | Op::LineToggle => drive(a),
        Op::MaskSet | Op::MaskClear => {
            let mask = words.get(1).copied().unwrap_or(0);
            (0..32).filter(|n| mask >> n & 1 != 0).for_each(|n| drive(a * 32 + n));
        }
        Op::LineGet => _ = lines.entry(b).or_default(),
        Op::GpioSet | Op::GpioClear | Op::GpioPut | Op::GpioToggle | Op::GpioGet | Op::GpioWrite => {
            *unknown = true
        }
        Op::BankRead | Op::GpioRead | Op::GpioDirection | Op::GpioPull => *unknown = true,
        _ => {}
    }
}
