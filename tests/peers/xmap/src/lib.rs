#![forbid(unsafe_code)]
//! The mapper of this project. Images are compiled beforehand, as for the device; their folder is the first
//! argument.

use std::fs;
use std::path::{Path, PathBuf};

use peer_common::{Peer, clear_line, set_line};
use tiny_mapper::{Mapper, Store};
use xmap_boards::{Bank, PinMask};
use xmap_floors::{Bare, Stores};
use xmap_image::{Image, VerifyError, Word};

/// The board's registers. The mapper itself has checked the line.
#[derive(Debug)]
pub struct Registers;

impl Stores for Registers {
    #[inline(always)]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        set_line(bank as usize, mask);
    }
    #[inline(always)]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        clear_line(bank as usize, mask);
    }
}

/// The RAM that one mapper works in.
#[derive(Debug)]
struct Ram {
    stack: Box<[u64]>,
    memory: Box<[u8]>,
    globals: Box<[u64]>,
}

impl Ram {
    fn of(image: &Image<'_>) -> Self {
        let header = image.header();
        Self {
            stack: vec![0; image.stack_slots()].into(),
            memory: vec![0; header.memory_bytes as usize].into(),
            globals: vec![0; image.slots()].into(),
        }
    }

    fn load<'a>(&'a mut self, image: Image<'a>) -> Mapper<'a, Bare<Registers>> {
        let store = Store { stack: &mut self.stack, memory: &mut self.memory, globals: &mut self.globals };
        Mapper::load(image, Bare(Registers), store).expect("the store has what the image needs")
    }
}

/// The images, which live as long as the process does.
#[derive(Debug)]
pub struct Xmap {
    folder: PathBuf,
    gpio: &'static [Word],
    fib: &'static [Word],
    crc: &'static [Word],
    panel: &'static [Word],
}

impl Xmap {
    fn read(folder: &Path) -> Self {
        let folder = folder.to_owned();
        let read = |name: &str| {
            let path = folder.join(name);
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            &*words(&bytes).leak()
        };
        Self {
            gpio: read("gpio.xmap"),
            fib: read("fib.xmap"),
            crc: read("crc.xmap"),
            panel: read("panel.xmap"),
            folder: folder.clone(),
        }
    }
}

impl Xmap {
    /// The first call of an image that is taken as `take` does.
    fn first(
        &self,
        take: fn(&'static [Word]) -> Result<Image<'static>, VerifyError>,
    ) -> Option<impl FnMut() + use<>> {
        let words = self.panel;
        // RAM is there before an image is, as on the device; a load clears it.
        let mut ram = Ram::of(&Image::verify(words).ok()?);
        Some(move || {
            let image = take(words).expect("the compiler has verified it");
            let mut mapper = ram.load(image);
            mapper.start().expect("it ends well");
            let id = mapper.find("call_gpio_set").expect("the image exports it");
            _ = mapper.call(id, &[17, 1]).expect("the call ends well");
        })
    }
}

fn words(bytes: &[u8]) -> Vec<Word> {
    bytes.as_chunks().0.iter().map(|word| Word::from_le_bytes(*word)).collect()
}

/// A mapper for the rest of the process.
fn mapper(words: &'static [Word]) -> Mapper<'static, Bare<Registers>> {
    let image = Image::verify(words).expect("the compiler has verified it");
    Box::leak(Box::new(Ram::of(&image))).load(image)
}

/// A call by name, looked up once.
fn function<const N: usize>(words: &'static [Word], name: &str) -> impl FnMut([u64; N]) -> u32 + use<N> {
    let mut mapper = mapper(words);
    let id = mapper.find(name).expect("the image exports it");
    move |args| mapper.call(id, &args).expect("the call ends well").first().map_or(0, |result| *result as u32)
}

impl Peer for Xmap {
    fn name(&self) -> &'static str {
        "tiny-mapper"
    }

    fn call(&self) -> Option<impl FnMut(u32, u32)> {
        let mut mapper = mapper(self.gpio);
        let id = mapper.find("call_gpio_set")?;
        Some(move |line, value| {
            _ = mapper.call(id, &[u64::from(line), u64::from(value)]).expect("the call ends well");
        })
    }

    fn blink(&self) -> Option<impl FnMut(u32)> {
        let mut f = function(self.gpio, "blink");
        Some(move |n| _ = f([u64::from(n)]))
    }

    fn blink_line(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = function(self.gpio, "blink_line");
        Some(move |line, n| _ = f([u64::from(line), u64::from(n)]))
    }

    fn fib(&self) -> Option<impl FnMut(u32) -> u32> {
        let mut f = function(self.fib, "fib");
        Some(move |n| f([u64::from(n)]))
    }

    fn crc(&self) -> Option<impl FnMut() -> u32> {
        let mut mapper = mapper(self.crc);
        let (prepare, crc) = (mapper.find("prepare")?, mapper.find("crc32")?);
        mapper.call(prepare, &[]).ok()?;
        Some(move || mapper.call(crc, &[]).expect("the call ends well")[0] as u32)
    }

    fn kernel(&self, module: &Path) -> Option<impl FnMut(u32) -> u32> {
        let image = self.folder.join(module.with_extension("xmap").file_name()?);
        let words = &*words(&fs::read(image).ok()?).leak();
        let mut f = function(words, "run");
        Some(move |n| f([u64::from(n)]))
    }

    fn first_call(&self) -> Option<impl FnMut()> {
        self.first(|words| Image::verify(words))
    }

    fn admitted_call(&self) -> Option<impl FnMut()> {
        self.first(|words| Image::admit(words))
    }

    fn hold(&self) -> Option<(impl Sized + use<>, usize)> {
        let image = Image::verify(self.panel).ok()?;
        let Ram { stack, memory, globals } = Ram::of(&image);
        let bytes = memory.len();
        // Each by itself, so that nothing counts but what the mapper takes.
        let store = Store { stack: Box::leak(stack), memory: Box::leak(memory), globals: Box::leak(globals) };
        Some((Box::new(Mapper::load(image, Bare(Registers), store).ok()?), bytes))
    }
}

/// Runs `run` with the peer that the command line names, and the rest of the command line.
pub fn with<R>(args: &[String], run: impl FnOnce(&Xmap, &[String]) -> R) -> R {
    let (folder, rest) = args.split_first().expect("the folder of the images");
    run(&Xmap::read(Path::new(folder)), rest)
}

/// One call of a panel.
pub fn mini(bytes: &[u8]) -> i32 {
    let words = words(bytes);
    let Ok(image) = Image::verify(&words) else { return 1 };
    let mut ram = Ram::of(&image);
    let mut mapper = ram.load(image);
    if mapper.start().is_err() {
        return 1;
    }
    let Some(id) = mapper.find("call_gpio_set") else { return 1 };
    mapper.call(id, &[17, 1]).map_or(1, |_| 0)
}
