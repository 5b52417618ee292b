//! Metrics over HTTP, for programs of this machine: `GET /metrics` on a loopback address.
//!
//! The main loop answers, between two turns: a request is one line that is looked at, an answer is one text.
//! So there is no thread, and nothing of the device is shared.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;
use xmap_link::openmetrics::Format;

use crate::error::{Code, Error, Result};

/// Connections at a time: one program asks now and then.
const MOST: usize = 8;
/// Bytes of a request, headers and all.
const REQUEST: usize = 8192;
/// How long a connection may stay, in microseconds.
const STAY_US: u64 = 5_000_000;

/// The socket, and who has come to it.
#[derive(Debug)]
pub struct Scrapes {
    listener: TcpListener,
    visitors: Vec<Visitor>,
}

/// A program that asks, or is being answered.
#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    received: Vec<u8>,
    /// What is still to be sent, once the request was read.
    answer: Option<Vec<u8>>,
    ends_us: u64,
}

impl Scrapes {
    /// Listens on an address.
    ///
    /// # Errors
    /// [`Code::Socket`].
    pub fn open(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        listener.map(|listener| Self { listener, visitors: Vec::new() }).map_err(|error| {
            Error::new(Code::Socket, format!("tcp:{address}: cannot be listened on: {error}"))
                .help("`metrics` has a port of this machine that no other program has")
        })
    }

    /// Returns where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns what a rest is ended by.
    pub fn sources(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let room = if self.visitors.len() < MOST { PollFlags::IN } else { PollFlags::empty() };
        let visitors = self.visitors.iter().map(|visitor| {
            let flags = if visitor.answer.is_some() { PollFlags::OUT } else { PollFlags::IN };
            (visitor.stream.as_fd(), flags)
        });
        std::iter::once((self.listener.as_fd(), room)).chain(visitors).collect()
    }

    /// Returns when the first connection has had its time; `u64::MAX` where there is none.
    pub fn deadline_us(&self) -> u64 {
        self.visitors.iter().map(|visitor| visitor.ends_us).min().unwrap_or(u64::MAX)
    }

    /// Takes in who has come, and answers what was asked: `metrics` writes the text.
    pub fn serve(&mut self, now_us: u64, metrics: &mut dyn FnMut(Format) -> String) {
        while self.visitors.len() < MOST
            && let Ok((stream, _)) = self.listener.accept()
        {
            if stream.set_nonblocking(true).is_ok() {
                let ends_us = now_us.saturating_add(STAY_US);
                self.visitors.push(Visitor { stream, received: Vec::new(), answer: None, ends_us });
            }
        }
        self.visitors.retain_mut(|visitor| visitor.ends_us > now_us && visitor.serve(metrics).is_ok());
    }
}

