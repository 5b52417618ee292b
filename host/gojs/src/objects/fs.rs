//! `fs`: stubs that answer `ENOSYS`, but for output by line, or real files.
//!
//! The stubs call back at once, as those of `wasm_exec.js` do. Real files do so from the event loop, as Node
//! does.

use std::cell::RefMut;

use boa_engine::object::builtins::JsArray;
use boa_engine::object::{FunctionObjectBuilder, ObjectInitializer};
use boa_engine::property::Attribute;
use boa_engine::{Context, JsNativeError, JsResult, JsValue, NativeFunction, js_string};
use rustix::fs::OFlags;

use super::{Native, arg, function, set_global, text};
use crate::bytes;
use crate::files::{Errno, Files, numbers};
use crate::host::Host;

/// Which files there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// None.
    Stub,
    /// Those below the folders that the program was given.
    Real,
}

/// What a function of `fs` came to: a value for the callback, an error for it, or an exception.
type Answer = Result<Result<JsValue, Errno>, boa_engine::JsError>;
type Call = fn(&[JsValue], &mut Context) -> Answer;

/// Every function of `fs` that Go calls, but `write`.
const CALLS: [(&str, Call); 24] = [
    ("chmod", |args, js| {
        let (path, mode) = (text(args, 0, js)?, arg(args, 1).to_u32(js)?);
        nothing(files(js, |files| files.set_mode(&path, mode)))
    }),
    ("chown", |args, js| {
        let (path, user, group) = (text(args, 0, js)?, arg(args, 1).to_u32(js)?, arg(args, 2).to_u32(js)?);
        nothing(files(js, |files| files.set_owner(&path, user, group)))
    }),
    ("close", |args, js| {
        let fd = arg(args, 0).to_i32(js)?;
        nothing(files(js, |mut files| files.close(fd)))
    }),
    ("fchmod", |args, js| {
        let (fd, mode) = (arg(args, 0).to_i32(js)?, arg(args, 1).to_u32(js)?);
        nothing(files(js, |files| files.set_mode_open(fd, mode)))
    }),
    ("fchown", |args, js| {
        let (fd, user, group) =
            (arg(args, 0).to_i32(js)?, arg(args, 1).to_u32(js)?, arg(args, 2).to_u32(js)?);
        nothing(files(js, |files| files.set_owner_open(fd, user, group)))
    }),
    ("fstat", |args, js| {
        let fd = arg(args, 0).to_i32(js)?;
        let stat = files(js, |files| files.stat_of(fd));
        stats(stat, js)
    }),
    ("fsync", |args, js| {
        let fd = arg(args, 0).to_i32(js)?;
        nothing(files(js, |files| files.sync(fd)))
    }),
    ("ftruncate", |args, js| {
        let (fd, length) = (arg(args, 0).to_i32(js)?, arg(args, 1).to_length(js)?);
        nothing(files(js, |files| files.truncate_open(fd, length)))
    }),
    ("lchown", |args, js| {
        let (path, user, group) = (text(args, 0, js)?, arg(args, 1).to_u32(js)?, arg(args, 2).to_u32(js)?);
        nothing(files(js, |files| files.set_link_owner(&path, user, group)))
    }),
    ("link", |args, js| {
        let (path, link) = (text(args, 0, js)?, text(args, 1, js)?);
        nothing(files(js, |files| files.link(&path, &link)))
    }),
    ("lstat", |args, js| {
        let path = text(args, 0, js)?;
        let stat = files(js, |files| files.lstat(&path));
        stats(stat, js)
    }),
    ("mkdir", |args, js| {
        let (path, mode) = (text(args, 0, js)?, arg(args, 1).to_u32(js)?);
        nothing(files(js, |files| files.make_folder(&path, mode)))
    }),
    ("open", |args, js| {
        let (path, flags, mode) = (text(args, 0, js)?, arg(args, 1).to_i32(js)?, arg(args, 2).to_u32(js)?);
        Ok(files(js, |mut files| files.open(&path, flags, mode)).map(JsValue::from))
    }),
    ("read", read),
    ("readdir", |args, js| {
        let path = text(args, 0, js)?;
        let names = files(js, |files| files.names(&path));
        Ok(names.map(|names| {
            let names = names.into_iter().map(|name| JsValue::from(js_string!(name)));
            JsArray::from_iter(names, js).into()
        }))
    }),
    ("readlink", |args, js| {
        let path = text(args, 0, js)?;
        Ok(files(js, |files| files.read_link(&path)).map(|path| js_string!(path).into()))
    }),
    ("rename", |args, js| {
        let (from, to) = (text(args, 0, js)?, text(args, 1, js)?);
        nothing(files(js, |files| files.rename(&from, &to)))
    }),
    ("rmdir", |args, js| {
        let path = text(args, 0, js)?;
        nothing(files(js, |files| files.remove_folder(&path)))
    }),
    ("stat", |args, js| {
        let path = text(args, 0, js)?;
        let stat = files(js, |files| files.stat(&path));
        stats(stat, js)
    }),
    ("symlink", |args, js| {
        let (path, link) = (text(args, 0, js)?, text(args, 1, js)?);
        nothing(files(js, |files| files.symlink(&path, &link)))
    }),
    ("truncate", |args, js| {
        let (path, length) = (text(args, 0, js)?, arg(args, 1).to_length(js)?);
        nothing(files(js, |files| files.truncate(&path, length)))
    }),
    ("unlink", |args, js| {
        let path = text(args, 0, js)?;
        nothing(files(js, |files| files.remove(&path)))
    }),
    ("utimes", |args, js| {
        let (path, access, change) =
            (text(args, 0, js)?, arg(args, 1).to_number(js)?, arg(args, 2).to_number(js)?);
        nothing(files(js, |files| files.set_times(&path, access, change)))
    }),
    ("write", write),
];

