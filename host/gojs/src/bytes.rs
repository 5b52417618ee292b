//! Arrays of bytes of JavaScript: `Uint8Array` and `Uint8ClampedArray`.

use boa_engine::object::builtins::{JsArrayBuffer, JsTypedArray, JsUint8Array};
use boa_engine::{Context, JsResult, JsValue};

/// Returns a new `Uint8Array` with these bytes.
pub(crate) fn new_array(bytes: &[u8], js: &mut Context) -> JsResult<JsValue> {
    let buffer = JsArrayBuffer::new(bytes.len(), js)?;
    if let Some(mut data) = buffer.data_mut() {
        data.copy_from_slice(bytes);
    }
    JsUint8Array::from_array_buffer(buffer, js).map(JsValue::from)
}

/// The buffer of an array of bytes, and the part of it that the array shows.
fn part(value: &JsValue, js: &mut Context) -> Option<(JsArrayBuffer, std::ops::Range<usize>)> {
    use boa_engine::builtins::typed_array::TypedArrayKind::{Uint8, Uint8Clamped};
    let array = JsTypedArray::from_object(value.as_object()?).ok()?;
    if !matches!(array.kind(), Some(Uint8 | Uint8Clamped)) {
        return None;
    }
    let (start, length) = (array.byte_offset(js).ok()?, array.byte_length(js).ok()?);
    let buffer = JsArrayBuffer::from_object(array.buffer(js).ok()?.as_object()?).ok()?;
    Some((buffer, start..start.checked_add(length)?))
}

/// Returns the bytes of an array of bytes; `None` for any other value.
pub(crate) fn read(value: &JsValue, js: &mut Context) -> Option<Vec<u8>> {
    let (buffer, range) = part(value, js)?;
    let data = buffer.data()?;
    data.get(range).map(<[u8]>::to_vec)
}

/// Writes bytes to the beginning of an array of bytes and returns how many fit; `None` for any other value.
pub(crate) fn write(value: &JsValue, bytes: &[u8], js: &mut Context) -> Option<usize> {
    write_at(value, 0, bytes, js)
}

/// Writes bytes from an offset on and returns how many fit.
pub(crate) fn write_at(value: &JsValue, offset: usize, bytes: &[u8], js: &mut Context) -> Option<usize> {
    let (buffer, range) = part(value, js)?;
    let mut data = buffer.data_mut()?;
    let target = data.get_mut(range)?.get_mut(offset..)?;
    let count = target.len().min(bytes.len());
    target[..count].copy_from_slice(&bytes[..count]);
    Some(count)
}

/// Returns the number of bytes of an array of bytes; `None` for any other value.
pub(crate) fn length(value: &JsValue, js: &mut Context) -> Option<usize> {
    part(value, js).map(|(_, range)| range.len())
}
