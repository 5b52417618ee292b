//! The zone of an image and its schedules: what verification takes, and how they come back.

use xmap_boards::BoardId;
use xmap_image::{
    BuildError, Change, Entry, Event, EventSource, Export, Extension, Function, Image, ImageBuilder, Op,
    VerifyError, Word, YearDay, Zone, field, reseal,
};

fn berlin() -> Zone {
    let change = |month, minute| Change { day: YearDay::Month { month, week: 5, weekday: 0 }, minute };
    Zone { standard: 60, daylight: 120, changes: Some([change(3, 120), change(10, 180)]) }
}

/// An image with a handler of this schedule.
fn words(zone: Zone, minute: u16, days: u8) -> Result<Vec<Word>, BuildError> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.functions = vec![Function { frame: 1, params: 0, results: 0, code: vec![Op::Ret.abc(0, 0, 0)] }];
    b.exports = vec![Export {
        key: "garden.water".into(),
        name: "water".into(),
        params: Vec::new(),
        results: Vec::new(),
        entry: Entry::Code { function: 0, fuel: 1 },
    }];
    b.zone = zone;
    b.manifest.module = "garden";
    b.manifest.events.push(Event { export: 0, source: EventSource::At { minute, days } }).unwrap();
    b.build()
}

#[test]
fn zones_and_schedules_read_back_as_they_were_written() {
    let written = words(berlin(), 420, 0x1f).unwrap();
    let image = Image::verify(&written).unwrap();
    assert_eq!((image.zone(), image.extension_bytes()[Extension::Zone as usize]), (berlin(), 12));
    let source = image.manifest().unwrap().events[0].source;
    assert_eq!((source, source.line()), (EventSource::At { minute: 420, days: 0x1f }, None));
    assert_eq!(ImageBuilder::from_image(&image).unwrap().build().unwrap(), written);
    // UTC is what an image without a zone has.
    let written = words(Zone::UTC, 0, 1).unwrap();
    assert_eq!(written[field::EXTENSIONS], 0);
    assert_eq!(Image::verify(&written).unwrap().zone(), Zone::UTC);
}

#[test]
fn a_schedule_is_a_minute_of_a_day_on_one_day_at_least() {
    for (minute, days) in [(1440, 1), (u16::MAX, 1), (0, 0), (0, 0x80), (0, 0xff)] {
        let refused = Err(BuildError::Verify(VerifyError::Manifest));
        assert_eq!(words(Zone::UTC, minute, days), refused, "{minute} {days}");
    }
    assert!(words(Zone::UTC, 1439, 0x7f).is_ok());
}

#[test]
fn a_zone_that_means_nothing_does_not_verify() {
    let words = words(berlin(), 420, 1).unwrap();
    let refused = Some(VerifyError::Extension(Extension::Zone));
    let at = words.len() - 3;
    for (n, word) in [(0, 1440), (0, 0xffff_0000), (1, 0), (2, 0), (2, u32::MAX)] {
        let mut words = words.clone();
        words[at + n] = word;
        if (n, word) == (0, 0xffff_0000) {
            // A minute behind UTC is a zone.
            reseal(&mut words);
            assert!(Image::verify(&words).is_ok());
            continue;
        }
        reseal(&mut words);
        assert_eq!(Image::verify(&words).err(), refused, "{n} {word:x}");
    }
    // UTC has one encoding.
    let mut utc = words.clone();
    utc[at..].fill(0);
    reseal(&mut utc);
    assert_eq!(Image::verify(&utc).err(), refused);
}
