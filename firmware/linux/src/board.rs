//! The board as the device program sees it.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use rustix::rand::{GetRandomFlags, getrandom};
use tiny_mapper::{
    BusStatus, Function, I2c, I2cRow, LogLevel, Pull, Pwm, PwmRow, Random, Spi, SpiRow, Uart, UartRow,
};
use xmap_boards::{Bank, BoardId, Line, PinMask};
use xmap_device::{Board, Edge, Firmwares};
use xmap_link::NoFirmware;

use crate::clock::{self, Clock};
use crate::edges::Edges;
use crate::guard::Watchdog;
use crate::i2c;
use crate::levels::Levels;
use crate::notify;
use crate::pwm;
use crate::registers::Registers;
use crate::spi;
use crate::uart::Ports;

/// The longest part of a wait after which systemd is told that the service still runs.
const FEED_US: u32 = 100_000;
/// Waits for which that is told between two turns of the main loop, in all: one that an image's manifest
/// allows is no hang, but none keeps the guard and the watchdog from their work for longer.
const FED_US_MAX: u32 = 4_000_000;

/// A Raspberry Pi 4B under Linux: its registers, the edges that the kernel notes, the service's clock. A
/// module's messages wait in the recorder around it.
#[derive(Debug)]
pub struct LinuxBoard {
    registers: Registers,
    sight: Sight,
    clock: Clock,
    guard: Watchdog,
    /// The kernel's buses; none where a file stands in for the chip.
    buses: Option<Buses>,
    ports: Ports,
    /// What is left of [`FED_US_MAX`].
    feeds_us: u32,
}

/// The kernel's buses and channels.
#[derive(Debug, Default)]
struct Buses {
    i2c: i2c::Buses,
    spi: spi::Devices,
    pwm: pwm::Channels,
}

/// The source of edges.
#[derive(Debug)]
pub enum Sight {
    /// The kernel.
    Kernel(Edges),
    /// Nobody notes those of a file: its levels are looked at.
    File(Levels),
}

impl LinuxBoard {
    /// The board, from its parts.
    pub const fn new(registers: Registers, sight: Sight, clock: Clock, guard: Watchdog) -> Self {
        Self {
            registers,
            sight,
            clock,
            guard,
            buses: None,
            ports: Ports::new(BTreeMap::new(), false),
            feeds_us: FED_US_MAX,
        }
    }

    /// The same board with these serial ports.
    pub fn with_ports(self, ports: Ports) -> Self {
        Self { ports, ..self }
    }

    /// The same board with the kernel's buses.
    pub fn with_buses(self) -> Self {
        Self { buses: Some(Buses::default()), ..self }
    }

    /// Says that the service still runs: in a wait of `us` microseconds that an image's manifest allows.
    fn feed_in_wait(&mut self, us: u32) {
        if let Some(feeds_us) = self.feeds_us.checked_sub(us) {
            self.feeds_us = feeds_us;
            notify::alive();
            self.guard.alive();
        }
    }

    /// The service's clock.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Returns what becomes readable when an edge came.
    pub fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match &self.sight {
            Sight::Kernel(edges) => edges.fds().collect(),
            Sight::File(_) => Vec::new(),
        }
    }

    /// Takes the edges that came: a turn of the main loop begins. When they have to be looked for again at
    /// the latest, in microseconds.
    pub fn gather(&mut self) -> u64 {
        self.feeds_us = FED_US_MAX;
        match &mut self.sight {
            Sight::Kernel(edges) => {
                edges.gather();
                u64::MAX
            }
            Sight::File(levels) => {
                if !levels.wants_any() {
                    return u64::MAX;
                }
                let now_us = self.clock.now_us();
                levels.look(now_us, self.registers.levels())
            }
        }
    }
}

impl tiny_mapper::Gpio for LinuxBoard {
    #[inline]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.registers.set(bank, mask);
    }

    #[inline]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.registers.clear(bank, mask);
    }

    #[inline]
    fn level(&mut self, bank: Bank) -> PinMask {
        self.registers.level(bank)
    }

    fn is_output(&mut self, line: Line) -> bool {
        self.registers.is_output(line)
    }

    fn select(&mut self, line: Line, function: Function) {
        let registers = &mut self.registers;
        self.guard.apart(|| registers.select(line, function));
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        self.registers.pull(line, pull);
    }
}

