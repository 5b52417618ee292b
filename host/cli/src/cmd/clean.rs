//! Text on its way to a terminal.

use std::io::{self, Write};

use xmap_compiler::diagnostic::acts_on_terminal;

/// Lets text through and writes out what would act on a terminal: control characters but line feeds and tabs,
/// and characters that reorder the text around them. So no name can move the cursor, colour a verdict or hide
/// a line.
pub(super) struct Clean<W: Write> {
    to: W,
    /// The beginning of a character whose rest has not come yet: up to three bytes.
    rest: Vec<u8>,
}

impl<W: Write> Clean<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, rest: Vec::new() }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| acts_on_terminal(*c)) {
            self.to.write_all(&text.as_bytes()[plain..at])?;
            write!(self.to, "{}", c.escape_default())?;
            plain = at + c.len_utf8();
        }
        self.to.write_all(&text.as_bytes()[plain..])
    }
}

impl<W: Write> Write for Clean<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend(bytes);
        let all = std::mem::take(&mut self.rest);
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.text(chunk.valid())?;
            // At the end it may be the beginning of a character.
            if chunks.peek().is_none() && chunk.invalid().len() < 4 && is_beginning(chunk.invalid()) {
                self.rest = chunk.invalid().to_vec();
            } else if !chunk.invalid().is_empty() {
                self.text("\u{fffd}")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A name as part of a line: one with line feeds would write lines of its own.
pub(super) fn one_line(text: &str) -> String {
    xmap_image::Plain(text).to_string()
}

/// Returns whether some bytes behind these could make a character of them.
fn is_beginning(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(pieces: &[&[u8]]) -> String {
        let mut clean = Clean::new(Vec::new());
        for piece in pieces {
            clean.write_all(piece).unwrap();
        }
        String::from_utf8(clean.to).unwrap()
    }

    #[test]
    fn nothing_acts_on_the_terminal() {
        assert_eq!(cleaned(&[b"lamp\t17\n"]), "lamp\t17\n");
        assert_eq!(cleaned(&["l\u{1b}[2Jamp\r".as_bytes()]), "l\\u{1b}[2Jamp\\r");
        assert_eq!(cleaned(&["\u{202e}ko\u{9b}".as_bytes()]), "\\u{202e}ko\\u{9b}");
        assert_eq!(cleaned(&["gärten 温度".as_bytes()]), "gärten 温度");
        assert_eq!(cleaned(&[b"a\xffb"]), "a\u{fffd}b");
    }

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(one_line("a\nb\u{1b}[2J é"), "a\\nb\\u{1b}[2J é");
        assert_eq!(one_line("hall\tregister writes: 9/9"), "hall\\tregister writes: 9/9");
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let text = "ä温\u{202e}😀\u{9b}x";
        let whole = cleaned(&[text.as_bytes()]);
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(cleaned(&bytes), whole);
        for at in 0..text.len() {
            assert_eq!(cleaned(&[&text.as_bytes()[..at], &text.as_bytes()[at..]]), whole);
        }
    }
}
