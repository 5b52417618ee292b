//! `[keep]`: the state that a module takes with it into its next version, and over a restart of the device.

use toml::{Spanned, de::DeValue};
use xmap_image::{MAX_KEEP, Persist, limits::KEEP_EVERY_S};

use super::{
    At,
    measure::KEEP_EVERY,
    reader::{Reader, Table},
};
use crate::diagnostic::Code;

/// `[keep]`, as it is written; what the names mean, the module says.
#[derive(Clone, Debug, Default)]
pub struct Keep {
    /// Names of globals.
    pub globals: Vec<At<String>>,
    /// Stretches of linear memory.
    pub memory: Vec<KeptMemory>,
    /// Whether it outlives a restart, and how often it is written.
    pub persist: Persist,
}

/// One entry of `[keep] memory`.
#[derive(Clone, Debug)]
pub struct KeptMemory {
    /// Where it begins; its place is the whole entry.
    pub from: At<KeptFrom>,
    /// How many bytes.
    pub bytes: At<u32>,
}

/// The beginning of a stretch of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptFrom {
    /// `symbol`: the address that an exported global holds.
    Symbol(String),
    /// `from`: this address.
    Address(u32),
}

/// The entries that could be read.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>) -> Keep {
    let Some(table) = reader.sub_table(root, "keep", "[keep]".into()) else { return Keep::default() };
    reader.only(&table, &["globals", "memory", "restart", "every_s", "every"]);
    let names = reader.list(&table, "globals", "an array of strings");
    let stretches = reader.list(&table, "memory", "an array of tables");
    let [names, stretches] = [names, stretches].map(|list| list.map_or(&[][..], |list| list.value));
    let persist = persist(reader, &table);
    if let Some(extra) = names.iter().chain(stretches).nth(MAX_KEEP) {
        let message = format!("{} parts of state, at most {MAX_KEEP}", names.len() + stretches.len());
        reader.error(Code::TooManyKept, &extra.span(), message).help =
            Some("put values that belong together next to each other and keep one stretch".to_string());
    }
    let name = |(n, item)| reader.text(&format!("globals {n}"), item);
    let globals = names.iter().enumerate().filter_map(name).collect();
    let memory = stretches.iter().enumerate().filter_map(|(n, item)| stretch(reader, n, item)).collect();
    Keep { globals, memory, persist }
}

/// Reads what `restart` and `every` say together. A key that is wrong has its default.
fn persist(reader: &mut Reader<'_>, table: &Table<'_>) -> Persist {
    let restart = reader.boolean(table, "restart").unwrap_or(true);
    let every = reader.measure32(table, &KEEP_EVERY, KEEP_EVERY_S);
    let given = ["restart", "every_s", "every"].map(|key| table.entries.get_key_value(key));
    let Some((key, _)) = given.into_iter().flatten().next() else { return Persist::AsConfigured };
    // What could not be read as a list, or stands under another name, has its own error.
    let keeps = ["globals", "memory"].into_iter().any(|key| {
        let list = table.entries.get(key).map(|value| value.get_ref());
        list.is_some_and(|list| !matches!(list, DeValue::Array(list) if list.is_empty()))
            || reader.is_meant(table, key)
    });
    if !keeps {
        let message = format!("`{}`: nothing is kept that could outlive a restart", key.get_ref());
        reader.error(Code::KeepConflict, &key.span(), message).help =
            Some(format!("name it in `globals` or `memory`, or leave `{}` out", key.get_ref()));
    }
    let [restart_key, every_keys @ ..] = given;
    if let (false, Some((restart, _)), Some((every, _))) =
        (restart, restart_key, every_keys.into_iter().flatten().next())
    {
        let note = (reader.place(&restart.span()), "nothing is written for a restart".to_string());
        let message = format!("`{}` contradicts `restart = false`", every.get_ref());
        let error = reader.error(Code::KeepConflict, &every.span(), message);
        error.notes.push(note);
        error.help = Some("leave one of them out".to_string());
    }
    match every {
        _ if !restart => Persist::Never,
        Some(every_s) => Persist::EveryS(every_s.value),
        None => Persist::AsConfigured,
    }
}

fn stretch(reader: &mut Reader<'_>, n: usize, item: &Spanned<DeValue<'_>>) -> Option<KeptMemory> {
    let table = reader.table(format!("memory {n}"), item)?;
    reader.only(&table, &["symbol", "from", "bytes"]);
    reader.required(&table, &["bytes"]);
    let bytes = reader.integer32(&table, "bytes", 1..=u32::MAX);
    let from = match (table.has("symbol"), table.has("from")) {
        (true, false) => KeptFrom::Symbol(reader.string(&table, "symbol")?.value),
        (false, true) => KeptFrom::Address(reader.integer32(&table, "from", 0..=u32::MAX)?.value),
        (both, _) => {
            let which = if both { "has both `symbol` and `from`" } else { "needs one of `symbol`, `from`" };
            reader.error(Code::BadKeep, &table.span, format!("memory {n}: {which}")).help = Some(
                "`symbol` is an exported variable, wherever it stands; `from` an address that stays"
                    .to_string(),
            );
            return None;
        }
    };
    Some(KeptMemory { from: At::new(from, table.span), bytes: bytes? })
}
