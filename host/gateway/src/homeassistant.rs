//! Home Assistant's MQTT discovery: which entities a device is, each as the payload of its `config` topic.
//!
//! An output that has exports `LINE_on` and `LINE_off` is a light or a switch, any other line a binary
//! sensor; an export without parameters is a button, one with a single number a number, with a single boolean
//! a switch. Exports with results alone may have effects, so nothing calls them by itself.

use serde_json::{Value as Json, json};
use xmap::uses::line;

use crate::config::{Entity, MqttConfig};
use crate::device::Device;
use crate::shelf::{LineOf, Shelf};
use crate::state::{ExportOf, State};

/// The largest whole number that a slider may have at either end.
const SLIDER: f64 = 9_007_199_254_740_991.0;

/// Returns whether a name can stand in a topic and in an object's id.
pub fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.chars().all(plain)
}

/// The exports that turn an output on and off.
pub fn switch_of(line: &LineOf, exports: &[ExportOf]) -> Option<(String, String)> {
    let find = |end: &str| {
        let word = format!("{}_{end}", line.name);
        let is = |export: &&ExportOf| {
            export.params.is_empty() && export.key.rsplit_once('.').is_some_and(|(_, of)| of == word)
        };
        exports.iter().find(is).map(|export| export.key.clone())
    };
    if line.is_input() { None } else { Some((find("on")?, find("off")?)) }
}

/// The entities of a device: topic and payload.
pub fn entities(device: &Device, shelf: &Shelf, config: &MqttConfig) -> Vec<(String, String)> {
    let Some(discovery) = &config.discovery else { return Vec::new() };
    let state = device.state();
    let (name, prefix) = (&device.name, &config.prefix);
    let of = Common { name, prefix, firmware: state.hello["firmware"].as_str().unwrap_or_default() };
    let mut all = Vec::new();
    let mut add = |component: &str, object: &str, named: &str, mut own: Json| {
        let said = config.ha.get(&(name.to_string(), named.to_owned()));
        let component = said.and_then(|said| said.kind.as_deref()).unwrap_or(component);
        if component == "none" {
            return;
        }
        // The configuration may make another kind of it, which takes other fields.
        if let Json::Object(own) = &mut own {
            own.retain(|field, _| takes(component, field));
        }
        if let Some(said) = said {
            let texts = [
                ("name", &said.name),
                ("device_class", &said.device_class),
                ("icon", &said.icon),
                ("unit_of_measurement", &said.unit),
            ];
            for (field, text) in texts.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?))) {
                own[field] = text.as_str().into();
            }
            let numbers = [("min", said.min), ("max", said.max), ("step", said.step)];
            numbers
                .iter()
                .filter_map(|(field, of)| Some((field, (*of)?)))
                .for_each(|(field, of)| own[field] = of.into());
        }
        let object: String = object.chars().map(|c| if c == '.' { '_' } else { c }).collect();
        let topic = format!("{discovery}/{component}/xmap_{name}/{object}/config");
        all.push((topic, of.entity(&object, own).to_string()));
    };
    let lines = state.lines(shelf);
    for (_, line) in lines.iter().filter(|(_, line)| is_plain(&line.name)) {
        let topic = format!("{prefix}/{name}/line/{}", line.name);
        let mut own =
            json!({ "name": line.name, "state_topic": topic, "payload_on": "ON", "payload_off": "OFF" });
        let driven = line.is_input() && device.drivable;
        let component = match switch_of(line, &state.exports) {
            Some(_) if line.name.contains("lamp") || line.name.contains("light") => "light",
            Some(_) => "switch",
            None if driven => "switch",
            None => "binary_sensor",
        };
        if component != "binary_sensor" {
            own["command_topic"] = format!("{topic}/set").into();
        }
        add(component, &format!("line_{}", line.name), &line.name, own);
    }
    for export in state.exports.iter().filter(|export| !export.hook && is_plain(&export.key)) {
        let call = format!("{prefix}/{name}/export/{}/call", export.key);
        let object = format!("export_{}", export.key);
        match export.params[..] {
            [] if export.results.is_empty() => {
                add(
                    "button",
                    &object,
                    &export.key,
                    json!({ "name": export.key, "command_topic": call, "payload_press": "[]" }),
                );
            }
            [] if config.ha.get(&(name.to_string(), export.key.clone())).is_some_and(Entity::is_sensor) => {
                let topic = format!("{prefix}/{name}/export/{}/value", export.key);
                let mut own = json!({ "name": export.key, "state_topic": topic });
                if let Some(unit) = unit(export, &state, shelf, false) {
                    own["unit_of_measurement"] = unit.into();
                }
                add("sensor", &object, &export.key, own);
            }
            ["bool"] => {
                let own = json!({
                    "name": export.key, "command_topic": call, "payload_on": "[true]", "payload_off": "[false]",
                });
                add("switch", &object, &export.key, own);
            }
            [ty] => {
                if let Some((least, most)) = range(ty) {
                    let mut own = json!({
                        "name": export.key, "command_topic": call, "command_template": "[{{ value }}]",
                        "min": least, "max": most, "step": if ty.starts_with('f') { 0.001 } else { 1.0 },
                        "mode": "box",
                    });
                    if let Some(unit) = unit(export, &state, shelf, true) {
                        own["unit_of_measurement"] = unit.into();
                    }
                    add("number", &object, &export.key, own);
                }
            }
            _ => {}
        }
    }
    all
}

