//! A device that has an owner: what it trusts, and what it refused.

use xmap_link::{
    HostCounts, ImageState, POLICY_CODES, Refusal, Rejection, Request, Response, TrustStatus, features,
};
use xmap_trust::Limit;

use crate::client::Client;
use crate::error::{Error, ErrorCode};

impl Client {
    /// Returns whether the device has an owner, and takes images with a seal alone. Without one it is a
    /// development build.
    pub fn takes_seals(&self) -> bool {
        self.hello().features & features::TRUST != 0
    }

    /// # Errors
    /// [`ErrorCode::NoFeature`] on a development device.
    pub(super) fn need_owner(&self) -> Result<(), Error> {
        if self.takes_seals() {
            return Ok(());
        }
        let help = "flash a release: `cargo xtask image --policy FILE --root KEY`".to_string();
        Err(self.error(ErrorCode::NoFeature, "a development build, which has no policy").help(help))
    }

    /// Returns how hosts fare; nothing was counted on a device that does not know the question.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn host_counts(&mut self) -> Result<HostCounts, Error> {
        match self.ask(&Request::Hosts)? {
            Response::Hosts(counts) => Ok(counts),
            Response::Refused(Refusal::Unsupported) => Ok(HostCounts::default()),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Returns what the device trusts; a development device has nothing to say.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn trust(&mut self) -> Result<Option<TrustStatus>, Error> {
        if !self.takes_seals() {
            return Ok(None);
        }
        match self.ask(&Request::Trust)? {
            Response::Trust(status) => Ok(Some(status)),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Returns why the device's policy has just refused an image; `None` for any other state.
    pub fn rejection(&mut self, state: &ImageState) -> Option<Rejection> {
        let ImageState::Rejected { code, .. } = state else { return None };
        let code = code.checked_sub(POLICY_CODES)?;
        // A device without an owner refuses images, too: for what they ask for.
        let Ok(Response::Trust(status)) = self.ask(&Request::Trust) else { return None };
        // Another one may have come between.
        status.last.filter(|last| u16::from(last.code) == code)
    }

    /// Returns what an image may ask the device for, by limit; `None` where its firmware has no limits. Those
    /// that are not known here are left out.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn limits(&mut self) -> Result<Option<Vec<(Limit, u32)>>, Error> {
        match self.ask(&Request::Limits)? {
            Response::Limits { values } => Ok(Some(Limit::ALL.into_iter().zip(values).collect())),
            Response::Refused(Refusal::Unsupported) => Ok(None),
            other => Err(self.unwanted(&other)),
        }
    }
}
