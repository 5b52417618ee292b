//! What is written is read back, and written again to the same words.

mod common;

use common::{export, extended, line, sample, words};
use proptest::prelude::*;
use xmap_boards::{BoardId, LineSet};
use xmap_image::{
    BuildError, Elements, Entry, ExportId, Function, Image, ImageBuilder, NO_FUNCTION, Op, PinMode, PinRow,
    Pull, Safe, Section, Table, Ty, TypeRow, VerifyError,
};

#[test]
fn the_sample_reads_back_as_it_was_written() {
    let (b, words) = (sample(), words());
    let image = Image::verify(&words).unwrap();
    let header = image.header();
    assert_eq!((header.version, header.start, header.time_us), (7, Some(0), 5_000));
    assert_eq!((header.memory_bytes, header.memory_pages, header.memory_max_pages), (64, 1, 2));
    assert_eq!(image.board(), BoardId::Rpi4b);
    assert_eq!(image.declared(), LineSet::from_bits(1 << 17 | 1 << 22 | 1 << 27));
    assert_eq!(image.writable(), LineSet::from_bits(1 << 17 | 1 << 22));
    assert!(image.globals().eq([41, u64::MAX]));
    assert!(image.data().eq([(0, &b"lamp"[..]), (16, &[1, 2, 3])]));
    assert_eq!(image.pins(), b.pins);
    assert_eq!(image.manifest().unwrap(), b.manifest);
    assert_eq!(image.code(), [&b.functions[0].code[..], &b.functions[1].code].concat());
    assert!(Section::ALL.iter().zip(image.section_bytes()).all(|(_, len)| len > 0));
    for (n, export) in b.exports.iter().enumerate() {
        let id = ExportId(n as u16);
        assert_eq!((image.key(id), image.name(id)), (Some(&*export.key), Some(&*export.name)));
        assert_eq!((image.find(&export.key), image.find(&export.name)), (Some(id), Some(id)));
        let signature = image.signature(id).unwrap();
        assert!(signature.params().eq(export.params.iter().copied()));
        assert!(signature.results().eq(export.results.iter().copied()));
    }
    assert_eq!(image.find("demo.nothing"), None);
    assert_eq!(image.key(ExportId(3)), None);
    assert_eq!(image.bytes().len(), words.len() * 4);
}

#[test]
fn the_extended_sample_reads_back_as_it_was_written() {
    let b = extended();
    let words = b.build().unwrap();
    let image = Image::verify(&words).unwrap();
    assert_eq!(image.types(), b.types);
    assert_eq!(image.functions().iter().map(|row| row.ty() as u16).collect::<Vec<_>>(), b.function_types);
    // Two globals, tables of 5 and 1 with their sizes, one passive element segment, two of data.
    assert_eq!(image.slots(), 2 + 6 + 2 + 1 + 2);
    let slots: Vec<u32> = image.tables().iter().map(|row| row.slot).collect();
    assert_eq!(slots, [2, 8]);
    let elements: Vec<_> = image.elements().map(|(table, at, items)| (table.slot, at, items)).collect();
    assert_eq!(elements, [(2, 1, &[0, NO_FUNCTION][..]), (8, 0, &[2][..])]);
    let passive = image.passive_elements()[0];
    assert_eq!((passive.slot, passive.first, passive.len), (10, 2, 3));
    assert_eq!(image.element_items(), [0, NO_FUNCTION, 1, 2, 1, 2]);
    let slots: Vec<u32> = image.passive_data().iter().map(|row| row.slot).collect();
    assert_eq!(slots, [11, 12]);
    let bytes = image.passive_data()[0];
    assert_eq!(image.data_bytes()[bytes.first as usize..][..bytes.len as usize], *b"lamp");
    // Those that each build has.
    assert!(image.extension_bytes().iter().take(8).all(|len| *len > 0));
    let again = ImageBuilder::from_image(&image).unwrap();
    assert_eq!((&again.tables, &again.elements), (&b.tables, &b.elements));
    assert_eq!((&again.passive_data, again.build().as_ref()), (&b.passive_data, Ok(&words)));
}

#[test]
fn strings_and_signatures_that_are_equal_stand_once() {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.functions = vec![Function { frame: 2, params: 1, results: 0, code: vec![Op::Ret.abc(0, 0, 0)] }];
    let entry = Entry::Code { function: 0, fuel: 1 };
    b.exports = ["a", "ab", "b"].map(|name| export(name, &[Ty::U8], &[], entry.clone())).to_vec();
    let words = b.build().unwrap();
    let image = Image::verify(&words).unwrap();
    let bytes: Vec<u32> = image.section_bytes().collect();
    assert_eq!(bytes[Section::Signatures as usize], 1);
    // `demo.ab` and `demo.b`; the others are part of them.
    assert_eq!(bytes[Section::Strings as usize], 13);
}

