//! Who may ask this device: decided when the program is built (`cargo xtask image --keys`), never later.

use xmap_device::{Identity, Service};
use xmap_link::{AuthResponder, Nonces, RoleKeys};

/// The table of role keys that was compiled in.
#[cfg(keyed)]
static KEYS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/keys"));

/// The keys; `None` where the device is open to whoever reaches it. A release without a table, and one whose
/// table does not read (which `cargo xtask image` excludes), let nobody in.
fn keys() -> Option<RoleKeys> {
    #[cfg(keyed)]
    return Some(RoleKeys::parse(KEYS).unwrap_or_else(|_| {
        defmt::error!("the role keys that were compiled in do not read: nobody is let in");
        RoleKeys::new()
    }));
    #[cfg(not(keyed))]
    return if cfg!(owned) { Some(RoleKeys::new()) } else { None };
}

/// The service, for those who may ask. `seed` is what the boot stage has handed over for this start.
pub(crate) fn service(identity: Identity, seed: &[u8]) -> Service {
    let Some(keys) = keys() else {
        defmt::warn!("OPEN link: whoever reaches it may call and swap");
        return Service::new(identity);
    };
    let nonces = Nonces::from_seed(seed);
    match &nonces {
        Some(_) => defmt::info!("{=usize} role keys", keys.iter().len()),
        None => defmt::error!("no sessions: the device tree has no rng-seed"),
    }
    Service::guarded(identity, AuthResponder::new(keys, nonces))
}
