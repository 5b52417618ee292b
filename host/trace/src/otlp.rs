//! Spans over OTLP: protobuf messages by HTTP, asked again within bounds where they are not taken.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Sent, Status, span, status};
use prost::Message;

use crate::saved::Reading;
use crate::spans::{Kind, Span, Value};

/// Spans of one message: some hundred kilobytes at most.
const BATCH: usize = 500;
/// How often a message is sent at most.
const ATTEMPTS: u32 = 5;
/// The pause before the second attempt; each other one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, whatever the receiver asks for.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 1 << 16;

/// Where spans are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

impl std::str::FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") {
            return Err(
                "only http is spoken: send to a collector on this machine, which speaks https further on",
            );
        }
        let rest = text.strip_prefix("http://").ok_or("expected http://HOST:PORT")?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        // What a header or a request line ends with is no part of either.
        if path.chars().chain(authority.chars()).any(|c| c.is_control() || c == ' ' || !c.is_ascii()) {
            return Err("the address has characters that no address has");
        }
        let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((host, port)) => (host, port.parse().map_err(|_| "the port is no number of a port")?),
            // OTLP over HTTP.
            None => (authority, 4318),
        };
        if host.is_empty() {
            return Err("expected http://HOST:PORT");
        }
        // Of a base address the protocol says what stands behind it.
        let path = if path == "/" { "/v1/traces".to_string() } else { path.to_string() };
        Ok(Self { host: host.to_string(), port, path })
    }
}

/// What became of spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Those that were taken.
    pub(crate) taken: u64,
    /// Those that were not.
    pub(crate) dropped: u64,
    /// Messages that were sent again.
    pub(crate) retries: u64,
    /// Why the latest were not taken.
    pub(crate) why: String,
}

/// Sends spans to a receiver.
#[derive(Debug)]
pub(crate) struct Sender<'e> {
    endpoint: &'e Endpoint,
    /// How long the receiver has for an answer.
    answer: Duration,
    pub(crate) tally: Tally,
}

impl<'e> Sender<'e> {
    /// Nothing is sent yet.
    pub(crate) fn new(endpoint: &'e Endpoint, answer: Duration) -> Self {
        Self { endpoint, answer, tally: Tally::default() }
    }

    /// Sends spans, and counts what becomes of them. Each message is sent [`ATTEMPTS`] times at most; after
    /// one that was not taken, the others once.
    pub(crate) fn send(&mut self, reading: &Reading, spans: &[Span]) {
        for batch in spans.chunks(BATCH) {
            let body = message(reading, batch).encode_to_vec();
            let attempts = if self.tally.dropped == 0 { ATTEMPTS } else { 1 };
            let count = batch.len() as u64;
            match self.deliver(&body, attempts) {
                Ok(refused) => {
                    let refused = refused.min(count);
                    self.tally.taken += count - refused;
                    self.tally.dropped += refused;
                }
                Err(why) => {
                    self.tally.dropped += count;
                    self.tally.why = why;
                }
            }
        }
    }

    /// Returns how many spans of a message the receiver has refused.
    fn deliver(&mut self, body: &[u8], attempts: u32) -> Result<u64, String> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let (why, after) = match post(self.endpoint, body, self.answer) {
                Ok(Answer { status: 200..300, body, .. }) => {
                    let answer = ExportTraceServiceResponse::decode(&body[..]).unwrap_or_default();
                    let refused = answer.partial_success.unwrap_or_default();
                    if refused.rejected_spans > 0 {
                        self.tally.why = format!("the receiver says: {}", refused.error_message);
                    }
                    return Ok(u64::try_from(refused.rejected_spans).unwrap_or(0));
                }
                Ok(Answer { status: status @ (429 | 502 | 503 | 504), after, .. }) => {
                    (format!("the receiver answers {status}"), after)
                }
                Ok(Answer { status, .. }) => return Err(format!("the receiver answers {status}")),
                Err(error) if error.kind() == ErrorKind::InvalidData => return Err(error.to_string()),
                Err(error) => (error.to_string(), None),
            };
            if attempt >= attempts {
                return Err(why);
            }
            self.tally.retries += 1;
            thread::sleep(after.unwrap_or(pause).min(PAUSE_MAX));
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }
}

fn attribute(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Int(value) => any_value::Value::IntValue(*value),
        Value::Float(value) => any_value::Value::DoubleValue(*value),
        Value::Text(value) => any_value::Value::StringValue(value.clone()),
    };
    KeyValue { key: key.to_string(), value: Some(AnyValue { value: Some(value) }) }
}

fn attributes(of: &[(String, Value)]) -> Vec<KeyValue> {
    of.iter().map(|(key, value)| attribute(key, value)).collect()
}

