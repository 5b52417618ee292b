//! Reads a script and holds each of its lines against the image that runs there.

use std::collections::BTreeMap;

use tiny_mapper::TrapCode;
use xmap_boards::Line;
use xmap_device::ModuleExport;
use xmap_image::limits::MAX_MODULES;
use xmap_image::units::{TIME, quantity};
use xmap_image::{ExportId, Image, Manifest, OwnedImage, PinMode, Signature, Stamp, Ty};

use super::chips;
use super::words::{Place, Words};
use super::{Action, Drive, ScriptError, ScriptErrorKind, Step, When};
use crate::arguments::{ArgumentError, Arguments};
use crate::value::{Value, bytes, expected, parse_whole, unquoted};

/// Steps of a script as they are played: what `repeat` makes more of takes minutes.
pub const MAX_STEPS: u64 = 1_000_000;

/// The first word of each step.
const COMMANDS: [&str; 21] = [
    "call", "level", "release", "press", "advance", "at", "wait", "expect", "connect", "set", "disturb",
    "restore", "beside", "swap", "reset", "unmount", "lose", "find", "repeat", "end", "clock",
];

type Open<'o> = dyn FnMut(&str) -> Result<OwnedImage, String> + 'o;

/// Reads all lines.
pub(super) fn read(
    text: &str,
    images: &[Image<'_>],
    open: &mut Open<'_>,
) -> Result<Vec<Step>, Vec<ScriptError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        loaded: BTreeMap::new(),
        unmounted: None,
        blocks: vec![Block::default()],
        errors: Vec::new(),
    };
    for (n, line) in text.lines().enumerate() {
        reader.line(n + 1, line, images, open);
    }
    let mut blocks = reader.blocks;
    let mut errors = reader.errors;
    while blocks.len() > 1 {
        let Some(Block { at, column, .. }) = blocks.pop() else { break };
        errors.push(ScriptError { line: at, column, kind: ScriptErrorKind::NoEnd });
    }
    errors.sort_by_key(|error| (error.line, error.column));
    match blocks.pop() {
        Some(whole) if errors.is_empty() => Ok(whole.steps),
        _ => Err(errors),
    }
}

/// The steps of a `repeat` that is not closed, or of the whole script.
#[derive(Default)]
struct Block {
    at: usize,
    column: usize,
    times: u32,
    steps: Vec<Step>,
    /// Steps as they are played in one round.
    played: u64,
}

struct Reader {
    /// What steps have loaded, by the modules that they are.
    loaded: BTreeMap<u8, OwnedImage>,
    /// The line that unmounted the panels.
    unmounted: Option<usize>,
    blocks: Vec<Block>,
    errors: Vec<ScriptError>,
}

impl Reader {
    fn line(&mut self, at: usize, line: &str, first: &[Image<'_>], open: &mut Open<'_>) {
        let mut words = Words::new(line);
        let Some((column, command)) = words.next() else { return };
        let done = match command {
            "repeat" => self.repeat(at, column, &mut words),
            "end" => words.finish().and_then(|()| self.end().map_err(|kind| (column, kind))),
            _ => {
                let mut images: Vec<Image<'_>> = first.to_vec();
                for (module, image) in &self.loaded {
                    match images.get_mut(usize::from(*module)) {
                        Some(before) => *before = image.image(),
                        None => images.push(image.image()),
                    }
                }
                let line = OneLine { images: &images, unmounted: self.unmounted };
                line.action(column, command, &mut words, open)
                    .and_then(|action| self.push(at, action).map_err(|kind| (column, kind)))
            }
        };
        if let Err((column, kind)) = done {
            self.errors.push(ScriptError { line: at, column, kind });
        }
    }

    fn push(&mut self, at: usize, action: Action) -> Result<(), ScriptErrorKind> {
        match &action {
            Action::Swap { module, image, .. } | Action::Beside { module, image, .. } => {
                self.loaded.insert(*module, image.clone());
                self.unmounted = None;
            }
            Action::Unmount => self.unmounted = Some(at),
            _ => {}
        }
        if let Some(block) = self.blocks.last_mut() {
            block.steps.push(Step { at, action });
            block.played += 1;
        }
        self.short_enough()
    }

    fn repeat(&mut self, at: usize, column: usize, words: &mut Words<'_>) -> Place<()> {
        const EXPECTED: &str = "how often: a whole number from 1 up";
        let (where_, word) = words.word(EXPECTED)?;
        let times = parse_whole(word).and_then(|n| u32::try_from(n).ok()).filter(|times| *times > 0);
        // A block with a mistake is closed all the same.
        self.blocks.push(Block { at, column, times: times.unwrap_or(1), ..Block::default() });
        if times.is_none() {
            return Err((where_, ScriptErrorKind::Word { expected: EXPECTED, found: word.to_owned() }));
        }
        words.finish()
    }

    fn end(&mut self) -> Result<(), ScriptErrorKind> {
        if self.blocks.len() < 2 {
            return Err(ScriptErrorKind::NoBlock);
        }
        let Some(Block { at, times, steps, played, .. }) = self.blocks.pop() else { return Ok(()) };
        if let Some(around) = self.blocks.last_mut() {
            around.steps.push(Step { at, action: Action::Repeat { times, steps } });
            around.played = around.played.saturating_add(played.saturating_mul(times.into()));
        }
        self.short_enough()
    }

    fn short_enough(&self) -> Result<(), ScriptErrorKind> {
        let played = self.blocks.last().map_or(0, |block| block.played);
        if played <= MAX_STEPS { Ok(()) } else { Err(ScriptErrorKind::Long) }
    }
}

/// What a line is held against.
struct OneLine<'i> {
    /// The images that run, by their modules; at least one.
    images: &'i [Image<'i>],
    unmounted: Option<usize>,
}

