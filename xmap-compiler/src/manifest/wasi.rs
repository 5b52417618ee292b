//! `[wasi]`: the arguments and the environment of a module that asks for them (docs/wasi.md).

use super::reader::{Reader, Table};
use crate::diagnostic::Code;

/// Bytes of all arguments and variables together: they stand in the image.
const MAX_BYTES: usize = 16_384;

/// `[wasi]`.
#[derive(Clone, Debug, Default)]
pub struct Wasi {
    /// The arguments behind the program's name, which is the module's.
    pub args: Vec<String>,
    /// The environment, `NAME=value` each, sorted by name.
    pub env: Vec<String>,
}

/// The arguments and variables that could be read.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>) -> Wasi {
    let Some(table) = reader.sub_table(root, "wasi", "[wasi]".into()) else { return Wasi::default() };
    reader.only(&table, &["args", "env"]);
    let mut wasi = Wasi::default();
    let list = reader.list(&table, "args", "an array of strings");
    for (n, item) in list.map_or(&[][..], |list| list.value).iter().enumerate() {
        let Some(arg) = reader.text(&format!("args {n}"), item) else { continue };
        if arg.value.contains('\0') {
            reader.error(Code::BadName, &arg.span, format!("args {n}: a zero ends an argument"));
        }
        wasi.args.push(arg.value);
    }
    if let Some(env) = reader.sub_table(&table, "env", "env".into()) {
        for (key, _) in env.in_order() {
            let Some(value) = reader.string(&env, key.value) else { continue };
            if key.value.is_empty() || key.value.contains(['=', '\0']) || value.value.contains('\0') {
                let message =
                    format!("env: `{}` is no name of a variable, or its value has a zero", key.value);
                reader.error(Code::BadName, &key.span, message);
            }
            wasi.env.push(format!("{}={}", key.value, value.value));
        }
        wasi.env.sort();
    }
    let bytes: usize = wasi.args.iter().chain(&wasi.env).map(|text| text.len() + 1).sum();
    if bytes > MAX_BYTES {
        let message = format!("[wasi]: {bytes} bytes of arguments and variables, at most {MAX_BYTES}");
        reader.error(Code::OutOfRange, &table.span, message);
    }
    wasi
}
