//! The imports of `gojs`: what each does with the stack of Go and with JavaScript.
//!
//! Arguments and results lie on Go's stack, from 8 bytes above its pointer. Running JavaScript may run Go,
//! which may move that stack, so the pointer is read again before results are written.

use std::rc::Rc;

use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString, JsValue, js_string};

use crate::host::Host;
use crate::memory::Memory;
use crate::reenter::{self, Machine};
use crate::{Error, bytes, values};

/// What an import does.
pub(crate) type Import = fn(&mut Frame<'_>) -> Result<(), Error>;

/// Every import by its name, in the order of `wasm_exec.js`.
pub(crate) const IMPORTS: [(&str, Import); 25] = [
    ("runtime.wasmExit", wasm_exit),
    ("runtime.wasmWrite", wasm_write),
    // The memory is looked up on each use.
    ("runtime.resetMemoryDataView", |_| Ok(())),
    ("runtime.nanotime1", nanotime),
    ("runtime.walltime", walltime),
    ("runtime.scheduleTimeoutEvent", schedule_timeout_event),
    ("runtime.clearTimeoutEvent", clear_timeout_event),
    ("runtime.getRandomData", get_random_data),
    ("syscall/js.finalizeRef", finalize_ref),
    ("syscall/js.stringVal", string_val),
    ("syscall/js.valueGet", value_get),
    ("syscall/js.valueSet", value_set),
    ("syscall/js.valueDelete", value_delete),
    ("syscall/js.valueIndex", value_index),
    ("syscall/js.valueSetIndex", value_set_index),
    ("syscall/js.valueCall", value_call),
    ("syscall/js.valueInvoke", value_invoke),
    ("syscall/js.valueNew", value_new),
    ("syscall/js.valueLength", value_length),
    ("syscall/js.valuePrepareString", value_prepare_string),
    ("syscall/js.valueLoadString", value_load_string),
    ("syscall/js.valueInstanceOf", value_instance_of),
    ("syscall/js.copyBytesToGo", copy_bytes_to_go),
    ("syscall/js.copyBytesToJS", copy_bytes_to_js),
    ("debug", debug),
];

/// A call of an import: the module that waits, JavaScript, and Go's stack pointer.
pub(crate) struct Frame<'f> {
    machine: &'f mut dyn Machine,
    js: &'f mut Context,
    host: Rc<Host>,
    sp: u32,
}

/// Runs an import.
pub(crate) fn call(import: Import, machine: &mut dyn Machine, sp: i32) -> Result<(), Error> {
    reenter::with_js(|js| {
        let host = Host::of(js);
        import(&mut Frame { machine, js, host, sp: sp as u32 })
    })
}

impl Frame<'_> {
    fn at(&self, offset: u32) -> u32 {
        self.sp.wrapping_add(offset)
    }

    fn memory(&mut self) -> Memory<'_> {
        self.machine.memory()
    }

    fn i64(&mut self, offset: u32) -> Result<i64, Error> {
        let at = self.at(offset);
        self.memory().i64(at)
    }

    fn i32(&mut self, offset: u32) -> Result<i32, Error> {
        let at = self.at(offset);
        self.memory().i32(at)
    }

    fn set_i64(&mut self, offset: u32, value: i64) -> Result<(), Error> {
        let at = self.at(offset);
        self.memory().write(at, &value.to_le_bytes())
    }

    fn set_i32(&mut self, offset: u32, value: i32) -> Result<(), Error> {
        let at = self.at(offset);
        self.memory().write(at, &value.to_le_bytes())
    }

    fn set_flag(&mut self, offset: u32, value: bool) -> Result<(), Error> {
        let at = self.at(offset);
        self.memory().write(at, &[value.into()])
    }

    fn string(&mut self, offset: u32) -> Result<JsString, Error> {
        let at = self.at(offset);
        self.memory().string(at).map(|text| js_string!(text))
    }

    fn load(&mut self, offset: u32) -> Result<JsValue, Error> {
        let at = self.at(offset);
        let bits = self.memory().u64(at)?;
        self.host.with_refs(|refs| values::load(refs, bits))?
    }

    fn load_all(&mut self, offset: u32) -> Result<Vec<JsValue>, Error> {
        let at = self.at(offset);
        let all = self.memory().values(at)?;
        self.host.with_refs(|refs| all.into_iter().map(|bits| values::load(refs, bits)).collect())?
    }

    fn store(&mut self, offset: u32, value: &JsValue) -> Result<(), Error> {
        let at = self.at(offset);
        let bits = self.host.with_refs(|refs| values::store(refs, value))?;
        self.memory().write(at, &bits.to_le_bytes())
    }

    /// Runs JavaScript, which may call Go; the stack pointer is read again afterwards.
    fn run<R>(&mut self, run: impl FnOnce(&mut Context) -> JsResult<R>) -> Result<JsResult<R>, Error> {
        let js = &mut *self.js;
        let done = reenter::run_js(self.machine, || run(js));
        self.host.check()?;
        self.sp = self.machine.stack_pointer()?;
        Ok(done)
    }

    /// The same where Go expects no exception.
    fn expect<R>(
        &mut self,
        import: &'static str,
        run: impl FnOnce(&mut Context) -> JsResult<R>,
    ) -> Result<R, Error> {
        self.run(run)?.map_err(|error| Error::Thrown { import, message: error.to_string() })
    }

    /// Writes the result of a call, or its exception, and which of the two it is.
    fn answer(&mut self, offset: u32, done: JsResult<JsValue>) -> Result<(), Error> {
        let (value, ok) = match done {
            Ok(value) => (value, true),
            Err(error) => (error.into_opaque(self.js).unwrap_or_default(), false),
        };
        self.store(offset, &value)?;
        self.set_flag(offset + 8, ok)
    }
}

