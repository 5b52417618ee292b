//! Ready devices that are more than registers: expanders, displays, loads of PWM, a slave on a serial port.

mod common;

use common::{Small, channels, line};
use tiny_mapper::{BusStatus, I2c as _, Uart};
use xmap_image::{I2cRow, Op, Ty, UartRow};
use xmap_sim::{Fan, Mcp23017, ModbusSlave, Pca9552, Picture, Screen, Script, Servo, SimBoard, run};

const CHIP: I2cRow = I2cRow::new(1, 0x20, 400_000, [255, 32], 50_000);

fn write(board: &mut SimBoard, bytes: &[u8]) {
    assert_eq!(board.write_read(&CHIP, bytes, &mut []), Some(BusStatus::Ok));
}

fn read<const N: usize>(board: &mut SimBoard, from: u8) -> [u8; N] {
    let mut bytes = [0; N];
    assert_eq!(board.write_read(&CHIP, &[from], &mut bytes), Some(BusStatus::Ok));
    bytes
}

fn get(board: &mut SimBoard, what: &str) -> String {
    board.device(1, 0x20).unwrap().get(what).unwrap_or_else(|| panic!("no {what}"))
}

#[test]
fn an_expander_has_sixteen_pins() {
    let mut board = SimBoard::new();
    board.attach(1, 0x20, Mcp23017::default());
    assert_eq!(read(&mut board, 0x00), [0xff, 0xff, 0, 0], "all are inputs");
    // A drives, B has pull-ups; its upper half is turned round.
    write(&mut board, &[0x00, 0x00, 0xff]);
    write(&mut board, &[0x0c, 0x00, 0xff]);
    write(&mut board, &[0x03, 0xf0]);
    write(&mut board, &[0x12, 0xa5]);
    assert_eq!(read(&mut board, 0x12), [0xa5, 0x0f]);
    assert_eq!(
        (get(&mut board, "levels").as_str(), get(&mut board, "outputs").as_str()),
        ("0xffa5", "0x00a5")
    );
    // A pin whose change asks for attention; what was there then stays until it is read.
    write(&mut board, &[0x05, 0x01]);
    let chip = |board: &mut SimBoard, value| board.device(1, 0x20).unwrap().set("inputs", value).unwrap();
    chip(&mut board, "0xfeff");
    chip(&mut board, "0xffff");
    assert_eq!(get(&mut board, "interrupts"), "0x0100");
    assert_eq!(read(&mut board, 0x0f), [0x01, 0x00, 0x0e], "INTF of B, INTCAP of both");
    assert_eq!(get(&mut board, "interrupts"), "0x0000");
    // Against a default value it comes as long as the level differs.
    write(&mut board, &[0x07, 0x01]);
    write(&mut board, &[0x09, 0x01]);
    chip(&mut board, "0xfeff");
    assert_eq!(read(&mut board, 0x13), [0x0e, 0xa5]);
    assert_eq!(get(&mut board, "interrupts"), "0x0100");
    // Registers of a port together; a pointer that stays.
    write(&mut board, &[0x0a, 0x80]);
    assert_eq!(read(&mut board, 0x10), [0xff, 0xf0, 0x01], "IODIR, IPOL, GPINTEN of B");
    write(&mut board, &[0x05, 0x20]);
    assert_eq!(read(&mut board, 0x12), [0xa5, 0x0e, 0xa5], "GPIO of both, in turn");
    let error = board.device(1, 0x20).unwrap().set("inputs", "65536").unwrap_err();
    assert!(error.contains("0 to 65535"), "{error}");
}

#[test]
fn leds_are_on_off_or_blink() {
    let mut board = SimBoard::new();
    board.attach(1, 0x20, Pca9552::default());
    assert_eq!(read(&mut board, 0x10), [0xff, 0xff, 0xff, 0x80, 0xff, 0x80, 0x55, 0x55, 0x55, 0x55]);
    write(&mut board, &[0x13, 0x40, 0x10]);
    write(&mut board, &[0x06, 0b11_10_01_00]);
    let leds = ["led0", "led1", "led2", "led3", "led15"].map(|led| get(&mut board, led));
    assert_eq!(leds, ["on", "off", "blink0", "blink1", "off"]);
    assert_eq!((get(&mut board, "pwm0").as_str(), get(&mut board, "psc1").as_str()), ("0x40", "0x10"));
    assert_eq!(read(&mut board, 0x00), [0xfe, 0xfe], "without the bit the register stays");
}

