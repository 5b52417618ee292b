//! The tables of `docs/format.md` are those of the code. `BLESS=1` rewrites them.

mod common;

use std::fmt::Write;
use std::path::Path;

use xmap_image::{
    Conflict, ExportId, Extension, Field, Fields, Immediate, Op, SECTIONS, Section, Ty, VerifyError, limits,
};

fn field(field: Field) -> &'static str {
    match field {
        Field::Zero => "0",
        Field::Def => "def",
        Field::Use => "use",
        Field::Mut => "mut",
        Field::U8 => "u8",
        Field::I8 => "i8",
        Field::LineIn => "in",
        Field::LineOut => "out",
        Field::Bank => "bank",
        Field::Table => "table",
        Field::Off8 => "off8",
        Field::Back8 => "back8",
        Field::Base => "base",
        Field::Args => "args",
        Field::Row => "row",
    }
}

fn immediate(word: Immediate) -> &'static str {
    match word {
        Immediate::Number => "",
        Immediate::Mask => ": mask",
        Immediate::Type => ": type",
        Immediate::Table => ": table",
        Immediate::Tables => ": table, table",
        Immediate::TableAndElements => ": table, elements",
        Immediate::Elements => ": elements",
        Immediate::Data => ": data",
    }
}

fn ops() -> String {
    let mut out =
        "| number | op | `a` | `b` | `c` | words | meaning |\n| --- | --- | --- | --- | --- | --- | --- |\n"
            .to_string();
    for op in Op::ALL {
        let shape = op.shape();
        let two = |a, bc| format!("{} | {bc} (`bc`) |", field(a));
        let fields = match shape.fields {
            Fields::Abc(a, b, c) => format!("{} | {} | {}", field(a), field(b), field(c)),
            Fields::I16(a) => two(a, "i16"),
            Fields::U16(a) => two(a, "addr16"),
            Fields::Off16(a) => two(a, "off16"),
            Fields::Off24 => "off24 (`abc`) | |".into(),
            Fields::Func(a) => two(a, "func"),
            Fields::Global(a) => two(a, "global"),
            Fields::Spill(a) => two(a, "slot"),
            Fields::Targets(a) => two(a, "n"),
        };
        let words = match shape.fields {
            Fields::Targets(_) => "2 + n".to_string(),
            _ => format!("{}{}", 1 + shape.words, immediate(shape.word)),
        };
        let meaning = op.meaning().replace('|', "\\|").replace("Trap `unreachable`", "Trap");
        writeln!(out, "| 0x{:02x} | `{}` | {fields} | {words} | {meaning} |", *op as u8, op.text())
            .expect("a string takes all");
    }
    out
}

fn sections() -> String {
    let content: [(&str, &str); SECTIONS] = [
        ("16", "export rows, sorted by key"),
        ("12", "function rows, in the order of their code"),
        ("4", "code of all functions"),
        ("4", "pin rows, sorted by line"),
        ("8", "globals"),
        ("12", "data rows"),
        ("1", "bytes of the data"),
        ("1", "types of the signatures"),
        ("8", "name rows, one for each export"),
        ("1", "UTF-8 of the names"),
        ("1", "the manifest block"),
    ];
    let mut out = "| word | section | bytes of a row | content |\n| --- | --- | --- | --- |\n".to_string();
    for (section, (row, content)) in Section::ALL.into_iter().zip(content) {
        let word = xmap_image::field::SECTIONS + section as usize;
        writeln!(out, "| {word} | {section:?} | {row} | {content} |").expect("a string takes all");
    }
    out
}

