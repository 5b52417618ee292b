//! What a program's imports and its objects share: references, events, time, output, files.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use boa_engine::{Context, JsObject};

use crate::clock::{Clock, Random};
use crate::events::Events;
use crate::files::Files;
use crate::output::Output;
use crate::refs::Refs;
use crate::{Error, board};

/// The state of a program beside its module. The engine's context holds it, so that a native function finds
/// it.
#[derive(Debug)]
pub(crate) struct Host {
    /// The values that Go holds; none after the end.
    pub(crate) refs: RefCell<Option<Refs>>,
    pub(crate) events: RefCell<Events>,
    pub(crate) clock: Rc<Clock>,
    pub(crate) random: Random,
    pub(crate) output: Output,
    /// The files that the program may use, if any.
    pub(crate) files: Option<RefCell<Files>>,
    pub(crate) exited: Cell<Option<i32>>,
    /// Why the module cannot go on, on its way out through functions of JavaScript.
    pub(crate) fatal: RefCell<Option<Error>>,
    /// The object that stands for the program, id 6.
    pub(crate) go: JsObject,
    /// The names that the program set on the global object, in their order.
    pub(crate) registered: RefCell<Vec<String>>,
    /// Whether Go took up the last event without an answer: it has released the function.
    pub(crate) released: Cell<bool>,
    /// Calls from JavaScript to Go that are within each other.
    pub(crate) nested: Cell<u32>,
    pub(crate) board: RefCell<Option<board::Wiring>>,
}

impl Host {
    /// The state of the program that this context belongs to.
    pub(crate) fn of(js: &Context) -> Rc<Self> {
        js.get_data::<Rc<Self>>().expect("a program's context has it from its beginning").clone()
    }

    /// Ends the program: what it held is dropped, and nothing that waited will come.
    pub(crate) fn exit(&self, code: i32) {
        self.exited.set(Some(code));
        *self.refs.borrow_mut() = None;
        *self.events.borrow_mut() = Events::default();
    }

    /// Returns what ended the module while functions of JavaScript ran.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.fatal.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// The values that Go holds.
    pub(crate) fn with_refs<R>(&self, use_it: impl FnOnce(&mut Refs) -> R) -> Result<R, Error> {
        match self.refs.borrow_mut().as_mut() {
            Some(refs) => Ok(use_it(refs)),
            None => Err(Error::Exited { code: self.exited.get().unwrap_or_default() }),
        }
    }
}
