//! What an operator reads: states, traps, happenings and the table of modules, as text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use tiny_mapper::{Trap, TrapCode};
use xmap_link::{
    DeviceEvent, DeviceEventKind, ImageState, Life, ModuleStatus, POLICY_CODES, Rejection, RollbackReason,
    TrapReport,
};
use xmap_trust::{Exceeded, Reject};

use xmap_client::Swapped;
use xmap_compiler::map::{Origin, SourceMap, hex};

use super::rejected::rejected_text;
use super::report::uptime;

/// Maps of images that a device has or had: they turn a trap into a line of its author's source.
#[derive(Debug, Default)]
pub struct Maps {
    maps: Vec<SourceMap>,
    /// Finds the map of an image whose hash begins with some hexadecimal digits.
    find: Option<fn(&str) -> Option<SourceMap>>,
    /// Those that were looked for, by the beginnings of their images' hashes.
    found: Mutex<BTreeMap<u32, Option<SourceMap>>>,
    /// Keys of exports that the device has named, by image and position.
    keys: BTreeMap<(u32, u16), String>,
}

impl Maps {
    /// Without a map, but with a place to look for them by the beginning of an image's hash.
    pub fn found_by(find: fn(&str) -> Option<SourceMap>) -> Self {
        Self { find: Some(find), ..Self::default() }
    }

    /// Takes a map. It is used for traps of its own image only.
    pub fn add(&mut self, map: SourceMap) {
        self.maps.push(map);
    }

    /// The hashes of the maps' images, in hexadecimal, in the order in which they were taken.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.maps.iter().map(|map| map.image.as_str())
    }

    /// The map of an image, by its hash in hexadecimal, if one of the maps is it, or one is found.
    pub fn of(&self, image: &str) -> Option<SourceMap> {
        let known = self.maps.iter().find(|map| map.image == image).cloned();
        known.or_else(|| (self.find?)(image)).filter(|map| map.image == image)
    }

    /// Takes the key of a trap's export, as the device has it.
    pub fn learn(&mut self, trap: &TrapReport, key: String) {
        self.keys.insert((trap.image, trap.export), key);
    }

    /// Returns where a trap happened, if one of the maps is that of its image, or one is found.
    pub fn origin(&self, trap: &TrapReport) -> Option<Origin> {
        if trap.op == Trap::NO_OP {
            return None;
        }
        self.with(trap, |map| map.find(trap.op, Some(trap.export)))?
    }

    /// Returns where the calls were by which a trap was come to, if the map of its image is there.
    pub fn callers(&self, trap: &TrapReport, ops: &[u32]) -> Vec<Origin> {
        let find = |map: &SourceMap| ops.iter().filter_map(|op| map.find(*op, Some(trap.export))).collect();
        self.with(trap, find).unwrap_or_default()
    }

    /// Returns the key of a trap's export, if a map or the device has named it.
    pub fn key(&self, trap: &TrapReport) -> Option<String> {
        let named = self.with(trap, |map| map.exports.get(usize::from(trap.export)).cloned()).flatten();
        named.or_else(|| self.keys.get(&(trap.image, trap.export)).cloned()).filter(|key| !key.is_empty())
    }

    /// Returns whether there is the map of a trap's image.
    pub fn has(&self, trap: &TrapReport) -> bool {
        self.with(trap, |_| ()).is_some()
    }

    /// Gives the map of a trap's image to `f`. It is looked for once.
    fn with<T>(&self, trap: &TrapReport, f: impl FnOnce(&SourceMap) -> T) -> Option<T> {
        let prefix = image_digits(trap);
        if let Some(map) = self.maps.iter().find(|map| map.image.starts_with(&prefix)) {
            return Some(f(map));
        }
        let find = self.find?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.entry(trap.image).or_insert_with(|| find(&prefix)).as_ref().map(f)
    }
}

