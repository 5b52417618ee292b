//! Ops as text. Native operations read like what they do to the board; all others follow their shape.

use xmap_abi::HostFunction;
use xmap_boards::{Bank, Board, Line, Register, RegisterKind};
use xmap_image::{Field, Fields, Immediate, Op, Word, branch_targets, opcode};

/// An op as text. `at` is the index of its first word, `name` what a register is called.
pub fn text(board: &Board, at: usize, op: Op, words: &[Word], name: &dyn Fn(u8) -> String) -> String {
    native(board, op, words, name).unwrap_or_else(|| plain(at, op, words, name))
}

/// A native operation of the guest ABI; none where the op is no such operation.
fn native(board: &Board, op: Op, words: &[Word], name: &dyn Fn(u8) -> String) -> Option<String> {
    let [_, a, b, c] = words[0].to_le_bytes();
    let r = name;
    let line =
        |number| Line::new(number).unwrap_or_else(|| unreachable!("verification has seen line {number}"));
    let bank = |number: u8| Bank::nth(number.into());
    let register = |kind, bank| place(board.register(kind, bank));
    let set = |bank, mask: u32| format!("{} <- {mask:#010x}", register(RegisterKind::Set, bank));
    let clear = |bank, mask: u32| format!("{} <- {mask:#010x}", register(RegisterKind::Clear, bank));
    Some(match op {
        Op::LineSet => set(line(a).bank(), line(a).mask()),
        Op::LineClear => clear(line(a).bank(), line(a).mask()),
        Op::MaskSet => set(bank(a), words[1]),
        Op::MaskClear => clear(bank(a), words[1]),
        Op::LinePut => format!("gpio.set line={a} value={}", r(b)),
        Op::LineToggle => format!("gpio.toggle line={a}"),
        Op::LineGet => {
            let level = register(RegisterKind::Level, line(b).bank());
            format!("{} <- {level} bit {}", r(a), line(b).number() % 32)
        }
        Op::BankRead => format!("{} <- {}", r(a), register(RegisterKind::Level, bank(b))),
        Op::GpioSet => format!("gpio.set line={} value=1", r(a)),
        Op::GpioClear => format!("gpio.set line={} value=0", r(a)),
        Op::GpioPut => format!("gpio.set line={} value={}", r(a), r(b)),
        Op::GpioToggle => format!("gpio.toggle line={}", r(a)),
        Op::GpioGet => format!("{} <- gpio.get line={}", r(a), r(b)),
        Op::GpioDirection => format!("gpio.direction line={} out={}", r(a), r(b)),
        Op::GpioPull => format!("gpio.pull line={} pull={}", r(a), r(b)),
        Op::HostCall => {
            let function = op.host_function(words[0])?;
            let row = function.row();
            let behind = |n: usize| (1..=n as u8).map(|n| r(a.wrapping_add(n)));
            call(function, behind(row.params.len()), behind(row.results.len()))
        }
        // Any other has a register for each parameter and result.
        _ => {
            let Fields::Abc(first, second, third) = op.shape().fields else { return None };
            let fields = || [(first, a), (second, b), (third, c)].into_iter();
            let of = |field| fields().filter(move |(is, _)| *is == field).map(|(_, register)| r(register));
            call(op.host_function(words[0])?, of(Field::Use), of(Field::Def))
        }
    })
}

/// A host call as the table has it: `r1 <- gpio.read bank=r2`.
fn call(
    function: HostFunction,
    args: impl Iterator<Item = String>,
    results: impl Iterator<Item = String>,
) -> String {
    let results = results.map(|result| format!("{result} <- "));
    let args = function.row().params.iter().zip(args).map(|(param, arg)| format!(" {}={arg}", param.name));
    results.chain([function.to_string()]).chain(args).collect()
}

/// A register with its offset: `GPSET0[0x1c]`.
fn place(register: Register) -> String {
    format!("{register}[{:#04x}]", register.offset())
}

