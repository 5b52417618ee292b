//! The object that stands for the program, id 6: what `this` is in `wasm_exec.js`.

use boa_engine::object::builtins::JsArray;
use boa_engine::object::{FunctionObjectBuilder, ObjectInitializer};
use boa_engine::property::Attribute;
use boa_engine::{Context, JsObject, JsResult, JsValue, NativeFunction, js_string};

use super::{Native, arg};
use crate::host::Host;
use crate::reenter;

/// Returns the program's object; it is used once the context has its host.
pub(crate) fn new(js: &mut Context) -> JsObject {
    let getters: [(&str, Native); 5] = [
        ("_values", values),
        ("_goRefCounts", counts),
        ("_idPool", pool),
        ("_scheduledTimeouts", timeouts),
        ("exited", exited),
    ];
    let getters = getters.map(|(name, native)| {
        let native = NativeFunction::from_fn_ptr(native);
        (name, FunctionObjectBuilder::new(js.realm(), native).name(js_string!(name)).build())
    });
    let mut object = ObjectInitializer::new(js);
    object.property(js_string!("_pendingEvent"), JsValue::null(), Attribute::all());
    object.function(NativeFunction::from_fn_ptr(make_func_wrapper), js_string!("_makeFuncWrapper"), 1);
    object.function(NativeFunction::from_fn_ptr(resume), js_string!("_resume"), 0);
    for (name, getter) in getters {
        object.accessor(js_string!(name), Some(getter), None, Attribute::CONFIGURABLE);
    }
    object.build()
}

/// A function of JavaScript that lets Go handle an event with this id, and returns what Go answered.
fn make_func_wrapper(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let id = arg(args, 0).to_number(js)?;
    let wrapper = NativeFunction::from_copy_closure_with_captures(
        |this, args, id, js| {
            let event = event(*id, this, args, js)?;
            Host::of(js).go.clone().set(js_string!("_pendingEvent"), event.clone(), true, js)?;
            reenter::resume(js)?;
            // Go answers each event of a function that it has, if only with `undefined`.
            let answered = event.has_own_property(js_string!("result"), js)?;
            Host::of(js).released.set(!answered);
            event.get(js_string!("result"), js)
        },
        id,
    );
    Ok(FunctionObjectBuilder::new(js.realm(), wrapper).build().into())
}

/// An event: the function's id, and how it was called.
fn event(id: f64, this: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsObject> {
    let event = JsObject::with_object_proto(js.intrinsics());
    event.create_data_property(js_string!("id"), id, js)?;
    event.create_data_property(js_string!("this"), this.clone(), js)?;
    let args = JsArray::from_iter(args.iter().cloned(), js);
    event.create_data_property(js_string!("args"), args, js)?;
    Ok(event)
}

fn resume(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    reenter::resume(js).map(|()| JsValue::undefined())
}

fn values(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let host = Host::of(js);
    let Ok(values) = host.with_refs(|refs| refs.values().collect::<Vec<_>>()) else {
        return Ok(JsValue::undefined());
    };
    Ok(JsArray::from_iter(values, js).into())
}

fn counts(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let host = Host::of(js);
    let all = |refs: &mut crate::refs::Refs| (0..).map_while(|id| refs.count(id)).collect::<Vec<_>>();
    let Ok(counts) = host.with_refs(all) else { return Ok(JsValue::undefined()) };
    Ok(JsArray::from_iter(counts.into_iter().map(JsValue::from), js).into())
}

fn pool(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let host = Host::of(js);
    let Ok(pool) = host.with_refs(|refs| refs.pool().to_vec()) else { return Ok(JsValue::undefined()) };
    Ok(JsArray::from_iter(pool.into_iter().map(JsValue::from), js).into())
}

fn timeouts(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let ids = Host::of(js).events.borrow().scheduled();
    Ok(JsArray::from_iter(ids.into_iter().map(JsValue::from), js).into())
}

fn exited(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    Ok(Host::of(js).exited.get().is_some().into())
}
