//! The pointer of a module's shadow stack: found by its name or by what functions do, and what is said where
//! it is not.

use xmap_compiler::codes::Code;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::manifest::Manifest;
use xmap_image::Image;

fn build(wat: &str, policy: &str) -> Compiled {
    let buffer = wast::parser::ParseBuffer::new(wat).unwrap();
    let wasm = wast::parser::parse::<wast::Wat<'_>>(&buffer).unwrap().encode().unwrap();
    let head = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n";
    compile(&Manifest::parse("panel.toml", &format!("{head}{policy}\n")).unwrap(), &wasm).unwrap()
}

/// The initial value of the global that the image names.
fn pointer(wat: &str) -> Option<u64> {
    let compiled = build(wat, "");
    assert_eq!(compiled.warnings, [], "{wat}");
    let image = Image::verify(&compiled.words).unwrap();
    image.stack_pointer().map(|index| image.globals().nth(index).unwrap())
}

/// A module with two globals and this body of its only function, `f(i32) -> i32`.
fn module(globals: &str, body: &str) -> String {
    format!(
        "(module (memory 1) {globals} (func $f (export \"f\") (param $n i32) (result i32) (local $x i32) {body}))"
    )
}

const COUNTER: &str = "(global (mut i32) (i32.const 7))";
const POINTER: &str = "(global (mut i32) (i32.const 4096))";

/// LLVM's way: the frame's address is in a local variable.
const FRAME: &str = "(global.set 0 (local.tee $x (i32.sub (global.get 0) (i32.const 32))))
    (i32.store offset=12 (local.get $x) (local.get $n))
    (if (i32.gt_u (local.get $n) (i32.const 9)) (then (unreachable)))
    (local.set $n (i32.load offset=12 (local.get $x)))
    (global.set 0 (i32.add (local.get $x) (i32.const 32)))
    (local.get $n)";

#[test]
fn what_functions_take_and_give_back_is_a_stack() {
    let both = [POINTER, COUNTER].concat();
    assert_eq!(pointer(&module(&both, FRAME)), Some(4096));
    // The other order, as an optimiser may have it.
    let second = FRAME.replace("global.get 0", "global.get 1").replace("global.set 0", "global.set 1");
    assert_eq!(pointer(&module(&[COUNTER, POINTER].concat(), &second)), Some(4096));
    // Without optimisation: constants and addresses in variables.
    let plain = "(local $size i32) (local $top i32) (local $new i32)
        (local.set $top (global.get 0)) (local.set $size (i32.const 16))
        (local.set $new (i32.sub (local.get $top) (local.get $size))) (global.set 0 (local.get $new))
        (i32.store (local.get $new) (local.get $n))
        (if (i32.gt_u (local.get $n) (i32.const 9)) (then (unreachable)))
        (local.set $x (i32.load (local.get $new)))
        (global.set 0 (i32.add (local.get $new) (i32.const 16))) (local.get $x)";
    assert_eq!(pointer(&module(POINTER, plain)), Some(4096));
    // An aligned frame, which is given back from a copy of the old value.
    let aligned = "(local $old i32) (local.set $old (global.get 0))
        (global.set 0 (local.tee $x (i32.and (i32.sub (local.get $old) (i32.const 80)) (i32.const -64))))
        (i32.store (local.get $x) (local.get $n))
        (if (i32.gt_u (local.get $n) (i32.const 9)) (then (unreachable)))
        (local.set $n (i32.load (local.get $x))) (global.set 0 (local.get $old)) (local.get $n)";
    assert_eq!(pointer(&module(POINTER, aligned)), Some(4096));
    // AssemblyScript's way: the global itself is the address.
    let managed = "(global.set 0 (i32.sub (global.get 0) (i32.const 4)))
        (if (i32.lt_s (global.get 0) (i32.const 64)) (then (unreachable)))
        (i32.store (global.get 0) (i32.const 0)) (i32.store (global.get 0) (local.get $n))
        (local.set $x (i32.load (global.get 0)))
        (global.set 0 (i32.add (global.get 0) (i32.const 4))) (local.get $x)";
    assert_eq!(pointer(&module("(global (mut i32) (i32.const 35884))", managed)), Some(35884));
    // A frame whose address only another function uses, on two ways out.
    let passed = "(module (memory 1) (global (mut i32) (i32.const 4096))
        (func $read (param i32) (result i32) (if (i32.eqz (i32.load (local.get 0))) (then (return (call $read (local.get 0)))))
            (i32.load (local.get 0)))
        (func (export \"f\") (param $n i32) (result i32) (local $x i32)
            (global.set 0 (local.tee $x (i32.sub (global.get 0) (i32.const 16))))
            (if (local.get $n) (then (global.set 0 (i32.add (local.get $x) (i32.const 16))) (return (i32.const 1))))
            (local.set $n (call $read (i32.add (local.get $x) (i32.const 12))))
            (global.set 0 (i32.add (local.get $x) (i32.const 16))) (local.get $n)))";
    assert_eq!(pointer(passed), Some(4096));
}

