//! The controller of a simulated bus: it clocks bit by bit, and every clock can meet a fault.

use tiny_mapper::BusStatus;
use xmap_boards::I2cBus;
use xmap_image::I2cRow;

use super::{Attached, Bus, I2cFault, Transfer};
use crate::{EventKind, SimBoard};

/// The clocks with which a recovery frees a device that waits in the middle of a byte (UM10204, section
/// 3.1.16).
const RECOVERY_CLOCKS: u32 = 9;

/// Runs one transfer; time passes on the board as on the wire.
pub(super) fn transfer(
    board: &mut SimBoard,
    lines: &I2cBus,
    bus: &mut Bus,
    row: &I2cRow,
    write: &[u8],
    read: &mut [u8],
) -> BusStatus {
    let now_ns = board.time_us().saturating_mul(1000);
    let period_ns = 1_000_000_000 / u64::from(row.speed_hz());
    let mut controller = Controller {
        board,
        lines,
        bus,
        address: row.address(),
        period_ns,
        now_ns,
        deadline_ns: now_ns + u64::from(row.timeout_us()) * 1000,
        clock: 0,
        nack: false,
        other: false,
    };
    let start_us = now_ns / 1000;
    let (mut written, mut got) = (None, None);
    let outcome = controller.run(write, read, &mut written, &mut got);
    let status = match outcome {
        Ok(()) => BusStatus::Ok,
        Err(status) => status,
    };
    controller.end(status);
    let transfer = Transfer { bus: lines.number, address: row.address(), written, read: got, status };
    board.note_at(start_us, EventKind::Transfer(transfer));
    status
}

struct Controller<'c> {
    board: &'c mut SimBoard,
    lines: &'c I2cBus,
    bus: &'c mut Bus,
    address: u8,
    period_ns: u64,
    now_ns: u64,
    deadline_ns: u64,
    /// Clocks since the transfer began.
    clock: u32,
    /// The next acknowledgement does not come.
    nack: bool,
    /// Another controller sends zeros.
    other: bool,
}

