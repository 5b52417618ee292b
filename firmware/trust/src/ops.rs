//! Classes of operations, as a policy allows them.

use xmap_abi::OpClass;
use xmap_image::{Op, Word};

/// Returns the class of an operation with this first word, which is that of the host function that it calls;
/// operations that only compute have none.
pub fn class_of(op: Op, first: Word) -> Option<OpClass> {
    op.host_function(first).map(|function| function.row().class)
}
