//! The answers, one function for each route.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value as Json, json};
use xmap_compiler::codes::Code;
use xmap_compiler::map::SourceMap;
use xmap_compiler::names::did_you_mean;
use xmap_image::limits::MAX_MODULES;
use xmap_link::Role;

use super::{App, Caller, body, json, typed};
use crate::calls::{self, Given};
use crate::device::{Ask, Device};
use crate::metrics;
use crate::panel::received;
use crate::problem::Problem;
use crate::stream;
use crate::uses::{self, Hold};

/// Bytes of a body of JSON.
const MOST_JSON: usize = 64 << 10;
/// Bytes of an image with its seal: those of a slot of the largest board.
const MOST_IMAGE: usize = (4 << 20) + 1024;
/// Bytes of a map.
const MOST_MAP: usize = 8 << 20;

type Answer = Result<Response, Problem>;
type Asked = (State<Arc<App>>, Extension<Caller>);

pub(super) async fn page() -> Response {
    typed("text/html; charset=utf-8", include_str!("../../page/index.html"))
}

pub(super) async fn style() -> Response {
    typed("text/css; charset=utf-8", include_str!("../../page/page.css"))
}

pub(super) async fn script() -> Response {
    typed("text/javascript; charset=utf-8", include_str!("../../page/page.js"))
}

pub(super) async fn openapi() -> Response {
    typed("application/json", include_str!("../../openapi.json"))
}

pub(super) async fn metrics(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Response {
    let seen = app.devices.iter().filter(|device| caller.token(&app).sees(&device.name));
    typed("text/plain; version=0.0.4; charset=utf-8", metrics::text(&app, seen))
}

/// The device of a path, where the token may see it.
fn find<'a>(app: &'a App, caller: Caller, name: &str) -> Result<&'a Device, Problem> {
    let token = caller.token(app);
    let seen = || app.devices.iter().filter(|device| token.sees(&device.name));
    seen().find(|device| &*device.name == name).ok_or_else(|| {
        let shown: String = name.chars().take(80).collect();
        let near = did_you_mean(name, seen().map(|device| &*device.name));
        Problem::new(StatusCode::NOT_FOUND, Code::NoSuchDevice, format!("no device `{shown}`")).help(near)
    })
}

pub(super) async fn devices((State(app), Extension(caller)): Asked) -> Response {
    let token = caller.token(&app);
    let seen = app.devices.iter().filter(|device| token.sees(&device.name));
    let all: Vec<Json> = seen.map(|device| device.state().brief(&device.name, &device.port)).collect();
    let may = json!({ "name": token.name, "role": token.role.name() });
    json(&json!({ "devices": all, "token": may }))
}

pub(super) async fn device((State(app), Extension(caller)): Asked, Path(name): Path<String>) -> Answer {
    let device = find(&app, caller, &name)?;
    Ok(json(&device.state().whole(&device.name, &device.port, &app.shelf, device.drivable)))
}

pub(super) async fn status((State(app), Extension(caller)): Asked, Path(name): Path<String>) -> Answer {
    Ok(json(&find(&app, caller, &name)?.state().status_json(&app.shelf)))
}

pub(super) async fn levels((State(app), Extension(caller)): Asked, Path(name): Path<String>) -> Answer {
    Ok(json(&find(&app, caller, &name)?.state().levels_json(&app.shelf)))
}

pub(super) async fn events(
    (State(app), Extension(caller)): Asked,
    Path(name): Path<String>,
    uri: Uri,
) -> Answer {
    let device = find(&app, caller, &name)?;
    let uses = uses::of_query(uri.query())?;
    let hold = if uses.is_empty() {
        None
    } else {
        let hold = Hold::of(device, caller.token(&app), uses)?;
        // They are in use at the device before the stream says its first word.
        device.ask(Ask::Hold).await?;
        Some(hold)
    };
    stream::events(&app, caller, Some(name), hold)
}

pub(super) async fn all_events((State(app), Extension(caller)): Asked) -> Answer {
    stream::events(&app, caller, None, None)
}

