//! The whole text, `[module]` and `[limits]`.

use xmap_boards::{BOARDS, Board, RPI4B, by_name};
use xmap_image::limits::{DEFAULT_FUEL, DEFAULT_IMAGE_BYTES, DEFAULT_TIME_US};

use super::{
    At, Keys, Limits, Manifest, Module, build, clock, devices, exports, hooks, i2c, keep,
    measure::{MAX_BYTES, MEMORY_BYTES, WAITS},
    pins, policy, pwm,
    reader::{Reader, Table},
    spi, uart, wasi,
};
use crate::{diagnostic::Code, names};

pub(super) fn tables(reader: &mut Reader<'_>, root: &Table<'_>) -> Option<Manifest> {
    reader.only(
        root,
        &[
            "module", "build", "pins", "i2c", "spi", "pwm", "uart", "exports", "limits", "policy", "keep",
            "clock", "wasi", "hooks", "trace",
        ],
    );
    if !root.has("module") && !reader.is_meant(root, "module") {
        let help =
            "the smallest manifest is\n[module]\nname = \"hall\"\nboard = \"rpi4b\"\nwasm = \"hall.wasm\"";
        reader.error(Code::MissingKey, &root.span, "the manifest needs a table [module]").help =
            Some(help.into());
    }
    let build = build::parse(reader, root);
    let output = build.as_ref().and_then(|build| build.output.clone());
    let module =
        reader.sub_table(root, "module", "[module]".into()).map(|table| module(reader, &table, output));
    // Where the module's table is wrong, the rest is still held against a board and a namespace.
    let board = module.as_ref().and_then(|m| m.board.clone());
    let board_of_pins = board.as_ref().map_or(&RPI4B, |b| b.value);
    let namespace = module.as_ref().and_then(|m| m.namespace.clone());
    let errors = reader.errors.len();
    let pins = reader
        .sub_table(root, "pins", "[pins]".into())
        .map_or(Vec::new(), |table| pins::parse(reader, &table, board_of_pins));
    // A line whose entry is wrong is declared all the same.
    let all_pins = reader.errors.len() == errors;
    let i2c = i2c::parse(reader, root, board_of_pins);
    let spi = spi::parse(reader, root, board_of_pins);
    let pwm = pwm::parse(reader, root, board_of_pins);
    let uart = uart::parse(reader, root, board_of_pins);
    devices::check(reader, board_of_pins, &devices::all(board_of_pins, &i2c, &spi, &pwm, &uart), &pins);
    let exports = reader.sub_table(root, "exports", "[exports]".into()).map(|table| {
        let namespace = namespace.as_ref().map_or("default", |n| n.value.as_str());
        let lines = exports::Lines { pins: &pins, all: all_pins, board: board_of_pins };
        exports::parse(reader, &table, namespace, &lines)
    });
    let limits = limits(reader, root, board_of_pins);
    let policy = policy::parse(reader, root);
    let keep = keep::parse(reader, root);
    let zone = clock::parse(reader, root);
    if !root.has("clock") && !reader.is_meant(root, "clock") {
        exports::need_zone(reader, exports.as_deref().unwrap_or_default());
    }
    let trace = reader.boolean(root, "trace").unwrap_or(true);
    let wasi = wasi::parse(reader, root);
    let hooks = hooks::parse(reader, root);
    let module = module?;
    Some(Manifest {
        module: Module {
            name: module.name?,
            namespace: namespace?,
            version: module.version?,
            board: board?,
            wasm: module.wasm?,
            contract: module.contract,
        },
        pins,
        i2c,
        spi,
        pwm,
        uart,
        exports,
        limits,
        policy,
        keep,
        build: build.and_then(|build| build.recipe()),
        zone,
        trace,
        wasi,
        hooks,
        keys: Keys::Normal,
        source: Some(reader.source.clone()),
    })
}

/// `[module]`, as far as it is right.
struct Parts {
    name: Option<At<String>>,
    namespace: Option<At<String>>,
    version: Option<At<u32>>,
    board: Option<At<&'static Board>>,
    wasm: Option<At<String>>,
    contract: Option<At<String>>,
}

