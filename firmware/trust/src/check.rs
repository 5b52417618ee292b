//! An image, its seal and a policy held against each other.

use subtle::ConstantTimeEq;
use xmap_image::{HASH_WORD, HASH_WORDS, Image, Op, Word, content_hash, decode};

use crate::{KeyId, Limits, Origin, Reject, Seal, SealError, TrustPolicy, TrustedKey, class_of, sealed};

/// An image that the policy allows.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    /// The image, verified.
    pub image: Image<'a>,
    /// Whose seal it has.
    pub key: KeyId,
    /// Its version: what a device remembers as the highest that it has seen of the module.
    pub version: u32,
}

/// Holds an image and the seal behind it against a policy: see [`check`].
///
/// # Errors
/// As [`check`], and [`Reject::Seal`] where no well-formed seal stands at the end.
///
/// # Panics
/// Never, for any words.
pub fn check_sealed<'a>(
    words: &'a [Word],
    policy: &TrustPolicy,
    origin: &str,
    have: u32,
) -> Result<Accepted<'a>, Reject> {
    let (image, seal) = sealed(words).ok_or(Reject::Seal(SealError::Magic))?;
    check(&Seal::parse(seal).map_err(Reject::Seal)?, image, policy, origin, have)
}

/// Holds an image and its seal against a policy. `origin` is where the image really came from, `have` the
/// highest version that the device has seen of the module, 0 if none.
///
/// The order is that of trust: whose seal it is, that it is genuine, that these are the sealed words, that
/// the owner wants them from there and from this key; only then is the image looked at, and held against the
/// lines and operations of the key.
///
/// # Errors
/// The first thing that does not hold.
///
/// # Panics
/// Never, for any words, seal and policy.
pub fn check<'a>(
    seal: &Seal,
    words: &'a [Word],
    policy: &TrustPolicy,
    origin: &str,
    have: u32,
) -> Result<Accepted<'a>, Reject> {
    let allowed = authenticate(seal, words, policy, origin, have)?;
    let image = Image::verify(words).map_err(|error| Reject::Image(Some(error)))?;
    allowed.covers(&image)?;
    Ok(Accepted { image, key: seal.key, version: seal.version })
}

/// The first half of [`check`]: all that can be known of words before they are looked at. Whoever gets an
/// [`Allowed`] verifies the image once, in its own place, and asks [`Allowed::covers`] before it runs.
///
/// # Errors
/// The first thing that does not hold.
///
/// # Panics
/// Never, for any words, seal and policy.
pub fn authenticate<'p>(
    seal: &'p Seal,
    words: &[Word],
    policy: &'p TrustPolicy,
    origin: &str,
    have: u32,
) -> Result<Allowed<'p>, Reject> {
    let key = genuine(seal, policy)?;
    undamaged(seal, words)?;
    wanted(seal, key, policy, origin, have)?;
    Ok(Allowed { seal, key, limits: policy.limits })
}

/// A seal that holds, over words that are the sealed ones, from where the policy wants them. What the words
/// say is still to be held against it.
#[derive(Clone, Copy, Debug)]
#[must_use = "the image is not held against seal and key yet"]
pub struct Allowed<'p> {
    seal: &'p Seal,
    key: &'p TrustedKey,
    limits: Limits,
}

impl Allowed<'_> {
    /// The second half of [`check`]: that the image is what its seal says, and keeps to the lines and
    /// operations of the key and to the policy's limits.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn covers(&self, image: &Image<'_>) -> Result<(), Reject> {
        let manifest = image.manifest().map_err(|error| Reject::Image(Some(error)))?;
        let says = (manifest.module, image.header().version, image.board() as u16);
        if says != (self.seal.module.as_str(), self.seal.version, self.seal.board) {
            return Err(Reject::Image(None));
        }
        within(image, self.key)?;
        self.limits.check(image).map_err(Reject::Limit)
    }
}

