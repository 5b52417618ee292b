//! Bundles and conflicts: what two images may not both have, and how one file holds them.

mod common;

use common::{export, line, sample, words};
use proptest::prelude::*;
use xmap_boards::BoardId;
use xmap_image::{
    Conflict, Entry, Event, EventSource, ExportId, HOOKS, Image, ImageBuilder, Manifest, Op, PinMode, PinRow,
    Pull, Safe, Ty, VerifyError, Word, bundle, conflict, conflicts, field, limits,
};

/// An image with these lines, one handler for each of the events, and exports with these names.
fn module(
    name: &'static str,
    pins: &[(u8, PinMode, Pull)],
    events: &[EventSource],
    names: &[&str],
) -> Vec<Word> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.pins = pins.iter().map(|(n, mode, pull)| PinRow::new(line(*n), *mode, Safe::Hold, *pull)).collect();
    let entry = Entry::Direct { first: Op::GpioRead.abc(1, 1, 0), second: 0 };
    b.exports = names.iter().map(|name| export(name, &[Ty::U8], &[Ty::U32], entry.clone())).collect();
    let events = events.iter().map(|source| Event { export: 0, source: *source }).collect();
    b.manifest = Manifest { module: name, namespace: "demo", events, ..Manifest::default() };
    b.build().unwrap()
}

fn between(left: &[Word], right: &[Word]) -> Vec<Conflict> {
    let [left, right] = [left, right].map(|words| Image::verify(words).unwrap());
    let found: Vec<Conflict> = conflicts(&left, &right).collect();
    assert_eq!(conflict(&left, &right), found.first().copied());
    found
}

#[test]
fn lines_that_one_module_drives_belong_to_it() {
    use PinMode::{Any, In, InOut, Out};
    let none = Pull::None;
    for (left, right, expected) in [
        (In, In, None),
        (Out, In, Some(Conflict::Line(line(17)))),
        (In, Out, Some(Conflict::Line(line(17)))),
        (Out, Out, Some(Conflict::Line(line(17)))),
        (InOut, In, Some(Conflict::Line(line(17)))),
        (In, Any, Some(Conflict::Line(line(17)))),
    ] {
        // The lines beside it are each in one of them alone.
        let left = module("left", &[(4, Out, none), (17, left, none)], &[], &[]);
        let right = module("right", &[(17, right, none), (22, Out, none), (57, In, none)], &[], &[]);
        assert_eq!(between(&left, &right), Vec::from_iter(expected));
    }
}

#[test]
fn readers_of_a_line_agree_on_its_pull() {
    let module = |name, pull| module(name, &[(27, PinMode::In, pull)], &[], &[]);
    let up = module("left", Pull::Up);
    assert_eq!(between(&up, &module("right", Pull::Up)), []);
    assert_eq!(between(&up, &module("right", Pull::Down)), [Conflict::Pull(line(27))]);
    assert_eq!(between(&module("right", Pull::None), &up), [Conflict::Pull(line(27))]);
}

#[test]
fn edges_of_a_line_are_handled_by_one_module() {
    let module = |name, mode, events: &[EventSource], key| {
        module(name, &[(22, mode, Pull::None), (27, PinMode::In, Pull::None)], events, &[key])
    };
    let falling = EventSource::Falling { line: 27, debounce_us: 5 };
    let rising = EventSource::Rising { line: 27, debounce_us: 0 };
    let other = EventSource::Both { line: 22, debounce_us: 0 };
    let every = EventSource::Every { every_us: 10 };
    let left = module("left", PinMode::In, &[every, falling], "a");
    let edges = |n| Conflict::Edges { line: line(n), left: ExportId(0), right: ExportId(0) };
    assert_eq!(between(&left, &module("right", PinMode::In, &[every, other], "b")), []);
    assert_eq!(between(&left, &module("right", PinMode::In, &[other, rising], "b")), [edges(27)]);
    // A line that has one error already does not get a second one.
    let left = module("left", PinMode::InOut, &[other, falling], "a");
    let both = [Conflict::Line(line(22)), edges(27)];
    assert_eq!(between(&left, &module("right", PinMode::In, &[other, rising], "b")), both);
}

