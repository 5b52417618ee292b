//! Into machine code and out of it.

use core::mem::offset_of;

use tiny_mapper::Frame;

/// What goes in and comes out, by the offsets that the instructions below have.
#[repr(C)]
struct Context {
    /// Register 0 of the window. In and out.
    window: *mut u64,
    /// In and out.
    fuel: i64,
    /// The last place for a window.
    last: *mut u64,
    memory: *mut u8,
    memory_len: i64,
    slots: *mut u64,
    /// The entry of the second word of the image's code.
    table: *const u32,
    /// The function rows, and how many there are.
    functions: *const xmap_image::FunctionRow,
    functions_len: usize,
    pages: u64,
    /// The first instruction.
    target: *const u32,
    /// The op that the interpreter goes on with; all ones where the outermost function has returned. Out.
    op: u32,
}

const _: () = {
    assert!(offset_of!(Context, last) == 16 && offset_of!(Context, memory) == 24);
    assert!(offset_of!(Context, slots) == 40 && offset_of!(Context, functions) == 56);
    assert!(offset_of!(Context, pages) == 72 && offset_of!(Context, target) == 80);
    assert!(offset_of!(Context, op) == 88);
};

/// Runs from the instruction at `place` until the code leaves, and notes in the frame where.
pub(crate) fn run(table: &[u32], address: *const u32, place: u32, frame: &mut Frame<'_>) {
    let (base, last_base, fuel) = (frame.base() as usize, frame.last_base() as usize, frame.fuel());
    let (functions, pages) = (frame.image().functions(), frame.pages());
    let stack = frame.stack_mut().as_mut_ptr();
    let (memory, memory_len) = (frame.memory_mut().as_mut_ptr(), frame.memory_mut().len());
    let mut context = Context {
        window: stack.wrapping_add(base),
        fuel,
        last: stack.wrapping_add(last_base),
        memory,
        memory_len: memory_len as i64,
        slots: frame.slots_mut().as_mut_ptr(),
        table: table.as_ptr().wrapping_add(1),
        functions: functions.as_ptr(),
        functions_len: functions.len(),
        pages: pages.into(),
        target: address.wrapping_add(place as usize),
        op: 0,
    };
    // SAFETY: the words at `address` are those that the checker has admitted (`Code::new`), and `place` is
    // that of an op: they reach the stack's windows, the slots, the memory, the table and the function rows,
    // all of which live and are as large as the checker has it (`Code::is_for`), and they come back to where
    // they were entered from, with all registers that a function preserves but those that `enter` saves.
    unsafe { enter(&mut context) };
    // Windows are slots of the stack, so the difference is a whole number of them.
    let base = ((context.window.addr() - stack.addr()) / size_of::<u64>()) as u32;
    frame.set(base, context.fuel, Some(context.op).filter(|op| *op != u32::MAX));
}

/// Saves what a function preserves (*AAPCS64*, section 6), loads what the code has in registers, and goes
/// there. On the way floats get the one NaN that this project has (FPCR.DN), and no flushing to zero.
///
/// # Safety
/// The context describes memory that lives, and its target is an entry of code that the checker has admitted.
#[unsafe(naked)]
unsafe extern "C" fn enter(context: &mut Context) {
    core::arch::naked_asm!(
        "sub sp, sp, #144",
        "stp x29, x30, [sp, #128]",
        "stp x27, x28, [sp, #112]",
        "stp x25, x26, [sp, #96]",
        "stp x23, x24, [sp, #80]",
        "stp x21, x22, [sp, #64]",
        "stp x19, x20, [sp, #48]",
        "mrs x9, fpcr",
        "stp x0, x9, [sp, #32]",
        // The frame that the code finds: where it leaves to, function rows and their number, pages.
        "adr x9, 2f",
        "ldp x10, x11, [x0, #56]",
        "stp x9, x10, [sp]",
        "ldr x12, [x0, #72]",
        "stp x11, x12, [sp, #16]",
        "mov x9, #0x2000000",
        "msr fpcr, x9",
        "ldp x28, x29, [x0]",
        "ldp x21, x27, [x0, #16]",
        "ldp x24, x23, [x0, #32]",
        "ldr x22, [x0, #48]",
        "ldr x16, [x0, #80]",
        "sub x26, x24, #8",
        "sub x25, x24, #4",
        "sub x24, x24, #1",
        "ldp x0, x1, [x28, #8]",
        "ldp x2, x3, [x28, #24]",
        "ldp x4, x5, [x28, #40]",
        "ldp x6, x7, [x28, #56]",
        "ldp x8, x9, [x28, #72]",
        "ldp x10, x11, [x28, #88]",
        "ldp x12, x13, [x28, #104]",
        "ldp x14, x19, [x28, #120]",
        "ldr x20, [x28, #136]",
        "br x16",
        "2:",
        "ldp x0, x9, [sp, #32]",
        "msr fpcr, x9",
        "stp x28, x29, [x0]",
        "str w16, [x0, #88]",
        "ldp x19, x20, [sp, #48]",
        "ldp x21, x22, [sp, #64]",
        "ldp x23, x24, [sp, #80]",
        "ldp x25, x26, [sp, #96]",
        "ldp x27, x28, [sp, #112]",
        "ldp x29, x30, [sp, #128]",
        "add sp, sp, #144",
        "ret",
    )
}

/// Makes instructions that were written as data visible to what fetches them: cleans the data cache to where
/// both caches meet, invalidates the instruction cache, and waits (*Arm ARM*, B2.7.4.2).
pub(crate) fn publish(words: &[u32]) {
    const BYTES: usize = 4;
    let (from, to) = (words.as_ptr().addr(), words.as_ptr().addr() + words.len() * BYTES);
    let ctr: u64;
    // SAFETY: reads the sizes of lines, in words: of the instruction cache in bits 0 to 3, of the data cache
    // in bits 16 to 19.
    unsafe { core::arch::asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    let line = |shift: u32| BYTES << (ctr >> shift & 15);
    let lines = |line: usize| (from & !(line - 1)..to).step_by(line);
    for at in lines(line(16)) {
        // SAFETY: cleaning a line that holds words of the slice changes no byte of memory.
        unsafe { core::arch::asm!("dc cvau, {}", in(reg) at, options(nostack, preserves_flags)) };
    }
    // SAFETY: a barrier.
    unsafe { core::arch::asm!("dsb ish", options(nostack, preserves_flags)) };
    for at in lines(line(0)) {
        // SAFETY: invalidating a line of the instruction cache changes no byte of memory.
        unsafe { core::arch::asm!("ic ivau, {}", in(reg) at, options(nostack, preserves_flags)) };
    }
    // SAFETY: barriers.
    unsafe { core::arch::asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}
