//! Modules of a device: how they are, what happened to them, and what an operator asks of them.

use xmap_link::limits::MAX_MODULES;
use xmap_link::{DeviceEvent, ImageState, ModuleStatus, Refusal, Request, Response, TrapReport, features};

use crate::client::Client;
use crate::error::{Error, ErrorCode};

/// Happenings that are read at a time. A device keeps far fewer; one that has more and more of them is none.
const MOST_HAPPENINGS: usize = 1 << 16;

/// What a link that broke leaves open about a switch.
const MAYBE: &str =
    "the image may run, and not be on the disk: `xmap status` says what runs, and what a restart brings";

/// A module runs another image now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swapped {
    /// The module's number.
    pub module: u8,
    /// Which image of the module it is, counted from boot.
    pub generation: u16,
    /// Milliseconds of its trial; 0 where it has none.
    pub trial_ms: u32,
}

/// The outcome of a swap or a rollback.
pub type Switch = Result<Swapped, ImageState>;

impl Client {
    /// Returns whether the device's firmware has modules that can be swapped.
    pub fn has_modules(&self) -> bool {
        self.hello().features & features::SWAP != 0
    }

    /// # Errors
    /// [`ErrorCode::NoFeature`] where it has none.
    pub(super) fn need_modules(&self) -> Result<(), Error> {
        if self.has_modules() {
            return Ok(());
        }
        let message = "its firmware knows no modules: images cannot be swapped there";
        let help = "flash the firmware that belongs to this xmap (`cargo xtask image`)";
        Err(self.error(ErrorCode::NoFeature, message).help(help.to_string()))
    }

    /// Returns the ops that called the functions which were running at a trap, the innermost first: the call
    /// stack of the module's latest trap. Empty where that was another one, or where the firmware keeps none.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn callers(&mut self, module: u8, trap: &TrapReport) -> Result<Vec<u32>, Error> {
        match self.ask(&Request::Callers { module })? {
            Response::Callers(callers) if callers.trap == Some(*trap) => Ok(callers.ops.to_vec()),
            Response::Callers(_) | Response::Refused(_) => Ok(Vec::new()),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Returns what the flight recorder noted since the device's start, and whether it has ended.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`] where the firmware has none.
    pub fn recording(&mut self) -> Result<(Vec<u8>, bool), Error> {
        let (mut noted, mut from) = (Vec::new(), 0u32);
        // The end as the first page has it: the questions themselves are noted.
        let mut end = None;
        loop {
            let page = match self.ask(&Request::Recording { from })? {
                Response::Recording(page) => page,
                Response::Refused(Refusal::Unsupported) => {
                    let message = "it has no flight recorder";
                    let help = "give it memory: `record_bytes` of xmapd.toml, or newer firmware";
                    return Err(self.error(ErrorCode::NoFeature, message).help(help.to_string()));
                }
                other => return Err(self.unwanted(&other)),
            };
            if page.first != from {
                // What was asked for is gone: it begins later, at the start of a half.
                noted.clear();
                (from, end) = (page.first, None);
            }
            noted.extend_from_slice(&page.bytes);
            from = from.wrapping_add(page.bytes.len() as u32);
            let end = *end.get_or_insert(page.next);
            let beyond = from.wrapping_sub(end);
            if page.bytes.is_empty() || beyond < u32::MAX / 2 {
                noted.truncate(noted.len().saturating_sub(beyond as usize));
                return Ok((noted, page.ended));
            }
        }
    }

    /// Returns how a module is; `None` where the device has no module with this number.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`].
    pub fn module(&mut self, module: u8) -> Result<Option<ModuleStatus>, Error> {
        self.need_modules()?;
        match self.ask(&Request::Module { module })? {
            Response::Module(status) if status.module == module => Ok(Some(status)),
            Response::Refused(Refusal::NoModule) => Ok(None),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Returns how each module is, by number.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`].
    pub fn modules(&mut self) -> Result<Vec<ModuleStatus>, Error> {
        let mut modules = Vec::new();
        for module in 0..MAX_MODULES as u8 {
            modules.extend(self.module(module)?);
        }
        Ok(modules)
    }

    /// The module that `text` means: a number, or the name of the image that it has.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NoSuchModule`], and those of [`Client::modules`].
    pub fn find_module(&mut self, text: &str) -> Result<ModuleStatus, Error> {
        let modules = self.modules()?;
        let number = text.parse::<u8>().ok();
        let found = modules.iter().find(|status| match number {
            Some(number) => status.module == number,
            None => status.name.as_str() == text,
        });
        if let Some(found) = found {
            return Ok(found.clone());
        }
        let names = modules.iter().map(|status| status.name.as_str()).filter(|name| !name.is_empty());
        let error = self.error(ErrorCode::NoSuchModule, &format!("no module `{}`", text.escape_debug()));
        Err(error.known(text, names))
    }

    /// Ends a module's trial: its image is good.
    ///
    /// # Errors
    ///
    /// See [`Client`]; it is refused where nothing is on trial.
    pub fn confirm(&mut self, module: u8) -> Result<(), Error> {
        self.need_modules()?;
        self.done(&Request::Confirm { module })
    }

    /// Goes back to the image before.
    ///
    /// # Errors
    ///
    /// See [`Client`]; it is refused where there is none.
    pub fn rollback(&mut self, module: u8) -> Result<Switch, Error> {
        self.need_modules()?;
        self.switch(&Request::Rollback { module }, module)
    }

    /// Loads a module anew, or restarts the device where `module` is none.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn reset(&mut self, module: Option<u8>) -> Result<(), Error> {
        self.need_modules()?;
        self.done(&Request::Reset { module })
    }

    /// Returns what happened from number `from` on, each with its number, and the number that the next will
    /// have. Where some are no longer held, the numbers begin later.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn happenings(&mut self, from: u32) -> Result<(Vec<(u32, DeviceEvent)>, u32), Error> {
        self.need_modules()?;
        let (mut all, mut from, mut end) = (Vec::new(), from, None);
        loop {
            let page = match self.ask(&Request::Happened { from })? {
                // A page from before the place asked for would lead round in circles.
                Response::Happened(page) if page.first >= from || page.entries.is_empty() => page,
                other => return Err(self.unwanted(&other)),
            };
            all.extend((page.first..).zip(page.entries.iter().copied()));
            if all.len() > MOST_HAPPENINGS {
                return Err(self.error(ErrorCode::BadAnswer, "there is no end to what happened"));
            }
            let next = page.first.saturating_add(page.entries.len() as u32);
            // The end as the first page has it: a device to which much happens is not followed for ever.
            if page.entries.is_empty() || next >= *end.get_or_insert(page.next) {
                return Ok((all, if page.entries.is_empty() { page.next } else { next }));
            }
            from = next;
        }
    }

