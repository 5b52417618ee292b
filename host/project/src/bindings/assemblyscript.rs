//! A file of AssemblyScript, beside `xmap.ts`.

use xmap_compiler::manifest::Value;
use xmap_image::Ty;

use super::{Export, Kind, Names, camel, free, uncapitalised};

const INLINE: &str = "  // @ts-ignore: decorator\n  @inline\n";

/// Writes the file.
pub(super) fn write(names: &Names<'_>) -> String {
    let mut uses = Vec::new();
    if !names.lines.is_empty() {
        uses.push("gpio");
    }
    for kind in [Kind::I2c, Kind::Spi] {
        if names.devices.iter().any(|device| device.kind == kind) {
            uses.push(kind.table());
        }
    }
    if !names.channels.is_empty() {
        uses.push("pwm");
    }
    if !names.ports.is_empty() {
        uses.push("uart");
    }
    let mut out = format!("// {}\n", names.title);
    if !uses.is_empty() {
        out += &format!("import {{ {} }} from \"./xmap\";\n", uses.join(", "));
    }
    let mut push = |text: String| out.push_str(&text);
    for line in &names.lines {
        let (word, number) = (free(&line.word), line.line.number());
        push(format!(
            "\n/** Line {number}. */\nexport namespace {word} {{\n  export const line: i32 = {number};\n"
        ));
        for (signature, body) in line.functions([
            ("get(): bool", "return gpio.get(line) != 0;"),
            ("set(high: bool): void", "gpio.set(line, high);"),
            ("toggle(): void", "gpio.toggle(line);"),
            ("direction(out: bool): void", "gpio.direction(line, out);"),
            ("pull(pull: i32): void", "gpio.pull(line, pull);"),
        ]) {
            push(format!("\n{INLINE}  export function {signature} {{\n    {body}\n  }}\n"));
        }
        push("}\n".into());
    }
    for device in &names.devices {
        let (title, kind) = (device.kind.title(), device.kind.table());
        let function = uncapitalised(&camel(device.kind.function()));
        push(format!(
            "\n/** {title} device {0}. */\nexport namespace {kind}_{1} {{\n  export const device: i32 = {0};\n\n\
             {INLINE}  export function {function}(wptr: usize, wlen: i32, rptr: usize, rlen: i32): i32 {{\n    \
             return {kind}.{function}(device, wptr, wlen, rptr, rlen);\n  }}\n}}\n",
            device.index, device.word
        ));
    }
    for channel in &names.channels {
        push(format!(
            "\n/** PWM channel {0}. */\nexport namespace pwm_{1} {{\n  export const channel: i32 = {0};\n\n\
             {INLINE}  export function duty(value: u16): void {{\n    pwm.duty(channel, value);\n  }}\n\n\
             {INLINE}  export function pulseUs(us: u32): void {{\n    pwm.pulseUs(channel, us);\n  }}\n}}\n",
            channel.index, channel.word
        ));
    }
    for port in &names.ports {
        push(format!(
            "\n/** Serial port {0}. */\nexport namespace uart_{1} {{\n  export const device: i32 = {0};\n\n\
             {INLINE}  export function write(ptr: usize, len: i32): i32 {{\n    return uart.write(device, ptr, len);\n  }}\n\n\
             {INLINE}  export function read(ptr: usize, len: i32): i32 {{\n    return uart.read(device, ptr, len);\n  }}\n}}\n",
            port.index, port.word
        ));
    }
    let types: Vec<String> = names.exports.iter().filter_map(of).collect();
    if !types.is_empty() {
        push("\n// Types of the functions of [exports].\n".into());
        types.into_iter().for_each(&mut push);
    }
    out
}

fn of(export: &Export<'_>) -> Option<String> {
    let (params, result) = export.signature(|name, value| match value {
        Value::Scalar(ty) => format!("{}: {}", free(name), type_name(ty)),
        Value::Bytes(_) | Value::Str(_) => format!("{}: usize, {name}_len: i32", free(name)),
    })?;
    let (name, result) = (camel(export.name), result.map_or("void", type_name));
    Some(format!("export type {name} = ({params}) => {result};\n"))
}

const fn type_name(ty: Ty) -> &'static str {
    super::type_name(ty, "usize", "i32")
}
