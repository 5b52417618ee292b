#![no_std]
#![no_main]

use core::cell::UnsafeCell;

/// An allocator that counts; nothing is used twice.
struct Heap {
    bytes: [u8; 256],
    used: u32,
    freed: u32,
    found: [u8; 2],
}

struct Cell(UnsafeCell<Heap>);
unsafe impl Sync for Cell {}
static HEAP: Cell = Cell(UnsafeCell::new(Heap { bytes: [0; 256], used: 0, freed: 0, found: [0; 2] }));

fn heap() -> &'static mut Heap {
    unsafe { &mut *HEAP.0.get() }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

#[unsafe(no_mangle)]
extern "C" fn export_alloc(len: u32) -> *mut u8 {
    let heap = heap();
    let at = &raw mut heap.bytes[heap.used as usize];
    heap.used += len;
    at
}

#[unsafe(no_mangle)]
extern "C" fn export_free(_at: *const u8, _len: u32) {
    heap().freed += 1;
}

#[unsafe(no_mangle)]
extern "C" fn export_freed() -> u32 {
    heap().freed
}

/// A host writes no memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn export_poke(at: *mut u8, byte: u8) {
    unsafe { at.write(byte) }
}

/// Borrows the key: copies what it keeps, frees nothing.
#[unsafe(no_mangle)]
unsafe extern "C" fn export_read(key: *const u8, len: u32) -> *const u8 {
    let key = unsafe { core::slice::from_raw_parts(key, len as usize) };
    let heap = heap();
    for (to, from) in heap.found.iter_mut().zip(key) {
        *to = *from;
    }
    heap.found.as_ptr()
}

/// Owns the image: frees it, once.
#[unsafe(no_mangle)]
extern "C" fn export_compress(img_ptr: u32, img_len: u32, q: f32) -> u32 {
    export_free(img_ptr as *const u8, img_len);
    q.to_bits()
}
