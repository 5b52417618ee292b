//! Whose images a device takes: what it asks whenever an image comes in, and what it remembers of those that
//! did.

use core::fmt;

use heapless::Vec;
use xmap_trust::{MAX_POLICY_BYTES, ModuleName, PolicyError, PublicKey, Reject, TrustPolicy, open_policy};

/// The trust of a device in images: it knows its owner, or none. [`Development`] knows none and takes any
/// image; [`Owned`] has a policy. `Option<T>` is either, for a program that decides when it starts.
pub trait Trust {
    /// Returns what images are held against; `None` on a development device.
    fn policy(&self) -> Option<&TrustPolicy>;

    /// The highest version of a module that counted as good here; 0 where none did.
    fn highest(&self, module: &str) -> u32;

    /// Makes sure that a version of this module can be remembered.
    ///
    /// # Errors
    /// [`NotKept`]: its image is not taken, since an older one could follow it.
    fn reserve(&mut self, module: &str) -> Result<(), NotKept>;

    /// Remembers that this version counted as good.
    ///
    /// # Errors
    /// [`NotKept`] where a restart would forget it.
    fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept>;

    /// Room for a signed policy on its way; none on a development device.
    fn staging(&mut self) -> &mut [u8];

    /// Opens the policy that stands in the first `len` bytes of [`Trust::staging`], and has it from now on;
    /// its version.
    ///
    /// # Errors
    /// Why not; the policy before holds then.
    fn renew(&mut self, len: usize) -> Result<u32, PolicyError>;
}

/// A device that takes any image, whoever made it: for those who develop panels. The program says so at boot,
/// and to each host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Development;

impl Trust for Development {
    fn policy(&self) -> Option<&TrustPolicy> {
        None
    }

    fn highest(&self, _: &str) -> u32 {
        0
    }

    fn reserve(&mut self, _: &str) -> Result<(), NotKept> {
        Ok(())
    }

    fn remember(&mut self, _: &str, _: u32) -> Result<(), NotKept> {
        Ok(())
    }

    fn staging(&mut self) -> &mut [u8] {
        &mut []
    }

    fn renew(&mut self, _: usize) -> Result<u32, PolicyError> {
        Err(PolicyError::Form)
    }
}

impl<T: Trust> Trust for Option<T> {
    fn policy(&self) -> Option<&TrustPolicy> {
        self.as_ref()?.policy()
    }

    fn highest(&self, module: &str) -> u32 {
        self.as_ref().map_or(0, |trust| trust.highest(module))
    }

    fn reserve(&mut self, module: &str) -> Result<(), NotKept> {
        self.as_mut().map_or(Ok(()), |trust| trust.reserve(module))
    }

    fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept> {
        self.as_mut().map_or(Ok(()), |trust| trust.remember(module, version))
    }

    fn staging(&mut self) -> &mut [u8] {
        self.as_mut().map_or(&mut [], T::staging)
    }

    fn renew(&mut self, len: usize) -> Result<u32, PolicyError> {
        self.as_mut().map_or(Err(PolicyError::Form), |trust| trust.renew(len))
    }
}

/// A memory that outlives a restart. Bare metal has no such place yet ([`Volatile`]); a service under Linux
/// has its disk.
///
/// Numbers that were given are held in memory in any case: an error says only that a restart would forget
/// them.
pub trait Memory {
    /// The highest version that was remembered of a module; 0 where none was.
    fn highest(&self, module: &str) -> u32;

    /// Remembers a version of a module, which has 1 to 32 bytes. A lower one than before changes nothing.
    /// Where it returns `Ok`, a restart does not forget the number, as far as this memory has such a thing at
    /// all.
    ///
    /// # Errors
    /// [`NotKept`].
    fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept>;

    /// The signed policy that was kept last, to be opened at start; empty where none was.
    fn policy(&self) -> &[u8];

    /// Keeps a signed policy, at most [`MAX_POLICY_BYTES`], in the place of the one before: whole or not at
    /// all.
    ///
    /// # Errors
    /// [`NotKept`]; the device goes on with the policy before.
    fn keep_policy(&mut self, signed: &[u8]) -> Result<(), NotKept>;
}

