//! Scripts: what happens to a panel, line by line.

use anyhow::{Context, Result, bail};

use super::clock::stamp;

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `call NAME ARG...`
    Call {
        /// An export, by its name in the module or by its key.
        name: String,
        /// The arguments.
        args: Vec<Arg>,
    },
    /// `level LINE 0|1`: the world outside drives a line.
    Level {
        /// The line.
        line: u8,
        /// High or low.
        high: bool,
    },
    /// `advance MICROSECONDS`
    Advance(u64),
    /// `clock TIME`: a host sets the clock, in microseconds since 1970.
    Clock(i64),
    /// `advance to TIME`: until the clock shows it.
    AdvanceTo(i64),
    /// The module takes its own place, as its next version would. No text has this: a test puts it between
    /// two steps.
    Swap,
}

/// An argument, as wide as any type has it.
pub type Arg = i128;

impl Script {
    /// Reads a script's text.
    ///
    /// # Errors
    ///
    /// Where a line is not one of the forms; the message names its number.
    pub fn parse(text: &str) -> Result<Script> {
        let mut steps = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.is_empty() || words[0].starts_with('#') {
                continue;
            }
            steps.push(step(&words).with_context(|| format!("line {}: `{line}`", i + 1))?);
        }
        Ok(Script { steps })
    }
}

fn step(words: &[&str]) -> Result<Step> {
    Ok(match *words {
        ["call", name, ref args @ ..] => {
            Step::Call { name: name.to_owned(), args: args.iter().map(|a| number(a)).collect::<Result<_>>()? }
        }
        ["level", line, level] => {
            let line = u8::try_from(number(line)?)?;
            let high = match level {
                "0" => false,
                "1" => true,
                _ => bail!("a level is 0 or 1"),
            };
            Step::Level { line, high }
        }
        ["clock", time] => Step::Clock(stamp(time)?),
        ["advance", "to", time] => Step::AdvanceTo(stamp(time)?),
        ["advance", us] => Step::Advance(u64::try_from(number(us)?)?),
        _ => bail!("not a step"),
    })
}

/// Decimal, with a sign or without, or 0x.
fn number(text: &str) -> Result<Arg> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i128::from(u64::from_str_radix(hex, 16)?),
        None => text.parse()?,
    };
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let script = Script::parse("# hello\n\ncall a.b 1 -2 0xff\n level 27 1\nadvance 10\n");
        let call = Step::Call { name: "a.b".into(), args: vec![1, -2, 255] };
        let steps = vec![call, Step::Level { line: 27, high: true }, Step::Advance(10)];
        assert_eq!(script.unwrap(), Script { steps });
    }

    #[test]
    fn other_lines_are_errors_with_their_number() {
        for bad in ["cal a", "call", "call a b", "level 256 1", "level 1 2", "advance -1", "advance"] {
            let error = Script::parse(&format!("\n{bad}")).unwrap_err().to_string();
            assert!(error.starts_with("line 2:"), "{bad}: {error}");
        }
    }
}
