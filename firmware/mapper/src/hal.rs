//! Any set of `embedded-hal` pins as a [`Port`].

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{InputPin, OutputPin};
use heapless::Vec;
use xmap_boards::{Bank, Line, LineSet, PinMask};

use crate::{Clock, Function, Gpio, Log, LogLevel, Port, Pull};

/// A pin that is driven and read: `InputPin` and `OutputPin` in one.
pub trait InOut: InputPin + OutputPin {}

impl<T: InputPin + OutputPin> InOut for T {}

/// One pin of a [`HalPort`]; `E` is the error of all of them.
pub enum HalPin<'p, E> {
    /// Read.
    In(&'p mut dyn InputPin<Error = E>),
    /// Driven; its level is what was driven last, low before.
    Out(&'p mut dyn OutputPin<Error = E>),
    /// Driven and read, such as an open-drain output.
    InOut(&'p mut dyn InOut<Error = E>),
}

/// The host of a [`HalPort`]: what it needs besides pins and a delay.
pub trait HalHost {
    /// Microseconds since boot; never goes back.
    fn now_us(&mut self) -> u64;

    /// Takes a module's message. The default drops it.
    fn log(&mut self, level: LogLevel, text: &str) {
        _ = (level, text);
    }
}

/// An error of a pin: a [`Port`] cannot fail, so it is kept until [`HalPort::take_error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalError<E> {
    /// The pin's own error.
    Pin(Line, E),
    /// A line was driven that has no output pin here.
    NoOutput(Line),
    /// A line was asked to be what its pin is not: `embedded-hal` has no way to turn a pin round.
    Direction(Line),
    /// A pull was asked for: with `embedded-hal`, whoever makes the pin chooses its pull.
    Pull(Line),
}

/// Up to `N` pins as a [`Port`]. Lines without a pin read as low.
pub struct HalPort<'p, E, D, H, const N: usize> {
    pins: Vec<(Line, HalPin<'p, E>), N>,
    delay: D,
    host: H,
    /// The levels that were driven last, over all banks.
    driven: LineSet,
    error: Option<HalError<E>>,
}

impl<'p, E: embedded_hal::digital::Error, D: DelayNs, H: HalHost, const N: usize> HalPort<'p, E, D, H, N> {
    /// A port without pins.
    pub fn new(delay: D, host: H) -> Self {
        Self { pins: Vec::new(), delay, host, driven: LineSet::EMPTY, error: None }
    }

    /// Adds a pin, or replaces the one that the line has.
    ///
    /// # Errors
    /// Gives the pin back where `N` are there already.
    pub fn add(&mut self, line: Line, pin: HalPin<'p, E>) -> Result<(), HalPin<'p, E>> {
        match self.pins.iter_mut().find(|(known, _)| *known == line) {
            Some(known) => known.1 = pin,
            None => self.pins.push((line, pin)).map_err(|(_, pin)| pin)?,
        }
        Ok(())
    }

    /// The first error since the last time, if there was one.
    pub fn take_error(&mut self) -> Option<HalError<E>> {
        self.error.take()
    }

    /// Returns what stands beside the pins.
    pub fn host(&mut self) -> &mut H {
        &mut self.host
    }

    /// The delay.
    pub fn delay(&mut self) -> &mut D {
        &mut self.delay
    }

    /// Drives the lines of a mask, in the order of their numbers.
    fn drive(&mut self, bank: Bank, mask: PinMask, high: bool) {
        let Self { pins, driven, error, .. } = self;
        for line in lines_of(bank, mask) {
            let outcome = match pins.iter_mut().find(|(known, _)| *known == line) {
                Some((_, HalPin::Out(pin))) => pin.set_state(high.into()).map_err(|e| HalError::Pin(line, e)),
                Some((_, HalPin::InOut(pin))) => {
                    pin.set_state(high.into()).map_err(|e| HalError::Pin(line, e))
                }
                _ => Err(HalError::NoOutput(line)),
            };
            match outcome {
                Ok(()) if high => driven.put(line, true),
                Ok(()) => driven.put(line, false),
                Err(e) => _ = error.get_or_insert(e),
            }
        }
    }

    fn keep(&mut self, error: HalError<E>) {
        self.error.get_or_insert(error);
    }
}

/// The lines of a mask that exist.
fn lines_of(bank: Bank, mask: PinMask) -> impl Iterator<Item = Line> {
    LineSet::of_bank(bank, mask).iter()
}

impl<E: embedded_hal::digital::Error, D: DelayNs, H: HalHost, const N: usize> Gpio
    for HalPort<'_, E, D, H, N>
{
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.drive(bank, mask, true);
    }

    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.drive(bank, mask, false);
    }

    fn level(&mut self, bank: Bank) -> PinMask {
        let Self { pins, driven, error, .. } = self;
        let mut levels = 0;
        for (line, pin) in pins.iter_mut().filter(|(line, _)| line.bank() == bank) {
            let high = match pin {
                HalPin::Out(_) => Ok(driven.contains(*line)),
                HalPin::In(pin) => pin.is_high(),
                HalPin::InOut(pin) => pin.is_high(),
            };
            match high {
                Ok(true) => levels |= line.mask(),
                Ok(false) => {}
                Err(e) => _ = error.get_or_insert(HalError::Pin(*line, e)),
            }
        }
        levels
    }

    fn is_output(&mut self, line: Line) -> bool {
        self.pins.iter().any(|(known, pin)| *known == line && matches!(pin, HalPin::Out(_)))
    }

    fn select(&mut self, line: Line, function: Function) {
        let pin = self.pins.iter().find(|(known, _)| *known == line).map(|(_, pin)| pin);
        let fits = matches!(
            (pin, function),
            (Some(HalPin::InOut(_)), _)
                | (Some(HalPin::In(_)), Function::Input)
                | (Some(HalPin::Out(_)), Function::Output)
        );
        if !fits {
            self.keep(HalError::Direction(line));
        }
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        if pull != Pull::None {
            self.keep(HalError::Pull(line));
        }
    }
}

impl<E: embedded_hal::digital::Error, D: DelayNs, H: HalHost, const N: usize> Clock
    for HalPort<'_, E, D, H, N>
{
    fn now_us(&mut self) -> u64 {
        self.host.now_us()
    }

    fn delay_us(&mut self, us: u32) {
        self.delay.delay_us(us);
    }
}

impl<E: embedded_hal::digital::Error, D: DelayNs, H: HalHost, const N: usize> Log
    for HalPort<'_, E, D, H, N>
{
    fn log(&mut self, level: LogLevel, text: &str) {
        self.host.log(level, text);
    }
}

impl<E: embedded_hal::digital::Error, D: DelayNs, H: HalHost, const N: usize> Port
    for HalPort<'_, E, D, H, N>
{
}
