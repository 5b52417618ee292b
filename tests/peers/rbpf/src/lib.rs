//! rbpf: eBPF programs, interpreted or compiled by its own JIT. A program has one entry; so each task is one
//! of its own, written by hand, its arguments the first words of its memory. A helper cannot end a program:
//! what `gpio.set` refuses, the program never learns. There are frames for eight nested calls; so there is no
//! recursion.

use peer_common::{Peer, modules, never, put};
use rbpf::EbpfVmRaw;

const CALL: &str = include_str!("../../guests/call.ebpf");
const BLINK: &str = include_str!("../../guests/blink.ebpf");
const BLINK_LINE: &str = include_str!("../../guests/blink_line.ebpf");
const CRC: &str = include_str!("../../guests/crc.ebpf");

/// The number of the helper `gpio.set`.
const SET: u32 = 1;

/// How programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rbpf {
    /// Interpreted.
    Interpreter,
    /// Compiled when they are loaded.
    Jit,
}

fn gpio_set(line: u64, value: u64, _: u64, _: u64, _: u64) -> u64 {
    u64::from(put(line as u32, value != 0).is_err())
}

fn assemble(program: &str) -> Vec<u8> {
    rbpf::assembler::assemble(program).expect("the program assembles")
}

/// A program that is ready to run.
struct Program<'p> {
    vm: EbpfVmRaw<'p>,
    jit: bool,
}

impl<'p> Program<'p> {
    fn load(kind: Rbpf, program: &'p [u8]) -> Self {
        let mut vm = EbpfVmRaw::new(Some(program)).expect("rbpf takes the program");
        vm.register_helper(SET, gpio_set).expect("the helper's number is free");
        let jit = kind == Rbpf::Jit;
        if jit {
            vm.jit_compile().expect("rbpf compiles the program");
        }
        Self { vm, jit }
    }

    #[inline(always)]
    fn run(&self, memory: &mut [u8]) -> u64 {
        let result = if self.jit {
            // SAFETY: what rbpf compiled does not check addresses. The programs of this crate are constants,
            // and each reads only the arguments, or the table and the buffer, that `memory` holds; the check
            // task runs them on the interpreter too, which does check.
            unsafe { self.vm.execute_program_jit(memory) }
        } else {
            self.vm.execute_program(memory)
        };
        result.expect("the program ends well")
    }
}

impl Rbpf {
    /// A program with `N` words of arguments, for the rest of the process.
    fn function<const N: usize>(self, program: &str) -> impl FnMut([u32; N]) -> u64 + use<N> {
        let program = Program::load(self, assemble(program).leak());
        move |args| {
            let mut memory = [[0; 4]; N];
            memory.iter_mut().zip(args).for_each(|(bytes, arg)| *bytes = arg.to_le_bytes());
            program.run(memory.as_flattened_mut())
        }
    }
}

impl Peer for Rbpf {
    fn name(&self) -> &'static str {
        match self {
            Rbpf::Interpreter => "rbpf, interpreter",
            Rbpf::Jit => "rbpf, JIT",
        }
    }

    fn call(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = self.function(CALL);
        Some(move |line, value| _ = f([line, value]))
    }

    fn blink(&self) -> Option<impl FnMut(u32)> {
        let mut f = self.function(BLINK);
        Some(move |n| _ = f([n]))
    }

    fn blink_line(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = self.function(BLINK_LINE);
        Some(move |line, n| _ = f([line, n]))
    }

    fn fib(&self) -> Option<impl FnMut(u32) -> u32> {
        never::<fn(u32) -> u32>()
    }

    fn crc(&self) -> Option<impl FnMut() -> u32> {
        let program = Program::load(*self, assemble(CRC).leak());
        let mut memory: Vec<u8> = modules::crc_table().iter().flat_map(|word| word.to_le_bytes()).collect();
        memory.extend(modules::crc_buffer());
        Some(move || program.run(&mut memory) as u32)
    }

    /// A program of one entry, 32 bytes: no panel of 23.
    fn first_call(&self) -> Option<impl FnMut()> {
        let (kind, program) = (*self, assemble(CALL));
        Some(move || _ = Program::load(kind, &program).run(&mut [17, 0, 0, 0, 1, 0, 0, 0]))
    }

    /// A program of one entry, 32 bytes: no panel of 23.
    fn hold(&self) -> Option<(impl Sized + use<>, usize)> {
        let program = assemble(CALL).leak();
        Some((Box::new(Program::load(*self, program)), program.len()))
    }
}

/// Runs `run` with the peer that the command line names, and the rest of the command line.
pub fn with<R>(args: &[String], run: impl FnOnce(&Rbpf, &[String]) -> R) -> R {
    match args.split_first() {
        Some((name, rest)) if name == "interpreter" => run(&Rbpf::Interpreter, rest),
        Some((name, rest)) if name == "jit" => run(&Rbpf::Jit, rest),
        _ => panic!("the first argument is interpreter or jit"),
    }
}

/// One call of a program, interpreted: the JIT is linked all the same, as it is a method of the same machine.
pub fn mini(program: &[u8]) -> i32 {
    let Ok(mut vm) = EbpfVmRaw::new(Some(program)) else { return 1 };
    if vm.register_helper(SET, gpio_set).is_err() {
        return 1;
    }
    vm.execute_program(&mut [17, 0, 0, 0, 1, 0, 0, 0]).map_or(1, |_| 0)
}
