//! What a peer is: a way to do each task.

use std::path::Path;

/// A task that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The host calls an export that calls `gpio.set`.
    Call,
    /// The guest calls `gpio.set` in a loop, with a line that stands in its code.
    Blink,
    /// The guest calls `gpio.set` in a loop, with a line that only the call knows.
    BlinkLine,
    /// Recursive calls inside the guest.
    Fib,
    /// A loop of loads and logic.
    Crc,
    /// From the bytes of a module to the end of its first call.
    FirstCall,
}

impl Task {
    /// Each, in the order of the issue.
    pub const ALL: [Task; 6] =
        [Task::Call, Task::Blink, Task::BlinkLine, Task::Fib, Task::Crc, Task::FirstCall];

    /// Returns what the command line and the output call it.
    pub const fn name(self) -> &'static str {
        match self {
            Task::Call => "call",
            Task::Blink => "blink",
            Task::BlinkLine => "blink-line",
            Task::Fib => "fib",
            Task::Crc => "crc",
            Task::FirstCall => "first-call",
        }
    }
}

/// Writes the methods of [`Peer`] that call one function of a module, for an engine whose method
/// `function::<Params, Results>(module, name)` makes a closure of it.
#[macro_export]
macro_rules! typed_calls {
    () => {
        fn call(&self) -> Option<impl FnMut(u32, u32)> {
            let mut f = self.function::<(u32, u32), ()>($crate::modules::GPIO, "call_gpio_set");
            Some(move |line, value| f((line, value)))
        }

        fn blink(&self) -> Option<impl FnMut(u32)> {
            Some(self.function($crate::modules::GPIO, "blink"))
        }

        fn blink_line(&self) -> Option<impl FnMut(u32, u32)> {
            let mut f = self.function::<(u32, u32), ()>($crate::modules::GPIO, "blink_line");
            Some(move |line, n| f((line, n)))
        }

        fn fib(&self) -> Option<impl FnMut(u32) -> u32> {
            Some(self.function($crate::modules::FIB, "fib"))
        }
    };
}

/// Writes `function` for [`typed_calls!`], for an engine with the types of wasmtime, whose method
/// `fresh(module)` makes an instance in a store of its own.
#[macro_export]
macro_rules! typed_function {
    () => {
        fn function<P: WasmParams, R: WasmResults>(
            &self,
            bytes: &[u8],
            name: &str,
        ) -> impl FnMut(P) -> R + use<P, R> {
            let (mut store, instance) = self.fresh(bytes).expect("the module loads");
            let function =
                instance.get_typed_func::<P, R>(&mut store, name).expect("the module exports it");
            move |params| function.call(&mut store, params).expect("the call ends well")
        }
    };
}

/// An engine. Each method loads what its task needs and returns the task as a closure, or `None` where
/// the engine cannot do it. A closure is called many times, and panics where the engine fails.
pub trait Peer {
    /// Returns what the command line and the output call it.
    fn name(&self) -> &'static str;

    /// `call_gpio_set(line, value)`.
    fn call(&self) -> Option<impl FnMut(u32, u32)>;

    /// `blink(n)`: 2 n calls of `gpio.set`.
    fn blink(&self) -> Option<impl FnMut(u32)>;

    /// `blink_line(line, n)`: 2 n calls of `gpio.set`.
    fn blink_line(&self) -> Option<impl FnMut(u32, u32)>;

    /// `fib(n)`.
    fn fib(&self) -> Option<impl FnMut(u32) -> u32>;

    /// `crc32()` over [`crate::modules::CRC_BYTES`] bytes.
    fn crc(&self) -> Option<impl FnMut() -> u32>;

    /// `run(n)` of a kernel (`tests/kernels`), whose module is this file.
    fn kernel(&self, _module: &Path) -> Option<impl FnMut(u32) -> u32> {
        never::<fn(u32) -> u32>()
    }

    /// From the bytes of the panel to the end of `call_gpio_set(17, 1)`, and everything dropped again. What a
    /// process makes once, as an engine that all modules share, is made beforehand.
    fn first_call(&self) -> Option<impl FnMut()>;

    /// The same, with all that is asked where the bytes come from a store or a wire: whether they are what
    /// was written. Of engines that have no such question, none.
    fn admitted_call(&self) -> Option<impl FnMut()> {
        never::<fn()>()
    }

    /// The panel, loaded and ready for calls, in addition to all others: its bytes on the heap count. Beside
    /// it, the bytes of linear memory among them.
    fn hold(&self) -> Option<(impl Sized + use<Self>, usize)>
    where
        Self: Sized;
}

/// For a task that an engine cannot do.
pub const fn never<F>() -> Option<F> {
    None
}
