//! What happened, in words, for the journal: swaps, trials, rollbacks, traps, and what modules say.

use std::collections::VecDeque;

use tiny_mapper::TrapCode;
use xmap_device::Failure;
use xmap_image::{ExportId, Image};
use xmap_link::limits::MAX_MODULES;
use xmap_link::{
    DeviceEvent, DeviceEventKind, ImageState, KeepFault, Level as TextLevel, RollbackReason, TrapReport,
    decode_text,
};

use crate::device::LinuxDevice;
use crate::keep::PAUSE_US;
use crate::log::{Cause, Level, log};

/// Images whose names are remembered: those that run, and those before them.
const IMAGES: usize = 2 * MAX_MODULES;

/// The part of a device's events that was logged.
#[derive(Debug, Default)]
pub struct Journal {
    /// The number of the next happening.
    next: u32,
    names: VecDeque<Names>,
}

/// The names of an image, also after another one took its place.
#[derive(Debug)]
struct Names {
    hash: u32,
    module: String,
    exports: Vec<String>,
}

impl Names {
    fn of(image: &Image<'_>) -> Self {
        let name = |number| {
            let id = ExportId(number as u16);
            let key = image.key(id).filter(|key| !key.is_empty());
            key.or_else(|| image.name(id)).unwrap_or_default().to_owned()
        };
        Self {
            hash: image.hash_prefix(),
            module: image.manifest().map_or_else(|_| String::new(), |manifest| manifest.module.to_owned()),
            exports: (0..image.exports().len()).map(name).collect(),
        }
    }
}

impl Journal {
    /// Remembers the names of what runs, before anything of it can trap.
    pub fn look(&mut self, device: &LinuxDevice) {
        for image in (0..MAX_MODULES as u8).filter_map(|number| device.image(number)) {
            if self.names.iter().all(|names| names.hash != image.hash_prefix()) {
                self.names.truncate(IMAGES - 1);
                self.names.push_front(Names::of(&image));
            }
        }
    }

    /// Tells what has happened since this was last called. Returns whether any of it is one that somebody
    /// should look into, such as a trap.
    pub fn tell(&mut self, device: &mut LinuxDevice) -> bool {
        let mut grave = false;
        self.look(device);
        let mut refused = device.take_refused();
        loop {
            let page = device.happened(self.next);
            if page.entries.is_empty() {
                break;
            }
            self.next = page.first.wrapping_add(page.entries.len() as u32);
            for DeviceEvent { module, what, .. } in &page.entries {
                let failure = match what {
                    DeviceEventKind::NotMounted(_) => refused.take_if(|(number, _)| number == module),
                    _ => None,
                };
                let (cause, level) = kind(what);
                grave |= matches!(level, Level::Warning | Level::Error);
                let name = self.module(*module, device);
                log(cause, level, format_args!("module {module}{name}: {}", self.words(what, failure)));
            }
        }
        grave
    }

    /// ` hall`, where the module has a name.
    fn module(&self, number: u8, device: &LinuxDevice) -> String {
        let hash = device.image(number).map(|image| image.hash_prefix());
        let names = self.names.iter().find(|names| Some(names.hash) == hash);
        names.map_or_else(String::new, |names| format!(" {}", names.module))
    }

