//! Differential fuzzing: random modules, compiled to images and run by the mapper, against wasmi.
//!
//! For each seed one module is made, by `wasm-smith` or by a generator of our own for what
//! `wasm-smith` is poor at; its exports are called with values that tend to matter; and after each
//! call everything that can be seen is compared: results or the kind of the trap, all of memory, the
//! mutable globals, and what the native imports did to the board, in order. Beside that, no call
//! may use more fuel than the bound that the compiler has printed for it.
//!
//! The same seed and the same features make the same module and the same calls, on any machine.

mod calls;
mod compare;
mod found;
mod opaque;
mod program;
mod reference;
mod rewrite;
mod rng;
mod shape;
mod smith;
mod subject;
mod tally;
mod world;

use std::fmt;

use xmap_abi::{Capability, Row};

pub use calls::Call;
pub use compare::compare;
pub use found::found;
pub use rng::Rng;
pub use tally::Tally;

/// Pages of linear memory that a module of a generator may grow to, on both sides.
const MAX_PAGES: u32 = 6;

/// Bytes of stack for a thread that compares: wasmi 2.0 makes a call of its own for each
/// `memory.grow` that it runs, and returns from none of them before the function ends.
pub const STACK_BYTES: usize = 1 << 30;

/// What generated modules may contain beside integers, locals, globals, memory, control flow,
/// direct calls, multi-value and sign extension. To turn one on for every run is one line in
/// [`Features::SUPPORTED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// `f32` and `f64`. NaNs are made canonical behind each arithmetic instruction: the
    /// specification lets engines choose their payload.
    pub floats: bool,
    /// `i32.trunc_sat_f32_s` and its like.
    pub saturating: bool,
    /// Tables, element segments and `call_indirect`.
    pub tables: bool,
    /// `memory.copy`, `memory.fill`, `memory.init`, `data.drop`, and the same for tables.
    pub bulk_memory: bool,
    /// `ref.func`, `ref.null`, `table.get`, `table.set` and their like.
    pub references: bool,
    /// Constant expressions with additions and multiplications.
    pub extended_const: bool,
    /// Loops, in what our own generator makes.
    pub loops: bool,
}

impl Features {
    /// What the compiler lowers today.
    pub const SUPPORTED: Features = Self::ALL;
    /// Nothing but integers.
    pub const INTEGERS: Features = Features {
        floats: false,
        saturating: false,
        tables: false,
        bulk_memory: false,
        references: false,
        extended_const: false,
        loops: true,
    };
    /// Everything.
    pub const ALL: Features = Features {
        floats: true,
        saturating: true,
        tables: true,
        bulk_memory: true,
        references: true,
        extended_const: true,
        loops: true,
    };
    /// Everything that leads on no cycle: no loops, and no references by which functions could call
    /// themselves.
    pub const LOOPLESS: Features = Features { references: false, loops: false, ..Self::ALL };
}

/// Who made a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// `wasm-smith`, with exports renamed and most addresses and lines brought into range.
    Smith,
    /// The module `program`: loops that end, walks through memory, many live values, calls.
    Program,
}

impl Generator {
    /// The one that makes a seed's module where none is asked for.
    pub const fn of(seed: u64) -> Self {
        if seed.is_multiple_of(2) { Self::Smith } else { Self::Program }
    }
}

/// What came of one module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Both sides agree.
    Equal {
        /// Calls that were compared, traps included.
        calls: usize,
        /// How many of them trapped.
        traps: usize,
        /// Calls that ran out of fuel or stack on either side, where engines may differ.
        stopped: usize,
    },
    /// Nothing was compared.
    Skipped(Skip),
    /// The two sides differ; the report says where, and has the module as text.
    Mismatch(String),
}

