//! Names: how an export's name becomes its key, and which known name a wrong one is nearest to.

use std::borrow::Cow;
use std::fmt;

/// Why a name has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing is left of the key after normalisation.
    Empty,
    /// The namespace is not words of `a-z0-9_` with dots between them.
    Namespace,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameError::Empty => "no letter or digit is left for a key",
            NameError::Namespace => "not a namespace",
        })
    }
}

impl std::error::Error for NameError {}

/// The key of `name` in `namespace`: the name's word (see [`word`]) behind the namespace and a dot.
/// A name that already starts with the namespace and a dot keeps it and gets no second one.
///
/// The result is stable: `key(ns, &key(ns, name)?) == key(ns, name)`.
///
/// # Errors
///
/// [`NameError::Namespace`] when [`is_namespace`] says no, [`NameError::Empty`] when the name has
/// nothing but characters that normalisation drops.
///
/// # Examples
///
/// ```
/// use xmap_compiler::names::key;
/// assert_eq!(key("user", "Theme Preference").unwrap(), "user.theme_preference");
/// assert_eq!(key("cache", "redis.ttl.sec").unwrap(), "cache.redis_ttl_sec");
/// assert_eq!(key("user", "user.theme").unwrap(), "user.theme");
/// assert!(key("user", "!!!").is_err());
/// ```
pub fn key(namespace: &str, name: &str) -> Result<String, NameError> {
    if !is_namespace(namespace) {
        return Err(NameError::Namespace);
    }
    let lower = name.trim().to_lowercase();
    let rest = lower.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('.')).unwrap_or(&lower);
    let word = word(rest).ok_or(NameError::Empty)?;
    Ok(format!("{namespace}.{word}"))
}

/// A name as one word: lower case, each run of other characters than `a-z0-9` is one `_`, none at
/// either end. Nothing when no letter or digit is left.
pub fn word(name: &str) -> Option<String> {
    let mut word = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            word.push(c);
        } else if !word.is_empty() && !word.ends_with('_') {
            word.push('_');
        }
    }
    word.truncate(word.trim_end_matches('_').len());
    (!word.is_empty()).then_some(word)
}

/// Returns whether `text` may stand in front of keys: words of `a-z0-9_` with single dots between them.
pub fn is_namespace(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })
}

/// Characters of a name that are shown: a generic function of Rust or C++ has some hundred, a hostile module
/// a hundred thousand.
const SHOWN_CHARS: usize = 300;

/// Returns a name as reports and maps show it: one that is too long has its beginning and three dots.
pub fn abridged(name: &str) -> Cow<'_, str> {
    cut(name, SHOWN_CHARS)
}

/// Returns a text, or its first characters and three dots.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// The known name that `word` was most likely meant to be: the one with the fewest edits, where
/// they are at most a third of the longer word. The first one wins where two are equally near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (edits, name) = ranked(word, known).into_iter().next()?;
    let len = word.chars().count().max(name.chars().count());
    (edits * 3 <= len.max(3)).then_some(name)
}

/// The `count` known names nearest to `word`, best first, however far they are: for "the nearest are".
pub fn nearest_few<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    ranked(word, known).into_iter().map(|(_, name)| name).take(count).collect()
}

/// The help line "did you mean `x`?", where something is near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|name| format!("did you mean `{name}`?"))
}

/// Words longer than this are compared by their beginning: the distance takes time and memory
/// in the product of the lengths, and a name comes from a file that anybody may have written.
const COMPARED_CHARS: usize = 64;
/// Known names that a word is compared with: a panel has some ten, a module that is not one can have a
/// million.
const COMPARED_NAMES: usize = 1024;

fn ranked<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<(usize, &'a str)> {
    let head = |s: &str| s.chars().take(COMPARED_CHARS).collect::<String>().to_lowercase();
    let word = head(word);
    let mut ranked: Vec<_> = known
        .into_iter()
        .take(COMPARED_NAMES)
        .map(|name| (strsim::osa_distance(&word, &head(name)), name))
        .collect();
    ranked.sort_by_key(|(edits, _)| *edits);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_keys() {
        for line in include_str!("keys.txt").lines() {
            let [namespace, name, expected] = line.split(" | ").collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            assert_eq!(key(namespace, name).as_deref(), Ok(expected));
        }
        for name in ["", "!!!", "温度", "user.", " _ "] {
            assert_eq!(key("user", name), Err(NameError::Empty), "{name:?}");
        }
    }

    #[test]
    fn the_namespace_is_kept_and_not_doubled() {
        assert_eq!(key("panel", "panel.lamp").as_deref(), Ok("panel.lamp"));
        assert_eq!(key("panel", " Panel.Lamp").as_deref(), Ok("panel.lamp"));
        assert_eq!(key("ext.paypal", "ext.paypal.x").as_deref(), Ok("ext.paypal.x"));
        assert_eq!(key("panel", "gpio.set").as_deref(), Ok("panel.gpio_set"));
        // The namespace alone, or as the beginning of a word, is a name like any other.
        assert_eq!(key("panel", "panel").as_deref(), Ok("panel.panel"));
        assert_eq!(key("panel", "panels.a").as_deref(), Ok("panel.panels_a"));
    }

    #[test]
    fn namespaces() {
        for good in ["default", "ext.paypal", "a_1.b"] {
            assert!(is_namespace(good), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "Panel", "my panel", "größe"] {
            assert!(!is_namespace(bad), "{bad}");
            assert_eq!(key(bad, "x"), Err(NameError::Namespace));
        }
    }

    #[test]
    fn the_nearest_is_near() {
        let known = ["name", "namespace", "version", "board", "wasm"];
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("Namespaces", known), Some("namespace"));
        assert_eq!(nearest("wat", known), None);
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest_few("colour", known, 2).len(), 2);
        assert_eq!(did_you_mean("bord", known).unwrap(), "did you mean `board`?");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(abridged("panel.lamp_on"), "panel.lamp_on");
        let long = "\u{e4}".repeat(100_000);
        assert_eq!(abridged(&long), format!("{}...", "\u{e4}".repeat(SHOWN_CHARS)));
        assert_eq!(abridged(&long[..2 * SHOWN_CHARS]), long[..2 * SHOWN_CHARS]);
    }

    proptest! {
        #[test]
        fn keys_are_stable_and_plain(
            namespace in "[a-z0-9_]{1,5}(\\.[a-z0-9_]{1,5}){0,2}",
            name in prop_oneof![".*", "[A-Za-z0-9_. -]{0,20}"],
        ) {
            if let Ok(once) = key(&namespace, &name) {
                prop_assert_eq!(key(&namespace, &once), Ok(once.clone()));
                let word = once.strip_prefix(&format!("{namespace}.")).unwrap();
                prop_assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
                prop_assert!(!word.starts_with('_') && !word.ends_with('_') && !word.contains("__"));
            } else {
                prop_assert!(!name.bytes().any(|b| b.is_ascii_alphanumeric()) || name.to_lowercase().contains(&namespace));
            }
        }
    }
}
