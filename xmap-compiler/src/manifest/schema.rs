//! The JSON schema of a manifest: what editors complete and check with. Words, ranges and boards are those
//! that the manifest's own reader has; a test holds the keys of each table against it.

use serde_json::{Map, Value, json};
use xmap_boards::{BOARDS, LAST_LINE};
use xmap_image::FULL_DUTY;
use xmap_image::limits::{
    DEFAULT_FUEL, DEFAULT_IMAGE_BYTES, DEFAULT_TIME_US, I2C_ADDRESSES, MAX_I2C_BYTES, MAX_SPI_BYTES,
    MAX_UART_BYTES, UART_BAUD,
};

use super::build::BINDINGS;
use super::exports::EDGES;
use super::measure::{
    AFTER, CLOCK, DEBOUNCE, EVERY, KEEP_EVERY, LINK_TIMEOUT, MAX_BYTES, MEMORY_BYTES, Measure, PERIOD, SPEED,
    TIMEOUT, TRIAL, WAITS,
};
use super::pins::{MODES, PULLS, SAFE};
use super::policy::{CONFIRM, ON_FAULT, ON_OVERRUN};
use super::{MAX_NAME_CHARS, value::SCALARS};

/// Writes the schema (JSON Schema, draft 7).
pub fn schema() -> String {
    let most_image = BOARDS.iter().map(|board| board.limits.image_bytes).max().unwrap_or(0);
    let most_memory = BOARDS.iter().map(|board| board.limits.memory_bytes).max().unwrap_or(0);
    let boards: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
    let module = table(
        "What the module is.",
        [
            ("name", name("The module's name, for people.")),
            ("namespace", text("Stands in front of every key: words of a-z0-9_ with dots between them.")),
            ("version", whole("It only grows.", 0, u32::MAX.into())),
            ("board", json!({ "description": "The board.", "enum": boards })),
            ("wasm", text("The .wasm or .wat file, relative to this file's folder.")),
            ("contract", text("The contract that the panel keeps, as `xmap contract` writes it.")),
        ],
        &["name", "board"],
    );
    let build = table(
        "How the module is built where a source is newer than it.",
        [
            (
                "command",
                json!({
                    "description": "Variables of the environment, a program and its arguments; no shell reads them.",
                    "anyOf": [{ "type": "string", "minLength": 1 }, { "type": "array", "items": { "type": "string" } }],
                }),
            ),
            ("output", text("The module that the command writes.")),
            (
                "bindings",
                json!({
                    "description": "The file that the names of the manifest are written to, for the source.",
                    "type": "string", "pattern": format!("[.]({})$", BINDINGS.join("|")),
                }),
            ),
            ("sources", strings("Files and folders whose change makes a build necessary.")),
        ],
        &["command"],
    );
    let pin = table(
        "A line that the module may use.",
        [
            ("name", name("The line's name, for people.")),
            (
                "line",
                whole("The number of the GPIO line, where the entry goes by a name.", 0, LAST_LINE.into()),
            ),
            ("header", whole("The pin of the header that carries the line.", 1, 40)),
            ("mode", words("What the module does with the line.", MODES)),
            ("safe", words("What an output does when the module cannot say.", SAFE)),
            ("pull", words("The resistor while the line is an input.", PULLS)),
        ],
        &["mode"],
    );
    let mut device = Map::new();
    device.insert("bus".into(), whole("The number of the bus.", 0, u8::MAX.into()));
    let [least, most] = [I2C_ADDRESSES.start(), I2C_ADDRESSES.end()].map(|address| u64::from(*address));
    device.insert("address".into(), whole("The address, 7 bits.", least, most));
    measure(&mut device, &SPEED, "The rate of the clock, 100 kHz unless set.");
    device
        .insert("write_max".into(), whole("Bytes that a transfer writes at most.", 0, MAX_I2C_BYTES as u64));
    device.insert("read_max".into(), whole("Bytes that a transfer reads at most.", 0, MAX_I2C_BYTES as u64));
    measure(&mut device, &TIMEOUT, "When a transfer that is not done is ended.");
    let register = json!({
        "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": 255 },
            { "type": "string", "pattern": "^ *(0x)?[0-9a-fA-F]+ *- *(0x)?[0-9a-fA-F]+ *$" },
        ],
    });
    let registers =
        |description: &str| json!({ "description": description, "type": "array", "items": register });
    let sets = table(
        "The registers that a transfer may name with the first byte that it writes.",
        [("read", registers("Those that are read.")), ("write", registers("Those that are written."))],
        &[],
    );
    device.insert("registers".into(), sets);
    let mut device = object("A device on an I2C bus that the module may reach.", device);
    device["required"] = json!(["bus", "address", "write_max", "read_max"]);
    let mut spi = Map::new();
    spi.insert("bus".into(), whole("The number of the bus.", 0, u8::MAX.into()));
    spi.insert("cs".into(), whole("The number of the line that selects the device.", 0, u8::MAX.into()));
    spi.insert("mode".into(), whole("The mode, 0 unless set: CPOL * 2 + CPHA.", 0, 3));
    measure(&mut spi, &CLOCK, "The rate of the clock, 1 MHz unless set.");
    spi.insert("max_bytes".into(), whole("Bytes that a transfer has at most.", 1, MAX_SPI_BYTES as u64));
    measure(&mut spi, &TIMEOUT, "When a transfer that is not done is ended.");
    let mut spi = object("A device on an SPI bus that the module may reach.", spi);
    spi["required"] = json!(["bus", "cs", "max_bytes"]);
    let mut pwm = Map::new();
    pwm.insert("line".into(), whole("The line, which has a PWM channel.", 0, LAST_LINE.into()));
    measure(&mut pwm, &PERIOD, "The time from one rising edge to the next.");
    pwm.insert("frequency_hz".into(), whole("Periods in a second, in the place of `period`.", 1, 100_000));
    pwm.insert(
        "safe".into(),
        whole("The duty where the module cannot say, 0 unless set.", 0, FULL_DUTY.into()),
    );
    let mut pwm = object("A PWM channel that the module sets.", pwm);
    pwm["required"] = json!(["line"]);
    let mut uart = Map::new();
    uart.insert("port".into(), whole("The number of the port.", 0, u8::MAX.into()));
    let [slowest, fastest] = [UART_BAUD.start(), UART_BAUD.end()].map(|baud| u64::from(*baud));
    uart.insert("baud".into(), whole("Bits in a second.", slowest, fastest));
    uart.insert(
        "format".into(),
        json!({
            "description": "Data bits, parity, stop bits: 8N1 unless set.",
            "type": "string", "pattern": "^[78][NEOneo][12]$",
        }),
    );
    let most = MAX_UART_BYTES as u64;
    uart.insert("write_max".into(), whole("Bytes that a write has at most, 256 unless set.", 1, most));
    uart.insert("rx_buffer".into(), whole("Received bytes that wait at most, 256 unless set.", 1, most));
    let de = whole("The line that is high while the port sends.", 0, LAST_LINE.into());
    uart.insert("rs485".into(), table("The port drives an RS-485 bus.", [("de", de)], &["de"]));
    let mut uart = object("A serial port of the module.", uart);
    uart["required"] = json!(["port", "baud"]);
    let mut on = Map::new();
    on.insert(
        "pin".into(),
        json!({ "description": "The line: its number or its name.", "type": ["integer", "string"] }),
    );
    on.insert("header".into(), whole("The pin of the header that carries the line.", 1, 40));
    on.insert("edge".into(), words("Which change of the level.", EDGES));
    measure(&mut on, &DEBOUNCE, "How long the new level must hold.");
    measure(&mut on, &EVERY, "The period of a timer.");
    measure(&mut on, &AFTER, "Once, so long after the mount.");
    on.insert(
        "at".into(),
        json!({ "description": "A time of the day, in the zone of [clock].", "type": "string", "pattern": "^[0-9]{1,2}:[0-9]{2}$" }),
    );
    on.insert("days".into(), text("The days of the week: daily, mon-fri, `sat, sun`."));
    let export = table(
        "A function of the module that is mapped.",
        [
            ("key", text("The name under which the function is called.")),
            ("params", strings("`name: type` for each parameter.")),
            ("results", json!({ "description": "A type for each result.", "type": "array", "items": ty() })),
            ("needs", strings("Functions that a caller has to have called before.")),
            ("idempotent", json!({ "description": "A call may be repeated.", "type": "boolean" })),
            (
                "on",
                json!({
                    "description": "What calls the function.", "type": "object", "additionalProperties": false,
                    "properties": on,
                }),
            ),
        ],
        &[],
    );
    let mut limits = Map::new();
    measure(
        &mut limits,
        &MAX_BYTES,
        &format!("Bytes of the image, {DEFAULT_IMAGE_BYTES} unless set, {most_image} at most."),
    );
    measure(&mut limits, &MEMORY_BYTES, &format!("Bytes of linear memory, {most_memory} at most."));
    let fuel = format!("Words of code that a call without a bound may run, {DEFAULT_FUEL} unless set.");
    limits.insert("fuel".into(), whole(&fuel, 1, u32::MAX.into()));
    measure(&mut limits, &WAITS, &format!("What a call may wait in all, {DEFAULT_TIME_US} us unless set."));
    let mut policy = Map::new();
    policy.insert("on_trap".into(), words("What follows a trap.", ON_FAULT));
    policy.insert("on_fuel".into(), words("What follows the end of a call's fuel.", ON_FAULT));
    policy.insert("restarts".into(), whole("How often `restart` is done.", 0, u8::MAX.into()));
    policy.insert("on_overrun".into(), words("Which event goes where the queue is full.", ON_OVERRUN));
    policy.insert(
        "coalesce".into(),
        json!({ "description": "One event of a timer waits at most.", "type": "boolean" }),
    );
    measure(&mut policy, &LINK_TIMEOUT, "How long a host may be silent; 0 is for ever.");
    measure(&mut policy, &TRIAL, "How long a new image is on trial; 0 is no trial.");
    policy.insert("confirm".into(), words("Who ends the trial.", CONFIRM));
    let kept = table(
        "A stretch of linear memory.",
        [
            ("symbol", text("An exported variable.")),
            ("from", whole("An address.", 0, u32::MAX.into())),
            ("bytes", whole("How many bytes.", 1, u32::MAX.into())),
        ],
        &["bytes"],
    );
    let mut keep = Map::new();
    keep.insert("globals".into(), strings("Names of mutable globals."));
    keep.insert("memory".into(), json!({ "type": "array", "items": kept }));
    keep.insert(
        "restart".into(),
        json!({ "description": "Whether it outlives a restart of the device, too.", "type": "boolean" }),
    );
    measure(&mut keep, &KEEP_EVERY, "How often it is written where it changes: \"60s\" to \"1 d\".");
    let clock = table(
        "The wall clock.",
        [(
            "zone",
            text("The zone of local time: a name as Europe/Berlin, or a rule as CET-1CEST,M3.5.0,M10.5.0/3."),
        )],
        &["zone"],
    );
    let wasi = table(
        "What a module that asks for WASI is given.",
        [
            ("args", strings("The arguments behind the program's name.")),
            ("env", by_name("The environment.", &json!({ "type": "string" }))),
        ],
        &[],
    );
    let hooks = table(
        "Functions of the module that run with an export.",
        [
            ("before", text("Gets the arguments first; another result than 0 refuses the call.")),
            ("after", text("Gets results and arguments when the export has returned.")),
        ],
        &[],
    );
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "panel.toml: the manifest of an xmap panel",
        "type": "object",
        "additionalProperties": false,
        "required": ["module"],
        "properties": {
            "module": module,
            "build": build,
            "pins": by_name("The lines, each by its number or by a name.", &pin),
            "i2c": by_name("The devices on I2C buses, by their names.", &device),
            "spi": by_name("The devices on SPI buses, by their names.", &spi),
            "pwm": by_name("The PWM channels, by their names.", &pwm),
            "uart": by_name("The serial ports, by their names.", &uart),
            "exports": by_name("The mapped functions, by their names in the module.", &export),
            "limits": object("What the module may use.", limits),
            "policy": object("What follows a fault, and how a new image proves itself.", policy),
            "keep": object("What outlives a swap and a restart.", keep),
            "clock": clock,
            "trace": { "description": "Whether the device notes what happens in calls.", "type": "boolean" },
            "wasi": wasi,
            "hooks": by_name(
                "Functions that run before and after exports, by the exports' names in the module.",
                &hooks,
            ),
        },
    });
    serde_json::to_string_pretty(&schema).expect("a schema has nothing that JSON cannot say") + "\n"
}

