//! The screen as a picture: what a terminal would show, as SVG.

use std::fmt::Write as _;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::event::KeyCode;
use ratatui::style::Modifier;
use xmap_sim::escaped;

use crate::screen::Screen;
use crate::source::Source;

/// The columns and rows of the terminal that is drawn.
const SIZE: (u16, u16) = (100, 24);

/// Units of the picture from one column to the next, and from one row to the next.
const CELL: (f32, f32) = (8.4, 17.0);

const STYLE: &str = "text{white-space:pre}.p{fill:#fff}.t{fill:#222}.m{fill:#222}.r{fill:#fff}\
@media(prefers-color-scheme:dark){.p{fill:#16181c}.t{fill:#ddd}.m{fill:#ddd}.r{fill:#16181c}}";

/// Returns the keys of a text: `tab`, `enter`, `up`, `down` and `space` by their names, all else letter by
/// letter.
pub(crate) fn keys(text: &str) -> Vec<KeyCode> {
    let named = |word| match word {
        "tab" => Some(KeyCode::Tab),
        "enter" => Some(KeyCode::Enter),
        "up" => Some(KeyCode::Up),
        "down" => Some(KeyCode::Down),
        "space" => Some(KeyCode::Char(' ')),
        _ => None,
    };
    let word = |word| named(word).map_or_else(|| word.chars().map(KeyCode::Char).collect(), |key| vec![key]);
    text.split_whitespace().flat_map(word).collect()
}

/// Draws the screen after these keys, each of which comes one look after the other.
///
/// # Errors
/// The panel cannot be looked at.
pub(crate) fn svg(keys: &[KeyCode], source: &mut dyn Source) -> Result<String, String> {
    let mut screen = Screen::default();
    screen.look(source);
    for key in keys {
        screen.key(*key, source);
        screen.look(source);
    }
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).map_err(|error| error.to_string())?;
    terminal.draw(|frame| screen.draw(frame)).map_err(|error| error.to_string())?;
    Ok(drawn(terminal.backend().buffer()))
}

fn drawn(buffer: &Buffer) -> String {
    let (width, height) = (f32::from(SIZE.0) * CELL.0 + 20.0, f32::from(SIZE.1) * CELL.1 + 20.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         font-family=\"monospace\" font-size=\"14\">\n<style>{STYLE}</style>\n\
         <rect class=\"p\" width=\"100%\" height=\"100%\"/>\n"
    );
    for y in 0..SIZE.1 {
        let row: Vec<&Cell> = (0..SIZE.0).map(|x| &buffer[(x, y)]).collect();
        let mut column = 0;
        for run in row.chunk_by(|a, b| is_marked(a) == is_marked(b)) {
            let text: String = run.iter().map(|cell| cell.symbol()).collect();
            let (x, top) = (10.0 + CELL.0 * column as f32, 10.0 + CELL.1 * f32::from(y));
            let (long, base) = (CELL.0 * run.len() as f32, top + 13.0);
            column += run.len();
            let class = if is_marked(run[0]) {
                let height = CELL.1;
                _ = writeln!(
                    svg,
                    "<rect class=\"m\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{long:.1}\" height=\"{height}\"/>"
                );
                "r"
            } else {
                "t"
            };
            if !text.trim().is_empty() {
                let text = escaped(&text);
                _ = writeln!(
                    svg,
                    "<text class=\"{class}\" x=\"{x:.1}\" y=\"{base:.1}\" textLength=\"{long:.1}\">{text}</text>"
                );
            }
        }
    }
    svg + "</svg>\n"
}

fn is_marked(cell: &Cell) -> bool {
    cell.modifier.contains(Modifier::REVERSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_names_or_are_letters() {
        let keys = keys("tab  3x enter");
        assert_eq!(keys, [KeyCode::Tab, KeyCode::Char('3'), KeyCode::Char('x'), KeyCode::Enter]);
    }
}
