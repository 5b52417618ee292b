//! Names of exports, parameters and lines in other languages.

use std::collections::BTreeMap;

use xmap_compiler::diagnostic::{Code, Diagnostic, Place};

/// A name as words of lower case: `gpioSet`, `gpio_set` and `GPIO set` are `gpio`, `set`. Characters that are
/// neither ASCII letters nor digits end a word.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut begins = true;
    let mut before = ' ';
    for c in name.chars() {
        let humps = c.is_ascii_uppercase() && before.is_ascii_lowercase();
        if !c.is_ascii_alphanumeric() {
            begins = true;
        } else {
            if begins || humps {
                words.push(String::new());
            }
            begins = false;
            words.last_mut().expect("one was begun").push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words
}

/// A name of WIT: `gpio-set`. `None` where nothing is left.
pub fn kebab(name: &str) -> Option<String> {
    let words = words(name);
    let first = words.first()?;
    let head = if first.starts_with(|c: char| c.is_ascii_digit()) { "x-" } else { "" };
    Some(format!("{head}{}", words.join("-")))
}

/// A name as one word with humps: `gpioSet`, or `GpioSet` of a type. `None` where nothing is left.
pub fn camel(name: &str, ty: bool) -> Option<String> {
    let words = words(name);
    words.first()?;
    let name = if ty { crate::sdk::model::pascal(&words) } else { crate::sdk::model::camel(&words) };
    Some(name)
}

/// Gives each name what `make` makes of it.
///
/// # Errors
/// X1605 where nothing is left of one, or two become one.
pub fn distinct<'a>(
    place: &Place,
    names: impl IntoIterator<Item = &'a str>,
    make: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, Diagnostic> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut all = Vec::new();
    for name in names {
        let help = "give one of them another name".to_string();
        let Some(made) = make(name) else {
            let message =
                format!("`{}` has no letter or digit that other languages have", name.escape_debug());
            return Err(Diagnostic::new(Code::OneName, place.clone(), message).help(help));
        };
        if let Some(first) = seen.insert(made.clone(), name) {
            let message =
                format!("`{}` and `{}` both become `{made}`", first.escape_debug(), name.escape_debug());
            return Err(Diagnostic::new(Code::OneName, place.clone(), message).help(help));
        }
        all.push(made);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        for (name, made) in [
            ("gpio_set", Some("gpio-set")),
            ("gpioSet", Some("gpio-set")),
            ("GPIO set", Some("gpio-set")),
            ("__x_2", Some("x-2")),
            ("2nd", Some("x-2nd")),
            ("lamp\u{e9}on", Some("lamp-on")),
            ("\u{6e29}", None),
            ("", None),
        ] {
            assert_eq!(kebab(name).as_deref(), made, "{name}");
        }
    }

    #[test]
    fn two_names_that_become_one_are_an_error() {
        let place = Place::File("panel.toml".into());
        let error = distinct(&place, ["lampOn", "lamp_on"], kebab).unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (Code::OneName, "`lampOn` and `lamp_on` both become `lamp-on`")
        );
        assert_eq!(distinct(&place, ["a", "b"], kebab).unwrap(), ["a", "b"]);
    }
}
