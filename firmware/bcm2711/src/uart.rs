//! The first PL011 UART (section 11, base `0xfe20_1000`): the link.

use core::fmt;

use arm_pl011_uart::{DataBits, FifoLevel, Interrupts, LineConfig, PL011Registers, Parity, StopBits};
use safe_mmio::UniqueMmioPointer;

/// The clock of all UARTs in Hz: what `init_uart_clock` in `boards/rpi4b/config.txt` asks the Raspberry
/// Pi's firmware for.
pub(crate) const CLOCK_HZ: u32 = 48_000_000;

/// A byte did not arrive whole, or bytes before it were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UartError {
    /// The receiver's FIFO was full when another byte came.
    Overrun,
    /// The stop bit was missing: another rate, or noise.
    Framing,
    /// The line was held low for longer than a byte.
    Break,
}

/// The UART, 8 data bits, no parity, one stop bit: its rate, and what it sends. A [`Receiver`] has what
/// arrives.
pub struct Uart<'a> {
    pl011: arm_pl011_uart::Uart<'a>,
}

impl<'a> Uart<'a> {
    /// The UART as it is: enabled by [`Uart::enable`], or by an earlier owner.
    pub(crate) const fn new(registers: UniqueMmioPointer<'a, PL011Registers>) -> Self {
        Self { pl011: arm_pl011_uart::Uart::new(registers) }
    }

    /// Sets the rate and starts the UART; `None` where its clock cannot make that rate. 300 to
    /// 3,000,000 baud can be made.
    #[must_use]
    pub fn enable(mut self, baud: u32) -> Option<Self> {
        let line = LineConfig { data_bits: DataBits::Bits8, parity: Parity::None, stop_bits: StopBits::One };
        self.pl011.enable(line, baud, CLOCK_HZ).ok()?;
        Some(self)
    }

    /// Sends bytes; waits while the transmitter's FIFO is full.
    pub fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            while self.pl011.is_tx_fifo_full() {
                core::hint::spin_loop();
            }
            self.pl011.write_word(byte);
        }
    }

    /// Waits until the last byte is on the wire.
    pub fn flush(&mut self) {
        while self.pl011.is_busy() {
            core::hint::spin_loop();
        }
    }
}

/// The UART's receiving half, for an interrupt handler. The two halves change no register in common: the data
/// register is read here and written there.
pub struct Receiver<'a> {
    pl011: arm_pl011_uart::Uart<'a>,
}

impl<'a> Receiver<'a> {
    /// The receiving half of the UART, which somebody else enables.
    pub(crate) const fn new(registers: UniqueMmioPointer<'a, PL011Registers>) -> Self {
        Self { pl011: arm_pl011_uart::Uart::new(registers) }
    }

    /// Asks for an interrupt when 8 bytes have arrived, a quarter of the FIFO (the handler has the time of 24
    /// more, 2 ms at 115,200 baud), or fewer and then nothing for the time of three.
    pub fn listen(&mut self) {
        self.pl011.set_interrupt_fifo_levels(FifoLevel::Bytes8, FifoLevel::Bytes16);
        self.pl011.set_interrupt_masks(Interrupts::RXI | Interrupts::RTI);
    }

    /// Asks for no interrupt: what arrives waits in the FIFO.
    pub fn pause(&mut self) {
        self.pl011.set_interrupt_masks(Interrupts::empty());
    }

    /// Returns whether no byte waits.
    pub fn is_empty(&self) -> bool {
        self.pl011.is_rx_fifo_empty()
    }

    /// Lets go of the interrupt without taking a byte.
    pub fn clear(&mut self) {
        self.pl011.clear_interrupts(Interrupts::RXI | Interrupts::RTI);
    }

    /// Takes a received byte, if one is there. Does not wait.
    ///
    /// # Errors
    ///
    /// The byte was broken, or is the first after some were lost. It is gone.
    pub fn read(&mut self) -> Result<Option<u8>, UartError> {
        self.pl011.read_word().map_err(|error| match error {
            arm_pl011_uart::Error::Overrun => UartError::Overrun,
            arm_pl011_uart::Error::Break => UartError::Break,
            // Parity is off and nothing was configured, so that the others cannot come from a read.
            _ => UartError::Framing,
        })
    }
}

impl fmt::Write for Uart<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
}
