//! Every error of verification is reached, and nothing damaged gets through.

mod common;

use std::collections::BTreeSet;

use common::{at, changed, extended, sample, start, start_of, words};
use proptest::prelude::*;
use xmap_boards::BoardId;
use xmap_image::{
    BuildError, Elements, Event, EventSource, Extension, FORMAT, Function, HEADER_WORDS, Image, ImageBuilder,
    Op, Section, VerifyError, Word, bundle, field, reseal, words_of,
};

/// The word `n` of a section of the sample, changed by `f`.
fn word(section: Section, n: usize, f: impl Fn(Word) -> Word) -> Vec<Word> {
    changed(|words| {
        let at = start(words, section) + n;
        words[at] = f(words[at]);
    })
}

/// The op at a place of the code, replaced.
fn op(at: usize, op: Word) -> Vec<Word> {
    word(Section::Code, at, |_| op)
}

/// A field of the header, replaced.
fn header(at: usize, value: Word) -> Vec<Word> {
    changed(|words| words[at] = value)
}

/// A length of a section, one byte less or more; the sections behind it stand where they are.
fn length(section: Section, by: i32) -> Vec<Word> {
    changed(|words| {
        let len = &mut words[field::SECTIONS + section as usize];
        *len = len.wrapping_add_signed(by);
    })
}

