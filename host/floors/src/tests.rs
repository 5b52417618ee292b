//! The floors do what the mapper does.

use super::*;

#[test]
fn the_floors_and_the_mapper_do_the_same() {
    let compiled = xmap_rig::panel("demo");
    let image = Image::verify(&compiled.words).unwrap();
    for name in ["lamp_on", "call_gpio_set"] {
        assert!(image.exports()[usize::from(image.find(name).unwrap().0)].is_direct(), "{name}");
    }
    let (mut stack, mut memory) =
        (vec![0; image.stack_slots()], vec![0; image.header().memory_bytes as usize]);
    let mut globals = vec![0; image.slots()];
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let mut mapper = Mapper::load(image, Bare::<Registers>::default(), store).unwrap();
    // The lines of two banks are one word here, as on the board.
    let writable = u64::try_from(image.writable().bits()).unwrap_or(u64::MAX);
    let mut board = Board { port: Bare::<Registers>::default(), writable };
    let set = image.find("call_gpio_set").unwrap();
    for args in [[17, 1], [17, 0], [27, 1], [64, 1], [17, 2], [24, 1], [5, 0]] {
        let refused = gpio_set(&mut board, &args).is_err();
        assert_eq!(mapper.call(set, &args).is_err(), refused, "{args:?}");
        assert_eq!(mapper.port().0.set, board.port.0.set);
        assert_eq!(mapper.port().0.clear, board.port.0.clear);
    }
    mapper.call(image.find("lamp_on").unwrap(), &[]).unwrap();
    lamp_on(&mut board, &[]).unwrap();
    assert_eq!(mapper.port().0.set, board.port.0.set);
}

#[test]
fn a_median_is_in_the_middle() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    assert!(median(Vec::new()).is_nan());
}
