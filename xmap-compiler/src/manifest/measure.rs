//! Quantities: a number of a key's own unit, or a text with a unit, `"100ms"`, `"20 kHz"`, `"12 KiB"`.

use std::ops::{Range, RangeInclusive};

use toml::{Spanned, de::DeValue};
use xmap_image::units::{self, BYTES, FREQUENCY, NotAQuantity, TIME, Unit, quantity};

use super::{
    At,
    reader::{Reader, Table},
};
use crate::diagnostic::Code;

/// A key whose value is a quantity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// The key, whose value may be a number: `every_us`.
    pub(super) key: &'static str,
    /// The key whose value has its unit beside it, where there is one: `every`.
    pub(super) short: Option<&'static str>,
    /// What a text may have as its unit.
    pub(super) units: &'static [Unit],
    /// The smallest units in one of the key's own.
    pub(super) per: u64,
    /// Whether a text may say how often in a second.
    pub(super) often: bool,
}

/// `every_us`, `every`.
pub(super) const EVERY: Measure = Measure { often: true, ..us("every_us", "every") };
/// `after_us`, `after`.
pub(super) const AFTER: Measure = us("after_us", "after");
/// `debounce_us`, `debounce`.
pub(super) const DEBOUNCE: Measure = us("debounce_us", "debounce");
/// `time_us`, `time`.
pub(super) const WAITS: Measure = us("time_us", "time");
/// `link_timeout_ms`, `link_timeout`.
pub(super) const LINK_TIMEOUT: Measure = Measure { per: 1000, ..us("link_timeout_ms", "link_timeout") };
/// `confirm_ms`, `trial`.
pub(super) const TRIAL: Measure = Measure { per: 1000, ..us("confirm_ms", "trial") };
/// `every_s`, `every` of `[keep]`.
pub(super) const KEEP_EVERY: Measure = Measure { per: 1_000_000, ..us("every_s", "every") };
/// `timeout_us`, `timeout`.
pub(super) const TIMEOUT: Measure = us("timeout_us", "timeout");
/// `speed_hz`, `speed`.
pub(super) const SPEED: Measure =
    Measure { key: "speed_hz", short: Some("speed"), units: FREQUENCY, per: 1, often: false };
/// `clock_hz`, `clock`.
pub(super) const CLOCK: Measure = Measure { key: "clock_hz", short: Some("clock"), ..SPEED };
/// `period_us`, `period`.
pub(super) const PERIOD: Measure = Measure { often: true, ..us("period_us", "period") };
/// `max_bytes`.
pub(super) const MAX_BYTES: Measure = bytes("max_bytes");
/// `memory_bytes`.
pub(super) const MEMORY_BYTES: Measure = bytes("memory_bytes");

const fn us(key: &'static str, short: &'static str) -> Measure {
    Measure { key, short: Some(short), units: TIME, per: 1, often: false }
}

const fn bytes(key: &'static str) -> Measure {
    Measure { key, short: None, units: BYTES, per: 1, often: false }
}

impl Measure {
    /// The keys that the measure may stand under.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        [Some(self.key), self.short].into_iter().flatten()
    }

    /// A text that would be taken.
    fn example(&self) -> &'static str {
        match self.units.first() {
            first if first == BYTES.first() => "\"12 KiB\"",
            first if first == FREQUENCY.first() => "\"100 kHz\"",
            _ => "\"100ms\"",
        }
    }
}

