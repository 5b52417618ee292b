/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * xmap.h: what a panel written in C or C++ may call.
 *
 * Every function here is a WebAssembly import that `xmap build` turns into one native operation;
 * there is nothing to link. docs/guest.md has the exact compiler flags and the whole table.
 *
 * A `pin` is a GPIO line number as the manifest's [pins] table declares it. A line that is not
 * declared, or a write to an input, is a compile-time error where the number is constant and a
 * trap where it is not. A call that cannot be done does not return; how a transfer on a bus ended is a
 * value (enum xmap_bus).
 */
#ifndef XMAP_H
#define XMAP_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
#define XMAP_C_ extern "C"
#else
#define XMAP_C_ extern
#endif

#define XMAP_IMPORT_(module, name) \
    XMAP_C_ __attribute__((import_module(#module), import_name(#name)))

/* Makes a function an export under its own name: `XMAP_EXPORT(lamp_on) void lamp_on(void) {...}`. */
#ifdef __cplusplus
#define XMAP_EXPORT(name) extern "C" __attribute__((export_name(#name)))
#else
#define XMAP_EXPORT(name) __attribute__((export_name(#name)))
#endif

/* Levels of xmap_log_message; any other number reads as XMAP_WARN. */
enum xmap_level { XMAP_DEBUG = 0, XMAP_INFO = 1, XMAP_WARN = 2 };

/* Pull resistors of xmap_gpio_pull; any other number is a trap. */
enum xmap_pull { XMAP_PULL_NONE = 0, XMAP_PULL_UP = 1, XMAP_PULL_DOWN = 2 };

/* Drives an output: any non-zero `val` is high. */
XMAP_IMPORT_(gpio, set) void xmap_gpio_set(int32_t pin, int32_t val);

/* The level of a line, 0 or 1; of an output, what the pin really carries. */
XMAP_IMPORT_(gpio, get) int32_t xmap_gpio_get(int32_t pin);

/* Reads the level of an output, then drives the opposite. */
XMAP_IMPORT_(gpio, toggle) void xmap_gpio_toggle(int32_t pin);

/*
 * Drives up to 32 lines of one bank (bank 0 has lines 0-31, bank 1 the next) in one store for each mask:
 * first the lines of `clear` go low, then those of `set` go high. A zero mask stores nothing.
 */
XMAP_IMPORT_(gpio, write) void xmap_gpio_write(int32_t bank, uint32_t set, uint32_t clear);

/* The levels of a bank's declared lines, line 32 * bank in bit 0; other bits are 0. */
XMAP_IMPORT_(gpio, read) uint32_t xmap_gpio_read(int32_t bank);

/* Makes a line that the manifest declares `inout` an output (out != 0) or an input (out == 0). */
XMAP_IMPORT_(gpio, direction) void xmap_gpio_direction(int32_t pin, int32_t out);

/* Connects a line's pull resistor; see enum xmap_pull. */
XMAP_IMPORT_(gpio, pull) void xmap_gpio_pull(int32_t pin, int32_t pull);

/* Microseconds since boot; never goes back. */
XMAP_IMPORT_(time, now_us) int64_t xmap_time_now_us(void);

/* Microseconds since 1970, UTC; negative while the time is not known. It may go back. */
XMAP_IMPORT_(time, unix_us) int64_t xmap_time_unix_us(void);

/* Minute of the day in the manifest's zone, 0 to 1439; -1 while the time is not known. */
XMAP_IMPORT_(time, local_minute) int32_t xmap_time_local_minute(void);

/* Busy wait of `us` microseconds (0 to 2^32-1), counted against the export's time limit. */
XMAP_IMPORT_(time, delay_us) void xmap_time_delay_us(uint32_t us);

/* Passes `len` bytes of UTF-8 at `text` on to the host; other bytes are a trap. */
XMAP_IMPORT_(log, message) void xmap_log_message(int32_t level, const char *text, uint32_t len);

/* Fills `len` bytes at `bytes` with random numbers; a trap on a board that has none. */
XMAP_IMPORT_(random, get) void xmap_random_get(void *bytes, uint32_t len);

/*
 * Ends the call with the trap `refused` and this reason: the panel says no, and no policy follows. Does not
 * return.
 */
XMAP_IMPORT_(call, refuse) void xmap_call_refuse(int32_t reason);

/* How a transfer on a bus ended. */
enum xmap_bus {
    XMAP_BUS_OK = 0,
    XMAP_BUS_NACK = 1,             /* the device did not acknowledge */
    XMAP_BUS_TIMEOUT = 2,          /* not done at the manifest's time limit, and ended */
    XMAP_BUS_ARBITRATION_LOST = 3, /* another controller drove the bus */
    XMAP_BUS_BUSY = 4,             /* a line was held low, and could not be freed */
    XMAP_BUS_OVERRUN = 5           /* bytes were lost */
};

/*
 * Writes `wlen` bytes to an I2C device, then reads `rlen` bytes after a repeated start; without either it
 * sends the address alone. `device` is the index of a table [i2c.NAME] of the manifest, from 0. Returns
 * enum xmap_bus. The two ranges may overlap.
 */
XMAP_IMPORT_(i2c, write_read) int32_t xmap_i2c_write_read(int32_t device, const void *wptr, uint32_t wlen,
                                                          void *rptr, uint32_t rlen);

/*
 * Sends `wlen` bytes to an SPI device and takes `rlen` of those that come meanwhile: as many clocks as the longer
 * of both needs, with zeros behind what is sent. `device` is the index of a table [spi.NAME] of the manifest,
 * from 0. Returns enum xmap_bus. The two ranges may overlap.
 */
XMAP_IMPORT_(spi, transfer) int32_t xmap_spi_transfer(int32_t device, const void *wptr, uint32_t wlen,
                                                      void *rptr, uint32_t rlen);

/*
 * Sets how much of each period a PWM channel is high: 0 nothing, 65535 all of it. `channel` is the index of a
 * table [pwm.NAME] of the manifest, from 0.
 */
XMAP_IMPORT_(pwm, duty) void xmap_pwm_duty(int32_t channel, int32_t duty);

/* Sets how many microseconds of each period a PWM channel is high; more than the period is a trap. */
XMAP_IMPORT_(pwm, pulse_us) void xmap_pwm_pulse_us(int32_t channel, uint32_t us);

/*
 * Sends `len` bytes on a serial port, and returns when the last has left: enum xmap_bus. `device` is the index of
 * a table [uart.NAME] of the manifest, from 0.
 */
XMAP_IMPORT_(uart, write) int32_t xmap_uart_write(int32_t device, const void *ptr, uint32_t len);

/* Takes up to `len` of the bytes that a serial port has received, and returns how many; it waits for none. */
XMAP_IMPORT_(uart, read) int32_t xmap_uart_read(int32_t device, void *ptr, uint32_t len);

/*
 * Begins a span with a name of `len` bytes within the one that is open; xmap_trace_end_span ends it, and those
 * that were begun in it. What the name, a key or a value is as a constant is no byte of the image: XMAP_SPAN and
 * XMAP_ATTR_* take string literals. A call ends what it leaves open. Wrong uses are told, and nothing traps.
 */
XMAP_IMPORT_(trace, start_span) int32_t xmap_trace_start_span(const char *ptr, uint32_t len);
XMAP_IMPORT_(trace, end_span) void xmap_trace_end_span(int32_t span);

/* Gives an open span a value by a key. */
XMAP_IMPORT_(trace, set_attr_i64) void xmap_trace_set_attr_i64(int32_t span, const char *kptr, uint32_t klen,
                                                               int64_t value);
XMAP_IMPORT_(trace, set_attr_f64) void xmap_trace_set_attr_f64(int32_t span, const char *kptr, uint32_t klen,
                                                               double value);
XMAP_IMPORT_(trace, set_attr_str) void xmap_trace_set_attr_str(int32_t span, const char *kptr, uint32_t klen,
                                                               const char *vptr, uint32_t vlen);

/* Begins a span, and gives a span a value, with string literals as names, keys and texts. */
#define XMAP_SPAN(name) xmap_trace_start_span("" name, sizeof(name) - 1)
#define XMAP_ATTR_I64(span, key, value) xmap_trace_set_attr_i64((span), "" key, sizeof(key) - 1, (value))
#define XMAP_ATTR_F64(span, key, value) xmap_trace_set_attr_f64((span), "" key, sizeof(key) - 1, (value))
#define XMAP_ATTR_STR(span, key, text) \
    xmap_trace_set_attr_str((span), "" key, sizeof(key) - 1, "" text, sizeof(text) - 1)

/* Logs a string literal: its length is known to the compiler, so no strlen is linked in. */
#define XMAP_LOG(level, literal) xmap_log_message((level), "" literal, sizeof(literal) - 1)

/* The bit of a line in the masks of xmap_gpio_write and xmap_gpio_read, within the line's bank. */
#define XMAP_BIT(pin) (UINT32_C(1) << ((pin) & 31))

/*
 * Lets hosts call functions with `str` and `bytes` parameters: makes the export on_arguments with a buffer of
 * `size` bytes, into which the device copies what a call brings. It is the module's until the next call.
 */
#define XMAP_ARGUMENTS(size) \
    static unsigned char xmap_arguments_[size]; \
    XMAP_EXPORT(on_arguments) void *xmap_on_arguments_(uint32_t bytes) { \
        return bytes <= sizeof xmap_arguments_ ? xmap_arguments_ : 0; \
    }

/* What a panel is mounted with. */
struct xmap_context {
    int64_t now_us; /* microseconds since boot */
};

/*
 * Makes the exports on_mount, on_tick and on_unmount of three functions:
 * `int32_t mount(const struct xmap_context *context, uint32_t *handle)`, where 0 means mounted, and
 * `void tick(uint32_t handle)`, `void unmount(uint32_t handle)`. `on_tick` runs where the manifest says when.
 */
#define XMAP_LIFECYCLE(mount, tick, unmount) \
    static uint32_t xmap_handle_; \
    XMAP_EXPORT(on_mount) int32_t xmap_on_mount_(void) { \
        struct xmap_context context = {xmap_time_now_us()}; \
        return mount(&context, &xmap_handle_); \
    } \
    XMAP_EXPORT(on_tick) void xmap_on_tick_(void) { tick(xmap_handle_); } \
    XMAP_EXPORT(on_unmount) void xmap_on_unmount_(void) { unmount(xmap_handle_); }

#endif
