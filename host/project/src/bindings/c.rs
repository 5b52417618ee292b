//! A header of C.

use xmap_compiler::manifest::Value;
use xmap_image::Ty;

use super::{DeviceName, Export, Names};

/// Writes the header.
pub(super) fn write(names: &Names<'_>) -> String {
    let guard = format!("{}_BINDINGS_H", names.module.to_ascii_uppercase());
    let mut out = format!("/* {} */\n#ifndef {guard}\n#define {guard}\n\n#include \"xmap.h\"\n", names.title);
    let mut push = |text: String| out.push_str(&text);
    if !names.lines.is_empty() {
        push("\n/* Lines. */\nenum {\n".into());
        for line in &names.lines {
            push(format!("    PIN_{} = {},\n", line.word.to_ascii_uppercase(), line.line.number()));
        }
        push("};\n".into());
    }
    for line in &names.lines {
        let (word, pin) = (&line.word, format!("PIN_{}", line.word.to_ascii_uppercase()));
        push("\n".into());
        for (signature, body) in line.functions([
            (format!("bool {word}_get(void)"), format!("return xmap_gpio_get({pin}) != 0;")),
            (format!("void {word}_set(bool high)"), format!("xmap_gpio_set({pin}, high);")),
            (format!("void {word}_toggle(void)"), format!("xmap_gpio_toggle({pin});")),
            (format!("void {word}_direction(bool out)"), format!("xmap_gpio_direction({pin}, out);")),
            (format!("void {word}_pull(enum xmap_pull pull)"), format!("xmap_gpio_pull({pin}, pull);")),
        ]) {
            push(format!("static inline {signature} {{ {body} }}\n"));
        }
    }
    let constant =
        |device: &DeviceName| format!("{}_{}", device.kind.title(), device.word.to_ascii_uppercase());
    if !names.devices.is_empty() {
        push("\n/* Devices on buses. */\nenum {\n".into());
        for device in &names.devices {
            push(format!("    {} = {},\n", constant(device), device.index));
        }
        push("};\n".into());
    }
    for device in &names.devices {
        let (word, index, function) = (&device.word, constant(device), device.kind.function());
        push(format!(
            "\nstatic inline int32_t {word}_{function}(const void *wptr, uint32_t wlen, void *rptr, uint32_t \
             rlen) {{\n    return xmap_{}_{function}({index}, wptr, wlen, rptr, rlen);\n}}\n",
            device.kind.table()
        ));
    }
    for channel in &names.channels {
        let (word, index) = (&channel.word, channel.index);
        let constant = format!("PWM_{}", word.to_ascii_uppercase());
        push(format!("\n/* PWM channel {index}. */\nenum {{ {constant} = {index} }};\n"));
        push(format!(
            "static inline void {word}_duty(uint16_t duty) {{ xmap_pwm_duty({constant}, duty); }}\n"
        ));
        push(format!(
            "static inline void {word}_pulse_us(uint32_t us) {{ xmap_pwm_pulse_us({constant}, us); }}\n"
        ));
    }
    for port in &names.ports {
        let (word, index) = (&port.word, port.index);
        let constant = format!("UART_{}", word.to_ascii_uppercase());
        push(format!("\n/* Serial port {index}. */\nenum {{ {constant} = {index} }};\n"));
        push(format!(
            "static inline int32_t {word}_write(const void *ptr, uint32_t len) {{\n    \
             return xmap_uart_write({constant}, ptr, len);\n}}\n"
        ));
        push(format!(
            "static inline int32_t {word}_read(void *ptr, uint32_t len) {{\n    \
             return xmap_uart_read({constant}, ptr, len);\n}}\n"
        ));
    }
    let prototypes: Vec<String> = names.exports.iter().filter_map(prototype).collect();
    if !prototypes.is_empty() {
        push("\n/* Functions of [exports]: a definition that differs does not compile. */\n".into());
        prototypes.into_iter().for_each(&mut push);
    }
    out + &format!("\n#endif /* {guard} */\n")
}

/// The declaration of an export; `None` where C has none for its results.
fn prototype(export: &Export<'_>) -> Option<String> {
    let (params, result) = export.signature(|name, value| match value {
        Value::Scalar(ty) => format!("{} {name}", scalar(ty)),
        Value::Bytes(_) => format!("const uint8_t *{name}, uint32_t {name}_len"),
        Value::Str(_) => format!("const char *{name}, uint32_t {name}_len"),
    })?;
    let (name, result) = (export.name, result.map_or("void", scalar));
    let params = if params.is_empty() { "void" } else { &params };
    Some(format!("XMAP_EXPORT({name}) {result} {name}({params});\n"))
}

const fn scalar(ty: Ty) -> &'static str {
    match ty {
        Ty::Bool => "bool",
        Ty::U8 => "uint8_t",
        Ty::I8 => "int8_t",
        Ty::U16 => "uint16_t",
        Ty::I16 => "int16_t",
        Ty::U32 => "uint32_t",
        Ty::U64 => "uint64_t",
        Ty::I64 => "int64_t",
        Ty::F32 => "float",
        Ty::F64 => "double",
        Ty::BytesPtr => "const uint8_t *",
        Ty::I32 | Ty::StrPtr | Ty::Len => "int32_t",
    }
}