/// A function that its row's numbers fit.
fn function() -> impl Strategy<Value = Function> {
    (0u8..4, 0u8..4, 0u8..4, prop::collection::vec((1u8..4, 1u8..4, any::<u8>()), 0..8)).prop_map(
        |(params, results, more, ops)| {
            let mut code: Vec<u32> = ops.iter().map(|(a, b, imm)| Op::AddI32.abc(*a, *b, *imm)).collect();
            code.push(Op::Ret.abc(0, 0, 0));
            Function { frame: 5 + more, params, results, code }
        },
    )
}

fn pins() -> impl Strategy<Value = Vec<PinRow>> {
    let mode = prop::sample::select(vec![PinMode::In, PinMode::Out, PinMode::InOut, PinMode::Any]);
    let safe = prop::sample::select(vec![Safe::Hold, Safe::Low, Safe::High, Safe::Float]);
    let pull = prop::sample::select(vec![Pull::None, Pull::Up, Pull::Down]);
    prop::collection::btree_map(0u8..58, (mode, safe, pull), 0..9).prop_map(|rows| {
        rows.into_iter().map(|(n, (mode, safe, pull))| PinRow::new(line(n), mode, safe, pull)).collect()
    })
}

prop_compose! {
    fn builder()(
        version: u32,
        time_us: u32,
        functions in prop::collection::vec(function(), 1..5),
        names in prop::collection::btree_set("[a-z0-9_]{1,12}", 0..6),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 6),
        pins in pins(),
        globals in prop::collection::vec(any::<u64>(), 0..4),
        data in prop::collection::vec((0u32..900, prop::collection::vec(any::<u8>(), 0..100)), 0..4),
        (pages, more) in (0u32..3, 0u32..3),
        tables in prop::collection::vec((0u32..4, 0u32..4), 0..3),
        segments in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<bool>(), 0..3)), 0..5),
        passive_data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..3),
    ) -> ImageBuilder<'static> {
        let mut b = ImageBuilder::new(BoardId::Rpi4b);
        (b.version, b.time_us, b.pins, b.globals, b.data) = (version, time_us, pins, globals, data);
        (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (1000, 1 + pages, 1 + pages + more);
        b.exports = names.iter().zip(&picks).map(|(name, (index, fuel))| {
            let function = index.index(functions.len());
            let Function { params, results, .. } = functions[function];
            let (params, results) = (vec![Ty::I32; params.into()], vec![Ty::U64; results.into()]);
            export(name, &params, &results, Entry::Code { function: function as u32, fuel: *fuel })
        }).collect();
        // Indirect calls are rare: half of the images have what they need.
        if version % 2 == 0 {
            let ty = |f: &Function| TypeRow { params: f.params, results: f.results };
            b.types = functions.iter().map(ty).collect();
            b.function_types = (0..functions.len() as u16).collect();
        }
        b.tables = tables
            .iter()
            .map(|(initial, more)| Table { initial: *initial, capacity: initial + more })
            .collect();
        b.elements = segments
            .into_iter()
            .map(|(active, items)| {
                let items: Vec<u16> = items.iter().map(|null| if *null { NO_FUNCTION } else { 0 }).collect();
                let fits = b.tables.iter().position(|t| t.initial as usize >= items.len());
                let place = fits.filter(|_| active).map(|table| (table as u32, 0));
                Elements { place, items }
            })
            .collect();
        b.passive_data = passive_data;
        b.functions = functions;
        b
    }
}

proptest! {
    /// Encode, decode, encode: the same words, and the same content.
    #[test]
    fn writing_what_was_read_gives_the_same_words(b in builder()) {
        let words = b.build().unwrap();
        let image = Image::verify(&words).unwrap();
        let again = ImageBuilder::from_image(&image).unwrap();
        prop_assert_eq!(&again.exports, &b.exports);
        prop_assert_eq!(&again.functions, &b.functions);
        prop_assert_eq!(&again.pins, &b.pins);
        prop_assert_eq!(&again.data, &b.data);
        prop_assert_eq!(&again.globals, &b.globals);
        prop_assert_eq!((&again.types, &again.function_types), (&b.types, &b.function_types));
        prop_assert_eq!((&again.tables, &again.passive_data), (&b.tables, &b.passive_data));
        prop_assert_eq!(&again.build().unwrap(), &words);
    }

    /// The order in which exports and pins are given does not matter.
    #[test]
    fn the_same_content_gives_the_same_words(b in builder()) {
        let mut other = b.clone();
        other.exports.reverse();
        other.pins.reverse();
        prop_assert_eq!(other.build(), b.build());
    }
}