fn module(reader: &mut Reader<'_>, table: &Table<'_>, output: Option<At<String>>) -> Parts {
    reader.only(table, &["name", "namespace", "version", "board", "wasm", "contract"]);
    // What a build writes is the module.
    let needed: &[&str] = if output.is_some() { &["name", "board"] } else { &["name", "board", "wasm"] };
    reader.required(table, needed);
    let default = |key: &str| !table.has(key);
    Parts {
        name: reader.name(table, "name"),
        namespace: if default("namespace") {
            Some(At::new("default".into(), table.span.clone()))
        } else {
            namespace(reader, table)
        },
        version: if default("version") {
            Some(At::new(1, table.span.clone()))
        } else {
            version(reader, table)
        },
        board: board(reader, table),
        contract: file(reader, table, "contract", "a contract, as `xmap contract` writes it"),
        wasm: match (file(reader, table, "wasm", "a .wasm or .wat file"), output) {
            (Some(wasm), Some(output)) if wasm.value != output.value => {
                let message = format!("`{}` is not what [build] writes", wasm.value);
                let note = (reader.place(&output.span), format!("`{}` is written here", output.value));
                let error = reader.error(Code::BuildConflict, &wasm.span, message);
                error.notes.push(note);
                error.help = Some("leave `wasm` out".to_string());
                None
            }
            (wasm, output) => wasm.or(output),
        },
    }
}

fn version(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<At<u32>> {
    let errors = reader.errors.len();
    let version = reader.integer32(table, "version", 0..=u32::MAX);
    if let Some(error) = reader.errors.get_mut(errors).filter(|error| error.help.is_none()) {
        error.help = Some("a version is one whole number that grows: `version = 2`".to_string());
    }
    version
}

fn namespace(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<At<String>> {
    let text = reader.string(table, "namespace")?;
    if !names::is_namespace(&text.value) {
        let message = format!("`{}` is not a namespace", text.value);
        let parts: Vec<_> = text.value.split('.').filter_map(names::word).collect();
        let help = (!parts.is_empty()).then(|| format!("write `{}`", parts.join(".")));
        reader.error(Code::BadNamespace, &text.span, message).help = help;
        return None;
    }
    reader.short("namespace", &text).then_some(text)
}

fn board(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<At<&'static Board>> {
    let text = reader.string(table, "board")?;
    if let Some(board) = by_name(&text.value) {
        return Some(At::new(board, text.span));
    }
    let names: Vec<_> = BOARDS.iter().map(|b| b.name).collect();
    let message = format!("there is no board `{}`", text.value);
    reader.error(Code::UnknownBoard, &text.span, message).help =
        Some(format!("the boards are: {}", names.join(", ")));
    None
}

fn file(reader: &mut Reader<'_>, table: &Table<'_>, key: &str, what: &str) -> Option<At<String>> {
    let text = reader.string(table, key)?;
    // A path with a zero byte never reaches the operating system.
    if text.value.is_empty() || text.value.contains('\0') {
        reader.error(Code::BadName, &text.span, format!("{key}: expected the path of {what}"));
        return None;
    }
    Some(text)
}

fn limits(reader: &mut Reader<'_>, root: &Table<'_>, board: &Board) -> Limits {
    let table = reader.sub_table(root, "limits", "[limits]".into());
    let at = table.as_ref().map_or(0..0, |t| t.span.clone());
    let mut limits = Limits {
        max_bytes: At::new(DEFAULT_IMAGE_BYTES, at.clone()),
        memory_bytes: At::new(board.limits.memory_bytes as u64, at.clone()),
        fuel: At::new(DEFAULT_FUEL, at.clone()),
        time_us: At::new(DEFAULT_TIME_US, at),
    };
    if let Some(table) = table {
        reader.only(&table, &["max_bytes", "memory_bytes", "fuel", "time_us", "time"]);
        let errors = reader.errors.len();
        if let Some(n) = reader.measure32(&table, &MAX_BYTES, 1..=board.limits.image_bytes as u32) {
            limits.max_bytes = n;
        }
        if let Some(n) = reader.measure(&table, &MEMORY_BYTES, 0..=board.limits.memory_bytes as u64) {
            limits.memory_bytes = n;
        }
        for error in reader.errors.iter_mut().skip(errors).filter(|error| error.code == Code::OutOfRange) {
            error.help = Some(format!("no device of {} has more for a module", board.name));
        }
        if let Some(n) = reader.integer32(&table, "fuel", 1..=u32::MAX) {
            limits.fuel = n;
        }
        if let Some(n) = reader.measure32(&table, &WAITS, 0..=u32::MAX) {
            limits.time_us = n;
        }
    }
    limits
}