fn object(description: &str, properties: Map<String, Value>) -> Value {
    json!({
        "description": description, "type": "object", "additionalProperties": false, "properties": properties,
    })
}

/// A table whose keys are names, all with values of one kind.
fn by_name(description: &str, of: &Value) -> Value {
    json!({ "description": description, "type": "object", "additionalProperties": of })
}

fn table<const N: usize>(description: &str, keys: [(&str, Value); N], required: &[&str]) -> Value {
    let mut table =
        object(description, keys.map(|(key, value)| (key.to_string(), value)).into_iter().collect());
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string", "minLength": 1 })
}

fn name(description: &str) -> Value {
    json!({ "description": description, "type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS })
}

fn strings(description: &str) -> Value {
    json!({ "description": description, "type": "array", "items": { "type": "string" } })
}

fn whole(description: &str, least: u64, most: u64) -> Value {
    json!({ "description": description, "type": "integer", "minimum": least, "maximum": most })
}

fn words<T>(description: &str, words: &[(&str, T)]) -> Value {
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    json!({ "description": description, "enum": words })
}

fn ty() -> Value {
    let scalars: Vec<&str> = SCALARS.iter().map(|ty| ty.name()).collect();
    let scalar = format!("({})( [^ ]+[.][.]=[^ ]+)?( [^ ]+)?", scalars.join("|"));
    let bytes = "((own|borrow|copy) )?(bytes([[][0-9]+[]])?|str)( [^ ]+)?";
    json!({ "type": "string", "pattern": format!("^({scalar}|{bytes})$") })
}

/// The keys of a quantity: a number of the key's own unit or a text with a unit, and a text alone.
fn measure(keys: &mut Map<String, Value>, measure: &Measure, description: &str) {
    let units = |units: &[(&str, u64)]| units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("|");
    let often = if measure.often { "|Hz|kHz|MHz" } else { "" };
    let quantity = json!({
        "type": "string", "pattern": format!("^ *[0-9]+([.][0-9]+)? *({}{often}) *$", units(measure.units)),
    });
    let number = json!({ "type": "integer", "minimum": 0 });
    keys.insert(measure.key.into(), json!({ "description": description, "anyOf": [number, quantity] }));
    if let Some(short) = measure.short {
        let mut quantity = quantity;
        quantity["description"] = json!(description);
        keys.insert(short.into(), quantity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    /// The keys that the reader knows in a table: what its help for an unknown key lists.
    fn known(manifest: &str) -> Vec<String> {
        let errors = Manifest::parse("panel.toml", manifest).unwrap_err();
        let help = errors.0.iter().find_map(|error| error.help.as_deref()?.strip_prefix("the keys are "));
        let mut keys: Vec<String> = help.expect(manifest).split(", ").map(String::from).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_schema_has_the_keys_that_the_reader_knows() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        for (manifest, pointer) in [
            ("qqqqqqqqqqqqqqq = 1", ""),
            ("[module]\nqqqqqqqqqqqqqqq = 1", "/properties/module"),
            ("[build]\nqqqqqqqqqqqqqqq = 1", "/properties/build"),
            ("[pins]\n17 = { qqqqqqqqqqqqqqq = 1 }", "/properties/pins/additionalProperties"),
            ("[i2c]\na = { qqqqqqqqqqqqqqq = 1 }", "/properties/i2c/additionalProperties"),
            (
                "[i2c]\na = { registers = { qqqqqqqqqqqqqqq = 1 } }",
                "/properties/i2c/additionalProperties/properties/registers",
            ),
            ("[spi]\na = { qqqqqqqqqqqqqqq = 1 }", "/properties/spi/additionalProperties"),
            ("[pwm]\na = { qqqqqqqqqqqqqqq = 1 }", "/properties/pwm/additionalProperties"),
            ("[uart]\na = { qqqqqqqqqqqqqqq = 1 }", "/properties/uart/additionalProperties"),
            (
                "[uart]\na = { rs485 = { qqqqqqqqqqqqqqq = 1 } }",
                "/properties/uart/additionalProperties/properties/rs485",
            ),
            ("[exports]\na = { qqqqqqqqqqqqqqq = 1 }", "/properties/exports/additionalProperties"),
            (
                "[exports]\na = { on = { qqqqqqqqqqqqqqq = 1 } }",
                "/properties/exports/additionalProperties/properties/on",
            ),
            ("[limits]\nqqqqqqqqqqqqqqq = 1", "/properties/limits"),
            ("[policy]\nqqqqqqqqqqqqqqq = 1", "/properties/policy"),
            ("[keep]\nqqqqqqqqqqqqqqq = 1", "/properties/keep"),
            ("[clock]\nqqqqqqqqqqqqqqq = 1", "/properties/clock"),
            ("[wasi]\nqqqqqqqqqqqqqqq = 1", "/properties/wasi"),
            ("[hooks]\na = { qqqqqqqqqqqqqqq = 1 }", "/properties/hooks/additionalProperties"),
            ("[keep]\nmemory = [{ qqqqqqqqqqqqqqq = 1 }]", "/properties/keep/properties/memory/items"),
        ] {
            let table = schema.pointer(pointer).expect(pointer);
            assert_eq!(table["additionalProperties"], false, "{pointer}");
            let mut keys: Vec<String> = table["properties"].as_object().unwrap().keys().cloned().collect();
            keys.sort();
            assert_eq!(keys, known(manifest), "{pointer}: the schema above says what a key takes");
        }
    }

    #[test]
    fn the_committed_schema_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/panel.schema.json");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, schema()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == schema(), "it is stale: BLESS=1 cargo test -p xmap-compiler schema");
    }
}