/// The object that a `Reflect` function works on.
fn object(value: &JsValue, function: &str) -> JsResult<JsObject> {
    value.as_object().ok_or_else(|| {
        JsNativeError::typ().with_message(format!("Reflect.{function} called on non-object")).into()
    })
}

/// Calls a value as `Reflect.apply` does.
fn apply(function: &JsValue, this: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let Some(callable) = function.as_callable() else {
        let message =
            format!("Function.prototype.apply was called on {}, which is not a function", function.type_of());
        return Err(JsNativeError::typ().with_message(message).into());
    };
    callable.call(this, args, js)
}

fn wasm_exit(frame: &mut Frame<'_>) -> Result<(), Error> {
    let code = frame.i32(8)?;
    frame.host.exit(code);
    // Nothing of the program runs after this, on whatever it was called from.
    Err(Error::Exited { code })
}

fn wasm_write(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (fd, address, length) = (frame.i64(8)?, frame.i64(16)?, frame.i32(24)?);
    let host = frame.host.clone();
    let memory = frame.memory();
    let bytes = memory.bytes(address, length.into())?;
    // A closed pipe ends no program here: the runtime writes its last words this way.
    _ = host.output.write(if fd == 2 { 2 } else { 1 }, bytes);
    Ok(())
}

fn nanotime(frame: &mut Frame<'_>) -> Result<(), Error> {
    let now = frame.host.clock.now_ns();
    frame.set_i64(8, now as i64)
}

fn walltime(frame: &mut Frame<'_>) -> Result<(), Error> {
    // In milliseconds, as `Date` has it.
    let ms = frame.host.clock.now_ns() / 1_000_000;
    frame.set_i64(8, (ms / 1000) as i64)?;
    frame.set_i32(16, (ms % 1000 * 1_000_000) as i32)
}

fn schedule_timeout_event(frame: &mut Frame<'_>) -> Result<(), Error> {
    let delay_ms = frame.i64(8)?;
    let now = frame.host.clock.elapsed_ns();
    let id = frame.host.events.borrow_mut().schedule(now, delay_ms);
    frame.set_i32(16, id)
}

fn clear_timeout_event(frame: &mut Frame<'_>) -> Result<(), Error> {
    let id = frame.i32(8)?;
    frame.host.events.borrow_mut().clear(id);
    Ok(())
}

fn get_random_data(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (at, host) = (frame.at(8), frame.host.clone());
    host.random.fill(frame.memory().slice_mut(at)?)
}

fn finalize_ref(frame: &mut Frame<'_>) -> Result<(), Error> {
    let id = frame.i32(8)? as u32;
    frame.host.with_refs(|refs| refs.finalize(id))?
}

fn string_val(frame: &mut Frame<'_>) -> Result<(), Error> {
    let text = frame.string(8)?;
    frame.store(24, &text.into())
}

fn value_get(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, name) = (frame.load(8)?, frame.string(16)?);
    let result = frame.expect("valueGet", |js| object(&value, "get")?.get(name, js))?;
    frame.store(32, &result)
}

fn value_set(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, name, new) = (frame.load(8)?, frame.string(16)?, frame.load(32)?);
    if value.as_object() == Some(frame.js.global_object()) {
        let name = name.to_std_string_lossy();
        let mut registered = frame.host.registered.borrow_mut();
        registered.retain(|other| *other != name);
        registered.push(name);
    }
    // Whether the object took it does not matter to Go.
    frame.expect("valueSet", |js| object(&value, "set")?.set(name, new, false, js)).map(drop)
}

