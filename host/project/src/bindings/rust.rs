//! A module of a Rust crate that depends on `xmap-guest`.

use xmap_compiler::manifest::Value;
use xmap_image::Ty;

use super::{Export, Names, free};

/// Writes the module.
pub(super) fn write(names: &Names<'_>) -> String {
    let mut out = format!("//! {}\n#![allow(dead_code, unused_macros)]\n", names.title);
    let mut push = |text: String| out.push_str(&text);
    for line in &names.lines {
        let (word, number) = (free(&line.word), line.line.number());
        push(format!("\n/// Line {number}.\npub mod {word} {{\n    use xmap_guest::gpio;\n\n"));
        push(format!("    pub const LINE: u8 = {number};\n"));
        for (signature, body) in line.functions([
            ("get() -> bool", "gpio::get(LINE)"),
            ("set(high: bool)", "gpio::set(LINE, high);"),
            ("toggle()", "gpio::toggle(LINE);"),
            ("direction(out: bool)", "gpio::direction(LINE, out);"),
            ("pull(pull: gpio::Pull)", "gpio::pull(LINE, pull);"),
        ]) {
            push(format!("\n    #[inline]\n    pub fn {signature} {{\n        {body}\n    }}\n"));
        }
        push("}\n".into());
    }
    for device in &names.devices {
        let (title, kind, function) = (device.kind.title(), device.kind.table(), device.kind.function());
        push(format!(
            "\n/// {title} device {0}.\npub mod {kind}_{1} {{\n    use xmap_guest::{kind};\n\n    \
             pub const DEVICE: i32 = {0};\n\n    #[inline]\n    \
             pub fn {function}(write: &[u8], read: &mut [u8]) -> Result<(), {kind}::Error> {{\n        \
             {kind}::{function}(DEVICE, write, read)\n    }}\n}}\n",
            device.index, device.word
        ));
    }
    for channel in &names.channels {
        push(format!(
            "\n/// PWM channel {0}.\npub mod pwm_{1} {{\n    use xmap_guest::pwm;\n\n    \
             pub const CHANNEL: i32 = {0};\n\n    #[inline]\n    pub fn duty(duty: u16) {{\n        \
             pwm::duty(CHANNEL, duty);\n    }}\n\n    #[inline]\n    pub fn pulse_us(us: u32) {{\n        \
             pwm::pulse_us(CHANNEL, us);\n    }}\n}}\n",
            channel.index, channel.word
        ));
    }
    for port in &names.ports {
        push(format!(
            "\n/// Serial port {0}.\npub mod uart_{1} {{\n    use xmap_guest::uart;\n\n    \
             pub const DEVICE: i32 = {0};\n\n    #[inline]\n    \
             pub fn write(bytes: &[u8]) -> Result<(), uart::Error> {{\n        uart::write(DEVICE, bytes)\n    }}\n\n    \
             #[inline]\n    pub fn read(buffer: &mut [u8]) -> usize {{\n        uart::read(DEVICE, buffer)\n    }}\n}}\n",
            port.index, port.word
        ));
    }
    let checks: Vec<String> = names.exports.iter().filter_map(check).collect();
    if !checks.is_empty() {
        push(format!(
            "\n/// Holds the functions of [exports] against the manifest, where they stand: `check_exports!();`\n\
             macro_rules! check_exports {{\n    () => {{\n{}    }};\n}}\npub(crate) use check_exports;\n",
            checks.concat()
        ));
    }
    out
}

/// A line that compiles where the function has the types of the manifest.
fn check(export: &Export<'_>) -> Option<String> {
    let (params, result) = export.signature(|_, value| match value {
        Value::Scalar(ty) => type_name(ty).to_string(),
        Value::Bytes(_) | Value::Str(_) => "*const u8, usize".to_string(),
    })?;
    let result = result.map_or(String::new(), |ty| format!(" -> {}", type_name(ty)));
    Some(format!("        const _: extern \"C\" fn({params}){result} = {};\n", export.name))
}

const fn type_name(ty: Ty) -> &'static str {
    super::type_name(ty, "*const u8", "usize")
}
