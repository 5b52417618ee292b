//! The arguments of a call: registers and, of `bytes` and `str`, their content.

use xmap_image::Ty;

use crate::value::{Unfit, Value, bytes, unquoted};

/// The arguments of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// A register for each parameter. Where there is content, a `bytes` or `str` has 0 and its length.
    pub raw: Vec<u64>,
    /// The content of each `bytes` and `str`, one behind the other; `None` where each was given as an address
    /// in the module's memory and a length.
    pub content: Option<Vec<u8>>,
}

/// Why values or texts are no arguments of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentError {
    /// There are too many or too few.
    Count {
        /// How many values the export takes.
        expected: usize,
    },
    /// One does not fit its parameter.
    Unfit {
        /// Its position among those that were given, from 0.
        position: usize,
        /// What the parameter takes.
        unfit: Unfit,
    },
}

impl Arguments {
    /// Arguments of these parameters: a value for each, where a `bytes` or `str` is one value, or two numbers
    /// for each of them.
    ///
    /// # Errors
    /// [`ArgumentError`].
    pub fn of_values(params: &[Ty], values: &[Value]) -> Result<Self, ArgumentError> {
        Self::of(params, values, |ty, value| match (ty, value) {
            (Ty::StrPtr, Value::Str(text)) => Ok(text.clone().into_bytes()),
            (Ty::BytesPtr, Value::Bytes(bytes)) => Ok(bytes.clone()),
            (ty, _) => Err(Unfit { ty }),
        })
    }

    /// The same of texts: bytes are written as `0x` and two digits each. A text stands in quotes, as in a
    /// script, or, where not `quoted`, as it is.
    ///
    /// # Errors
    /// [`ArgumentError`].
    pub fn parse(params: &[Ty], texts: &[&str], quoted: bool) -> Result<Self, ArgumentError> {
        Self::of(params, texts, |ty, text| {
            let content = match ty {
                Ty::StrPtr if quoted => unquoted(text).map(String::into_bytes),
                Ty::StrPtr => Some(text.as_bytes().to_vec()),
                _ => bytes(text),
            };
            content.ok_or(Unfit { ty })
        })
    }

    fn of<G: Given>(
        params: &[Ty],
        given: &[G],
        content_of: impl Fn(Ty, &G) -> Result<Vec<u8>, Unfit>,
    ) -> Result<Self, ArgumentError> {
        let unfit = |position| move |unfit| ArgumentError::Unfit { position, unfit };
        // The length of a text is a part of it.
        let values: Vec<Ty> = params.iter().copied().filter(|ty| *ty != Ty::Len).collect();
        if given.len() == params.len() {
            let one = |(n, (ty, given)): (usize, (&Ty, &G))| given.register(*ty).map_err(unfit(n));
            let raw = params.iter().zip(given).enumerate().map(one).collect::<Result<_, _>>()?;
            return Ok(Self { raw, content: None });
        }
        if given.len() != values.len() {
            return Err(ArgumentError::Count { expected: values.len() });
        }
        let (mut raw, mut content) = (Vec::new(), Vec::new());
        for (n, (ty, given)) in values.into_iter().zip(given).enumerate() {
            if matches!(ty, Ty::BytesPtr | Ty::StrPtr) {
                let bytes = content_of(ty, given).map_err(unfit(n))?;
                raw.extend([0, bytes.len() as u64]);
                content.extend(bytes);
            } else {
                raw.push(given.register(ty).map_err(unfit(n))?);
            }
        }
        Ok(Self { raw, content: Some(content) })
    }
}

/// What a caller gives for a parameter that is one register.
trait Given {
    fn register(&self, ty: Ty) -> Result<u64, Unfit>;
}

impl Given for Value {
    fn register(&self, ty: Ty) -> Result<u64, Unfit> {
        self.to_raw(ty)
    }
}

impl Given for &str {
    fn register(&self, ty: Ty) -> Result<u64, Unfit> {
        Value::parse(ty, self).and_then(|value| value.to_raw(ty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: [Ty; 5] = [Ty::U8, Ty::StrPtr, Ty::Len, Ty::BytesPtr, Ty::Len];

    #[test]
    fn a_text_is_one_value_or_two_numbers() {
        let one = Arguments::parse(&PARAMS, &["7", "\"a \u{e9}\"", "0x00ff"], true).unwrap();
        let content = [&b"a \xc3\xa9"[..], &[0, 0xff]].concat();
        assert_eq!(one, Arguments { raw: vec![7, 0, 4, 0, 2], content: Some(content) });
        let values = [7.into(), Value::Str("a \u{e9}".into()), Value::Bytes(vec![0, 0xff])];
        assert_eq!(Arguments::of_values(&PARAMS, &values), Ok(one));
        let two = Arguments::parse(&PARAMS, &["7", "64", "4", "80", "2"], true).unwrap();
        assert_eq!(two, Arguments { raw: vec![7, 64, 4, 80, 2], content: None });
        assert_eq!(Arguments::parse(&[Ty::StrPtr, Ty::Len], &["\"x"], false).unwrap().raw, [0, 2]);
        assert_eq!(Arguments::parse(&[], &[], true), Ok(Arguments::default()));
    }

    #[test]
    fn what_does_not_fit_has_its_position() {
        let unfit = |position, ty| Err(ArgumentError::Unfit { position, unfit: Unfit { ty } });
        let parse = |texts: &[&str]| Arguments::parse(&PARAMS, texts, true);
        assert_eq!(parse(&["7", "a", "0x00"]), unfit(1, Ty::StrPtr));
        assert_eq!(parse(&["7", "\"a\"", "0x0"]), unfit(2, Ty::BytesPtr));
        assert_eq!(parse(&["7", "\"a\"", "1", "2", "3"]), unfit(1, Ty::StrPtr));
        assert_eq!(parse(&["256", "\"a\"", "0x00"]), unfit(0, Ty::U8));
        assert_eq!(parse(&["7", "\"a\""]), Err(ArgumentError::Count { expected: 3 }));
        let swapped = [7.into(), Value::Bytes(vec![]), Value::Str(String::new())];
        assert_eq!(Arguments::of_values(&PARAMS, &swapped), unfit(1, Ty::StrPtr));
    }
}
