//! `process` and `path`.

use boa_engine::object::builtins::JsArray;
use boa_engine::{Context, JsNativeError, JsResult, JsValue, js_string};

use super::{Mode, Native, file_error, object, set_global, text};
use crate::files::Errno;
use crate::host::Host;

pub(super) fn install(js: &mut Context, mode: Mode) -> JsResult<()> {
    let (methods, ids): (&[(&str, Native)], (i32, i32)) = match mode {
        Mode::Stub => (&STUBS, (-1, -1)),
        Mode::Real => {
            let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
            (&REAL, (std::process::id() as i32, parent))
        }
    };
    let process = object(js, methods);
    process.set(js_string!("pid"), ids.0, false, js)?;
    process.set(js_string!("ppid"), ids.1, false, js)?;
    set_global(js, "process", process)?;
    let resolve: Native = if mode == Mode::Real { resolve } else { join };
    let path = object(js, &[("resolve", resolve)]);
    set_global(js, "path", path)
}

const STUBS: [(&str, Native); 8] = [
    ("getuid", |_, _, _| Ok((-1).into())),
    ("getgid", |_, _, _| Ok((-1).into())),
    ("geteuid", |_, _, _| Ok((-1).into())),
    ("getegid", |_, _, _| Ok((-1).into())),
    ("getgroups", no_such_call),
    ("umask", no_such_call),
    ("cwd", no_such_call),
    ("chdir", no_such_call),
];

const REAL: [(&str, Native); 8] = [
    ("getuid", |_, _, _| Ok(rustix::process::getuid().as_raw().into())),
    ("getgid", |_, _, _| Ok(rustix::process::getgid().as_raw().into())),
    ("geteuid", |_, _, _| Ok(rustix::process::geteuid().as_raw().into())),
    ("getegid", |_, _, _| Ok(rustix::process::getegid().as_raw().into())),
    ("getgroups", groups),
    ("umask", umask),
    ("cwd", current_folder),
    ("chdir", change_folder),
];

fn no_such_call(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    Err(boa_engine::JsError::from_opaque(file_error(Errno("ENOSYS"), "process", js)?))
}

fn groups(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let groups = rustix::process::getgroups().unwrap_or_default();
    Ok(JsArray::from_iter(groups.iter().map(|group| JsValue::from(group.as_raw())), js).into())
}

/// The mask of new files' modes: with an argument it is set; the one before is returned.
fn umask(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    use rustix::fs::Mode;
    let new = args.first().filter(|mask| !mask.is_undefined()).map(|mask| mask.to_u32(js)).transpose()?;
    let before = rustix::process::umask(Mode::from_raw_mode(new.unwrap_or(0o022)));
    if new.is_none() {
        rustix::process::umask(before);
    }
    Ok(before.as_raw_mode().into())
}

fn current_folder(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let host = Host::of(js);
    let files = host.files.as_ref().ok_or_else(|| JsNativeError::error().with_message("no files"))?;
    let current = files.borrow().current().display().to_string();
    Ok(js_string!(current).into())
}

fn change_folder(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (path, host) = (text(args, 0, js)?, Host::of(js));
    let files = host.files.as_ref().ok_or_else(|| JsNativeError::error().with_message("no files"))?;
    let changed = files.borrow_mut().change_folder(&path);
    match changed {
        Ok(()) => Ok(JsValue::undefined()),
        Err(errno) => Err(boa_engine::JsError::from_opaque(file_error(errno, "chdir", js)?)),
    }
}

fn join(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let parts: Vec<String> = (0..args.len()).map(|at| text(args, at, js)).collect::<JsResult<_>>()?;
    Ok(js_string!(parts.join("/")).into())
}

/// The absolute path that several parts make, without `.`, `..` and double slashes.
fn resolve(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let host = Host::of(js);
    let start = host.files.as_ref().map(|files| files.borrow().current().to_path_buf());
    let mut path = start.unwrap_or_else(|| "/".into());
    for at in 0..args.len() {
        path.push(text(args, at, js)?);
    }
    let mut parts: Vec<String> = Vec::new();
    for part in path.display().to_string().split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part.to_owned()),
        }
    }
    Ok(js_string!(format!("/{}", parts.join("/"))).into())
}