/// Returns whether a component takes a field that an entity of another kind may have.
fn takes(component: &str, field: &str) -> bool {
    match field {
        "payload_on" | "payload_off" => matches!(component, "light" | "switch" | "binary_sensor"),
        "command_topic" => matches!(component, "light" | "switch" | "button" | "number"),
        "state_topic" => component != "button",
        "payload_press" => component == "button",
        "command_template" | "min" | "max" | "step" | "mode" => component == "number",
        "unit_of_measurement" => matches!(component, "number" | "sensor"),
        _ => true,
    }
}

/// The unit of an export's parameter or result, where the map of its image says it.
fn unit(export: &ExportOf, state: &State, shelf: &Shelf, param: bool) -> Option<String> {
    let module = state.modules.iter().find(|module| module.module == export.module())?;
    let maps = shelf.maps();
    let found = line(&maps, &xmap_compiler::map::hex(&module.image?.hash), &export.key)?;
    let typed = if param { found.params.first().map(|param| &param.ty) } else { found.results.first() };
    typed?.unit.clone()
}

/// The least and the largest number of a type.
fn range(ty: &str) -> Option<(f64, f64)> {
    Some(match ty {
        "u8" => (0.0, u8::MAX.into()),
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "u16" => (0.0, u16::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "u32" => (0.0, u32::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "u64" => (0.0, SLIDER),
        "i64" | "f32" | "f64" => (-SLIDER, SLIDER),
        _ => return None,
    })
}

/// What all entities of a device have.
struct Common<'a> {
    name: &'a str,
    prefix: &'a str,
    firmware: &'a str,
}

impl Common<'_> {
    fn entity(&self, object: &str, own: Json) -> Json {
        let Self { name, prefix, firmware } = self;
        let mut entity = json!({
            "unique_id": format!("xmap_{name}_{object}"),
            "object_id": format!("{name}_{object}"),
            "availability": [{ "topic": format!("{prefix}/gateway") }, { "topic": format!("{prefix}/{name}/availability") }],
            "availability_mode": "all",
            "device": {
                "identifiers": [format!("xmap_{name}")],
                "name": name,
                "manufacturer": "xmap",
                "sw_version": firmware,
            },
            "origin": { "name": "xmap", "sw_version": env!("CARGO_PKG_VERSION") },
        });
        let Json::Object(own) = own else { return entity };
        own.into_iter().for_each(|(field, value)| entity[field] = value);
        entity
    }
}
