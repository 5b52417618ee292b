//! Some worlds hold, and each is the same when it is played again.

use xmap_vopr::{Played, Player};

#[test]
fn worlds_with_faults_keep_the_rules() {
    let (mut player, mut all) = (Player::default(), Played::default());
    for seed in 0..40 {
        println!("seed {seed}");
        all.add(player.play(seed, &mut |_, _| ()));
    }
    // Faults that never came about would show nothing.
    assert!(all.boots > 200 && all.swapped > 200 && all.not_swapped > 200, "{all:?}");
    assert!(all.policies > 40 && all.pulses > 400 && all.unanswered > 20, "{all:?}");
}

#[test]
fn a_world_is_the_same_when_it_is_played_again() {
    let log = |seed| {
        let mut log = Vec::new();
        let played = Player::default().play(seed, &mut |now_us, what| log.push(format!("{now_us} {what}")));
        (played, log)
    };
    for seed in [3, 19] {
        assert_eq!(log(seed), log(seed));
    }
    assert_ne!(log(3), log(19));
}
