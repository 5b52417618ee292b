//! Contracts: what an export is for its callers, by its hash.

use xmap_image::ContractHash;
use xmap_link::limits::{MAX_MODULES, MAX_USES};
use xmap_link::{Export, Refusal, Request, Response};

use crate::client::Client;
use crate::error::{Error, ErrorCode};

/// Handles that a device has at most: whoever lists more of them is none.
const MOST_USES: usize = 1 << 10;

impl Client {
    /// The number of an export and the hash of its contract; `None` where the image has no such export.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`] where the firmware knows no contracts.
    pub fn contract(&mut self, export: &Export) -> Result<Option<(u16, ContractHash)>, Error> {
        match self.ask(&Request::Contract { export: export.clone() })? {
            Response::Contract { id, hash } => Ok(Some((id, hash))),
            Response::Refused(Refusal::UnknownExport) => Ok(None),
            Response::Refused(Refusal::Unsupported) => Err(self.no_contracts()),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Binds an export that has to be what this client was made for. The handle stands until it is given
    /// back, its image is replaced, or the session ends; so long an image in which the export is another one
    /// is refused.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OtherContract`], [`ErrorCode::CallName`], and those of [`Client::contract`].
    pub fn bind_contract(&mut self, key: &str, hash: ContractHash) -> Result<u32, Error> {
        let unknown = |client: &Self| {
            client.error(ErrorCode::CallName, &format!("the image has no export `{}`", key.escape_debug()))
        };
        let export = Export::name(key).ok_or_else(|| unknown(self))?;
        match self.ask(&Request::BindContract { export: export.clone(), hash })? {
            Response::Bound { handle } => Ok(handle),
            Response::Refused(Refusal::UnknownExport) => Err(unknown(self)),
            Response::Refused(Refusal::Unsupported) => Err(self.no_contracts()),
            Response::Refused(Refusal::OtherContract) => {
                let found =
                    self.contract(&export)?.map_or_else(|| "none".to_string(), |(_, hash)| hex(&hash));
                let asked = hex(&hash);
                let message =
                    format!("{} has the contract {found}, and {asked} was asked for", key.escape_debug());
                let help = "make the client anew from the panel's contract (`xmap contract`)".to_string();
                Err(self.error(ErrorCode::OtherContract, &message).help(help))
            }
            other => Err(self.unwanted(&other)),
        }
    }

    /// Gives a handle back. One of an image that is gone, or of a session that ended, is back already.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn release(&mut self, handle: u32) -> Result<(), Error> {
        match self.ask(&Request::Release { handle })? {
            Response::Done | Response::Refused(Refusal::StaleHandle) => Ok(()),
            other => Err(self.unwanted(&other)),
        }
    }

    /// The numbers of the exports that hosts hold as what they were made for; of a firmware that knows no
    /// contracts, none.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn uses(&mut self) -> Result<Vec<u16>, Error> {
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            match self.ask(&Request::Uses { from })? {
                Response::Uses { next, exports } => {
                    all.extend(exports.iter().copied());
                    if next == 0 {
                        all.sort_unstable();
                        all.dedup();
                        return Ok(all);
                    }
                    // A page from before the place asked for would lead round in circles.
                    if next <= from || all.len() > MOST_USES.max(MAX_MODULES * MAX_USES) {
                        return Err(self.error(ErrorCode::BadAnswer, "there is no end to what is in use"));
                    }
                    from = next;
                }
                Response::Refused(Refusal::Unsupported) => return Ok(Vec::new()),
                other => return Err(self.unwanted(&other)),
            }
        }
    }

    fn no_contracts(&self) -> Error {
        let help = "flash the firmware that belongs to this xmap (`cargo xtask image`)".to_string();
        self.error(ErrorCode::NoFeature, "its firmware knows no contracts").help(help)
    }
}

/// A hash as people read it.
pub fn hex(hash: &ContractHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
