//! policy.toml: whose images a device takes. docs/security.md is the reference for people.

use heapless::Vec as Fixed;
use toml::{Spanned, de::DeValue};
use xmap_boards::{BOARDS, LAST_LINE, LineSet};
use xmap_trust::{
    HashPin, KeyId, Limit, MinimumVersion, OpClass, PublicKey, TrustPolicy, TrustedKey, is_well_formed,
};

use xmap_compiler::diagnostic::{Code, Diagnostics, Source};
use xmap_compiler::manifest::At;
use xmap_compiler::manifest::reader::{Reader, Table, read_toml};
use xmap_compiler::names;

/// Reads a policy's text. `path` is what errors call it. Never panics, whatever the text is.
///
/// # Errors
///
/// Every error of the policy, in the order of the text: X04 for its form, X1104 for keys and hashes.
pub fn parse_policy(path: &str, text: &str) -> Result<TrustPolicy, Diagnostics> {
    read_toml(&Source::new(path, text), "the policy", |reader, root| Some(tables(reader, root)))
}

fn tables(reader: &mut Reader<'_>, root: &Table<'_>) -> TrustPolicy {
    reader.only(root, &["version", "key", "pin", "revoked", "minimum_version", "limits"]);
    reader.required(root, &["version"]);
    let version = reader.integer32(root, "version", 0..=u32::MAX).map_or(0, |at| at.value);
    let mut policy = TrustPolicy { version, ..TrustPolicy::default() };
    policy.keys = each(reader, root, "key", "tables [[key]]", |reader, item| {
        let table = reader.table("[[key]]".into(), item)?;
        key(reader, &table)
    });
    policy.pins = each(reader, root, "pin", "tables [[pin]]", |reader, item| {
        let table = reader.table("[[pin]]".into(), item)?;
        pin(reader, &table)
    });
    if let Some(table) = reader.sub_table(root, "revoked", "[revoked]".into()) {
        reader.only(&table, &["images", "keys"]);
        policy.revoked_images =
            each(reader, &table, "images", "a list of hashes", |r, item| hex(r, "images", item));
        policy.revoked_keys =
            each(reader, &table, "keys", "a list of key ids", |r, item| hex(r, "keys", item).map(KeyId));
    }
    if let Some(table) = reader.sub_table(root, "minimum_version", "[minimum_version]".into()) {
        for (name, _) in table.in_order() {
            let module =
                fit(reader, "[minimum_version]", &At::new(name.value.to_string(), name.span.clone()));
            let version = reader.integer32(&table, name.value, 0..=u32::MAX);
            if let (Some(module), Some(version)) = (module, version)
                && policy.minimum_versions.push(MinimumVersion { module, version: version.value }).is_err()
            {
                too_many(reader, "[minimum_version]", xmap_trust::MAX_RULES, &name.span);
            }
        }
    }
    if let Some(table) = reader.sub_table(root, "limits", "[limits]".into()) {
        reader.only(&table, &Limit::ALL.map(Limit::name));
        for limit in Limit::ALL {
            if let Some(value) = reader.integer32(&table, limit.name(), 0..=u32::MAX) {
                policy.limits = policy.limits.with(limit, value.value);
            }
        }
    }
    policy
}

