//! `[build]`: how the module comes from its source.

use super::{
    At,
    reader::{Reader, Table},
};
use crate::diagnostic::Code;

/// `[build]`: a command, what it writes, and from what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Variables of the environment, the program and its arguments; no shell reads them.
    pub command: At<Vec<String>>,
    /// The file that the names of the manifest are written to for the source, relative to its folder.
    pub bindings: Option<At<String>>,
    /// Files and folders, relative to the manifest's folder: where one is newer than the module, the command
    /// runs again. Empty stands for every source file beside and below the manifest.
    pub sources: Vec<At<String>>,
}

impl Recipe {
    /// Returns the variables that stand in front of the program, and the program with its arguments.
    pub fn words(&self) -> (Vec<(&str, &str)>, &[String]) {
        let words = &self.command.value;
        let variables: Vec<_> = words.iter().map_while(|word| variable(word)).collect();
        let rest = words.get(variables.len()..).unwrap_or_default();
        (variables, rest)
    }
}

/// `GOOS=wasip1`: a variable of the environment and its value, as in front of a shell's command.
fn variable(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let mut bytes = name.bytes();
    let is_name = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then_some((name, value))
}

/// Endings of the files that `bindings` may name: one for each language.
pub const BINDINGS: [&str; 5] = ["h", "rs", "zig", "ts", "go"];

/// `[build]`, as far as it is right.
pub(super) struct Parts {
    command: Option<At<Vec<String>>>,
    pub(super) output: Option<At<String>>,
    bindings: Option<At<String>>,
    sources: Vec<At<String>>,
}

impl Parts {
    pub(super) fn recipe(self) -> Option<Recipe> {
        Some(Recipe { command: self.command?, bindings: self.bindings, sources: self.sources })
    }
}

pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>) -> Option<Parts> {
    let table = reader.sub_table(root, "build", "[build]".into())?;
    reader.only(&table, &["command", "output", "bindings", "sources"]);
    reader.required(&table, &["command"]);
    let command = command(reader, &table);
    let output = match reader.string(&table, "output") {
        Some(output) => path(reader, "output", output),
        None => None,
    };
    let bindings = bindings(reader, &table);
    let mut sources = Vec::new();
    if let Some(items) = reader.list(&table, "sources", "an array of strings") {
        for (n, item) in items.value.iter().enumerate() {
            let name = format!("sources {n}");
            let Some(text) = reader.text(&name, item) else { continue };
            sources.extend(path(reader, &name, text));
        }
    }
    Some(Parts { command, output, bindings, sources })
}

/// The file of the bindings, whose ending says the language.
fn bindings(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<At<String>> {
    let text = reader.string(table, "bindings")?;
    let text = path(reader, "bindings", text)?;
    let ending = std::path::Path::new(&text.value).extension().and_then(|ending| ending.to_str());
    if !ending.is_some_and(|ending| BINDINGS.contains(&ending)) {
        let message = format!("bindings: `{}` says no language", text.value);
        let endings = BINDINGS.map(|ending| format!(".{ending}")).join(", ");
        reader.error(Code::BadName, &text.span, message).help =
            Some(format!("the ending of the file says it: {endings}"));
        return None;
    }
    Some(text)
}

/// The words of the command: a list, or a text that is split at white space.
fn command(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<At<Vec<String>>> {
    let value = table.entries.get("command")?;
    let words: Vec<String> = match value.get_ref() {
        toml::de::DeValue::Array(items) => {
            let item = |(n, item)| reader.text(&format!("command {n}"), item).map(|text| text.value);
            items.iter().enumerate().map(item).collect::<Option<_>>()?
        }
        _ => {
            let text = reader.text("command", value)?;
            if let Some(c) = text.value.chars().find(|c| "\"'`$|&;<>*?(){}\\".contains(*c)) {
                let message = format!("command: no shell reads it, and `{c}` would mean something to one");
                reader.error(Code::BadCommand, &text.span, message).help = Some(
                    "write a list, `command = [\"sh\", \"-c\", \"...\"]`, or run a script of your own".into(),
                );
                return None;
            }
            text.value.split_whitespace().map(str::to_string).collect()
        }
    };
    let program = words.iter().find(|word| variable(word).is_none());
    let sound =
        program.is_some_and(|program| !program.is_empty()) && words.iter().all(|word| !word.contains('\0'));
    if !sound {
        reader.error(Code::BadCommand, &value.span(), "command: expected a program and its arguments");
        return None;
    }
    Some(At::new(words, value.span()))
}

fn path(reader: &mut Reader<'_>, key: &str, text: At<String>) -> Option<At<String>> {
    if text.value.is_empty() || text.value.contains('\0') {
        reader.error(Code::BadName, &text.span, format!("{key}: expected a path"));
        return None;
    }
    Some(text)
}
