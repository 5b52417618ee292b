//! The objects that a program finds on its global object, beside those of the language.

mod console;
mod fs;
mod machine;
mod process;
mod program;
mod timers;

use boa_engine::object::{FunctionObjectBuilder, ObjectInitializer};
use boa_engine::property::Attribute;
use boa_engine::{Context, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string};

pub(crate) use fs::{Mode, file_error};
pub(crate) use program::new as new_program;

/// A function of the host.
pub(crate) type Native = fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>;

/// Puts all objects on the global object; with real files, those that belong to them too.
pub(crate) fn install(js: &mut Context, mode: Mode) -> JsResult<()> {
    console::install(js)?;
    timers::install(js)?;
    machine::install(js)?;
    process::install(js, mode)?;
    fs::install(js, mode)
}

/// An object with these methods.
pub(crate) fn object(js: &mut Context, methods: &[(&str, Native)]) -> JsObject {
    let mut object = ObjectInitializer::new(js);
    for (name, method) in methods {
        object.function(NativeFunction::from_fn_ptr(*method), js_string!(*name), 0);
    }
    object.build()
}

/// A function by itself.
pub(crate) fn function(js: &Context, name: &str, native: NativeFunction) -> JsObject {
    FunctionObjectBuilder::new(js.realm(), native).name(js_string!(name)).build().into()
}

/// Puts a value on the global object.
pub(crate) fn set_global(js: &mut Context, name: &str, value: impl Into<JsValue>) -> JsResult<()> {
    js.register_global_property(js_string!(name), value, Attribute::all())
}

/// The argument at a position; undefined where there are fewer.
pub(crate) fn arg(args: &[JsValue], at: usize) -> JsValue {
    args.get(at).cloned().unwrap_or_default()
}

/// The argument at a position as a text.
pub(crate) fn text(args: &[JsValue], at: usize, js: &mut Context) -> JsResult<String> {
    arg(args, at).to_string(js).map(|text: JsString| text.to_std_string_lossy())
}
