//! The way from JavaScript back into the module, and from the module's imports to JavaScript.
//!
//! A function of JavaScript that Go registered is called by JavaScript, which knows nothing of a module; an
//! import is called by the module, which knows nothing of JavaScript. So the side that calls out leaves
//! itself here for as long as the call lasts, and the other side finds it.

use boa_engine::{Context, JsError, JsNativeError};
use scoped_tls_hkt::{ReborrowMut, scoped_thread_local};

use crate::Error;
use crate::host::Host;
use crate::memory::Memory;

/// A module that waits in an import or between two events.
pub(crate) trait Machine {
    /// Its memory, as large as it is now.
    fn memory(&mut self) -> Memory<'_>;
    /// Its stack pointer.
    fn stack_pointer(&mut self) -> Result<u32, Error>;
    /// Lets it handle the pending event.
    fn resume(&mut self) -> Result<(), Error>;
}

/// Calls from JavaScript to Go that may be within each other: each takes stack of the thread.
const MOST_NESTED: u32 = 400;

struct Waiting<'m>(&'m mut dyn Machine);

impl<'a, 'b: 'a> ReborrowMut<'a> for Waiting<'b> {
    type Result = Waiting<'a>;
    fn reborrow_mut(&'a mut self) -> Waiting<'a> {
        Waiting(&mut *self.0)
    }
}

scoped_thread_local!(static mut MACHINE: for<'m> Waiting<'m>);
scoped_thread_local!(static mut JS: Context);

/// Runs JavaScript, whose functions can call the module.
pub(crate) fn run_js<R>(machine: &mut dyn Machine, run: impl FnOnce() -> R) -> R {
    MACHINE.set(Waiting(machine), run)
}

/// Runs the module, whose imports can use JavaScript.
pub(crate) fn run_module<R>(js: &mut Context, run: impl FnOnce() -> R) -> R {
    JS.set(js, run)
}

/// Uses JavaScript from an import.
pub(crate) fn with_js<R>(use_it: impl FnOnce(&mut Context) -> R) -> R {
    JS.with(use_it)
}

/// Lets the module handle the pending event, called from a function of JavaScript.
///
/// # Errors
/// An exception where the program has ended; where it ends now, or cannot go on, the reason is in
/// [`Host::fatal`].
pub(crate) fn resume(js: &mut Context) -> Result<(), JsError> {
    let host = Host::of(js);
    if host.exited.get().is_some() {
        return Err(JsNativeError::error().with_message("Go program has already exited").into());
    }
    if host.nested.get() == MOST_NESTED {
        return Err(JsNativeError::range().with_message("Maximum call stack size exceeded").into());
    }
    host.nested.set(host.nested.get() + 1);
    let resumed = MACHINE.with(|waiting| run_module(js, || waiting.0.resume()));
    host.nested.set(host.nested.get() - 1);
    resumed.map_err(|error| {
        let message = error.to_string();
        *host.fatal.borrow_mut() = Some(error);
        JsNativeError::error().with_message(message).into()
    })
}
