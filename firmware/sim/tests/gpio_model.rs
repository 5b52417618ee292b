//! The register model against one that works everything out anew, line by line, from a history.

use proptest::prelude::*;
use xmap_boards::{Bank, BoardId, Line, LineBits, LineSet, RPI4B, Register, RegisterKind};
use xmap_sim::Gpio;

const LINES: usize = RPI4B.lines as usize;

#[derive(Clone, Debug)]
enum Step {
    Set(bool, u32),
    Clear(bool, u32),
    Function(u8, u32),
    Pull(u8, u32),
    Rising(bool, u32),
    Falling(bool, u32),
    Forget(bool, u32),
    Drive(u8, Option<bool>),
}

/// A line as one would describe it in words.
#[derive(Clone, Copy, Default)]
struct Naive {
    function: u32,
    pull: u32,
    latch: bool,
    outside: Option<bool>,
    auto: bool,
    /// On an auto line: whether the last event was a store.
    stored_last: bool,
    rising: bool,
    falling: bool,
    seen: bool,
}

impl Naive {
    fn level(&self) -> bool {
        if self.function == 1 || self.auto && self.stored_last {
            self.latch
        } else {
            self.outside.unwrap_or(self.pull == 1)
        }
    }
}

fn register(kind: RegisterKind, one: bool) -> Register {
    RPI4B.register(kind, if one { Bank::One } else { Bank::Zero })
}

/// The lines that a bank's word has a bit for, and the bit.
fn bits(one: bool, word: u32) -> impl Iterator<Item = (usize, bool)> {
    let first = if one { 32 } else { 0 };
    (0..32).map(move |n| (first + n, word >> n & 1 == 1)).filter(|(n, _)| *n < LINES)
}

fn apply(step: &Step, gpio: &mut Gpio, naive: &mut [Naive; LINES]) {
    let before: Vec<bool> = naive.iter().map(Naive::level).collect();
    match step {
        Step::Set(one, word) | Step::Clear(one, word) => {
            let high = matches!(step, Step::Set(..));
            gpio.write(register(if high { RegisterKind::Set } else { RegisterKind::Clear }, *one), *word);
            for (n, _) in bits(*one, *word).filter(|(_, bit)| *bit) {
                naive[n].latch = high;
                naive[n].stored_last = true;
            }
        }
        Step::Function(n, function) => {
            let line = Line::new(*n).unwrap();
            let register = RPI4B.register_of(RegisterKind::Select, line);
            let shift = n % 10 * 3;
            gpio.write(register, gpio.read(register) & !(7 << shift) | function << shift);
            naive[usize::from(*n)].function = *function;
        }
        Step::Pull(n, pull) => {
            let line = Line::new(*n).unwrap();
            let register = RPI4B.register_of(RegisterKind::Pull, line);
            let shift = n % 16 * 2;
            gpio.write(register, gpio.read(register) & !(3 << shift) | pull << shift);
            naive[usize::from(*n)].pull = *pull;
        }
        Step::Rising(one, word) => {
            gpio.write(register(RegisterKind::Rising, *one), *word);
            bits(*one, *word).for_each(|(n, bit)| naive[n].rising = bit);
        }
        Step::Falling(one, word) => {
            gpio.write(register(RegisterKind::Falling, *one), *word);
            bits(*one, *word).for_each(|(n, bit)| naive[n].falling = bit);
        }
        Step::Forget(one, word) => {
            gpio.write(register(RegisterKind::Events, *one), *word);
            bits(*one, *word).filter(|(_, bit)| *bit).for_each(|(n, _)| naive[n].seen = false);
        }
        Step::Drive(n, level) => {
            let line = &mut naive[usize::from(*n)];
            let refused = line.function == 1 && level.is_some();
            assert_eq!(gpio.drive(Line::new(*n).unwrap(), *level).is_err(), refused);
            if !refused {
                line.outside = *level;
                line.stored_last = false;
            }
        }
    }
    for (line, before) in naive.iter_mut().zip(before) {
        line.seen |= match (before, line.level()) {
            (false, true) => line.rising,
            (true, false) => line.falling,
            _ => false,
        };
    }
}

fn step() -> impl Strategy<Value = Step> {
    let line = 0..RPI4B.lines;
    prop_oneof![
        4 => (any::<bool>(), any::<u32>()).prop_map(|(b, w)| Step::Set(b, w)),
        4 => (any::<bool>(), any::<u32>()).prop_map(|(b, w)| Step::Clear(b, w)),
        4 => (line.clone(), 0u32..8).prop_map(|(n, f)| Step::Function(n, f)),
        4 => (line.clone(), Just(1u32)).prop_map(|(n, f)| Step::Function(n, f)),
        2 => (line.clone(), 0u32..3).prop_map(|(n, p)| Step::Pull(n, p)),
        1 => (any::<bool>(), any::<u32>()).prop_map(|(b, w)| Step::Rising(b, w)),
        1 => (any::<bool>(), any::<u32>()).prop_map(|(b, w)| Step::Falling(b, w)),
        1 => (any::<bool>(), any::<u32>()).prop_map(|(b, w)| Step::Forget(b, w)),
        4 => (line, any::<Option<bool>>()).prop_map(|(n, l)| Step::Drive(n, l)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn levels_and_edges_are_those_of_the_naive_model(
        auto in 0u64..1 << LINES,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut gpio = Gpio::new(BoardId::Rpi4b);
        gpio.set_auto(LineSet::from_bits(LineBits::from(auto)));
        let mut naive = [Naive::default(); LINES];
        naive.iter_mut().enumerate().for_each(|(n, line)| line.auto = auto >> n & 1 == 1);
        for step in &steps {
            apply(step, &mut gpio, &mut naive);
            for (n, line) in naive.iter().enumerate() {
                let bit = |kind| gpio.read(register(kind, n >= 32)) >> (n % 32) & 1 == 1;
                prop_assert_eq!(bit(RegisterKind::Level), line.level(), "level of {}", n);
                prop_assert_eq!(bit(RegisterKind::Events), line.seen, "edge of {}", n);
            }
            prop_assert_eq!(gpio.read(register(RegisterKind::Level, true)) >> 26, 0);
        }
    }
}
