//! What interrupt handlers do, and what the main loop asks of them.
//!
//! A handler only notes: bytes of the link, edges, that a time has come. It runs no module and decides
//! nothing, with one exception: where the main loop has not fed the watchdog for half its time, the handler
//! makes the outputs safe, by stores that the main loop has worked out in advance. Until the watchdog then
//! resets the chip, at which every line becomes an input, the panel is in the state that its manifests
//! declare, and the account of starts says that this one hung.
//!
//! Everything here is behind one lock, which masks interrupts for some instructions.

use core::cell::RefCell;
use core::mem;

use critical_section::Mutex;
use xmap_bcm2711::{
    ChipSerialReceiver, Clock, Counter as _, GenericTimer, Interrupt, LASTING_WORDS, Lasting, Pads, Pending,
    Prepared, Receiver, SERIAL_PORTS, SafeStores, Uart, Watchdog, halt, wait_for_interrupt,
};
use xmap_boards::Line;
use xmap_device::{Edge, Starts};

use crate::limits::FED_US_MAX;
use crate::{Notes, starts};

/// What handlers work with.
pub(crate) struct Hardware {
    pub(crate) pending: Pending<'static>,
    /// The link's receiving half; none in a program that has no link.
    pub(crate) receiver: Option<Receiver<'static>>,
    pub(crate) serial: [ChipSerialReceiver; SERIAL_PORTS],
    pub(crate) pads: Pads<'static>,
    pub(crate) timer: GenericTimer,
    pub(crate) watchdog: Watchdog<'static>,
    pub(crate) lasting: Lasting<'static>,
}

struct State {
    /// None until start-up has it.
    hardware: Option<Hardware>,
    notes: Notes,
    /// There was no room for a byte: those behind it wait in the UART.
    paused: bool,
    /// What the main loop has between two feedings, in ticks; 0 where nobody watches it.
    patience: u64,
    /// Microseconds of waits that still feed, before the main loop does.
    feeds_us: u32,
    safe: Option<Prepared>,
    /// What the words that outlive a reset have to say if the main loop hangs.
    hung: Option<starts::Words>,
}

static STATE: Mutex<RefCell<State>> = Mutex::new(RefCell::new(State {
    hardware: None,
    notes: Notes::new(),
    paused: false,
    patience: 0,
    feeds_us: FED_US_MAX,
    safe: None,
    hung: None,
}));

fn with<R>(work: impl FnOnce(&mut State) -> R) -> R {
    critical_section::with(|cs| work(&mut STATE.borrow_ref_mut(cs)))
}

/// Gives handlers what they work with: the core may take interrupts from then on.
pub(crate) fn start(mut hardware: Hardware) {
    if let Some(receiver) = &mut hardware.receiver {
        receiver.listen();
    }
    with(|state| state.hardware = Some(hardware));
}

/// The handler of every interrupt.
pub(crate) fn handle() {
    with(|state| {
        let Some(hardware) = &mut state.hardware else { return };
        let (notes, paused) = (&mut state.notes, &mut state.paused);
        while let Some(taken) = hardware.pending.take() {
            match taken.interrupt() {
                Some(Interrupt::Timer) => {
                    hardware.time_has_come(notes, state.safe.as_ref(), state.hung.as_ref());
                }
                Some(Interrupt::Uart) => {
                    // While the link is paused this is another UART's: only who takes what waits lets the
                    // link go on.
                    if !*paused {
                        *paused = hardware.take_bytes(notes);
                    }
                    hardware.take_serial(notes);
                }
                Some(Interrupt::GpioLow | Interrupt::GpioMiddle | Interrupt::GpioHigh) => {
                    hardware.take_edges(notes);
                }
                // No other is enabled.
                None => {}
            }
            hardware.pending.end(taken);
        }
        notes.fresh = true;
    });
}

impl Hardware {
    fn time_has_come(&mut self, notes: &mut Notes, safe: Option<&Prepared>, hung: Option<&starts::Words>) {
        let due = notes.deadlines.take(self.timer.ticks());
        if due.starved {
            notes.starved = notes.starved.saturating_add(1);
            if let Some(safe) = safe {
                self.pads.make_safe(safe);
            }
            // If the chip resets now, the start has not gone well after all.
            if let Some(hung) = hung {
                self.lasting.write(hung);
            }
        }
        self.timer.interrupt_at(notes.deadlines.next());
    }

