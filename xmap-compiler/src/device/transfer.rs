//! An image's way into a device, and the trial that follows.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use xmap_image::Image;
use xmap_link::limits::MAX_CHUNK;
use xmap_link::{Chunk, Happening, ImageInfo, Life, Refusal, Request, Response, What, Why};

use super::client::Client;
use super::operate::{Swapped, Switch};
use crate::diagnostic::{Code, Diagnostic};

/// How often a device may lose the transfer, by a restart or by losing patience, before it is an error.
const RESTARTS: u32 = 1;
/// How often a device may send the host back without any progress in between.
const SENT_BACK: u32 = 3;
/// How long to rest between two questions whether a trial has ended.
const POLL: Duration = Duration::from_millis(100);
/// How much longer than announced a trial may take, for a device that is busy and a slow wire.
const TRIAL_MARGIN: Duration = Duration::from_secs(5);

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The image is confirmed.
    Confirmed,
    /// Another image runs; why, if the device still knows.
    RolledBack(Option<Why>),
}

impl Client {
    /// Sends an image to the inactive slot of a module and has it run. `progress` is told how many bytes
    /// the device has, after each chunk.
    ///
    /// A transfer that the device lost is begun again, once.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`Code::NoFeature`], [`Code::NoSuchModule`], [`Code::DeviceBusy`]; [`Code::DeviceRestarted`]
    /// where it lost the transfer twice. After each of them the image before runs on.
    pub fn swap(
        &mut self,
        module: u8,
        image: &Image<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Switch, Diagnostic> {
        let Some(before) = self.module(module)? else {
            return Err(self.error(Code::NoSuchModule, &format!("no module {module}")));
        };
        let bytes: Vec<u8> = image.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        let transfer = Transfer {
            module,
            before: before.generation,
            bytes: &bytes,
            hash: image.hash(),
            // Differs from host to host and from run to run.
            token: RandomState::new().hash_one((self.port(), std::process::id())) as u32,
        };
        let mut lost = 0;
        loop {
            match transfer.run(self, progress)? {
                Ended::Switched(switch) => return Ok(switch),
                Ended::Lost if lost < RESTARTS => {
                    lost += 1;
                    self.greet()?;
                }
                Ended::Lost => {
                    let message =
                        "the device lost the transfer twice: it restarts, or other hosts talk to it";
                    let help = "what it runs is its own choice now: `xmap status` says so".to_string();
                    return Err(self.error(Code::DeviceRestarted, message).help(help));
                }
            }
        }
    }

    /// Waits for the end of a trial that [`Client::swap`] began. `since` is the number of the first
    /// happening to look at for the reason of a rollback, `hash` the new image's.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`Code::TimeIsUp`] where the trial does not end in its time.
    pub fn await_trial(
        &mut self,
        swapped: &Swapped,
        hash: &[u8; 32],
        since: u32,
    ) -> Result<Trial, Diagnostic> {
        let most = Duration::from_millis(swapped.trial_ms.into()) + TRIAL_MARGIN;
        let start = Instant::now();
        loop {
            let Some(status) = self.module(swapped.module)? else {
                return Err(self.error(Code::BadAnswer, "the module is gone"));
            };
            let ours = status.generation == swapped.generation
                && status.image.is_some_and(|image| image.hash == *hash);
            if !ours || status.life == Life::Faulted {
                return Ok(Trial::RolledBack(self.why(swapped.module, since)?));
            }
            if status.trial_ms == 0 {
                return Ok(Trial::Confirmed);
            }
            if self.left().is_some_and(|left| left.is_zero()) {
                return Err(self.time_is_up());
            }
            if start.elapsed() > most {
                let message =
                    format!("the trial has not ended {} ms after its time", TRIAL_MARGIN.as_millis());
                return Err(self.error(Code::TimeIsUp, &message));
            }
            thread::sleep(POLL);
        }
    }

    /// Why a module's image was taken back: the latest reason since then.
    fn why(&mut self, module: u8, since: u32) -> Result<Option<Why>, Diagnostic> {
        let (happenings, _) = self.happenings(since)?;
        let reason = |happening: &Happening| match happening.what {
            What::RolledBack(why) if happening.module == module => Some(why),
            _ => None,
        };
        Ok(happenings.iter().rev().find_map(|(_, happening)| reason(happening)))
    }
}

/// One image on its way.
struct Transfer<'a> {
    module: u8,
    /// The module's generation when it began.
    before: u16,
    bytes: &'a [u8],
    hash: [u8; 32],
    token: u32,
}

