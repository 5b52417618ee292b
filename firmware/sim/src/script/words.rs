//! The words of a script's line, with their columns.

use super::ScriptErrorKind;

/// A value, or a mistake and its column.
pub(super) type Place<T> = Result<T, (usize, ScriptErrorKind)>;

/// The words of one line with their columns; a comment is none of them, and a text in quotes is one.
#[derive(Clone, Debug)]
pub(super) struct Words<'s> {
    words: std::vec::IntoIter<(usize, &'s str)>,
    end: usize,
}

impl<'s> Words<'s> {
    pub(super) fn new(line: &'s str) -> Self {
        let mut words = Vec::new();
        let (mut column, mut end) = (1, 1);
        let mut rest = line;
        loop {
            let word = rest.trim_start();
            column += rest[..rest.len() - word.len()].chars().count();
            if word.is_empty() || word.starts_with('#') {
                break;
            }
            let len = length(word);
            words.push((column, &word[..len]));
            column += word[..len].chars().count();
            end = column;
            rest = &word[len..];
        }
        Self { words: words.into_iter(), end }
    }

    /// The column behind the last word.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// The next word, if it is there.
    pub(super) fn next(&mut self) -> Option<(usize, &'s str)> {
        self.words.next()
    }

    /// The next word, which stays where it is.
    pub(super) fn peek(&self) -> Option<&'s str> {
        self.words.as_slice().first().map(|(_, word)| *word)
    }

    /// The word behind the next one.
    pub(super) fn peek_second(&self) -> Option<&'s str> {
        self.words.as_slice().get(1).map(|(_, word)| *word)
    }

    /// The next word.
    pub(super) fn word(&mut self, expected: &'static str) -> Place<(usize, &'s str)> {
        self.words.next().ok_or((self.end, ScriptErrorKind::Missing { expected }))
    }

    /// Takes a word that has to be this one.
    pub(super) fn exactly(&mut self, word: &str, expected: &'static str) -> Place<()> {
        let (column, found) = self.word(expected)?;
        if found == word {
            return Ok(());
        }
        Err((column, ScriptErrorKind::Word { expected, found: found.to_owned() }))
    }

    /// All words up to `->`, and whether that stands there; those behind it are left.
    pub(super) fn before_arrow(&mut self) -> (Vec<(usize, &'s str)>, bool) {
        let mut before = Vec::new();
        for word in self.words.by_ref() {
            if word.1 == "->" {
                return (before, true);
            }
            before.push(word);
        }
        (before, false)
    }

    /// All words that are left.
    pub(super) fn rest(&mut self) -> Vec<(usize, &'s str)> {
        self.words.by_ref().collect()
    }

    /// Ends the line.
    pub(super) fn finish(&mut self) -> Place<()> {
        match self.words.next() {
            None => Ok(()),
            Some((column, word)) => Err((column, ScriptErrorKind::Extra { found: word.to_owned() })),
        }
    }
}

/// The length of the first word: to the quote that closes it, where it begins with one, else to white space.
fn length(text: &str) -> usize {
    if !text.starts_with('"') {
        return text.find(char::is_whitespace).unwrap_or(text.len());
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_columns_and_texts_are_one() {
        let line = "  expect  text -> \"a # \\\" b\" 0x1 # \"c\"";
        let words: Vec<_> = Words::new(line).rest();
        let expected = [(3, "expect"), (11, "text"), (16, "->"), (19, "\"a # \\\" b\""), (30, "0x1")];
        assert_eq!(words, expected);
        assert_eq!(Words::new("é \"open").rest(), [(1, "é"), (3, "\"open")]);
        assert_eq!(Words::new("  # x").end(), 1);
    }
}
