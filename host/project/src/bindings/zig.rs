//! A file of Zig, beside the module `xmap`.

use xmap_compiler::manifest::Value;
use xmap_image::Ty;

use super::{Export, Names, camel, uncapitalised};

/// Writes the file.
pub(super) fn write(names: &Names<'_>) -> String {
    let mut out = format!("//! {}\nconst xmap = @import(\"xmap\");\n", names.title);
    let mut push = |text: String| out.push_str(&text);
    for line in &names.lines {
        let (word, number) = (&line.word, line.line.number());
        // Quoted, so that a keyword is a name as well.
        push(format!(
            "\n/// Line {number}.\npub const @\"{word}\" = struct {{\n    pub const line: xmap.Pin = {number};\n"
        ));
        for (signature, body) in line.functions([
            ("get() bool", "return xmap.get(line);"),
            ("set(high: bool) void", "xmap.set(line, high);"),
            ("toggle() void", "xmap.toggle(line);"),
            ("direction(out: bool) void", "xmap.direction(line, out);"),
            ("pull(resistor: xmap.Pull) void", "xmap.pull(line, resistor);"),
        ]) {
            push(format!("    pub inline fn {signature} {{\n        {body}\n    }}\n"));
        }
        push("};\n".into());
    }
    for device in &names.devices {
        let (title, kind) = (device.kind.title(), device.kind.table());
        let function = camel(device.kind.function());
        let own = uncapitalised(&function);
        push(format!(
            "\n/// {title} device {0}.\npub const {kind}_{1} = struct {{\n    pub const device: i32 = {0};\n    \
             pub inline fn {own}(bytes: []const u8, buffer: []u8) xmap.BusError!void {{\n        \
             return xmap.{kind}{function}(device, bytes, buffer);\n    }}\n}};\n",
            device.index, device.word
        ));
    }
    for channel in &names.channels {
        push(format!(
            "\n/// PWM channel {0}.\npub const pwm_{1} = struct {{\n    pub const channel: i32 = {0};\n    \
             pub inline fn duty(value: u16) void {{\n        xmap.pwmDuty(channel, value);\n    }}\n    \
             pub inline fn pulseUs(us: u32) void {{\n        xmap.pwmPulseUs(channel, us);\n    }}\n}};\n",
            channel.index, channel.word
        ));
    }
    for port in &names.ports {
        push(format!(
            "\n/// Serial port {0}.\npub const uart_{1} = struct {{\n    pub const device: i32 = {0};\n    \
             pub inline fn write(bytes: []const u8) xmap.BusError!void {{\n        \
             return xmap.uartWrite(device, bytes);\n    }}\n    \
             pub inline fn read(buffer: []u8) usize {{\n        return xmap.uartRead(device, buffer);\n    }}\n}};\n",
            port.index, port.word
        ));
    }
    let types: Vec<String> = names.exports.iter().filter_map(of).collect();
    if !types.is_empty() {
        push(
            "\n/// Types of the functions of [exports]: `comptime { _ = @as(*const exports.Name, &name); }` holds one \
             against\n/// the manifest.\npub const exports = struct {\n"
                .into(),
        );
        types.into_iter().for_each(&mut push);
        push("};\n".into());
    }
    out
}

fn of(export: &Export<'_>) -> Option<String> {
    let (params, result) = export.signature(|name, value| match value {
        Value::Scalar(ty) => format!("@\"{name}\": {}", type_name(ty)),
        Value::Bytes(_) | Value::Str(_) => format!("@\"{name}\": [*]const u8, @\"{name}_len\": usize"),
    })?;
    let (name, result) = (camel(export.name), result.map_or("void", type_name));
    Some(format!("    pub const {name} = fn ({params}) callconv(.c) {result};\n"))
}

const fn type_name(ty: Ty) -> &'static str {
    super::type_name(ty, "[*]const u8", "usize")
}
