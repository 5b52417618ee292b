//! What compilers import by themselves, read from their specifications: as much of WASI preview 1 and of
//! AssemblyScript's environment as panels with a standard library meet.

use anyhow::Result;
use wasmi::{Caller, Extern, Linker, Memory, Module, Val};

use super::board::{Board, Stop};

const WASI: &str = "wasi_snapshot_preview1";
const BADF: i32 = 8;
const INVAL: i32 = 28;
const NOTDIR: i32 = 54;
const UNREACHABLE: Stop = Stop("unreachable");
const OUT_OF_BOUNDS: Stop = Stop("out_of_bounds");

/// The program ended with the code 0: no error of `_start`.
pub(super) const ENDED: Stop = Stop("ended");

/// What has been written and not sent: a line without its end.
#[derive(Debug, Default)]
pub(super) struct Held {
    level: i32,
    bytes: Vec<u8>,
}

impl Held {
    /// Takes what is written to a stream, and gives the lines that are whole now, with their levels.
    fn write(&mut self, level: i32, bytes: &[u8]) -> Vec<(i32, String)> {
        let mut lines = Vec::new();
        if level != self.level {
            lines.extend(self.end());
        }
        self.level = level;
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = self.end();
                    lines.push(line.unwrap_or((level, String::new())));
                }
                byte => self.bytes.push(*byte),
            }
        }
        lines
    }

    /// The line so far, if there is one.
    fn end(&mut self) -> Option<(i32, String)> {
        let bytes = std::mem::take(&mut self.bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let chunks = bytes.utf8_chunks();
        let text: String = chunks.map(|c| c.valid().to_string() + &"?".repeat(c.invalid().len())).collect();
        (!bytes.is_empty()).then_some((self.level, text))
    }
}

struct Call<'c>(Caller<'c, Board>);

