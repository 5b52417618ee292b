//! The work that the mapper is compared with other engines on (docs/benchmarks.md), counted on AArch64: what
//! the compiler makes of the modules in `tests/peers/guests`, on the board's bare port.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use xmap_image::{Image, Word};

use crate::measure::{Bench, Call, What};
use crate::{cargo, process, root, target_dir};

/// Building the compiler may take this long.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A module's work: calls, of which the last counts.
struct Work {
    figure: &'static str,
    module: &'static str,
    /// Exports and arguments.
    calls: &'static [(&'static str, &'static [u64])],
    /// How much the last call does.
    units: u64,
    /// Whether that is all of it: what the call itself takes is nothing beside it. If not, it is how much
    /// more it does than the call before.
    all: bool,
}

/// For each gpio call, each call of `fib`, each byte.
const ALL: [Work; 4] = [
    Work {
        figure: "work.blink",
        module: "gpio",
        calls: &[("blink", &[100]), ("blink", &[1100])],
        units: 2000,
        all: false,
    },
    Work {
        figure: "work.blink_line",
        module: "gpio",
        calls: &[("blink_line", &[17, 100]), ("blink_line", &[17, 1100])],
        units: 2000,
        all: false,
    },
    // `fib(n)` makes twice the Fibonacci number behind it, less one, calls.
    Work {
        figure: "work.fib",
        module: "fib",
        calls: &[("fib", &[15]), ("fib", &[16])],
        units: 3193 - 1973,
        all: false,
    },
    Work {
        figure: "work.crc",
        module: "crc",
        calls: &[("prepare", &[]), ("crc32", &[])],
        units: 1 << 20,
        all: true,
    },
];

/// Instructions by figure, rounded up.
///
/// # Errors
/// The compiler does not build, or as [`Bench::run`].
pub(crate) fn count(bench: &Bench) -> Result<Vec<(String, u64)>> {
    ALL.iter().map(|work| Ok((work.figure.to_owned(), work.count(bench)?))).collect()
}

impl Work {
    fn count(&self, bench: &Bench) -> Result<u64> {
        let words = compile(self.module)?;
        let image = Image::verify(&words).map_err(|error| anyhow::anyhow!("{}: {error}", self.module))?;
        let call = |(name, args): &(&str, &[u64])| {
            let export = image.find(name).with_context(|| format!("no export {name}"))?.0;
            Ok(Call { export, args: args.to_vec() })
        };
        let calls: Vec<Call> = self.calls.iter().map(call).collect::<Result<_>>()?;
        let counted = bench.run(What::BareReturn, &words, &calls)?.calls;
        ensure!(counted.iter().all(|call| call.trap == 0), "{}: a call trapped", self.figure);
        let mut insns = counted.iter().rev().map(|call| u64::from(call.insns.unwrap_or(0)));
        let (last, before) = (insns.next().unwrap_or(0), insns.next().unwrap_or(0));
        let insns = if self.all { last } else { last.saturating_sub(before) };
        Ok(insns.div_ceil(self.units))
    }
}

/// A module of `tests/peers/guests`, compiled.
fn compile(module: &str) -> Result<Vec<Word>> {
    let image = target_dir().join(module).with_extension("xmap");
    let mut run = Command::new(cargo());
    run.args(["run", "--quiet", "--package", "xmap", "--", "build"]);
    run.arg(root().join("tests/peers/guests").join(module).with_extension("toml")).arg("-o").arg(&image);
    process::run(run.current_dir(root()), LIMIT)?;
    let bytes = fs::read(&image).with_context(|| image.display().to_string())?;
    Ok(bytes.as_chunks().0.iter().map(|word| Word::from_le_bytes(*word)).collect())
}