impl OneLine<'_> {
    fn action(
        &self,
        column: usize,
        command: &str,
        words: &mut Words<'_>,
        open: &mut Open<'_>,
    ) -> Place<Action> {
        if let (Some(line), "call" | "reset" | "unmount" | "lose" | "find") = (self.unmounted, command) {
            return Err((column, ScriptErrorKind::Unmounted { line }));
        }
        let action = match command {
            "call" => self.call(words)?,
            "level" => {
                let line = self.input(words, "a line, then its level")?;
                Action::Level { line, high: level(words)? }
            }
            "release" => Action::Release { line: self.input(words, "a line")? },
            "press" => {
                let line = self.input(words, "a line, then `for` and a time")?;
                Action::Press { line, us: hold(words)? }
            }
            "clock" => Action::SetClock { unix_us: stamp(words)? },
            "advance" if words.peek() == Some("to") => {
                words.exactly("to", "`to`")?;
                Action::AdvanceTo { unix_us: stamp(words)? }
            }
            "advance" => Action::Advance { us: time(words)? },
            "at" => self.at(words)?,
            "wait" => {
                words.exactly("until", "`until`, a line, its level, `within` and a time")?;
                let line = self.any_line(words, "a line, then its level")?;
                let high = level(words)?;
                words.exactly("within", "`within` and a time")?;
                Action::Expect { line, high, within_us: Some(time(words)?) }
            }
            "expect" => self.expect(words)?,
            "connect" | "set" | "disturb" | "restore" => chips::read(command, self.images, words)?,
            "beside" => self.beside(words, open)?,
            "swap" => self.swap(words, open)?,
            "reset" => Action::Reset,
            "unmount" => Action::Unmount,
            "lose" => {
                words.exactly("host", "`host`")?;
                let timeout = |image: &Image<'_>| image.manifest().unwrap_or_default().policy.link_timeout_ms;
                match self.images.iter().map(timeout).max().unwrap_or(0) {
                    0 => return Err((column, ScriptErrorKind::NoTimeout)),
                    ms => Action::LoseHost { us: u64::from(ms) * 1000 },
                }
            }
            "find" => {
                words.exactly("host", "`host`")?;
                Action::FindHost
            }
            _ => {
                let nearest = nearest(command, COMMANDS.into_iter());
                return Err((column, ScriptErrorKind::Command { found: command.to_owned(), nearest }));
            }
        };
        words.finish()?;
        Ok(action)
    }

    /// An export and its types.
    fn export(&self, words: &mut Words<'_>) -> Place<(String, ModuleExport, Signature<'_>)> {
        let (column, name) = words.word("the name of an export")?;
        let find = |(module, image): (u8, &'_ Image<'_>)| {
            let export = image.find(name)?;
            Some((ModuleExport { module, export }, image.key(export)?.to_owned()))
        };
        let found: Vec<_> = (0..).zip(self.images).filter_map(find).collect();
        // A key is of one module alone; a wasm name may be of several.
        let known = found.iter().find(|(_, key)| key == name).or(match &found[..] {
            [one] => Some(one),
            [] => None,
            [..] => {
                let keys = found.into_iter().map(|(_, key)| key).collect();
                return Err((column, ScriptErrorKind::Ambiguous { found: name.to_owned(), keys }));
            }
        });
        let known =
            known.and_then(|(of, _)| Some((*of, self.images[usize::from(of.module)].signature(of.export)?)));
        let Some((export, signature)) = known else {
            let names = self.images.iter().flat_map(|image| {
                let ids = (0..image.exports().len()).map(|n| ExportId(n as u16));
                ids.flat_map(|id| [image.name(id), image.key(id)]).flatten()
            });
            let kind = ScriptErrorKind::Export { found: name.to_owned(), nearest: nearest(name, names) };
            return Err((column, kind));
        };
        Ok((name.to_owned(), export, signature))
    }

    fn call(&self, words: &mut Words<'_>) -> Place<Action> {
        let (name, ModuleExport { module, export }, signature) = self.export(words)?;
        let (given, arrow) = words.before_arrow();
        let (columns, texts): (Vec<usize>, Vec<&str>) = given.into_iter().unzip();
        let args = parse_args(&name, signature, &texts)
            .map_err(|(n, kind)| (columns.get(n).copied().unwrap_or(words.end()), kind))?;
        let results = if arrow { Some(results(&name, signature, words)?) } else { None };
        Ok(Action::Call { module, name, export, args, results })
    }

    fn at(&self, words: &mut Words<'_>) -> Place<Action> {
        const DRIVES: &str = "`level`, `release` or `press`";
        let when = match words.peek().and_then(|word| word.strip_prefix('+')) {
            Some(_) => When::In(time_from(words, true)?),
            None => When::Since(time(words)?),
        };
        let (column, word) = words.word(DRIVES)?;
        let (line, drive) = match word {
            "level" => {
                let line = self.input(words, "a line, then its level")?;
                (line, Drive::Level(level(words)?))
            }
            "release" => (self.input(words, "a line")?, Drive::Release),
            "press" => {
                let line = self.input(words, "a line, then `for` and a time")?;
                (line, Drive::Press(hold(words)?))
            }
            _ => return Err((column, ScriptErrorKind::Word { expected: DRIVES, found: word.to_owned() })),
        };
        Ok(Action::At { when, line, drive })
    }

    fn expect(&self, words: &mut Words<'_>) -> Place<Action> {
        const EXPECTED: &str = "a line and its level, an export and `->`, `trap`, `log` or `device`";
        let second = words.peek_second();
        match words.peek() {
            _ if second == Some("->") => {
                let (name, ModuleExport { module, export }, signature) = self.export(words)?;
                words.exactly("->", "`->`")?;
                let key = self.images[usize::from(module)].key(export).unwrap_or_default().to_owned();
                Ok(Action::ExpectResults { results: results(&name, signature, words)?, name, key })
            }
            Some("trap") if second.and_then(high).is_none() => trap(words),
            Some("log") if second.and_then(high).is_none() => {
                words.exactly("log", EXPECTED)?;
                let (column, word) = words.word("a part of the message, in quotes")?;
                let unfit = || ScriptErrorKind::Word { expected: "a text in quotes", found: word.to_owned() };
                Ok(Action::ExpectLog { text: unquoted(word).ok_or_else(|| (column, unfit()))? })
            }
            Some("device") if second.and_then(high).is_none() => {
                words.exactly("device", EXPECTED)?;
                chips::read("expect", self.images, words)
            }
            _ => {
                let line = self.any_line(words, EXPECTED)?;
                let high = level(words)?;
                let within_us = match words.peek() {
                    None => None,
                    Some(_) => {
                        words.exactly("within", "`within` and a time, or the end of the line")?;
                        Some(time(words)?)
                    }
                };
                Ok(Action::Expect { line, high, within_us })
            }
        }
    }

    fn file(words: &mut Words<'_>, open: &mut Open<'_>) -> Place<(String, OwnedImage)> {
        let (column, word) = words.word("the file of a panel")?;
        let file = unquoted(word).unwrap_or_else(|| word.to_owned());
        match open(&file) {
            Ok(image) => Ok((file, image)),
            Err(why) => Err((column, ScriptErrorKind::File { found: file, why })),
        }
    }

    fn swap(&self, words: &mut Words<'_>, open: &mut Open<'_>) -> Place<Action> {
        let (file, image) = Self::file(words, open)?;
        let name = |image: &Image<'_>| image.manifest().unwrap_or_default().module.to_owned();
        let new = name(&image.image());
        let module = self.images.iter().position(|image| name(image) == new).unwrap_or(0) as u8;
        Ok(Action::Swap { module, file, image })
    }

    fn beside(&self, words: &mut Words<'_>, open: &mut Open<'_>) -> Place<Action> {
        let column = words.end();
        if self.images.len() == MAX_MODULES {
            return Err((column, ScriptErrorKind::Full));
        }
        let (file, image) = Self::file(words, open)?;
        Ok(Action::Beside { module: self.images.len() as u8, file, image })
    }

    /// A line that something outside may drive.
    fn input(&self, words: &mut Words<'_>, expected: &'static str) -> Place<Line> {
        let (column, word) = words.word(expected)?;
        let line = self.find(word).map_err(|kind| (column, kind))?;
        let mut pins = self.images.iter().flat_map(|image| image.pins()).filter(|pin| pin.line() == line);
        if pins.any(|pin| pin.mode() == PinMode::Out) {
            return Err((column, ScriptErrorKind::Output { line }));
        }
        Ok(line)
    }

    fn any_line(&self, words: &mut Words<'_>, expected: &'static str) -> Place<Line> {
        let (column, word) = words.word(expected)?;
        self.find(word).map_err(|kind| (column, kind))
    }

    /// The line that a word names: a pin of the manifest, else a number.
    fn find(&self, word: &str) -> Result<Line, ScriptErrorKind> {
        // Without a block that holds there are no names, and numbers still serve.
        let manifests: Vec<_> =
            self.images.iter().map(|image| image.manifest().unwrap_or_default()).collect();
        let pins = || manifests.iter().flat_map(|manifest| manifest.pins.iter());
        let is_it = |module: &str, name: &str| {
            name == word || word.strip_suffix(name).and_then(|of| of.strip_suffix('.')) == Some(module)
        };
        let of_panel = |manifest: &Manifest<'_>| {
            let named = manifest.pins.iter().find(|pin| is_it(manifest.module, pin.name))?;
            Some((named.line, format!("{}.{}", manifest.module, named.name)))
        };
        let found: Vec<(u8, String)> = manifests.iter().filter_map(of_panel).collect();
        if found.iter().any(|(line, _)| *line != found[0].0) {
            let keys = found.into_iter().map(|(_, name)| name).collect();
            return Err(ScriptErrorKind::Ambiguous { found: word.to_owned(), keys });
        }
        let named = found.first().map(|(line, _)| *line);
        let number = || parse_whole(word).and_then(|n| u8::try_from(n).ok());
        let board = self.images[0].board().board();
        named.or_else(number).and_then(|number| board.line(number)).ok_or_else(|| ScriptErrorKind::Line {
            found: word.to_owned(),
            last: board.lines - 1,
            nearest: nearest(word, pins().map(|pin| pin.name)),
        })
    }
}

