//! Running other programs: output kept for the case of failure, and limits on time.

use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A program that runs longer than this is named on the standard error, so that nobody takes it for a hang.
const SILENT: Duration = Duration::from_secs(1);
/// Characters of a command that are shown of it.
const SHOWN: usize = 90;

/// Runs a program to its end and returns what it printed, on both streams in their order. One that takes its
/// time is named on the standard error while it runs, and the seconds that it took.
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
    thread::spawn(move || {
        let mut bytes = Vec::new();
        _ = reader.read_to_end(&mut bytes);
        _ = sender.send(bytes);
    });
    let began = Instant::now();
    let mut status = wait(&mut child, limit.min(SILENT))?;
    if status.is_none() && limit > SILENT {
        let shown: String = name.chars().take(SHOWN).collect();
        let cut = if shown.len() < name.len() { " ..." } else { "" };
        eprintln!("running {shown}{cut}");
        status = wait(&mut child, limit - SILENT)?;
        eprintln!("{:>7.1} s", began.elapsed().as_secs_f64());
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
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program"), Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "cannot run `no-such-program`");
    }
}
