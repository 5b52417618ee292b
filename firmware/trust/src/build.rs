//! The other direction, for hosts: seals and signed policies are made here.

use ed25519_dalek::{Signer, SigningKey};
use xmap_image::Image;

use crate::policy::write_policy;
use crate::seal::is_well_formed;
use crate::{FirmwareSeal, ModuleName, Origin, PublicKey, Seal, SealError, TrustPolicy};

/// The secret half of a key: 32 random bytes (RFC 8032's seed). It is wiped when it goes, and has no text.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The half that others may have.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SecretKey({})", self.public().id())
    }
}

impl Seal {
    /// This seal with another key's name and signature; what it says is taken as it is.
    #[must_use]
    pub fn signed(mut self, key: &SecretKey) -> Self {
        self.key = key.public().id();
        self.signature = key.sign(&self.message());
        self
    }
}

/// The seal of an image: what the image says of itself, and where it may come from.
///
/// # Errors
/// [`SealError::Text`] where the module's name has none or more than 32 bytes, the origin none or more than
/// 64, or one of them a control character.
pub fn seal(image: &Image<'_>, origin: &str, key: &SecretKey) -> Result<Seal, SealError> {
    let module = image.manifest().map_or("", |manifest| manifest.module);
    if !is_well_formed(module) || !is_well_formed(origin) {
        return Err(SealError::Text);
    }
    let seal = Seal {
        board: image.board() as u16,
        key: key.public().id(),
        hash: image.hash(),
        version: image.header().version,
        module: ModuleName::try_from(module).map_err(|_| SealError::Text)?,
        origin: Origin::try_from(origin).map_err(|_| SealError::Text)?,
        signature: [0; 64],
    };
    Ok(seal.signed(key))
}

/// Returns the seal of a firmware for a board. `None` where it has 4 GiB or more.
pub fn seal_firmware(firmware: &[u8], board: u16, version: u32, root: &SecretKey) -> Option<FirmwareSeal> {
    let mut seal = FirmwareSeal {
        board,
        key: root.public().id(),
        version,
        bytes: firmware.len().try_into().ok()?,
        hash: hmac_sha256::Hash::hash(firmware),
        signature: [0; 64],
    };
    let bytes = seal.to_bytes();
    let (message, _) = bytes.split_last_chunk::<64>()?;
    seal.signature = root.sign(message);
    Some(seal)
}

/// A policy with the root key's signature around it, in a buffer of the caller: the bytes of it that are
/// used. `None` where the buffer is too small, which [`crate::MAX_POLICY_BYTES`] excludes.
pub fn sign_policy<'b>(
    policy: &TrustPolicy,
    root: &SecretKey,
    buffer: &'b mut [u8; crate::MAX_POLICY_BYTES],
) -> Option<&'b [u8]> {
    let len = write_policy(policy, buffer)?;
    let signature = root.sign(&buffer[..len]);
    buffer.get_mut(len..len + 64)?.copy_from_slice(&signature);
    buffer.get(..len + 64)
}