/// How it ended.
enum Ended {
    Switched(Switch),
    /// The device knows nothing of it any more.
    Lost,
}

/// What the device says to a part of the transfer.
enum Next {
    /// Go on from this byte.
    At(usize),
    Lost,
}

impl Transfer<'_> {
    fn run(&self, client: &mut Client, progress: &mut dyn FnMut(usize)) -> Result<Ended, Diagnostic> {
        let begin = Request::Begin {
            module: self.module,
            bytes: self.bytes.len() as u32,
            hash: self.hash,
            token: self.token,
        };
        let Next::At(mut at) = self.step(client, &begin)? else { return Ok(Ended::Lost) };
        let mut sent_back = 0;
        progress(at);
        while at < self.bytes.len() {
            let end = self.bytes.len().min(at + MAX_CHUNK);
            let data: Chunk = self.bytes[at..end].iter().copied().collect();
            let chunk = Request::Chunk { token: self.token, offset: at as u32, data };
            let Next::At(next) = self.step(client, &chunk)? else { return Ok(Ended::Lost) };
            if next == end {
                sent_back = 0;
            } else {
                // It has other bytes than we believe: that may happen, and must not go on for ever.
                sent_back += 1;
                if sent_back > SENT_BACK {
                    let message = format!("the device wants byte {next} again and again");
                    return Err(client.error(Code::BadAnswer, &message));
                }
            }
            at = next;
            progress(at);
        }
        match client.switch(&Request::Commit { token: self.token }, self.module) {
            Ok(switch) => Ok(Ended::Switched(switch)),
            Err(error) if error.code == Code::DeviceRestarted => Ok(Ended::Lost),
            // The answer to a commit that was carried out may be lost, and forgotten because of another host.
            Err(error) if error.code == Code::DeviceRefused => match client.module(self.module)? {
                Some(now) if now.generation != self.before && self.is(now.image) => {
                    let Self { module, .. } = *self;
                    let swapped = Swapped { module, generation: now.generation, trial_ms: now.trial_ms };
                    Ok(Ended::Switched(Ok(swapped)))
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn is(&self, image: Option<ImageInfo>) -> bool {
        image.is_some_and(|image| image.hash == self.hash)
    }

    fn step(&self, client: &mut Client, request: &Request) -> Result<Next, Diagnostic> {
        let answer = match client.ask(request) {
            Err(error) if error.code == Code::DeviceRestarted => return Ok(Next::Lost),
            answer => answer?,
        };
        let next = match answer {
            Response::Staging { next } | Response::Refused(Refusal::BadChunk { expected: next }) => next,
            Response::Refused(Refusal::NoTransfer) => return Ok(Next::Lost),
            Response::Refused(Refusal::Busy { retry_ms }) => return Err(client.busy(self.module, retry_ms)),
            Response::Refused(Refusal::NoModule) => {
                let message = format!("no module {}", self.module);
                return Err(client.error(Code::NoSuchModule, &message));
            }
            other => return Err(client.unwanted(&other)),
        };
        match usize::try_from(next) {
            Ok(next) if next <= self.bytes.len() => Ok(Next::At(next)),
            _ => {
                let message = format!("the device wants byte {next} of {}", self.bytes.len());
                Err(client.error(Code::BadAnswer, &message))
            }
        }
    }
}