#[test]
fn a_key_and_a_name_of_a_module_are_given_once() {
    let left = module("left", &[], &[], &["a", "c", "d", "x"]);
    let right = module("right", &[], &[], &["b", "c", "e", "x", "y"]);
    let key = |left, right| Conflict::Key { left: ExportId(left), right: ExportId(right) };
    assert_eq!(between(&left, &right), [key(1, 1), key(3, 3)]);
    assert_eq!(between(&right, &left), [key(1, 1), key(3, 3)]);
    assert_eq!(between(&left, &module("left", &[], &[], &["b", "e"])), [Conflict::Module]);
    assert_eq!(between(&left, &module("right", &[], &[], &[])), []);
}

#[test]
fn every_module_may_have_hooks() {
    let hooks = |name| {
        let mut b = ImageBuilder::new(BoardId::Rpi4b);
        let entry = Entry::Direct { first: Op::GpioRead.abc(1, 1, 0), second: 0 };
        b.exports = HOOKS.iter().map(|name| export(name, &[Ty::U8], &[Ty::U32], entry.clone())).collect();
        b.exports.iter_mut().for_each(|export| export.key = export.name.clone());
        b.manifest.module = name;
        b.build().unwrap()
    };
    assert_eq!(between(&hooks("left"), &hooks("right")), []);
    // In a namespace they are exports like others.
    let left = module("left", &[], &[], &HOOKS);
    assert_eq!(between(&left, &module("right", &[], &[], &HOOKS)).len(), HOOKS.len());
}

#[test]
fn an_image_has_every_kind_of_conflict_with_itself() {
    let words = sample().build().unwrap();
    let (left, right) = (ExportId(0), ExportId(0));
    let key = |n| Conflict::Key { left: ExportId(n), right: ExportId(n) };
    let edges = Conflict::Edges { line: line(27), left, right };
    let lines = [17, 22].map(|n| Conflict::Line(line(n)));
    let expected = [&[Conflict::Module][..], &lines, &[edges, key(0), key(1), key(2)]].concat();
    assert_eq!(between(&words, &words), expected);
}

#[test]
fn conflicts_have_numbers_and_texts_of_their_own() {
    let id = ExportId(0);
    let all = [
        Conflict::Board,
        Conflict::Module,
        Conflict::Line(line(4)),
        Conflict::Pull(line(4)),
        Conflict::Edges { line: line(4), left: id, right: id },
        Conflict::Key { left: id, right: id },
        Conflict::Bus(line(2)),
        Conflict::Device { bus: 1, address: 0x48 },
    ];
    assert!(all.iter().map(Conflict::code).eq(1..=8));
    assert!(all.iter().all(|c| c.to_string().contains("line 4") == (c.line() == Some(line(4)))));
}

#[test]
fn a_bundle_is_split_where_its_headers_say() {
    let (first, second) = (words(), module("right", &[], &[], &[]));
    assert!(bundle(&first).eq([Ok(&first[..])]));
    let two = [&first[..], &second, &first].concat();
    assert!(bundle(&two).eq([Ok(&first[..]), Ok(&second[..]), Ok(&first[..])]));
    let names: Vec<_> =
        Image::admit_bundle(&two).map(|image| image.unwrap().manifest().unwrap().module).collect();
    assert_eq!(names, ["sampler", "right", "sampler"]);
}