pub(super) async fn call(
    (State(app), Extension(caller)): Asked,
    Path((name, key)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let device = find(&app, caller, &name)?;
    let body = body(request, MOST_JSON).await?;
    let ask = calls::call(device, caller.token(&app), &key, &given(&body)?)?;
    device.ask(ask).await.map(|answer| json(&answer))
}

/// Returns what a call is given: a body of nothing, or an object with `args` and `contract`.
fn given(body: &[u8]) -> Result<Given, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Given::default());
    }
    let known = |key: &String| matches!(key.as_str(), "args" | "contract");
    let Json::Object(mut object) = parse(body)? else {
        return Err(Problem::bad("expected an object with `args` and `contract` alone"));
    };
    if !object.keys().all(known) {
        return Err(Problem::bad("expected an object with `args` and `contract` alone"));
    }
    let args = match object.remove("args") {
        None => Vec::new(),
        Some(Json::Array(args)) => args,
        Some(_) => return Err(Problem::bad("`args` is not an array")),
    };
    let contract = match object.remove("contract") {
        None => None,
        Some(Json::String(contract)) => Some(contract),
        Some(_) => return Err(Problem::bad("`contract` is not a text")),
    };
    Ok(Given { args, contract })
}

fn parse(body: &[u8]) -> Result<Json, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::bad(format!("the body is not JSON: {error}")))
}

pub(super) async fn drive(
    (State(app), Extension(caller)): Asked,
    Path((name, line)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let device = find(&app, caller, &name)?;
    let body = body(request, MOST_JSON).await?;
    let level = match parse(&body)?.get("level") {
        Some(Json::Bool(level)) => Some(*level),
        Some(Json::Null) => None,
        _ => return Err(Problem::bad("expected an object with `level`: true, false or null")),
    };
    let ask = calls::drive(device, caller.token(&app), &app.shelf, &line, level)?;
    device.ask(ask).await.map(|answer| json(&answer))
}

/// The module of a path.
fn module(text: &str) -> Result<u8, Problem> {
    text.parse().ok().filter(|module| usize::from(*module) < MAX_MODULES).ok_or_else(|| {
        let detail = format!("no module `{}`", text.chars().take(80).collect::<String>());
        let help = format!("modules have the numbers 0 to {}", MAX_MODULES - 1);
        Problem::new(StatusCode::NOT_FOUND, Code::NoSuchModule, detail).help(help)
    })
}

pub(super) async fn swap(
    (State(app), Extension(caller)): Asked,
    Path((name, number)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let device = find(&app, caller, &name)?;
    let module = module(&number)?;
    let force = uses::force_of(request.uri().query())?;
    if force {
        // What others rely on is the owner's to break.
        caller.token(&app).must_be(Role::Own)?;
    }
    let body = body(request, MOST_IMAGE).await?;
    let (image, seal) = received(&body).map_err(|error| {
        let code = if body.starts_with(b"XMAP") { Code::ImageInvalid } else { Code::NotAnImage };
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, format!("not an image: {error}"));
        problem.help("send what `xmap build` or `xmap sign` wrote".to_string())
    })?;
    let ask = Ask::Swap { module, image: Box::new(image), seal: seal.map(Box::new), force };
    device.ask(ask).await.map(|answer| json(&answer))
}

async fn order(
    (State(app), Extension(caller)): Asked,
    (name, number): (String, String),
    ask: fn(u8) -> Ask,
) -> Answer {
    let device = find(&app, caller, &name)?;
    device.ask(ask(module(&number)?)).await.map(|answer| json(&answer))
}

pub(super) async fn confirm(asked: Asked, Path(of): Path<(String, String)>) -> Answer {
    order(asked, of, Ask::Confirm).await
}

pub(super) async fn rollback(asked: Asked, Path(of): Path<(String, String)>) -> Answer {
    order(asked, of, Ask::Rollback).await
}

pub(super) async fn reset(asked: Asked, Path(of): Path<(String, String)>) -> Answer {
    order(asked, of, Ask::Reset).await
}

/// Takes the map of an image, so that its traps have source lines.
pub(super) async fn map((State(app), Extension(_)): Asked, request: Request) -> Answer {
    let body = body(request, MOST_MAP).await?;
    let text = std::str::from_utf8(&body).ok();
    let map = text.and_then(SourceMap::read_any).ok_or_else(|| {
        let problem =
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::ImageInvalid, "not the map of an image");
        problem.help("send what `xmap build` wrote beside the image, `panel.xmap.map`".to_string())
    })?;
    let image = map.image.clone();
    app.shelf.add_map(map);
    Ok(json(&json!({ "image": image })))
}
