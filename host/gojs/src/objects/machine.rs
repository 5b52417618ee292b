//! `performance`, `crypto`, `Math.random`, `TextEncoder` and `TextDecoder`.

use boa_engine::object::ConstructorBuilder;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsNativeError, JsResult, JsValue, NativeFunction, js_string};

use super::{arg, function, object, set_global};
use crate::bytes;
use crate::host::Host;

pub(super) fn install(js: &mut Context) -> JsResult<()> {
    let performance = object(js, &[("now", now)]);
    // `now` counts from when the clock was made.
    let origin = Host::of(js).clock.origin_ns() as f64 / 1e6;
    performance.set(js_string!("timeOrigin"), origin, false, js)?;
    set_global(js, "performance", performance)?;
    let crypto = object(js, &[("getRandomValues", get_random_values)]);
    set_global(js, "crypto", crypto)?;
    let random = function(js, "random", NativeFunction::from_fn_ptr(random));
    let math = js.global_object().get(js_string!("Math"), js)?.to_object(js)?;
    math.set(js_string!("random"), random, false, js)?;
    coder(js, "TextEncoder", "encode", encode)?;
    coder(js, "TextDecoder", "decode", decode)
}

/// A class with one method and `encoding`.
fn coder(js: &mut Context, class: &str, method: &str, native: super::Native) -> JsResult<()> {
    let constructor = NativeFunction::from_fn_ptr(|_, _, _| Ok(JsValue::undefined()));
    let mut builder = ConstructorBuilder::new(js, constructor);
    builder.name(class).length(0);
    builder.method(NativeFunction::from_fn_ptr(native), js_string!(method), 1);
    builder.property(js_string!("encoding"), js_string!("utf-8"), Attribute::READONLY);
    let class_object = builder.build().constructor();
    set_global(js, class, class_object)
}

fn now(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    Ok((Host::of(js).clock.elapsed_ns() as f64 / 1e6).into())
}

fn random(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let number = Host::of(js).random.unit();
    number.map(JsValue::from).map_err(|error| JsNativeError::error().with_message(error.to_string()).into())
}

fn get_random_values(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let array = arg(args, 0);
    let Some(mut bytes) = bytes::read(&array, js) else {
        return Err(JsNativeError::typ().with_message("an array of bytes was expected").into());
    };
    let filled = Host::of(js).random.fill(&mut bytes);
    filled.map_err(|error| JsNativeError::error().with_message(error.to_string()))?;
    bytes::write(&array, &bytes, js);
    Ok(array)
}

fn encode(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let text = match arg(args, 0) {
        value if value.is_undefined() => String::new(),
        value => value.to_string(js)?.to_std_string_lossy(),
    };
    bytes::new_array(text.as_bytes(), js)
}

fn decode(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let bytes = bytes::read(&arg(args, 0), js).unwrap_or_default();
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    Ok(js_string!(String::from_utf8_lossy(bytes).as_ref()).into())
}
