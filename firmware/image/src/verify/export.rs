//! Export rows: their types, and the operation that a direct row holds.

use super::Result;
use super::code::{Scope, arity};
use crate::op::Op;
use crate::parts::Parts;
use crate::shapes::{check, packed};
use crate::types::is_pointer;
use crate::{ExportRow, HOST_CALLS, Image, Ty, VerifyError, limits};

impl Image<'_> {
    /// The rows of all exports.
    #[inline(never)]
    pub(super) fn check_exports(&self, parts: &Parts<'_>) -> Result<()> {
        for (n, row) in self.exports.iter().enumerate() {
            let n = n as u16;
            let from = row.signature as usize;
            let types = self.signatures.get(from..).and_then(|t| t.get(..row.params() + row.results()));
            if !row.is_well_formed() || row.params() > limits::MAX_PARAMS {
                return Err(VerifyError::Export(n));
            }
            let types =
                types.filter(|types| are_types(types, row.params())).ok_or(VerifyError::Signature(n))?;
            let holds = match row.is_direct() {
                true => self.is_operation(parts, row, types),
                false => self.functions.get(row.first as usize).is_some_and(|function| {
                    usize::from(function.params()) == row.params()
                        && usize::from(function.results()) == row.results()
                }),
            };
            if !holds {
                return Err(VerifyError::Export(n));
            }
        }
        Ok(())
    }

    /// Returns whether a direct row holds a native operation on its arguments, and on nothing else.
    fn is_operation(&self, parts: &Parts<'_>, row: &ExportRow, types: &[u8]) -> bool {
        let [opcode, a, b, c] = row.first.to_le_bytes();
        let Some(shape) = packed(opcode).filter(|_| Op::is_native_number(opcode)) else { return false };
        let words = [row.first, row.second];
        let words = words.get(..1 + shape.words()).unwrap_or(&words);
        let frame = row.params().max(row.results()) + 1;
        let mut scope = Scope::new(self, parts, frame as u8, row.results() as u8);
        if scope.check_op(0, words, shape).is_err() || (words.len() == 1 && row.second != 0) {
            return false;
        }
        // It reads nothing but its arguments: the register of a result has no value before.
        let mut kinds = shape.fields();
        for register in [a, b, c] {
            if kinds & 31 == check::USE && usize::from(register) > row.params() {
                return false;
            }
            kinds >>= 5;
        }
        let result = match shape.fields() & 31 {
            check::DEF => a == 1 && row.results() == 1,
            check::ARGS if HOST_CALLS => {
                a == 0 && arity(b.into()).is_some_and(|n| n.map(usize::from) == [row.params(), row.results()])
            }
            _ => row.results() == 0,
        };
        // The mapper's fast path asks no more than whether the line is declared and the value 0 or 1.
        let fast = opcode != Op::GpioPut as u8
            || [a, b].iter().all(|register| {
                let ty = types.get(usize::from(*register).wrapping_sub(1)).copied().unwrap_or(0);
                // A line of many is no bool, and neither is part of a stretch of memory.
                ty < Ty::BytesPtr as u8 && (ty != Ty::Bool as u8 || *register != a)
            });
        result && fast
    }
}

/// Returns whether every byte is a type, and a length stands behind each pointer and nowhere else.
fn are_types(types: &[u8], params: usize) -> bool {
    let mut pointer = false;
    for (n, ty) in types.iter().enumerate() {
        if *ty == 0 || *ty > LEN || (*ty == LEN) != pointer {
            return false;
        }
        pointer = is_pointer(*ty);
        // Its length would be the first result.
        if pointer && n + 1 == params {
            return false;
        }
    }
    !pointer
}

const LEN: u8 = Ty::Len as u8;