impl Call<'_> {
    fn memory(&self) -> Result<Memory, Stop> {
        let own = self.0.get_export("memory").and_then(Extern::into_memory);
        own.or(self.0.data().memory).ok_or(OUT_OF_BOUNDS)
    }

    fn bytes(&self, at: u32, count: u32) -> Result<Vec<u8>, Stop> {
        let mut bytes = vec![0; count as usize];
        self.memory()?.read(&self.0, at as usize, &mut bytes).map_err(|_| OUT_OF_BOUNDS)?;
        Ok(bytes)
    }

    fn word(&self, at: u32) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.bytes(at, 4)?.try_into().unwrap_or_default()))
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), Stop> {
        self.memory()?.write(&mut self.0, at as usize, bytes).map_err(|_| OUT_OF_BOUNDS)
    }

    fn send(&mut self, lines: impl IntoIterator<Item = (i32, String)>) {
        lines.into_iter().for_each(|(level, text)| self.0.data_mut().log(level, &text));
    }

    /// A message of its own.
    fn say(&mut self, level: i32, text: &str) {
        let held = self.0.data_mut().held.end();
        self.send(held);
        self.send(text.split('\n').map(|line| (level, line.to_string())));
    }

    fn string(&self, at: u32) -> Result<String, Stop> {
        let bytes = self.bytes(at, self.word(at.wrapping_sub(4))?)?;
        let units: Vec<u16> = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
        Ok(String::from_utf16_lossy(&units))
    }

    fn wasi(&mut self, name: &str, args: &[Val], strings: &Strings) -> Result<i32, Stop> {
        let arg = |n: usize| args.get(n).and_then(Val::i32).unwrap_or_default() as u32;
        let standard = arg(0) < 3;
        match name {
            "fd_write" => {
                let level = match arg(0) {
                    1 => 1,
                    2 => 2,
                    _ => return Ok(BADF),
                };
                let mut written = 0;
                for n in 0..arg(2) {
                    let (at, count) = (self.word(arg(1) + 8 * n)?, self.word(arg(1) + 8 * n + 4)?);
                    let bytes = self.bytes(at, count)?;
                    let lines = self.0.data_mut().held.write(level, &bytes);
                    self.send(lines);
                    written += count;
                }
                self.put(arg(3), &written.to_le_bytes())?;
            }
            "fd_fdstat_get" if standard => {
                // A character device, and the rights: flags, its state, polls, and reading or writing.
                let rights = 1u64 << 3 | 1 << 21 | 1 << 27 | if arg(0) == 0 { 1 << 1 } else { 1 << 6 };
                self.put(arg(1), &[[2, 0, 0, 0, 0, 0, 0, 0], rights.to_le_bytes(), [0; 8]].concat())?;
            }
            "clock_time_get" => {
                let now = self.0.data().now_us() * 1000 + 1;
                self.put(arg(2), &now.to_le_bytes())?;
            }
            "poll_oneoff" => {
                // One clock and a time from now on.
                if arg(2) != 1 || self.bytes(arg(0) + 8, 1)? != [0] {
                    return Ok(INVAL);
                }
                let sub = self.bytes(arg(0), 48)?;
                let ns = u64::from_le_bytes(sub[24..32].try_into().unwrap_or_default());
                let until =
                    if sub[40] & 1 == 0 { ns } else { ns.saturating_sub(self.0.data().now_us() * 1000 + 1) };
                self.0.data_mut().delay(until.div_ceil(1000).try_into().unwrap_or(u32::MAX))?;
                let event = [&sub[..8], &[0; 24]].concat();
                self.put(arg(1), &event)?;
                self.put(arg(3), &1u32.to_le_bytes())?;
            }
            "args_sizes_get" | "environ_sizes_get" => {
                let list = strings.list(name);
                let bytes: usize = list.iter().map(|text| text.len() + 1).sum();
                self.put(arg(0), &(list.len() as u32).to_le_bytes())?;
                self.put(arg(1), &(bytes as u32).to_le_bytes())?;
            }
            "args_get" | "environ_get" => {
                let mut at = arg(1);
                for (n, text) in strings.list(name).iter().enumerate() {
                    self.put(arg(0) + 4 * n as u32, &at.to_le_bytes())?;
                    self.put(at, &[text.as_bytes(), &[0]].concat())?;
                    at += text.len() as u32 + 1;
                }
            }
            "proc_exit" => {
                let held = self.0.data_mut().held.end();
                self.send(held);
                match arg(0) {
                    0 => return Err(ENDED),
                    code => self.send([(2, format!("exit {code}"))]),
                }
                return Err(UNREACHABLE);
            }
            "sched_yield" => {}
            // No trace shows what they are.
            "random_get" => self.put(arg(0), &vec![0x5a; arg(1) as usize])?,
            name if name.starts_with("path_") && standard => return Ok(NOTDIR),
            // Nothing else is open.
            _ => return Ok(BADF),
        }
        Ok(0)
    }

    fn environment(&mut self, name: &str, args: &[Val]) -> Result<(), Stop> {
        let arg = |n: usize| args.get(n).and_then(Val::i32).unwrap_or_default() as u32;
        match name {
            "abort" => {
                let (message, file) = (self.string(arg(0))?, self.string(arg(1))?);
                self.say(2, &format!("abort: {message} in {file}:{}:{}", arg(2), arg(3)));
                Err(UNREACHABLE)
            }
            _ => {
                let mut text = self.string(arg(0))?;
                for n in 0..arg(1) as usize {
                    let value = args.get(2 + n).and_then(Val::f64).map_or(f64::NAN, f64::from);
                    text += &format!(" {value}");
                }
                self.say(1, &text);
                Ok(())
            }
        }
    }
}

/// Arguments and environment.
#[derive(Clone, Debug, Default)]
pub(super) struct Strings {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<String>,
}

impl Strings {
    fn list(&self, function: &str) -> &[String] {
        if function.starts_with("args") { &self.args } else { &self.env }
    }
}

/// Gives a module what it imports beside the guest ABI.
pub(super) fn link(linker: &mut Linker<Board>, module: &Module, strings: &Strings) -> Result<()> {
    for import in module.imports() {
        let Some(ty) = import.ty().func().cloned() else { continue };
        let (from, name) = (import.module().to_owned(), import.name().to_owned());
        let wasi = from == WASI;
        if !wasi && !(from == "env" && (name == "abort" || name == "trace")) {
            continue;
        }
        let (function, strings) = (name.clone(), strings.clone());
        linker.func_new(&from, &name, ty, move |caller, args, results| {
            let mut call = Call(caller);
            let answer = match wasi {
                true => call.wasi(&function, args, &strings),
                false => call.environment(&function, args).map(|()| 0),
            };
            let answer = answer.map_err(wasmi::Error::host)?;
            results.iter_mut().for_each(|result| *result = Val::I32(answer));
            Ok(())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_or_held() {
        let mut held = Held::default();
        assert_eq!(held.write(1, b"a"), []);
        assert_eq!(held.write(1, b"b\r\nc\n\n"), [(1, "ab".into()), (1, "c".into()), (1, String::new())]);
        assert_eq!(held.write(1, b"\xff\xe2\x82"), []);
        assert_eq!(held.write(2, b"w\n"), [(1, "???".into()), (2, "w".into())]);
        assert_eq!(held.end(), None);
    }
}