/// Returns what each mutation of the sample is refused with.
fn refused() -> Vec<(Vec<Word>, VerifyError)> {
    use Section::*;
    use VerifyError as E;
    let byte = |n: u32, value: u8| move |w: Word| w & !(0xff << (8 * n)) | Word::from(value) << (8 * n);
    let mut table = vec![
        (words()[..27].to_vec(), E::TooShort),
        (vec![], E::TooShort),
        (header(field::MAGIC, u32::from_le_bytes(*b"XMAQ")), E::Magic),
        (header(field::FORMAT_BOARD, 2 | 1 << 16), E::Format(2)),
        (header(field::FORMAT_BOARD, u32::from(FORMAT) | 99 << 16), E::Board(99)),
        ([words(), vec![0]].concat(), E::Length),
        (changed(|words| words.push(0)), E::Length),
        (
            {
                let mut words = words();
                words[field::VERSION] += 1;
                words
            },
            E::Hash,
        ),
        (header(field::EXTENSIONS, 1 << 31), E::HeaderField),
        (header(field::MEMORY_PAGES, 2 | 1 << 16), E::HeaderField),
        (header(field::MEMORY_BYTES, 65_537), E::HeaderField),
        (header(field::START, 2), E::HeaderField),
        // A start function has neither parameters nor results.
        (header(field::START, 1), E::HeaderField),
        // Sections: a length that is no whole number of rows, and one that takes up the next.
        (length(Exports, -1), E::Section(Exports)),
        (length(Functions, -1), E::Section(Functions)),
        (length(Code, -1), E::Section(Code)),
        (length(Pins, -1), E::Section(Pins)),
        (length(Globals, -1), E::Section(Globals)),
        (length(DataRows, -1), E::Section(DataRows)),
        (length(Names, -1), E::Section(Names)),
        // The padding of a section is zero, and no byte of it is left out.
        (length(Data, -1), E::Section(Data)),
        (length(Signatures, -1), E::Section(Signatures)),
        (length(Strings, -1), E::Section(Strings)),
        (length(Manifest, -1), E::Section(Manifest)),
        (header(field::SECTIONS + Manifest as usize, u32::MAX), E::Section(Manifest)),
        // Rows.
        (word(Exports, 0, byte(0, 2)), E::Export(0)),
        (word(Exports, 0, byte(3, 1)), E::Export(0)),
        (word(Exports, 0, byte(1, 251)), E::Export(0)),
        (word(Exports, 1, |_| 2), E::Export(0)),
        // Its function takes two parameters and has one result.
        (word(Exports, 1, |_| 0), E::Export(0)),
        (word(Exports, 3, |_| 1 << 16), E::Export(0)),
        (word(Exports, 5, |_| Op::Copy.abc(1, 2, 0)), E::Export(1)),
        (word(Exports, 5, |_| Op::GpioPut.abc(1, 3, 0)), E::Export(1)),
        (word(Exports, 5, |_| Op::LineSet.abc(27, 0, 0)), E::Export(1)),
        (word(Exports, 5, |_| Op::GpioGet.abc(1, 2, 0)), E::Export(1)),
        (word(Exports, 6, |_| 1), E::Export(1)),
        (word(Exports, 3, |_| 200), E::Signature(0)),
        (word(Signatures, 0, byte(0, 0)), E::Signature(0)),
        (word(Signatures, 0, byte(0, 15)), E::Signature(0)),
        // A pointer without its length, and a length without its pointer.
        (word(Signatures, 0, byte(0, 13)), E::Signature(0)),
        (word(Signatures, 0, byte(0, 14)), E::Signature(0)),
        (word(Names, 0, |_| 0xffff), E::Name(0)),
        (word(Names, 1, |_| 0xffff_0000), E::Name(0)),
        (word(Strings, 0, byte(0, 0xff)), E::Strings),
        (word(Pins, 0, byte(0, 58)), E::Pin(0)),
        (word(Pins, 0, byte(1, 4)), E::Pin(0)),
        (word(Pins, 1, byte(2, 4)), E::Pin(1)),
        (word(Pins, 1, byte(3, 3)), E::Pin(1)),
        (word(Pins, 1, byte(0, 17)), E::Pin(1)),
        (word(Pins, 2, byte(0, 18)), E::Pin(2)),
        (word(DataRows, 0, |_| 61), E::Data(0)),
        (word(DataRows, 4, |_| 5), E::Data(1)),
        (word(DataRows, 5, |_| u32::MAX), E::Data(1)),
        // The length of the module's name takes up the block.
        (word(Manifest, 0, byte(0, 0x7f)), E::Manifest),
        (word(Functions, 0, |_| 1), E::Function(0)),
        (word(Functions, 1, |_| 0), E::Function(0)),
        (word(Functions, 1, |w| w | 1 << 16), E::Function(0)),
        (word(Functions, 2, |w| w | 1 << 24), E::Function(0)),
        (word(Functions, 5, byte(0, 2)), E::Function(1)),
        (word(Functions, 4, |w| w + 1), E::Function(1)),
        (word(Functions, 4, |w| w - 1), E::End(1)),
        // Code.
        (op(at::ADD, 0xff), E::Opcode(1)),
        // An op of two words, of which the function has one.
        (op(at::RET_V, Op::Const32W.abc(1, 0, 0)), E::Opcode(13)),
        (op(at::ADD, Op::AddI32.abc(0, 1, 1)), E::Register(1)),
        (op(at::ADD, Op::AddI32.abc(1, 4, 1)), E::Register(1)),
        (op(at::CONST_WIDE, Op::Const32W.abc(3, 1, 0)), E::Immediate(4)),
        (op(at::SHIFT, Op::ShlI32.abc(4, 1, 32)), E::Immediate(6)),
        (op(at::SHIFT, Op::ShlI64.abc(4, 1, 64)), E::Immediate(6)),
        // Function 0 has no result to return.
        (op(3, Op::RetV.abc(1, 0, 0)), E::Immediate(3)),
        (op(at::LINE_SET, Op::LineSet.abc(18, 0, 0)), E::Line(9)),
        (op(at::LINE_SET, Op::LineSet.abc(27, 0, 0)), E::Line(9)),
        (op(at::LINE_SET, Op::LineGet.abc(1, 58, 0)), E::Line(9)),
        (op(at::MASK_SET, Op::MaskSet.abc(1, 0, 0)), E::Line(10)),
        (op(at::MASK_SET, Op::MaskSet.abc(2, 0, 0)), E::Line(10)),
        (op(at::MASK_SET + 1, 1 << 27), E::Line(10)),
        (op(at::MASK_SET + 1, 0), E::Line(10)),
        (op(at::BANK_READ, Op::BankRead.abc(5, 2, 0)), E::Line(12)),
        // Into an op, behind the function, and before it.
        (op(at::BRANCH, Op::BrLtU.abc(1, 2, -3i8 as u8)), E::Branch(7)),
        (op(at::BRANCH, Op::BrLtU.abc(1, 2, 6)), E::Branch(7)),
        (op(at::BRANCH, Op::BrLtU.abc(1, 2, -5i8 as u8)), E::Branch(7)),
        (op(at::CALL, Op::Call.a16(0, 0)), E::Call(8)),
        (op(at::CALL, Op::Call.a16(4, 2)), E::Call(8)),
        // Two parameters do not stand behind register 4 of 6.
        (op(at::CALL, Op::Call.a16(4, 1)), E::Call(8)),
        (op(at::GLOBAL_GET, Op::GlobalGet.a16(1, 2)), E::Global(0)),
        (op(at::RET_V, Op::Copy.abc(1, 5, 0)), E::End(1)),
    ];
    // Half a global.
    table.push((
        changed(|words| {
            words.remove(start(words, Globals));
            words[field::SECTIONS + Globals as usize] -= 4;
        }),
        E::Section(Globals),
    ));
    // A name less than there are exports.
    table.push((
        changed(|words| {
            words.drain(start(words, Names)..start(words, Names) + 2);
            words[field::SECTIONS + Names as usize] -= 8;
        }),
        E::Section(Names),
    ));
    // The two names of row 0 in the place of those of row 1.
    table.push((
        changed(|words| {
            let names = start(words, Names);
            words.swap(names, names + 2);
        }),
        E::Name(1),
    ));
    table
}