/// What a driver sends to a module as it is sold.
const INIT: [u8; 26] = [
    0x00, 0xae, 0xd5, 0x80, 0xa8, 0x3f, 0xd3, 0x00, 0x40, 0x8d, 0x14, 0x20, 0x00, 0xa1, 0xc8, 0xda, 0x12,
    0x81, 0xcf, 0xd9, 0xf1, 0xdb, 0x40, 0xa4, 0xa6, 0xaf,
];

fn picture(board: &SimBoard) -> Picture {
    board.picture(1, 0x20).unwrap()
}

#[test]
fn a_display_shows_what_was_written() {
    let mut board = SimBoard::new();
    board.attach(1, 0x20, Screen::ssd1306(64));
    write(&mut board, &[0x40, 0xff]);
    assert_eq!(picture(&board).lit(), 0, "it is off");
    write(&mut board, &INIT);
    // A box of eight columns and sixteen rows at (16, 8), all of it.
    write(&mut board, &[0x00, 0x21, 16, 23, 0x22, 1, 2]);
    write(&mut board, &[&[0x40][..], &[0x01; 8], &[0x80; 8]].concat());
    let shown = picture(&board);
    let expected = |x, y| (16..24).contains(&x) && (y == 8 || y == 23);
    let expected_of = |x: usize, y: usize| expected(x, y) || (x, y) == (127, 0) || (x == 127 && y < 8);
    for (x, y) in (0..64).flat_map(|y| (0..128).map(move |x| (x, y))) {
        assert_eq!(shown.is_lit(x, y), expected_of(x, y), "{x}, {y}");
    }
    assert_eq!(shown.lit(), 24);
    let text = shown.to_string();
    assert_eq!(text.lines().count(), 64);
    assert!(text.lines().nth(23).unwrap().starts_with("................########...."), "{text}");
    assert_eq!((get(&mut board, "pixel16,8").as_str(), get(&mut board, "pixel15,8").as_str()), ("1", "0"));
    assert!(get(&mut board, "row8").starts_with("00000000000000001111111100"));
    assert_eq!((get(&mut board, "on").as_str(), get(&mut board, "contrast").as_str()), ("true", "207"));
    // Page addressing, a control byte before each command; inversion; without the pump nothing is lit.
    write(&mut board, &[0x80, 0x20, 0x80, 0x02, 0x80, 0xb7, 0x80, 0x0f, 0x80, 0x17, 0x40, 0x80]);
    assert!(picture(&board).is_lit(127, 63));
    write(&mut board, &[0x00, 0xa7]);
    assert_eq!(picture(&board).lit(), 128 * 64 - 25);
    write(&mut board, &[0x00, 0xa6, 0xa5]);
    assert_eq!(picture(&board).lit(), 128 * 64);
    write(&mut board, &[0x00, 0xa4, 0x8d, 0x10]);
    assert_eq!(picture(&board).lit(), 0);
    // Vertical addressing, and rows that are shifted.
    write(&mut board, &[0x00, 0x8d, 0x14, 0x20, 0x01, 0x21, 0, 1, 0x22, 0, 7]);
    write(&mut board, &[&[0x40][..], &[0x00; 7], &[0x01; 1], &[0x00; 8]].concat());
    assert!(picture(&board).is_lit(0, 56));
    write(&mut board, &[0x00, 0x40 | 56]);
    assert!(picture(&board).is_lit(0, 0));
}

#[test]
fn a_small_display_has_its_columns_in_the_middle() {
    let mut board = SimBoard::new();
    board.attach(1, 0x20, Screen::ssd0303());
    write(&mut board, &[0x80, 0xaf, 0x80, 0xb1, 0x80, 0x04, 0x80, 0x12, 0x40, 0x81]);
    let shown = picture(&board);
    assert_eq!((shown.width(), shown.height(), shown.lit()), (96, 16, 2));
    assert!(shown.is_lit(0, 8) && shown.is_lit(0, 15));
    // Behind the last column bytes are lost.
    write(&mut board, &[&[0x40][..], &[0xff; 200]].concat());
    assert_eq!(picture(&board).lit(), 2 + 95 * 8);
}

#[test]
fn a_picture_is_a_file_that_others_read() {
    let mut board = SimBoard::new();
    board.attach(1, 0x20, Screen::ssd0303());
    write(&mut board, &[0x80, 0xaf, 0x80, 0x04, 0x80, 0x12, 0x40, 0x01, 0x02]);
    let file = picture(&board).png();
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (384, 64));
    for (n, pixel) in pixels.iter().enumerate() {
        let (x, y) = (n % 384 / 4, n / 384 / 4);
        assert_eq!(*pixel != 0, matches!((x, y), (0, 0) | (1, 1)), "{x}, {y}");
    }
}

