//! Classes of operations, as a policy allows them.

use xmap_abi::OpClass;
use xmap_image::{Op, Word};

/// Returns the class of an operation with this first word, which is that of the host function that it calls;
/// operations that only compute or end the call have none.
pub fn class_of(op: Op, first: Word) -> Option<OpClass> {
    op.host_function(first).and_then(|function| function.row().class)
}
