//! `xmap size --against`: the figures of an image beside those of an earlier one.

use std::io::Write;
use std::path::Path;

use serde_json::Value as Json;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;

use super::Done;

/// Bytes of a file of figures that are read: some exports take some hundred bytes each.
const MAX_BYTES: u64 = 16 << 20;

/// A figure that has changed.
struct Change {
    what: String,
    before: String,
    now: String,
    /// It is more than it may be.
    grown: bool,
}

/// Prints what has changed since the figures in a file were written, and refuses what grew by more than so
/// many percent.
///
/// # Errors
/// X0623 with each figure that grew; X0101 to X0104 for the file; X0624 where it has no figures of the
/// panel.
pub(super) fn hold(path: &Path, percent: u32, now: &Json, out: &mut dyn Write) -> Done {
    let text = input::read_text(path, MAX_BYTES)?;
    let of_panel = |line: &str| {
        let before: Json = serde_json::from_str(line).ok()?;
        (before["name"] == now["name"] && before["bytes"].is_u64()).then_some(before)
    };
    let Some(before) = text.lines().find_map(of_panel) else {
        let name = now["name"].as_str().unwrap_or_default();
        let message = format!("{}: no figures of the panel `{name}`", path.display());
        let help = "`xmap size --json` or `xmap build --json` writes them".to_string();
        return Err(Diagnostic::new(Code::NoFigures, Place::file(path), message).help(help).into());
    };
    let changes = changes(&before, now, percent);
    if changes.is_empty() {
        return Ok(writeln!(out, "as in {}: {} bytes, and every bound", path.display(), now["bytes"])?);
    }
    for Change { what, before, now, grown } in &changes {
        let mark = if *grown { "more than allowed" } else { "" };
        writeln!(out, "{}", format!("{what}: {before} before, {now} now  {mark}").trim_end())?;
    }
    let grown: Vec<&str> =
        changes.iter().filter(|change| change.grown).map(|change| change.what.as_str()).collect();
    if grown.is_empty() {
        return Ok(());
    }
    let message =
        format!("{}: more than {percent} % above the figures: {}", path.display(), grown.join(", "));
    let help = "make it smaller, or, where it is meant, write the figures anew with `xmap size --json`";
    Err(Diagnostic::new(Code::Grown, Place::file(path), message).help(help.to_string()).into())
}

fn changes(before: &Json, now: &Json, percent: u32) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut figure = |what: String, before: &Json, now: &Json| {
        if before == now {
            return;
        }
        let shown = |value: &Json| value.as_u64().map_or("none".to_string(), |n| n.to_string());
        let grown = match (before.as_u64(), now.as_u64()) {
            (Some(before), Some(now)) => {
                u128::from(now) * 100 > u128::from(before) * u128::from(100 + percent)
            }
            // A bound that is no more.
            (Some(_), None) => true,
            (None, _) => false,
        };
        changes.push(Change { what, before: shown(before), now: shown(now), grown });
    };
    figure("bytes".into(), &before["bytes"], &now["bytes"]);
    let exports = |of: &Json| of["exports"].as_array().cloned().unwrap_or_default();
    let old = exports(before);
    for export in exports(now) {
        let key = export["key"].as_str().unwrap_or_default();
        // What is new has no figures to be held against.
        let Some(old) = old.iter().find(|old| old["key"] == export["key"]) else { continue };
        for what in ["ops", "insns", "bus_us"] {
            figure(format!("{what} of {key}"), &old[what], &export[what]);
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_grew_by_more_than_allowed_is_named_and_so_is_a_lost_bound() {
        let export = |key: &str, ops: Json| json!({ "key": key, "ops": ops, "insns": null });
        let image =
            |bytes: u32, exports: Vec<Json>| json!({ "name": "hall", "bytes": bytes, "exports": exports });
        let before =
            image(1000, vec![export("a", json!(100)), export("b", json!(7)), export("gone", json!(1))]);
        let now =
            image(1040, vec![export("a", json!(106)), export("b", json!(null)), export("new", json!(9))]);
        let of = |percent| {
            let all = changes(&before, &now, percent);
            all.into_iter().map(|change| (change.what, change.grown)).collect::<Vec<_>>()
        };
        let expected = |bytes, a| {
            [("bytes", bytes), ("ops of a", a), ("ops of b", true)]
                .map(|(what, grown)| (what.to_string(), grown))
        };
        assert_eq!(of(0), expected(true, true));
        assert_eq!(of(4), expected(false, true));
        assert_eq!(of(6), expected(false, false));
        assert!(changes(&now, &now, 0).is_empty());
    }
}
