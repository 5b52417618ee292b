//! The costs of ops on AArch64 at most, in instructions, as counted in the emulator.
//!
//! Written by `cargo xtask bench --bless`; docs/benchmarks.md says how it is counted. It is for the
//! program that is flashed, with its record of stores. Not in it: the wait of `time.delay_us`, which the
//! manifest's `time_us` bounds; text of `log.message` of unknown length beyond 256 bytes, and that of a
//! `str` argument.

use crate::costs::{Costs, by_op};

/// The costs on the Raspberry Pi 4B.
pub(crate) const COSTS: Costs = Costs {
    call: 286,
    param: 134,
    result: 135,
    text: 337,
    text_byte: 15,
    byte: 8,
    reference: 48,
    stretch: 96,
    random: 16384,
    random_byte: 320,
    op: by_op(OPS),
    direct: by_op(DIRECT),
};

/// The costs of one op, by its number in the image format.
#[rustfmt::skip]
const OPS: &[(u8, u16)] = &[
    (0x00, 43), // unreachable
    (0x01, 16), // br
    (0x02, 20), // br_if
    (0x03, 20), // br_ifz
    (0x04, 27), // br_table
    (0x05, 31), // call
    (0x06, 30), // ret
    (0x07, 33), // ret_v
    (0x08, 15), // copy
    (0x09, 14), // const.i32
    (0x0a, 15), // const.i64
    (0x0b, 19), // const.i32w
    (0x0c, 23), // const.i64w
    (0x0d, 19), // cmov.nz
    (0x0e, 20), // cmov.z
    (0x0f, 20), // global.get
    (0x10, 20), // global.set
    (0x11, 25), // br.eq
    (0x12, 25), // br.ne
    (0x13, 24), // br.lt_u
    (0x14, 25), // br.le_u
    (0x15, 25), // br.lt_s.i32
    (0x16, 25), // br.le_s.i32
    (0x17, 25), // br.lt_s.i64
    (0x18, 25), // br.le_s.i64
    (0x19, 24), // br.eq.imm
    (0x1a, 24), // br.ne.imm
    (0x1b, 24), // br.lt_u.imm
    (0x1c, 24), // br.gt_u.imm
    (0x1d, 24), // br.lt_s.i32.imm
    (0x1e, 24), // br.gt_s.i32.imm
    (0x1f, 22), // br.add.i32.imm
    (0x21, 20), // eq
    (0x22, 20), // ne
    (0x23, 20), // lt_u
    (0x24, 20), // le_u
    (0x25, 20), // lt_s.i32
    (0x26, 20), // le_s.i32
    (0x27, 20), // lt_s.i64
    (0x28, 32), // le_s.i64
    (0x29, 17), // eq.imm
    (0x2a, 17), // ne.imm
    (0x2b, 17), // lt_u.imm
    (0x2c, 17), // gt_u.imm
    (0x2d, 17), // lt_s.i32.imm
    (0x2e, 17), // gt_s.i32.imm
    (0x31, 19), // add.i32
    (0x32, 19), // sub.i32
    (0x33, 19), // mul.i32
    (0x34, 24), // div_s.i32
    (0x35, 20), // div_u.i32
    (0x36, 23), // rem_s.i32
    (0x37, 21), // rem_u.i32
    (0x38, 19), // and
    (0x39, 19), // or
    (0x3a, 19), // xor
    (0x3b, 19), // shl.i32
    (0x3c, 19), // shr_s.i32
    (0x3d, 19), // shr_u.i32
    (0x3e, 20), // rotl.i32
    (0x3f, 20), // rotr.i32
    (0x40, 19), // add.i64
    (0x41, 19), // sub.i64
    (0x42, 19), // mul.i64
    (0x43, 24), // div_s.i64
    (0x44, 20), // div_u.i64
    (0x45, 23), // rem_s.i64
    (0x46, 21), // rem_u.i64
    (0x47, 19), // shl.i64
    (0x48, 19), // shr_s.i64
    (0x49, 19), // shr_u.i64
    (0x4a, 20), // rotl.i64
    (0x4b, 19), // rotr.i64
    (0x4d, 16), // add.i32.imm
    (0x4e, 17), // mul.i32.imm
    (0x4f, 16), // and.imm
    (0x50, 16), // or.imm
    (0x51, 19), // xor.imm
    (0x52, 17), // shl.i32.imm
    (0x53, 17), // shr_s.i32.imm
    (0x54, 17), // shr_u.i32.imm
    (0x55, 17), // rotl.i32.imm
    (0x56, 17), // add.i64.imm
    (0x57, 17), // shl.i64.imm
    (0x58, 17), // shr_s.i64.imm
    (0x59, 17), // shr_u.i64.imm
    (0x5a, 17), // rotl.i64.imm
    (0x5b, 22), // add.i32.w
    (0x5c, 22), // mul.i32.w
    (0x5d, 22), // and.w
    (0x5e, 22), // or.w
    (0x5f, 22), // xor.w
    (0x60, 21), // xor.shr_u.i32.imm
    (0x61, 16), // clz.i32
    (0x62, 17), // ctz.i32
    (0x63, 19), // popcnt
    (0x64, 16), // clz.i64
    (0x65, 17), // ctz.i64
    (0x66, 17), // extend8_s.i32
    (0x67, 17), // extend16_s.i32
    (0x68, 16), // extend8_s.i64
    (0x69, 16), // extend16_s.i64
    (0x6a, 16), // extend32_s.i64
    (0x6b, 16), // wrap.i64
    (0x6c, 14), // memory.size
    (0x6d, 114), // memory.grow
    (0x6e, 30), // spill
    (0x6f, 27), // fill
    (0x70, 23), // load8_u
    (0x71, 24), // load8_s.i32
    (0x72, 23), // load8_s.i64
    (0x73, 24), // load16_u
    (0x74, 25), // load16_s.i32
    (0x75, 24), // load16_s.i64
    (0x76, 24), // load32_u
    (0x77, 24), // load32_s.i64
    (0x78, 24), // load64
    (0x79, 26), // load8_u.w
    (0x7a, 28), // load8_s.i32.w
    (0x7b, 26), // load8_s.i64.w
    (0x7c, 27), // load16_u.w
    (0x7d, 28), // load16_s.i32.w
    (0x7e, 27), // load16_s.i64.w
    (0x7f, 27), // load32_u.w
    (0x80, 27), // load32_s.i64.w
    (0x81, 27), // load64.w
    (0x82, 17), // load8_u.at
    (0x83, 19), // load8_s.i32.at
    (0x84, 19), // load16_u.at
    (0x85, 20), // load16_s.i32.at
    (0x86, 19), // load32_u.at
    (0x87, 19), // load64.at
    (0x88, 25), // load8_u.add
    (0x89, 34), // load32_u.table
    (0x8b, 23), // store8
    (0x8c, 24), // store16
    (0x8d, 24), // store32
    (0x8e, 24), // store64
    (0x8f, 26), // store8.w
    (0x90, 27), // store16.w
    (0x91, 27), // store32.w
    (0x92, 27), // store64.w
    (0x93, 17), // store8.at
    (0x94, 19), // store16.at
    (0x95, 19), // store32.at
    (0x96, 19), // store64.at
    (0x97, 65), // call_indirect
    (0x98, 122), // table.get
    (0x99, 118), // table.set
    (0x9a, 113), // table.size
    (0x9b, 135), // table.grow
    (0x9c, 130), // table.fill
    (0x9d, 169), // table.copy
    (0x9e, 158), // table.init
    (0x9f, 114), // elem.drop
    (0xa0, 144), // memory.copy
    (0xa1, 126), // memory.fill
    (0xa2, 160), // memory.init
    (0xa3, 102), // data.drop
    (0xa4, 15), // ref.func
    (0xa5, 33), // spill.enter
    (0xa6, 0), // spill.leave
    (0xa8, 66), // gpio.set_line
    (0xa9, 65), // gpio.clear_line
    (0xaa, 76), // gpio.put_line
    (0xab, 88), // gpio.toggle_line
    (0xac, 31), // gpio.get_line
    (0xad, 75), // gpio.set_mask
    (0xae, 74), // gpio.clear_mask
    (0xaf, 30), // gpio.read_bank
    (0xb0, 85), // gpio.set
    (0xb1, 85), // gpio.clear
    (0xb2, 87), // gpio.put
    (0xb3, 99), // gpio.toggle
    (0xb4, 54), // gpio.get
    (0xb5, 46), // gpio.read
    (0xb6, 176), // gpio.write
    (0xb7, 115), // gpio.direction
    (0xb8, 108), // gpio.pull
    (0xb9, 39), // time.now_us
    (0xba, 100), // time.delay_us
    (0xbb, 3986), // log.message
    (0xbc, 144), // host_call
    (0xc0, 25), // add.f32
    (0xc1, 25), // sub.f32
    (0xc2, 25), // mul.f32
    (0xc3, 33), // div.f32
    (0xc4, 36), // min.f32
    (0xc5, 36), // max.f32
    (0xc6, 22), // eq.f32
    (0xc7, 22), // ne.f32
    (0xc8, 22), // lt.f32
    (0xc9, 22), // le.f32
    (0xca, 47), // sqrt.f32
    (0xcb, 65), // ceil.f32
    (0xcc, 65), // floor.f32
    (0xcd, 71), // trunc.f32
    (0xce, 48), // nearest.f32
    (0xcf, 25), // add.f64
    (0xd0, 33), // sub.f64
    (0xd1, 25), // mul.f64
    (0xd2, 25), // div.f64
    (0xd3, 45), // min.f64
    (0xd4, 40), // max.f64
    (0xd5, 20), // eq.f64
    (0xd6, 20), // ne.f64
    (0xd7, 20), // lt.f64
    (0xd8, 29), // le.f64
    (0xd9, 58), // sqrt.f64
    (0xda, 67), // ceil.f64
    (0xdb, 66), // floor.f64
    (0xdc, 57), // trunc.f64
    (0xdd, 49), // nearest.f64
    (0xde, 55), // trunc_f32_s.i32
    (0xdf, 53), // trunc_f32_u.i32
    (0xe0, 55), // trunc_f64_s.i32
    (0xe1, 53), // trunc_f64_u.i32
    (0xe2, 54), // trunc_f32_s.i64
    (0xe3, 53), // trunc_f32_u.i64
    (0xe4, 54), // trunc_f64_s.i64
    (0xe5, 53), // trunc_f64_u.i64
    (0xe6, 43), // trunc_sat_f32_s.i32
    (0xe7, 43), // trunc_sat_f32_u.i32
    (0xe8, 44), // trunc_sat_f64_s.i32
    (0xe9, 44), // trunc_sat_f64_u.i32
    (0xea, 43), // trunc_sat_f32_s.i64
    (0xeb, 43), // trunc_sat_f32_u.i64
    (0xec, 44), // trunc_sat_f64_s.i64
    (0xed, 44), // trunc_sat_f64_u.i64
    (0xee, 44), // convert_i32_s.f32
    (0xef, 44), // convert_i64_s.f32
    (0xf0, 44), // convert_u.f32
    (0xf1, 44), // convert_i32_s.f64
    (0xf2, 44), // convert_i64_s.f64
    (0xf3, 44), // convert_u.f64
    (0xf4, 48), // demote.f32
    (0xf5, 40), // promote.f64
];

/// The costs of a call of a direct entry that is this op, by its number in the image format.
#[rustfmt::skip]
const DIRECT: &[(u8, u16)] = &[
    (0xa8, 85), // gpio.set_line
    (0xa9, 82), // gpio.clear_line
    (0xaa, 585), // gpio.put_line
    (0xab, 407), // gpio.toggle_line
    (0xac, 689), // gpio.get_line
    (0xad, 395), // gpio.set_mask
    (0xae, 394), // gpio.clear_mask
    (0xaf, 688), // gpio.read_bank
    (0xb0, 533), // gpio.set
    (0xb1, 533), // gpio.clear
    (0xb2, 589), // gpio.put
    (0xb3, 547), // gpio.toggle
    (0xb4, 711), // gpio.get
    (0xb5, 704), // gpio.read
    (0xb6, 712), // gpio.write
    (0xb7, 615), // gpio.direction
    (0xb8, 607), // gpio.pull
    (0xb9, 696), // time.now_us
    (0xba, 548), // time.delay_us
    (0xbb, 4522), // log.message
    (0xbc, 643), // host_call
];
