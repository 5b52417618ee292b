//! Connections: how many there may be, and how long a client may keep one without a use for it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use crate::http::Peer;
use crate::problem::Problem;

/// Connections that are served at a time.
pub const CONNECTIONS: usize = 256;
/// Connections beyond them that are told so; further ones are closed.
const REFUSALS: usize = 64;
/// How long a client may take for the head of a request; an idle connection ends then, too.
const HEAD: Duration = Duration::from_secs(30);
/// How long a client may take nothing of an answer.
const STALL: Duration = Duration::from_secs(20);
/// How long a refused client may take to hang up.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes of a connection's buffers: a request's head has to fit.
const BUFFER_BYTES: usize = 16 << 10;

/// Serves for ever.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) {
    let served = Arc::new(Semaphore::new(CONNECTIONS));
    let refused = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                // Out of descriptors, or the client is gone already.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Ok(permit) = served.clone().try_acquire_owned() {
            let (router, tls) = (router.clone(), tls.clone());
            tokio::spawn(async move {
                _ = stream.set_nodelay(true);
                match tls {
                    None => connection(stream, peer, router).await,
                    Some(tls) => {
                        if let Ok(Ok(stream)) = tokio::time::timeout(HEAD, tls.accept(stream)).await {
                            connection(stream, peer, router).await;
                        }
                    }
                }
                drop(permit);
            });
        } else if tls.is_some() {
            // What is said before a handshake, no client of TLS reads.
        } else if let Ok(permit) = refused.clone().try_acquire_owned() {
            tokio::spawn(async move {
                _ = tokio::time::timeout(LINGER, refuse(stream)).await;
                drop(permit);
            });
        }
    }
}

async fn connection<S>(stream: S, peer: SocketAddr, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let mut router = router.clone();
        async move { router.call(request).await }
    });
    let io = TokioIo::new(Timed { stream, stalled: None });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(BUFFER_BYTES);
    // What ends a connection is the client's business.
    _ = http.serve_connection(io, service).await;
}

/// Says that there are too many connections, without a look at the request.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let body = Problem {
        status: axum::http::StatusCode::SERVICE_UNAVAILABLE,
        ..Problem::too_much(format!("more than {CONNECTIONS} connections"))
    }
    .json()
    .to_string();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await?;
    // A connection that is closed with bytes that nobody read takes the answer with it.
    let mut rest = [0; 1024];
    while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await? > 0 {}
    Ok(())
}

/// A connection that breaks where the client takes nothing for a time.
struct Timed<S> {
    stream: S,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    fn timed<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = pin!(&mut self.stream).poll_write(context, bytes);
        self.timed(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = pin!(&mut self.stream).poll_flush(context);
        self.timed(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_shutdown(context)
    }
}
