//! Functions of the guest ABI for modules in wasmi, on a board that notes no spans and has no devices.

use wasmi::{Caller, Error, Linker};

/// Links the functions of spans. `inside` says whether a text with this address and length is inside the
/// memory; each span that begins has the number `span`.
pub(crate) fn spans<T: 'static>(
    linker: &mut Linker<T>,
    span: i32,
    inside: fn(&Caller<'_, T>, u32, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    linker.func_wrap("trace", "start_span", move |c: Caller<'_, T>, at: u32, len: u32| {
        inside(&c, at, len).map(|()| span)
    })?;
    linker.func_wrap("trace", "end_span", |_: Caller<'_, T>, _: u32| ())?;
    linker.func_wrap(
        "trace",
        "set_attr_i64",
        move |c: Caller<'_, T>, _: u32, at: u32, len: u32, _: i64| inside(&c, at, len),
    )?;
    linker.func_wrap(
        "trace",
        "set_attr_f64",
        move |c: Caller<'_, T>, _: u32, at: u32, len: u32, _: f64| inside(&c, at, len),
    )?;
    linker.func_wrap(
        "trace",
        "set_attr_str",
        move |c: Caller<'_, T>, _: u32, at: u32, len: u32, value: u32, value_len: u32| {
            inside(&c, at, len)?;
            inside(&c, value, value_len)
        },
    )?;
    Ok(())
}

/// Links the functions of devices: each call is refused with this error.
pub(crate) fn devices<T: 'static>(linker: &mut Linker<T>, refused: fn() -> Error) -> Result<(), Error> {
    for (bus, name) in [("i2c", "write_read"), ("spi", "transfer")] {
        linker.func_wrap(bus, name, move |_: Caller<'_, T>, _: u32, _: u32, _: u32, _: u32, _: u32| {
            Err::<u32, _>(refused())
        })?;
    }
    for name in ["duty", "pulse_us"] {
        linker.func_wrap("pwm", name, move |_: Caller<'_, T>, _: u32, _: u32| Err::<(), _>(refused()))?;
    }
    for name in ["write", "read"] {
        linker.func_wrap("uart", name, move |_: Caller<'_, T>, _: u32, _: u32, _: u32| {
            Err::<u32, _>(refused())
        })?;
    }
    Ok(())
}
