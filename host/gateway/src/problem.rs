//! What is wrong with a request, as problem details (RFC 9457) with the number of docs/errors.md.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use xmap_client::ErrorCode;
use xmap_compiler::codes::Code;
use xmap_compiler::names::did_you_mean;

/// Why a request was not carried out.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The answer's status.
    pub status: StatusCode,
    /// The number.
    pub code: Code,
    /// What is wrong, in one line.
    pub detail: String,
    /// What to do about it.
    pub help: Option<String>,
    /// After how many seconds it is worth another try.
    pub retry_s: Option<u32>,
}

impl Problem {
    /// A problem of the gateway's own.
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), help: None, retry_s: None }
    }

    /// A request that cannot be read.
    pub fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail)
    }

    /// Too much of something; it is worth another try.
    pub fn too_much(detail: impl Into<String>) -> Self {
        let new = Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooMuch, detail);
        Self { retry_s: Some(1), ..new }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<Option<String>>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// The body of the answer.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "type": format!("urn:xmap:error:{}", self.code),
            "title": self.code.title(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code.to_string(),
            "help": self.help,
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json().to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(retry_s) = self.retry_s {
            headers.insert(RETRY_AFTER, retry_s.into());
        }
        response
    }
}

/// An error of the link, with the status that says whose fault it is.
impl From<xmap_client::Error> for Problem {
    fn from(error: xmap_client::Error) -> Self {
        use ErrorCode::{
            CallArgument, CallName, DeviceBusy, DeviceRefused, DeviceRestarted, ExportNotAllowed, LinkBroken,
            NoAnswer, NoFeature, NoSuchModule, PortUnavailable, RoleTooLow, TimeIsUp,
        };
        let status = match error.code {
            CallName | NoSuchModule => StatusCode::NOT_FOUND,
            CallArgument => StatusCode::UNPROCESSABLE_ENTITY,
            DeviceBusy | DeviceRefused => StatusCode::CONFLICT,
            ExportNotAllowed | RoleTooLow => StatusCode::FORBIDDEN,
            NoFeature => StatusCode::NOT_IMPLEMENTED,
            NoAnswer | TimeIsUp => StatusCode::GATEWAY_TIMEOUT,
            PortUnavailable | LinkBroken | DeviceRestarted => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        let code = Code::from_number(error.code.number()).unwrap_or(Code::BadRequest);
        let near = error.unknown.and_then(|of| did_you_mean(&of.name, of.known.iter().map(String::as_str)));
        let retry_s = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { status, code, detail: error.message, help: error.help.or(near), retry_s }
    }
}
