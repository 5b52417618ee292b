//! Sealed images under the eyes of an owner who knows what his keys signed.

use xmap_boards::{BoardId, Line, LineSet, RPI4B};
use xmap_image::{
    Entry, Export, FORMAT, Function, HEADER_WORDS, Image, ImageBuilder, MAGIC, Op, PinMode, PinRow, Pull,
    Safe, Word, content_hash, decode, field, reseal,
};
use xmap_trust::{
    HashPin, KeyId, MinimumVersion, Reject, SEAL_WORDS, Seal, SecretKey, TrustPolicy, TrustedKey,
    check_sealed, class_of, seal, sealed,
};

use super::changes::change;
use super::entropy::Entropy;
use super::words_of;

const MODULES: [&str; 3] = ["hall", "porch", "gärten"];
const ORIGINS: [&str; 3] = ["https://panels.example", "usb", "uart"];

/// How often what is rare came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// An image was taken.
    pub taken: u32,
    /// The signature and the hash held, the image did not verify.
    pub unverified: u32,
    /// The owner had not allowed it.
    pub denied: u32,
}

/// Bytes as a sealed image: as they are, as changes to a genuine one, as an image that a trusted key sealed
/// whatever it is, and as an image, a seal and a policy that the bytes choose. What is taken is what the
/// rules allow, and nothing else is.
pub fn seal_check(data: &[u8]) -> Checked {
    let Some((how, rest)) = data.split_first() else { return Checked::default() };
    let mut entropy = Entropy::of(rest);
    match how % 4 {
        0 => {
            let words = words_of(rest);
            hold(&words, &owner(), ORIGINS[0], 0)
        }
        1 => {
            let genuine = bytes_of(&sealed_words(&sample(), 0));
            let mut bytes = genuine.clone();
            change(&mut bytes, &mut entropy);
            let checked = hold(&words_of(&bytes), &owner(), ORIGINS[0], 0);
            // What is left of a last word is filled up with zeros, as a reader of files does not.
            let same = words_of(&bytes) == words_of(&genuine);
            assert_eq!(checked.taken == 1, same, "a changed image is taken, or a genuine one is not");
            checked
        }
        2 => {
            let words = lie(rest);
            hold(&words, &owner(), ORIGINS[0], 0)
        }
        _ => {
            let image = image(&mut entropy);
            let words = sealed_words(&image, entropy.below(4));
            let policy = policy(&mut entropy, &words);
            let (from, have) = (entropy.pick(&ORIGINS), entropy.below(4));
            hold(&words, &policy, from, have)
        }
    }
}

/// Asks the check, and holds its answer against the rules as docs/security.md has them, written down a second
/// time.
fn hold(words: &[Word], policy: &TrustPolicy, origin: &str, have: u32) -> Checked {
    let answer = check_sealed(words, policy, origin, have);
    let rules = allowed(words, policy, origin, have);
    assert_eq!(answer.is_ok(), rules, "{:?}", answer.err());
    let mut checked = Checked::default();
    match answer {
        Ok(accepted) => {
            checked.taken = 1;
            assert_eq!(accepted.image.header().version, accepted.version);
        }
        Err(reject) => {
            assert!(reject.to_string().starts_with("reject: "));
            match reject {
                Reject::Image(Some(_)) => checked.unverified = 1,
                Reject::Seal(_) | Reject::UnknownKey | Reject::BadSignature | Reject::HashMismatch => {}
                _ => checked.denied = 1,
            }
        }
    }
    checked
}

