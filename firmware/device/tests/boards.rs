//! A device takes images for its own board, and its record has that board's registers.

mod common;

use common::{Small, bytes, call, device, ret};
use xmap_boards::{BoardId, Line, SIM96};
use xmap_device::{Failure, Record as _, Recorder};
use xmap_image::{Op, PinMode, Pull, Safe, VerifyError};
use xmap_sim::SimBoard;

/// A panel with one lamp.
fn panel(board: BoardId, lamp: u8) -> Small {
    let mut small = Small::new().pin(lamp, "lamp", PinMode::Out, Safe::Low, Pull::None);
    small.0.board = board;
    small.code("on", &[], &[], &[Op::LineSet.abc(lamp, 0, 0), ret()])
}

#[test]
fn an_image_for_another_board_is_refused() {
    for (own, other) in [(BoardId::Rpi4b, BoardId::Sim96), (BoardId::Sim96, BoardId::Rpi4b)] {
        let mut device = device(SimBoard::of(own));
        let refused = device.install(0, &bytes(&panel(other, 17))).unwrap_err();
        assert_eq!(refused, Failure::Image(VerifyError::Board(other as u16)));
        assert!(device.image(0).is_none() && device.board().accesses().count() == 0);
        device.install(0, &bytes(&panel(own, 17))).unwrap();
    }
}

#[test]
fn the_record_has_the_registers_of_the_board() {
    let recorder: Recorder<SimBoard, 8, 64> = Recorder::new(SimBoard::of(BoardId::Sim96));
    let mut device = device(recorder);
    device.install(0, &bytes(&panel(BoardId::Sim96, 90))).unwrap();
    let from = device.board().next();
    call(&mut device, "on", &[]).unwrap();
    let trace = device.board().trace(from);
    let store = trace.entries.first().unwrap();
    let register = SIM96.register_at(store.offset).unwrap();
    assert_eq!((register.to_string().as_str(), store.value), ("SET2", 1 << 26));
    assert!(device.board_mut().port_mut().is_high(Line::new(90).unwrap()));
}