/// Returns what a key may do. Everything has to be said: what is not named is not allowed.
fn key(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<TrustedKey> {
    const KEYS: &[&str] = &["key", "origins", "modules", "boards", "lines", "ops"];
    reader.only(table, KEYS);
    reader.required(table, KEYS);
    let bytes = table.entries.get("key").and_then(|value| hex::<32>(reader, "key", value));
    let public = bytes.map(PublicKey).filter(|public| {
        if !public.is_sound() {
            let span = table.entries.get("key").map_or(table.span.clone(), Spanned::span);
            reader.error(Code::NotAKey, &span, "key: no sound public key");
        }
        public.is_sound()
    });
    let origins = each(reader, table, "origins", "a list of origins", |r, item| fitting(r, "origins", item));
    let modules = each(reader, table, "modules", "a list of modules", |r, item| fitting(r, "modules", item));
    let boards: Fixed<u16, 4> = each(reader, table, "boards", "a list of boards", |reader, item| {
        let text = reader.text("boards", item)?;
        let all = BOARDS.iter().map(|board| (board.name, board.id as u16));
        one_of(reader, "boards", &text, all)
    });
    let mut lines = LineSet::EMPTY;
    if let Some(items) = reader.list(table, "lines", "a list of lines") {
        for item in items.value {
            lines |= range(reader, item).unwrap_or_default();
        }
    }
    let mut ops = 0;
    if let Some(items) = reader.list(table, "ops", "a list of operations") {
        for item in items.value {
            let Some(text) = reader.text("ops", item) else { continue };
            let all = OpClass::ALL.iter().map(|class| (class.name(), class.bit()));
            ops |= one_of(reader, "ops", &text, all).unwrap_or(0);
        }
    }
    Some(TrustedKey { key: public?, origins, modules, boards, lines, ops })
}

fn pin(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<HashPin> {
    const KEYS: &[&str] = &["module", "hash", "origin"];
    reader.only(table, KEYS);
    reader.required(table, KEYS);
    let module = table.entries.get("module").and_then(|value| fitting(reader, "module", value));
    let hash = table.entries.get("hash").and_then(|value| hex(reader, "hash", value));
    let origin = table.entries.get("origin").and_then(|value| fitting(reader, "origin", value));
    Some(HashPin { module: module?, hash: hash?, origin: origin? })
}

/// The items of a list, where it is there and as far as they are right.
fn each<T, const N: usize>(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    key: &str,
    expected: &str,
    mut one: impl FnMut(&mut Reader<'_>, &Spanned<DeValue<'_>>) -> Option<T>,
) -> Fixed<T, N> {
    let mut found = Fixed::new();
    let Some(items) = reader.list(table, key, expected) else { return found };
    for item in items.value {
        if let Some(value) = one(reader, item)
            && found.push(value).is_err()
        {
            too_many(reader, key, N, &item.span());
            break;
        }
    }
    found
}

fn too_many(reader: &mut Reader<'_>, key: &str, most: usize, span: &std::ops::Range<usize>) {
    reader.error(Code::OutOfRange, span, format!("{key}: at most {most}"));
}

/// A line, or a range of them: `17`, `"2-27"`.
fn range(reader: &mut Reader<'_>, item: &Spanned<DeValue<'_>>) -> Option<LineSet> {
    let text = match item.get_ref() {
        DeValue::Integer(number) => number.to_string(),
        DeValue::String(text) => text.to_string(),
        other => {
            reader.wrong_type("lines", "a line or a range", other, &item.span());
            return None;
        }
    };
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let find = |number| BOARDS.iter().find_map(|board| board.line(number));
    let line = |text: &str| text.trim().parse().ok().and_then(find);
    match (line(first), line(last)) {
        (Some(first), Some(last)) if first <= last => {
            Some(LineSet::below(last.number() + 1) - LineSet::below(first.number()))
        }
        _ => {
            let message = format!("lines: `{text}` is no line and no range of lines");
            reader.error(Code::NoSuchLine, &item.span(), message).help =
                Some(format!("write 17 or \"2-27\"; the last line is {LAST_LINE}"));
            None
        }
    }
}

/// One of a few words.
fn one_of<T>(
    reader: &mut Reader<'_>,
    key: &str,
    text: &At<String>,
    words: impl Iterator<Item = (&'static str, T)>,
) -> Option<T> {
    let mut known = Vec::new();
    for (word, meaning) in words {
        if word == text.value {
            return Some(meaning);
        }
        known.push(word);
    }
    let message = format!("{key}: expected one of {}; found `{}`", known.join(", "), text.value);
    reader.error(Code::UnknownWord, &text.span, message).help = names::did_you_mean(&text.value, known);
    None
}

fn fitting<const N: usize>(
    reader: &mut Reader<'_>,
    name: &str,
    value: &Spanned<DeValue<'_>>,
) -> Option<heapless::String<N>> {
    let text = reader.text(name, value)?;
    fit(reader, name, &text)
}

/// A name or an origin as a seal can have it.
fn fit<const N: usize>(
    reader: &mut Reader<'_>,
    name: &str,
    text: &At<String>,
) -> Option<heapless::String<N>> {
    let fixed = heapless::String::try_from(text.value.as_str()).ok();
    let fixed = fixed.filter(|_| is_well_formed(&text.value));
    if fixed.is_none() {
        let message =
            format!("{name}: 1 to {N} bytes without control characters, found {}", text.value.len());
        reader.error(Code::OutOfRange, &text.span, message);
    }
    fixed
}

/// Bytes as hexadecimal digits.
fn hex<const N: usize>(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<[u8; N]> {
    let text = reader.text(name, value)?;
    let bytes = crate::secret::from_hex(&text.value);
    if bytes.is_none() {
        let found = text.value.chars().count();
        let message = format!("{name}: expected {} hexadecimal digits, found {found} characters", 2 * N);
        reader.error(Code::NotAKey, &text.span, message).help =
            Some("`xmap keygen` prints keys, `xmap verify` hashes and key ids".into());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
version = 4

[[key]]
key = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
origins = ["https://panels.example", "usb"]
modules = ["hall"]
boards = ["rpi4b"]
lines = [17, "20-22"]
ops = ["gpio.write", "log"]

[[pin]]
module = "hall"
hash = "0101010101010101010101010101010101010101010101010101010101010101"
origin = "usb"

[revoked]
images = ["0202020202020202020202020202020202020202020202020202020202020202"]
keys = ["0303030303030303"]

[minimum_version]
hall = 7
"#;

    #[test]
    fn everything_is_read() {
        let policy = parse_policy("policy.toml", GOOD).unwrap();
        assert_eq!(policy.version, 4);
        let key = &policy.keys[0];
        assert_eq!(key.lines, LineSet::from_bits(1 << 17 | 7 << 20));
        assert_eq!(key.ops, OpClass::GpioWrite.bit() | OpClass::Log.bit());
        assert_eq!((key.boards[0], key.origins[1].as_str(), key.modules[0].as_str()), (1, "usb", "hall"));
        assert_eq!((policy.pins[0].hash, policy.pins[0].origin.as_str()), ([1; 32], "usb"));
        assert_eq!(policy.revoked_images[0], [2; 32]);
        assert_eq!(policy.revoked_keys[0], KeyId([3; 8]));
        assert_eq!(
            (policy.minimum_versions[0].module.as_str(), policy.minimum_versions[0].version),
            ("hall", 7)
        );
    }

    /// The first line of each error where a piece of the good text is another one.
    fn with(from: &str, to: &str) -> Vec<String> {
        assert!(GOOD.contains(from), "{from}");
        let errors = parse_policy("p.toml", &GOOD.replacen(from, to, 1)).unwrap_err();
        errors.0.iter().map(|e| format!("{} {} {}", e.code, e.place, e.message)).collect()
    }

    #[test]
    fn errors_have_their_places() {
        assert_eq!(with("version = 4", ""), ["X0407 p.toml:1:1 the policy needs `version`"]);
        assert_eq!(with("origins", "origin"), ["X0403 p.toml:6:1 unknown key `origin` in [[key]]",]);
        assert_eq!(
            with("8a88", "8a8"),
            ["X1104 p.toml:5:7 key: expected 64 hexadecimal digits, found 63 characters"]
        );
        let weak = with(&GOOD[GOOD.find("8a88").unwrap()..][..64], &format!("01{}", "0".repeat(62)));
        assert_eq!(weak, ["X1104 p.toml:5:7 key: no sound public key"]);
        assert_eq!(
            with("\"20-22\"", "58"),
            ["X0301 p.toml:9:14 lines: `58` is no line and no range of lines"]
        );
        assert_eq!(
            with("20-22", "22-20"),
            ["X0301 p.toml:9:14 lines: `22-20` is no line and no range of lines"]
        );
        let op = with("gpio.write", "gpio.writ");
        assert!(op[0].starts_with("X0406 p.toml:10:8 ops: expected one of gpio.write, "), "{op:?}");
        assert_eq!(
            with("hall = 7", "hall = -1"),
            ["X0405 p.toml:22:8 hall: expected 0 to 4294967295, found -1"]
        );
        assert_eq!(
            with("\"0303", "\"03"),
            ["X1104 p.toml:19:9 keys: expected 16 hexadecimal digits, found 14 characters"]
        );
        let many = format!("[{}]", ["\"m\""; 9].join(", "));
        assert_eq!(with("[\"hall\"]", &many), ["X0405 p.toml:7:52 modules: at most 8"]);
        let long = with("[\"hall\"]", &format!("[\"{}\"]", "m".repeat(33)));
        assert_eq!(long, ["X0405 p.toml:7:12 modules: 1 to 32 bytes without control characters, found 33"]);
    }

    #[test]
    fn an_unknown_key_has_the_nearest() {
        let error = parse_policy("p.toml", &GOOD.replace("[revoked]", "[revoket]")).unwrap_err();
        assert_eq!(error.0[0].help.as_deref(), Some("did you mean `revoked`?"));
    }
}
