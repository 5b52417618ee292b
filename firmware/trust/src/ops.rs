//! Classes of operations, as a policy allows them.

use xmap_abi::OpClass;
use xmap_image::Op;

/// Returns the class of an operation, which is that of the host function that it calls; operations that only
/// compute have none.
pub fn class_of(op: Op) -> Option<OpClass> {
    op.host_function().map(|function| function.row().class)
}
