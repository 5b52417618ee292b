//! PWM channels of the kernel, `/sys/class/pwm/pwmchip0` (`Documentation/driver-api/pwm.rst`).

use std::fs;
use std::io;
use std::path::PathBuf;

use tiny_mapper::PwmRow;
use xmap_boards::BoardId;

/// Where the kernel has the chip's channels.
const CHIP: &str = "/sys/class/pwm/pwmchip0";

/// The channels that were set, each with the period that it has.
#[derive(Debug)]
pub struct Channels {
    chip: PathBuf,
    set: Vec<(u8, u32)>,
}

impl Default for Channels {
    fn default() -> Self {
        Self { chip: CHIP.into(), set: Vec::new() }
    }
}

impl Channels {
    /// Does what [`tiny_mapper::Pwm::set`] says. A channel that is not there is looked for again each time.
    pub fn set(&mut self, row: &PwmRow, high_ns: u32) -> bool {
        let Some(channel) = row.line(BoardId::Rpi4b).map(|line| line.channel) else { return false };
        self.write(channel, row.period_ns(), high_ns).is_ok()
    }

    fn write(&mut self, channel: u8, period_ns: u32, high_ns: u32) -> io::Result<()> {
        let folder = self.chip.join(format!("pwm{channel}"));
        let write = |file: &str, value: u32| fs::write(folder.join(file), value.to_string());
        if self.set.contains(&(channel, period_ns)) {
            return write("duty_cycle", high_ns);
        }
        self.set.retain(|(known, _)| *known != channel);
        if !folder.is_dir() {
            fs::write(self.chip.join("export"), channel.to_string())?;
        }
        // The kernel refuses a period below the pulse that it has.
        write("duty_cycle", 0)?;
        write("period", period_ns)?;
        write("duty_cycle", high_ns)?;
        write("enable", 1)?;
        self.set.push((channel, period_ns));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use xmap_boards::Line;

    use super::*;

    fn row(line: u8, period_us: u32) -> PwmRow {
        PwmRow::new(Line::new(line).unwrap(), period_us, 0)
    }

    #[test]
    fn a_channel_is_written_as_the_kernel_takes_it() {
        let chip = tempfile::tempdir().unwrap();
        let mut channels = Channels { chip: chip.path().into(), set: Vec::new() };
        assert!(!channels.set(&row(18, 1_000), 5), "no channel has come with `export`");
        assert_eq!(fs::read_to_string(chip.path().join("export")).unwrap(), "0");
        let folder = chip.path().join("pwm1");
        fs::create_dir(&folder).unwrap();
        let found =
            || ["period", "duty_cycle", "enable"].map(|file| fs::read_to_string(folder.join(file)).unwrap());
        assert!(channels.set(&row(19, 20_000), 1_500_000));
        assert_eq!(found(), ["20000000", "1500000", "1"]);
        // The period stays, and is not written again.
        fs::write(folder.join("period"), "x").unwrap();
        assert!(channels.set(&row(13, 20_000), 2_000_000), "the same channel on another line");
        assert_eq!(found(), ["x", "2000000", "1"]);
        assert!(channels.set(&row(19, 1_000), 0));
        assert_eq!(found(), ["1000000", "0", "1"]);
        assert!(!channels.set(&row(17, 1_000), 0), "a line without a channel");
    }
}