#[test]
fn a_variable_of_the_module_is_none() {
    // A counter; a counter that comes back; an allocator that only goes on; a budget that goes to a function.
    let bodies = [
        "(global.set 0 (i32.add (global.get 0) (i32.const 1))) (global.get 0)",
        "(global.set 0 (i32.sub (global.get 0) (i32.const 1))) (local.set $x (i32.div_u (local.get $n) (local.get $n)))
         (global.set 0 (i32.add (global.get 0) (i32.const 1))) (local.get $x)",
        "(local.set $x (global.get 0)) (global.set 0 (i32.add (global.get 0) (i32.const 16)))
         (i32.store (local.get $x) (local.get $n)) (local.get $x)",
        "(if (local.get $n) (then (global.set 0 (i32.sub (global.get 0) (i32.const 1)))
            (drop (call $f (global.get 0))) (global.set 0 (i32.add (global.get 0) (i32.const 1))))) (i32.const 0)",
    ];
    for body in bodies {
        for first in [7, 4097] {
            assert_eq!(
                pointer(&module(&format!("(global (mut i32) (i32.const {first}))"), body)),
                None,
                "{body}"
            );
        }
    }
}

#[test]
fn a_name_says_which_it_is() {
    // Functions take, and others give back.
    let body = "(if (local.get $n) (then (global.set 0 (i32.sub (global.get 0) (local.get $n)))) (else
        (global.set 0 (i32.add (global.get 0) (i32.const 16))))) (i32.load (global.get 0))";
    for name in ["$__stack_pointer", "$\"~lib/memory/__stack_pointer\""] {
        let global = format!("(global {name} (mut i32) (i32.const 4096))");
        assert_eq!(pointer(&module(&global, body)), Some(4096), "{name}");
    }
    let exported = "(global (export \"__stack_pointer\") (mut i32) (i32.const 4096))";
    assert_eq!(pointer(&module(exported, body)), Some(4096));
    // One that no code moves is not in the image.
    let unused = format!("(global $__stack_pointer (mut i32) (i32.const 64)) {POINTER}");
    assert_eq!(pointer(&module(&unused, "(global.get 0)")), None);
}

#[test]
fn where_it_is_unclear_the_author_is_warned_if_the_module_goes_on() {
    let again = FRAME.replace("global.get 0", "global.get 1").replace("global.set 0", "global.set 1");
    let two = module(
        &[POINTER, "(global (mut i32) (i32.const 8192))"].concat(),
        &format!("(local.set $n (block (result i32) {FRAME})) {again}"),
    );
    let apart = "(module (memory 1) (global $sp (mut i32) (i32.const 4096))
        (func (export \"enter\") (param i32) (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
            (i32.store (global.get $sp) (local.get 0)))
        (func (export \"leave\") (result i32) (i32.load (global.get $sp))
            (global.set $sp (i32.add (global.get $sp) (i32.const 16)))))";
    let cases = [
        (two.as_str(), "global 0, global 1 all behave as the pointer of one"),
        (
            apart,
            "global $sp (0) is moved both ways and used as an address, but no function gives back what it took",
        ),
    ];
    for (wat, why) in cases {
        for (policy, keys) in [
            ("", "`on_trap = \"restart\"` and `on_fuel = \"restart\"`"),
            ("policy = { on_trap = \"restart\", on_fuel = \"hold\" }", "write `on_fuel = \"restart\"` in"),
        ] {
            let compiled = build(wat, policy);
            let [warning] = &compiled.warnings[..] else { panic!("{:?}", compiled.warnings) };
            assert_eq!(warning.code, Code::UnclearStack);
            assert!(warning.message.ends_with(why), "{}", warning.message);
            assert!(warning.help.as_ref().unwrap().contains(keys), "{:?}", warning.help);
            assert!(warning.to_string().starts_with("warning[X0513]: "), "{warning}");
            assert_eq!(Image::verify(&compiled.words).unwrap().stack_pointer(), None);
        }
        for policy in
            ["on_trap = \"restart\"", "on_trap = \"safe\"", "on_trap = \"safe\", on_fuel = \"restart\""]
        {
            assert_eq!(build(wat, &format!("policy = {{ {policy} }}")).warnings, []);
        }
    }
}