pub(super) fn install(js: &mut Context, mode: Mode) -> JsResult<()> {
    let mut functions = Vec::new();
    for (at, (name, _)) in CALLS.iter().enumerate() {
        let native = NativeFunction::from_copy_closure(move |_, args, js| perform(at, mode, args, js));
        functions
            .push((*name, FunctionObjectBuilder::new(js.realm(), native).name(js_string!(*name)).build()));
    }
    let constants = constants(js, mode);
    let write_sync = function(js, "writeSync", NativeFunction::from_fn_ptr(write_sync));
    let mut fs = ObjectInitializer::new(js);
    for (name, function) in functions {
        fs.property(js_string!(name), function, Attribute::all());
    }
    fs.property(js_string!("writeSync"), write_sync, Attribute::all());
    fs.property(js_string!("constants"), constants, Attribute::all());
    let fs = fs.build();
    set_global(js, "fs", fs)
}

/// The flags of `open`: -1 where there are no files.
fn constants(js: &mut Context, mode: Mode) -> boa_engine::JsObject {
    let flags = [
        ("O_WRONLY", OFlags::WRONLY),
        ("O_RDWR", OFlags::RDWR),
        ("O_CREAT", OFlags::CREATE),
        ("O_TRUNC", OFlags::TRUNC),
        ("O_APPEND", OFlags::APPEND),
        ("O_EXCL", OFlags::EXCL),
        ("O_DIRECTORY", OFlags::DIRECTORY),
    ];
    let mut constants = ObjectInitializer::new(js);
    for (name, flag) in flags {
        let value = if mode == Mode::Real { flag.bits() as i32 } else { -1 };
        constants.property(js_string!(name), value, Attribute::all());
    }
    constants.build()
}

/// Does what a function is for and calls back; the callback is the last argument.
fn perform(at: usize, mode: Mode, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (name, call) = CALLS[at];
    let Some((callback, args)) = args.split_last() else {
        return Err(JsNativeError::typ().with_message(format!("fs.{name}: no callback")).into());
    };
    let Some(callback) = callback.as_callable() else {
        return Err(JsNativeError::typ()
            .with_message(format!("fs.{name}: the callback is no function"))
            .into());
    };
    let answer = match (mode, name) {
        (Mode::Real, _) | (Mode::Stub, "write") => call(args, js)?,
        // What is written is never lost.
        (Mode::Stub, "fsync") => Ok(JsValue::undefined()),
        (Mode::Stub, _) => Err(Errno("ENOSYS")),
    };
    let back = match answer {
        Ok(value) if value.is_undefined() => vec![JsValue::null()],
        Ok(value) => vec![JsValue::null(), value],
        Err(errno) => vec![file_error(errno, name, js)?],
    };
    match mode {
        Mode::Stub => callback.call(&JsValue::undefined(), &back, js)?,
        Mode::Real => {
            Host::of(js).events.borrow_mut().push(callback, back);
            JsValue::undefined()
        }
    };
    Ok(JsValue::undefined())
}

