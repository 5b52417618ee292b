//! Running other programs: output kept for the case of failure, and limits on time.

use std::io::{self, IsTerminal as _, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A program that runs longer than this is named on the standard error, so that nobody takes it for a hang.
const SILENT: Duration = Duration::from_secs(1);
/// Characters of a command, and of a line that it printed, that are shown.
const SHOWN: usize = 90;
/// How often a program that still runs is told of where the standard error is no terminal.
const TOLD: Duration = Duration::from_secs(30);
/// How often it is on a terminal.
const DRAWN: Duration = Duration::from_millis(200);

/// Runs a program to its end and returns what it printed, on both streams in their order. One that takes its
/// time is named on the standard error while it runs, with its latest line, and the seconds that it took: on
/// a terminal in one line that is drawn over itself, else line by line.
///
/// # Errors
///
/// It cannot be started, runs longer than `limit`, or fails; the error has what it printed.
pub fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let name = describe(command);
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot run `{name}`"))?;
    // The command holds the pipe's writing end too, and the reader waits for the last one to close.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (sender, printed) = mpsc::channel();
    let latest = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&latest);
    thread::spawn(move || {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = reader.read(&mut piece) {
            bytes.extend_from_slice(&piece[..count]);
            if let Some(line) = last_line(&bytes) {
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = line;
            }
        }
        _ = sender.send(bytes);
    });
    let mut status = wait(&mut child, limit.min(SILENT))?;
    if status.is_none() && limit > SILENT {
        status = show(&mut child, limit - SILENT, &name, &latest)?;
    }
    if status.is_none() {
        _ = child.kill();
        _ = child.wait();
    }
    // A grandchild may hold the pipe open; it gets a moment.
    let printed = printed.recv_timeout(Duration::from_secs(30)).unwrap_or_default();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    match status {
        Some(status) if status.success() => Ok(printed),
        Some(status) => bail!("{printed}\n`{name}` failed: {status}"),
        None => bail!("{printed}\n`{name}` took longer than {} s", limit.as_secs()),
    }
}

/// Waits for a child's end as [`wait`] does, and shows that it runs.
fn show(
    child: &mut Child,
    limit: Duration,
    name: &str,
    latest: &Mutex<String>,
) -> io::Result<Option<ExitStatus>> {
    let (began, deadline) = (Instant::now(), Instant::now() + limit);
    let latest = || latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let seconds = || (began.elapsed() + SILENT).as_secs_f64();
    let bar = io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}");
        ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
    });
    match &bar {
        Some(bar) => bar.set_message(cut(name)),
        None => eprintln!("running {}", cut(name)),
    }
    let mut status = None;
    while status.is_none() && Instant::now() < deadline {
        let turn = if bar.is_some() { DRAWN } else { TOLD };
        status = wait(child, turn.min(deadline.saturating_duration_since(Instant::now())))?;
        match &bar {
            Some(bar) => {
                bar.set_message(format!("{}  {}", cut(name), latest()));
                bar.tick();
            }
            None if status.is_none() => eprintln!("{:>7.1} s  {}", seconds(), cut(&latest())),
            None => {}
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
        eprintln!("ran {}", cut(name));
    }
    eprintln!("{:>7.1} s", seconds());
    Ok(status)
}

/// The last whole line that has text, without what would move a terminal's cursor.
fn last_line(bytes: &[u8]) -> Option<String> {
    // Only the end of what may be megabytes is looked at.
    let end = &bytes[bytes.len().saturating_sub(4096)..];
    let whole = end.iter().rposition(|byte| *byte == b'\n')?;
    let text = String::from_utf8_lossy(&end[..whole]);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).collect())
}

/// The beginning of a text that is too long for a line.
fn cut(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() { format!("{shown} ...") } else { shown }
}

/// Waits for a child's end; `None` when it still runs at the end of `limit`.
///
/// # Errors
///
/// The operating system does not say.
pub fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// The command as one would type it, without its environment.
fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_of_both_streams_comes_back_in_order() {
        let printed = run(&mut shell("echo one; echo two >&2; echo three"), Duration::from_secs(10));
        assert_eq!(printed.unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn failure_carries_what_was_printed() {
        let error = run(&mut shell("echo because; exit 3"), Duration::from_secs(10)).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("because\n"), "{error}");
        assert!(error.ends_with("failed: exit status: 3"), "{error}");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let start = Instant::now();
        let error = run(&mut shell("exec sleep 60"), Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("took longer"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn the_latest_line_is_whole_and_calm() {
        assert_eq!(last_line(b"   Compiling a\n\x1b[32mb\n\nhalf").as_deref(), Some("[32mb"));
        assert_eq!(last_line(b"half"), None);
        assert_eq!(cut(&"x".repeat(SHOWN + 1)), format!("{} ...", "x".repeat(SHOWN)));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program"), Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "cannot run `no-such-program`");
    }
}
