//! What the program writes to its standard output and error.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The record of output: each write with its descriptor.
pub type Record = Arc<Mutex<Vec<(i32, Vec<u8>)>>>;

/// The destination of output.
#[derive(Clone, Debug, Default)]
pub enum Sink {
    /// The standard output and error of this process.
    #[default]
    Process,
    /// A record.
    Record(Record),
}

impl Sink {
    fn write(&self, fd: i32, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Process if fd == 2 => io::stderr().lock().write_all(bytes),
            Self::Process => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Self::Record(record) => {
                record.lock().unwrap_or_else(PoisonError::into_inner).push((fd, bytes.to_vec()));
                Ok(())
            }
        }
    }
}

/// The program's output. By line, it holds what has no line feed yet, and gives it out at the end.
#[derive(Debug)]
pub struct Output {
    sink: Sink,
    by_line: bool,
    held: RefCell<[Vec<u8>; 2]>,
}

impl Output {
    /// An output that is written by line or as it comes.
    pub fn new(sink: Sink, by_line: bool) -> Self {
        Self { sink, by_line, held: RefCell::default() }
    }

    /// Writes to descriptor 1 or 2.
    ///
    /// # Errors
    /// The sink's.
    pub fn write(&self, fd: i32, bytes: &[u8]) -> io::Result<()> {
        if !self.by_line {
            return self.sink.write(fd, bytes);
        }
        let held = &mut self.held.borrow_mut()[usize::from(fd == 2)];
        held.extend_from_slice(bytes);
        match held.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => {
                let rest = held.split_off(last + 1);
                let lines = std::mem::replace(held, rest);
                self.sink.write(fd, &lines)
            }
            None => Ok(()),
        }
    }

    /// Writes a line of `console`, past what is held.
    ///
    /// # Errors
    /// The sink's.
    pub fn line(&self, fd: i32, text: &str) -> io::Result<()> {
        self.sink.write(fd, format!("{text}\n").as_bytes())
    }

    /// Writes what is held, without a line feed behind it: the program ends.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(&self) -> io::Result<()> {
        let held = self.held.take();
        for (fd, bytes) in (1..).zip(held) {
            if !bytes.is_empty() {
                self.sink.write(fd, &bytes)?;
            }
        }
        Ok(())
    }
}
