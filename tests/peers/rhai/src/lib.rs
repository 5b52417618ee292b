#![forbid(unsafe_code)]
//! Rhai: a script language for Rust, run as a syntax tree. The scripts are written by hand.

use std::str;

use peer_common::{Peer, modules, put};
use rhai::{AST, Array, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Scope};

const TASKS: &str = include_str!("../../guests/tasks.rhai");
const PANEL: &str = include_str!("../../guests/panel.rhai");

/// The engine that all scripts share.
#[derive(Debug)]
pub struct Scripts(Engine);

fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.register_fn("gpio_set", |line: i64, value: i64| {
        put(line as u32, value != 0).map_err(|error| Box::<EvalAltResult>::from(error.to_string()))
    });
    engine
}

impl Scripts {
    fn function<P: FuncArgs, R: Clone + Send + Sync + 'static>(
        &self,
        name: &'static str,
    ) -> impl FnMut(P) -> R + use<'_, P, R> {
        let ast = self.0.compile(TASKS).expect("the script compiles");
        let mut scope = Scope::new();
        move |params| self.0.call_fn(&mut scope, &ast, name, params).expect("the call ends well")
    }
}

impl Peer for Scripts {
    fn name(&self) -> &'static str {
        "Rhai"
    }

    fn call(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = self.function::<(i64, i64), ()>("call_gpio_set");
        Some(move |line, value| f((i64::from(line), i64::from(value))))
    }

    fn blink(&self) -> Option<impl FnMut(u32)> {
        let mut f = self.function::<(i64,), ()>("blink");
        Some(move |n| f((i64::from(n),)))
    }

    fn blink_line(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = self.function::<(i64, i64), ()>("blink_line");
        Some(move |line, n| f((i64::from(line), i64::from(n))))
    }

    fn fib(&self) -> Option<impl FnMut(u32) -> u32> {
        let mut f = self.function::<(i64,), i64>("fib");
        Some(move |n| f((i64::from(n),)) as u32)
    }

    fn crc(&self) -> Option<impl FnMut() -> u32> {
        let ast = self.0.compile(TASKS).ok()?;
        let mut buffer = Dynamic::from_blob(modules::crc_buffer());
        let table: Array = modules::crc_table().iter().map(|crc| Dynamic::from(i64::from(*crc))).collect();
        Some(move || {
            let options = CallFnOptions::new().bind_this_ptr(&mut buffer);
            let crc = self.0.call_fn_with_options::<i64>(
                options,
                &mut Scope::new(),
                &ast,
                "crc32",
                (table.clone(),),
            );
            crc.expect("the call ends well") as u32
        })
    }

    fn first_call(&self) -> Option<impl FnMut()> {
        Some(|| call_once(&self.0, PANEL).expect("the call ends well"))
    }

    fn hold(&self) -> Option<(impl Sized + use<>, usize)> {
        let ast: AST = self.0.compile(PANEL).ok()?;
        let state: Dynamic = self.0.call_fn(&mut Scope::new(), &ast, "state", ()).ok()?;
        Some(((ast, state), 0))
    }
}

fn call_once(engine: &Engine, script: &str) -> Result<(), Box<EvalAltResult>> {
    let ast = engine.compile(script)?;
    engine.call_fn(&mut Scope::new(), &ast, "call_gpio_set", (17_i64, 1_i64))
}

/// Runs `run` with the peer that the command line names, and the rest of the command line.
pub fn with<R>(args: &[String], run: impl FnOnce(&Scripts, &[String]) -> R) -> R {
    run(&Scripts(engine()), args)
}

/// One call of a panel.
pub fn mini(script: &[u8]) -> i32 {
    let Ok(script) = str::from_utf8(script) else { return 1 };
    call_once(&engine(), script).map_or(1, |()| 0)
}
