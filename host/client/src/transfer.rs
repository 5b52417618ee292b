//! An image's way into a device, and the trial that follows.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use xmap_image::{Image, Word};
use xmap_link::limits::MAX_CHUNK;
use xmap_link::{
    Chunk, DeviceEvent, DeviceEventKind, ImageInfo, Life, PolicyState, Refusal, Request, Response,
    RollbackReason,
};
use xmap_trust::Seal;

use crate::client::Client;
use crate::error::{Error, ErrorCode};
use crate::firmware::Stopped;
use crate::operate::{Swapped, Switch};

/// How often a device may lose the transfer, by a restart or by losing patience, before it is an error.
const RESTARTS: u32 = 1;
/// How often a device may send the host back without any progress in between.
const SENT_BACK: u32 = 3;
/// How long to rest between two questions whether a trial has ended.
const POLL: Duration = Duration::from_millis(100);
/// How much longer than announced a trial may take, for a device that is busy and a slow wire.
const TRIAL_MARGIN: Duration = Duration::from_secs(5);

/// The outcome of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The image is confirmed.
    Confirmed,
    /// Another image runs; why, if the device still knows.
    RolledBack(Option<RollbackReason>),
}

impl Client {
    /// Sends an image to the inactive slot of a module and has it run. `progress` is told how many bytes
    /// the device has, after each chunk.
    ///
    /// A transfer that the device lost is begun again, once.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`], [`ErrorCode::NoSuchModule`], [`ErrorCode::DeviceBusy`];
    /// [`ErrorCode::DeviceRestarted`] where it lost the transfer twice. After each of them the image before
    /// runs on.
    pub fn swap(
        &mut self,
        module: u8,
        image: &Image<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Switch, Error> {
        self.swap_sealed(module, image, None, progress)
    }

    /// [`Client::swap`] of an image with its seal behind it, for a device that has an owner
    /// ([`Client::takes_seals`]).
    ///
    /// # Errors
    ///
    /// As [`Client::swap`].
    pub fn swap_sealed(
        &mut self,
        module: u8,
        image: &Image<'_>,
        seal: Option<&Seal>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Switch, Error> {
        let Some(before) = self.module(module)? else {
            return Err(self.error(ErrorCode::NoSuchModule, &format!("no module {module}")));
        };
        let mut bytes: Vec<u8> = image.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(seal.iter().flat_map(|seal| seal.to_words()).flat_map(Word::to_le_bytes));
        let transfer = Transfer {
            module,
            before: before.generation,
            bytes: &bytes,
            hash: image.hash(),
            token: self.token(),
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
                    return Err(self.error(ErrorCode::DeviceRestarted, message).help(help));
                }
            }
        }
    }

    /// Waits for the end of a trial that [`Client::swap`] began. `since` is the number of the first
    /// happening to look at for the reason of a rollback, `hash` the new image's.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::TimeIsUp`] where the trial does not end in its time.
    pub fn await_trial(&mut self, swapped: &Swapped, hash: &[u8; 32], since: u32) -> Result<Trial, Error> {
        let most = Duration::from_millis(swapped.trial_ms.into()) + TRIAL_MARGIN;
        let start = Instant::now();
        loop {
            let Some(status) = self.module(swapped.module)? else {
                return Err(self.error(ErrorCode::BadAnswer, "the module is gone"));
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
                return Err(self.error(ErrorCode::TimeIsUp, &message));
            }
            thread::sleep(POLL);
        }
    }

    /// Returns why a module's image was taken back: the latest reason since then.
    fn why(&mut self, module: u8, since: u32) -> Result<Option<RollbackReason>, Error> {
        let (happenings, _) = self.happenings(since)?;
        let reason = |happening: &DeviceEvent| match happening.what {
            DeviceEventKind::RolledBack(why) if happening.module == module => Some(why),
            _ => None,
        };
        Ok(happenings.iter().rev().find_map(|(_, happening)| reason(happening)))
    }
}

impl Client {
    /// Returns a number for a transfer, which differs from host to host and from run to run.
    pub(crate) fn token(&self) -> u32 {
        RandomState::new().hash_one((self.port(), std::process::id())) as u32
    }

    /// Sends bytes that are no image's, in a transfer that begins with this request. Whether they have come:
    /// the device may know nothing of the transfer any more.
    pub(crate) fn send_all(
        &mut self,
        bytes: &[u8],
        token: u32,
        begin: &Request,
        progress: &mut dyn FnMut(usize),
    ) -> Result<bool, Stopped> {
        Transfer { module: 0, before: 0, bytes, hash: [0; 32], token }.send(self, begin, progress)
    }

