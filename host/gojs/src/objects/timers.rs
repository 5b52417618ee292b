//! `setTimeout`, `setInterval`, `setImmediate`, `queueMicrotask` and what stops them.

use boa_engine::job::{Job, PromiseJob};
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsValue, NativeFunction};

use super::{Native, arg, function, set_global};
use crate::host::Host;

pub(super) fn install(js: &mut Context) -> JsResult<()> {
    let functions: [(&str, Native); 7] = [
        ("setTimeout", |_, args, js| set(args, false, js)),
        ("setInterval", |_, args, js| set(args, true, js)),
        ("setImmediate", set_immediate),
        ("clearTimeout", clear),
        ("clearInterval", clear),
        ("clearImmediate", clear),
        ("queueMicrotask", queue_microtask),
    ];
    for (name, native) in functions {
        let function = function(js, name, NativeFunction::from_fn_ptr(native));
        set_global(js, name, function)?;
    }
    Ok(())
}

fn callback(args: &[JsValue]) -> JsResult<JsObject> {
    arg(args, 0).as_callable().ok_or_else(|| {
        let error = JsNativeError::typ().with_message("The \"callback\" argument must be of type function.");
        error.into()
    })
}

fn set(args: &[JsValue], again: bool, js: &mut Context) -> JsResult<JsValue> {
    let (callback, delay) = (callback(args)?, arg(args, 1).to_number(js)?);
    let host = Host::of(js);
    let now = host.clock.elapsed_ns();
    let rest = args.get(2..).unwrap_or_default().to_vec();
    let id = host.events.borrow_mut().set_timer(now, delay, again, callback, rest);
    Ok(id.into())
}

fn set_immediate(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let rest = args.get(1..).unwrap_or_default().to_vec();
    Host::of(js).events.borrow_mut().push(callback(args)?, rest);
    Ok(JsValue::undefined())
}

fn clear(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    if let Some(id) = arg(args, 0).as_number() {
        Host::of(js).events.borrow_mut().clear_timer(id as u32);
    }
    Ok(JsValue::undefined())
}

fn queue_microtask(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let callback = callback(args)?;
    let job = PromiseJob::new(move |js| callback.call(&JsValue::undefined(), &[], js));
    js.enqueue_job(Job::PromiseJob(job));
    Ok(JsValue::undefined())
}
