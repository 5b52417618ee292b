//! The screen: what stands where, and what keys do.

use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line as Text;
use ratatui::widgets::{Block, List, ListItem, ListState, Paragraph};

use crate::source::{Shot, Source};

/// Lines of events and of the log that are kept.
const KEPT: usize = 500;

/// A list that keys move in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pane {
    #[default]
    Lines,
    Exports,
}

/// The state of the screen.
#[derive(Default)]
pub(crate) struct Screen {
    shot: Shot,
    events: Vec<String>,
    log: Vec<String>,
    pane: Pane,
    at: [usize; 2],
    /// The call that is being typed.
    typed: Option<String>,
    /// The outcome of the latest key.
    said: String,
    /// Box characters are left out.
    ascii: bool,
}

impl Screen {
    /// An empty screen; with `ascii` it has no box characters.
    pub(crate) fn new(ascii: bool) -> Self {
        Self { ascii, ..Self::default() }
    }

    /// Looks at the source once.
    pub(crate) fn look(&mut self, source: &mut dyn Source) {
        match source.look(&mut self.events, &mut self.log) {
            Ok(shot) => self.shot = shot,
            Err(error) => self.said = error,
        }
        for list in [&mut self.events, &mut self.log] {
            list.drain(..list.len().saturating_sub(KEPT));
        }
    }