fn value_delete(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, name) = (frame.load(8)?, frame.string(16)?);
    frame.expect("valueDelete", |js| {
        let object = object(&value, "deleteProperty")?;
        // A property that cannot be deleted stays, without an exception.
        _ = object.delete_property_or_throw(name, js);
        Ok(())
    })
}

fn value_index(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, index) = (frame.load(8)?, frame.i64(16)?);
    let result = frame.expect("valueIndex", |js| object(&value, "get")?.get(PropertyKey::from(index), js))?;
    frame.store(24, &result)
}

fn value_set_index(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, index, new) = (frame.load(8)?, frame.i64(16)?, frame.load(24)?);
    let set = |js: &mut Context| object(&value, "set")?.set(PropertyKey::from(index), new, false, js);
    frame.expect("valueSetIndex", set).map(drop)
}

fn value_call(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, name, args) = (frame.load(8)?, frame.string(16)?, frame.load_all(32)?);
    let done = frame.run(|js| {
        let method = object(&value, "get")?.get(name, js)?;
        apply(&method, &value, &args, js)
    })?;
    frame.answer(56, done)
}

fn value_invoke(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, args) = (frame.load(8)?, frame.load_all(16)?);
    let done = frame.run(|js| apply(&value, &JsValue::undefined(), &args, js))?;
    frame.answer(40, done)
}

fn value_new(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, args) = (frame.load(8)?, frame.load_all(16)?);
    let done = frame.run(|js| match value.as_constructor() {
        Some(constructor) => constructor.construct(&args, None, js).map(JsValue::from),
        None => Err(JsNativeError::typ().with_message("not a constructor").into()),
    })?;
    frame.answer(40, done)
}

fn value_length(frame: &mut Frame<'_>) -> Result<(), Error> {
    let value = frame.load(8)?;
    let length = frame.expect("valueLength", |js| {
        let length = value.to_object(js)?.get(js_string!("length"), js)?;
        // `parseInt` is NaN for what is no number, and that is written as 0.
        Ok(length.as_number().filter(|length| length.is_finite()).unwrap_or_default())
    })?;
    frame.set_i64(16, length as i64)
}

fn value_prepare_string(frame: &mut Frame<'_>) -> Result<(), Error> {
    let value = frame.load(8)?;
    let (array, length) = frame.expect("valuePrepareString", |js| {
        let text = match value.as_symbol() {
            Some(symbol) => symbol.descriptive_string(),
            None => value.to_string(js)?,
        };
        let text = text.to_std_string_lossy();
        Ok((bytes::new_array(text.as_bytes(), js)?, text.len()))
    })?;
    frame.store(16, &array)?;
    frame.set_i64(24, length as i64)
}

fn value_load_string(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, at) = (frame.load(8)?, frame.at(16));
    let text = bytes::read(&value, frame.js).unwrap_or_default();
    let (start, length) = frame.memory().header(at)?;
    if (length as u64) < text.len() as u64 {
        let memory = frame.memory().0.len();
        return Err(Error::OutsideMemory { address: start, length: text.len() as i64, memory });
    }
    frame.memory().bytes_mut(start, text.len() as i64)?.copy_from_slice(&text);
    Ok(())
}

fn value_instance_of(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (value, class) = (frame.load(8)?, frame.load(16)?);
    let is_one = frame.expect("valueInstanceOf", |js| value.instance_of(&class, js))?;
    frame.set_flag(24, is_one)
}

fn copy_bytes_to_go(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (at, source) = (frame.at(8), frame.load(32)?);
    frame.memory().slice(at)?;
    let Some(source) = bytes::read(&source, frame.js) else { return frame.set_flag(48, false) };
    let mut memory = frame.memory();
    let target = memory.slice_mut(at)?;
    let count = target.len().min(source.len());
    target[..count].copy_from_slice(&source[..count]);
    frame.set_i64(40, count as i64)?;
    frame.set_flag(48, true)
}

fn copy_bytes_to_js(frame: &mut Frame<'_>) -> Result<(), Error> {
    let (target, at) = (frame.load(8)?, frame.at(16));
    let source = frame.memory().slice(at)?.to_vec();
    let Some(count) = bytes::write(&target, &source, frame.js) else { return frame.set_flag(48, false) };
    frame.set_i64(40, count as i64)?;
    frame.set_flag(48, true)
}

fn debug(frame: &mut Frame<'_>) -> Result<(), Error> {
    // Its argument is a number, not a stack pointer.
    let value = frame.sp as i32;
    _ = frame.host.output.line(1, &value.to_string());
    Ok(())
}
