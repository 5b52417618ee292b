//! What the gateway answers over HTTP: one table of routes, each with the role that it takes.

mod answers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH,
    CONTENT_TYPE, HeaderName, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use serde_json::Value as Json;
use xmap_compiler::codes::Code;
use xmap_link::Role;

use crate::device::Device;
use crate::hub::Hub;
use crate::problem::Problem;
use crate::rate::{Rates, Strangers};
use crate::shelf::Shelf;
use crate::tokens::{Token, Tokens};

/// How long a client may take for a body.
const BODY: Duration = Duration::from_secs(30);

/// Everything that a request may need.
pub struct App {
    /// The devices, by name in the order of the configuration.
    pub devices: Vec<Device>,
    /// Who may ask what.
    pub tokens: Tokens,
    /// Requests of each token.
    pub rates: Rates,
    /// Requests without a good token.
    pub strangers: Strangers,
    /// Images and maps.
    pub shelf: Arc<Shelf>,
    /// What happens.
    pub hub: Hub,
    /// Requests by the first digit of their status.
    pub answered: [AtomicU64; 6],
    /// How MQTT fares.
    pub mqtt: MqttCounts,
    /// Origins of other pages whose scripts may ask.
    pub origins: Vec<String>,
}

/// Counters of MQTT.
#[derive(Default)]
pub struct MqttCounts {
    /// Connections that the broker took.
    pub connects: AtomicU64,
    /// Commands that were carried out.
    pub commands: AtomicU64,
    /// Commands that were refused: retained, too old, not allowed, or what the device said.
    pub refused: AtomicU64,
}

impl App {
    /// A gateway of these devices and tokens.
    pub fn new(
        devices: Vec<Device>,
        tokens: Tokens,
        shelf: Arc<Shelf>,
        hub: Hub,
        origins: Vec<String>,
    ) -> Self {
        let rates = Rates::new(tokens.len());
        Self {
            devices,
            tokens,
            rates,
            strangers: Strangers::default(),
            shelf,
            hub,
            answered: Default::default(),
            mqtt: MqttCounts::default(),
            origins,
        }
    }
}

/// Who asks: the number of the token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller(pub(crate) usize);

impl Caller {
    fn token(self, app: &App) -> &Token {
        app.tokens.get(self.0)
    }
}

/// The address of the client, which the server puts beside the request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// A path with a method.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, as axum has it.
    pub path: &'static str,
    /// The least role of a token for it; `None` is anybody.
    pub needs: Option<Role>,
    handler: MethodRouter<Arc<App>>,
}

fn route<H, T>(method: Method, path: &'static str, needs: impl Into<Option<Role>>, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).expect("it is a common method");
    Route { method, path, needs: needs.into(), handler: on(filter, handler) }
}

/// Every route.
pub fn routes() -> Vec<Route> {
    use Role::{Call, Observe, Operate};
    use answers as to;
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    vec![
        route(get.clone(), "/", None, to::page),
        route(get.clone(), "/page.css", None, to::style),
        route(get.clone(), "/page.js", None, to::script),
        route(get.clone(), "/openapi.json", None, to::openapi),
        route(get.clone(), "/metrics", Observe, to::metrics),
        route(get.clone(), "/v1/devices", Observe, to::devices),
        route(get.clone(), "/v1/events", Observe, to::all_events),
        route(get.clone(), "/v1/devices/{device}", Observe, to::device),
        route(get.clone(), "/v1/devices/{device}/status", Observe, to::status),
        route(get.clone(), "/v1/devices/{device}/levels", Observe, to::levels),
        route(get, "/v1/devices/{device}/events", Observe, to::events),
        route(post.clone(), "/v1/devices/{device}/exports/{key}", Call, to::call),
        route(post.clone(), "/v1/devices/{device}/lines/{line}", Operate, to::drive),
        route(put.clone(), "/v1/devices/{device}/modules/{module}/image", Operate, to::swap),
        route(post.clone(), "/v1/devices/{device}/modules/{module}/confirm", Operate, to::confirm),
        route(post.clone(), "/v1/devices/{device}/modules/{module}/rollback", Operate, to::rollback),
        route(post, "/v1/devices/{device}/modules/{module}/reset", Operate, to::reset),
        route(put, "/v1/maps", Operate, to::map),
    ]
}

/// The service.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for Route { path, needs, handler, .. } in routes() {
        let guarded = from_fn_with_state((app.clone(), needs), guard);
        router = router.route(path, handler.layer(guarded));
    }
    let no_path = |request: Request| async move { no_such_path(&request) };
    router
        .fallback(no_path)
        .method_not_allowed_fallback(|request: Request| async move {
            let detail = format!("{} has no method {}", request.uri().path(), request.method());
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, Code::NoSuchResource, detail)
        })
        .layer(from_fn_with_state(app.clone(), count))
        .layer(from_fn_with_state(app.clone(), cors))
        .layer(from_fn(no_frames))
        .with_state(app.clone())
}

fn no_such_path(request: &Request) -> Problem {
    let path: String = request.uri().path().chars().take(200).collect();
    let help = "/openapi.json lists all paths".to_string();
    Problem::new(StatusCode::NOT_FOUND, Code::NoSuchResource, format!("no path {path}")).help(help)
}

/// Lets a request through that has a token for it.
async fn guard(
    State((app, needs)): State<(Arc<App>, Option<Role>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(needs) = needs else { return next.run(request).await };
    match admit(&app, needs, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn admit(app: &App, needs: Role, request: &Request) -> Result<Caller, Problem> {
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let text = header.and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let Some(number) = text.and_then(|text| app.tokens.find(text)) else {
        if let Some(Peer(peer)) = request.extensions().get::<Peer>() {
            app.strangers.admit(peer.ip())?;
        }
        let detail =
            if text.is_some() { "the gateway does not know this token" } else { "this takes a token" };
        let help = "a header `Authorization: Bearer TOKEN`; `xmap serve --token-of KEY` prints a role key's";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, Code::NoToken, detail).help(help.to_string()));
    };
    app.rates.admit(number)?;
    app.tokens.get(number).must_be(needs)?;
    Ok(Caller(number))
}

/// Counts answers.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let class = usize::from(response.status().as_u16() / 100);
    if let Some(counter) = app.answered.get(class) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    response
}

/// Lets scripts of the listed origins ask, and read what they are answered. A token they need all the same.
async fn cors(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let listed = |origin: &&HeaderValue| app.origins.iter().any(|of| of.as_bytes() == origin.as_bytes());
    let Some(origin) = request.headers().get(ORIGIN).filter(listed).cloned() else {
        return next.run(request).await;
    };
    let asks_first =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_first {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let fixed = [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT"),
            (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
            (ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        response.headers_mut().extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

/// Headers of every answer: the page is nobody's frame, loads nothing from elsewhere, and no answer is kept.
async fn no_frames(request: Request, next: Next) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
        img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (HeaderName::from_static("content-security-policy"), POLICY),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Reads a body of at most `most` bytes.
///
/// # Errors
/// X1509, X1508 where it does not come.
async fn body(request: Request, most: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::RequestTooLarge, detail)
    };
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > most as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY, to_bytes(request.into_body(), most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            Err(if cause.contains("limit") {
                too_large()
            } else {
                Problem::bad(format!("the body broke off: {error}"))
            })
        }
        Err(_) => {
            let detail = format!("the body has not come within {} s", BODY.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, Code::BadRequest, detail))
        }
    }
}

fn json(value: &Json) -> Response {
    typed("application/json", value.to_string())
}

fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