#[test]
fn a_damaged_bundle_is_refused_where_it_is_damaged() {
    let one = words();
    let damaged = |f: &dyn Fn(&mut Vec<Word>)| {
        let mut words = [&one[..], &one].concat();
        f(&mut words);
        let found: Vec<_> = bundle(&words).map(|image| image.map(<[Word]>::len)).collect();
        assert_eq!(found[0], Ok(one.len()));
        assert_eq!(found.len(), 2);
        found[1]
    };
    let second = one.len();
    assert_eq!(damaged(&|words| words.truncate(second + 27)), Err(VerifyError::TooShort));
    assert_eq!(damaged(&|words| words.truncate(second * 2 - 1)), Err(VerifyError::Length));
    assert_eq!(damaged(&|words| words[second] = 0), Err(VerifyError::Magic));
    assert_eq!(damaged(&|words| words[second + field::FORMAT_BOARD] = 2), Err(VerifyError::Format(2)));
    for bytes in [0, 27 * 4, one.len() as u32 * 4 - 1, one.len() as u32 * 4 + 4, u32::MAX, u32::MAX - 3] {
        let length = damaged(&|words| words[second + field::LENGTH] = bytes);
        assert_eq!(length, Err(VerifyError::Length), "{bytes}");
    }
    // The splitting does not read the content; verifying does.
    let mut words = [&one[..], &one].concat();
    words[second + field::VERSION] += 1;
    assert_eq!(Image::admit_bundle(&words).nth(1).unwrap().err(), Some(VerifyError::Hash));
    assert!(bundle(&[]).eq([Err(VerifyError::TooShort)]));
}

#[test]
fn a_bundle_has_at_most_as_many_images_as_a_device_has_slots() {
    let one = words();
    let most = one.repeat(limits::MAX_MODULES);
    assert_eq!(bundle(&most).filter(Result::is_ok).count(), limits::MAX_MODULES);
    let more = one.repeat(limits::MAX_MODULES + 1);
    let found: Vec<_> = bundle(&more).skip(limits::MAX_MODULES).collect();
    assert_eq!(found, [Err(VerifyError::Bundle)]);
    assert_eq!(VerifyError::Bundle.to_string(), "more than 4 images in a bundle");
}

proptest! {
    /// Whatever the words are: pieces one after another, then an end or one error.
    #[test]
    fn any_words_are_pieces_and_then_an_end_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 0..3),
        images in 0usize..6,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut words = words().repeat(images);
        words.truncate(cut.index(words.len() + 1));
        for (index, value) in changes {
            if !words.is_empty() {
                let at = index.index(words.len());
                words[at] = value;
            }
        }
        let found: Vec<_> = bundle(&words).collect();
        let (last, before) = found.split_last().unwrap();
        prop_assert!(before.iter().all(Result::is_ok) && found.len() <= limits::MAX_MODULES + 1);
        let pieces: Vec<Word> = found.iter().filter_map(|piece| piece.ok()).flatten().copied().collect();
        prop_assert!(words.starts_with(&pieces));
        prop_assert_eq!(last.is_ok(), !words.is_empty() && pieces.len() == words.len());
    }

    /// What keeps two images apart does so in either order.
    #[test]
    fn conflicts_do_not_depend_on_the_order(
        pins in prop::collection::vec(prop::collection::btree_map(0u8..6, (0usize..4, 0usize..3), 0..5), 2),
        names in prop::collection::vec(prop::collection::btree_set("[a-d]", 0..4), 2),
    ) {
        let modes = [PinMode::In, PinMode::Out, PinMode::InOut, PinMode::Any];
        let pulls = [Pull::None, Pull::Up, Pull::Down];
        let build = |n: usize| {
            let pins: Vec<_> = pins[n].iter().map(|(line, (m, p))| (*line, modes[*m], pulls[*p])).collect();
            let names: Vec<&str> = names[n].iter().map(String::as_str).collect();
            module(["left", "right"][n], &pins, &[], &names)
        };
        let [left, right] = [build(0), build(1)];
        let mirrored = between(&right, &left).into_iter().map(|conflict| match conflict {
            Conflict::Key { left, right } => Conflict::Key { left: right, right: left },
            other => other,
        });
        prop_assert_eq!(between(&left, &right), mirrored.collect::<Vec<_>>());
        // Counted by another road.
        let apart = |(a, b): (&(usize, usize), &(usize, usize))| a.0 != 0 || b.0 != 0 || a.1 != b.1;
        let both = pins[0].iter().filter_map(|(n, ours)| Some((ours, pins[1].get(n)?)));
        let lines = both.filter(|pair| apart(*pair)).count();
        let keys = names[0].intersection(&names[1]).count();
        prop_assert_eq!(between(&left, &right).len(), lines + keys);
    }
}