#[test]
fn a_policy_stands_in_the_image_only_where_it_differs() {
    use xmap_image::{Confirm, FaultPolicy, Keep, OnFault};
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.globals = vec![7];
    builder.memory_bytes = 16;
    builder.memory_pages = 1;
    builder.memory_max_pages = 1;
    let plain = builder.build().unwrap();
    assert_eq!(Image::verify(&plain).unwrap().manifest().unwrap().policy, FaultPolicy::default());

    builder.manifest.policy = FaultPolicy {
        on_trap: OnFault::Restart,
        confirm: Confirm::Host,
        keep: [Keep::Global(0), Keep::Memory { from: 12, bytes: 4 }].into_iter().collect(),
        ..FaultPolicy::default()
    };
    let words = builder.build().unwrap();
    assert!(words.len() > plain.len());
    assert_eq!(Image::verify(&words).unwrap().manifest().unwrap().policy, builder.manifest.policy);

    for keep in
        [Keep::Global(1), Keep::Memory { from: 13, bytes: 4 }, Keep::Memory { from: u32::MAX, bytes: 2 }]
    {
        builder.manifest.policy.keep = [keep].into_iter().collect();
        assert_eq!(builder.build(), Err(BuildError::Verify(VerifyError::Manifest)), "{keep:?}");
    }
}

/// Images of before the element stands behind the policy are images as they were.
#[test]
fn what_outlives_a_restart_stands_behind_the_policy_in_its_range() {
    use xmap_image::{FaultPolicy, Keep, Persist, limits::KEEP_EVERY_S};
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.globals = vec![7];
    let mut built = |persist, keep: &[Keep]| {
        let keep = keep.iter().copied().collect();
        // With something that is no default beside it, so that the policy is there in any case.
        builder.manifest.policy = FaultPolicy { restarts: 9, keep, persist, ..FaultPolicy::default() };
        builder.build().map(|words| {
            let image = Image::verify(&words).unwrap();
            let again = ImageBuilder::from_image(&image).unwrap().build();
            assert_eq!(again.as_deref(), Ok(&words[..]), "{persist:?}");
            let found = image.manifest().unwrap().policy.persist;
            (found, words)
        })
    };
    let kept = [Keep::Global(0)];
    let (_, plain) = built(Persist::AsConfigured, &kept).unwrap();
    for persist in [KEEP_EVERY_S.start(), KEEP_EVERY_S.end()].map(|every_s| Persist::EveryS(*every_s)) {
        let (found, words) = built(persist, &kept).unwrap();
        assert_eq!(found, persist);
        assert_ne!(words, plain);
    }
    assert_eq!(built(Persist::Never, &kept).unwrap().0, Persist::Never);
    let refused = Err(BuildError::Verify(VerifyError::Manifest));
    for every_s in [0, KEEP_EVERY_S.start() - 1, KEEP_EVERY_S.end() + 1, u32::MAX] {
        assert_eq!(built(Persist::EveryS(every_s), &kept), refused, "{every_s}");
    }
    for persist in [Persist::EveryS(60), Persist::Never] {
        assert_eq!(built(persist, &[]), refused, "{persist:?}: nothing is kept");
    }
    assert_eq!(built(Persist::AsConfigured, &[]).unwrap().0, Persist::AsConfigured);
}

/// 400 bytes of image kept 16 MiB 32 times: 4 GiB of RAM, 1.5 GB of disk.
#[test]
fn kept_state_is_bounded_in_its_sum_and_without_overlap() {
    use xmap_image::{FaultPolicy, Keep, limits::MAX_KEPT_BYTES};
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.globals = vec![7, 8];
    (builder.memory_bytes, builder.memory_pages, builder.memory_max_pages) = (16 << 20, 256, 256);
    let memory = |from, bytes| Keep::Memory { from, bytes };
    let mut built = |keep: &[Keep]| {
        builder.manifest.policy =
            FaultPolicy { keep: keep.iter().copied().collect(), ..FaultPolicy::default() };
        builder.build().map(|words| Image::verify(&words).unwrap().manifest().unwrap().policy.kept_bytes())
    };
    let most = MAX_KEPT_BYTES;
    assert_eq!(built(&[memory(0, most)]), Ok(most.into()));
    assert_eq!(
        built(&[Keep::Global(0), memory(5, 3), Keep::Global(1), memory(8, most - 19)]),
        Ok(most.into())
    );
    for refused in [
        &[memory(0, most + 1)][..],
        &[memory(0, most), Keep::Global(0)],
        &[memory(0, 16 << 20); 32],
        &[memory(0, 1); 2],
        &[memory(0, 9), Keep::Global(1), memory(8, 8)],
        &[memory(8, 8), memory(0, 100)],
        &[Keep::Global(1), memory(0, 1), Keep::Global(1)],
    ] {
        assert_eq!(built(refused), Err(BuildError::Verify(VerifyError::Manifest)), "{refused:?}");
    }
    // Nothing is kept twice where nothing is kept.
    assert_eq!(built(&[memory(8, 0), memory(8, 0), memory(4, 8)]), Ok(8));
}
