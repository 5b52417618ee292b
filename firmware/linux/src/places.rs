//! Places: whom the service serves, whom it only listens to, and who goes for whom.
//!
//! A connection is a *stranger* until a session begins on it: with its greeting on a device that is open,
//! with the first request under a key on one that is guarded. Strangers take no place of a host: they have
//! places of their own for each socket, and each goes after some seconds. A host that does nothing goes for
//! one that wants its place. So everything that a connection takes up comes back by time.

pub use xmap_device::MAX_HOSTS;
use xmap_link::Role;

/// Strangers of a socket that are listened to at a time.
pub const MAX_STRANGERS: usize = 256;
/// How long a connection may be a stranger, in microseconds: a session begins within milliseconds.
pub const STRANGER_US: u64 = 5_000_000;
/// How long a stranger is safe from those who come after it, in microseconds, by its [`Progress`]: what a
/// host on a busy machine takes for its next step. With [`MAX_STRANGERS`] it bounds how many connections a
/// second are taken.
pub const GRACE_US: [u64; 3] = [20_000, 50_000, 100_000];
/// From when on a host that asks nothing may have to go, in microseconds.
pub const IDLE_US: u64 = 10_000_000;

/// A connection, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// The role of its session; `None` is a stranger.
    pub role: Option<Role>,
    /// The number of its socket.
    pub socket: usize,
    /// What a stranger has done to become a host: the more, the longer it stays.
    pub progress: Progress,
    /// When it came.
    pub since_us: u64,
    /// When its latest request was answered.
    pub heard_us: u64,
    /// Whether an answer to it waits for the disk.
    pub held: bool,
}

/// The progress of an unauthenticated host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// It has said nothing that is a frame.
    Silent,
    /// It has sent frames.
    Spoken,
    /// It has asked for a session, and knows the id of a key.
    Opened,
}

impl Seat {
    fn is_idle(&self, now_us: u64) -> bool {
        !self.held && now_us.saturating_sub(self.heard_us) >= IDLE_US
    }
}

/// Up to which role a new session finds no room; `None` is that all do.
pub fn full(seats: impl Iterator<Item = Seat> + Clone, now_us: u64) -> Option<Role> {
    let hosts = seats.filter(|seat| seat.role.is_some());
    if hosts.clone().count() < MAX_HOSTS || hosts.clone().any(|host| host.is_idle(now_us)) {
        return None;
    }
    hosts.filter_map(|host| host.role).min()
}

/// Returns who goes, as this host has just begun a session: the one that has been idle for longest, or else
/// one of the lowest role. `None` where there is room.
pub fn goes_for(seats: impl Iterator<Item = Seat> + Clone, new: usize, now_us: u64) -> Option<usize> {
    let hosts = seats.enumerate().filter(|(_, seat)| seat.role.is_some());
    if hosts.clone().count() <= MAX_HOSTS {
        return None;
    }
    let others = hosts.filter(|(number, host)| *number != new && !host.held);
    others.min_by_key(|(_, host)| (!host.is_idle(now_us), host.role, host.heard_us)).map(|(number, _)| number)
}

/// The room for new connections of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Places that are free.
    pub free: usize,
    /// Strangers that may go for others, the first one first.
    pub may_go: Vec<usize>,
    /// From when on one may go that may not yet; never, where there is none.
    pub from_us: u64,
}

impl Room {
    /// Returns whether a connection can be taken now.
    pub const fn is_there(&self) -> bool {
        self.free > 0 || !self.may_go.is_empty()
    }
}