impl tiny_mapper::Clock for LinuxBoard {
    fn now_us(&mut self) -> u64 {
        self.clock.now_us()
    }

    fn unix_us(&mut self) -> i64 {
        clock::unix_us()
    }

    fn delay_us(&mut self, us: u32) {
        let mut left = us;
        while left > FEED_US {
            self.clock.delay_us(FEED_US);
            left -= FEED_US;
            self.feed_in_wait(FEED_US);
        }
        self.clock.delay_us(left);
    }
}

impl tiny_mapper::Log for LinuxBoard {
    fn log(&mut self, _: LogLevel, _: &str) {}
}

impl Random for LinuxBoard {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        let mut left = bytes;
        while !left.is_empty() {
            // Without waiting for the system's first entropy: nothing else would run meanwhile.
            match getrandom(&mut *left, GetRandomFlags::NONBLOCK) {
                Ok(len) => left = left.get_mut(len..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

impl I2c for LinuxBoard {
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        self.feed_in_wait(device.worst_us());
        self.buses.as_mut()?.i2c.write_read(device, write, read)
    }
}

impl Pwm for LinuxBoard {
    fn set(&mut self, channel: &PwmRow, high_ns: u32) -> bool {
        self.buses.as_mut().is_some_and(|buses| buses.pwm.set(channel, high_ns))
    }
}

impl Uart for LinuxBoard {
    fn write(&mut self, device: &UartRow, bytes: &[u8]) -> Option<BusStatus> {
        self.feed_in_wait(device.worst_us());
        let (registers, guard) = (&mut self.registers, &self.guard);
        self.ports.write(device, bytes, &mut |high| {
            let Some(line) = device.de() else { return };
            // Low before it is an output, so that nobody is driven off the bus.
            match high {
                true => {
                    registers.clear(line.bank(), line.mask());
                    guard.apart(|| registers.select(line, Function::Output));
                    registers.set(line.bank(), line.mask());
                }
                false => registers.clear(line.bank(), line.mask()),
            }
        })
    }

    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        self.ports.read(device, bytes)
    }
}

impl Spi for LinuxBoard {
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        self.feed_in_wait(device.timeout_us());
        self.buses.as_mut()?.spi.transfer(device, write, read)
    }
}

impl tiny_mapper::Port for LinuxBoard {
    fn random(&mut self) -> Option<&mut dyn Random> {
        Some(self)
    }

    fn i2c(&mut self) -> Option<&mut dyn I2c> {
        match self.buses {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn pwm(&mut self) -> Option<&mut dyn Pwm> {
        match self.buses {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn uart(&mut self) -> Option<&mut dyn Uart> {
        if self.ports.is_empty() { None } else { Some(self) }
    }

    fn spi(&mut self) -> Option<&mut dyn Spi> {
        match self.buses {
            Some(_) => Some(self),
            None => None,
        }
    }
}

impl Board for LinuxBoard {
    fn id(&self) -> BoardId {
        BoardId::Rpi4b
    }

    fn firmwares(&mut self) -> Result<&mut dyn Firmwares, NoFirmware> {
        Err(NoFirmware::Package)
    }

    fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        match &mut self.sight {
            Sight::Kernel(edges) => {
                // The kernel makes an input of a line that it is asked for. One that a module drives at the
                // moment (`inout`) goes on being driven; for some microseconds it is not.
                let output = self.registers.is_output(line);
                edges.detect(line, rising, falling);
                if output {
                    let registers = &mut self.registers;
                    self.guard.apart(|| registers.select(line, Function::Output));
                }
            }
            Sight::File(levels) => {
                let level = self.registers.level(line.bank());
                levels.detect(line, rising, falling, level & line.mask() != 0);
            }
        }
    }

    fn take_edge(&mut self) -> Option<Edge> {
        match &mut self.sight {
            Sight::Kernel(edges) => edges.take(),
            Sight::File(levels) => levels.take(),
        }
    }

    fn lost_edges(&mut self) -> u32 {
        match &mut self.sight {
            Sight::Kernel(edges) => edges.take_lost(),
            Sight::File(_) => 0,
        }
    }
}
