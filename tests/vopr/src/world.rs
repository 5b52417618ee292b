//! A world: a device, its hosts, its lines, its card and its power, all moved by one number.

use xmap_bodies::card::{Card, Random};
use xmap_device::Starts;
use xmap_link::{ImageState, POLICY_CODES, Request};
use xmap_trust::Reject;

use crate::HOSTS;
use crate::belief::Belief;
use crate::host::{Host, News, Sending, What, call};
use crate::images::{Images, Kind, stated_hash};
use crate::line::{Line, Weather};
use crate::machine::Machine;

/// How long faults go on, at least and at most beyond that.
const STORM_US: [u64; 2] = [20_000_000, 40_000_000];
/// How long the device has, once they end, for all that is asked of it then.
const CALM_US: u64 = 90_000_000;
/// Turns of the main loop at most, and the time that they take at least: a loop that has nothing to do rests.
const MAX_TURNS: u32 = 20_000;
const SPAN_US: u64 = 1_000_000;

/// What happened in a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Starts of the device.
    pub boots: u64,
    /// Images that took another one's place, and those that were refused or taken back.
    pub swapped: u64,
    /// Images that did not run.
    pub not_swapped: u64,
    /// Policies that hold.
    pub policies: u64,
    /// Calls of `pulse` that returned.
    pub pulses: u64,
    /// Requests without an answer.
    pub unanswered: u64,
    /// Turns of the main loop.
    pub turns: u64,
}

impl Played {
    /// Adds what happened in another world.
    pub fn add(&mut self, other: Self) {
        let Self { boots, swapped, not_swapped, policies, pulses, unanswered, turns } = other;
        self.boots += boots;
        self.swapped += swapped;
        self.not_swapped += not_swapped;
        self.policies += policies;
        self.pulses += pulses;
        self.unanswered += unanswered;
        self.turns += turns;
    }
}

/// A world with power.
pub(crate) struct World<'w> {
    random: Random,
    images: &'w mut Images,
    lines: [[Line; 2]; HOSTS],
    hosts: [Host; HOSTS],
    belief: Belief,
    weather: Weather,
    /// What the device's clock is behind the world's.
    base_us: u64,
    /// When something was last done to bytes, power or card.
    disturbed_us: u64,
    /// When the next fault begins.
    event_us: u64,
    /// Crashes to come, one soon after each start.
    crashes: u32,
    /// The next version of each module, and of the policy.
    versions: [u32; 2],
    policies: u32,
    token: u32,
    /// Transfers that the device had given up when each host began its latest one.
    ended: [u64; HOSTS],
    /// No new faults, and hosts do what they are told.
    calm: bool,
    played: Played,
    told: &'w mut dyn FnMut(u64, &str),
}

/// How a machine comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The power goes.
    Power,
    /// It hangs, and the watchdog resets it.
    Crash,
    /// A host has asked for a restart.
    Restart,
    /// The world has come to its end.
    Done,
}

/// Plays the world of a seed. `told` is given what happens, with the time in microseconds.
///
/// # Panics
/// Where something does not hold.
pub(crate) fn play(
    seed: u64,
    images: &mut Images,
    scratch: &mut [u32],
    told: &mut dyn FnMut(u64, &str),
) -> Played {
    let mut world = World {
        random: Random::new(seed),
        images,
        lines: Default::default(),
        hosts: std::array::from_fn(|_| Host::new()),
        belief: Belief::default(),
        weather: Weather::default(),
        base_us: 0,
        disturbed_us: 0,
        event_us: 0,
        crashes: 0,
        versions: [2, 1],
        policies: 1,
        token: 0,
        ended: [0; HOSTS],
        calm: false,
        played: Played::default(),
        told,
    };
    let storm_us = STORM_US[0] + world.random.below(STORM_US[1]);
    let (mut card, mut starts) = (Card::new(seed), Starts::default());
    // Faults, and what a device does without any.
    loop {
        let mut machine = world.boot(card, starts, scratch);
        let end = world.live(&mut machine, storm_us);
        (card, starts) = world.end(machine, end);
        if end == End::Done {
            break;
        }
    }
    world.calm(&mut card);
    let mut machine = world.boot(card, starts, scratch);
    let version = world.finish(&mut machine);
    let (mut card, _) = machine.end();
    card.lose_power();
    world.belief.forget_lines();
    let machine = world.boot(card, Starts::default(), scratch);
    assert_eq!(machine.version(0), Some(version), "the last image that was kept");
    world.played.pulses = world.belief.returned;
    world.played
}

