//! Each panel's script, on the board and in the simulator: the same results, the same stores in the same
//! order with the same messages between them, and the same levels after each step.

use std::fs;

use xmap_boards::{Line, LineSet};
use xmap_client::run_call;
use xmap_image::Image;
use xmap_link::{ImageState, features};
use xmap_sim::{Script, Sim};
use xmap_tests::Panel;

use crate::act::Follower;
use crate::board::{Board, boot, bytes, compiled};

/// A panel on both targets, step by step.
struct Pair {
    name: String,
    sim: Sim,
    board: Board,
    follower: Follower,
    /// What the board has left so far, as a plain trace.
    trace: String,
}

impl Pair {
    /// Mounts a panel on both, and compares what that does to the lines.
    fn mount(panel: &Panel, arguments: &str) -> Self {
        let words = compiled(panel);
        let sim = Sim::from_words(words.clone()).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
        let mut board = boot(Some(&bytes(&words)), arguments);
        let status = board.client.status().unwrap();
        assert_eq!(status.image, ImageState::Mounted, "{}", panel.name);
        assert_eq!(board.client.hello().image.unwrap().hash, sim.image().hash(), "{}", panel.name);

        // The simulator's record goes on to its own stores; those before are the safe states at load.
        let all: Vec<String> = sim.trace().filter(|a| a.drives()).map(ToString::to_string).collect();
        let at_load = all.len() - sim.stores().count();
        let (follower, lines) = Follower::from_boot(&mut board.client).unwrap();
        let stores: Vec<_> = lines.iter().filter(|line| !line.starts_with("log ")).cloned().collect();
        assert_eq!(stores, all, "{}: stores from boot to mount", panel.name);

        // Messages have stayed with the first reading; the panel's own lines are those behind the load.
        let mut trace = String::new();
        let mut left = at_load;
        for line in lines {
            if left > 0 && !line.starts_with("log ") {
                left -= 1;
            } else {
                trace += &(line + "\n");
            }
        }
        let mut pair = Self { name: panel.name.clone(), sim, board, follower, trace };
        let mut shown = String::new();
        pair.sim.show_new(&mut |line| shown += &format!("{line}\n"));
        assert_eq!(pair.trace, shown, "{}: from the start function to the mount", pair.name);
        let levels = pair.board.client.levels().unwrap();
        pair.compare_levels("mount", levels);
        pair
    }

    /// Runs one line of a script on both.
    fn step(&mut self, line: &str) {
        let script = Script::parse(line, &self.sim.image()).unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let mut expected = String::new();
        xmap_sim::run(&mut self.sim, &script, &mut |shown| expected += &format!("{shown}\n"))
            .unwrap_or_else(|e| panic!("{}: {line}: {e}", self.name));
        let client = &mut self.board.client;
        let done = self.follower.act(client, line, &script.steps()[0].action);
        let (found, levels) = done.unwrap_or_else(|error| panic!("{}: {line}: {error}", self.name));
        assert_eq!(found, expected, "{}: {line}", self.name);
        self.trace += &found;
        self.compare_levels(line, levels);
    }

    /// Compares the levels of the lines that the panel declares; without a rehearsal of its outputs
    /// alone, as the emulated chip has neither pulls nor anything connected to its inputs.
    fn compare_levels(&self, after: &str, levels: [u32; 2]) {
        let rehearses = self.board.client.hello().features & features::REHEARSAL != 0;
        let image = self.sim.image();
        let compared = if rehearses { image.declared() } else { image.writable() };
        let found = LineSet::from_banks(&levels) & compared;
        let expected = self.sim.board().levels() & compared;
        assert_eq!(found, expected, "{}: levels after {after}: {found:?}, {expected:?}", self.name);
    }
}

/// A script's lines with something on them.
fn script(panel: &Panel) -> Vec<String> {
    let text = fs::read_to_string(panel.script_path()).unwrap();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The board as it is flashed, with an empty command line: its own clock, its own inputs. A script that has
/// calls only runs whole; from others, the calls that neither time nor inputs matter to.
#[test]
fn panels_run_in_real_time_as_they_are_flashed() {
    for (name, calls) in [
        ("shift595", &[][..]),
        (
            "demo",
            &[
                "call lamp_on",
                "call lamp_off",
                "call call_gpio_set 17 1",
                "call call_gpio_set 17 0",
                "call call_gpio_set 27 1",
                "call floor_light 2 1",
                "call floor_light 4 1",
                "call chase_step",
                "call chase_step",
                "call lamp_toggle",
                "call stairs.lamp_toggle",
                "call pump_on",
                "call all_off",
            ],
        ),
    ] {
        let panels = Panel::all().unwrap();
        let panel = panels.iter().find(|panel| panel.name == name).unwrap();
        let mut pair = Pair::mount(panel, "");
        assert_eq!(pair.board.client.hello().features & features::REHEARSAL, 0);
        if calls.is_empty() {
            script(panel).iter().for_each(|line| pair.step(line));
        } else {
            calls.iter().for_each(|line| pair.step(line));
        }
    }
}

/// Outputs after a call are those of the chip, not of a model in the program: the image drives a line
/// of each kind, and the levels of all declared lines change with it.
#[test]
fn levels_are_read_back_from_the_chip() {
    let panels = Panel::all().unwrap();
    let panel = panels.iter().find(|panel| panel.name == "demo").unwrap();
    let words = compiled(panel);
    let image = Image::verify(&words).unwrap();
    let mut board = boot(Some(&bytes(&words)), "");
    let lamp = Line::new(17).unwrap();
    assert!(image.writable().contains(lamp));
    for (call, high) in [("lamp_on", true), ("lamp_off", false), ("lamp_on", true)] {
        run_call(&mut board.client, call, &[]).unwrap();
        assert_eq!(LineSet::from_banks(&board.client.levels().unwrap()).contains(lamp), high, "{call}");
    }
}
