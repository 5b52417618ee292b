//! Values as Go holds them: 64 bits that are a number, or an id in a NaN.
//!
//! `undefined` is zero. Any other number is itself, but zero, which is id 1: a NaN with the head
//! `0x7FF8_0000`, a type flag in the head's low bits, and the id in the low word. The ids of
//! [`crate::refs`] say which value that is.

use boa_engine::{JsValue, value::JsVariant};

use crate::Error;
use crate::refs::Refs;

const NAN_HEAD: u64 = 0x7FF8_0000 << 32;

/// Encodes a value; a value that has no bits of its own gets an id, and one reference more.
pub fn store(refs: &mut Refs, value: &JsValue) -> u64 {
    if let Some(number) = value.as_number()
        && number != 0.0
    {
        return if number.is_nan() { NAN_HEAD } else { number.to_bits() };
    }
    if value.is_undefined() {
        return 0;
    }
    NAN_HEAD | type_flag(value) << 32 | u64::from(refs.hold(value))
}

/// Decodes a value.
///
/// # Errors
/// [`Error::StaleId`] for an id that is not held.
pub fn load(refs: &Refs, bits: u64) -> Result<JsValue, Error> {
    let number = f64::from_bits(bits);
    if number == 0.0 {
        Ok(JsValue::undefined())
    } else if number.is_nan() {
        refs.get(bits as u32)
    } else {
        Ok(JsValue::new(number))
    }
}

/// The flag by which Go knows a value's type without asking.
fn type_flag(value: &JsValue) -> u64 {
    match value.variant() {
        JsVariant::Object(object) if object.is_callable() => 4,
        JsVariant::Object(_) => 1,
        JsVariant::String(_) => 2,
        JsVariant::Symbol(_) => 3,
        _ => 0,
    }
}