    /// Sends a signed policy. `progress` is told how many bytes the device has, after each chunk.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`] on a development device, [`ErrorCode::DeviceBusy`];
    /// [`ErrorCode::DeviceRestarted`] where the device lost the transfer. After each of them the policy
    /// before holds.
    pub fn send_policy(
        &mut self,
        signed: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<PolicyState, Error> {
        self.need_owner()?;
        let token = self.token();
        let begin = Request::Policy { bytes: signed.len() as u32, token };
        if !self.send_all(signed, token, &begin, progress).map_err(|stopped| stopped.error(self))? {
            let message = "the device lost the transfer: it restarts, or other hosts talk to it";
            return Err(self.error(ErrorCode::DeviceRestarted, message));
        }
        match self.ask(&Request::Commit { token })? {
            Response::Policy(state) => Ok(state),
            other => Err(self.unwanted(&other)),
        }
    }
}

/// One image, or a policy, on its way.
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
    fn run(&self, client: &mut Client, progress: &mut dyn FnMut(usize)) -> Result<Ended, Error> {
        let begin = Request::Begin {
            module: self.module,
            bytes: self.bytes.len() as u32,
            hash: self.hash,
            token: self.token,
        };
        if !self.send(client, &begin, progress).map_err(|stopped| stopped.error(client))? {
            return Ok(Ended::Lost);
        }
        match client.switch(&Request::Commit { token: self.token }, self.module) {
            Ok(switch) => Ok(Ended::Switched(switch)),
            Err(error) if error.code == ErrorCode::DeviceRestarted => Ok(Ended::Lost),
            // The answer to a commit that was carried out may be lost, and forgotten because of another host.
            Err(error) if error.code == ErrorCode::DeviceRefused => match client.module(self.module)? {
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

    /// Has the device begin, and sends it all bytes. Whether they have come: it may know nothing of the
    /// transfer any more.
    fn send(
        &self,
        client: &mut Client,
        begin: &Request,
        progress: &mut dyn FnMut(usize),
    ) -> Result<bool, Stopped> {
        let Next::At(mut at) = self.step(client, begin)? else { return Ok(false) };
        let mut sent_back = 0;
        progress(at);
        while at < self.bytes.len() {
            let end = self.bytes.len().min(at + MAX_CHUNK);
            let data: Chunk = self.bytes[at..end].iter().copied().collect();
            let chunk = Request::Chunk { token: self.token, offset: at as u32, data };
            let Next::At(next) = self.step(client, &chunk)? else { return Ok(false) };
            if next == end {
                sent_back = 0;
            } else {
                // It has other bytes than we believe: that may happen, and must not go on for ever.
                sent_back += 1;
                if sent_back > SENT_BACK {
                    let message = format!("the device wants byte {next} again and again");
                    return Err(client.error(ErrorCode::BadAnswer, &message).into());
                }
            }
            at = next;
            progress(at);
        }
        Ok(true)
    }

    fn is(&self, image: Option<ImageInfo>) -> bool {
        image.is_some_and(|image| image.hash == self.hash)
    }

    fn step(&self, client: &mut Client, request: &Request) -> Result<Next, Stopped> {
        let answer = match client.ask(request) {
            Err(error) if error.code == ErrorCode::DeviceRestarted => return Ok(Next::Lost),
            answer => answer?,
        };
        let next = match answer {
            Response::Staging { next } | Response::Refused(Refusal::BadChunk { expected: next }) => next,
            Response::Refused(Refusal::NoTransfer) => return Ok(Next::Lost),
            Response::Refused(Refusal::Busy { retry_ms }) => {
                return Err(client.busy(self.module, retry_ms).into());
            }
            Response::Refused(Refusal::NoModule) => {
                let message = format!("no module {}", self.module);
                return Err(client.error(ErrorCode::NoSuchModule, &message).into());
            }
            other => return Err(Stopped::Answer(Box::new(other))),
        };
        match usize::try_from(next) {
            Ok(next) if next <= self.bytes.len() => Ok(Next::At(next)),
            _ => {
                let message = format!("the device wants byte {next} of {}", self.bytes.len());
                Err(client.error(ErrorCode::BadAnswer, &message).into())
            }
        }
    }
}
