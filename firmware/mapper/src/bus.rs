//! Transfers on buses: what is checked before a board is asked.

use xmap_abi::{BusStatus, HostFunction};
use xmap_image::limits;

use crate::host::unavailable;
use crate::native::Native;
use crate::{Fault, Port, TrapCode, memory};

impl<P: Port> Native<'_, P> {
    /// `i2c.write_read`: everything is checked before the first bit goes out.
    ///
    /// # Errors
    /// `BadArgument` with the index of a device or a length that is not declared; a range outside the memory;
    /// `Time` where the transfer could take longer than the call may wait; `Unavailable`.
    pub(crate) fn i2c_write_read(
        &mut self,
        [index, from, write_len, to, read_len]: [u32; 5],
        memory: &mut [u8],
    ) -> Result<BusStatus, Fault> {
        let bad = |value: u32| Fault::new(TrapCode::BadArgument, value);
        let device = self.image.i2c().get(index as usize).ok_or(bad(index))?;
        for (len, most) in [(write_len, device.write_max()), (read_len, device.read_max())] {
            if len > most {
                return Err(bad(len));
            }
        }
        // What is read may lie where the written bytes do.
        let mut copy = [0; limits::MAX_I2C_BYTES];
        let write = copy.get_mut(..write_len as usize).ok_or(bad(write_len))?;
        write.copy_from_slice(memory::range(memory, from, write_len)?);
        let read = memory::range_mut(memory, to, read_len)?;
        // The first byte names a register.
        let registers = self.image.i2c_registers(device);
        if registers.is_some_and(|registers| !registers.allow(write, read_len != 0)) {
            return Err(bad(write.first().copied().unwrap_or(0).into()));
        }
        self.charge_us(device.worst_us())?;
        let status = self.port.i2c().and_then(|i2c| i2c.write_read(device, write, read));
        status.ok_or(unavailable(HostFunction::I2cWriteRead as u8))
    }

    /// `spi.transfer`: everything is checked before the device is selected.
    ///
    /// # Errors
    /// As [`Native::i2c_write_read`].
    pub(crate) fn spi_transfer(
        &mut self,
        [index, from, write_len, to, read_len]: [u32; 5],
        memory: &mut [u8],
    ) -> Result<BusStatus, Fault> {
        let bad = |value: u32| Fault::new(TrapCode::BadArgument, value);
        let device = self.image.spi().get(index as usize).ok_or(bad(index))?;
        let most = device.max_bytes();
        if let Some(len) = [write_len, read_len].into_iter().find(|len| *len > most) {
            return Err(bad(len));
        }
        // What is read may lie where the written bytes do.
        let mut copy = [0; limits::MAX_SPI_BYTES];
        let write = copy.get_mut(..write_len as usize).ok_or(bad(write_len))?;
        write.copy_from_slice(memory::range(memory, from, write_len)?);
        let read = memory::range_mut(memory, to, read_len)?;
        self.charge_us(device.timeout_us())?;
        let status = self.port.spi().and_then(|spi| spi.transfer(device, write, read));
        status.ok_or(unavailable(HostFunction::SpiTransfer as u8))
    }

    /// `uart.write` and `uart.read`: returns how the write ended, or how many bytes were read.
    ///
    /// # Errors
    /// As [`Native::i2c_write_read`]; a read may ask for more than there can be.
    pub(crate) fn uart(
        &mut self,
        row: u8,
        [index, at, len, ..]: [u32; 5],
        memory: &mut [u8],
    ) -> Result<u32, Fault> {
        let bad = |value: u32| Fault::new(TrapCode::BadArgument, value);
        let device = self.image.uart().get(index as usize).ok_or(bad(index))?;
        let bytes = memory::range_mut(memory, at, len)?;
        if row == HostFunction::UartRead as u8 {
            let most = device.rx_buffer() as usize;
            let len = bytes.len().min(most);
            let bytes = bytes.get_mut(..len).unwrap_or_default();
            let count = self.port.uart().and_then(|uart| uart.read(device, bytes));
            return count.map(|count| count as u32).ok_or(unavailable(row));
        }
        if len > device.write_max() {
            return Err(bad(len));
        }
        self.charge_us(device.worst_us())?;
        let status = self.port.uart().and_then(|uart| uart.write(device, bytes));
        status.map(|status| u32::from(status as u8)).ok_or(unavailable(row))
    }

    /// Takes the longest that a transfer can last from what the call may wait.
    fn charge_us(&mut self, worst_us: u32) -> Result<(), Fault> {
        self.time_us = self.time_us.checked_sub(worst_us).ok_or(Fault::new(TrapCode::Time, worst_us))?;
        Ok(())
    }
}