/// The same for the sample with extension sections. The first word of its function 2 is word 14.
fn extensions_refused() -> Vec<(Vec<Word>, VerifyError)> {
    use Extension::*;
    use VerifyError as E;
    let changed = |change: &dyn Fn(&mut Vec<Word>)| {
        let mut words = extended().build().expect("the extended sample verifies");
        change(&mut words);
        reseal(&mut words);
        words
    };
    let word = |extension: Extension, n: usize, value: Word| {
        changed(&|words| {
            let at = start_of(words, extension) + n;
            words[at] = value;
        })
    };
    let length = |extension: Extension, by: i32| {
        changed(&|words| {
            let len = &mut words[HEADER_WORDS + extension as usize];
            *len = len.wrapping_add_signed(by);
        })
    };
    let code = |at: usize, value: Word| {
        changed(&|words| {
            let code = start(words, Section::Code);
            words[code + at] = value;
        })
    };
    let function_type = |function: usize, ty: Word| {
        changed(&|words| {
            let at = start(words, Section::Functions) + 3 * function + 1;
            words[at] = words[at] & 0xffff | ty << 16;
        })
    };
    let empty = changed(&|words| {
        // The items are there by their bit, but without bytes.
        let (at, len) = (start_of(words, ElementItems), HEADER_WORDS + ElementItems as usize);
        words.drain(at..at + words[len].div_ceil(4) as usize);
        words[len] = 0;
    });
    vec![
        (length(Types, -1), E::Extension(Types)),
        (length(Tables, -1), E::Extension(Tables)),
        (length(Elements, -1), E::Extension(Elements)),
        (length(PassiveElements, -1), E::Extension(PassiveElements)),
        (length(ElementItems, -1), E::Extension(ElementItems)),
        (length(PassiveData, -1), E::Extension(PassiveData)),
        (length(PassiveData, 400), E::Extension(PassiveData)),
        (empty, E::Extension(ElementItems)),
        // Slots without a gap, room for what is there at load, and no more than there may be.
        (word(Tables, 0, 3), E::Extension(Tables)),
        (word(Tables, 1, 6), E::Extension(Tables)),
        (word(Tables, 5, 65_537), E::Extension(Tables)),
        (word(Tables, 3, 9), E::Extension(Tables)),
        (word(PassiveElements, 0, 9), E::Extension(PassiveElements)),
        (word(PassiveElements, 1, 4), E::Extension(PassiveElements)),
        (word(PassiveElements, 2, u32::MAX), E::Extension(PassiveElements)),
        (word(PassiveData, 3, 0), E::Extension(PassiveData)),
        (word(PassiveData, 4, u32::MAX), E::Extension(PassiveData)),
        // What every image has is not said, and no image has more than the limit.
        (word(Stack, 0, xmap_image::limits::STACK_SLOTS), E::Extension(Stack)),
        (word(Stack, 0, xmap_image::limits::MAX_STACK_SLOTS + 1), E::Extension(Stack)),
        // A shadow stack's pointer is a global, and an i32 as far as its value says.
        (word(StackPointer, 0, 1), E::Extension(StackPointer)),
        (word(StackPointer, 0, 2), E::Extension(StackPointer)),
        (word(StackPointer, 0, u32::MAX), E::Extension(StackPointer)),
        (word(Elements, 0, 2), E::Extension(Elements)),
        (word(Elements, 1, 2), E::Extension(Elements)),
        (word(Elements, 2, 5), E::Extension(Elements)),
        (word(Elements, 3, 7), E::Extension(Elements)),
        // Function 3 does not exist.
        (word(ElementItems, 0, 3), E::Extension(ElementItems)),
        (function_type(0, 2), E::Function(0)),
        (function_type(0, 1), E::Function(0)),
        (code(14, Op::CallIndirect.abc(4, 1, 2)), E::Table(14)),
        (code(14, Op::CallIndirect.abc(0, 1, 0)), E::Call(14)),
        (code(14, Op::CallIndirect.abc(4, 8, 0)), E::Register(14)),
        (code(15, 2), E::Table(14)),
        // Two parameters do not stand behind register 6 of 8.
        (code(14, Op::CallIndirect.abc(6, 1, 0)), E::Table(14)),
        (code(16, Op::TableGet.abc(1, 2, 2)), E::Table(16)),
        (code(16, Op::RefFunc.a16(1, 3)), E::Call(16)),
        (code(16, Op::RefFunc.a16(8, 0)), E::Register(16)),
        (code(18, 2), E::Table(17)),
        (code(18, 1 | 1 << 16), E::Table(17)),
        (code(20, 2 << 16), E::Table(19)),
        (code(20, 2), E::Table(19)),
        (code(22, 2), E::Table(21)),
        (code(22, 1 << 16), E::Table(21)),
        (code(24, 1), E::Table(23)),
        (code(26, 2), E::Table(25)),
        (code(28, 2), E::Table(27)),
        (code(29, Op::FAdd64.abc(1, 2, 8)), E::Register(29)),
    ]
}