/// The trusted key whose signature the seal has. A revoked one is told before all else: that its signatures
/// still hold says nothing any more.
fn genuine<'p>(seal: &Seal, policy: &'p TrustPolicy) -> Result<&'p TrustedKey, Reject> {
    if policy.revoked_keys.contains(&seal.key) {
        return Err(Reject::Revoked);
    }
    let mut named = policy.keys.iter().filter(|trusted| trusted.key.id() == seal.key).peekable();
    named.peek().ok_or(Reject::UnknownKey)?;
    named.find(|trusted| seal.is_signed_by(&trusted.key)).ok_or(Reject::BadSignature)
}

/// That these are the words that were sealed. The hash in the image's header is not part of what is hashed,
/// so it is compared, too: no bit of a sealed image is left to anybody.
fn undamaged(seal: &Seal, words: &[Word]) -> Result<(), Reject> {
    let computed: [u8; 32] = bytemuck::cast(content_hash(words));
    let mut stated = [0; HASH_WORDS];
    let header = words.get(HASH_WORD..HASH_WORD + HASH_WORDS).ok_or(Reject::HashMismatch)?;
    stated.copy_from_slice(header);
    let stated: [u8; 32] = bytemuck::cast(stated);
    let same = computed.ct_eq(&seal.hash) & stated.ct_eq(&seal.hash);
    if same.into() { Ok(()) } else { Err(Reject::HashMismatch) }
}

/// That the owner wants this image, from there and from this key.
fn wanted(
    seal: &Seal,
    key: &TrustedKey,
    policy: &TrustPolicy,
    origin: &str,
    have: u32,
) -> Result<(), Reject> {
    if policy.revoked_images.contains(&seal.hash) {
        return Err(Reject::Revoked);
    }
    // Where a module has pins, one of them must be met: also where an image is pinned to two origins.
    let pins = policy.pins.iter().filter(|pin| pin.module == seal.module);
    let pinned = pins.clone().next().is_some();
    let mut met = pins.filter(|pin| pin.hash == seal.hash).peekable();
    if pinned && met.peek().is_none() {
        return Err(Reject::HashMismatch);
    }
    let from = |there: &Origin| there.as_str() == origin;
    let from_pin = !pinned || met.any(|pin| from(&pin.origin));
    if !from(&seal.origin) || !key.origins.iter().any(from) || !from_pin {
        return Err(Reject::UntrustedOrigin(cut(origin)));
    }
    if !key.modules.contains(&seal.module) {
        return Err(Reject::KeyNotAllowed(seal.module.clone()));
    }
    if !key.boards.contains(&seal.board) {
        return Err(Reject::Board(seal.board));
    }
    let minimums = policy.minimum_versions.iter().filter(|minimum| minimum.module == seal.module);
    let have = minimums.map(|minimum| minimum.version).fold(have, u32::max);
    if seal.version < have {
        return Err(Reject::Rollback { found: seal.version, have });
    }
    Ok(())
}

/// That the image keeps to the lines and operations of its key.
fn within(image: &Image<'_>, key: &TrustedKey) -> Result<(), Reject> {
    let lines = image.pins().iter().map(|pin| pin.line()).chain(image.bus_lines().iter());
    if let Some(line) = lines.into_iter().find(|line| !key.lines.contains(*line)) {
        return Err(Reject::Line(line.number()));
    }
    let denied =
        |(op, first): &(Op, Word)| class_of(*op, *first).is_some_and(|class| class.bit() & key.ops == 0);
    let code = decode(image.code()).map(|(_, op, words)| (op, words.first().copied().unwrap_or_default()));
    // A direct entry is one op, which stands in its row.
    let direct = image.exports().iter().filter(|row| row.is_direct());
    let direct = direct.filter_map(|row| Some((Op::from_u8(row.first as u8)?, row.first)));
    match code.chain(direct).find(denied) {
        Some((op, first)) => Err(match op.host_function(first) {
            Some(function) if op == Op::HostCall => Reject::HostCall(function),
            _ => Reject::Op(op),
        }),
        None => Ok(()),
    }
}

/// An origin as far as it fits: the caller's may be longer than any seal's.
fn cut(origin: &str) -> Origin {
    let mut text = Origin::new();
    for c in origin.chars() {
        if text.push(c).is_err() {
            break;
        }
    }
    text
}