/// Returns what there is for new connections of a socket. Each is taken, if not at once: it waits in the
/// kernel while all strangers have just come.
pub fn room(seats: impl Iterator<Item = Seat>, socket: usize, now_us: u64) -> Room {
    let of_socket = |(_, seat): &(usize, Seat)| seat.role.is_none() && seat.socket == socket;
    let strangers: Vec<_> = seats.enumerate().filter(of_socket).collect();
    let grace_us = |seat: &Seat| GRACE_US[seat.progress as usize % GRACE_US.len()];
    let safe_until = |seat: &Seat| seat.since_us.saturating_add(grace_us(seat));
    let mut old: Vec<_> = strangers.iter().filter(|(_, seat)| safe_until(seat) <= now_us).collect();
    old.sort_by_key(|(_, seat)| (seat.progress, seat.since_us));
    let new = strangers.iter().map(|(_, seat)| safe_until(seat)).filter(|us| *us > now_us);
    Room {
        free: MAX_STRANGERS.saturating_sub(strangers.len()),
        may_go: old.into_iter().map(|(number, _)| *number).collect(),
        from_us: new.min().unwrap_or(u64::MAX),
    }
}

/// Returns when a connection goes for what it does not do; `None` is that it may stay.
pub fn deadline_us(seat: &Seat) -> Option<u64> {
    seat.role.is_none().then(|| seat.since_us.saturating_add(STRANGER_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 100_000_000;

    fn host(role: Role, heard_us: u64) -> Seat {
        let (since_us, progress) = (0, Progress::Opened);
        Seat { role: Some(role), socket: 0, progress, since_us, heard_us, held: false }
    }

    fn stranger(socket: usize, progress: Progress, since_us: u64) -> Seat {
        Seat { role: None, socket, progress, since_us, heard_us: since_us, held: false }
    }

    #[test]
    fn strangers_take_no_place_of_a_host() {
        let mut seats = vec![stranger(0, Progress::Opened, NOW); 1000];
        seats.extend(vec![host(Role::Own, NOW); MAX_HOSTS - 1]);
        assert_eq!(full(seats.iter().copied(), NOW), None);
        seats.push(host(Role::Own, NOW));
        assert_eq!(full(seats.iter().copied(), NOW), Some(Role::Own));
    }

    #[test]
    fn a_host_that_does_nothing_goes_first_and_then_one_of_a_lower_role() {
        let mut seats = vec![host(Role::Operate, NOW); MAX_HOSTS];
        seats[3].role = Some(Role::Observe);
        let of = |seats: &[Seat]| (full(seats.iter().copied(), NOW), goes_for(seats.iter().copied(), 8, NOW));
        assert_eq!(of(&seats), (Some(Role::Observe), None));
        seats.push(host(Role::Call, NOW));
        assert_eq!(of(&seats).1, Some(3));
        seats[5].heard_us = NOW - IDLE_US;
        seats[6].heard_us = NOW - IDLE_US - 1;
        assert_eq!(of(&seats), (None, Some(6)), "the longest idle one");
        seats[6].held = true;
        assert_eq!(of(&seats), (None, Some(5)), "not while it waits for the disk");
    }

    #[test]
    fn a_new_connection_is_always_taken_and_the_silent_go_first() {
        let mut seats = vec![stranger(0, Progress::Spoken, NOW); MAX_STRANGERS];
        let of = |seats: &[Seat], socket| room(seats.iter().copied(), socket, NOW);
        assert_eq!(of(&seats[1..], 0).free, 1);
        assert_eq!(of(&seats, 1).free, MAX_STRANGERS, "another socket has its own");
        assert_eq!(of(&seats, 0), Room { free: 0, may_go: vec![], from_us: NOW + GRACE_US[1] });
        assert!(!of(&seats, 0).is_there());
        seats[7].since_us = NOW - GRACE_US[1] - 5;
        assert_eq!(of(&seats, 0).may_go, [7]);
        (seats[9].since_us, seats[9].progress) = (NOW - GRACE_US[0], Progress::Silent);
        assert_eq!(of(&seats, 0).may_go, [9, 7], "it has said nothing");
    }

    #[test]
    fn a_stranger_has_a_deadline_and_a_host_has_none() {
        assert_eq!(deadline_us(&stranger(0, Progress::Opened, 7)), Some(7 + STRANGER_US));
        assert_eq!(deadline_us(&host(Role::Observe, 0)), None);
    }
}