/// Uses the program's files.
fn files<R>(
    js: &mut Context,
    use_them: impl FnOnce(RefMut<'_, Files>) -> Result<R, Errno>,
) -> Result<R, Errno> {
    match &Host::of(js).files {
        Some(files) => use_them(files.borrow_mut()),
        None => Err(Errno("ENOSYS")),
    }
}

fn nothing(done: Result<(), Errno>) -> Answer {
    Ok(done.map(|()| JsValue::undefined()))
}

/// A `Stats` object.
fn stats(stat: Result<std::fs::Metadata, Errno>, js: &mut Context) -> Answer {
    let stat = match stat {
        Ok(stat) => stat,
        Err(errno) => return Ok(Err(errno)),
    };
    let kinds: [(&str, bool); 3] =
        [("isDirectory", stat.is_dir()), ("isFile", stat.is_file()), ("isSymbolicLink", stat.is_symlink())];
    let mut object = ObjectInitializer::new(js);
    for (name, number) in numbers(&stat) {
        object.property(js_string!(name), number, Attribute::all());
    }
    for (name, is) in kinds {
        let answer: Native = if is { |_, _, _| Ok(true.into()) } else { |_, _, _| Ok(false.into()) };
        object.function(NativeFunction::from_fn_ptr(answer), js_string!(name), 0);
    }
    Ok(Ok(object.build().into()))
}

/// `offset`, `length` and `position` of a read or write, which lie within the buffer.
fn extent(args: &[JsValue], size: usize, js: &mut Context) -> JsResult<(usize, usize, Option<u64>)> {
    let (offset, length) = (arg(args, 2).to_length(js)? as usize, arg(args, 3).to_length(js)? as usize);
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(JsNativeError::range().with_message("offset and length lie outside the buffer").into());
    }
    let position = arg(args, 4);
    let position = if position.is_null_or_undefined() { None } else { Some(position.to_length(js)?) };
    Ok((offset, length, position))
}

fn read(args: &[JsValue], js: &mut Context) -> Answer {
    let (fd, buffer) = (arg(args, 0).to_i32(js)?, arg(args, 1));
    let Some(size) = bytes::length(&buffer, js) else { return Ok(Err(Errno("EINVAL"))) };
    let (offset, length, position) = extent(args, size, js)?;
    let mut into = vec![0; length];
    let done = files(js, |mut files| files.read(fd, &mut into, position));
    if let Ok(count) = done {
        bytes::write_at(&buffer, offset, &into[..count], js);
    }
    Ok(done.map(|count| JsValue::from(count as f64)))
}

fn write(args: &[JsValue], js: &mut Context) -> Answer {
    let (fd, buffer) = (arg(args, 0).to_i32(js)?, arg(args, 1));
    let Some(content) = bytes::read(&buffer, js) else { return Ok(Err(Errno("EINVAL"))) };
    let host = Host::of(js);
    let Some(files) = &host.files else {
        // The stub writes whole buffers to where they belong, and nothing else.
        let whole = arg(args, 2).as_number() == Some(0.0)
            && arg(args, 3).as_number() == Some(content.len() as f64)
            && arg(args, 4).is_null();
        return Ok(if whole { output(&host, fd, &content) } else { Err(Errno("ENOSYS")) });
    };
    let (offset, length, position) = extent(args, content.len(), js)?;
    let content = &content[offset..offset + length];
    Ok(match fd {
        1 | 2 if position.is_none() => output(&host, fd, content),
        _ => files.borrow_mut().write(fd, content, position).map(|count| JsValue::from(count as f64)),
    })
}

fn output(host: &Host, fd: i32, content: &[u8]) -> Result<JsValue, Errno> {
    host.output.write(if fd == 2 { 2 } else { 1 }, content)?;
    Ok(JsValue::from(content.len() as f64))
}

fn write_sync(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (fd, host) = (arg(args, 0).to_i32(js)?, Host::of(js));
    let content = bytes::read(&arg(args, 1), js).unwrap_or_default();
    match output(&host, fd, &content) {
        Ok(count) => Ok(count),
        Err(errno) => Err(boa_engine::JsError::from_opaque(file_error(errno, "write", js)?)),
    }
}

/// An `Error` with a `code`, by which Go knows it.
pub(crate) fn file_error(errno: Errno, call: &str, js: &mut Context) -> JsResult<JsValue> {
    let message =
        if errno.0 == "ENOSYS" { "not implemented".to_owned() } else { format!("{}: {call}", errno.0) };
    let error = JsNativeError::error().with_message(message).into_opaque(js);
    error.set(js_string!("code"), js_string!(errno.0), true, js)?;
    Ok(error.into())
}
