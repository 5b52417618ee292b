//! What is known of a value's size: the largest it can be, as an unsigned number.

use xmap_abi::HostFunction;
use xmap_image::Op;

use crate::{Binary, BlockId, Func, Kind, Load, Width};

/// For each value of a function that is done: the largest that it can be.
pub fn largest_values(func: &Func, order: &[BlockId]) -> Vec<u64> {
    let constant = |value: u32| func.as_constant(crate::Value(value)).unwrap_or(u64::MAX);
    let mut all: Vec<u64> = (0..func.values() as u32).map(constant).collect();
    for (param, range) in func.params.iter().zip(&func.ranges) {
        all[param.0 as usize] = *range;
    }
    // Definitions come before uses; what a loop brings back is a block's parameter, of which nothing is
    // known.
    for inst in order.iter().flat_map(|block| &func.at(*block).insts) {
        if let ([result], true) = (&inst.results[..], inst.args.len() <= 3) {
            let mut args = [0; 3];
            args.iter_mut().zip(&inst.args).for_each(|(to, value)| *to = all[value.0 as usize]);
            all[result.0 as usize] = largest(inst.kind, &args[..inst.args.len()]);
        }
    }
    all
}

/// The largest value that an instruction's result can have, from those of its operands.
pub(super) fn largest(kind: Kind, args: &[u64]) -> u64 {
    let all = |width| match width {
        Width::W32 => u64::from(u32::MAX),
        Width::W64 => u64::MAX,
    };
    match kind {
        Kind::Binary(op, width) => match (op, args) {
            (Binary::And, [a, b]) => *a.min(b),
            // No bit above the highest of both can be set.
            (Binary::Or | Binary::Xor, [a, b]) => ones(a | b),
            (Binary::Add, [a, b]) => match a.checked_add(*b) {
                Some(sum) if sum <= all(width) => sum,
                _ => all(width),
            },
            (Binary::DivU | Binary::ShrU, [a, _]) => *a,
            (Binary::Mul, [a, b]) => match a.checked_mul(*b) {
                Some(product) if product <= all(width) => product,
                _ => all(width),
            },
            (Binary::Shl, [a, b]) if *b < 64 && a.leading_zeros() >= *b as u32 && a << b <= all(width) => {
                a << b
            }
            (Binary::RemU, [a, b]) => *a.min(&b.saturating_sub(1)),
            _ => all(width),
        },
        Kind::Compare(..) => 1,
        Kind::Unary(op) => match op {
            crate::Unary::Clz(_) | crate::Unary::Ctz(_) | crate::Unary::Popcnt => 64,
            crate::Unary::Ext8S(width) | crate::Unary::Ext16S(width) => all(width),
            crate::Unary::Ext32S => u64::MAX,
            crate::Unary::Wrap => all(Width::W32),
        },
        Kind::Select => args[1].max(args[2]),
        Kind::Load(load, _) => match load {
            Load::U8 => 0xff,
            Load::U16 => 0xffff,
            Load::U32 | Load::S8(Width::W32) | Load::S16(Width::W32) => all(Width::W32),
            _ => u64::MAX,
        },
        Kind::MemorySize => 65_536,
        Kind::Plain { op, .. } if is_comparison(op) => 1,
        Kind::Host(HostFunction::GpioGet) => 1,
        Kind::Host(HostFunction::GpioRead) => all(Width::W32),
        _ => u64::MAX,
    }
}

fn is_comparison(op: Op) -> bool {
    (op >= Op::FEq32 && op <= Op::FLe32) || (op >= Op::FEq64 && op <= Op::FLe64)
}

/// The smallest number of the form 2^n - 1 that is not below.
fn ones(value: u64) -> u64 {
    if value == 0 { 0 } else { u64::MAX >> value.leading_zeros() }
}