/// Something could not be put where it outlives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it cannot be kept")
    }
}

impl core::error::Error for NotKept {}

impl From<NotKept> for Reject {
    fn from(NotKept: NotKept) -> Self {
        Self::Memory
    }
}

/// Modules that [`Volatile`] remembers: more than a board with four of them sees between two restarts.
pub const REMEMBERED: usize = 32;

/// Memory that a restart clears. The owner's answer to that are the policy's own minimum versions, which
/// stand in the firmware.
#[derive(Debug, Default)]
pub struct Volatile(Vec<(ModuleName, u32), REMEMBERED>);

impl Memory for Volatile {
    fn highest(&self, module: &str) -> u32 {
        self.0.iter().find(|(name, _)| name == module).map_or(0, |(_, version)| *version)
    }

    fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept> {
        if let Some((_, highest)) = self.0.iter_mut().find(|(name, _)| name == module) {
            *highest = version.max(*highest);
            return Ok(());
        }
        let name = ModuleName::try_from(module).map_err(|_| NotKept)?;
        self.0.push((name, version)).map_err(|_| NotKept)
    }

    fn policy(&self) -> &[u8] {
        &[]
    }

    fn keep_policy(&mut self, _: &[u8]) -> Result<(), NotKept> {
        // It holds until the restart, and the firmware's own holds after that.
        Ok(())
    }
}

/// A device that has an owner: images are held against a policy, and policies against the owner's root key.
#[derive(Debug)]
pub struct Owned<M> {
    root: PublicKey,
    policy: TrustPolicy,
    memory: M,
    staging: [u8; MAX_POLICY_BYTES],
}

impl<M: Memory> Owned<M> {
    /// Opens the policy that the program came with, and the one that memory kept: the newer one holds.
    ///
    /// # Errors
    /// What is wrong with either of them. A kept one that does not open is not passed over: it may have had
    /// revocations.
    pub fn new(root: PublicKey, signed: &[u8], memory: M) -> Result<Self, PolicyError> {
        let mut policy = open_policy(signed, &root, 0)?;
        if !memory.policy().is_empty() {
            let kept = open_policy(memory.policy(), &root, 0)?;
            if kept.version > policy.version {
                policy = kept;
            }
        }
        Ok(Self { root, policy, memory, staging: [0; MAX_POLICY_BYTES] })
    }

    /// A device of this owner that takes no image until a policy comes: where [`Owned::new`] has failed, it
    /// is better to wait for help than to run what nobody vouches for.
    pub fn closed(root: PublicKey, memory: M) -> Self {
        Self { root, policy: TrustPolicy::default(), memory, staging: [0; MAX_POLICY_BYTES] }
    }

    /// Returns what outlives a restart.
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

impl<M: Memory> Trust for Owned<M> {
    fn policy(&self) -> Option<&TrustPolicy> {
        Some(&self.policy)
    }

    fn highest(&self, module: &str) -> u32 {
        self.memory.highest(module)
    }

    fn reserve(&mut self, module: &str) -> Result<(), NotKept> {
        let version = self.memory.highest(module);
        self.memory.remember(module, version)
    }

    fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept> {
        self.memory.remember(module, version)
    }

    fn staging(&mut self) -> &mut [u8] {
        &mut self.staging
    }

    fn renew(&mut self, len: usize) -> Result<u32, PolicyError> {
        let signed = self.staging.get(..len).ok_or(PolicyError::Form)?;
        let have = self.policy.version;
        let policy = open_policy(signed, &self.root, have)?;
        if policy.version == have {
            // The same one again changes nothing. Another one of this version would let either replace the
            // other.
            let lowest = have.saturating_add(1);
            let again = PolicyError::Rollback { found: have, have: lowest };
            return if policy == self.policy { Ok(have) } else { Err(again) };
        }
        self.memory.keep_policy(signed).map_err(|NotKept| PolicyError::Memory)?;
        self.policy = policy;
        Ok(self.policy.version)
    }
}
