//! What waits: timeouts of Go, timers of JavaScript, callbacks.

use std::collections::{BTreeMap, HashMap, VecDeque};

use boa_engine::{JsObject, JsValue};

/// The longest delay of a timer; longer ones are taken for 1 ms, as in Node.
const LONGEST_MS: f64 = 2_147_483_647.0;
const NS_PER_MS: u64 = 1_000_000;

/// Something that is to run.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Go's timeout with this id is due.
    Timeout(i32),
    /// A callback with its arguments.
    Call(JsObject, Vec<JsValue>),
    /// An interval's callback.
    Interval { id: u32, callback: JsObject, args: Vec<JsValue>, every_ns: u64 },
}

/// When a timer is due, and its place among those that are due at the same time.
type Due = (u64, u64);

/// Timers and callbacks in the order in which they run.
#[derive(Debug, Default)]
pub(crate) struct Events {
    timers: BTreeMap<Due, Task>,
    tasks: VecDeque<Task>,
    /// Go's timeouts: from when they are asked for until Go takes them up.
    scheduled: HashMap<i32, Due>,
    intervals: HashMap<u32, Due>,
    made: u64,
    next_timeout: i32,
    next_interval: u32,
}

impl Events {
    fn add(&mut self, due_ns: u64, task: Task) -> Due {
        self.made += 1;
        let due = (due_ns, self.made);
        self.timers.insert(due, task);
        due
    }

    /// Asks for a timeout of Go; ids count from 1.
    pub(crate) fn schedule(&mut self, now_ns: u64, delay_ms: i64) -> i32 {
        self.next_timeout = self.next_timeout.wrapping_add(1);
        let id = self.next_timeout;
        let due = self.add(now_ns.saturating_add(delay_ns(delay_ms as f64)), Task::Timeout(id));
        self.scheduled.insert(id, due);
        id
    }

    /// Forgets a timeout of Go: it is not wanted any more, or was taken up.
    pub(crate) fn clear(&mut self, id: i32) {
        if let Some(due) = self.scheduled.remove(&id) {
            self.timers.remove(&due);
        }
    }

    /// Returns whether Go has not taken up this timeout yet.
    pub(crate) fn is_scheduled(&self, id: i32) -> bool {
        self.scheduled.contains_key(&id)
    }

    /// The timeouts that Go has not taken up, in order.
    pub(crate) fn scheduled(&self) -> Vec<i32> {
        let mut ids: Vec<i32> = self.scheduled.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Starts a timer of JavaScript, once or again and again.
    pub(crate) fn set_timer(
        &mut self,
        now_ns: u64,
        delay_ms: f64,
        again: bool,
        callback: JsObject,
        args: Vec<JsValue>,
    ) -> u32 {
        self.next_interval += 1;
        let (id, delay) = (self.next_interval, delay_ns(delay_ms));
        let task = if again {
            Task::Interval { id, callback, args, every_ns: delay }
        } else {
            Task::Call(callback, args)
        };
        let due = self.add(now_ns.saturating_add(delay), task);
        self.intervals.insert(id, due);
        id
    }

    /// Stops a timer of JavaScript.
    pub(crate) fn clear_timer(&mut self, id: u32) {
        if let Some(due) = self.intervals.remove(&id) {
            self.timers.remove(&due);
        }
    }

    /// Puts a callback behind all that waits to run now.
    pub(crate) fn push(&mut self, callback: JsObject, args: Vec<JsValue>) {
        self.tasks.push_back(Task::Call(callback, args));
    }

    /// Returns when the next timer is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.timers.first_key_value().map(|((due_ns, _), _)| *due_ns)
    }

    /// Takes what runs next: a timer that is due, or else a callback.
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<Task> {
        let due = self.timers.first_entry().filter(|entry| entry.key().0 <= now_ns);
        let Some(entry) = due else { return self.tasks.pop_front() };
        let task = entry.remove();
        if let Task::Interval { id, every_ns, .. } = &task {
            let (id, every_ns) = (*id, *every_ns);
            let due = self.add(now_ns.saturating_add(every_ns), task.clone());
            self.intervals.insert(id, due);
        }
        Some(task)
    }

    /// Returns whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.timers.is_empty() && self.tasks.is_empty()
    }
}

/// A delay as Node takes it: in whole milliseconds, at least one.
fn delay_ns(delay_ms: f64) -> u64 {
    let ms = if (1.0..=LONGEST_MS).contains(&delay_ms) { delay_ms } else { 1.0 };
    ms as u64 * NS_PER_MS
}