/// Returns whether all rules hold, in no order.
fn allowed(words: &[Word], policy: &TrustPolicy, origin: &str, have: u32) -> bool {
    let Some((image_words, seal_words)) = sealed(words) else { return false };
    let Ok(seal) = Seal::parse(seal_words) else { return false };
    assert_eq!(seal.to_words(), seal_words, "a seal is not what was read");
    let Some(key) = policy.keys.iter().find(|key| key.key.id() == seal.key && seal.is_signed_by(&key.key))
    else {
        return false;
    };
    let hash: Vec<u8> = bytes_of(&content_hash(image_words));
    let Ok(image) = Image::admit(image_words) else { return false };
    let Ok(manifest) = image.manifest() else { return false };
    let pinned = policy.pins.iter().any(|pin| pin.module == seal.module);
    let pin = |pin: &HashPin| {
        pin.module == seal.module && pin.hash[..] == hash[..] && pin.origin.as_str() == origin
    };
    let minimum = |rule: &MinimumVersion| rule.module != seal.module || seal.version >= rule.version;
    let classes = image.functions().iter().flat_map(|row| {
        let code = &image.code()[row.start as usize..][..row.words() as usize];
        decode(code).map(|(_, op, words)| (op, words[0]))
    });
    let direct = image.exports().iter().filter(|row| row.is_direct());
    let mut ops = classes.chain(direct.filter_map(|row| Some((Op::from_u8(row.first as u8)?, row.first))));
    seal.hash[..] == hash[..]
        && !policy.revoked_keys.contains(&seal.key)
        && !policy.revoked_images.contains(&seal.hash)
        && (!pinned || policy.pins.iter().any(pin))
        && seal.origin.as_str() == origin
        && key.origins.iter().any(|from| from.as_str() == origin)
        && key.modules.contains(&seal.module)
        && key.boards.contains(&seal.board)
        && seal.version >= have
        && policy.minimum_versions.iter().all(minimum)
        && (manifest.module, image.header().version, image.board() as u16)
            == (seal.module.as_str(), seal.version, seal.board)
        && (image.declared() - key.lines).is_empty()
        && ops.all(|(op, first)| class_of(op, first).is_none_or(|class| key.ops & class.bit() != 0))
}