/// A time of the wall clock, in microseconds since 1970.
fn stamp(words: &mut Words<'_>) -> Place<i64> {
    let (column, word) = words.word("a time, as 2026-11-28T07:00:00+01:00")?;
    let known = Stamp::parse(word).filter(|stamp| stamp.0 >= 0);
    known.map(|stamp| stamp.0).ok_or_else(|| (column, ScriptErrorKind::Stamp { found: word.to_owned() }))
}

/// Reads the arguments of a call: what a script does, and a command line that calls one export.
///
/// # Errors
/// [`ScriptErrorKind::Arguments`] or [`ScriptErrorKind::Argument`], with the position of the
/// argument that is wrong; for a wrong number of arguments, that of the first missing or surplus one.
pub fn parse_args(
    name: &str,
    signature: Signature<'_>,
    args: &[&str],
) -> Result<Arguments, (usize, ScriptErrorKind)> {
    let params: Vec<Ty> = signature.params().collect();
    Arguments::parse(&params, args, true).map_err(|error| match error {
        ArgumentError::Count { expected } => {
            let expected_types = params.iter().copied().filter(|ty| *ty != Ty::Len).collect();
            let name = name.to_owned();
            let kind = ScriptErrorKind::Arguments { name, expected: expected_types, given: args.len() };
            (expected.min(args.len()), kind)
        }
        ArgumentError::Unfit { position, unfit } => {
            let found = args.get(position).map_or("", |text| text).to_owned();
            (position, ScriptErrorKind::Argument { found, ty: unfit.ty })
        }
    })
}