impl World<'_> {
    fn tell(&mut self, machine: Option<&mut Machine<'_>>, what: &str) {
        let now_us = self.base_us + machine.map_or(0, |machine| machine.now_us());
        (self.told)(now_us, what);
    }

    fn boot<'m>(&mut self, card: Card, starts: Starts, scratch: &'m mut [u32]) -> Machine<'m> {
        self.played.boots += 1;
        let mut machine = Machine::boot(card, starts, scratch, self.images);
        self.belief.check_boot(&mut machine);
        if machine.version(0).is_none() {
            // Its place is free: the lamp's image may run elsewhere, and would not be misplaced.
            self.hosts.iter_mut().for_each(Host::forget_misplaced);
        }
        let versions = format!("boots: {:?}", [0, 1].map(|module| machine.version(module)));
        self.tell(Some(&mut machine), &versions);
        machine
    }

    /// Lets the device run until its end, or until the storm's.
    fn live(&mut self, machine: &mut Machine<'_>, storm_us: u64) -> End {
        if self.crashes > 0 {
            self.crashes -= 1;
            let end_us = machine.now_us() + self.random.below(4_000_000);
            let end = self.run(machine, |world, machine| {
                machine.now_us() >= end_us || world.is_over(storm_us, machine)
            });
            return end.unwrap_or(End::Crash);
        }
        loop {
            let now_us = self.base_us + machine.now_us();
            if now_us >= storm_us {
                return End::Done;
            }
            if now_us >= self.event_us {
                self.event_us = now_us + 500_000 + self.random.below(6_000_000);
                if let Some(end) = self.strike(machine, now_us) {
                    return end;
                }
            }
            let event_us = self.event_us.min(storm_us);
            if let Some(end) = self.run(machine, |world, machine| world.is_over(event_us, machine)) {
                return end;
            }
        }
    }

    fn is_over(&self, end_us: u64, machine: &mut Machine<'_>) -> bool {
        self.base_us + machine.now_us() >= end_us
    }

    /// A fault begins, or others end.
    fn strike(&mut self, machine: &mut Machine<'_>, now_us: u64) -> Option<End> {
        self.disturbed_us = now_us;
        let pick = self.random.below(12);
        match pick {
            0..4 => {
                let rate = [0, 0, 300, 3000, 20_000][self.random.below(5) as usize];
                let rates: [u64; 3] = std::array::from_fn(|_| self.random.below(rate + 1));
                let noise = [0, 0, 3, 40][self.random.below(4) as usize];
                let late_us = [0, 0, 5_000, 2_500_000][self.random.below(4) as usize];
                let [lost, doubled, flipped] = rates;
                self.weather = Weather { lost, doubled, flipped, noise, late_us };
            }
            4 => self.weather = Weather::default(),
            5 | 6 => {
                // Some sectors are bad, or say that they were written and were not.
                let ring = xmap_store::RINGS[self.random.below(xmap_store::RINGS.len() as u64) as usize];
                let sector =
                    ring.sector(self.random.below(ring.cells.into()) as u32) + self.random.below(3) as u32;
                let deaf = self.random.below(2) == 0;
                let card = machine.card();
                if deaf {
                    card.deaf.insert(sector)
                } else {
                    card.bad.insert(sector)
                };
            }
            7 => {
                let card = machine.card();
                card.bad.clear();
                card.deaf.clear();
            }
            8 | 9 => {
                let writes = self.random.below(12);
                machine.card().cut_after = Some(writes);
            }
            10 => return Some(End::Power),
            _ => {
                self.crashes = self.random.below(5) as u32;
                return Some(End::Crash);
            }
        }
        let what = format!("{:?}, cut after {:?}", self.weather, machine.card().cut_after);
        self.tell(Some(machine), &what);
        None
    }

    /// Turns until something ends the machine, or `until` says so.
    fn run(
        &mut self,
        machine: &mut Machine<'_>,
        mut until: impl FnMut(&mut Self, &mut Machine<'_>) -> bool,
    ) -> Option<End> {
        let (mut turns, mut since_us) = (0, machine.now_us());
        while !until(self, machine) {
            if let Some(end) = self.turn(machine) {
                return Some(end);
            }
            turns += 1;
            if machine.now_us() >= since_us + SPAN_US {
                (turns, since_us) = (0, machine.now_us());
            }
            assert!(turns < MAX_TURNS, "{turns} turns of the main loop in {SPAN_US} us: it does not rest");
        }
        None
    }

    fn turn(&mut self, machine: &mut Machine<'_>) -> Option<End> {
        self.played.turns += 1;
        let now_us = self.base_us + machine.now_us();
        let mut all = Vec::new();
        for number in 0..HOSTS {
            if !self.calm && self.hosts[number].is_idle() && now_us >= self.hosts[number].rests_until_us {
                self.think(number, machine, now_us);
            }
            let (host, mut news) = (&mut self.hosts[number], Vec::new());
            while let Some(byte) = self.lines[number][1].take(now_us) {
                host.hear(byte, now_us, &mut self.random, &mut news);
            }
            if let Some(frame) = host.step(now_us, &mut self.random, &mut news)
                && self.lines[number][0].send(now_us, &frame, &self.weather, &mut self.random)
            {
                self.disturbed_us = now_us;
            }
            all.extend(news.into_iter().map(|news| (number, news)));
        }
        all.into_iter().for_each(|(number, news)| self.learn(number, news, machine));
        let turn = machine.turn(&mut self.lines, (self.base_us, &self.weather), &mut self.random);
        if turn.harm || turn.swallowed {
            self.disturbed_us = now_us;
        }
        for promise in turn.promises {
            self.tell(Some(machine), &format!("{promise:?}"));
            self.belief.promise(promise);
        }
        self.belief.check(machine, false);
        if turn.busy {
            Belief::check_modules(machine);
        }
        if machine.card().off {
            return Some(End::Power);
        }
        if turn.restarts {
            return Some(End::Restart);
        }
        if !turn.busy {
            self.rest(machine);
        }
        None
    }

    /// Lets time pass until there is something to do.
    fn rest(&mut self, machine: &mut Machine<'_>) {
        let now_us = self.base_us + machine.now_us();
        let calm = self.calm;
        let hosts = self.hosts.iter().map(|host| match host.is_idle() && !calm {
            true => host.rests_until_us,
            false => host.wake_us(now_us),
        });
        let lines = self.lines.iter().flatten().map(Line::next_us);
        let wake_us = (self.base_us + machine.wake_us()).min(hosts.chain(lines).min().unwrap_or(u64::MAX));
        machine.advance(wake_us.saturating_sub(now_us).clamp(1, 1_000_000));
    }

    /// A host thinks of something to do.
    fn think(&mut self, number: usize, machine: &Machine<'_>, now_us: u64) {
        let host = &mut self.hosts[number];
        host.rests_until_us = now_us + self.random.below(400_000);
        let module = self.random.below(2) as u8;
        let reads = [
            Request::Status,
            Request::Module { module },
            Request::Levels,
            Request::Happened { from: 0 },
            Request::Trust,
            Request::Metrics { from: 0 },
        ];
        match self.random.below(42) {
            0..16 => host.next.push_back(call("pump.pulse")),
            16 | 17 => host.next.push_back(call(["hall.trip", "pump.trip"][usize::from(module)])),
            18 | 19 => host.next.push_back(call(["hall.spin", "pump.spin"][usize::from(module)])),
            20..25 => host.next.push_back(reads[self.random.below(6) as usize].clone()),
            25 | 26 => host.next.push_back(Request::Confirm { module }),
            27 => host.next.push_back(Request::Rollback { module }),
            28 => host.next.push_back(Request::Reset { module: Some(module) }),
            29 if self.random.below(3) == 0 => host.next.push_back(Request::Reset { module: None }),
            30 => self.send_policy(number),
            31 | 32 => host.next.extend(machine.bind(["pump.pulse", "hall.trip"][usize::from(module)])),
            33.. => {
                let kinds = [
                    Kind::Good,
                    Kind::Good,
                    Kind::Trial,
                    Kind::Trial,
                    Kind::Settles,
                    Kind::Refuses,
                    Kind::Traps,
                    Kind::Fails,
                    Kind::Unsealed,
                    Kind::Stranger,
                    Kind::Forged,
                    Kind::Greedy,
                    Kind::Damaged,
                    Kind::Misplaced,
                ];
                let kind = kinds[self.random.below(kinds.len() as u64) as usize];
                // The lamp's image elsewhere is bad as long as its own place has one.
                let module = if kind == Kind::Misplaced { 0 } else { module };
                if kind != Kind::Misplaced || machine.version(0).is_some() {
                    self.send_image(number, module, kind);
                }
            }
            _ => {}
        }
    }

    fn send_image(&mut self, number: usize, module: u8, kind: Kind) -> u32 {
        let next = &mut self.versions[usize::from(module)];
        // Now and then an older one.
        let version = match self.random.below(6) {
            0 if !self.calm => 1 + self.random.below(u64::from(*next)) as u32,
            _ => std::mem::replace(next, *next + 1),
        };
        *next = (*next).max(version + 1);
        self.token = self.token.wrapping_add(1);
        let image = self.images.image(module, version, kind);
        let what = What::Image { module, version, kind };
        if matches!(kind, Kind::Trial | Kind::Fails) {
            self.belief.wants_confirmation(module, stated_hash(image));
        }
        self.hosts[number].sending = Some(Sending::new(what, image, self.token));
        version
    }

    fn send_policy(&mut self, number: usize) {
        // Now and then an older one.
        let version = match self.random.below(4) {
            0 => 1 + self.random.below(u64::from(self.policies)) as u32,
            _ => self.policies + 1,
        };
        self.policies = version.max(self.policies);
        self.belief.policy_sent = self.policies;
        self.token = self.token.wrapping_add(1);
        let policy = self.images.policy(version);
        let what = What::Policy { version };
        self.hosts[number].sending = Some(Sending::new(what, policy, self.token));
    }

    fn learn(&mut self, number: usize, news: News, machine: &mut Machine<'_>) {
        match &news {
            News::Pulsing => self.belief.asked += 1,
            News::Pulsed => self.belief.returned += 1,
            News::Confirming(module) => self.belief.confirms(number, *module),
            News::Answered => self.belief.confirming[number] = None,
            News::PolicyTaken(_) => self.played.policies += 1,
            News::Greeted => self.belief.binds[number] = 0,
            News::Binding => self.belief.binds[number] += 1,
            News::Beginning => self.ended[number] = self.belief.account.transfers_ended,
            News::Lost(what) => assert!(
                self.belief.account.transfers_ended > self.ended[number],
                "{what:?} was given up, and nobody was told so"
            ),
            News::NotSwapped(what, state) => {
                self.played.not_swapped += 1;
                if let (What::Image { kind, .. }, ImageState::Rejected { code, .. }) = (what, state) {
                    let damaged = *code == POLICY_CODES + u16::from(Reject::HashMismatch.code());
                    assert!(kind.is_bad() || !damaged, "{what:?} has come damaged");
                }
            }
            News::Swapped(what) => {
                self.played.swapped += 1;
                if let What::Image { kind, .. } = what {
                    assert!(!kind.is_bad(), "{what:?} runs");
                }
            }
            News::GaveUp(sent_us) => {
                self.played.unanswered += 1;
                assert!(
                    self.disturbed_us >= *sent_us || self.is_impaired(machine),
                    "a request that was sent at {sent_us} us had no answer, and nothing was in its way"
                );
            }
            News::Wrong(what) => panic!("{what}"),
        }
        if !matches!(news, News::Pulsing | News::Binding | News::Beginning | News::Answered) {
            self.tell(Some(machine), &format!("{news:?}"));
        }
    }

    /// Returns whether something is in the way now.
    fn is_impaired(&self, machine: &mut Machine<'_>) -> bool {
        let card = machine.card();
        self.weather != Weather::default() || !card.bad.is_empty() || !card.deaf.is_empty()
    }

    /// Ends a machine, and lets time pass until the next one has power.
    fn end(&mut self, mut machine: Machine<'_>, end: End) -> (Card, Starts) {
        self.tell(Some(&mut machine), &format!("{end:?}"));
        if end == End::Restart {
            machine.finish();
            self.belief.check(&mut machine, true);
        }
        let off_us = match end {
            End::Power => self.random.below(5_000_000),
            End::Done => 0,
            End::Crash | End::Restart => 300_000,
        };
        self.base_us += machine.now_us() + off_us;
        self.disturbed_us = self.base_us;
        let is_good = machine.is_good();
        let (mut card, starts) = machine.end();
        if end == End::Power && !card.off {
            card.lose_power();
        }
        if end == End::Power {
            self.lines.iter_mut().flatten().for_each(Line::clear);
        }
        self.belief.forget_lines();
        // Power takes the account of starts; a reset leaves it.
        let lost = end == End::Power || card.off;
        self.belief.unclean = if lost || is_good { 0 } else { self.belief.unclean + 1 };
        if lost {
            self.belief.aside = 0;
        }
        let starts = if lost { Starts::default() } else { starts };
        (card, starts)
    }

    /// All faults end.
    fn calm(&mut self, card: &mut Card) {
        self.calm = true;
        self.weather = Weather::default();
        (card.cut_after, self.crashes) = (None, 0);
        card.bad.clear();
        card.deaf.clear();
        self.lines.iter_mut().flatten().for_each(Line::clear);
        self.hosts.iter_mut().for_each(Host::forget_restart);
    }

    /// Everything is answered, and a good image gets in and is kept. Returns its version.
    fn finish(&mut self, machine: &mut Machine<'_>) -> u32 {
        let end_us = self.base_us + machine.now_us() + CALM_US;
        self.settle(machine, end_us, |world, _| world.hosts.iter().all(Host::is_idle));
        for number in 0..HOSTS {
            self.hosts[number].next.extend([Request::Status, Request::Module { module: 0 }, Request::Kept]);
        }
        self.settle(machine, end_us, |world, _| world.hosts.iter().all(Host::is_idle));
        loop {
            let version = self.send_image(0, 0, Kind::Good);
            self.settle(machine, end_us, |world, _| world.hosts[0].is_idle());
            if self.belief.floor(0) == version {
                // What could not be written before is tried again.
                self.settle(machine, end_us, |_, machine| machine.is_kept());
                return version;
            }
            // Another one is on trial, or a host's transfer has not been given up yet.
            let rest_us = machine.now_us() + 1_000_000;
            self.settle(machine, end_us, |_, machine| machine.now_us() >= rest_us);
        }
    }

    fn settle(
        &mut self,
        machine: &mut Machine<'_>,
        end_us: u64,
        mut until: impl FnMut(&mut Self, &mut Machine<'_>) -> bool,
    ) {
        let end = self.run(machine, |world, machine| {
            assert!(
                world.base_us + machine.now_us() < end_us,
                "faults have ended, and it does not come back"
            );
            until(world, machine)
        });
        assert_eq!(end, None, "faults have ended");
    }
}
