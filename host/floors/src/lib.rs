#![forbid(unsafe_code)]
//! What a call costs on this machine, against the least that a call can cost.
//!
//! Begin with [`calls`]: it measures the image of a panel that exports `lamp_on` and `call_gpio_set`.

mod bare;

use std::hint::black_box;
use std::time::{Duration, Instant};

use tiny_mapper::{Gpio, Mapper, Store};
use xmap_boards::{BANKS, Bank, PinMask};
use xmap_image::{Image, Word};

pub use self::bare::{Bare, Stores};

/// Calls between two looks at the clock: long against its resolution, short against a time slice.
const BATCH: u32 = 4096;

/// A word of memory for each register. `black_box` makes each store happen, one by one, as a store to a
/// device register does.
#[derive(Default)]
struct Registers {
    set: [PinMask; BANKS],
    clear: [PinMask; BANKS],
}

impl Registers {
    #[inline(always)]
    fn store(register: &mut PinMask, mask: PinMask) {
        *register = mask;
        black_box(register);
    }
}

impl Stores for Registers {
    #[inline(always)]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        Self::store(&mut self.set[bank as usize], mask);
    }
    #[inline(always)]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        Self::store(&mut self.clear[bank as usize], mask);
    }
}

/// What a panel written by hand would hold: its lines, and a table of functions to be called by number.
struct Board {
    port: Bare<Registers>,
    writable: u64,
}

type Native = fn(&mut Board, &[u64]) -> Result<(), u32>;

fn lamp_on(board: &mut Board, args: &[u64]) -> Result<(), u32> {
    let [] = args else { return Err(1) };
    board.port.set(Bank::Zero, 1 << 17);
    Ok(())
}

/// As the mapper does, it takes no line that is not declared and no value that is no bool.
fn gpio_set(board: &mut Board, args: &[u64]) -> Result<(), u32> {
    let [line, value] = args else { return Err(1) };
    if *line >= 64 || board.writable >> line & 1 == 0 || *value > 1 {
        return Err(2);
    }
    let bank = if *line < 32 { Bank::Zero } else { Bank::One };
    let mask = 1 << (line & 31);
    if *value != 0 {
        board.port.set(bank, mask)
    } else {
        board.port.clear(bank, mask)
    }
    Ok(())
}

/// Nanoseconds of one call, and the share of the mapper in them.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// A store, inlined into the loop.
    pub store: f64,
    /// `lamp_on` through a table of function pointers.
    pub table_lamp: f64,
    /// `lamp_on` through the mapper.
    pub mapper_lamp: f64,
    /// `gpio_set` through a table of function pointers.
    pub table_set: f64,
    /// `gpio_set` through the mapper.
    pub mapper_set: f64,
}

/// Measures the image of the demo panel: medians of `rounds` batches of each kind, one after the
/// other, so that whatever else the machine does meets all of them alike.
///
/// # Panics
/// Where the image does not export `lamp_on` and `call_gpio_set`.
pub fn calls(image: Image<'_>, rounds: usize) -> Figures {
    let (mut stack, mut memory) =
        (vec![0; image.stack_slots()], vec![0; image.header().memory_bytes as usize]);
    let mut globals = vec![0; image.slots()];
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let mut mapper =
        Mapper::load(image, Bare::<Registers>::default(), store).expect("the store has what it needs");
    let find = |name| image.find(name).expect("the demo panel exports it");
    let (lamp_id, set_id) = (find("lamp_on"), find("call_gpio_set"));
    let table: Vec<Native> = vec![lamp_on, gpio_set];
    // The lines of two banks are one word here, as on the board.
    let writable = u64::try_from(image.writable().bits()).unwrap_or(u64::MAX);
    let mut board = Board { port: Bare::<Registers>::default(), writable };
    let mut port = Bare::<Registers>::default();

    let mut times: [Vec<f64>; 5] = Default::default();
    for _ in 0..rounds {
        let batch = [
            time(|| port.set(Bank::Zero, black_box(1 << 17))),
            time(|| _ = black_box(table[black_box(0)](&mut board, black_box(&[])))),
            time(|| _ = black_box(mapper.call(black_box(lamp_id), black_box(&[])))),
            time(|| _ = black_box(table[black_box(1)](&mut board, black_box(&[17, 1])))),
            time(|| _ = black_box(mapper.call(black_box(set_id), black_box(&[17, 1])))),
        ];
        times.iter_mut().zip(batch).for_each(|(times, batch)| times.push(batch));
    }
    let [store, table_lamp, mapper_lamp, table_set, mapper_set] = times.map(median);
    Figures { store, table_lamp, mapper_lamp, table_set, mapper_set }
}

/// Nanoseconds of one run, the mean of a batch.
#[inline(always)]
fn time(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..BATCH {
        run();
    }
    start.elapsed().as_nanos() as f64 / f64::from(BATCH)
}

/// Measures how long verification, an admission (with the hash and the manifest block) and a load take:
/// medians.
///
/// # Panics
/// Where the words do not verify.
pub fn verify_and_load(words: &[Word], rounds: usize) -> [Duration; 3] {
    let image = Image::verify(words).expect("it was verified before");
    let (mut stack, mut memory) =
        (vec![0; image.stack_slots()], vec![0; image.header().memory_bytes as usize]);
    let mut globals = vec![0; image.slots()];
    let (mut verify, mut admit, mut load) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        _ = black_box(Image::verify(black_box(words)));
        verify.push(start.elapsed().as_nanos() as f64);
        let start = Instant::now();
        _ = black_box(Image::admit(black_box(words)));
        admit.push(start.elapsed().as_nanos() as f64);
        let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
        let start = Instant::now();
        _ = black_box(Mapper::load(black_box(image), Bare::<Registers>::default(), store).is_ok());
        load.push(start.elapsed().as_nanos() as f64);
    }
    [verify, admit, load].map(|times| Duration::from_nanos(median(times) as u64))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
