//! Being on time beside other programs: a real-time priority and memory that is not paged out.

use rustix::mm::{MlockAllFlags, mlockall};
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use crate::log;

/// Gives the calling thread this priority under `SCHED_FIFO`, 1 to 99, and locks the program's memory, each
/// page from its first use on; 0 does neither. What the system does not permit is said in a warning, and the
/// service goes on without it. Whether both were permitted.
pub fn request(priority: u8) -> bool {
    if priority == 0 {
        log::info("no real-time priority, as the configuration says: events may be late under load");
        return false;
    }
    let scheduled = schedule(priority);
    if let Err(error) = &scheduled {
        log::warn(format_args!(
            "no real-time priority {priority} ({error}): events may be late under load; the unit's \
             LimitRTPRIO, or CAP_SYS_NICE, permits it"
        ));
    }
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let locked = mlockall(flags);
    if let Err(error) = &locked {
        log::warn(format_args!(
            "memory is not locked ({error}): an event may wait for the disk; the unit's LimitMEMLOCK, or \
             CAP_IPC_LOCK, permits it"
        ));
    }
    scheduled.is_ok() && locked.is_ok()
}

/// Gives the calling thread a priority above this one, if there is one and it is permitted: [`request`] has
/// warned.
pub fn raise_above(priority: u8) {
    if priority != 0 {
        _ = schedule(priority.saturating_add(1).min(99));
    }
}

fn schedule(priority: u8) -> Result<(), String> {
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let value = ThreadPriorityValue::try_from(priority).map_err(|error| error.to_string())?;
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), fifo);
    set.map_err(|error| match error {
        thread_priority::Error::OS(number) => std::io::Error::from_raw_os_error(number).to_string(),
        other => format!("{other:?}"),
    })
}