    /// Takes the bytes that have arrived. Where there is no room for more, the interrupt is switched off,
    /// and they wait in the UART; says whether that is so.
    fn take_bytes(&mut self, notes: &mut Notes) -> bool {
        let Some(receiver) = &mut self.receiver else { return false };
        if receiver.is_empty() {
            // One whose bytes an earlier one took: reading no byte would leave it standing for ever. A byte
            // that comes at this moment is taken below.
            receiver.clear();
        }
        while !notes.bytes.is_full() {
            match receiver.read() {
                Ok(Some(byte)) => _ = notes.bytes.push_back(byte),
                Ok(None) => return false,
                // The frame that it was in fails its checksum.
                Err(_) => notes.broken_bytes = notes.broken_bytes.saturating_add(1),
            }
        }
        receiver.pause();
        true
    }

    /// Takes the bytes that have arrived at modules' ports: all UARTs have one interrupt. A port that no
    /// module has used is left alone.
    fn take_serial(&mut self, notes: &mut Notes) {
        for (receiver, notes) in self.serial.iter_mut().zip(&mut notes.serial) {
            if notes.is_heard() && receiver.is_due() {
                receiver.take(|byte| notes.note(byte));
            }
        }
    }

    fn take_edges(&mut self, notes: &mut Notes) {
        let now_us = Clock::new(self.timer).now_us();
        notes.saw(&self.pads.take(), now_us);
    }
}

/// Sleeps until an interrupt, or returns at once where one came since this last returned. What it noted can
/// be taken then.
pub fn idle() {
    // Masked, so that an interrupt between the look and the sleep still ends the sleep.
    critical_section::with(|cs| {
        if !STATE.borrow_ref(cs).notes.fresh {
            wait_for_interrupt();
        }
    });
    // The one that ended it has been handled; whatever comes from here on is for the next call.
    with(|state| state.notes.fresh = false);
}

/// Ends [`idle`] at this time, in microseconds since boot, or at once where it has passed; in the place of
/// any time before. `None` takes it back.
pub fn set_alarm(at_us: Option<u64>) {
    with(|state| {
        let Some(hardware) = &mut state.hardware else { return };
        let at = at_us.map(|us| Clock::new(hardware.timer).ticks_at(us));
        state.notes.deadlines.set_alarm(at);
        hardware.timer.interrupt_at(state.notes.deadlines.next());
    });
}

/// The next byte of the link, if one has arrived.
pub fn receive() -> Option<u8> {
    with(|state| {
        let byte = state.notes.bytes.pop_front();
        // Not at the first free place: an interrupt for each byte would follow.
        if state.paused
            && state.notes.bytes.is_empty()
            && let Some(Hardware { receiver: Some(receiver), .. }) = &mut state.hardware
        {
            state.paused = false;
            receiver.listen();
        }
        byte
    })
}

/// Returns whether bytes of the link wait.
pub fn has_received() -> bool {
    with(|state| !state.notes.bytes.is_empty())
}

/// Bytes of the link that did not arrive whole, or after which others were lost, since boot.
pub fn broken_bytes() -> u32 {
    with(|state| state.notes.broken_bytes)
}

/// Notes what arrives at the serial port in this place from now on, up to so many bytes that wait.
pub fn listen_serial(place: usize, room: usize) {
    with(|state| {
        let notes = state.notes.serial.get_mut(place);
        let receiver = state.hardware.as_mut().and_then(|hardware| hardware.serial.get_mut(place));
        if let (Some(notes), Some(receiver)) = (notes, receiver) {
            notes.listen(room);
            receiver.listen();
        }
    });
}

/// Takes bytes that have arrived at the serial port in this place, and returns how many. Those too that no
/// interrupt has come for yet.
pub fn take_serial(place: usize, bytes: &mut [u8]) -> usize {
    with(|state| {
        let Some(notes) = state.notes.serial.get_mut(place) else { return 0 };
        let receiver = state.hardware.as_mut().and_then(|hardware| hardware.serial.get_mut(place));
        if let Some(receiver) = receiver {
            receiver.take(|byte| notes.note(byte));
        }
        notes.take(bytes)
    })
}

