#![forbid(unsafe_code)]
//! Lua 5.4 in the host's process, by mlua with its own copy of Lua. The scripts are written by hand.

use mlua::{Error, FromLuaMulti, Function, IntoLuaMulti, Lua, Result};
use peer_common::{Peer, modules, put};

const TASKS: &[u8] = include_bytes!("../../guests/tasks.lua");
const PANEL: &[u8] = include_bytes!("../../guests/panel.lua");

/// There is nothing that states of Lua share.
#[derive(Debug)]
pub struct Scripts;

fn load(script: &[u8]) -> Result<Lua> {
    let lua = Lua::new();
    let set =
        lua.create_function(|_, (line, value): (u32, u32)| put(line, value != 0).map_err(Error::external))?;
    lua.globals().set("gpio_set", set)?;
    lua.load(script).exec()?;
    Ok(lua)
}

fn function<P: IntoLuaMulti, R: FromLuaMulti>(name: &str) -> impl FnMut(P) -> R + use<P, R> {
    let lua = load(TASKS).expect("the script runs");
    let function: Function = lua.globals().get(name).expect("the script defines it");
    move |params| {
        // The state lives as long as its function.
        let _lua = &lua;
        function.call(params).expect("the call ends well")
    }
}

impl Peer for Scripts {
    fn name(&self) -> &'static str {
        "Lua 5.4"
    }

    fn call(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = function::<(u32, u32), ()>("call_gpio_set");
        Some(move |line, value| f((line, value)))
    }

    fn blink(&self) -> Option<impl FnMut(u32)> {
        Some(function("blink"))
    }

    fn blink_line(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = function::<(u32, u32), ()>("blink_line");
        Some(move |line, n| f((line, n)))
    }

    fn fib(&self) -> Option<impl FnMut(u32) -> u32> {
        Some(function("fib"))
    }

    fn crc(&self) -> Option<impl FnMut() -> u32> {
        let lua = load(TASKS).ok()?;
        let crc: Function = lua.globals().get("crc32").ok()?;
        let buffer = lua.create_string(modules::crc_buffer()).ok()?;
        Some(move || {
            let _lua = &lua;
            crc.call(&buffer).expect("the call ends well")
        })
    }

    fn first_call(&self) -> Option<impl FnMut()> {
        Some(|| assert_eq!(mini(PANEL), 0))
    }

    fn hold(&self) -> Option<(impl Sized + use<>, usize)> {
        let lua = load(PANEL).ok()?;
        lua.gc_collect().ok()?;
        Some((lua, 0))
    }
}

/// Runs `run` with the peer that the command line names, and the rest of the command line.
pub fn with<R>(args: &[String], run: impl FnOnce(&Scripts, &[String]) -> R) -> R {
    run(&Scripts, args)
}

/// One call of a panel.
pub fn mini(script: &[u8]) -> i32 {
    let call = |lua: Lua| lua.globals().get::<Function>("call_gpio_set")?.call::<()>((17, 1));
    load(script).and_then(call).map_or(1, |()| 0)
}