/// The beginning of the hash of a trap's image, in hexadecimal: a trap has four bytes of it.
pub fn image_digits(trap: &TrapReport) -> String {
    hex(&trap.image.to_le_bytes())
}

/// The export of a trap: its key, where that is known.
fn export_text(trap: &TrapReport, maps: &Maps) -> String {
    match maps.key(trap) {
        _ if trap.export == Trap::START => "the start function".into(),
        Some(key) => key.escape_debug().to_string(),
        None => format!("export {} of image {}", trap.export, image_digits(trap)),
    }
}

/// A trap: its export, its code, its op and, where a map knows it, its line.
pub fn trap_text(trap: &TrapReport, maps: &Maps) -> String {
    let export = export_text(trap, maps);
    let code = TrapCode::from_u8(trap.code).map_or_else(|| trap.code.to_string(), |code| code.to_string());
    let op = if trap.op == Trap::NO_OP { String::new() } else { format!(" at op {}", trap.op) };
    let origin = maps.origin(trap).map(|origin| format!(" ({origin})")).unwrap_or_default();
    format!("{export}: trap {code}{op}, detail {}{origin}", trap.detail)
}

/// Returns what became of an image.
pub fn state_text(state: &ImageState, maps: &Maps) -> String {
    match state {
        ImageState::None => "no image was given".into(),
        ImageState::Mounted => "mounted".into(),
        ImageState::Rejected { code, detail } if *code >= POLICY_CODES => {
            policy_text(code - POLICY_CODES, *detail)
        }
        ImageState::Rejected { code, detail } => {
            format!("the image was rejected: {}", rejected_text(*code, *detail))
        }
        ImageState::MountRefused { result } => {
            format!("the image was not mounted: on_mount returned {result}")
        }
        ImageState::MountTrapped(trap) => format!("the image was not mounted: {}", trap_text(trap, maps)),
    }
}

/// Returns why a policy refused an image, as far as one number says it; [`rejection_text`] has all of it.
fn policy_text(code: u16, detail: u32) -> String {
    match u8::try_from(code).ok().and_then(|code| Reject::from_parts(code, [detail, 0], "")) {
        Some(Reject::UntrustedOrigin(_)) => "reject: untrusted origin".into(),
        Some(Reject::Rollback { found: 0, .. }) => "reject: rollback".into(),
        Some(Reject::Rollback { found, .. }) => format!("reject: rollback to version {found}"),
        Some(Reject::Image(_)) => "reject: not what its seal says".into(),
        Some(Reject::Limit(Exceeded { limit, asked, .. })) => {
            format!("reject: limit {limit}: {asked} is beyond it")
        }
        Some(reject) => reject.to_string(),
        None => format!("reject: reason {code}, {detail}"),
    }
}

/// Returns why a policy refused an image: the line that `xmap verify --policy` prints for it.
pub fn rejection_text(rejection: &Rejection) -> String {
    let Rejection { code, details, text, .. } = rejection;
    match Reject::from_parts(*code, *details, text) {
        Some(reject) => reject.to_string().escape_debug().to_string(),
        None => format!("reject: reason {code}, {} {}", details[0], details[1]),
    }
}

/// Returns why an image was taken back.
pub fn why_text(why: &RollbackReason, maps: &Maps) -> String {
    match why {
        RollbackReason::Trap(trap) => trap_text(trap, maps),
        RollbackReason::NotMounted(state) => state_text(state, maps),
        RollbackReason::Unconfirmed => "nobody confirmed it in time".into(),
        RollbackReason::Asked => "a host asked for it".into(),
    }
}

