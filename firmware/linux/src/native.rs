//! Machine code under Linux: a file in memory that is mapped twice, once to be written and once to be
//! executed.
//!
//! No page is ever writable and executable, and none becomes executable that was writable: so the service's
//! `MemoryDenyWriteExecute` allows it. Where the kernel allows no such file to be mapped, or the machine is
//! none that executes the code, images are interpreted.

use std::os::fd::AsFd as _;
use std::ptr::{self, NonNull};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use tiny_mapper::Machine;
use xmap_device::MachineCode;
use xmap_enter::{Code, publish};
use xmap_image::Image;
use xmap_native::{check, translate};

use crate::log;

/// Words of code for a word of an image, at most: a call stores and loads all registers that have a machine
/// register, with some twenty instructions beside. Usual images take three.
const WORDS_PER_OP_WORD: usize = 48;
/// Words beside, for the routines and for functions of a few words.
const WORDS_BESIDE: usize = 1024;

/// The machine code of a slot's image.
#[derive(Debug, Default)]
pub struct Native(Option<Made>);

/// Code, and the mapping that it stands in. The code goes first.
#[derive(Debug)]
struct Made {
    code: Code<Box<[u32]>>,
    _mapping: Mapping,
}

impl MachineCode for Native {
    fn make(&mut self, image: &Image<'_>) {
        self.0 = None;
        if !cfg!(target_arch = "aarch64") {
            return log::info(format_args!("no machine code on this machine: images are interpreted"));
        }
        match made(image) {
            Ok(made) => {
                log::info(format_args!(
                    "machine code of {} bytes for {} words",
                    made.code.words() * 4,
                    image.code().len()
                ));
                self.0 = Some(made);
            }
            Err(why) => log::warn(format_args!("the image is interpreted: {why}")),
        }
    }

    fn forget(&mut self) {
        self.0 = None;
    }

    fn machine(&self) -> Option<&dyn Machine> {
        self.0.as_ref().map(|made| &made.code as &dyn Machine)
    }
}

/// Translates an image, has the code checked, and makes it executable.
fn made(image: &Image<'_>) -> Result<Made, String> {
    let ops = image.code().len();
    let mut words = vec![0; WORDS_PER_OP_WORD * ops + WORDS_BESIDE];
    let mut table = vec![0; ops].into_boxed_slice();
    let len = translate(image, &mut words, &mut table).map_err(|error| error.to_string())?;
    words.truncate(len);
    let checked = check(*image, &words, &table).map_err(|refused| refused.to_string())?;
    let mapping =
        Mapping::of(&words).map_err(|error| format!("the kernel refuses executable memory: {error}"))?;
    let address = mapping.place.as_ptr().cast_const().cast();
    // SAFETY: the mapping has the words, executable, published, and not mapped writable any more; it lives
    // as long as the code. A device takes images by the hash of their content alone.
    let code = unsafe { Code::new(&checked, table.clone(), address) };
    Ok(Made { code: code.ok_or("the table is another one")?, _mapping: mapping })
}

/// A mapping that may be read and executed.
#[derive(Debug)]
struct Mapping {
    place: NonNull<core::ffi::c_void>,
    bytes: usize,
}

impl Mapping {
    /// A mapping of these words.
    fn of(words: &[u32]) -> io::Result<Self> {
        let bytes = size_of_val(words);
        let file = memfd_create(c"xmap-native", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, bytes as u64)?;
        let map = |protection| {
            // SAFETY: a new mapping of the whole file, wherever the kernel puts it.
            unsafe { mmap(ptr::null_mut(), bytes, protection, MapFlags::SHARED, file.as_fd(), 0) }
        };
        let write = map(ProtFlags::READ | ProtFlags::WRITE)?;
        // SAFETY: the mapping is as large, aligned to a page, and nothing else refers to it.
        unsafe { write.cast::<u32>().copy_from_nonoverlapping(words.as_ptr(), words.len()) };
        // SAFETY: the mapping was made above, and no reference into it is left.
        unsafe { munmap(write, bytes) }?;
        let place = map(ProtFlags::READ | ProtFlags::EXEC)?;
        // SAFETY: it is as large and holds these words; nothing can write to it.
        publish(unsafe { core::slice::from_raw_parts(place.cast(), words.len()) });
        Ok(Self { place: NonNull::new(place).ok_or(io::Errno::NOMEM)?, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `of`; the code that stands in it goes first.
        _ = unsafe { munmap(self.place.as_ptr(), self.bytes) };
    }
}
