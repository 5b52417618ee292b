//! The firmwares of a device that has two.

use xmap_link::{FirmwareAnswer, FirmwareRequest, FirmwareStatus, NoFirmware, Refusal, Request, Response};
use xmap_trust::{FIRMWARE_SEAL_BYTES, FirmwareReject};

use crate::client::Client;
use crate::error::{Error, ErrorCode};

impl Client {
    /// Returns which firmwares the device has.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFirmwareSlots`], [`ErrorCode::NoFeature`].
    pub fn firmware(&mut self) -> Result<FirmwareStatus, Error> {
        match self.ask(&Request::Firmware(FirmwareRequest::Status))? {
            Response::Firmware(FirmwareAnswer::Status(status)) => Ok(status),
            other => Err(self.no_firmware(&other)),
        }
    }

    /// Sends a firmware with its seal into the slot that does not run. Returns the slot's partition and the
    /// version, or why the device does not take it. `progress` is told how many bytes the device has.
    ///
    /// # Errors
    ///
    /// As [`Client::firmware`]; [`ErrorCode::DeviceBusy`]; [`ErrorCode::DeviceRestarted`] where the device
    /// lost the transfer. After each of them the firmware that runs is not touched.
    pub fn send_firmware(
        &mut self,
        firmware: &[u8],
        seal: &[u8; FIRMWARE_SEAL_BYTES],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Result<(u8, u32), Option<FirmwareReject>>, Error> {
        let token = self.token();
        let seal = seal.iter().copied().collect();
        let begin = Request::Firmware(FirmwareRequest::Begin { token, seal });
        match self.send_all(firmware, token, &begin, progress) {
            Ok(true) => {}
            Ok(false) => {
                let message = "the device lost the transfer: it restarts, or other hosts talk to it";
                let help = "the firmware that runs is not touched; send it again".to_string();
                return Err(self.error(ErrorCode::DeviceRestarted, message).help(help));
            }
            Err(Stopped::Answer(answer)) => match *answer {
                Response::Firmware(FirmwareAnswer::Rejected { code, details }) => {
                    return Ok(Err(FirmwareReject::from_parts(code, details)));
                }
                other => return Err(self.no_firmware(&other)),
            },
            Err(Stopped::Error(error)) => return Err(error),
        }
        match self.ask(&Request::Commit { token })? {
            Response::Firmware(FirmwareAnswer::Written { partition, version }) => {
                Ok(Ok((partition, version)))
            }
            Response::Firmware(FirmwareAnswer::Rejected { code, details }) => {
                Ok(Err(FirmwareReject::from_parts(code, details)))
            }
            other => Err(self.no_firmware(&other)),
        }
    }

    /// Restarts the device with the firmware that was written, once; or returns why it does not.
    ///
    /// # Errors
    ///
    /// As [`Client::firmware`].
    pub fn try_firmware(&mut self) -> Result<Result<(), Option<FirmwareReject>>, Error> {
        match self.ask(&Request::Firmware(FirmwareRequest::Try))? {
            Response::Done => Ok(Ok(())),
            Response::Firmware(FirmwareAnswer::Rejected { code, details }) => {
                Ok(Err(FirmwareReject::from_parts(code, details)))
            }
            other => Err(self.no_firmware(&other)),
        }
    }

    /// Returns why there are no firmwares to ask for.
    fn no_firmware(&self, answer: &Response) -> Error {
        let (message, help) = match answer {
            Response::Firmware(FirmwareAnswer::None(NoFirmware::NoSlots)) => (
                "its card has no two firmware slots",
                "docs/firmware.md says how a card with two is laid out",
            ),
            Response::Firmware(FirmwareAnswer::None(NoFirmware::NoBootLoader)) => (
                "its boot loader does not say which firmware runs",
                "the boot loader has to be one that knows `tryboot`, which `rpi-eeprom-update` brings",
            ),
            Response::Firmware(FirmwareAnswer::None(NoFirmware::Package)) => (
                "a service under Linux, which its package updates",
                "`apt install ./xmapd_VERSION_arm64.deb`, as docs/linux.md says",
            ),
            Response::Refused(Refusal::Unsupported | Refusal::BadMessage) => {
                let help = "flash a newer one, on a card with two firmware slots".to_string();
                let message = "its firmware cannot be replaced over the link";
                return self.error(ErrorCode::NoFeature, message).help(help);
            }
            other => return self.unwanted(other),
        };
        self.error(ErrorCode::NoFirmwareSlots, message).help(help.to_string())
    }
}

/// Why a transfer does not go on.
pub(crate) enum Stopped {
    /// The device answered this.
    Answer(Box<Response>),
    /// The link's own reason.
    Error(Error),
}

impl Stopped {
    /// Returns it as an error, where no answer says more.
    pub(crate) fn error(self, client: &Client) -> Error {
        match self {
            Self::Answer(answer) => client.unwanted(&answer),
            Self::Error(error) => error,
        }
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}
