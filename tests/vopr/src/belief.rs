//! What has to hold in a world, whatever happens to it.

use std::collections::{BTreeMap, BTreeSet};
use xmap_boards::{Line, RPI4B, RegisterKind};

use xmap_bodies::invariants;
use xmap_link::limits::MAX_MODULES;

use crate::images::{LAMP, NAMES, PULSE};
use crate::machine::{Machine, Promise};

/// What is known of the device from outside, and what it has promised.
#[derive(Debug, Default)]
pub(crate) struct Belief {
    /// The version of each module that a restart brings at least, as somebody was told.
    floor: [u32; 2],
    /// The versions of each module that counted as good at any time.
    good: [Vec<u32>; 2],
    /// The policy that a restart brings at least, and the highest that was sent.
    policy: u32,
    pub(crate) policy_sent: u32,
    /// Calls of `pulse`: that hosts asked for, that hosts know of, that happened.
    pub(crate) asked: u64,
    pub(crate) returned: u64,
    happened: u64,
    lamp: Lamp,
    /// Images that a host has to confirm, by their hashes, which none has since they were sent.
    unconfirmed: BTreeMap<[u8; 32], u8>,
    /// Images that were good at any time.
    proven: BTreeSet<[u8; 32]>,
    /// Modules that had an image at the last look.
    had: [bool; 2],
}

/// The lamp's latch and direction since the device has power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lamp {
    high: bool,
    output: bool,
}

impl Belief {
    /// Takes note of what the device has said.
    pub(crate) fn promise(&mut self, promise: Promise) {
        match promise {
            Promise::Image(module, version) => {
                let floor = &mut self.floor[usize::from(module) % 2];
                *floor = version.max(*floor);
            }
            Promise::Policy(version) => self.policy = version.max(self.policy),
        }
    }

    /// An image is on its way that is not good before a host has said so.
    pub(crate) fn wants_confirmation(&mut self, module: u8, hash: [u8; 32]) {
        // One that was good may run now.
        if !self.proven.contains(&hash) {
            self.unconfirmed.insert(hash, module);
        }
    }

    /// A host confirms what a module runs.
    pub(crate) fn confirms(&mut self, module: u8) {
        self.unconfirmed.retain(|_, of| *of != module);
    }

    /// Returns the version that a restart brings at least.
    pub(crate) fn floor(&self, module: u8) -> u32 {
        self.floor[usize::from(module) % 2]
    }

    /// The device has lost its power, or was reset: its lines are inputs, and low.
    pub(crate) fn forget_lines(&mut self) {
        self.lamp = Lamp::default();
    }

    /// Checks a device that has just mounted what its card has.
    pub(crate) fn check_boot(&mut self, machine: &mut Machine<'_>) {
        self.had = [true; 2];
        self.check(machine);
        for module in 0..2u8 {
            let Some(version) = machine.version(module) else {
                assert!(
                    module != 0 || is_set_aside(machine, module),
                    "there is no image, and {} was there",
                    self.floor(module)
                );
                continue;
            };
            let good = &self.good[usize::from(module)];
            let flashed = module == 0 && version == 1;
            assert!(
                flashed || good.contains(&version),
                "{version} of {} never was good",
                module_name(module)
            );
        }
        assert!(self.lamp == Lamp { high: true, output: true }, "the lamp is off after the start");
        let policy = machine.policy();
        assert!(
            (self.policy..=self.policy_sent.max(1)).contains(&policy),
            "policy {policy}, and {} was said to be kept",
            self.policy
        );
    }

    /// Checks a device between two turns of its main loop.
    pub(crate) fn check(&mut self, machine: &mut Machine<'_>) {
        self.watch_lines(machine);
        for module in 0..2u8 {
            if let Some(hash) = machine.good_hash(module) {
                // The first image of a module has no trial: there is nothing to go back to.
                if !self.had[usize::from(module)] {
                    self.unconfirmed.remove(&hash);
                }
                assert!(
                    !self.unconfirmed.contains_key(&hash),
                    "an image of {} is good, and nobody has confirmed it",
                    module_name(module)
                );
                self.proven.insert(hash);
            }
            self.had[usize::from(module)] = machine.version(module).is_some();
            if let Some(version) = machine.good(module) {
                let good = &mut self.good[usize::from(module)];
                if !good.contains(&version) {
                    good.push(version);
                }
            }
            let floor = self.floor(module);
            match machine.version(module) {
                Some(version) => {
                    assert!(version >= floor, "{version} of {} after {floor}", module_name(module))
                }
                None => assert!(
                    floor == 0 || is_set_aside(machine, module),
                    "{} has no image any more",
                    module_name(module)
                ),
            }
            let highest = machine.highest(module_name(module));
            assert!(highest >= floor, "{highest} is remembered of {}, not {floor}", module_name(module));
        }
        assert!(self.happened <= self.asked, "{} pulses for {} calls", self.happened, self.asked);
        assert!(self.happened >= self.returned, "{} pulses, and {} returned", self.happened, self.returned);
    }

    /// Checks what the modules share, and their lines: after a turn that did something.
    pub(crate) fn check_modules(machine: &mut Machine<'_>) {
        invariants::check_owners(&machine.device);
        invariants::check_lines(&mut machine.device);
    }

    /// Looks at every store since the last look: nothing but the modules' own lines is driven, and the lamp
    /// never goes out once it is on.
    fn watch_lines(&mut self, machine: &mut Machine<'_>) {
        let lamp_line = Line::new(LAMP).expect("a line");
        let select = RPI4B.register_of(RegisterKind::Select, lamp_line);
        let board = machine.device.board_mut().port_mut();
        for access in board.accesses().filter(|access| access.write) {
            let before = self.lamp;
            let bit = |line: u8| access.value >> line & 1 != 0;
            match access.register.kind {
                RegisterKind::Set | RegisterKind::Clear => {
                    let ours = access.register.index == 0 && access.value & !(1 << LAMP | 1 << PULSE) == 0;
                    assert!(ours, "{access}");
                    let high = access.register.kind == RegisterKind::Set;
                    if bit(LAMP) {
                        self.lamp.high = high;
                    }
                    self.happened += u64::from(high && bit(PULSE));
                }
                RegisterKind::Select if access.register == select => {
                    self.lamp.output = access.value >> (3 * (LAMP % 10)) & 7 == 1;
                    assert!(
                        !self.lamp.output || self.lamp.high,
                        "the lamp becomes an output while it is low"
                    );
                }
                _ => {}
            }
            let (was_on, is_on) = (before.high && before.output, self.lamp.high && self.lamp.output);
            assert!(is_on || !was_on, "the lamp goes out: {access}");
        }
        board.forget();
    }
}

fn is_set_aside(machine: &Machine<'_>, module: u8) -> bool {
    machine.device.keep_status().set_aside >> module & 1 != 0
}

fn module_name(module: u8) -> &'static str {
    NAMES[usize::from(module) % 2]
}

const _: () = assert!(MAX_MODULES >= 2);
