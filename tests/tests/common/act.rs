//! A script's lines on a device, over its link.

use xmap_client::{Client, Error, HandlerTraps, Recorder, run_call};
use xmap_link::Life;
use xmap_sim::Action;

/// What a device did since it was last asked.
pub(crate) struct Follower {
    recorder: Recorder,
    handler_traps: HandlerTraps,
}

impl Follower {
    /// Follows a device from its boot on; gives what it has recorded up to now.
    pub(crate) fn from_boot(client: &mut Client) -> Result<(Self, Vec<String>), Error> {
        let mut follower = Self { recorder: Recorder::since(0), handler_traps: HandlerTraps::since(0) };
        let lines = follower.recorder.lines(client)?;
        Ok((follower, lines))
    }

    /// Does on a device what a script's line says; gives the plain lines of it, and the levels after it.
    pub(crate) fn act(
        &mut self,
        client: &mut Client,
        line: &str,
        action: &Action,
    ) -> Result<(String, [u32; 2]), Error> {
        let (mut own, mut outcome) = (None, None);
        match action {
            Action::Call { name, .. } => {
                // What a script expects of a call is in the trace.
                let args = line.split_whitespace().skip(2).take_while(|word| *word != "->");
                let args: Vec<String> = args.map(str::to_owned).collect();
                outcome = Some(match run_call(client, name, &args) {
                    Ok(called) => {
                        own = called.outcome.as_ref().err().copied();
                        called.to_string()
                    }
                    // A module that has failed takes no calls, and that is what the trace has.
                    Err(error) => match client.module(0)?.map(|module| module.life) {
                        Some(Life::Faulted) => format!("{name} faulted"),
                        _ => return Err(error),
                    },
                });
            }
            Action::Level { line, high } => {
                let mut mask = [0; 2];
                mask[line.bank() as usize] = line.mask();
                client.rehearse(mask, if *high { mask } else { [0; 2] }, 0)?;
            }
            Action::SetClock { unix_us } => {
                client.set_clock(*unix_us)?;
                // What falls due at once runs before the next step, as in the simulator.
                client.rehearse([0; 2], [0; 2], 0)?;
            }
            Action::AdvanceTo { unix_us } => {
                let now_us = client.clock()?.map_or(-1, |clock| clock.unix_us);
                let us = u64::try_from(unix_us - now_us).expect("the script plays on the simulator");
                _ = client.rehearse([0; 2], [0; 2], us)?;
            }
            Action::Advance { us } => _ = client.rehearse([0; 2], [0; 2], *us)?,
            other => panic!("no script of a panel has {other:?}"),
        }
        let mut lines = self.recorder.lines(client)?;
        lines.extend(self.handler_traps.lines(client, own.as_ref())?);
        lines.extend(outcome);
        Ok((lines.into_iter().map(|line| line + "\n").collect(), client.levels()?))
    }
}