/// Gives the link's UART to the first serial port: the program has no link from now on.
pub fn end_link(serial: ChipSerialReceiver) {
    with(|state| {
        if let Some(hardware) = &mut state.hardware {
            hardware.receiver = None;
            hardware.serial[0] = serial;
        }
    });
}

/// Asks for edges of a line ([`xmap_device::Board::detect`]).
pub fn detect(line: Line, rising: bool, falling: bool) {
    with(|state| {
        if let Some(hardware) = &mut state.hardware {
            hardware.pads.detect(line, rising, falling);
        }
        state.notes.detect(line, rising, falling);
    });
}

/// The oldest edge that nobody has taken ([`xmap_device::Board::take_edge`]).
pub fn take_edge() -> Option<Edge> {
    with(|state| state.notes.take_edge())
}

/// Edges that found no room since this was last asked ([`xmap_device::Board::lost_edges`]).
pub fn lost_edges() -> u32 {
    with(|state| state.notes.take_lost_edges())
}

/// Sets what makes the outputs safe where the main loop cannot: from now on, in the place of any before.
pub fn set_safe(stores: SafeStores) {
    let prepared = Prepared::from(stores);
    with(|state| state.safe = Some(prepared));
}

/// The account of starts as the program before a reset left it; `None` after a loss of power.
pub fn starts() -> Option<Starts> {
    let mut words = [0; LASTING_WORDS];
    with(|state| {
        if let Some(hardware) = &mut state.hardware {
            words = hardware.lasting.read();
        }
    });
    starts::decode(&words)
}

/// Keeps the account of starts for the program after a reset.
pub fn keep_starts(account: &Starts) {
    let words = starts::encode(account);
    let hung = starts::encode(&account.after_hang());
    with(|state| {
        state.hung = Some(hung);
        if let Some(hardware) = &mut state.hardware {
            hardware.lasting.write(&words);
        }
    });
}

/// Watches the main loop: where it does not [`feed`] for half of `timeout_ms` (1 to 15,999), the outputs are
/// made safe; where not for all of it, the chip resets, if `resets`.
pub fn watch(timeout_ms: u32, resets: bool) {
    with(|state| {
        let Some(hardware) = &mut state.hardware else { return };
        state.patience = Clock::new(hardware.timer).ticks_at(u64::from(timeout_ms) * 500);
        if resets {
            hardware.watchdog.start(timeout_ms);
        }
    });
    feed();
}

/// Says that the main loop still runs. Nobody else says so, but for [`feed_in_wait`].
pub fn feed() {
    with(|state| {
        state.feeds_us = FED_US_MAX;
        state.feed();
    });
}

/// Says that the main loop is in a wait of `us` microseconds that an image's manifest allows: as long as all
/// of them since [`feed`] are no longer than [`FED_US_MAX`].
pub(crate) fn feed_in_wait(us: u32) {
    with(|state| {
        if let Some(feeds_us) = state.feeds_us.checked_sub(us) {
            state.feeds_us = feeds_us;
            state.feed();
        }
    });
}

impl State {
    fn feed(&mut self) {
        let Some(hardware) = &mut self.hardware else { return };
        hardware.watchdog.feed();
        if self.patience != 0 {
            let until = hardware.timer.ticks() + self.patience;
            self.notes.deadlines.fed_until(Some(until));
            hardware.timer.interrupt_at(self.notes.deadlines.next());
        }
    }
}

/// Returns how often the main loop did not feed in time, and the outputs were made safe without it, since
/// this was last asked.
pub fn take_starved() -> u32 {
    with(|state| mem::take(&mut state.notes.starved))
}

/// Makes the outputs safe on the way to a stop, as far as it is known how. Does nothing where the program
/// stopped within this very module.
pub(crate) fn make_safe() {
    critical_section::with(|cs| {
        let Ok(mut state) = STATE.borrow(cs).try_borrow_mut() else { return };
        let State { hardware: Some(hardware), safe: Some(safe), .. } = &mut *state else { return };
        hardware.pads.make_safe(safe);
    });
}

/// Restarts the device: sends what waits, and lets the chip reset, at which every line becomes an input.
pub fn reset(uart: &mut Uart<'_>) -> ! {
    uart.flush();
    with(|state| {
        if let Some(hardware) = &mut state.hardware {
            hardware.watchdog.reset();
        }
    });
    // Masked and asleep until it comes.
    halt()
}
