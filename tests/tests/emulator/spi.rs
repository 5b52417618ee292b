//! A chip on the emulated board's SPI bus, by the flashed program and in the simulator: the same trace.

use xmap_image::Image;
use xmap_sim::{Action, ChipStep, Script};
use xmap_tests::buses::BusPanel;

use crate::act::Follower;
use crate::board::{REHEARSE, boot_with_chips};

#[test]
fn a_flash_memory_says_what_it_is() {
    let panel = BusPanel::open("flash");
    let image = Image::verify(&panel.words).unwrap();
    // The emulator has 0xef5014 for what it calls w25q80.
    let mut board = boot_with_chips(&panel.words, REHEARSE, &["w25q80bl,bus=spi"]);
    let (mut follower, _) = Follower::from_boot(&mut board.client).unwrap();
    let mut trace = String::new();
    for line in panel.lines() {
        let script = Script::parse(line, &image).unwrap_or_else(|error| panic!("{line}: {error}"));
        match &script.steps()[0].action {
            // The emulator's chip is there from the start.
            Action::Device { step: ChipStep::Connect(_), .. } => {}
            action => {
                let done = follower.act(&mut board.client, line, action);
                trace += &done.unwrap_or_else(|error| panic!("{line}: {error}")).0;
            }
        }
    }
    assert_eq!(trace, panel.expected());
}