/// The results that an export must have, as they are printed.
fn results(name: &str, signature: Signature<'_>, words: &mut Words<'_>) -> Place<Vec<String>> {
    let end = words.end();
    let given = words.rest();
    // The length of a text is a part of it.
    let types: Vec<Ty> = signature.results().filter(|ty| *ty != Ty::Len).collect();
    if types.len() != given.len() {
        let column = given.get(types.len()).map_or(end, |(column, _)| *column);
        let kind = ScriptErrorKind::Results { name: name.into(), expected: types.len(), given: given.len() };
        return Err((column, kind));
    }
    let one = |(ty, (column, word)): (Ty, (usize, &str))| {
        let shown = match ty {
            Ty::StrPtr => unquoted(word).map(|text| Value::Str(text).to_string()).ok_or("a text in quotes"),
            Ty::BytesPtr => {
                bytes(word).map(|b| Value::Bytes(b).to_string()).ok_or("bytes as 0x and two digits each")
            }
            ty => Value::parse(ty, word).map(|value| value.to_string()).map_err(|_| expected(ty)),
        };
        shown.map_err(|expected| (column, ScriptErrorKind::Result { found: word.to_owned(), expected }))
    };
    types.into_iter().zip(given).map(one).collect()
}

/// `trap CODE [at FILE:LINE]`.
fn trap(words: &mut Words<'_>) -> Place<Action> {
    words.exactly("trap", "`trap`")?;
    let (column, word) = words.word("the name of a trap")?;
    let Some(code) = TrapCode::ALL.into_iter().find(|code| code.name() == word) else {
        let nearest = nearest(word, TrapCode::ALL.into_iter().map(TrapCode::name));
        return Err((column, ScriptErrorKind::Trap { found: word.to_owned(), nearest }));
    };
    if words.peek().is_none() {
        return Ok(Action::ExpectTrap { code, place: None });
    }
    const EXPECTED: &str = "`at`, then FILE:LINE";
    words.exactly("at", EXPECTED)?;
    let (column, word) = words.word(EXPECTED)?;
    let place = word.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
    match place.filter(|(file, _): &(&str, u32)| !file.is_empty()) {
        Some((file, line)) => Ok(Action::ExpectTrap { code, place: Some((file.to_owned(), line)) }),
        None => Err((column, ScriptErrorKind::Word { expected: "FILE:LINE", found: word.to_owned() })),
    }
}

