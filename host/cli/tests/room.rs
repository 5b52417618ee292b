//! Images that no device of their board has room for: every verb says so, in the device's words.

use std::path::Path;
use std::process::Command;

use xmap_boards::{BoardId, RPI4B};
use xmap_device::Failure;
use xmap_image::{Function, ImageBuilder, Op, OwnedImage, Table};
use xmap_sim::{Sim, SimError};

/// An image with one function, changed by `change`.
fn image(change: impl FnOnce(&mut ImageBuilder<'_>)) -> Vec<u8> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.functions = vec![Function { frame: 1, params: 0, results: 0, code: vec![Op::Ret.abc(0, 0, 0)] }];
    change(&mut builder);
    builder.build().unwrap().iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn memory(pages: u32) -> Vec<u8> {
    image(|builder| {
        (builder.memory_bytes, builder.memory_pages, builder.memory_max_pages) = (pages << 16, pages, pages);
    })
}

fn tables(count: usize) -> Vec<u8> {
    image(|builder| builder.tables = vec![Table { initial: 65_535, capacity: 65_535 }; count])
}

/// Returns what a verb prints of a file, and its status.
fn xmap(verb: &str, file: &Path) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_xmap")).arg(verb).arg(file).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (text.concat(), output.status.code())
}

#[test]
fn every_verb_holds_an_image_against_its_board() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.xmap");
    let large = |text: &str, bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        for verb in ["verify", "sim"] {
            let (printed, status) = xmap(verb, &file);
            assert_eq!(status, Some(1), "{verb}: {printed}");
            assert!(printed.contains("error[X0620]") && printed.contains(text), "{verb}: {printed}");
        }
        // What only shows an image shows it.
        let (printed, status) = xmap("size", &file);
        assert_eq!(status, Some(0), "{printed}");
        assert!(printed.contains(text), "{printed}");
        // A device says the same.
        let image = OwnedImage::from_bytes(bytes).unwrap();
        match Sim::from_image(image) {
            Err(SimError::Mount { error, .. }) => assert_eq!(error.to_string(), text),
            other => panic!("{text}: {other:?}"),
        }
    };
    large("the image needs 16842752 bytes of memory, and there are 16777216", &memory(257));
    large("the image has 327680 globals, and there is room for 262144", &tables(5));

    for bytes in [memory(256), tables(4)] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(xmap("verify", &file).1, Some(0));
        assert_eq!(xmap("sim", &file).1, Some(0));
    }
}

#[test]
fn an_image_is_no_larger_than_a_slot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.xmap");
    let with = |words: usize| {
        image(|builder| {
            (builder.memory_bytes, builder.memory_pages, builder.memory_max_pages) = (8 << 20, 128, 128);
            builder.data = vec![(0, vec![1; words * 4])];
        })
    };
    let rest = RPI4B.limits.image_bytes - with(1).len();
    let (fits, large) = (with(1 + rest / 4), with(2 + rest / 4));
    assert_eq!(fits.len(), RPI4B.limits.image_bytes);
    std::fs::write(&file, &fits).unwrap();
    assert_eq!(xmap("verify", &file).1, Some(0));
    std::fs::write(&file, &large).unwrap();
    let (printed, status) = xmap("verify", &file);
    assert_eq!(status, Some(1), "{printed}");
    assert!(printed.contains("the image has 4194308 bytes, and a slot holds 4194304 bytes"), "{printed}");
    let image = OwnedImage::from_bytes(&large).unwrap();
    let mut sim = Sim::load(&fits).unwrap();
    assert!(matches!(sim.swap(&image.image()), Err(Failure::Image(_))));
}

/// What a device without an owner's word refuses is said when it is built, each limit by its name; the image
/// is written all the same.
#[test]
fn build_warns_of_what_a_device_does_not_take_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slow.toml");
    let wat = "(module (import \"time\" \"delay_us\" (func $w (param i32)))
        (func (export \"spin\") (loop $l (call $w (i32.const 1)) (br $l))))";
    std::fs::write(folder.path().join("slow.wat"), wat).unwrap();
    let manifest = |limits: &str| {
        format!("[module]\nname = \"slow\"\nboard = \"rpi4b\"\nwasm = \"slow.wat\"\n[limits]\n{limits}\n")
    };
    std::fs::write(&file, manifest("fuel = 4294967295\ntime_us = 2000001")).unwrap();
    let (printed, status) = xmap("build", &file);
    assert_eq!(status, Some(0), "{printed}");
    for limit in ["limit fuel: 4294967295, at most 20000000", "limit time_us: 2000001, at most 2000000"] {
        let warning =
            format!("warning[X0621]: {}: beyond what a device allows by default: {limit}", file.display());
        assert!(printed.contains(&warning), "{printed}");
    }
    assert!(folder.path().join("slow.xmap").exists());
    std::fs::write(&file, manifest("fuel = 20000000\ntime_us = 2000000")).unwrap();
    let (printed, status) = xmap("build", &file);
    assert!(status == Some(0) && !printed.contains("X0621"), "{printed}");
}