/// An op by its shape: its name, then its operands.
fn plain(at: usize, op: Op, words: &[Word], name: &dyn Fn(u8) -> String) -> String {
    let [_, a, b, c] = words[0].to_le_bytes();
    let wide = words[0] >> 16;
    let target = |offset: i32| format!("@{}", at as i64 + 1 + i64::from(offset));
    let operands = match op.shape().fields {
        Fields::Abc(_, _, Field::U8) if is_access(op) => vec![name(a), address(b, u32::from(c), name)],
        Fields::Abc(_, _, Field::Zero) if is_access(op) => vec![name(a), address(b, words[1], name)],
        Fields::Abc(first, second, third) => {
            let fields = [(first, a), (second, b), (third, c)];
            let mut operands: Vec<String> =
                fields.into_iter().filter_map(|(field, byte)| operand(field, byte, name, &target)).collect();
            operands.extend(immediate(op, words));
            operands
        }
        Fields::I16(_) => vec![name(a), (wide as i16).to_string()],
        Fields::U16(_) => vec![name(a), format!("[{wide:#x}]")],
        Fields::Off16(_) => vec![name(a), target(i32::from(wide as i16))],
        Fields::Off24 => vec![target(words[0] as i32 >> 8)],
        Fields::Func(Field::Def) => vec![name(a), format!("function {wide}")],
        Fields::Spill(Field::Zero) => vec![format!("{wide} slots")],
        Fields::Spill(_) => vec![name(a), format!("slot {wide}")],
        Fields::Func(_) => vec![format!("function {wide}"), format!("at {}", name(a))],
        Fields::Global(_) => vec![name(a), format!("global {wide}")],
        Fields::Targets(_) => {
            let targets: Vec<String> = branch_targets(at, op, words).map(|to| format!("@{to}")).collect();
            let (last, cases) = targets.split_last().map_or(("", &[][..]), |(l, c)| (l.as_str(), c));
            vec![name(a), format!("[{}]", cases.join(", ")), format!("else {last}")]
        }
    };
    if operands.is_empty() { op.text().to_string() } else { format!("{} {}", op.text(), operands.join(", ")) }
}

/// Returns whether an op loads from or stores to memory at a register's address.
fn is_access(op: Op) -> bool {
    (opcode::Ld8U..=opcode::Ld64W).contains(&(op as u8))
        || (opcode::St8..=opcode::St64W).contains(&(op as u8))
}

fn address(register: u8, offset: u32, name: &dyn Fn(u8) -> String) -> String {
    match offset {
        0 => format!("[{}]", name(register)),
        offset => format!("[{} + {offset}]", name(register)),
    }
}

fn operand(
    field: Field,
    byte: u8,
    name: &dyn Fn(u8) -> String,
    target: &dyn Fn(i32) -> String,
) -> Option<String> {
    match field {
        Field::Zero => None,
        Field::Def | Field::Use | Field::Mut | Field::Base | Field::Args => Some(name(byte)),
        Field::Row => Some(format!("row {byte}")),
        Field::U8 => Some(byte.to_string()),
        Field::I8 => Some((byte as i8).to_string()),
        Field::LineIn | Field::LineOut => Some(format!("line {byte}")),
        Field::Bank => Some(format!("bank {byte}")),
        Field::Table => Some(format!("table {byte}")),
        Field::Off8 => Some(target(i32::from(byte as i8))),
        Field::Back8 => Some(target(-i32::from(byte))),
    }
}