fn level(words: &mut Words<'_>) -> Place<bool> {
    let (column, word) = words.word("a level, 0, 1, low or high")?;
    high(word).ok_or_else(|| (column, ScriptErrorKind::Level { found: word.to_owned() }))
}

fn high(word: &str) -> Option<bool> {
    match word {
        "0" | "low" => Some(false),
        "1" | "high" => Some(true),
        _ => None,
    }
}

/// `for TIME`.
fn hold(words: &mut Words<'_>) -> Place<u64> {
    words.exactly("for", "`for` and a time")?;
    time(words)
}

pub(super) fn time(words: &mut Words<'_>) -> Place<u64> {
    time_from(words, false)
}

/// A time: a number of microseconds, or a number and a unit, in one word or in two.
fn time_from(words: &mut Words<'_>, plus: bool) -> Place<u64> {
    let (column, word) = words.word("a time, such as 20000 (microseconds) or 5ms")?;
    let text = if plus { word.strip_prefix('+').unwrap_or(word) } else { word };
    let unfit = |found: &str| (column, ScriptErrorKind::Time { found: found.to_owned() });
    let unit = words.peek().filter(|unit| TIME.iter().any(|(name, _)| name == unit));
    if let Some(unit) = unit {
        _ = words.next();
        return quantity(&format!("{text}{unit}"), TIME).map_err(|_| unfit(&format!("{word} {unit}")));
    }
    let plain = parse_whole(text).and_then(|n| u64::try_from(n).ok());
    plain.or_else(|| quantity(text, TIME).ok()).ok_or_else(|| unfit(word))
}

/// Characters of a name that is compared with others.
const MOST_COMPARED: usize = 64;

/// The key that ends with this name behind its namespace, else the most similar name, if one is similar
/// enough to be what was meant.
pub(super) fn nearest<'n>(found: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let is_end = |name: &&&str| name.rsplit_once('.').is_some_and(|(_, word)| word == found);
    if let Some(key) = names.iter().find(is_end) {
        return Some((*key).to_owned());
    }
    // The distance takes time in the product of the lengths.
    if found.chars().nth(MOST_COMPARED).is_some() {
        return None;
    }
    names
        .into_iter()
        .filter(|name| !name.is_empty() && name.chars().nth(MOST_COMPARED).is_none())
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .filter(|(distance, name)| *distance * 2 <= name.chars().count().min(found.chars().count()))
        .min()
        .map(|(_, name)| name.to_owned())
}
