//! What has to hold in a world, whatever happens to it.

use std::collections::{BTreeMap, BTreeSet};
use xmap_boards::{Line, RPI4B, RegisterKind};

use xmap_bodies::invariants;
use xmap_device::UNCLEAN_STARTS;
use xmap_link::Life;
use xmap_link::limits::MAX_MODULES;

use crate::HOSTS;
use crate::account::{Account, Done};
use crate::images::{FAN, LAMP, NAMES, PULSE};
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
    lamp: Output,
    fan: Output,
    /// The fan went out in this turn.
    fan_fell: bool,
    pub(crate) account: Account,
    /// Handles that each host has asked for since its session began.
    pub(crate) binds: [usize; HOSTS],
    /// Starts, one after another, that did not go well.
    pub(crate) unclean: u8,
    /// Modules whose image was set aside since the power came.
    pub(crate) aside: u8,
    /// Images that a host has to confirm, by their hashes, which none has since they were sent.
    unconfirmed: BTreeMap<[u8; 32], u8>,
    /// The module that each host has confirmed, until it is known that its word has come.
    pub(crate) confirming: [Option<u8>; HOSTS],
    /// Images that were good at any time.
    proven: BTreeSet<[u8; 32]>,
    /// Modules that had an image at the last look.
    had: [bool; 2],
}

/// The latch and direction of a line since the device has power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Output {
    high: bool,
    output: bool,
}

impl Output {
    const ON: Self = Self { high: true, output: true };

    /// Takes note of a store to a register that has the line.
    fn store(&mut self, line: u8, kind: RegisterKind, value: u32) {
        match kind {
            RegisterKind::Set | RegisterKind::Clear if value >> line & 1 != 0 => {
                self.high = kind == RegisterKind::Set;
            }
            RegisterKind::Select => self.output = value >> (3 * (line % 10)) & 7 == 1,
            _ => {}
        }
    }
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
        // One that was good may run now; and who confirms names the module alone, so that it is this image
        // where another host's word comes late.
        if !self.proven.contains(&hash) && !self.confirming.contains(&Some(module)) {
            self.unconfirmed.insert(hash, module);
        }
    }

    /// A host confirms what a module runs.
    pub(crate) fn confirms(&mut self, number: usize, module: u8) {
        self.confirming[number] = Some(module);
        self.unconfirmed.retain(|_, of| *of != module);
    }

    /// Returns the version that a restart brings at least.
    pub(crate) fn floor(&self, module: u8) -> u32 {
        self.floor[usize::from(module) % 2]
    }

    /// The device has lost its power, or was reset: its lines are inputs, and low.
    pub(crate) fn forget_lines(&mut self) {
        (self.lamp, self.fan) = (Output::default(), Output::default());
    }

    /// Checks a device that has just mounted what its card has.
    pub(crate) fn check_boot(&mut self, machine: &mut Machine<'_>) {
        self.had = [true; 2];
        self.account.begin();
        self.check(machine, true);
        let aside = machine.device.keep_status().set_aside;
        assert!(
            aside & !self.aside == 0 || self.unclean >= UNCLEAN_STARTS,
            "{aside:#b} is set aside after {} bad starts",
            self.unclean
        );
        self.aside |= aside;
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
        assert!(self.lamp == Output::ON, "the lamp is off after the start");
    }

    /// Checks a device between two turns of its main loop. `ends` says whether it starts or stops: then
    /// outputs are safe.
    pub(crate) fn check(&mut self, machine: &mut Machine<'_>, ends: bool) {
        self.watch_lines(machine);
        let done = self.account.check(machine);
        self.check_fan(machine, ends || done[0].may_be_safe, ends);
        let policy = machine.policy();
        assert!(
            (self.policy..=self.policy_sent.max(1)).contains(&policy),
            "policy {policy}, and {} was said to be kept",
            self.policy
        );
        let (handles, asked) = (machine.handles(), self.binds.iter().sum::<usize>());
        assert!(handles <= asked, "{handles} handles, and sessions have asked for {asked}");
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
            self.check_highest(module, highest, done[usize::from(module)]);
            assert!(highest >= floor, "{highest} is remembered of {}, not {floor}", module_name(module));
        }
        assert!(self.happened <= self.asked, "{} pulses for {} calls", self.happened, self.asked);
        assert!(self.happened >= self.returned, "{} pulses, and {} returned", self.happened, self.returned);
    }

    /// A version is remembered once an image of it was good: else the one before could not come back.
    fn check_highest(&mut self, module: u8, highest: u32, done: Done) {
        let good = &mut self.good[usize::from(module)];
        good.extend(done.confirmed.filter(|version| !good.contains(version)));
        let most = good.iter().copied().max().unwrap_or(0);
        assert!(highest <= most, "{highest} is remembered of {}, {most} was good", module_name(module));
    }

    /// The fan is on while its module runs. Nothing but a safe state turns it off, for no moment.
    fn check_fan(&mut self, machine: &Machine<'_>, may_fall: bool, ends: bool) {
        let fell = std::mem::take(&mut self.fan_fell);
        assert!(may_fall || !fell, "the fan goes out, and its module is not safe");
        let runs = !ends && machine.device.life(0) == Life::Running;
        assert!(!runs || self.fan == Output::ON, "the fan is off, and its module runs");
    }

    /// Checks what the modules share, and their lines: after a turn that did something.
    pub(crate) fn check_modules(machine: &mut Machine<'_>) {
        invariants::check_owners(&machine.device);
        invariants::check_lines(&machine.device, |board| board.port());
    }

    /// Looks at every store since the last look: nothing but the modules' own lines is driven, and the lamp
    /// never goes out once it is on.
    fn watch_lines(&mut self, machine: &mut Machine<'_>) {
        let select = |line| RPI4B.register_of(RegisterKind::Select, Line::new(line).expect("a line"));
        let selects = [select(LAMP), select(FAN)];
        // Where nothing runs, an image that is refused in its mount leaves what was there: a fan that is off.
        let was_on = self.fan == Output::ON;
        let board = machine.device.board_mut().port_mut();
        for access in board.accesses().filter(|access| access.write) {
            let (kind, value) = (access.register.kind, access.value);
            let before = (self.lamp, self.fan);
            let is_level = matches!(kind, RegisterKind::Set | RegisterKind::Clear);
            if is_level {
                let ours = access.register.index == 0 && value & !(1 << LAMP | 1 << FAN | 1 << PULSE) == 0;
                assert!(ours, "{access}");
                self.happened += u64::from(kind == RegisterKind::Set && value >> PULSE & 1 != 0);
            }
            for (line, output, select) in
                [(LAMP, &mut self.lamp, selects[0]), (FAN, &mut self.fan, selects[1])]
            {
                if is_level || access.register == select {
                    output.store(line, kind, value);
                }
            }
            assert!(!self.lamp.output || self.lamp.high, "the lamp is low and an output: {access}");
            assert!(self.lamp == Output::ON || before.0 != Output::ON, "the lamp goes out: {access}");
            self.fan_fell |= was_on && self.fan != Output::ON && before.1 == Output::ON;
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
