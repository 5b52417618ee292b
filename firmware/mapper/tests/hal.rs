//! A port of `embedded-hal` pins, against mocks that expect exactly these calls.

mod common;

use common::{builder, code, direct, i};
use embedded_hal_mock::eh1::MockError;
use embedded_hal_mock::eh1::delay::{CheckedDelay, NoopDelay, Transaction as Wait};
use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};
use tiny_mapper::{
    Function, HalError, HalHost, HalPin, HalPort, LogLevel, Mapper, Pull, STACK_SLOTS, Store, prelude::*,
};
use xmap_boards::{Bank, Line};
use xmap_image::{Image, Op, Ty};

#[derive(Default)]
struct Host {
    now_us: u64,
    log: Vec<(LogLevel, String)>,
}

impl HalHost for Host {
    fn now_us(&mut self) -> u64 {
        self.now_us
    }
    fn log(&mut self, level: LogLevel, text: &str) {
        self.log.push((level, text.into()));
    }
}

type HostPort<'p> = HalPort<'p, MockError, NoopDelay, Host, 4>;

fn port<'p>() -> HostPort<'p> {
    HalPort::new(NoopDelay::new(), Host::default())
}

fn line(number: u8) -> Line {
    Line::new(number).expect("a line")
}

fn broken() -> MockError {
    MockError::Io(std::io::ErrorKind::NotConnected)
}

#[test]
fn an_image_runs_on_hal_pins() {
    let mut lamp = Mock::new(&[Transaction::set(State::High), Transaction::set(State::Low)]);
    let mut button = Mock::new(&[Transaction::get(State::High), Transaction::get(State::Low)]);
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (8, 1, 1);
    b.data = vec![(0, b"hello".to_vec())];
    direct(&mut b, "set", &[Ty::U8, Ty::Bool], &[], &[Op::GpioPut.abc(1, 2, 0)]);
    direct(&mut b, "get", &[Ty::U8], &[Ty::Bool], &[Op::GpioGet.abc(1, 1, 0)]);
    direct(&mut b, "wait", &[Ty::U32], &[], &[Op::TimeDelay.abc(1, 0, 0)]);
    direct(&mut b, "now", &[], &[Ty::U64], &[Op::TimeNow.abc(1, 0, 0)]);
    let log = [Op::LogMessage.abc(1, 2, 3), common::RET];
    code(&mut b, "log", &[Ty::I32, Ty::StrPtr, Ty::Len], &[], &log);
    let words = b.build().unwrap();
    {
        let delay = CheckedDelay::new(&[Wait::delay_us(250)]);
        let mut port: HalPort<'_, MockError, _, _, 4> =
            HalPort::new(delay, Host { now_us: 5, ..Host::default() });
        assert!(port.add(line(17), HalPin::Out(&mut lamp)).is_ok());
        assert!(port.add(line(27), HalPin::In(&mut button)).is_ok());
        let (mut stack, mut memory) = ([0; STACK_SLOTS], [0; 8]);
        let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut [] };
        let mut m = Mapper::load(Image::verify(&words).unwrap(), port, store).unwrap();
        let mut call = |name: &str, args: &[u64]| {
            let id = m.find(name).unwrap();
            m.call(id, args).map(<[u64]>::to_vec)
        };
        assert_eq!(call("set", &[17, 1]), Ok(vec![]));
        // An output's level is what was driven.
        assert_eq!(call("get", &[17]), Ok(vec![1]));
        assert_eq!(call("set", &[17, 0]), Ok(vec![]));
        assert_eq!(call("get", &[27]), Ok(vec![0]));
        assert_eq!(call("wait", &[250]), Ok(vec![]));
        assert_eq!(call("now", &[]), Ok(vec![5]));
        assert_eq!(call("log", &[i(1), 0, 5]), Ok(vec![]));
        let port = m.port_mut();
        assert_eq!(port.host().log, [(LogLevel::Info, "hello".to_string())]);
        assert_eq!(port.take_error(), None);
        let (_, mut port, _) = m.into_parts();
        port.delay().done();
    }
    lamp.done();
    button.done();
}

