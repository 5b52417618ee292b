//! Host functions without ops of their own, by the numbers of their rows (`xmap_abi`).

use xmap_abi::{Cost, HostFunction};

use crate::native::{Native, paid};
use crate::window::Window;
use crate::{Fault, Port, TrapCode, memory};

impl<P: Port> Native<'_, P> {
    /// Calls the host function of a row. Its arguments stand behind the register `base`, its result will.
    /// Returns the fuel that is left of `fuel`.
    ///
    /// # Errors
    /// `Unavailable` where the board has not what the function works on; a range outside the memory; where
    /// the fuel does not cover the range; `Refused`, which is all that `call.refuse` does.
    #[inline]
    pub(crate) fn host_call(
        &mut self,
        [base, row]: [u8; 2],
        window: &mut Window,
        memory: &mut [u8],
        fuel: i64,
    ) -> Result<i64, Fault> {
        xmap_image::numbers! {
            u8 of HostFunction {
                RANDOM_GET = RandomGet,
                TIME_UNIX_US = TimeUnixUs,
                TIME_LOCAL_MINUTE = TimeLocalMinute,
                #[cfg(feature = "uptime")]
                TIME_UPTIME_S = TimeUptimeS,
                CALL_REFUSE = CallRefuse,
                I2C_WRITE_READ = I2cWriteRead,
                PWM_DUTY = PwmDuty,
                PWM_PULSE_US = PwmPulseUs,
                UART_WRITE = UartWrite,
                UART_READ = UartRead,
                SPI_TRANSFER = SpiTransfer,
                TRACE_START_SPAN = TraceStartSpan,
                TRACE_SET_ATTR_STR = TraceSetAttrStr,
            }
        }
        let arguments: [u32; 5] = [1, 2, 3, 4, 5].map(|n| window[usize::from(base.wrapping_add(n))] as u32);
        let [first, second, ..] = arguments;
        match row {
            I2C_WRITE_READ => {
                let status = self.i2c_write_read(arguments, memory)?;
                window[usize::from(base.wrapping_add(1))] = u64::from(status as u8);
                Ok(fuel)
            }
            SPI_TRANSFER => {
                let status = self.spi_transfer(arguments, memory)?;
                window[usize::from(base.wrapping_add(1))] = u64::from(status as u8);
                Ok(fuel)
            }
            RANDOM_GET => {
                const COST: Cost = HostFunction::RandomGet.row().cost;
                let bytes = memory::range_mut(memory, first, second)?;
                // Refused before it is filled.
                let left = paid(fuel, COST.fuel(second))?;
                let filled = self.port.random().is_some_and(|random| random.fill(bytes));
                if filled { Ok(left) } else { Err(unavailable(row)) }
            }
            UART_WRITE | UART_READ => {
                let result = self.uart(row, arguments, memory)?;
                window[usize::from(base.wrapping_add(1))] = u64::from(result);
                Ok(fuel)
            }
            PWM_DUTY | PWM_PULSE_US => {
                self.pwm_set(row, first, second)?;
                Ok(fuel)
            }
            TIME_UNIX_US => {
                window[usize::from(base.wrapping_add(1))] = self.port.unix_us() as u64;
                Ok(fuel)
            }
            TIME_LOCAL_MINUTE => {
                let minute = self.image.zone().minute_of_day(self.port.unix_us());
                window[usize::from(base.wrapping_add(1))] = u64::from(minute as u32);
                Ok(fuel)
            }
            // The rows of `trace` follow each other.
            TRACE_START_SPAN..=TRACE_SET_ATTR_STR => {
                let span = self.span([base, row], window, memory)?;
                if row == TRACE_START_SPAN {
                    window[usize::from(base.wrapping_add(1))] = u64::from(span);
                }
                Ok(fuel)
            }
            #[cfg(feature = "uptime")]
            TIME_UPTIME_S => {
                window[usize::from(base.wrapping_add(1))] = u64::from(self.port.uptime_s());
                Ok(fuel)
            }
            CALL_REFUSE => Err(Fault::new(TrapCode::Refused, first)),
            _ => Err(unavailable(row)),
        }
    }
}

pub(crate) const fn unavailable(row: u8) -> Fault {
    Fault::new(TrapCode::Unavailable, row as u32)
}
