//! Serial ports of the kernel, `/dev/ttyAMAN`, as terminals that change nothing.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::termios::{
    ControlModes, InputModes, OptionalActions, QueueSelector, tcdrain, tcflush, tcgetattr, tcsetattr,
};
use tiny_mapper::{BusStatus, UartRow};
use xmap_image::Parity;

/// The ports, each opened when it is first used.
#[derive(Debug, Default)]
pub struct Ports {
    /// The files of ports that the configuration names.
    files: BTreeMap<u8, PathBuf>,
    /// Whether a port that it does not name is the kernel's own.
    others: bool,
    open: Vec<(UartRow, File)>,
}

impl Ports {
    /// The ports with these files; `others` says whether any other is the kernel's own.
    pub const fn new(files: BTreeMap<u8, PathBuf>, others: bool) -> Self {
        Self { files, others, open: Vec::new() }
    }

    /// Returns whether there may be any.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.others
    }

    /// Does what [`tiny_mapper::Uart::write`] says, with `drive` for the line that drives the bus.
    pub fn write(&mut self, row: &UartRow, bytes: &[u8], drive: &mut dyn FnMut(bool)) -> Option<BusStatus> {
        let file = self.file(row)?;
        let end = Instant::now() + Duration::from_micros(row.worst_us().into());
        drive(true);
        let status = send(file, bytes, end);
        drive(false);
        // A port that went away is opened anew the next time.
        if status.is_err() {
            self.open.retain(|(open, _)| open != row);
        }
        status.ok()
    }

    /// Does what [`tiny_mapper::Uart::read`] says.
    pub fn read(&mut self, row: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        match self.file(row)?.read(bytes) {
            Ok(count) => Some(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(0),
            Err(_) => {
                self.open.retain(|(open, _)| open != row);
                None
            }
        }
    }

    fn file(&mut self, row: &UartRow) -> Option<&mut File> {
        let at = match self.open.iter().position(|(open, _)| open == row) {
            Some(at) => at,
            None => {
                // The port may have been opened for another image, with another rate.
                self.open.retain(|(open, _)| open.port_number() != row.port_number());
                let number = row.port_number();
                let path = match self.files.get(&number) {
                    Some(path) => path.clone(),
                    None if self.others => PathBuf::from(format!("/dev/ttyAMA{number}")),
                    None => return None,
                };
                self.open.push((*row, open(&path, row).ok()?));
                self.open.len() - 1
            }
        };
        Some(&mut self.open.get_mut(at)?.1)
    }
}

fn open(path: &std::path::Path, row: &UartRow) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC).bits() as i32;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    let mut settings = tcgetattr(&file)?;
    settings.make_raw();
    let format = row.format();
    settings.control_modes.remove(ControlModes::CSIZE | ControlModes::CSTOPB);
    settings.control_modes.remove(ControlModes::PARENB | ControlModes::PARODD | ControlModes::CRTSCTS);
    settings.control_modes.insert(ControlModes::CREAD | ControlModes::CLOCAL);
    settings.control_modes.insert(if format.data == 7 { ControlModes::CS7 } else { ControlModes::CS8 });
    if format.stop == 2 {
        settings.control_modes.insert(ControlModes::CSTOPB);
    }
    match format.parity {
        Parity::None => {}
        Parity::Even => settings.control_modes.insert(ControlModes::PARENB),
        Parity::Odd => settings.control_modes.insert(ControlModes::PARENB | ControlModes::PARODD),
    }
    // A character with a wrong parity bit is none.
    if format.parity != Parity::None {
        settings.input_modes.insert(InputModes::INPCK | InputModes::IGNPAR);
    }
    settings.set_speed(row.baud())?;
    tcsetattr(&file, OptionalActions::Now, &settings)?;
    tcflush(&file, QueueSelector::IOFlush)?;
    Ok(file)
}

/// Sends bytes until a moment, and waits until the last has left.
fn send(file: &mut File, bytes: &[u8], end: Instant) -> io::Result<BusStatus> {
    let mut left = bytes;
    while !left.is_empty() {
        match file.write(left) {
            Ok(count) => left = left.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if Instant::now() > end {
                    tcflush(&*file, QueueSelector::OFlush)?;
                    return Ok(BusStatus::Timeout);
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    tcdrain(&*file)?;
    Ok(BusStatus::Ok)
}

#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use xmap_image::Format;

    use super::*;

    /// A pair of terminals: this end, and the path of the other.
    pub(crate) fn pty() -> (File, PathBuf) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let near = openpt(flags).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let path = ptsname(&near, Vec::new()).unwrap();
        (File::from(near), PathBuf::from(path.to_str().unwrap()))
    }

    #[test]
    fn bytes_go_both_ways_unchanged() {
        let (mut near, path) = pty();
        let mut ports = Ports::new(BTreeMap::from([(3, path)]), false);
        let row = UartRow::new(3, 19_200, Format::parse("8N1").unwrap(), None, [256, 256]);
        let mut bytes = [0; 256];
        assert_eq!(ports.read(&row, &mut bytes), Some(0), "nothing yet");
        let all: Vec<u8> = (0..=255).collect();
        let mut driven = Vec::new();
        assert_eq!(ports.write(&row, &all, &mut |high| driven.push(high)), Some(BusStatus::Ok));
        assert_eq!(driven, [true, false]);
        let mut got = vec![0; 256];
        near.read_exact(&mut got).unwrap();
        assert_eq!(got, all);
        near.write_all(&all).unwrap();
        let mut got: Vec<u8> = Vec::new();
        while got.len() < 256 {
            let count = ports.read(&row, &mut bytes).unwrap();
            got.extend(&bytes[..count]);
        }
        assert_eq!(got, all);
        // Another rate opens it anew; a port that is not there is none.
        let other = UartRow::new(3, 9_600, Format::parse("8E1").unwrap(), None, [64, 64]);
        assert_eq!(ports.read(&other, &mut bytes), Some(0));
        let gone = UartRow::new(4, 9_600, Format::parse("8N1").unwrap(), None, [64, 64]);
        assert_eq!(ports.read(&gone, &mut bytes), None);
        assert_eq!(ports.write(&gone, &[1], &mut |_| ()), None);
    }
}
