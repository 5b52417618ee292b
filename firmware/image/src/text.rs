//! Names and messages: text that anybody may have written, on its way to a terminal or a journal.

use core::fmt::{self, Write as _};

/// Bytes beyond ASCII of characters that act on what shows them, by their first bytes, and in the lowest
/// eight bits how many more there are behind them: control characters, separators of lines, marks and
/// overrides of direction, and characters of no width. Two names that differ in the latter alone would look
/// the same. Selectors of a variant are none of them: what they belong to looks different, and emoji have
/// them.
const ACTING: [u32; 8] = [
    0xc2_801f,   // U+0080 to U+009F
    0xc2_ad00,   // U+00AD
    0xd8_9c00,   // U+061C
    0xe280_8b04, // U+200B to U+200F
    0xe280_a806, // U+2028 to U+202E
    0xe281_a00f, // U+2060 to U+206F
    0xefbb_bf00, // U+FEFF
    0xf3a0_8007, // U+E0000 to U+E01FF
];

/// Returns whether a character does something to a terminal, to the end of a line or to the order of the text
/// around it, or is not seen at all: control characters (line feeds and tabs among them), separators of
/// lines, marks of direction, characters of no width.
pub fn acts(c: char) -> bool {
    !is_plain(c.encode_utf8(&mut [0; 4]))
}

/// Returns whether nothing in a text [`acts`] on what shows it: the names of an image are so, and those of a
/// seal. It is on every device, so it looks at the bytes of characters and decodes none.
pub fn is_plain(text: &str) -> bool {
    // The bytes of the character so far.
    let mut latest = 0u32;
    // A loop: it takes two thirds of what a closure does.
    for byte in text.bytes() {
        latest = if byte >= 0xc0 { 0 } else { latest << 8 } | u32::from(byte);
        let acting = |acting: &u32| latest.wrapping_sub(acting >> 8) <= acting & 0xff;
        if byte < 0x20 || byte == 0x7f || byte > 0x7f && ACTING.iter().any(acting) {
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
        assert_eq!(shown("la\u{200b}mp\u{feff}\u{e0061}"), "la\\u{200b}mp\\u{feff}\\u{e0061}");
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
        // Unicode's default-ignorable characters, without those that change the one before them and the
        // fillers of Hangul, which are letters.
        let unseen = [
            0xad..=0xad,
            0x61c..=0x61c,
            0x200b..=0x200f,
            0x202a..=0x202e,
            0x2060..=0x206f,
            0xfeff..=0xfeff,
            0xe0000..=0xe01ff,
        ];
        let unseen: std::vec::Vec<char> = unseen.into_iter().flatten().filter_map(char::from_u32).collect();
        for c in ('\u{80}'..=char::MAX).filter(|c| !c.is_control() && !('\u{2028}'..='\u{2029}').contains(c))
        {
            assert_eq!(acts(c), unseen.contains(&c), "{c:?}");
        }
        for c in '\0'..=char::MAX {
            let text = std::format!("a{c}é");
            assert_eq!(is_plain(&text), !acts(c), "{c:?}");
        }
    }
}
