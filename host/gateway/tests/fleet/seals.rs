//! Seals in rollouts: what a device that has an owner refuses, is reported with its reason.

use std::time::Duration;

use xmap_boards::{Bank, BoardId, LineSet};
use xmap_device::{Owned, Volatile};
use xmap_image::OwnedImage;
use xmap_trust::{MAX_POLICY_BYTES, OpClass, SecretKey, TrustPolicy, TrustedKey, seal, sign_policy};

use crate::devices::Simulated;
use crate::gateways::Gateway;
use crate::hall;
use crate::server::Server;

fn owner(signer: &SecretKey) -> Owned<Volatile> {
    let root = SecretKey::from_seed(&[2; 32]);
    let key = TrustedKey {
        key: signer.public(),
        origins: ["uart".try_into().unwrap()].into_iter().collect(),
        modules: ["hall".try_into().unwrap()].into_iter().collect(),
        boards: [BoardId::Rpi4b as u16].into_iter().collect(),
        lines: LineSet::of_bank(Bank::Zero, 1 << 17 | 1 << 27),
        ops: OpClass::GpioWrite.bit() | OpClass::GpioRead.bit(),
    };
    let mut policy = TrustPolicy { version: 1, ..TrustPolicy::default() };
    assert!(policy.keys.push(key).is_ok());
    let mut buffer = [0; MAX_POLICY_BYTES];
    let signed = sign_policy(&policy, &root, &mut buffer).unwrap();
    Owned::new(root.public(), signed, Volatile::default()).unwrap()
}

fn sealed(image: &[u8], key: &SecretKey) -> Vec<u8> {
    let owned = OwnedImage::from_bytes(image).unwrap();
    let seal = seal(&owned.image(), "uart", key).unwrap();
    let words = seal.to_words();
    [image, &words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()].concat()
}

async fn scenario() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, stranger) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[9; 32]));
    let first = sealed(&hall(1, ""), &ours);
    let device = Simulated::start(folder.path(), "owned", &first, false, Some(owner(&ours)));
    let server = Server::start(std::iter::once("owned".to_string()), 1).await;
    let devices = [device];
    let _gateway = Gateway::start(&folder.path().join("g"), &devices, &server.address, None, 1);
    let cut = {
        let whole = sealed(&hall(2, ""), &ours);
        whole[..whole.len() - 4].to_vec()
    };
    for (what, image, expected) in [
        ("without a seal", hall(2, ""), Some("reject: no seal")),
        ("sealed by a stranger", sealed(&hall(2, ""), &stranger), Some("reject: unknown key")),
        ("with a seal that is cut", cut, Some("X0701")),
        ("sealed by its owner", sealed(&hall(2, ""), &ours), None),
        ("an older one than counts", sealed(&hall(1, ""), &ours), Some("reject: rollback 1 < 2")),
    ] {
        server.roll_out(&image, 1);
        while !server.is_over() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (good, why) = server.report().told["owned"].clone();
        assert_eq!(good, expected.is_none(), "{what}: {why}");
        assert!(why.contains(expected.unwrap_or("runs")), "{what}: {why}");
        let seen = devices[0].seen();
        assert!(seen.running && seen.lit && !seen.on_trial && seen.glitches == 0, "{what}: {seen:?}");
    }
    assert_eq!(devices[0].seen().version, 2);
}

#[test]
fn a_seal_that_a_device_refuses_is_reported_with_its_reason() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(120), scenario()).await.unwrap();
    });
}
