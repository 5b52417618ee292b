//! What the gateway knows of a device: the latest of everything, also while the device is away.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value as Json, json};
use xmap_link::{ModuleStatus, Status, split_export_id};

use crate::shelf::{LineOf, Shelf};

/// Events, messages and stores that are kept of each device.
const KEPT: usize = 64;

/// An export, as the device describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOf {
    /// Its number with its module.
    pub id: u16,
    /// Its key.
    pub key: String,
    /// Names of the types of its parameters.
    pub params: Vec<&'static str>,
    /// Names of the types of its results.
    pub results: Vec<&'static str>,
    /// Whether the device calls it by itself: a hook, which hosts leave alone.
    pub hook: bool,
    /// The hash of its contract; none of a device that knows no contracts.
    pub contract: Option<String>,
}

impl ExportOf {
    /// The number of its module.
    pub fn module(&self) -> u8 {
        split_export_id(self.id).0
    }

    fn json(&self) -> Json {
        json!({
            "key": self.key,
            "module": self.module(),
            "params": self.params,
            "results": self.results,
            "hook": self.hook,
            "contract": self.contract,
        })
    }
}

/// Counters of the gateway about a device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Sessions that began.
    pub connects: u64,
    /// Calls that were made.
    pub calls: u64,
    /// Those of them that trapped.
    pub trapped: u64,
    /// Requests that were not carried out.
    pub failed: u64,
    /// Microseconds that requests took on the link, all together.
    pub busy_us: u64,
}

/// The latest of a device.
#[derive(Debug)]
pub struct State {
    /// Whether there is a session.
    pub online: bool,
    /// When that began or ended.
    pub since: Instant,
    /// Why there is none: number and text.
    pub error: Option<(String, String)>,
    /// Who it is.
    pub hello: Json,
    /// Who may ask it.
    pub access: Json,
    /// How it is.
    pub status: Option<Status>,
    /// Its modules.
    pub modules: Vec<ModuleStatus>,
    /// Their exports.
    pub exports: Vec<ExportOf>,
    /// The keys of exports that hosts of the device hold as what they were made for.
    pub uses: Vec<String>,
    /// When levels were read, and the levels.
    pub levels: Option<(u64, [u32; 2])>,
    /// What happened.
    pub events: VecDeque<Json>,
    /// What modules said.
    pub log: VecDeque<Json>,
    /// Register stores.
    pub stores: VecDeque<Json>,
    /// How requests fared.
    pub counts: Counts,
}

impl Default for State {
    fn default() -> Self {
        Self {
            online: false,
            since: Instant::now(),
            error: None,
            hello: Json::Null,
            access: Json::Null,
            status: None,
            modules: Vec::new(),
            exports: Vec::new(),
            uses: Vec::new(),
            levels: None,
            events: VecDeque::new(),
            log: VecDeque::new(),
            stores: VecDeque::new(),
            counts: Counts::default(),
        }
    }
}

/// Keeps the latest of a list.
pub fn keep(list: &mut VecDeque<Json>, new: Json) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(new);
}

impl State {
    /// The lines of the images that run, each with its module; by number.
    pub fn lines(&self, shelf: &Shelf) -> Vec<(u8, LineOf)> {
        let of = |module: &ModuleStatus| -> Option<(u8, Arc<[LineOf]>)> {
            Some((module.module, shelf.lines(&module.image?.hash)?))
        };
        let all = self.modules.iter().filter_map(of);
        let mut lines: Vec<(u8, LineOf)> = all
            .flat_map(|(module, lines)| lines.iter().map(|line| (module, line.clone())).collect::<Vec<_>>())
            .collect();
        lines.sort_by_key(|(_, line)| line.line);
        lines
    }

    /// The level of a line.
    pub fn high(&self, line: u8) -> Option<bool> {
        let (_, banks) = self.levels?;
        banks.get(usize::from(line / 32)).map(|bank| bank >> (line % 32) & 1 != 0)
    }

    /// Returns how the device is, for lists.
    pub fn brief(&self, name: &str, port: &str) -> Json {
        json!({
            "name": name,
            "port": port,
            "online": self.online,
            "since_s": self.since.elapsed().as_secs(),
            "error": self.error.as_ref().map(|(code, text)| json!({ "code": code, "text": text })),
            "modules": self.modules.iter().filter(|module| module.image.is_some()).map(|module| json!({
                "module": module.module,
                "name": module.name.as_str(),
                "life": module.life.name(),
                "trial_ms": module.trial_ms,
            })).collect::<Vec<_>>(),
        })
    }

    /// The levels of lines, by name and as words.
    pub fn levels_json(&self, shelf: &Shelf) -> Json {
        let lines = self.lines(shelf);
        json!({
            "time_us": self.levels.map(|(time_us, _)| time_us),
            "banks": self.levels.map(|(_, banks)| banks),
            "lines": lines.iter().map(|(module, line)| line.json(*module, self.high(line.line))).collect::<Vec<_>>(),
        })
    }

    /// Returns how the device is: its own counters and its modules.
    pub fn status_json(&self, shelf: &Shelf) -> Json {
        let maps = shelf.maps();
        json!({
            "status": self.status.as_ref().map(|status| xmap::text::json::status(status, &maps)),
            "modules": self.modules.iter().map(|module| xmap::text::json::module(module, &maps)).collect::<Vec<_>>(),
        })
    }

    /// Everything.
    pub fn whole(&self, name: &str, port: &str, shelf: &Shelf, drivable: bool) -> Json {
        let mut whole = self.brief(name, port);
        let Json::Object(status) = self.status_json(shelf) else { unreachable!("it is an object") };
        for (field, value) in status {
            whole[field] = value;
        }
        whole["hello"] = self.hello.clone();
        whole["access"] = self.access.clone();
        whole["drivable"] = drivable.into();
        whole["levels"] = self.levels_json(shelf);
        whole["exports"] = self.exports.iter().map(ExportOf::json).collect();
        whole["uses"] = json!(self.uses);
        whole["events"] = self.events.iter().cloned().collect();
        whole["log"] = self.log.iter().cloned().collect();
        whole["stores"] = self.stores.iter().cloned().collect();
        whole
    }
}
