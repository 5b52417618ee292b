//! A chip on the emulated board's SPI bus, by the flashed program and in the simulator: the same trace.

use std::io::Write as _;

use tempfile::NamedTempFile;
use xmap_client::{Client, HandlerTraps, PortName, Recorder};
use xmap_image::Image;
use xmap_sim::{Action, ChipStep, Script};
use xmap_tests::buses::BusPanel;
use xmap_tools::emulator::Machine;

use crate::act::Follower;
use crate::board::{REHEARSE, bytes, flashed, patient};

#[test]
fn a_flash_memory_says_what_it_is() {
    let panel = BusPanel::open("flash");
    let image = Image::verify(&panel.words).unwrap();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&bytes(&panel.words)).unwrap();
    let machine = Machine {
        panel: Some(file.path()),
        arguments: REHEARSE,
        // The emulator has 0xef5014 for what it calls w25q80.
        chips: &["w25q80bl,bus=spi"],
        ..Machine::new(flashed())
    };
    let emulator = machine.start().unwrap_or_else(|error| panic!("{error:#}"));
    let port = PortName::Tcp { host: "127.0.0.1".into(), port: emulator.listen().unwrap() };
    let mut client = Client::connect(&port, &patient()).unwrap_or_else(|error| panic!("{error}"));
    let mut follower = Follower { recorder: Recorder::since(0), handler_traps: HandlerTraps::since(0) };
    follower.recorder.lines(&mut client).unwrap();
    let mut trace = String::new();
    for line in panel.lines() {
        let script = Script::parse(line, &image).unwrap_or_else(|error| panic!("{line}: {error}"));
        match &script.steps()[0].action {
            // The emulator's chip is there from the start.
            Action::Device { step: ChipStep::Connect(_), .. } => {}
            action => {
                let done = follower.act(&mut client, line, action);
                trace += &done.unwrap_or_else(|error| panic!("{line}: {error}")).0;
            }
        }
    }
    assert_eq!(trace, panel.expected());
}
