#![forbid(unsafe_code)]
//! Device, links, hosts and card in one process, under one seed and a simulated clock.
//!
//! [`Player::play`] makes a world of a number: bytes on the lines are lost, doubled, flipped and late, the
//! power goes at any sector of a write, the card refuses sectors or only says that it wrote them, the device
//! crashes soon after its start, two hosts compete with good, bad, old and unsealed images, policies, calls
//! that trap and spin. After each turn of the device's main loop the rules of `src/belief.rs` hold. In the
//! end the faults end, and everything is answered and kept again.
//!
//! What is real: the device program with its keeper and its store, an owner's policy and seals, the link's
//! frames and the rules of its exchanges, the simulated board's registers. What is a model: the card, the
//! lines, the main loop (`src/machine.rs`, as bare metal has it) and the hosts.

mod account;
mod belief;
mod host;
mod images;
mod line;
mod machine;
mod world;

use self::images::Images;
pub use self::world::Played;

/// Hosts of a world.
const HOSTS: usize = 2;

/// What worlds share: images that were signed once, and the keeper's buffer.
pub struct Player {
    images: Images,
    scratch: Vec<u32>,
}

impl Default for Player {
    fn default() -> Self {
        Self { images: Images::default(), scratch: vec![0; xmap_device::SCRATCH_WORDS] }
    }
}

impl Player {
    /// Plays the world of a seed. `told` is given what happens, with the time in microseconds.
    ///
    /// # Panics
    /// Where something does not hold that has to.
    pub fn play(&mut self, seed: u64, told: &mut dyn FnMut(u64, &str)) -> Played {
        world::play(seed, &mut self.images, &mut self.scratch, told)
    }
}