#[test]
fn each_mutation_is_refused_for_its_reason() {
    let wrong = |(n, (words, expected)): (usize, (Vec<Word>, VerifyError))| {
        let got = Image::admit(&words).err();
        (got != Some(expected)).then(|| format!("mutation {n}: {got:?} instead of {expected:?}"))
    };
    let all = refused().into_iter().chain(extensions_refused());
    let wrong: Vec<String> = all.enumerate().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_error_is_reached_and_has_its_own_number_and_text() {
    let all = refused().into_iter().chain(extensions_refused());
    let mut errors: Vec<VerifyError> = all.map(|(_, error)| error).collect();
    let bytes = [0; 9];
    let odd = [words_of(&bytes[..5]), words_of(&bytes[1..5]), words_of(&bytes[2..6])];
    errors.extend(odd.into_iter().filter_map(Result::err));
    errors.extend(bundle(&words().repeat(5)).filter_map(Result::err));
    let codes: BTreeSet<u8> = errors.iter().map(VerifyError::code).collect();
    assert_eq!(codes, (1..=28).collect());
    let texts: BTreeSet<String> = errors.iter().map(|e| e.to_string()).collect();
    assert!(texts.len() >= codes.len());
}

#[test]
fn a_manifest_names_exports_and_lines_that_are_there() {
    let event = |export, line| Event { export, source: EventSource::Rising { line, debounce_us: 0 } };
    for (event, fits) in
        [(event(2, 22), true), (event(3, 22), false), (event(0, 18), false), (event(0, 200), false)]
    {
        let mut b = sample();
        b.manifest.events.push(event).unwrap();
        let outcome = b.build().map(|_| ());
        let expected = if fits { Ok(()) } else { Err(BuildError::Verify(VerifyError::Manifest)) };
        assert_eq!(outcome, expected, "{event:?}");
    }
    let mut b = sample();
    b.manifest.pins[0].line = 18;
    assert_eq!(b.build(), Err(BuildError::Verify(VerifyError::Manifest)));
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_truncation_is_refused() {
    for words in [words(), extended().build().unwrap()] {
        for len in 0..words.len() {
            assert!(Image::verify(&words[..len]).is_err(), "{len} words");
            // Even with a length and a hash that fit.
            let mut cut = words[..len].to_vec();
            reseal(&mut cut);
            assert!(Image::verify(&cut).is_err(), "{len} words, sealed");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_flip_of_a_bit_is_refused() {
    for mut words in [words(), extended().build().unwrap()] {
        for bit in 0..words.len() * 32 {
            words[bit / 32] ^= 1 << (bit % 32);
            assert!(Image::admit(&words).is_err(), "bit {bit}");
            words[bit / 32] ^= 1 << (bit % 32);
        }
        assert!(Image::admit(&words).is_ok());
    }
}

#[test]
fn a_branch_table_counts_its_targets_and_the_default() {
    let table = |n: u16, targets: &[u32]| {
        let mut b = sample();
        let ret = [Op::Ret.abc(0, 0, 0)];
        let code = [&[Op::BrTable.a16(1, n)], targets, &ret].concat();
        b.functions.push(Function { frame: 2, params: 1, results: 0, code });
        b.build().map(|_| ())
    };
    let refused = |error| Err(BuildError::Verify(error));
    assert_eq!(table(1, &[2, -1i32 as u32]), Ok(()));
    assert_eq!(table(0, &[1]), Ok(()));
    assert_eq!(table(1, &[2, 3]), refused(VerifyError::Branch(14)));
    assert_eq!(table(1, &[1, 2]), refused(VerifyError::Branch(14)));
    assert_eq!(table(9, &[2, 2]), refused(VerifyError::Opcode(14)));
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn branches_of_a_long_function_are_checked_over_its_whole_length() {
    // Longer than one stretch of the verifier's marks, with an op of two words at the target.
    let far = |target: usize| {
        let mut code = vec![Op::Copy.abc(1, 1, 0); 9_999];
        code[0] = Op::Br.a24(target as i32 - 1);
        code[8_000] = Op::Const32W.abc(1, 0, 0);
        code.push(Op::Ret.abc(0, 0, 0));
        let mut b = sample();
        b.functions.push(Function { frame: 2, params: 0, results: 0, code });
        b.build().map(|_| ())
    };
    for target in [0, 1, 4095, 4096, 4097, 8_000, 8_002, 9_999] {
        assert_eq!(far(target), Ok(()), "{target}");
    }
    for target in [8_001, 10_000] {
        assert_eq!(far(target), Err(BuildError::Verify(VerifyError::Branch(14))), "{target}");
    }
}

/// Rows may share what they copy: 262 KB of image were 1.4 GB of copies at each load, and 534 million
/// references.
#[test]
fn what_a_load_copies_is_bounded_by_the_memory_and_the_section() {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (8, 1, 1);
    b.data = vec![(0, vec![1; 8]), (0, vec![2; 2]), (1, vec![3; 2])];
    // What overlaps without sharing is as long as its section.
    let good = b.build().unwrap();
    let data = start(&good, Section::DataRows);
    let with = |at: usize, value: Word| {
        let mut words = good.clone();
        words[at] = value;
        Image::verify(&words).map(|_| ()).err()
    };
    // Offset and length of the second and third row.
    assert_eq!(with(data + 5, 4), Some(VerifyError::Data(2)));
    assert_eq!(with(data + 5, 3), Some(VerifyError::Data(2)));
    assert_eq!(with(data + 8, 1), None);

    let mut b = extended();
    b.elements.extend((0..20).map(|_| Elements { place: Some((0, 0)), items: vec![0] }));
    let mut words = b.build().unwrap();
    let elements = start_of(&words, Extension::Elements);
    // Each of the rows copies the first three items, which is all that the table has room for.
    let refused = (2..22).position(|row| {
        words[elements + 4 * row + 2] = 0;
        words[elements + 4 * row + 3] = 3;
        Image::verify(&words).is_err()
    });
    // There are 26 items, and 23 references were copied before: the first may copy two more, the second may
    // not.
    assert_eq!(refused, Some(1));
    assert_eq!(Image::verify(&words).err(), Some(VerifyError::Extension(Extension::Elements)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Words of any kind, sealed behind the sample's first words.
    #[test]
    fn any_words_are_an_image_or_an_error(
        mut tail in prop::collection::vec(any::<u32>(), 0..200), keep in 0usize..60,
    ) {
        let mut words = words()[..keep].to_vec();
        words.append(&mut tail);
        _ = Image::verify(&words);
        reseal(&mut words);
        _ = Image::verify(&words);
    }

    /// A few changes to the sample, sealed. What verifies has all that its views promise.
    #[test]
    fn a_changed_image_is_an_image_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>(), 0u8..4), 1..6),
        extensions: bool,
    ) {
        let mut words = if extensions { extended().build().unwrap() } else { words() };
        {
            for (index, value, how) in &changes {
                let at = index.index(words.len());
                let word = &mut words[at];
                match how {
                    0 => *word ^= 1 << (value % 32),
                    1 => *word = word.wrapping_add(value % 8).wrapping_sub(4),
                    2 => *word = *value,
                    _ => *word ^= (value % 256) << (value >> 27 & 0x18),
                }
            }
        }
        reseal(&mut words);
        if let Ok(image) = Image::verify(&words) {
            for n in 0..image.exports().len() as u16 {
                let id = xmap_image::ExportId(n);
                prop_assert_eq!(image.find(image.key(id).unwrap()), Some(id));
                prop_assert!(image.name(id).is_some() && image.signature(id).is_some());
            }
            prop_assert!((image.writable() - image.declared()).is_empty());
            prop_assert!(image.hash()[..4] == image.hash_prefix().to_le_bytes());
        }
    }
}