/// The immediate words behind the first one.
fn immediate(op: Op, words: &[Word]) -> Option<String> {
    let first = *words.get(1)?;
    let (low, high) = (first & 0xffff, first >> 16);
    match op.shape().word {
        Immediate::Number | Immediate::Mask => {}
        Immediate::Type => return Some(format!("type {first}")),
        Immediate::Table => return Some(format!("table {first}")),
        Immediate::Tables => return Some(format!("table {low}, table {high}")),
        Immediate::TableAndElements => return Some(format!("table {low}, elements {high}")),
        Immediate::Elements => return Some(format!("elements {first}")),
        Immediate::Data => return Some(format!("data {first}")),
    }
    Some(match op {
        Op::Const64W => (u64::from(first) | u64::from(*words.get(2)?) << 32).cast_signed().to_string(),
        Op::AndW | Op::OrW | Op::XorW => format!("{first:#x}"),
        Op::Ld32UTable if first >> 31 == 1 => format!("{}, then ^ >> 8", first << 1 >> 1),
        _ => first.cast_signed().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(n: u8) -> String {
        format!("r{n}")
    }

    fn shown(at: usize, words: &[Word]) -> String {
        text(&xmap_boards::RPI4B, at, Op::from_u8(words[0] as u8).unwrap(), words, &register)
    }

    #[test]
    fn stores_name_their_register_and_its_offset() {
        // BCM2711 ARM Peripherals, section 5.2.
        assert_eq!(shown(0, &[Op::LineSet.abc(17, 0, 0)]), "GPSET0[0x1c] <- 0x00020000");
        assert_eq!(shown(0, &[Op::LineSet.abc(40, 0, 0)]), "GPSET1[0x20] <- 0x00000100");
        assert_eq!(shown(0, &[Op::LineClear.abc(17, 0, 0)]), "GPCLR0[0x28] <- 0x00020000");
        assert_eq!(shown(0, &[Op::MaskClear.abc(1, 0, 0), 3]), "GPCLR1[0x2c] <- 0x00000003");
        assert_eq!(shown(0, &[Op::LineGet.abc(1, 27, 0)]), "r1 <- GPLEV0[0x34] bit 27");
        assert_eq!(shown(0, &[Op::BankRead.abc(1, 1, 0)]), "r1 <- GPLEV1[0x38]");
        assert_eq!(shown(0, &[Op::GpioPut.abc(1, 2, 0)]), "gpio.set line=r1 value=r2");
    }

    #[test]
    fn host_calls_name_their_parameters() {
        assert_eq!(shown(0, &[Op::GpioWrite.abc(1, 2, 3)]), "gpio.write bank=r1 set=r2 clear=r3");
        assert_eq!(shown(0, &[Op::GpioRead.abc(1, 2, 0)]), "r1 <- gpio.read bank=r2");
        assert_eq!(shown(0, &[Op::TimeNow.abc(1, 0, 0)]), "r1 <- time.now_us");
        assert_eq!(shown(0, &[Op::TimeDelay.abc(4, 0, 0)]), "time.delay_us us=r4");
        assert_eq!(shown(0, &[Op::LogMessage.abc(1, 2, 3)]), "log.message level=r1 ptr=r2 len=r3");
        let random = Op::HostCall.abc(4, HostFunction::RandomGet as u8, 0);
        assert_eq!(shown(0, &[random]), "random.get ptr=r5 len=r6");
    }

    #[test]
    fn operands_follow_the_shape() {
        assert_eq!(shown(0, &[Op::Unreachable.abc(0, 0, 0)]), "unreachable");
        assert_eq!(shown(0, &[Op::Add32.abc(3, 1, 2)]), "add.i32 r3, r1, r2");
        assert_eq!(shown(0, &[Op::AddI32.abc(3, 1, 0xff)]), "add.i32.imm r3, r1, -1");
        assert_eq!(shown(0, &[Op::Const32.a16(3, 0xffff)]), "const.i32 r3, -1");
        assert_eq!(shown(0, &[Op::Const64W.abc(3, 0, 0), 0, 1]), "const.i64w r3, 4294967296");
        assert_eq!(shown(0, &[Op::XorW.abc(3, 1, 0), 255]), "xor.w r3, r1, 0xff");
        assert_eq!(shown(0, &[Op::Ld8U.abc(3, 1, 4)]), "load8_u r3, [r1 + 4]");
        assert_eq!(shown(0, &[Op::St32W.abc(3, 1, 0), 1024]), "store32.w r3, [r1 + 1024]");
        assert_eq!(shown(0, &[Op::Ld32UTable.abc(3, 1, 2), 1024]), "load32_u.table r3, r1, r2, 1024");
        assert_eq!(
            shown(0, &[Op::Ld32UTable.abc(3, 1, 2), 1 << 31 | 1024]),
            "load32_u.table r3, r1, r2, 1024, then ^ >> 8"
        );
        assert_eq!(shown(0, &[Op::St32At.a16(3, 1024)]), "store32.at r3, [0x400]");
        assert_eq!(shown(0, &[Op::Call.a16(2, 7)]), "call function 7, at r2");
        assert_eq!(shown(0, &[Op::CallIndirect.abc(4, 1, 0), 2]), "call_indirect r4, r1, table 0, type 2");
        assert_eq!(
            shown(0, &[Op::TableInit.abc(1, 2, 3), 5 << 16]),
            "table.init r1, r2, r3, table 0, elements 5"
        );
        assert_eq!(shown(0, &[Op::GlobalSet.a16(2, 7)]), "global.set r2, global 7");
    }

    #[test]
    fn branches_name_the_index_they_go_to() {
        let at = |words: &[Word]| {
            let op = Op::from_u8(words[0] as u8).unwrap();
            (shown(10, words), branch_targets(10, op, words).collect::<Vec<_>>())
        };
        assert_eq!(at(&[Op::Br.a24(-3)]), ("br @8".into(), vec![8]));
        assert_eq!(at(&[Op::BrIfz.a16(1, 4)]), ("br_ifz r1, @15".into(), vec![15]));
        assert_eq!(at(&[Op::BrEqI.abc(1, 5, 0xff)]), ("br.eq.imm r1, 5, @10".into(), vec![10]));
        let table = [Op::BrTable.a16(1, 2), 3, 4, 5];
        assert_eq!(at(&table), ("br_table r1, [@14, @15], else @16".into(), vec![14, 15, 16]));
    }

    #[test]
    fn every_op_has_a_text() {
        for op in Op::ALL {
            let words = [op.abc(1, 1, 0), 0, 0];
            assert!(!text(&xmap_boards::RPI4B, 0, *op, &words[..op.words(words[0])], &register).is_empty());
        }
    }
}