fn extensions() -> String {
    let mut out = "| bit | section | bytes of a row | content |\n| --- | --- | --- | --- |\n".to_string();
    for extension in Extension::ALL {
        let (row, content) = match extension {
            Extension::Types => (2, "function types that indirect calls name"),
            Extension::Tables => (12, "tables"),
            Extension::Elements => (16, "active element segments: what stands in tables at load"),
            Extension::PassiveElements => (12, "element segments that `table.init` copies from"),
            Extension::ElementItems => {
                (2, "function indices of both kinds of element segments; 0xffff is null")
            }
            Extension::PassiveData => (12, "data segments that `memory.init` copies from"),
            Extension::Stack => {
                (4, "slots of the register stack beside a window, where more than 192 are needed")
            }
            Extension::I2cRegisters => (64, "registers of I2C devices that transfers may name"),
            Extension::Uart => (16, "serial ports, in the order of their indices"),
            Extension::Pwm => (12, "PWM channels, in the order of their indices"),
            Extension::Spi => (20, "SPI devices, in the order of their indices"),
            Extension::I2c => (20, "I2C devices, in the order of their indices"),
            Extension::StackPointer => (4, "the global that is the pointer of the module's shadow stack"),
            Extension::Contracts => {
                (8, "hashes of the exports' contracts, one for each, where the types do not say all of it")
            }
            Extension::Zone => (12, "the zone that local time is in"),
            Extension::Untraced => (4, "a word, 0: the device notes nothing of the module's calls"),
        };
        writeln!(out, "| {} | {extension:?} | {row} | {content} |", extension as u8)
            .expect("a string takes all");
    }
    out
}

fn types() -> String {
    let mut out = "| number | type | in a register |\n| --- | --- | --- |\n".to_string();
    for ty in Ty::ALL {
        let register = match ty {
            Ty::Bool => "0 or 1",
            Ty::U8 => "0 to 255",
            Ty::I8 => "an i32, -128 to 127",
            Ty::U16 => "0 to 65,535",
            Ty::I16 => "an i32, -32,768 to 32,767",
            Ty::U32 | Ty::I32 => "an i32",
            Ty::F32 => "the bits of an f32",
            Ty::U64 | Ty::I64 => "any",
            Ty::F64 => "the bits of an f64",
            Ty::BytesPtr => "an i32: the address of bytes inside the memory; `len` follows",
            Ty::StrPtr => "an i32: the address of UTF-8 inside the memory; `len` follows",
            Ty::Len => "an i32: the length of what the type before points to",
        };
        writeln!(out, "| {} | `{}` | {register} |", ty as u8, ty.name()).expect("a string takes all");
    }
    out
}

fn errors() -> String {
    use VerifyError::*;
    // One of each; `verify.rs` shows how each is reached.
    let all = [
        Alignment,
        TooShort,
        Magic,
        Format(2),
        Board(2),
        Length,
        Hash,
        HeaderField,
        VerifyError::Section(xmap_image::Section::Code),
        Export(0),
        Signature(0),
        Name(0),
        Strings,
        Pin(0),
        Data(0),
        Manifest,
        Function(0),
        Opcode(0),
        Register(0),
        Immediate(0),
        Line(0),
        Branch(0),
        Call(0),
        Global(0),
        End(0),
        VerifyError::Extension(xmap_image::Extension::Tables),
        Table(0),
        Bundle,
        Unsupported,
    ];
    let mut out = "| number | error |\n| --- | --- |\n".to_string();
    for (n, error) in all.iter().enumerate() {
        assert_eq!(usize::from(error.code()), n + 1, "{error:?}");
        writeln!(out, "| {} | {error} |", error.code()).expect("a string takes all");
    }
    out
}

fn conflicts() -> String {
    let (left, right, line) = (ExportId(0), ExportId(0), common::line(17));
    let all = [
        Conflict::Board,
        Conflict::Module,
        Conflict::Line(line),
        Conflict::Pull(line),
        Conflict::Edges { line, left, right },
        Conflict::Key { left, right },
        Conflict::Bus(line),
        Conflict::Device { bus: 1, address: 0x48 },
        Conflict::Claim(line),
    ];
    let mut out = "| number | conflict |\n| --- | --- |\n".to_string();
    for (n, conflict) in all.iter().enumerate() {
        assert_eq!(usize::from(conflict.code()), n + 1, "{conflict:?}");
        writeln!(out, "| {} | {conflict} |", conflict.code()).expect("a string takes all");
    }
    out
}