#[test]
fn what_pwm_drives_is_slower_than_its_pulses() {
    let mut sim = channels("vent", "flap");
    let script = "connect vent fan\nconnect flap servo\nexpect device flap degrees 90\n\
        call pulse 1 2000\nadvance 100ms\nexpect device flap degrees 120\nadvance 1s\nexpect device flap degrees 180\n\
        call pulse 1 1000\nadvance 200ms\nset flap blocked true\nadvance 1s\nexpect device flap degrees 120\n\
        set flap blocked false\nadvance 400ms\nexpect device flap degrees 0\nexpect device flap pulse_us 1000\n\
        call duty 0 13000\nadvance 1s\nexpect device vent rpm 0\n\
        call duty 0 65535\nadvance 1s\nexpect device vent rpm 1500\nadvance 1s\nexpect device vent rpm 3000\n\
        set vent blocked true\nexpect device vent rpm 0\nexpect device vent percent 100\nset vent blocked false\n\
        advance 500ms\nexpect device vent rpm 750\ncall duty 0 32768\nadvance 5s\nexpect device vent rpm 1500\n";
    let script = Script::parse(script, &sim.image()).unwrap();
    run(&mut sim, &script, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    // The traffic of a channel is what it has, each until it has something else.
    let traffic = sim.traffic();
    let vent = traffic.iter().find(|of| of.name == "vent_duty").unwrap();
    let texts: Vec<&str> = vent.spans.iter().map(|span| span.text.as_str()).collect();
    assert_eq!(texts, ["0.0%", "19.8%", "100.0%", "50.0%"]);
    assert!(vent.spans.windows(2).all(|two| two[0].end_us == two[1].start_us));
    for (script, message) in [
        ("connect vent tmp105", "a chip of the device's bus"),
        ("connect vent fan\nset vent blocked maybe", "this is `true` or `false`"),
        ("connect flap servo\nset flap speed 1", "it can be `blocked`"),
        ("connect flap servo\nexpect device flap rpm 1", "it has no `rpm`"),
    ] {
        let mut sim = channels("vent", "flap");
        let error = match Script::parse(script, &sim.image()) {
            Err(error) => error.to_string(),
            Ok(script) => run(&mut sim, &script, &mut |_| {}).unwrap_err().to_string(),
        };
        assert!(error.contains(message), "{script}: {error}");
    }
    // A test has them without a script.
    let mut board = SimBoard::new();
    board.attach_pwm(line(18), Fan::default());
    board.attach_pwm(line(13), Servo::default());
    assert_eq!(board.pwm_device(line(13)).unwrap().get("degrees", 0).as_deref(), Some("90"));
}

const FORMAT: xmap_image::Format = xmap_image::Format { data: 8, parity: xmap_image::Parity::None, stop: 1 };

/// Sends a frame, and returns what came back and when its first byte was there.
fn asked(board: &mut SimBoard, port: &UartRow, body: &[u8]) -> (Vec<u8>, u64) {
    let sum = body.iter().fold(0xffff_u16, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0xa001 } else { 0 })
    });
    let frame = [body, &sum.to_le_bytes()].concat();
    assert_eq!(board.write(port, &frame), Some(BusStatus::Ok));
    let (mut got, from_us, mut first_us) = (Vec::new(), board.time_us(), 0);
    for _ in 0..400 {
        board.advance(100);
        let mut bytes = [0; 8];
        let count = Uart::read(board, port, &mut bytes).unwrap();
        if count != 0 && got.is_empty() {
            first_us = board.time_us() - from_us;
        }
        got.extend(&bytes[..count]);
    }
    (got, first_us)
}

