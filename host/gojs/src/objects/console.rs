//! `console`: lines on the standard output and error.

use boa_engine::{Context, JsResult, JsValue};

use super::{object, set_global};
use crate::host::Host;

pub(super) fn install(js: &mut Context) -> JsResult<()> {
    let console = object(
        js,
        &[
            ("log", out),
            ("info", out),
            ("debug", out),
            ("dir", out),
            ("warn", err),
            ("error", err),
            ("trace", err),
        ],
    );
    set_global(js, "console", console)
}

fn out(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    print(1, args, js)
}

fn err(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    print(2, args, js)
}

/// Texts as they are, everything else as a person would write it, with spaces between.
fn print(fd: i32, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let word = |value: &JsValue| match value.as_string() {
        Some(text) => text.to_std_string_lossy(),
        None => value.display().to_string(),
    };
    let line = args.iter().map(word).collect::<Vec<_>>().join(" ");
    // A console says nothing of a pipe that closed.
    _ = Host::of(js).output.line(fd, &line);
    Ok(JsValue::undefined())
}
