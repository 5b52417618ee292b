//! The firmwares of a board that has two: what is sent goes into the other one, and is tried once.

use xmap_link::{FirmwareAnswer, FirmwareRequest, FirmwareStatus, NoFirmware, Refusal, Response};
use xmap_trust::{FirmwareReject, FirmwareSeal};

use crate::transfer::{Target, cut};
use crate::{Board, Device, HostId, Ram, Trust};

/// Two firmwares, of which one runs. The outputs are none of their business: nothing here moves one.
pub trait Firmwares {
    /// Returns what stands there.
    fn status(&self) -> FirmwareStatus;

    /// Begins to write a firmware with this seal into the other slot.
    ///
    /// # Errors
    /// Why it is not taken; nothing was written then.
    fn begin(&mut self, seal: &[u8]) -> Result<(), FirmwareReject>;

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Why not; the firmware on its way is forgotten.
    fn take(&mut self, bytes: &[u8]) -> Result<(), FirmwareReject>;

    /// Makes what was written a firmware. Returns the partition of its slot, and its version.
    ///
    /// # Errors
    /// Why it is none.
    fn finish(&mut self) -> Result<(u8, u32), FirmwareReject>;

    /// Notes that the trial of the other firmware begins, while these modules run (bit *n* for module *n*):
    /// the restart that tries it is to follow.
    ///
    /// # Errors
    /// Why there is no trial.
    fn begin_trial(&mut self, modules: u8) -> Result<(), FirmwareReject>;

    /// Takes note of what a firmware on trial has done since its start: which modules run, and whether a host
    /// was answered. Returns whether the chip is to be reset, as the one before is better.
    fn judge(&mut self, modules: u8, asked: bool, ran_us: u64) -> bool;
}

/// Returns the answer to a firmware that is not taken.
fn rejected(reject: FirmwareReject) -> Response {
    let (code, details) = reject.parts();
    Response::Firmware(FirmwareAnswer::Rejected { code, details })
}

const fn none(why: NoFirmware) -> Response {
    Response::Firmware(FirmwareAnswer::None(why))
}

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// Answers what a host asks of the board's firmwares.
    ///
    /// # Errors
    /// [`Refusal::Busy`] while another transfer is under way.
    pub(crate) fn firmware(&mut self, host: HostId, request: &FirmwareRequest) -> Result<Response, Refusal> {
        match request {
            FirmwareRequest::Begin { token, seal } => self.begin_firmware(host, *token, seal),
            FirmwareRequest::Status => Ok(match self.board.firmwares() {
                Ok(firmwares) => Response::Firmware(FirmwareAnswer::Status(firmwares.status())),
                Err(why) => none(why),
            }),
            // The restart is whoever's the hardware is, once the answer is sent.
            FirmwareRequest::Try => Ok(match self.try_firmware() {
                Ok(Ok(())) => Response::Done,
                Ok(Err(reject)) => rejected(reject),
                Err(why) => none(why),
            }),
        }
    }

    fn try_firmware(&mut self) -> Result<Result<(), FirmwareReject>, NoFirmware> {
        let modules = self.running();
        Ok(self.board.firmwares()?.begin_trial(modules))
    }

    /// Returns the modules that have an image, bit *n* for module *n*.
    fn running(&self) -> u8 {
        let has_image = self.modules.iter().filter(|(_, module)| module.image().is_some());
        has_image.fold(0, |modules, (id, _)| modules | 1 << id.number())
    }

    /// Judges a firmware on trial, since `ran_us`. Returns whether the chip is to be reset.
    pub fn judge_firmware(&mut self, asked: bool, ran_us: u64) -> bool {
        let modules = self.running();
        self.board.firmwares().is_ok_and(|firmwares| firmwares.judge(modules, asked, ran_us))
    }

    fn begin_firmware(&mut self, host: HostId, token: u32, bytes: &[u8]) -> Result<Response, Refusal> {
        let now_us = self.board.now_us();
        let firmwares = match self.board.firmwares() {
            Ok(firmwares) => firmwares,
            Err(why) => return Ok(none(why)),
        };
        let seal = match FirmwareSeal::parse(bytes) {
            Ok(seal) => seal,
            Err(reject) => return Ok(rejected(reject)),
        };
        let target = Target::Firmware;
        let next = self.uploads.goes_on(target, seal.bytes, seal.hash, token, now_us)?;
        if next.is_none() {
            if let Err(reject) = firmwares.begin(bytes) {
                return Ok(rejected(reject));
            }
            self.uploads.start(target, seal.bytes, seal.hash, token, cut(""), now_us);
        }
        self.own_transfer(host, token);
        Ok(Response::Staging { next: next.unwrap_or(0) })
    }

    /// Returns whether the transfer with this token is that of a firmware.
    pub(crate) fn is_firmware(&self, token: u32) -> bool {
        self.uploads.is_for(token, Target::Firmware)
    }

    /// Takes a part of a firmware.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`], [`Refusal::BadChunk`].
    pub(crate) fn firmware_part(
        &mut self,
        token: u32,
        offset: u32,
        data: &[u8],
    ) -> Result<Response, Refusal> {
        let now_us = self.board.now_us();
        let firmwares = self.board.firmwares().map_err(|_| Refusal::NoTransfer)?;
        match self.uploads.pass_on(token, offset, data, now_us, |new| firmwares.take(new))? {
            Ok(next) => Ok(Response::Staging { next }),
            Err(reject) => {
                self.uploads.clear();
                Ok(rejected(reject))
            }
        }
    }

    /// Makes a firmware of what has come.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`]; [`Refusal::BadChunk`] where something is missing.
    pub(crate) fn commit_firmware(&mut self, token: u32) -> Result<Response, Refusal> {
        self.uploads.take(token)?;
        let firmwares = self.board.firmwares().map_err(|_| Refusal::NoTransfer)?;
        Ok(match firmwares.finish() {
            Ok((partition, version)) => Response::Firmware(FirmwareAnswer::Written { partition, version }),
            Err(reject) => rejected(reject),
        })
    }
}