/// Something that happened, without its time and its module.
pub fn happening_text(what: &DeviceEventKind, maps: &Maps) -> String {
    match what {
        DeviceEventKind::Mounted
        | DeviceEventKind::Swapped
        | DeviceEventKind::Confirmed
        | DeviceEventKind::MadeSafe
        | DeviceEventKind::Restarted
        | DeviceEventKind::Faulted
        | DeviceEventKind::Reset
        | DeviceEventKind::HostLost
        | DeviceEventKind::HostBack
        | DeviceEventKind::Overrun
        | DeviceEventKind::TransferEnded => what.words().unwrap_or_default().into(),
        DeviceEventKind::NotMounted(state) => format!("not mounted: {}", state_text(state, maps)),
        DeviceEventKind::RolledBack(why) => format!("rolled back: {}", why_text(why, maps)),
        DeviceEventKind::Trapped(trap) => trap_text(trap, maps),
        DeviceEventKind::Mistaken(trap) => {
            format!("a host's argument was refused: {}", trap_text(trap, maps))
        }
        DeviceEventKind::Refused(trap) => format!("a call was refused: {}", trap_text(trap, maps)),
        DeviceEventKind::Policy { version } => format!("policy {version} holds from now on"),
        DeviceEventKind::NotKept { thing, fault } => {
            format!("runs, and is not on the disk ({thing}): {fault}")
        }
        DeviceEventKind::KeptAgain { thing } => format!("on the disk again: {thing}"),
        DeviceEventKind::SetAside { starts } => {
            format!("its newest image was set aside: {starts} starts with it did not end well")
        }
        DeviceEventKind::Disallowed { code } => {
            format!("stopped by a new policy: {}", policy_text(code.saturating_sub(POLICY_CODES), 0))
        }
    }
}

/// `00:00:03.512  0 hall  swapped: a new image runs`.
pub fn happening_line(happening: &DeviceEvent, name: &str, maps: &Maps) -> String {
    let DeviceEvent { time_us, module, what } = happening;
    let what = happening_text(what, maps);
    format!("{}  {module} {}  {what}", uptime(*time_us), name.escape_debug())
}

/// `swapped hall: generation 4, on trial for 3.0 s`; `verb` is the first word.
pub fn swapped_text(verb: &str, name: &str, swapped: &Swapped) -> String {
    let mut text = format!("{verb} {}: generation {}", name.escape_debug(), swapped.generation);
    if swapped.trial_ms > 0 {
        write!(text, ", on trial for {:.1} s", f64::from(swapped.trial_ms) / 1000.0).expect("a string");
    }
    text
}

/// Returns what a person has to know of modules before something happens to them: which are on trial, and
/// which have no map here.
pub fn notes(modules: &[ModuleStatus], maps: &Maps) -> String {
    let mut text = String::new();
    for m in modules {
        let Some(image) = &m.image else { continue };
        let module = format!("module {} {}", m.module, m.name.as_str().escape_debug());
        let module = module.trim_end();
        let mut line = |name: &str, value: &str| {
            writeln!(text, "{name:<9} {module}{value}").expect("a string takes any text");
        };
        if m.trial_ms > 0 {
            let left = f64::from(m.trial_ms) / 1000.0;
            let value =
                format!(", {left:.1} s left: until then a fault or a restart brings the image before back");
            line("trial", &value);
        }
        if maps.of(&hex(&image.hash)).is_none() {
            line(
                "no map",
                ": its traps have no source lines here; `xmap build` writes the map, --map takes it",
            );
        }
    }
    text
}

