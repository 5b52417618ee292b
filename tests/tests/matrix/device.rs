//! A panel's script on a device that was mounted with it and rehearses.

use xmap_boards::LineSet;
use xmap_client::{Client, Noted, Options};
use xmap_image::{Image, OwnedImage};
use xmap_link::{ImageState, Retry, features};
use xmap_sim::{Recording, Replay, Script};
use xmap_tools::linux::Store;

use crate::act::Follower;
use crate::chips::{self, Step};
use crate::played::{Played, driving, without_times};
use crate::{Compiled, Run};

/// Bytes of a recording for each value that the device read, or thing that it did, at most.
const BYTES_A_VALUE: u64 = 2;

/// The emulator around the device: what it saw, and its chips.
pub(crate) trait Around {
    /// Stores to the GPIO block since this was last asked.
    fn stores(&mut self) -> anyhow::Result<Vec<Store>>;

    /// Takes what buses carried since this was last asked.
    fn bus(&mut self) -> anyhow::Result<Vec<String>>;

    /// Sets a property of a chip.
    fn set(&mut self, id: &str, property: &str, value: i64) -> anyhow::Result<()>;
}

/// Returns how a device is asked: with a patience that a machine with much else to do takes.
pub(crate) fn patient() -> Options {
    Options { retry: Retry { timeout_us: 20_000_000, ..Retry::default() }, ..Options::default() }
}

/// Runs the script; the emulator has seen everything from before the mount on.
pub(crate) fn play(compiled: &Compiled, client: &mut Client, around: &mut dyn Around) -> Run {
    let image = Image::verify(&compiled.words).map_err(|error| error.to_string())?;
    if client.hello().features & features::REHEARSAL == 0 {
        return Err("the device does not rehearse".into());
    }
    let status = client.status().map_err(|error| error.to_string())?;
    if status.image != ImageState::Mounted {
        return Err(format!("the panel was not mounted: {:?}", status.image));
    }
    if client.hello().image.as_ref().map(|image| image.hash) != Some(image.hash()) {
        return Err("the device has another image".into());
    }
    let (mut follower, mounted) = Follower::from_boot(client).map_err(|error| error.to_string())?;
    // A safe state at load is a store for each output that has one; the panel's own lines are behind those.
    let mut left = at_load(compiled)?;
    let mut trace = String::new();
    for line in mounted {
        if left > 0 && !line.starts_with("log ") {
            left -= 1;
        } else {
            trace += &(line + "\n");
        }
    }
    let declared = image.declared();
    let together = |levels: [u32; 2]| LineSet::from_banks(&levels) & declared;
    let mut levels = vec![together(client.levels().map_err(|error| error.to_string())?)];
    for line in compiled.lines() {
        let step = Script::parse(line, &image).map_err(|error| error.to_string())?;
        let action = &step.steps()[0].action;
        let after = match chips::step(action) {
            Some(Step::Connect) => client.levels().map_err(|error| error.to_string())?,
            Some(Step::Set(id, property, value)) => {
                around.set(id, property, value).map_err(|error| format!("{line}: {error:#}"))?;
                client.levels().map_err(|error| error.to_string())?
            }
            None => {
                let done = follower.act(client, line, action);
                let (lines, after) = done.map_err(|error| format!("{line}: {error}"))?;
                trace += &lines;
                after
            }
        };
        levels.push(together(after));
    }
    let status = client.status().map_err(|error| error.to_string())?;
    if (status.frames_bad, status.trace_lost) != (0, 0) {
        return Err(format!("{} bad frames, {} lost stores", status.frames_bad, status.trace_lost));
    }
    let mut noted = Noted::new();
    client.read_noted(&mut noted).map_err(|error| error.to_string())?;
    let noted = without_times(&noted);
    let seen = |error: anyhow::Error| format!("{error:#}");
    let stores = driving(&around.stores().map_err(seen)?, image.bus_lines());
    plays_again(compiled, client, &stores)?;
    let carried = match compiled.chip {
        None => Vec::new(),
        Some(_) => {
            let carried = around.bus().map_err(seen)?.into_iter();
            carried.filter(|event| event != "stop").collect()
        }
    };
    Ok(Played { trace, levels, stores, carried, noted })
}

/// Takes what the device noted, and plays it on the simulator: each store is the one that the emulator saw,
/// in its place, and the state is the same at each check.
fn plays_again(compiled: &Compiled, client: &mut Client, stores: &[String]) -> Result<(), String> {
    let held = client.trace(0).map_err(|error| error.to_string())?;
    let (noted, ended) = client.recording().map_err(|error| error.to_string())?;
    let mut recording = Recording::new(noted, ended).map_err(|error| error.to_string())?;
    recording.stores = held.into_iter().map(|(_, store)| store).collect();
    let images = [OwnedImage::new(compiled.words.clone()).map_err(|error| error.to_string())?];
    let mut replay = Replay::new(&recording, &images).map_err(|error| format!("replay: {error}"))?;
    let played = replay.run(u64::MAX);
    let at = replay.played();
    played.map_err(|error| format!("replay: {error}, at {at:?}"))?;
    let played = replay.board().accesses().filter(|access| access.drives()).map(ToString::to_string);
    if !played.eq(stores.iter().cloned()) || at.compared as usize != stores.len() || ended {
        return Err(format!("replay: {at:?}, and the emulator saw {} stores", stores.len()));
    }
    // Each value that was read, and each thing that was done.
    let (bytes, values) = (recording.noted.len() as u64, at.inputs + at.operations);
    if bytes > BYTES_A_VALUE * values {
        return Err(format!("replay: {bytes} bytes for {values} values"));
    }
    Ok(())
}

/// Stores of the mount before anything of the module's own ran, as the simulator does them.
fn at_load(compiled: &Compiled) -> Result<usize, String> {
    let sim = xmap_sim::Sim::from_words(compiled.words.clone()).map_err(|error| error.to_string())?;
    let all = sim.trace().filter(|access| access.drives()).count();
    Ok(all - sim.stores().count())
}