impl Reader<'_> {
    /// Returns the quantity under one of a measure's keys, in the unit of its own key; reports any other
    /// value and any other range.
    pub(super) fn measure(
        &mut self,
        table: &Table<'_>,
        measure: &Measure,
        range: RangeInclusive<u64>,
    ) -> Option<At<u64>> {
        let mut given = measure.keys().filter_map(|key| Some((key, table.entries.get(key)?)));
        let (key, value) = given.next()?;
        if let Some((other, value)) = given.next() {
            let message = format!("`{key}` and `{other}` say the same");
            self.error(Code::BadQuantity, &value.span(), message).help = Some("leave one of them out".into());
            return None;
        }
        match value.get_ref() {
            DeValue::String(text) => self.text_quantity(key, measure, text, &value.span(), range),
            DeValue::Integer(_) if key == measure.key => self.integer(table, key, range),
            DeValue::Integer(number) => {
                let message = format!("{key}: {number} of what? The unit is missing");
                let help = format!("write `{key} = {}`, or `{} = {number}`", measure.example(), measure.key);
                self.error(Code::BadQuantity, &value.span(), message).help = Some(help);
                None
            }
            other => {
                let expected = if key == measure.key {
                    "an integer, or a text with a unit"
                } else {
                    "a text with a unit"
                };
                self.wrong_type(key, expected, other, &value.span());
                None
            }
        }
    }

    /// As [`Reader::measure`], for a quantity that fits 32 bits.
    pub(super) fn measure32(
        &mut self,
        table: &Table<'_>,
        measure: &Measure,
        range: RangeInclusive<u32>,
    ) -> Option<At<u32>> {
        let (first, last) = range.into_inner();
        let at = self.measure(table, measure, first.into()..=last.into())?;
        Some(At::new(u32::try_from(at.value).ok()?, at.span))
    }

    fn text_quantity(
        &mut self,
        key: &str,
        measure: &Measure,
        text: &str,
        span: &Range<usize>,
        range: RangeInclusive<u64>,
    ) -> Option<At<u64>> {
        let smallest = match quantity(text, measure.units) {
            Err(NotAQuantity::Unit) if measure.often => self.period(key, measure, text, span)?,
            Ok(smallest) => smallest,
            Err(why) => {
                self.no_quantity(key, measure, text, why, span);
                return None;
            }
        };
        if smallest % measure.per != 0 {
            self.no_quantity(key, measure, text, NotAQuantity::Fraction, span);
            return None;
        }
        let number = smallest / measure.per;
        if range.contains(&number) {
            return Some(At::new(number, span.clone()));
        }
        let unit =
            measure.units.iter().find(|(_, factor)| *factor == measure.per).map_or("", |(name, _)| name);
        let (least, most) = range.into_inner();
        let message = format!("{key}: expected {least} {unit} to {most} {unit}, found `{text}`");
        self.error(Code::OutOfRange, span, message);
        None
    }

    /// A time from how often in a second.
    fn period(&mut self, key: &str, measure: &Measure, text: &str, span: &Range<usize>) -> Option<u64> {
        let hertz = match quantity(text, FREQUENCY) {
            Ok(hertz) => hertz,
            Err(why) => {
                self.no_quantity(key, measure, text, why, span);
                return None;
            }
        };
        const SECOND_US: u64 = 1_000_000;
        if hertz != 0 && SECOND_US.is_multiple_of(hertz) {
            return Some(SECOND_US / hertz);
        }
        let message = format!("{key}: the period of `{text}` is no whole number of microseconds");
        let help = SECOND_US
            .checked_div(hertz)
            .filter(|us| *us > 0)
            .map(|us| format!("the nearest period is \"{us}us\""));
        self.error(Code::BadQuantity, span, message).help = help;
        None
    }

    fn no_quantity(
        &mut self,
        key: &str,
        measure: &Measure,
        text: &str,
        why: NotAQuantity,
        span: &Range<usize>,
    ) {
        let message = match why {
            NotAQuantity::Number => format!("{key}: expected a number and a unit, found `{text}`"),
            NotAQuantity::NoUnit => format!("{key}: the unit is missing in `{text}`"),
            NotAQuantity::Unit => format!("{key}: `{text}` has an unknown unit"),
            NotAQuantity::Fraction => format!("{key}: `{text}` is finer than it can be said"),
            NotAQuantity::Large => format!("{key}: `{text}` is too large"),
        };
        let often = if measure.often {
            format!(", or how often: {}", units::names(FREQUENCY))
        } else {
            String::new()
        };
        let help = match why {
            NotAQuantity::Fraction => {
                let unit = measure.units.iter().find(|(_, factor)| *factor == measure.per);
                format!("it is a whole number of {}", unit.map_or("", |(name, _)| name))
            }
            NotAQuantity::NoUnit if measure.short != Some(key) => {
                format!(
                    "write `{key} = {text}`, or put a unit behind it: {}{often}",
                    units::names(measure.units)
                )
            }
            _ => format!("the units are {}{often}", units::names(measure.units)),
        };
        self.error(Code::BadQuantity, span, message).help = Some(help);
    }

    /// Returns the line that a value names, and where: a number, or a name among `named`. Reports any other
    /// value.
    pub(super) fn line_of(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        named: &[(&str, u8)],
    ) -> Option<At<u64>> {
        match value.get_ref() {
            DeValue::String(name) => {
                if let Some((_, line)) = named.iter().find(|(known, _)| known == name) {
                    return Some(At::new(u64::from(*line), value.span()));
                }
                let message = format!("{key}: no line of [pins] is called `{name}`");
                let known: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
                let help = crate::names::did_you_mean(name, known.iter().copied());
                let all = || (!known.is_empty()).then(|| format!("the names are {}", known.join(", ")));
                self.error(Code::UndeclaredLine, &value.span(), message).help = help.or_else(all);
                None
            }
            DeValue::Integer(_) => self.whole(key, value, 0..=255),
            other => {
                self.wrong_type(key, "the number or the name of a line", other, &value.span());
                None
            }
        }
    }
}
