//! A board while a module runs on it: what goes over its buses, and the module's spans, are noted.

use tiny_mapper::{BusStatus, I2c, I2cRow, Layer, SpanText, SpanValue, Spans, Spi, SpiRow, Uart, UartRow};
use xmap_link::ring::BusKind;

use crate::{Board, Ring};

/// A board, and where is noted what a module does with it.
#[derive(Debug)]
pub struct Traced<'b, B> {
    pub(crate) board: &'b mut B,
    pub(crate) ring: &'b mut Ring,
}

tiny_mapper::over!(['b, B] Traced<'b, B> => board: &'b mut B);

impl<B: Board> Traced<'_, B> {
    /// Notes a transfer that began at a time.
    fn transfer(&mut self, bus: BusKind, place: [u8; 2], status: BusStatus, began_us: u64) {
        let now_us = self.board.stamp_us();
        let [number, address] = place;
        self.ring.bus(bus, [number, address, status as u8], now_us.saturating_sub(began_us), now_us);
    }
}

impl<B: Board> Layer for Traced<'_, B> {
    fn i2c(&mut self) -> Option<&mut dyn I2c> {
        if self.board.i2c().is_some() { Some(self) } else { None }
    }

    fn spi(&mut self) -> Option<&mut dyn Spi> {
        if self.board.spi().is_some() { Some(self) } else { None }
    }

    fn uart(&mut self) -> Option<&mut dyn Uart> {
        if self.board.uart().is_some() { Some(self) } else { None }
    }

    fn spans(&mut self) -> Option<&mut dyn Spans> {
        if Ring::BUILT { Some(self) } else { None }
    }
}

impl<B: Board> I2c for Traced<'_, B> {
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let began_us = self.board.stamp_us();
        let status = self.board.i2c()?.write_read(device, write, read)?;
        self.transfer(BusKind::I2c, [device.bus_number(), device.address()], status, began_us);
        Some(status)
    }
}

impl<B: Board> Spi for Traced<'_, B> {
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let began_us = self.board.stamp_us();
        let status = self.board.spi()?.transfer(device, write, read)?;
        Traced::transfer(self, BusKind::Spi, [device.bus_number(), device.select()], status, began_us);
        Some(status)
    }
}

impl<B: Board> Uart for Traced<'_, B> {
    fn write(&mut self, device: &UartRow, bytes: &[u8]) -> Option<BusStatus> {
        let began_us = self.board.stamp_us();
        let status = self.board.uart()?.write(device, bytes)?;
        self.transfer(BusKind::UartWrite, [device.port_number(), 0], status, began_us);
        Some(status)
    }

    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        let count = self.board.uart()?.read(device, bytes)?;
        // A module that looks whether anything has come would push all else out.
        if count > 0 {
            let now_us = self.board.stamp_us();
            self.transfer(BusKind::UartRead, [device.port_number(), 0], BusStatus::Ok, now_us);
        }
        Some(count)
    }
}

impl<B: Board> Spans for Traced<'_, B> {
    fn start(&mut self, name: SpanText<'_>) -> i32 {
        let now_us = self.board.stamp_us();
        self.ring.start_span(name, now_us)
    }

    fn end(&mut self, span: i32) {
        let now_us = self.board.stamp_us();
        self.ring.end_span(span, now_us);
    }

    fn set(&mut self, span: i32, key: SpanText<'_>, value: SpanValue<'_>) {
        let now_us = self.board.stamp_us();
        self.ring.set(span, key, value, now_us);
    }
}
