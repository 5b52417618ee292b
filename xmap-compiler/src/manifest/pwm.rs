//! `[pwm.NAME]`: the PWM channels that the module sets, each with its period and its safe duty.

use xmap_boards::{Board, PwmLine};
use xmap_image::{
    FULL_DUTY, PwmRow,
    limits::{MAX_PWM_CHANNELS, PWM_PERIOD_US},
};

use super::{
    At, devices,
    measure::PERIOD,
    reader::{Reader, Table},
};
use crate::diagnostic::Code;

/// One channel of `[pwm]`. Its index, which calls name, is its place in the manifest.
#[derive(Clone, Debug)]
pub struct PwmChannel {
    /// The name; its place is the key.
    pub name: At<String>,
    /// The line, with its channel.
    pub line: At<&'static PwmLine>,
    /// The row that the image has of it, without its name.
    pub row: PwmRow,
}

/// The channels that could be read, in the order of the text.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>, board: &Board) -> Vec<PwmChannel> {
    let kind = ("pwm", "PWM channels", MAX_PWM_CHANNELS);
    devices::parse(reader, root, kind, |reader, key, table| channel(reader, key, table, board))
}

fn channel(reader: &mut Reader<'_>, key: &At<&str>, table: &Table<'_>, board: &Board) -> Option<PwmChannel> {
    reader.only(table, &["line", "period_us", "period", "frequency_hz", "safe"]);
    reader.required(table, &["line"]);
    let name = devices::name(reader, "pwm", key);
    let line = line(reader, table, board);
    let period_us = period(reader, table);
    let safe = reader.integer32(table, "safe", 0..=FULL_DUTY.into());
    let safe = table.or(["safe"], safe, 0);
    let line = line?;
    let row = PwmRow::new(line.value.line, period_us?, safe? as u16);
    Some(PwmChannel { name: name?, line, row })
}

/// The period, as the table says it in one of three ways.
fn period(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<u32> {
    const SECOND_US: u32 = 1_000_000;
    let other = PERIOD.keys().find(|key| table.has(key));
    if !table.has("frequency_hz") {
        if other.is_none() {
            let message = format!("{} needs `period_us`, or `frequency_hz`", table.name);
            reader.error(Code::MissingKey, &table.span, message);
        }
        return Some(reader.measure32(table, &PERIOD, PWM_PERIOD_US)?.value);
    }
    let hertz = reader.integer32(table, "frequency_hz", 1..=SECOND_US / PWM_PERIOD_US.start())?;
    if let Some(other) = other {
        let message = format!("`frequency_hz` and `{other}` say the same");
        reader.error(Code::BadQuantity, &hertz.span, message).help = Some("leave one of them out".into());
        return None;
    }
    if !SECOND_US.is_multiple_of(hertz.value) {
        let message =
            format!("frequency_hz: the period of {} Hz is no whole number of microseconds", hertz.value);
        let help = format!("the nearest is `period_us = {}`", SECOND_US / hertz.value);
        reader.error(Code::BadQuantity, &hertz.span, message).help = Some(help);
        return None;
    }
    Some(SECOND_US / hertz.value)
}

fn line(reader: &mut Reader<'_>, table: &Table<'_>, board: &Board) -> Option<At<&'static PwmLine>> {
    let number = reader.integer(table, "line", 0..=u64::MAX)?;
    let found = board.pwm.iter().find(|of| u64::from(of.line.number()) == number.value);
    if let Some(line) = found {
        return Some(At::new(line, number.span));
    }
    let message = format!("{}: line {} of {} has no PWM channel", table.name, number.value, board.name);
    let lines: Vec<String> =
        board.pwm.iter().map(|of| format!("{} (channel {})", of.line, of.channel)).collect();
    let help = if lines.is_empty() {
        "no line of it has one".to_string()
    } else {
        format!("those that have one are {}", super::and(&lines))
    };
    reader.error(Code::NoPwm, &number.span, message).help = Some(help);
    None
}
