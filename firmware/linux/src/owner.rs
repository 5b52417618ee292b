//! Whose device this is, and who may ask it: the files that the configuration names.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use xmap_device::{Identity, Trust as _};
use xmap_device::{Owned, Service};
use xmap_link::{AuthResponder, Nonces, RoleKeys};
use xmap_trust::PublicKey;

use crate::config::{Config, TrustAt};
use crate::error::{Code, Error, Result};
use crate::files;
use crate::keep::DiskMemory;
use crate::log;

/// Bytes that a table of keys or a signed policy may have: more than any has.
const MOST_BYTES: u64 = 64 << 10;

/// The owner whose images the device takes; `None` is a development device, which takes any.
pub type Owner = Option<Owned<DiskMemory>>;

/// The owner that the configuration names.
///
/// # Errors
/// [`Code::Keys`] where the policy's file cannot be read. One that does not open is no error: the device
/// takes no image until one comes that does.
pub fn owner(config: &Config, memory: DiskMemory) -> Result<Owner> {
    let Some(TrustAt { root, policy }) = &config.trust else {
        log::warn(
            "DEVELOPMENT device: any image is taken, whoever made it ([trust] in xmapd.toml names an owner)",
        );
        return Ok(None);
    };
    let root = PublicKey(*root);
    let (signed, _) = read(policy)?;
    let owner = match Owned::new(root, &signed, memory.clone()) {
        Ok(owner) => {
            let version = owner.policy().map_or(0, |policy| policy.version);
            log::info(format_args!("policy {version} holds: images need a seal"));
            owner
        }
        Err(error) => {
            log::error(format_args!(
                "{}, or the policy that was sent last: {error}: no image is taken until a policy comes that is signed \
                 by the owner's root key",
                policy.display()
            ));
            Owned::closed(root, memory)
        }
    };
    Ok(Some(owner))
}

/// The callers who may ask: a session begins with one of these.
#[derive(Clone, Debug)]
pub struct Door(Option<RoleKeys>);

impl Door {
    /// The keys that the configuration names. Where it names none, whoever reaches a socket, or nobody where
    /// the device has an owner.
    ///
    /// # Errors
    /// [`Code::Keys`] where the file cannot be read, others may read it, or it is no table of keys.
    pub fn open(config: &Config) -> Result<Self> {
        let Some(path) = &config.keys else {
            // As on bare metal: what an owner has closed for images is not left open for hosts.
            if config.trust.is_some() {
                log::warn(
                    "CLOSED device: it has an owner and no role keys, so nobody may ask it anything (link.keys in \
                     xmapd.toml names them)",
                );
                return Ok(Self(Some(RoleKeys::new())));
            }
            let open = config.tcp.filter(|address| !address.ip().is_loopback());
            log::warn(match open {
                Some(_) => {
                    "OPEN device: whoever reaches this machine's network may call, swap and reset (link.keys in \
                     xmapd.toml names role keys)"
                }
                None => "OPEN device: whoever may use a socket may call, swap and reset",
            });
            return Ok(Self(None));
        };
        let wrong = |what: String| Error::new(Code::Keys, format!("{}: {what}", path.display()));
        let (bytes, mode) = read(path)?;
        if mode & 0o007 != 0 {
            let message = format!("everybody may use it (mode {:o})", mode & 0o777);
            return Err(
                wrong(message).help("keys that others could read may be known to them: make new ones")
            );
        }
        let keys = RoleKeys::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
        log::info(format_args!("{} role keys: sessions need one", keys.iter().len()));
        Ok(Self(Some(keys)))
    }

    /// Returns whether a session needs a key.
    pub const fn is_guarded(&self) -> bool {
        self.0.is_some()
    }

    /// A session for a host that has just connected.
    pub fn session(&self, identity: Identity) -> Service {
        match &self.0 {
            None => Service::new(identity),
            Some(keys) => Service::guarded(identity, AuthResponder::new(keys.clone(), nonces())),
        }
    }
}

/// Numbers that nobody can guess; `None` where the system has none, and then no session begins.
fn nonces() -> Option<Nonces> {
    let mut seed = [0; 32];
    let filled = rustix::rand::getrandom(&mut seed[..], rustix::rand::GetRandomFlags::empty());
    filled.ok().filter(|count| *count == seed.len()).and_then(|_| Nonces::from_seed(&seed))
}

/// The bytes of a file and its mode, both of the same file, whatever becomes of its name meanwhile. It is a
/// small regular one: nothing else is waited for, or read without end.
fn read(path: &Path) -> Result<(Vec<u8>, u32)> {
    let failed = |error| Error::new(Code::Keys, format!("{}: cannot be read: {error}", path.display()));
    let (bytes, metadata) = files::read(path, MOST_BYTES).map_err(failed)?;
    Ok((bytes, metadata.mode()))
}