/// Returns how the modules are: a row for each, then their counters and their latest traps.
pub fn module_table(modules: &[ModuleStatus], maps: &Maps) -> String {
    let head = ["module", "name", "life", "image", "version", "generation", "trial", "previous"];
    let rows = modules.iter().map(|m| {
        let [image, version] = m
            .image
            .map_or(["-", "-"].map(String::from), |image| [hex(&image.hash[..4]), image.version.to_string()]);
        let trial = f64::from(m.trial_ms) / 1000.0;
        [
            m.module.to_string(),
            m.name.as_str().escape_debug().to_string(),
            m.life.name().into(),
            image,
            version,
            m.generation.to_string(),
            if m.trial_ms > 0 { format!("{trial:.1} s") } else { "-".into() },
            if m.previous { "yes" } else { "no" }.into(),
        ]
    });
    let mut text = columns(&std::iter::once(head.map(String::from)).chain(rows).collect::<Vec<_>>());
    for m in modules.iter().filter(|m| m.life != Life::Unloaded) {
        let ModuleStatus { calls, traps, restarts, events, missed, dropped, coalesced, late_us, .. } = m;
        let module = format!("{} {}", m.module, m.name.as_str().escape_debug());
        let mut line = |line: String| writeln!(text, "{module}: {line}").expect("a string takes any text");
        line(format!("{calls} calls, {traps} trapped, {restarts} restarts after faults"));
        line(format!(
            "{events} events, {missed} missed, {dropped} dropped, {coalesced} merged, at most {late_us} us late"
        ));
        if let Some(trap) = &m.trap {
            line(format!("latest trap: {}", trap_text(trap, maps)));
        }
    }
    text
}