#[test]
fn a_slave_answers_on_a_serial_port() {
    let port = UartRow::new(3, 19_200, FORMAT, None, [256, 256]);
    let mut board = SimBoard::new();
    let mut slave = ModbusSlave::new(17);
    slave.registers_mut()[5] = 0x1234;
    board.attach_uart(3, slave);
    let (answer, first_us) = asked(&mut board, &port, &[17, 3, 0, 5, 0, 2]);
    assert_eq!(answer[..7], [17, 3, 4, 0x12, 0x34, 0, 0]);
    assert!(first_us >= u64::from(port.wire_us(4)), "a frame ends with 3.5 characters: {first_us} us");
    assert_eq!(asked(&mut board, &port, &[17, 6, 0, 6, 0xab, 0xcd]).0[..6], [17, 6, 0, 6, 0xab, 0xcd]);
    assert_eq!(asked(&mut board, &port, &[17, 16, 0, 7, 0, 1, 2, 0, 9]).0[..6], [17, 16, 0, 7, 0, 1]);
    assert_eq!(asked(&mut board, &port, &[17, 4, 0, 6, 0, 2]).0[..7], [17, 4, 4, 0xab, 0xcd, 0, 9]);
    // What is not served has a number; what is for others, or damaged, no answer.
    for (body, error) in [
        (&[17, 3, 0, 255, 0, 2][..], 2),
        (&[17, 3, 0, 0, 0, 0], 3),
        (&[17, 3, 0], 3),
        (&[17, 16, 0, 0, 0, 1, 4, 0, 9], 3),
        (&[17, 7], 1),
    ] {
        let (answer, _) = asked(&mut board, &port, body);
        assert_eq!(answer[..3], [17, body[1] | 0x80, error], "{body:02x?}");
    }
    assert_eq!(asked(&mut board, &port, &[18, 3, 0, 5, 0, 2]).0, []);
    assert_eq!(asked(&mut board, &port, &[0, 6, 0, 8, 0, 1]).0, [], "a broadcast");
    assert_eq!(board.write(&port, &[17, 3, 0, 5, 0, 2, 0, 0]), Some(BusStatus::Ok));
    let device = |board: &mut SimBoard, what: &str| board.uart_device(3).unwrap().get(what);
    assert_eq!(device(&mut board, "requests").as_deref(), Some("10"));
    assert_eq!(device(&mut board, "register8").as_deref(), Some("1"));
    let set = |board: &mut SimBoard, what: &str, value: &str| board.uart_device(3).unwrap().set(what, value);
    set(&mut board, "noisy", "true").unwrap();
    let (answer, _) = asked(&mut board, &port, &[17, 6, 0, 0, 0, 0]);
    assert_ne!(answer[6..], [0x8a, 0x9a], "its sum is wrong");
    set(&mut board, "silent", "true").unwrap();
    assert_eq!(asked(&mut board, &port, &[17, 6, 0, 0, 0, 0]).0, []);
    assert!(set(&mut board, "register256", "1").unwrap_err().contains("register255"));
    assert!(set(&mut board, "register1", "65536").unwrap_err().contains("0 to 65535"));
    // The record has both directions.
    let lines: Vec<String> = board.events().iter().filter_map(xmap_sim::trace_line).collect();
    assert!(lines[0].ends_with("UART3 w 11 03 00 05 00 02 d6 9a"), "{}", lines[0]);
    assert!(lines[1].contains("UART3 r 11"), "{}", lines[1]);
}

#[test]
fn traffic_is_decoded_with_the_names_of_the_manifest() {
    let mut panel = Small::new().direct("pins", &[Ty::U32; 5], &[Ty::I32], Op::HostCall.abc(0, 11, 0));
    (panel.0.memory_bytes, panel.0.memory_pages, panel.0.memory_max_pages) = (65_536, 1, 1);
    panel.0.time_us = 100_000;
    panel.0.i2c = vec![("pins".into(), I2cRow::new(1, 0x20, 100_000, [4, 4], 5_000))];
    let mut sim = panel.sim();
    let script = "call pins 0 0 2 0 0 -> 1\nconnect pins mcp23017\nadvance 1ms\ncall pins 0 0 1 0 2 -> 0\n";
    let script = Script::parse(script, &sim.image()).unwrap();
    run(&mut sim, &script, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let traffic = sim.traffic();
    let texts: Vec<_> = traffic[0].spans.iter().map(|span| (span.start_us, span.text.as_str())).collect();
    assert_eq!((traffic.len(), traffic[0].name.as_str()), (1, "i2c1"));
    assert_eq!(texts[0], (0, "pins w nack"));
    assert!(texts[1].1 == "pins w 00 r ff ff ok" && traffic[0].spans[1].end_us == sim.time_us(), "{texts:?}");
    let mut file = Vec::new();
    xmap_sim::write_vcd(&mut file, "panel", &sim.signals(), &traffic, sim.time_us()).unwrap();
    let file = String::from_utf8(file).unwrap();
    assert!(file.contains("$var string 1 ") && file.contains("spins_w_00_r_ff_ff_ok "), "{file}");
    let drawn = xmap_sim::draw(&sim.signals(), &traffic, sim.time_us(), 100);
    assert!(drawn.lines().any(|line| line.starts_with("i2c1 ") && line.contains("pins w")), "{drawn}");
}
