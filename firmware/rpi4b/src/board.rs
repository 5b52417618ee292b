//! The board as the device program sees it.

use tiny_mapper::{
    BusStatus, Clock as _, Function, Gpio as _, I2c, I2cRow, Layer, LogLevel, Pwm, PwmRow, Random, Spi,
    SpiRow, Uart, UartRow,
};
use xmap_bcm2711::{
    ChipBsc, ChipPwm, ChipSerial, ChipSpi, Clock, GenericTimer, Gpio, I2C_BUSES, Pi, SERIAL_PORTS,
};
use xmap_boards::{BoardId, Line};
use xmap_device::{Edge, Firmwares, Wall};
use xmap_link::NoFirmware;
use xmap_update::Slots;

use crate::card::WholeCard;
use crate::{interrupts, random};

/// The longest wait after which the main loop feeds the watchdog again.
const FEED_US: u32 = 100_000;

/// The Raspberry Pi 4B: its lines, its clock, and the edges that interrupt handlers noted. A module's
/// messages wait in the recorder around it, not here.
#[derive(Debug)]
pub struct Board {
    registers: Registers,
    buses: Option<Buses>,
    /// The chip has no clock that runs without power: a host sets this one.
    wall: Wall,
    /// The firmwares of the card, where it has two.
    firmwares: Result<Slots<WholeCard>, NoFirmware>,
}

/// The controllers of buses.
#[derive(Debug)]
pub struct Buses {
    /// Those of I2C, each with the number of its bus.
    pub i2c: [(u8, ChipBsc); I2C_BUSES],
    /// That of SPI bus 0.
    pub spi: ChipSpi,
    /// That of the PWM channels.
    pub pwm: ChipPwm,
    /// Those of serial ports, each with the number of its port. What they receive, interrupt handlers note.
    pub serial: [(u8, ChipSerial); SERIAL_PORTS],
}

/// The board's registers and its counter.
type Registers = Pi<'static, GenericTimer, fn(LogLevel, &str)>;

/// The board's port with its clock.
pub fn board(gpio: Gpio<'static>, timer: GenericTimer) -> Board {
    Board {
        registers: Pi::new(gpio, Clock::new(timer), |_, _| ()),
        buses: None,
        wall: Wall::default(),
        firmwares: Err(NoFirmware::NoSlots),
    }
}

impl Board {
    /// The same board with its buses.
    pub fn with_buses(self, buses: Buses) -> Self {
        Self { buses: Some(buses), ..self }
    }

    /// The same board with the firmwares of its card.
    pub(crate) fn with_firmwares(self, firmwares: Result<Slots<WholeCard>, NoFirmware>) -> Self {
        Self { firmwares, ..self }
    }

    /// A wait that an image's manifest allows is no hang: the watchdog is fed meanwhile, for a fixed time in
    /// all.
    #[cold]
    fn long_delay_us(&mut self, us: u32) {
        let mut left = us;
        while left > FEED_US {
            self.registers.delay_us(FEED_US);
            interrupts::feed_in_wait(FEED_US);
            left -= FEED_US;
        }
        self.registers.delay_us(left);
    }
}

tiny_mapper::over!([] Board => registers: Registers);

impl Layer for Board {
    fn random(&mut self) -> Option<&mut dyn Random> {
        random::is_seeded().then_some(self)
    }

    fn i2c(&mut self) -> Option<&mut dyn I2c> {
        self.buses.is_some().then_some(self)
    }

    fn pwm(&mut self) -> Option<&mut dyn Pwm> {
        self.buses.is_some().then_some(self)
    }

    fn spi(&mut self) -> Option<&mut dyn Spi> {
        self.buses.is_some().then_some(self)
    }

    fn uart(&mut self) -> Option<&mut dyn Uart> {
        self.buses.is_some().then_some(self)
    }

    fn select(&mut self, line: Line, function: Function) {
        // The register has other lines' functions, and a handler may make those inputs.
        critical_section::with(|_| self.registers.select(line, function));
    }

    fn unix_us(&mut self) -> i64 {
        self.wall.unix_us(self.registers.now_us())
    }

    fn delay_us(&mut self, us: u32) {
        if us > FEED_US {
            self.long_delay_us(us);
        } else {
            self.registers.delay_us(us);
        }
    }
}

impl Random for Board {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        random::fill(bytes)
    }
}

impl I2c for Board {
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let bus = device.bus(BoardId::Rpi4b)?;
        let controllers = self.buses.as_mut()?;
        let (_, controller) = controllers.i2c.iter_mut().find(|(number, _)| *number == bus.number)?;
        // A transfer that an image's manifest allows is no hang.
        interrupts::feed_in_wait(device.worst_us());
        Some(controller.write_read(self.registers.parts(), (bus, apart), device, write, read))
    }
}

impl Pwm for Board {
    fn set(&mut self, channel: &PwmRow, high_ns: u32) -> bool {
        let Some(line) = channel.line(BoardId::Rpi4b) else { return false };
        let Some(buses) = &mut self.buses else { return false };
        buses.pwm.set(self.registers.parts(), (line, apart), channel, high_ns)
    }
}

impl Spi for Board {
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let (bus, select) = (device.bus(BoardId::Rpi4b)?, device.select_line(BoardId::Rpi4b)?);
        let controller = &mut self.buses.as_mut().filter(|_| bus.number == 0)?.spi;
        interrupts::feed_in_wait(device.timeout_us());
        Some(controller.transfer(self.registers.parts(), (bus, select, apart), device, write, read))
    }
}

impl Board {
    /// Makes a serial port ready for a row. Returns its place among them; `None` where there is none.
    fn ready(&mut self, device: &UartRow) -> Option<usize> {
        let port = device.port(BoardId::Rpi4b)?;
        let mut ports = self.buses.as_mut()?.serial.iter_mut().enumerate();
        let (place, (_, serial)) = ports.find(|(_, (number, _))| *number == port.number)?;
        let (gpio, _) = self.registers.parts();
        if serial.prepare(gpio, (port, apart), device)? {
            interrupts::listen_serial(place, device.rx_buffer() as usize);
        }
        Some(place)
    }
}

impl Uart for Board {
    fn write(&mut self, device: &UartRow, bytes: &[u8]) -> Option<BusStatus> {
        let place = self.ready(device)?;
        // A write that an image's manifest allows is no hang.
        interrupts::feed_in_wait(device.worst_us());
        let (_, serial) = self.buses.as_mut()?.serial.get_mut(place)?;
        Some(serial.write(self.registers.parts(), apart, bytes))
    }

    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        let place = self.ready(device)?;
        Some(interrupts::take_serial(place, bytes))
    }
}

/// Runs what changes `GPFSEL` while no interrupt handler may.
fn apart(f: &mut dyn FnMut()) {
    critical_section::with(|_| f());
}

impl xmap_device::Board for Board {
    fn id(&self) -> BoardId {
        BoardId::Rpi4b
    }

    fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        interrupts::detect(line, rising, falling);
    }

    fn take_edge(&mut self) -> Option<Edge> {
        interrupts::take_edge()
    }

    fn set_unix_us(&mut self, unix_us: i64) -> bool {
        self.wall.set(unix_us, self.registers.now_us())
    }

    fn firmwares(&mut self) -> Result<&mut dyn Firmwares, NoFirmware> {
        match &mut self.firmwares {
            Ok(slots) => Ok(slots),
            Err(why) => Err(*why),
        }
    }

    fn lost_edges(&mut self) -> u32 {
        interrupts::lost_edges()
    }
}