fn signer(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// The policy that allows the sample.
fn owner() -> TrustPolicy {
    let mut policy = TrustPolicy { version: 1, ..TrustPolicy::default() };
    let fits = "it fits";
    let key = TrustedKey {
        key: signer(1).public(),
        origins: [ORIGINS[0].try_into().expect(fits)].into_iter().collect(),
        modules: MODULES.iter().map(|name| (*name).try_into().expect(fits)).collect(),
        boards: [BoardId::Rpi4b as u16].into_iter().collect(),
        lines: LineSet::below(64),
        ops: u16::MAX,
    };
    policy.keys.extend([key]);
    policy
}

fn sample() -> Vec<Word> {
    image(&mut Entropy::of(&[0; 64]))
}

/// An image behind which the seal of a key stands: of the owner's, of another, or an honest one under the
/// owner's name.
fn sealed_words(image: &[Word], how: u32) -> Vec<Word> {
    let view = Image::verify(image).expect("a builder verifies what it writes");
    let by = |key: u8, origin| seal(&view, origin, &signer(key)).expect("its names fit");
    let seal = match how {
        0 => by(1, ORIGINS[0]),
        1 => by(1, ORIGINS[1]),
        2 => by(3, ORIGINS[0]),
        _ => Seal { key: signer(1).public().id(), ..by(3, ORIGINS[0]) },
    };
    [image, &seal.to_words()].concat()
}

/// Words with the header fields that end verification at once, and a seal of a trusted key that says what
/// they say of themselves where that can be read: what a key that signs anything would make.
fn lie(data: &[u8]) -> Vec<Word> {
    let mut words = words_of(data);
    words.resize(words.len().max(HEADER_WORDS), 0);
    words[field::MAGIC] = u32::from_le_bytes(MAGIC);
    words[field::FORMAT_BOARD] = u32::from(FORMAT) | (BoardId::Rpi4b as u32) << 16;
    reseal(&mut words);
    let view = Image::verify(&words).ok();
    let module = view.and_then(|view| view.manifest().ok()).map_or("hall", |manifest| manifest.module);
    let mut hash = [0; 32];
    hash.copy_from_slice(&bytes_of(&content_hash(&words)));
    let claim = Seal {
        board: BoardId::Rpi4b as u16,
        key: KeyId([0; 8]),
        hash,
        version: view.map_or(1, |view| view.header().version),
        module: module.try_into().ok().filter(|_| !module.is_empty()).unwrap_or_default(),
        origin: ORIGINS[0].try_into().expect("it fits"),
        signature: [0; 64],
    };
    let seal = claim.signed(&signer(1));
    words.extend(seal.to_words());
    words
}

/// A small image: its module, version, lines and operations are chosen.
fn image(entropy: &mut Entropy<'_>) -> Vec<Word> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.version = entropy.below(4);
    b.manifest.module = entropy.pick(&MODULES);
    let mut lines: Vec<u8> =
        (0..=entropy.below(3)).map(|_| entropy.below(RPI4B.lines.into()) as u8).collect();
    lines.sort_unstable();
    lines.dedup();
    let row = |n: &u8| PinRow::new(Line::new(*n).expect("a line"), PinMode::InOut, Safe::Hold, Pull::None);
    b.pins = lines.iter().map(row).collect();
    let at = lines[0];
    let mut op = || match entropy.below(6) {
        0 => Op::LineSet.abc(at, 0, 0),
        1 => Op::LineClear.abc(at, 0, 0),
        2 => Op::LineToggle.abc(at, 0, 0),
        3 => Op::LineGet.abc(1, at, 0),
        4 => Op::TimeNow.abc(1, 0, 0),
        _ => Op::Const32.a16(1, 0),
    };
    let code = vec![op(), op(), Op::Ret.abc(0, 0, 0)];
    let mut exports = vec![Entry::Code { function: 0, fuel: 100 }];
    if entropy.below(2) == 1 {
        exports.insert(0, Entry::Direct { first: Op::LineClear.abc(at, 0, 0), second: 0 });
    }
    b.functions = vec![Function { frame: 3, params: 0, results: 0, code }];
    let export = |(n, entry): (usize, Entry)| Export {
        key: format!("panel.{n}"),
        name: format!("f{n}"),
        params: vec![],
        results: vec![],
        entry,
    };
    b.exports = exports.into_iter().enumerate().map(export).collect();
    b.build().expect("it is a valid image")
}

/// A policy that has to do with these words: mostly right, and wrong in a few places.
fn policy(entropy: &mut Entropy<'_>, words: &[Word]) -> TrustPolicy {
    let mut policy = owner();
    let mut hash = [0; 32];
    hash.copy_from_slice(&bytes_of(&content_hash(&words[..words.len() - SEAL_WORDS])));
    for _ in 0..entropy.below(5) {
        let name = entropy.pick(&MODULES).try_into().expect("it fits");
        let origin = entropy.pick(&ORIGINS).try_into().expect("it fits");
        let some = if entropy.below(2) == 0 { hash } else { [entropy.u8(); 32] };
        // A list that is full stays as it is.
        match entropy.below(10) {
            0 => policy.keys[0].lines = !LineSet::from_bits(1 << entropy.below(RPI4B.lines.into())),
            1 => policy.keys[0].ops = !(1 << entropy.below(7)),
            2 => policy.keys[0].modules.retain(|module| *module != name),
            3 => _ = policy.keys[0].origins.push(origin),
            4 => policy.keys[0].boards[0] = entropy.below(3) as u16,
            5 => _ = policy.pins.push(HashPin { module: name, hash: some, origin }),
            6 => _ = policy.revoked_images.push(some),
            7 => _ = policy.revoked_keys.push(signer(1 + entropy.below(3) as u8).public().id()),
            8 => {
                let version = entropy.below(5);
                _ = policy.minimum_versions.push(MinimumVersion { module: name, version });
            }
            _ => {
                let more = TrustedKey { key: signer(3).public(), ..policy.keys[0].clone() };
                let at = if entropy.below(2) == 0 { policy.keys.len() } else { 0 };
                _ = policy.keys.insert(at, more);
            }
        }
    }
    policy
}

fn bytes_of(words: &[Word]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