/// Why nothing was compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// The random bytes made no module.
    NoModule,
    /// X0502: the compiler does not lower this yet.
    Unsupported(String),
    /// X03xx, X0506: with these constants a native operation can only trap.
    ConstantLine,
    /// X0602: more parameters, arguments or results than registers.
    Registers,
    /// X0604: a function with more words than its row can say.
    Length,
    /// A segment does not fit: the compiler refuses what wasmi fails to instantiate.
    Data,
    /// Each call ran out of fuel or stack, or the start function did.
    Stopped,
    /// wasmi panicked, so that nobody knows what is right.
    ReferencePanicked,
    /// wasmi gives the same calls another answer each time, so that nobody knows which is right.
    ReferenceUnsteady,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoModule => "no module",
            Self::Unsupported(what) => return write!(f, "unsupported: {what}"),
            Self::ConstantLine => "constant line",
            Self::Registers => "registers",
            Self::Length => "length",
            Self::Data => "segment outside",
            Self::Stopped => "fuel or stack",
            Self::ReferencePanicked => "reference panicked",
            Self::ReferenceUnsteady => "reference unsteady",
        })
    }
}

/// Returns whether a host function is of a device or channel that a manifest declares: a module without one
/// does not compile when it calls it (X1306).
fn is_of_a_device(row: &Row) -> bool {
    matches!(row.capability, Capability::I2c | Capability::Spi | Capability::Pwm | Capability::Uart)
}

/// The index of a mutable global that is set before each call, and the value.
pub type Fuel = (u32, u32);

/// A module to compare, with the calls to make.
#[derive(Clone, Debug)]
pub struct Case {
    /// The module.
    pub wasm: Vec<u8>,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// The fuel of `wasm-smith`.
    pub fuel: Option<Fuel>,
    /// Pages of linear memory that the module may grow to, on both sides.
    pub max_pages: u32,
    /// Whether a NaN of results and memory is any NaN: the specification lets engines choose, and what others
    /// have written does not make it canonical.
    pub any_nan: bool,
}

impl Case {
    /// Reads a case as reports have it: a module as text that exports its memory as `memory` and each
    /// mutable global as `g` and its index, with lines `;; call NAME ARG...` and at most one line
    /// `;; fuel GLOBAL VALUE`. Without calls, each export is called with `seed`'s arguments.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str, seed: u64) -> Result<Self, String> {
        let wasm = wat::parse_str(text).map_err(|e| e.to_string())?;
        let lines = |start: &'static str| text.lines().filter_map(move |line| line.strip_prefix(start));
        let mut calls: Vec<Call> = lines(";; call ").map(str::parse).collect::<Result<_, _>>()?;
        if calls.is_empty() {
            calls = calls::random(&mut Rng::new(seed), &wasm);
        }
        let fuel = lines(";; fuel ").next().map(|line| line.parse::<Call>()).transpose()?;
        let fuel = fuel.and_then(|fuel| Some((fuel.name.parse().ok()?, *fuel.args.first()? as u32)));
        Ok(Self { wasm, calls, fuel, max_pages: MAX_PAGES, any_nan: false })
    }

    /// Bytes of linear memory that the module may grow to.
    const fn memory_bytes(&self) -> usize {
        self.max_pages as usize * 65_536
    }
}

/// The module and the calls of a seed; nothing where the random bytes made no module.
pub fn case(seed: u64, features: &Features, generator: Generator) -> Option<Case> {
    let mut rng = Rng::new(seed);
    let (wasm, fuel) = match generator {
        Generator::Smith => smith::module(&mut rng, features)?,
        Generator::Program => (program::module(&mut rng, features), None),
    };
    let calls = calls::random(&mut rng, &wasm);
    Some(Case { wasm, calls, fuel, max_pages: MAX_PAGES, any_nan: false })
}

/// Makes the module of a seed and compares both sides.
pub fn check(seed: u64, features: &Features) -> Outcome {
    check_with(seed, features, Generator::of(seed))
}

/// As [`check`], with a generator.
pub fn check_with(seed: u64, features: &Features, generator: Generator) -> Outcome {
    match case(seed, features, generator) {
        None => Outcome::Skipped(Skip::NoModule),
        Some(case) => match compare(&case) {
            Outcome::Mismatch(report) => Outcome::Mismatch(format!("seed {seed}, {generator:?}: {report}")),
            outcome => outcome,
        },
    }
}