#[test]
fn one_store_to_a_bank_drives_each_of_its_pins() {
    let mut low = Mock::new(&[Transaction::set(State::High), Transaction::set(State::Low)]);
    let mut high = Mock::new(&[Transaction::set(State::High)]);
    let mut other = Mock::new(&[Transaction::set(State::High), Transaction::get(State::Low)]);
    {
        let mut p = port();
        assert!(p.add(line(4), HalPin::Out(&mut low)).is_ok());
        assert!(p.add(line(31), HalPin::Out(&mut high)).is_ok());
        assert!(p.add(line(36), HalPin::InOut(&mut other)).is_ok());
        p.set(Bank::Zero, 1 << 4 | 1 << 31);
        p.clear(Bank::Zero, 1 << 4);
        assert_eq!(p.level(Bank::Zero), 1 << 31);
        p.set(Bank::One, 1 << 4);
        // A line that is driven and read has the level of its pad.
        assert_eq!(p.level(Bank::One), 0);
        assert_eq!(p.take_error(), None);
    }
    for mut mock in [low, high, other] {
        mock.done();
    }
}

#[test]
fn the_first_error_is_kept_until_it_is_taken() {
    let mut out =
        Mock::new(&[Transaction::set(State::High).with_error(broken()), Transaction::set(State::Low)]);
    let mut input = Mock::new(&[Transaction::get(State::High).with_error(broken())]);
    {
        let mut p = port();
        assert!(p.add(line(1), HalPin::Out(&mut out)).is_ok());
        assert!(p.add(line(2), HalPin::In(&mut input)).is_ok());
        p.set(Bank::Zero, 1 << 1);
        assert_eq!(p.level(Bank::Zero), 0);
        assert_eq!(p.take_error(), Some(HalError::Pin(line(1), broken())));
        assert_eq!(p.take_error(), None);
        p.clear(Bank::Zero, 1 << 1 | 1 << 2 | 1 << 3);
        assert_eq!(p.take_error(), Some(HalError::NoOutput(line(2))));
    }
    out.done();
    input.done();
}

#[test]
fn a_pin_is_what_it_was_made() {
    let mut mocks = [Mock::new(&[]), Mock::new(&[]), Mock::new(&[])];
    let [out, input, both] = &mut mocks;
    {
        let mut p = port();
        assert!(p.add(line(1), HalPin::Out(out)).is_ok());
        assert!(p.add(line(2), HalPin::In(input)).is_ok());
        assert!(p.add(line(3), HalPin::InOut(both)).is_ok());
        for (number, function, fits) in [
            (1, Function::Output, true),
            (1, Function::Input, false),
            (2, Function::Input, true),
            (2, Function::Output, false),
            (3, Function::Input, true),
            (3, Function::Output, true),
            (4, Function::Input, false),
        ] {
            p.select(line(number), function);
            let expected = (!fits).then_some(HalError::Direction(line(number)));
            assert_eq!(p.take_error(), expected, "{number} {function:?}");
        }
        p.pull(line(2), Pull::None);
        assert_eq!(p.take_error(), None);
        p.pull(line(2), Pull::Up);
        assert_eq!(p.take_error(), Some(HalError::Pull(line(2))));
    }
    mocks.iter_mut().for_each(Mock::done);
}

#[test]
fn a_port_holds_as_many_pins_as_it_says() {
    let mut mocks: Vec<Mock> = (0..6).map(|_| Mock::new(&[])).collect();
    {
        let mut p = port();
        let mut pins = mocks.iter_mut();
        for number in 0..4 {
            assert!(p.add(line(number), HalPin::In(pins.next().unwrap())).is_ok());
        }
        assert!(p.add(line(4), HalPin::In(pins.next().unwrap())).is_err());
        assert!(p.add(line(3), HalPin::Out(pins.next().unwrap())).is_ok());
    }
    mocks.iter_mut().for_each(Mock::done);
}
