//! Names and messages: text that anybody may have written, on its way to a terminal or a journal.

use core::fmt::{self, Write as _};

/// Whether a character does something to a terminal, to the end of a line, or to the order of the text around
/// it: control characters (line feeds and tabs among them), separators of lines, marks of direction.
pub const fn acts(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// Whether nothing in a text [`acts`] on what shows it: the names of an image are so, and those of a seal. It
/// is on every device, so it looks at the bytes of characters and decodes none.
pub fn is_plain(text: &str) -> bool {
    let mut latest = 0u32;
    // A loop: it takes two thirds of what a closure does.
    for byte in text.bytes() {
        latest = latest << 8 | u32::from(byte);
        let three = latest & 0xff_ffff;
        if byte < 0x20
            || byte == 0x7f
            || matches!(latest as u16, 0xc280..=0xc29f | 0xd89c)
            || matches!(three, 0xe2_808e..=0xe2_808f | 0xe2_80a8..=0xe2_80ae | 0xe2_81a6..=0xe2_81a9)
        {
            return false;
        }
    }
    true
}

/// A text that is shown as a part of a line: each character that [`acts`] is written out, as `\n` or
/// `\u{1b}`.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'t>(pub &'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| acts(*c)) {
            let (plain, behind) = rest.split_at(at);
            f.write_str(plain)?;
            c.escape_default().try_for_each(|c| f.write_char(c))?;
            rest = behind.get(c.len_utf8()..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_what_shows_it() {
        let shown = |text: &str| std::format!("{}", Plain(text));
        assert_eq!(shown("l\u{1b}[2Jamp\r"), "l\\u{1b}[2Jamp\\r");
        assert_eq!(shown("a\nb\tc\u{7f}"), "a\\nb\\tc\\u{7f}");
        assert_eq!(shown("\u{202e}ko\u{9b}\u{2028}\u{61c}"), "\\u{202e}ko\\u{9b}\\u{2028}\\u{61c}");
        assert_eq!(shown("gärten 温度 \\n \"x\" 😀"), "gärten 温度 \\n \"x\" 😀");
    }

    #[test]
    fn every_control_character_acts_and_no_letter_does() {
        for c in ('\0'..=char::MAX).filter(|c| c.is_control()) {
            assert!(acts(c), "{c:?}");
            assert!(
                !is_plain(&std::format!("lamp{c}")) && is_plain(&std::format!("{}", Plain(&c.to_string())))
            );
        }
        assert!(('\0'..=char::MAX).filter(|c| c.is_alphanumeric()).all(|c| !acts(c)));
        assert!(is_plain("") && is_plain("lamp 1 (left)"));
        for c in '\0'..=char::MAX {
            let text = std::format!("a{c}é");
            assert_eq!(is_plain(&text), !acts(c), "{c:?}");
        }
    }
}