/// Rows as aligned columns.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            write!(line, "{cell:<width$}  ").expect("a string");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{json, state_help};
    use xmap_compiler::map::{MapFunction, MapOp};
    use xmap_link::{ImageInfo, KeepFault, Thing};

    fn trap(op: u32) -> TrapReport {
        TrapReport { image: 0x0403_0201, export: 2, code: TrapCode::DivideByZero as u8, op, detail: 0 }
    }

    fn maps() -> Maps {
        let at = |at, source: Option<&str>| MapOp {
            at,
            wasm: 0x40 + at,
            source: source.map(String::from),
            inlined: Vec::new(),
            message: None,
        };
        let function = |name: &str, start, ops| MapFunction {
            name: name.into(),
            start,
            ops,
            loops: Vec::new(),
            callers: Vec::new(),
            callers_of: Vec::new(),
        };
        let functions =
            vec![function("$tick", 5, vec![at(0, Some("hall.c:7:3"))]), function("#1", 9, vec![at(0, None)])];
        let map = |image: &str| SourceMap {
            format: 1,
            image: image.into(),
            functions: functions.clone(),
            exports: ["on_mount", "panel.on", "panel.on_tick"].map(String::from).to_vec(),
            globals: vec![],
            kept: Default::default(),
            contracts: Vec::new(),
            texts: Vec::new(),
        };
        let mut maps = Maps::default();
        maps.add(map("ff"));
        maps.add(map("01020304aa"));
        maps
    }

    fn hall() -> ModuleStatus {
        ModuleStatus {
            module: 0,
            life: Life::Running,
            name: "hall".try_into().unwrap(),
            image: Some(ImageInfo { hash: [0xab; 32], version: 7, exports: 12 }),
            generation: 4,
            trial_ms: 2140,
            previous: true,
            calls: 9,
            traps: 1,
            events: 40,
            missed: 2,
            dropped: 3,
            coalesced: 4,
            restarts: 5,
            late_us: 120,
            trap: Some(trap(6)),
        }
    }

    #[test]
    fn modules_read_like_this() {
        let pump = ModuleStatus { module: 1, name: "p\u{1b}".try_into().unwrap(), ..ModuleStatus::default() };
        let expected = "\
module  name     life      image     version  generation  trial  previous
0       hall     running   abababab  7        4           2.1 s  yes
1       p\\u{1b}  unloaded  -         -        0           -      no
0 hall: 9 calls, 1 trapped, 5 restarts after faults
0 hall: 40 events, 2 missed, 3 dropped, 4 merged, at most 120 us late
0 hall: latest trap: panel.on_tick: trap divide_by_zero at op 6, detail 0 (hall.c:7:3, $tick, wasm offset 0x40)
";
        assert_eq!(module_table(&[hall(), pump], &maps()), expected);
    }

    #[test]
    fn what_has_to_be_known_reads_like_this() {
        let trial = "trial     module 0 hall, 2.1 s left: until then a fault or a restart brings the image before back\n";
        let map = "no map    module 0 hall: its traps have no source lines here; `xmap build` writes the map, --map takes it\n";
        assert_eq!(notes(&[hall()], &Maps::default()), format!("{trial}{map}"));
        let good = ModuleStatus { trial_ms: 0, ..hall() };
        let mut here = maps();
        here.add(SourceMap { image: "ab".repeat(32), ..here.maps[0].clone() });
        assert_eq!(notes(&[good, ModuleStatus::default()], &here), "");
    }

    #[test]
    fn a_conflict_says_what_helps() {
        let help = |code, detail| state_help(&ImageState::Rejected { code, detail });
        for code in 281..=289 {
            assert!(
                help(code, 3 << 16 | 17)
                    .is_some_and(|help| help.starts_with("swap module 3 to what it runs"))
            );
        }
        for code in 271..=279 {
            assert!(help(code, 17).is_some_and(|help| help.contains("xmap link")));
        }
        let others = [0, 12, 270, 280, 290, 512, 768, u16::MAX];
        assert!(others.iter().all(|code| help(*code, 17).is_none()));
        assert_eq!(help(283, 200), None, "no such line");
    }

    #[test]
    fn happenings_read_like_this() {
        let happening = |what| DeviceEvent { time_us: 3_512_000, module: 0, what };
        let lines = [
            (DeviceEventKind::Mounted, "mounted"),
            (
                DeviceEventKind::NotMounted(ImageState::Rejected { code: 12, detail: 3 }),
                "not mounted: the image was rejected: the name of export 3 is malformed or out of order",
            ),
            (
                DeviceEventKind::NotMounted(ImageState::Rejected { code: 273, detail: 1 << 16 | 17 }),
                "not mounted: the image was rejected: beside module 1: one drives line 17, and the other declares it",
            ),
            (
                DeviceEventKind::NotMounted(ImageState::Rejected { code: 286, detail: 2 << 16 | 4 }),
                "not mounted: the image was rejected: beside the image that module 2 may go back to: an export of \
                 each has the same key: its export 4",
            ),
            (DeviceEventKind::Swapped, "swapped: a new image runs"),
            (DeviceEventKind::Confirmed, "confirmed"),
            (
                DeviceEventKind::RolledBack(RollbackReason::Unconfirmed),
                "rolled back: nobody confirmed it in time",
            ),
            (
                DeviceEventKind::RolledBack(RollbackReason::NotMounted(ImageState::MountTrapped(trap(9)))),
                "rolled back: the image was not mounted: panel.on_tick: trap divide_by_zero at op 9, detail 0 (#1, wasm offset 0x40)",
            ),
            (DeviceEventKind::Trapped(trap(u32::MAX)), "panel.on_tick: trap divide_by_zero, detail 0"),
            (DeviceEventKind::MadeSafe, "outputs made safe"),
            (DeviceEventKind::Restarted, "restarted after a fault"),
            (DeviceEventKind::Faulted, "faulted: it rests until it is reset"),
            (DeviceEventKind::Reset, "reset by a host"),
            (DeviceEventKind::HostLost, "no host is heard any more"),
            (DeviceEventKind::HostBack, "a host is heard again"),
            (DeviceEventKind::Overrun, "an event was lost: there was no room for it"),
            (DeviceEventKind::TransferEnded, "a transfer was given up"),
            (
                DeviceEventKind::Mistaken(trap(7)),
                "a host's argument was refused: panel.on_tick: trap divide_by_zero at op 7, detail 0 (hall.c:7:3, $tick, wasm offset 0x40)",
            ),
            (
                DeviceEventKind::Refused(trap(7)),
                "a call was refused: panel.on_tick: trap divide_by_zero at op 7, detail 0 (hall.c:7:3, $tick, wasm offset 0x40)",
            ),
            (DeviceEventKind::Policy { version: 4 }, "policy 4 holds from now on"),
            (DeviceEventKind::Disallowed { code: 772 }, "stopped by a new policy: reject: revoked"),
            (
                DeviceEventKind::NotKept { thing: Thing::Image, fault: KeepFault::System { errno: 28 } },
                "runs, and is not on the disk (the image): no space left on the disk",
            ),
            (DeviceEventKind::KeptAgain { thing: Thing::Policy }, "on the disk again: the policy"),
            (
                DeviceEventKind::SetAside { starts: 3 },
                "its newest image was set aside: 3 starts with it did not end well",
            ),
            (
                DeviceEventKind::NotMounted(ImageState::Rejected { code: 776, detail: 7 }),
                "not mounted: reject: rollback to version 7",
            ),
            (
                DeviceEventKind::NotMounted(ImageState::Rejected { code: 774, detail: 0 }),
                "not mounted: reject: untrusted origin",
            ),
            (
                DeviceEventKind::NotMounted(ImageState::Rejected { code: 779, detail: 17 }),
                "not mounted: reject: line 17 not allowed",
            ),
        ];
        for (what, expected) in lines {
            let line = happening_line(&happening(what), "hall", &maps());
            // A trap where no op was run is in no line, even if a map is that of the image.
            assert_eq!(line, format!("00:00:03.512  0 hall  {expected}"));
            let json = json::happening(8, &happening(what), "hall", &maps());
            assert_eq!(json["text"], expected);
            assert_eq!((&json["number"], &json["time_us"]), (&8.into(), &3_512_000.into()));
        }
    }

    #[test]
    fn an_export_has_the_name_that_somebody_knows() {
        let unknown = TrapReport { image: 0x4433_2211, export: 2, code: 1, op: u32::MAX, detail: 7 };
        let mut maps = maps();
        assert!(maps.has(&trap(0)) && !maps.has(&unknown));
        assert_eq!(trap_text(&unknown, &maps), "export 2 of image 11223344: trap unreachable, detail 7");
        maps.learn(&unknown, "pump.on\u{7}".into());
        assert_eq!(trap_text(&unknown, &maps), "pump.on\\u{7}: trap unreachable, detail 7");
        let start = TrapReport { export: Trap::START, ..unknown };
        assert_eq!(trap_text(&start, &maps), "the start function: trap unreachable, detail 7");
        assert_eq!(json::trap(&unknown, &maps)["key"], "pump.on\u{7}");
    }

    #[test]
    fn a_swap_reads_like_this() {
        let swapped = Swapped { module: 0, generation: 4, trial_ms: 3000 };
        assert_eq!(
            swapped_text("swapped", "hall", &swapped),
            "swapped hall: generation 4, on trial for 3.0 s"
        );
        let swapped = Swapped { trial_ms: 0, ..swapped };
        assert_eq!(swapped_text("rolled back to", "hall", &swapped), "rolled back to hall: generation 4");
    }

    #[test]
    fn scripts_read_this() {
        let module = json::module(&hall(), &maps());
        assert_eq!(module["image"]["hash"], "ab".repeat(32));
        assert_eq!(module["trap"]["source"], "hall.c:7:3");
        assert_eq!(module["trap"]["code"], "divide_by_zero");
        assert_eq!(module["life"], "running");
        let why = json::why(&RollbackReason::Trap(trap(u32::MAX)), &Maps::default());
        let expected = r#"{"because":"trap","detail":{"code":"divide_by_zero","detail":0,"export":2,"function":null,"key":null,"op":null,"source":null}}"#;
        assert_eq!(why.to_string(), expected);
        let state = json::state(&ImageState::MountRefused { result: -3 }, &maps());
        let text = "the image was not mounted: on_mount returned -3";
        assert_eq!(
            state,
            serde_json::json!({ "is": "mount_refused", "detail": { "result": -3 }, "text": text })
        );
        let swapped = json::swapped("hall", &Swapped { module: 1, generation: 2, trial_ms: 5 });
        assert_eq!(swapped.to_string(), r#"{"generation":2,"module":1,"name":"hall","trial_ms":5}"#);
    }
}