impl Controller<'_> {
    fn run(
        &mut self,
        write: &[u8],
        read: &mut [u8],
        written: &mut Option<Vec<u8>>,
        got: &mut Option<Vec<u8>>,
    ) -> Result<(), BusStatus> {
        self.wires(true, true);
        if self.bus.clock_held_ns > self.now_ns {
            self.wait_for_clock()?;
        }
        if self.bus.data_held != 0 {
            self.recover();
            if self.bus.data_held != 0 {
                return Err(BusStatus::Busy);
            }
        }
        if !write.is_empty() || read.is_empty() {
            let written = written.insert(Vec::new());
            self.begin(false)?;
            for byte in write {
                written.push(*byte);
                self.send(*byte)?;
                let acknowledges = self.addressed().is_some_and(|device| device.device.write(*byte));
                self.acknowledged(acknowledges)?;
            }
        }
        if !read.is_empty() {
            let got = got.insert(Vec::new());
            self.begin(true)?;
            let last = read.len() - 1;
            for (n, byte) in read.iter_mut().enumerate() {
                let sent = self.addressed().map_or(0xff, |device| device.device.read());
                let mut found = 0;
                for bit in (0..8).rev() {
                    let level = sent >> bit & 1 != 0;
                    found = found << 1 | u8::from(self.one_clock(true, level)?);
                }
                *byte = found;
                got.push(found);
                // Every byte but the last is acknowledged.
                self.send_bit(n == last)?;
            }
        }
        self.stop()
    }

    /// Lets go of the bus: a device that did not acknowledge gets its stop condition, a bus that is held is
    /// freed.
    fn end(&mut self, status: BusStatus) {
        match status {
            BusStatus::Ok => {}
            BusStatus::Nack => {
                if self.stop().is_err() {
                    self.recover();
                }
            }
            // The other one goes on, and ends its transfer.
            BusStatus::ArbitrationLost if self.bus.data_held == 0 => {}
            _ => self.recover(),
        }
        self.told_stop();
        self.wires(true, true);
        self.now_ns = self.now_ns.next_multiple_of(1000);
        self.pass();
    }

    /// A start condition and the address.
    fn begin(&mut self, reads: bool) -> Result<(), BusStatus> {
        let is_first = self.clock == 0;
        if !is_first {
            self.clock_falls();
            self.wires(true, false);
        }
        self.clock_begins()?;
        self.half()?;
        self.wires(true, true);
        self.half()?;
        self.wires(false, true);
        let now_us = self.now_ns / 1000;
        self.send(self.address << 1 | u8::from(reads))?;
        let acknowledges = self.addressed().is_some_and(|device| device.device.start(reads, now_us));
        self.acknowledged(acknowledges)
    }

    /// A stop condition: the data line rises while the clock is high.
    fn stop(&mut self) -> Result<(), BusStatus> {
        self.clock_falls();
        self.clock_begins()?;
        self.wires(false, false);
        self.half()?;
        self.wires(false, true);
        self.half()?;
        self.wires(true, true);
        // Something else keeps it low.
        if self.bus.data_held != 0 || self.other { Err(BusStatus::ArbitrationLost) } else { Ok(()) }
    }

    fn send(&mut self, byte: u8) -> Result<(), BusStatus> {
        (0..8).rev().try_for_each(|bit| self.send_bit(byte >> bit & 1 != 0))
    }

    /// A bit of this controller's own: it gives way where the wire has another level.
    fn send_bit(&mut self, bit: bool) -> Result<(), BusStatus> {
        let found = self.one_clock(bit, true)?;
        if bit && !found { Err(BusStatus::ArbitrationLost) } else { Ok(()) }
    }

    /// The clock in which the device pulls the data line low.
    fn acknowledged(&mut self, acknowledges: bool) -> Result<(), BusStatus> {
        // The fault of this clock itself counts.
        let level = self.one_clock_of(|controller| {
            !acknowledges || std::mem::take(&mut controller.nack) || controller.addressed().is_none()
        })?;
        if level { Err(BusStatus::Nack) } else { Ok(()) }
    }

    /// One clock; returns the level of the data line, which is low where either side pulls it.
    fn one_clock(&mut self, ours: bool, theirs: bool) -> Result<bool, BusStatus> {
        self.one_clock_of(|_| ours && theirs)
    }

    fn one_clock_of(&mut self, level: impl FnOnce(&mut Self) -> bool) -> Result<bool, BusStatus> {
        self.clock_falls();
        self.clock_begins()?;
        let level = level(self) && self.bus.data_held == 0 && !self.other;
        self.wires(level, false);
        self.half()?;
        self.wait_for_clock()?;
        self.wires(level, true);
        self.half()?;
        Ok(level)
    }

    /// Returns what comes at this clock.
    fn clock_begins(&mut self) -> Result<(), BusStatus> {
        let clock = self.clock;
        self.clock += 1;
        if let Some((at, fault)) = self.bus.fault
            && at == clock
        {
            self.bus.fault = None;
            match fault {
                I2cFault::Nack => self.nack = true,
                I2cFault::StuckData(clocks) => self.bus.data_held = clocks,
                I2cFault::StuckClock(us) => self.bus.clock_held_ns = self.now_ns + us * 1000,
                I2cFault::OtherController => self.other = true,
                I2cFault::Gone => {
                    if let Some(attached) = self.bus.devices.get_mut(&self.address) {
                        attached.is_there = false;
                    }
                }
            }
        }
        self.wait_for_clock()
    }

    /// Waits while something holds the clock line.
    fn wait_for_clock(&mut self) -> Result<(), BusStatus> {
        if self.bus.clock_held_ns <= self.now_ns {
            return Ok(());
        }
        self.clock_falls();
        self.now_ns = self.bus.clock_held_ns.min(self.deadline_ns);
        self.pass();
        if self.bus.clock_held_ns > self.deadline_ns { Err(BusStatus::Timeout) } else { Ok(()) }
    }

    /// Half a clock passes.
    fn half(&mut self) -> Result<(), BusStatus> {
        self.now_ns += self.period_ns / 2;
        if self.now_ns > self.deadline_ns {
            self.now_ns = self.deadline_ns;
            self.pass();
            return Err(BusStatus::Timeout);
        }
        self.pass();
        Ok(())
    }

    /// Up to nine clocks while something holds the data line, then a stop condition. Takes no more time than
    /// [`I2cRow::recovery_us`].
    fn recover(&mut self) {
        for _ in 0..RECOVERY_CLOCKS {
            if self.bus.data_held == 0 {
                break;
            }
            let free = self.bus.clock_held_ns <= self.now_ns;
            self.clock_falls();
            self.now_ns += self.period_ns / 2;
            self.pass();
            self.wires(true, free);
            self.now_ns += self.period_ns / 2;
            self.pass();
            if free && self.bus.data_held != u8::MAX {
                self.bus.data_held -= 1;
            }
        }
        self.clock_falls();
        self.wires(false, false);
        self.now_ns += self.period_ns / 2;
        self.pass();
        let free = self.bus.clock_held_ns <= self.now_ns;
        self.wires(false, free);
        self.now_ns += self.period_ns / 2;
        self.pass();
        self.wires(true, free);
    }

    /// The devices see the end of the transfer.
    fn told_stop(&mut self) {
        let now_us = self.now_ns / 1000;
        if let Some(attached) = self.addressed() {
            attached.device.stop(now_us);
        }
    }

    /// The device at the address, if it is there.
    fn addressed(&mut self) -> Option<&mut Attached> {
        self.bus.devices.get_mut(&self.address).filter(|attached| attached.is_there)
    }

    /// Time passes on the board.
    fn pass(&mut self) {
        let us = (self.now_ns / 1000).saturating_sub(self.board.time_us());
        if us != 0 {
            self.board.advance(us);
        }
    }

    /// The clock line falls, and the data line stays.
    fn clock_falls(&mut self) {
        let data = self.bus.noted.is_none_or(|[data, _]| data);
        self.wires(data, false);
    }

    /// Notes the levels of data and clock. Of both that change, the clock falls first and rises last.
    fn wires(&mut self, data: bool, clock: bool) {
        let data = data && self.bus.data_held == 0;
        let before = self.bus.noted.replace([data, clock]).unwrap_or([true; 2]);
        let mut lines = [(self.lines.sda, before[0], data), (self.lines.scl, before[1], clock)];
        if !clock {
            lines.reverse();
        }
        let changed = lines.into_iter().filter(|(_, before, level)| before != level);
        let changed: Vec<_> = changed.map(|(line, _, level)| (line, level)).collect();
        self.board.note_bus(&changed);
    }
}