fn limits() -> String {
    let table = [
        ("bytes of an image", limits::MAX_IMAGE_BYTES as u64),
        ("images of a bundle", limits::MAX_MODULES as u64),
        ("exports", limits::MAX_EXPORTS as u64),
        ("functions", limits::MAX_FUNCTIONS as u64),
        ("words of a function", limits::MAX_FUNCTION_WORDS as u64),
        ("globals", limits::MAX_GLOBALS as u64),
        ("registers of a function, register 0 included", limits::MAX_FRAME as u64),
        ("parameters of an export", limits::MAX_PARAMS as u64),
        ("bytes of a `str` that a call takes or returns", limits::MAX_TEXT_BYTES as u64),
        ("bytes of strings", limits::MAX_STRING_BYTES as u64),
        ("function types", limits::MAX_TYPES as u64),
        ("tables", limits::MAX_TABLES as u64),
        ("references of a table", limits::MAX_TABLE_CAPACITY.into()),
        ("passive segments of a kind", limits::MAX_SEGMENTS as u64),
        ("targets of a `br_table`, the default not counted", limits::MAX_TARGETS as u64),
        ("bytes of kept state, 8 for a global", limits::MAX_KEPT_BYTES.into()),
    ];
    let mut out = "| what | at most |\n| --- | --- |\n".to_string();
    for (what, most) in table {
        writeln!(out, "| {what} | {most} |").expect("a string takes all");
    }
    out
}

#[test]
fn the_tables_of_the_document_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format.md");
    let old = std::fs::read_to_string(&path).expect("the document is there");
    let mut new = old.clone();
    let tables = [
        ("sections", sections()),
        ("extensions", extensions()),
        ("types", types()),
        ("ops", ops()),
        ("errors", errors()),
        ("conflicts", conflicts()),
        ("limits", limits()),
    ];
    for (name, table) in tables {
        let (head, rest) = new.split_once(&format!("<!-- {name} -->\n")).expect("the table's first mark");
        let (_, tail) = rest.split_once("<!-- end -->").expect("the table's last mark");
        new = format!("{head}<!-- {name} -->\n{table}<!-- end -->{tail}");
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, new).expect("the document is writable");
    } else {
        assert_eq!(old, new, "docs/format.md differs: BLESS=1 rewrites its tables");
    }
}

/// What the document says of numbers that no table holds.
#[test]
fn the_numbers_of_the_document_are_those_of_the_code() {
    use xmap_image::{FORMAT, HASH_WORD, HASH_WORDS, HEADER_WORDS, MAGIC, NO_START, field};
    assert_eq!((MAGIC, FORMAT, HEADER_WORDS, NO_START), (*b"XMAP", 1, 28, 0xffff_ffff));
    assert_eq!((field::MAGIC, field::FORMAT_BOARD, field::LENGTH, field::VERSION), (0, 1, 2, 3));
    assert_eq!((HASH_WORD, HASH_WORDS), (4, 8));
    let rest = (field::START, field::MEMORY_BYTES, field::MEMORY_PAGES, field::TIME_US, field::EXTENSIONS);
    assert_eq!(rest, (12, 13, 14, 15, 16));
    assert_eq!(limits::DEFAULT_FUEL, 1_000_000);
    assert_eq!(Op::LineSet as u8, 0xa8);
    for op in Op::ALL {
        assert_eq!(op.is_native(), (0xa8..=0xbc).contains(&(*op as u8)), "{op:?}");
        let words = 1 + usize::from(op.shape().words);
        assert!(words <= 3 && (*op == Op::BrTable || op.words(op.abc(0, 0, 0)) == words), "{op:?}");
    }
}
