//! Streams of server-sent events.
//!
//! A stream begins with `device`, everything that is known of a device, so that a client that lost its
//! stream only opens another one. A client that takes nothing has its connection closed by the server; until
//! then its events wait in one queue of bounded length.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::device::Watch;
use crate::http::{App, Caller};
use crate::hub::Event;
use crate::problem::Problem;
use crate::uses::Hold;

/// Pieces that wait for the client.
const WAITING: usize = 16;
/// How often something is sent, so that both sides notice a connection that broke.
const ALIVE: Duration = Duration::from_secs(10);

struct Pieces(Receiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// An open stream: counted for its token, a watch of its devices, and what its client holds of them.
struct Open {
    app: Arc<App>,
    caller: Caller,
    _watches: Vec<Watch>,
    _hold: Option<Hold>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.app.rates.close(self.caller.0);
    }
}

/// Opens the stream of a device, or of all that the token may see.
///
/// # Errors
/// X1510.
pub(crate) fn events(
    app: &Arc<App>,
    caller: Caller,
    of: Option<String>,
    hold: Option<Hold>,
) -> Result<Response, Problem> {
    app.rates.open(caller.0)?;
    // Only who looks at one device needs its levels ten times a second.
    let watched = app.devices.iter().filter(|device| of.as_deref() == Some(&*device.name));
    let watches = watched.map(crate::device::Device::watch).collect();
    let open = Open { app: app.clone(), caller, _watches: watches, _hold: hold };
    let (pieces, received) = mpsc::channel(WAITING);
    // From here on: what happens after the answer has begun is in the stream.
    let events = app.hub.listen();
    tokio::spawn(feed(open, of, events, pieces));
    let mut response = Response::new(Body::new(Pieces(received)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

/// Sends events until the client is gone.
async fn feed(
    open: Open,
    of: Option<String>,
    mut events: broadcast::Receiver<Arc<Event>>,
    pieces: Sender<Bytes>,
) {
    let app = &open.app;
    let token = app.tokens.get(open.caller.0);
    let wanted = |device: &str| token.sees(device) && of.as_ref().is_none_or(|of| of == device);
    let last = app.hub.last();
    for device in app.devices.iter().filter(|device| wanted(&device.name)) {
        let state = match of {
            Some(_) => device.state().whole(&device.name, &device.port, &app.shelf, device.drivable),
            None => device.state().brief(&device.name, &device.port),
        };
        if pieces.send(piece(last, "device", &state.to_string())).await.is_err() {
            return;
        }
    }
    loop {
        let next = tokio::time::timeout(ALIVE, events.recv());
        let next = tokio::select! {
            next = next => next,
            // What the client held is given back at once.
            () = pieces.closed() => return,
        };
        let piece = match next {
            Ok(Ok(event)) if wanted(&event.device) => {
                let data = json!({ "device": &*event.device, "data": event.data });
                piece(event.id, event.kind, &data.to_string())
            }
            Ok(Ok(_)) => continue,
            Ok(Err(RecvError::Lagged(lost))) => {
                piece(app.hub.last(), "lost", &json!({ "lost": lost }).to_string())
            }
            Ok(Err(RecvError::Closed)) => return,
            Err(_) => Bytes::from_static(b": alive\n\n"),
        };
        if pieces.send(piece).await.is_err() {
            return;
        }
    }
}

/// One event. JSON has no line feeds.
fn piece(id: u64, kind: &str, data: &str) -> Bytes {
    format!("id: {id}\nevent: {kind}\ndata: {data}\n\n").into()
}
