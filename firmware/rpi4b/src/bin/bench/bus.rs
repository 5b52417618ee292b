//! From a call to the first byte that a bus's FIFO is given: the drivers of the flashed program, over
//! registers that read the counter.

use core::sync::atomic::{AtomicU32, Ordering};

use rpi4b::board::Buses;
use tiny_mapper::{BusStatus, I2c, I2cRow, Layer, LogLevel, Spi, SpiRow};
use xmap_bcm2711::{
    Bsc, BscBlock, BscRegister, Clock, GenericTimer, Gpio, Pi, Pmu, Registers, SpiBlock, SpiController,
    SpiRegister,
};
use xmap_boards::BoardId;

/// The counter after the first store to a FIFO; 0 before there is one.
static AT: AtomicU32 = AtomicU32::new(0);

/// Takes what the counter said after the first store to a FIFO since this was last asked.
pub(crate) fn take() -> Option<u32> {
    let at = AT.load(Ordering::Relaxed);
    AT.store(0, Ordering::Relaxed);
    (at != 0).then_some(at)
}

/// The register of a block that is its FIFO.
trait Fifo: Copy + PartialEq {
    const FIFO: Self;
}

impl Fifo for BscRegister {
    const FIFO: Self = Self::Fifo;
}

impl Fifo for SpiRegister {
    const FIFO: Self = Self::Fifo;
}

/// Registers that read the counter after the first store to the FIFO. Which one that is, is known where a
/// driver is compiled: nothing else of it costs an instruction.
struct Counted<R>(R);

impl<R: Registers<Register: Fifo>> Registers for Counted<R> {
    type Register = R::Register;

    #[inline(always)]
    fn load(&mut self, register: R::Register) -> u32 {
        self.0.load(register)
    }

    #[inline(always)]
    fn store(&mut self, register: R::Register, value: u32) {
        self.0.store(register, value);
        if register == Fifo::FIFO {
            let now = Pmu::retired();
            if AT.load(Ordering::Relaxed) == 0 {
                AT.store(now, Ordering::Relaxed);
            }
        }
    }
}

type Bare = Pi<'static, GenericTimer, fn(LogLevel, &str)>;

/// The board's bare port with I2C bus 1 and SPI bus 0.
pub(crate) struct Probe {
    registers: Bare,
    i2c: Bsc<Counted<BscBlock<'static>>>,
    spi: SpiController<Counted<SpiBlock<'static>>>,
}

impl Probe {
    pub(crate) fn new(gpio: Gpio<'static>, timer: GenericTimer, buses: Buses) -> Self {
        let [(_, i2c), ..] = buses.i2c;
        Self {
            registers: Pi::new(gpio, Clock::new(timer), |_, _| ()),
            i2c: i2c.over(Counted),
            spi: buses.spi.over(Counted),
        }
    }
}

tiny_mapper::over!([] Probe => registers: Bare);

impl Layer for Probe {
    tiny_mapper::parts!(i2c: I2c, spi: Spi);
}

/// Runs what changes `GPFSEL` while no interrupt handler may, as the flashed program does.
fn apart(f: &mut dyn FnMut()) {
    critical_section::with(|_| f());
}

impl I2c for Probe {
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let bus = device.bus(BoardId::Rpi4b)?;
        Some(self.i2c.write_read(self.registers.parts(), (bus, apart), device, write, read))
    }
}

impl Spi for Probe {
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let (bus, select) = (device.bus(BoardId::Rpi4b)?, device.select_line(BoardId::Rpi4b)?);
        Some(self.spi.transfer(self.registers.parts(), (bus, select, apart), device, write, read))
    }
}