    fn words(&self, what: &DeviceEventKind, failure: Option<(u8, Failure)>) -> String {
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
            DeviceEventKind::NotMounted(state) => match failure {
                Some((_, failure)) => format!("not mounted: {failure}"),
                None => format!("not mounted: {}", self.state(state)),
            },
            DeviceEventKind::RolledBack(RollbackReason::Trap(trap)) => {
                format!("rolled back: {}", self.trap(trap))
            }
            DeviceEventKind::RolledBack(RollbackReason::NotMounted(state)) => {
                format!("rolled back: {}", self.state(state))
            }
            DeviceEventKind::RolledBack(RollbackReason::Unconfirmed) => {
                "rolled back: nobody confirmed it in time".into()
            }
            DeviceEventKind::RolledBack(RollbackReason::Asked) => "rolled back: a host asked for it".into(),
            DeviceEventKind::Trapped(trap) => self.trap(trap),
            DeviceEventKind::Mistaken(trap) => format!("a host's argument was refused: {}", self.trap(trap)),
            DeviceEventKind::Refused(trap) => format!("a call was refused: {}", self.trap(trap)),
            DeviceEventKind::Policy { version } => format!("policy {version} holds from now on"),
            DeviceEventKind::Disallowed { .. } => {
                "stopped: the owner's new policy does not allow its image".into()
            }
            DeviceEventKind::NotKept { thing, fault: KeepFault::Budget } => {
                format!("not kept yet: {thing}: {}", KeepFault::Budget)
            }
            DeviceEventKind::NotKept { thing, fault } => {
                format!("not kept: {thing}: {fault}; tried again every {} s", PAUSE_US / 1_000_000)
            }
            DeviceEventKind::KeptAgain { thing } => format!("kept: {thing} is on the disk now"),
            DeviceEventKind::SetAside { starts } => {
                format!("its newest image was set aside: {starts} starts with it did not end well")
            }
        }
    }

    fn state(&self, state: &ImageState) -> String {
        match state {
            ImageState::None => "there is no image".into(),
            ImageState::Mounted => "mounted".into(),
            ImageState::Rejected { code, detail } => format!("rejected for reason {code}, at {detail}"),
            ImageState::MountRefused { result } => format!("`on_mount` returned {result}"),
            ImageState::MountTrapped(trap) => self.trap(trap),
        }
    }

    /// `panel.on_tick: trap divide_by_zero at op 21, detail 0`.
    fn trap(&self, trap: &TrapReport) -> String {
        let names = self.names.iter().find(|names| names.hash == trap.image);
        let name = names.and_then(|names| names.exports.get(usize::from(trap.export)));
        let export = match name {
            Some(name) => name.clone(),
            None if trap.export == tiny_mapper::Trap::START => "the start function".into(),
            None => format!("export {} of image {:08x}", trap.export, trap.image.swap_bytes()),
        };
        let code = TrapCode::from_u8(trap.code).map_or("of a kind that is not known here", TrapCode::name);
        let op =
            if trap.op == tiny_mapper::Trap::NO_OP { String::new() } else { format!(" at op {}", trap.op) };
        format!("{export}: trap {code}{op}, detail {}", trap.detail)
    }
}

/// Returns who causes a line, and how much it matters.
const fn kind(what: &DeviceEventKind) -> (Cause, Level) {
    match what {
        DeviceEventKind::Mounted | DeviceEventKind::Policy { .. } => (Cause::Service, Level::Info),
        DeviceEventKind::Disallowed { .. } | DeviceEventKind::SetAside { .. } => {
            (Cause::Service, Level::Warning)
        }
        DeviceEventKind::NotKept { fault: KeepFault::System { .. }, .. } => (Cause::Service, Level::Error),
        DeviceEventKind::NotKept { .. } => (Cause::Service, Level::Warning),
        DeviceEventKind::KeptAgain { .. } => (Cause::Service, Level::Info),
        DeviceEventKind::Swapped
        | DeviceEventKind::Confirmed
        | DeviceEventKind::Reset
        | DeviceEventKind::Refused(_)
        | DeviceEventKind::RolledBack(RollbackReason::Asked) => (Cause::Host, Level::Info),
        DeviceEventKind::NotMounted(_) | DeviceEventKind::TransferEnded | DeviceEventKind::Mistaken(_) => {
            (Cause::Host, Level::Warning)
        }
        DeviceEventKind::HostBack | DeviceEventKind::Restarted => (Cause::Module, Level::Info),
        DeviceEventKind::RolledBack(_) => (Cause::Service, Level::Warning),
        DeviceEventKind::Trapped(_)
        | DeviceEventKind::MadeSafe
        | DeviceEventKind::Faulted
        | DeviceEventKind::HostLost
        | DeviceEventKind::Overrun => (Cause::Module, Level::Warning),
    }
}

/// Tells what a module says: the payload of a text frame.
pub fn message(payload: &[u8]) {
    let Some(text) = decode_text(payload) else { return };
    let level = match text.level {
        TextLevel::Debug => Level::Debug,
        TextLevel::Info => Level::Info,
        TextLevel::Warn => Level::Warning,
    };
    let module = text.module.map_or_else(|| "a module".to_string(), |number| format!("module {number}"));
    log(Cause::Module, level, format_args!("{module} says: {}", text.text));
}