    /// The number that the next happening will have.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn next_happening(&mut self) -> Result<u32, Error> {
        self.need_modules()?;
        match self.ask(&Request::Happened { from: u32::MAX })? {
            Response::Happened(page) => Ok(page.next),
            other => Err(self.unwanted(&other)),
        }
    }

    /// A request that switches a module's image.
    pub(super) fn switch(&mut self, request: &Request, module: u8) -> Result<Switch, Error> {
        let answer = self.ask(request).map_err(|error| match error.code {
            ErrorCode::LinkBroken => error.help(MAYBE.to_string()),
            _ => error,
        })?;
        match answer {
            Response::Swapped { module: of, generation, trial_ms } if of == module => {
                Ok(Ok(Swapped { module, generation, trial_ms }))
            }
            Response::NotSwapped { state } => Ok(Err(state)),
            Response::Refused(Refusal::Busy { retry_ms }) => Err(self.busy(module, retry_ms)),
            other => Err(self.unwanted(&other)),
        }
    }

    /// The error for a device that is busy: who is at it, and for how long.
    pub(super) fn busy(&mut self, module: u8, retry_ms: u32) -> Error {
        // Asked for the message alone: where even that fails, the message says less.
        let status = self.module(module).ok().flatten().filter(|status| status.trial_ms > 0);
        match status {
            Some(status) => {
                let name = status.name.as_str().escape_debug();
                let left = f64::from(status.trial_ms) / 1000.0;
                let message = format!("module {module} ({name}) is on trial for another {left:.1} s");
                let help = "`xmap confirm` or `xmap rollback` ends the trial".to_string();
                self.error(ErrorCode::DeviceBusy, &message).help(help)
            }
            None => {
                let left = retry_ms.div_ceil(1000);
                let message = format!(
                    "another host is sending an image; its claim ends in {left} s if it falls silent"
                );
                self.error(ErrorCode::DeviceBusy, &message)
            }
        }
    }

    fn done(&mut self, request: &Request) -> Result<(), Error> {
        match self.ask(request)? {
            Response::Done => Ok(()),
            other => Err(self.unwanted(&other)),
        }
    }
}