impl Visitor {
    /// Reads the request, or sends the answer: as much as there is.
    ///
    /// # Errors
    /// Where the connection is over, its purpose fulfilled or not.
    fn serve(&mut self, metrics: &mut dyn FnMut(Format) -> String) -> io::Result<()> {
        if self.answer.is_none() {
            self.receive()?;
            if !self.received.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                return Ok(());
            }
            self.answer = Some(answer(&self.received, metrics));
        }
        let Some(answer) = &mut self.answer else { return Ok(()) };
        while !answer.is_empty() {
            match self.stream.write(answer) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(answer.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // What was not read of it would make the kernel take the answer back.
        _ = self.receive();
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.received.extend(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.received.len() > REQUEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
}

/// The form that a request takes: OpenMetrics, but where its `Accept` asks for plain text and not for that.
fn format(request: &[u8]) -> Format {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let accepted = text.lines().filter_map(|line| line.strip_prefix("accept:"));
    let (mut open, mut plain) = (false, false);
    for kind in accepted.flat_map(|kinds| kinds.split(',')) {
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/openmetrics-text" | "*/*" | "application/*" => open = true,
            "text/plain" | "text/*" => plain = true,
            _ => {}
        }
    }
    if plain && !open { Format::Prometheus } else { Format::OpenMetrics }
}

/// The answer to a request.
fn answer(request: &[u8], metrics: &mut dyn FnMut(Format) -> String) -> Vec<u8> {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let is_http = words.next().is_some_and(|version| version.starts_with(b"HTTP/1."));
    let plain = "text/plain; charset=utf-8";
    let (status, kind, body) = match (method, path) {
        _ if !is_http => ("400 Bad Request", plain, "this is HTTP/1.1: GET /metrics\n".to_owned()),
        (b"GET" | b"HEAD", b"/metrics") => {
            let format = format(request);
            ("200 OK", format.content_type(), metrics(format))
        }
        (b"GET" | b"HEAD", _) => ("404 Not Found", plain, "metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", plain, "metrics are read: GET /metrics\n".to_owned()),
    };
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}Connection: close\r\n\r\n",
        body.len()
    );
    if method != b"HEAD" {
        answer += &body;
    }
    answer.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(scrapes: &mut Scrapes, request: &str) -> String {
        let mut stream = TcpStream::connect(scrapes.address().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        // In two pieces, as the network may have it.
        let (first, second) = request.as_bytes().split_at(request.len() / 2);
        let mut text = String::new();
        for piece in [first, second, b""] {
            stream.write_all(piece).unwrap();
            scrapes.serve(0, &mut |_| "metrics\n".to_owned());
        }
        while matches!(stream.read_to_string(&mut text), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        {
            scrapes.serve(0, &mut |_| "metrics\n".to_owned());
        }
        text
    }

    #[test]
    fn what_is_asked_is_answered() {
        let mut scrapes = Scrapes::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let get = ask(&mut scrapes, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(get.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text"), "{get}");
        assert!(get.ends_with("Content-Length: 8\r\nConnection: close\r\n\r\nmetrics\n"), "{get}");
        for (accept, kind) in [
            ("text/plain;version=0.0.4;q=0.5", "text/plain; version=0.0.4; charset=utf-8"),
            ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text"),
            ("text/html, */*;q=0.1", "application/openmetrics-text"),
        ] {
            let request = format!("GET /metrics HTTP/1.1\r\nACCEPT: {accept}\r\n\r\n");
            let said = ask(&mut scrapes, &request);
            assert!(said.contains(&format!("\r\nContent-Type: {kind}")), "{accept}: {said}");
        }
        let head = ask(&mut scrapes, "HEAD /metrics?a=b HTTP/1.0\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
            ("\0\u{7f}\r\n\r\n", "400"),
            ("GET /metrics\r\n\r\n", "400"),
        ] {
            assert!(ask(&mut scrapes, request).starts_with(&format!("HTTP/1.1 {status} ")), "{request}");
        }
        assert!(scrapes.visitors.is_empty());
    }

    #[test]
    fn who_says_nothing_or_too_much_is_let_go() {
        let mut scrapes = Scrapes::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let none = &mut |_| -> String { panic!("nobody has asked") };
        let silent: Vec<_> =
            (0..2 * MOST).map(|_| TcpStream::connect(scrapes.address().unwrap()).unwrap()).collect();
        while scrapes.visitors.len() < MOST {
            scrapes.serve(7, none);
        }
        assert_eq!(scrapes.deadline_us(), 7 + STAY_US);
        scrapes.serve(7 + STAY_US, none);
        // Those that waited in the kernel have come now.
        while scrapes.visitors.len() < MOST {
            scrapes.serve(7 + STAY_US, none);
        }
        drop(silent);
        while !scrapes.visitors.is_empty() {
            scrapes.serve(7 + STAY_US, none);
        }
        let mut talker = TcpStream::connect(scrapes.address().unwrap()).unwrap();
        talker.write_all(&vec![b'x'; 4 * REQUEST]).unwrap();
        talker.set_nonblocking(true).unwrap();
        loop {
            scrapes.serve(7, none);
            match talker.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => break,
                Ok(_) => panic!("it is not answered"),
            }
        }
        assert!(scrapes.visitors.is_empty());
    }
}
