//! The tables of an image: how large they are, and what stands in them at load.

use xmap_image::{Elements, NO_FUNCTION, Table, limits};

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::link::Linked;
use crate::wasm::{ConstExpr, WasmModule};

/// The tables.
///
/// # Errors
/// X0612 where a table is larger than an image's may be.
pub(crate) fn tables(file: &str, module: &WasmModule<'_>, linked: &Linked) -> Result<Vec<Table>, Diagnostic> {
    if !linked.tables {
        return Ok(Vec::new());
    }
    let refuse = |message: String| {
        Err(Diagnostic::new(Code::TableTooLarge, Place::File(file.to_string()), format!("{file}: {message}")))
    };
    if module.tables.len() > limits::MAX_TABLES {
        return refuse(format!("{} tables, at most {}", module.tables.len(), limits::MAX_TABLES));
    }
    let mut tables = Vec::new();
    for (n, (initial, most)) in module.tables.iter().enumerate() {
        let largest = u64::from(limits::MAX_TABLE_CAPACITY);
        if *initial > largest {
            return refuse(format!("table {n} has {initial} references, at most {largest}"));
        }
        let capacity = if linked.grown.contains(&(n as u32)) {
            let default = u64::from(limits::DEFAULT_TABLE_CAPACITY).max(*initial);
            most.unwrap_or(default).min(default)
        } else {
            *initial
        };
        tables.push(Table { initial: *initial as u32, capacity: capacity as u32 });
    }
    Ok(tables)
}

/// The element segments: the active ones in their order, then those that the code names, in the
/// order of [`Linked::elements`]. An active one that the code names was dropped at load.
///
/// # Errors
/// X0508 where an active segment is outside its table.
pub(crate) fn elements(
    file: &str,
    module: &WasmModule<'_>,
    linked: &Linked,
) -> Result<Vec<Elements>, Diagnostic> {
    let items = |items: &[ConstExpr]| {
        let item = |item: &ConstExpr| match item {
            // A function that is not linked stands in a segment that is only ever dropped.
            ConstExpr::Function(function) => linked.numbers.get(function).map_or(NO_FUNCTION, |n| *n as u16),
            _ => NO_FUNCTION,
        };
        items.iter().map(item).collect()
    };
    let mut all = Vec::new();
    for segment in &module.elements {
        let Some((table, offset)) = &segment.place else { continue };
        let place = Place::wasm(file, u64::from(segment.offset));
        let offset = match offset {
            ConstExpr::Bits(bits) => *bits as u32,
            _ => return Err(Diagnostic::new(Code::Unsupported, place, "this offset is not supported")),
        };
        let end = u64::from(offset) + segment.items.len() as u64;
        let size = module.tables[*table as usize].0;
        if end > size {
            let message = format!(
                "an element segment takes {offset} to {end} of table {table}, which has {size} references"
            );
            return Err(Diagnostic::new(Code::ElementsOutside, place, message));
        }
        if linked.tables {
            all.push(Elements { place: Some((*table, offset)), items: items(&segment.items) });
        }
    }
    for index in &linked.elements {
        let segment = &module.elements[*index as usize];
        let left = if segment.passive { items(&segment.items) } else { Vec::new() };
        all.push(Elements { place: None, items: left });
    }
    Ok(all)
}

/// The data segments that the code names, in the order of [`Linked::data`].
pub(crate) fn passive_data(module: &WasmModule<'_>, linked: &Linked) -> Vec<Vec<u8>> {
    let bytes = |index: &u32| {
        let segment = &module.data[*index as usize];
        if segment.address.is_none() { segment.bytes.to_vec() } else { Vec::new() }
    };
    linked.data.iter().map(bytes).collect()
}
