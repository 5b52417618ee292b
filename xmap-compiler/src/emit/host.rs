//! Host calls: with constant lines they are resolved and proven here, with others the mapper
//! checks them against the declared masks.

use xmap_abi::{Call, Capability, Cost, HostFunction};
use xmap_image::Op;

use super::select::{Callee, Machine, NONE, Selection, Slot};
use crate::diagnostic::Diagnostic;
use crate::ir::{Site, Value};

pub(super) fn select(
    to: &mut Selection<'_, '_>,
    function: HostFunction,
    def: Slot,
    args: &[Value],
) -> Result<(), Diagnostic> {
    let offset = Site::offset(&to.func.sites, to.offset);
    let constant = |n: usize| to.constant(args[n]);
    if let Cost::Range { start, len, .. } = function.row().cost
        && let (Some(start), Some(len)) = (constant(start.into()), constant(len.into()))
    {
        to.pins.range(function, start, len, offset)?;
    }
    if let Cost::Transfer { device, write, read } = function.row().cost {
        let ranges = [Some(write), read];
        let lengths = ranges.map(|range| range.and_then(|[_, len]| constant(len.into())));
        to.pins.transfer(function, constant(device.into()), lengths, offset)?;
        for (range, len) in ranges.into_iter().zip(lengths) {
            if let (Some(start), Some(len)) = (range.and_then(|[start, _]| constant(start.into())), len) {
                to.pins.range(function, start, len, offset)?;
            }
        }
    }
    if function == HostFunction::UartRead {
        to.pins.transfer(function, constant(0), [None, None], offset)?;
        if let (Some(start), Some(len)) = (constant(1), constant(2)) {
            to.pins.range(function, start, len, offset)?;
        }
    }
    if function.row().capability == Capability::Pwm {
        to.pins.channel(function, constant(0), constant(1), offset)?;
    }
    match function {
        HostFunction::GpioSet => match (constant(0), constant(1)) {
            (Some(line), value) => {
                let line = Slot::Imm(to.pins.writable(function, line, offset)?.number());
                match value {
                    Some(0) => to.abc(Op::LineClear, line, NONE, NONE),
                    Some(_) => to.abc(Op::LineSet, line, NONE, NONE),
                    None => {
                        let value = to.reg(args[1]);
                        to.abc(Op::LinePut, line, value, NONE);
                    }
                }
            }
            (None, Some(value)) => {
                let line = to.reg(args[0]);
                let op = if value == 0 { Op::GpioClear } else { Op::GpioSet };
                to.abc(op, line, NONE, NONE);
            }
            (None, None) => {
                let (line, value) = (to.reg(args[0]), to.reg(args[1]));
                to.abc(Op::GpioPut, line, value, NONE);
            }
        },
        HostFunction::GpioToggle => match constant(0) {
            Some(line) => {
                let line = to.pins.writable(function, line, offset)?;
                to.abc(Op::LineToggle, Slot::Imm(line.number()), NONE, NONE);
            }
            None => {
                let line = to.reg(args[0]);
                to.abc(Op::GpioToggle, line, NONE, NONE);
            }
        },
        HostFunction::GpioGet => match constant(0) {
            Some(line) => {
                let line = to.pins.readable(function, line, offset)?;
                to.abc(Op::LineGet, def, Slot::Imm(line.number()), NONE);
            }
            None => {
                let line = to.reg(args[0]);
                to.abc(Op::GpioGet, def, line, NONE);
            }
        },
        HostFunction::GpioRead => match constant(0) {
            Some(bank) => {
                let bank = to.pins.bank(function, bank, offset)?;
                to.abc(Op::BankRead, def, Slot::Imm(bank as u8), NONE);
            }
            None => {
                let bank = to.reg(args[0]);
                to.abc(Op::GpioRead, def, bank, NONE);
            }
        },
        HostFunction::GpioWrite => write(to, args)?,
        HostFunction::GpioDirection => {
            if let Some(line) = constant(0) {
                to.pins.configurable(function, line, offset)?;
            }
            let (line, out) = (to.reg(args[0]), to.reg(args[1]));
            to.abc(Op::GpioDirection, line, out, NONE);
        }
        HostFunction::GpioPull => {
            if let Some(line) = constant(0) {
                to.pins.configurable(function, line, offset)?;
            }
            if let Some(pull) = constant(1).filter(|pull| *pull > 2) {
                let pull = pull as u32 as i32;
                let message = format!("gpio.pull: {pull} is no pull; 0 is none, 1 up, 2 down");
                return Err(to.pins.constant_trap(offset, message));
            }
            let (line, pull) = (to.reg(args[0]), to.reg(args[1]));
            to.abc(Op::GpioPull, line, pull, NONE);
        }
        HostFunction::TimeNowUs => to.abc(Op::TimeNow, def, NONE, NONE),
        HostFunction::TimeDelayUs => {
            let us = to.reg(args[0]);
            to.abc(Op::TimeDelay, us, NONE, NONE);
        }
        HostFunction::LogMessage => {
            let [level, start, len] = [to.reg(args[0]), to.reg(args[1]), to.reg(args[2])];
            to.abc(Op::LogMessage, level, start, len);
        }
        // Any other by the number of its row.
        _ => {
            debug_assert_eq!(function.row().call, Call::Row);
            let results = if let Slot::Def(result) = def { vec![result] } else { Vec::new() };
            to.push(Machine::Call { callee: Callee::Host(function), args: args.to_vec(), results });
        }
    }
    Ok(())
}

/// `gpio.write`: with everything constant it is at most one store to clear and one to set.
fn write(to: &mut Selection<'_, '_>, args: &[Value]) -> Result<(), Diagnostic> {
    let offset = Site::offset(&to.func.sites, to.offset);
    if let Some(bank) = to.constant(args[0]) {
        let bank = to.pins.bank(HostFunction::GpioWrite, bank, offset)?;
        let masks = [to.constant(args[2]), to.constant(args[1])];
        for mask in masks.into_iter().flatten() {
            to.pins.writable_mask(bank, mask, offset)?;
        }
        if let [Some(clear), Some(set)] = masks {
            let bank = Slot::Imm(bank as u8);
            for (op, mask) in [(Op::MaskClear, clear), (Op::MaskSet, set)] {
                if mask != 0 {
                    to.push(Machine::Abc(op, [bank, NONE, NONE], vec![mask as u32]));
                }
            }
            return Ok(());
        }
    }
    let [bank, set, clear] = [to.reg(args[0]), to.reg(args[1]), to.reg(args[2])];
    to.abc(Op::GpioWrite, bank, set, clear);
    Ok(())
}