/// The message with spans.
pub(crate) fn message(reading: &Reading, spans: &[Span]) -> ExportTraceServiceRequest {
    let unix_ns = |time_us: u64| {
        let unix_us = i128::from(reading.boot_unix_us) + i128::from(time_us);
        u64::try_from(unix_us * 1000).unwrap_or(0)
    };
    let sent = |of: &Span| Sent {
        trace_id: of.trace.to_vec(),
        span_id: of.id.to_vec(),
        parent_span_id: of.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
        name: of.name.clone(),
        kind: match of.kind {
            Kind::Call => span::SpanKind::Server,
            Kind::Bus => span::SpanKind::Client,
            _ => span::SpanKind::Internal,
        } as i32,
        start_time_unix_nano: unix_ns(of.start_us),
        end_time_unix_nano: unix_ns(of.end_us),
        attributes: attributes(&of.attributes),
        events: of
            .events
            .iter()
            .map(|event| span::Event {
                time_unix_nano: unix_ns(event.time_us),
                name: event.name.to_string(),
                attributes: attributes(&event.attributes),
                dropped_attributes_count: 0,
            })
            .collect(),
        status: of
            .error
            .as_ref()
            .map(|error| Status { message: error.clone(), code: status::StatusCode::Error as i32 }),
        ..Sent::default()
    };
    let text = |key: &str, value: &str| attribute(key, &Value::Text(value.to_string()));
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", "xmap"), text("xmap.device", &reading.device)],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "xmap-trace".to_string(),
                    version: env!("CARGO_PKG_VERSION").to_string(),
                    ..InstrumentationScope::default()
                }),
                spans: spans.iter().map(sent).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

/// What a receiver answers.
struct Answer {
    status: u16,
    /// When it wants to be asked again.
    after: Option<Duration>,
    body: Vec<u8>,
}

/// Sends a message, and reads the answer as far as it counts, in a bounded time.
fn post(endpoint: &Endpoint, body: &[u8], answer: Duration) -> std::io::Result<Answer> {
    let end = Instant::now() + answer;
    let left = || end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let late = || std::io::Error::new(ErrorKind::TimedOut, "no answer in time");
    let mut refused = std::io::Error::new(ErrorKind::NotFound, "the host has no address");
    let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
    let mut connected = None;
    for address in (host, endpoint.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left()) {
            Ok(stream) => {
                connected = Some(stream);
                break;
            }
            Err(error) => refused = error,
        }
    }
    let mut stream = connected.ok_or(refused)?;
    stream.set_write_timeout(Some(left()))?;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\
         User-Agent: xmap-trace/{}\r\nConnection: close\r\n\r\n",
        endpoint.path,
        endpoint.host,
        endpoint.port,
        body.len(),
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(head.as_bytes())?;
    for part in body.chunks(1 << 14) {
        if Instant::now() >= end {
            return Err(late());
        }
        stream.set_write_timeout(Some(left()))?;
        stream.write_all(part)?;
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(whole) = parsed(&answer, false)? {
            return Ok(whole);
        }
        if Instant::now() >= end {
            return Err(late());
        }
        stream.set_read_timeout(Some(left()))?;
        match stream.read(&mut buffer) {
            Ok(0) => {
                return parsed(&answer, true)?
                    .ok_or_else(|| std::io::Error::new(ErrorKind::UnexpectedEof, "the answer ends early"));
            }
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(late());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > ANSWER_BYTES {
            return Err(std::io::Error::new(ErrorKind::InvalidData, "the answer is none of a receiver"));
        }
    }
}

/// The answer, if it is whole: by its stated length, or because the stream has ended.
fn parsed(bytes: &[u8], ended: bool) -> std::io::Result<Option<Answer>> {
    let wrong = || std::io::Error::new(ErrorKind::InvalidData, "the answer is not HTTP");
    if bytes.len() >= 5 && !bytes.starts_with(b"HTTP/") {
        return Err(wrong());
    }
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| wrong())?;
    let status = head.split(' ').nth(1).and_then(|status| status.get(..3)?.parse().ok()).ok_or_else(wrong)?;
    let header = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let body = &bytes[end + 4..];
    let length: Option<usize> = header("content-length").and_then(|length| length.parse().ok());
    // Bodies of errors and of other encodings say nothing that counts here.
    let is_plain = header("transfer-encoding").is_none();
    let whole = match length {
        Some(length) => body.len() >= length,
        None => ended || !is_plain || !(200..300).contains(&status),
    };
    if !whole && !ended {
        return Ok(None);
    }
    let after = header("retry-after").and_then(|after| after.parse().ok()).map(Duration::from_secs);
    let body =
        if is_plain { body[..length.unwrap_or(body.len()).min(body.len())].to_vec() } else { Vec::new() };
    Ok(Some(Answer { status, after, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let of = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.to_string());
        assert_eq!(of("http://localhost").unwrap(), "http://localhost:4318/v1/traces");
        assert_eq!(of("http://[::1]:9/x").unwrap(), "http://[::1]:9/x");
        assert_eq!(of("http://10.0.0.1:4319/").unwrap(), "http://10.0.0.1:4319/v1/traces");
        for wrong in
            ["", "localhost:4318", "https://a", "http://", "http://a:x", "http://a/ b", "http://a\r\n"]
        {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn answers_are_read_whole_or_not_at_all() {
        let whole = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nab";
        for len in 0..whole.len() {
            assert!(parsed(&whole[..len], false).unwrap().is_none(), "{len}");
        }
        let answer = parsed(whole, false).unwrap().unwrap();
        assert_eq!(
            (answer.status, answer.after, answer.body),
            (503, Some(Duration::from_secs(7)), b"ab".to_vec())
        );
        assert!(parsed(b"SSH-2.0-x\r\n", false).is_err());
        assert!(parsed(b"HTTP/1.1 x\r\n\r\n", true).is_err());
    }
}