    /// Does what a key says. Returns whether it goes on.
    pub(crate) fn key(&mut self, key: KeyCode, source: &mut dyn Source) -> bool {
        if let Some(typed) = &mut self.typed {
            match key {
                KeyCode::Char(c) => typed.push(c),
                KeyCode::Backspace => _ = typed.pop(),
                KeyCode::Esc => self.typed = None,
                KeyCode::Enter => {
                    let text = self.typed.take().unwrap_or_default();
                    self.say(source.call(&text));
                }
                _ => {}
            }
            return true;
        }
        let (count, pane) = match self.pane {
            Pane::Lines => (self.shot.lines.len(), 0),
            Pane::Exports => (self.shot.exports.len(), 1),
        };
        let at = &mut self.at[pane];
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Down => *at = (*at + 1).min(count.saturating_sub(1)),
            KeyCode::Up => *at = at.saturating_sub(1),
            KeyCode::Tab => {
                self.pane = if self.pane == Pane::Lines { Pane::Exports } else { Pane::Lines };
            }
            KeyCode::Enter => self.enter(source),
            KeyCode::Char(' ') => {
                if let (Pane::Lines, Some(line)) = (self.pane, self.shot.lines.get(*at)) {
                    let done = source.turn(line.line).map(|()| format!("{} turned", line.name));
                    self.say(done);
                }
            }
            KeyCode::Char(c @ '1'..='9') => {
                let n = c as usize - '1' as usize;
                let input = self.shot.lines.iter().filter(|line| line.is_input).nth(n);
                let done = match input {
                    Some(line) => source.press(line.line).map(|()| format!("{} pressed", line.name)),
                    None => Err(format!("there is no input {c}")),
                };
                self.say(done);
            }
            _ => {}
        }
        true
    }

    fn enter(&mut self, source: &mut dyn Source) {
        match self.pane {
            Pane::Lines => {
                if let Some(line) = self.shot.lines.get(self.at[0]) {
                    let done = source.press(line.line).map(|()| format!("{} pressed", line.name));
                    self.say(done);
                }
            }
            Pane::Exports => {
                let export = self.shot.exports.get(self.at[1]);
                self.typed = export.map(|export| format!("{} ", export.key));
            }
        }
    }

    fn say(&mut self, outcome: Result<String, String>) {
        self.said = outcome.unwrap_or_else(|error| error);
    }

    /// Draws it.
    pub(crate) fn draw(&self, frame: &mut Frame<'_>) {
        let [top, middle, bottom, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Fill(3),
            Constraint::Fill(2),
            Constraint::Length(2),
        ])
        .areas(frame.area());
        let seconds = self.shot.time_us as f64 / 1e6;
        frame.render_widget(Paragraph::new(format!("{}  {seconds:.1} s", self.shot.title)), top);
        let [lines, exports] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(middle);
        let mut number = 0;
        let rows = self.shot.lines.iter().map(|of| {
            let key = if of.is_input {
                number += 1;
                format!("{number}")
            } else {
                " ".into()
            };
            let level = if of.high { "high" } else { "low" };
            format!("{key} {:>2} {:<12} {level}", of.line.number(), of.name)
        });
        self.list(frame, lines, "lines", rows.collect(), (self.pane == Pane::Lines).then_some(self.at[0]));
        let rows = self.shot.exports.iter().map(|of| format!("{} {}", of.key, of.types)).collect();
        self.list(frame, exports, "exports", rows, (self.pane == Pane::Exports).then_some(self.at[1]));
        let [events, log] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(bottom);
        let last = |all: &[String], room: Rect| {
            all[all.len().saturating_sub(usize::from(room.height.saturating_sub(2)))..].to_vec()
        };
        let mut happened = self.shot.metrics.clone();
        happened.extend(last(&self.events, events));
        self.list(frame, events, "metrics, events", happened, None);
        self.list(frame, log, "log", last(&self.log, log), None);
        let help = match &self.typed {
            Some(typed) => format!("call {typed}_"),
            None => "tab: pane  enter: press or call  space: turn  1-9: press  q: end".into(),
        };
        frame.render_widget(Paragraph::new(vec![Text::from(self.said.as_str()), Text::from(help)]), foot);
    }

    fn list(&self, frame: &mut Frame<'_>, area: Rect, title: &str, rows: Vec<String>, at: Option<usize>) {
        let marked = Style::new().add_modifier(Modifier::REVERSED);
        let list = List::new(rows.into_iter().map(ListItem::new)).highlight_style(marked);
        // Without box characters a title alone stands above a list.
        let block = if self.ascii { Block::new() } else { Block::bordered() };
        let mut state = ListState::default().with_selected(at);
        frame.render_stateful_widget(list.block(block.title(format!("-{title}-"))), area, &mut state);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use xmap_boards::BOARDS;
    use xmap_client::{Client, Options};
    use xmap_device::{Identity, Service};
    use xmap_project::{Language, begin};
    use xmap_rig::IDENTITY;

    use super::*;
    use crate::source::{Pace, Remote, Simulated};

    fn hall() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let hall = folder.path().join("hall");
        begin(&hall, Language::Wat, BOARDS[0], None).unwrap();
        let manifest = hall.join("panel.toml");
        (folder, manifest)
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(|y| row(y) + "\n").collect()
    }

    #[test]
    fn keys_press_inputs_and_call_exports_of_a_simulated_panel() {
        let (_folder, manifest) = hall();
        let mut source = Simulated::new(&manifest, Pace::ours()).unwrap();
        let mut screen = Screen::default();
        screen.look(&mut source);
        let shown = drawn(&screen, 100, 24);
        for text in
            ["hall on the simulated board", "lamp", "1 27 button", "high", "panel.blink (bool)", "0 calls"]
        {
            assert!(shown.contains(text), "{text}:\n{shown}");
        }
        assert!(screen.key(KeyCode::Char('1'), &mut source));
        screen.look(&mut source);
        assert!(drawn(&screen, 100, 24).contains("button pressed"));
        // Down to the export that counts, and its call.
        for key in [KeyCode::Tab, KeyCode::Enter] {
            screen.key(key, &mut source);
        }
        while screen.typed.as_deref().is_some_and(|typed| !typed.is_empty()) {
            screen.key(KeyCode::Backspace, &mut source);
        }
        "presses".chars().for_each(|c| _ = screen.key(KeyCode::Char(c), &mut source));
        assert!(drawn(&screen, 100, 24).contains("call presses_"));
        screen.key(KeyCode::Enter, &mut source);
        assert!(drawn(&screen, 100, 24).contains("presses -> 1"), "{}", drawn(&screen, 100, 24));
        // What cannot be called is said, and nothing else happens.
        screen.typed = Some("nothing".into());
        screen.key(KeyCode::Enter, &mut source);
        assert!(drawn(&screen, 100, 24).contains("no export `nothing`"));
        assert!(!screen.key(KeyCode::Char('q'), &mut source));
    }

    #[test]
    fn any_size_and_a_terminal_without_boxes_will_do() {
        let (_folder, manifest) = hall();
        let mut source = Simulated::new(&manifest, Pace::ours()).unwrap();
        let mut screen = Screen::new(true);
        screen.look(&mut source);
        for (width, height) in [(1, 1), (40, 10), (200, 60)] {
            assert!(drawn(&screen, width, height).is_ascii(), "{width} x {height}");
        }
        assert!(drawn(&screen, 40, 20).contains("button"));
    }

    #[test]
    fn a_device_at_a_port_is_shown_and_called() {
        let (_folder, manifest) = hall();
        let (image, _) = xmap_project::panel(&manifest, &mut |_| {}).unwrap();
        let words = image.image().words().to_vec();
        let features = IDENTITY.features | xmap_link::features::SWAP;
        let port = xmap_rig::serve(words, 1, move |_| Service::new(Identity { features, ..IDENTITY }));
        let client = Client::connect(&port.parse().unwrap(), &Options::default()).unwrap();
        let mut source = Remote::new(client, Some(&manifest)).unwrap();
        let mut screen = Screen::default();
        screen.look(&mut source);
        let shown = drawn(&screen, 100, 24);
        assert!(shown.contains("rpi4b at tcp:") && shown.contains("panel.presses"), "{shown}");
        screen.typed = Some("presses".into());
        screen.key(KeyCode::Enter, &mut source);
        assert!(drawn(&screen, 100, 24).contains("presses -> 0"), "{}", drawn(&screen, 100, 24));
        screen.key(KeyCode::Char('1'), &mut source);
        assert!(drawn(&screen, 100, 24).contains("simulated board alone"));
    }
}
