//! `[hooks]`: functions of the module that run before and after an export.

use super::{
    At,
    reader::{Reader, Table},
};

/// One entry of `[hooks]`.
#[derive(Clone, Debug)]
pub struct ExportHooks {
    /// The export, by its function's name in the module.
    pub export: At<String>,
    /// The function that gets the arguments before the export runs, and may refuse the call.
    pub before: Option<At<String>>,
    /// The function that gets results and arguments after the export has returned.
    pub after: Option<At<String>>,
}

/// The entries that could be read, in the order of the text.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>) -> Vec<ExportHooks> {
    let Some(table) = reader.sub_table(root, "hooks", "[hooks]".into()) else { return Vec::new() };
    let mut hooks = Vec::new();
    for (name, value) in table.in_order() {
        let Some(entry) = reader.table(format!("the hooks of `{}`", name.value), value) else { continue };
        reader.only(&entry, &["before", "after"]);
        let [before, after] = ["before", "after"].map(|key| reader.string(&entry, key));
        hooks.push(ExportHooks { export: name.map(String::from), before, after });
    }
    hooks
}
