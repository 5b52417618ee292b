//! The life of an image in a slot, as `docs/lifecycle.md` draws it.

use xmap_link::Life;

/// A step that takes an image from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was verified.
    Verify,
    /// Its lines are set up, its memory is as at load, and its hooks have said yes.
    Mount,
    /// Its events are armed.
    Run,
    /// Its outputs became safe, because of a trap, a host that is gone, or a mount that failed.
    Fault,
    /// It is to be loaded anew.
    Reset,
    /// Its `on_unmount` has run.
    Unmount,
    /// Its slot is needed.
    Unload,
}

impl Step {
    /// Every step.
    pub const ALL: [Step; 7] =
        [Step::Verify, Step::Mount, Step::Run, Step::Fault, Step::Reset, Step::Unmount, Step::Unload];
}

/// Returns where a step leads; `None` where it cannot be taken.
pub const fn next(life: Life, step: Step) -> Option<Life> {
    Some(match (life, step) {
        (Life::Unloaded, Step::Verify) => Life::Verified,
        // From `Unmounted`: the image before comes back, with the state that it had.
        (Life::Verified | Life::Unmounted, Step::Mount) => Life::Mounted,
        (Life::Mounted, Step::Run) => Life::Running,
        (Life::Verified | Life::Unmounted | Life::Running, Step::Fault) => Life::Faulted,
        (Life::Faulted | Life::Running, Step::Reset) => Life::Verified,
        (Life::Running | Life::Faulted, Step::Unmount) => Life::Unmounted,
        (Life::Verified | Life::Unmounted | Life::Faulted, Step::Unload) => Life::Unloaded,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVES: [Life; 6] =
        [Life::Unloaded, Life::Verified, Life::Mounted, Life::Running, Life::Faulted, Life::Unmounted];

    #[test]
    fn every_state_is_reached_and_left() {
        let mut reached = vec![Life::Unloaded];
        while let Some(new) = reached
            .iter()
            .flat_map(|life| Step::ALL.map(|step| next(*life, step)))
            .flatten()
            .find(|life| !reached.contains(life))
        {
            reached.push(new);
        }
        assert!(LIVES.iter().all(|life| reached.contains(life)), "{reached:?}");
        assert!(LIVES.iter().all(|life| Step::ALL.iter().any(|step| next(*life, *step).is_some())));
    }

    #[test]
    fn only_a_mounted_image_runs_and_nothing_runs_out_of_its_slot() {
        for life in LIVES {
            assert_eq!(next(life, Step::Run).is_some(), life == Life::Mounted);
            assert!(!matches!(life, Life::Running | Life::Mounted) || next(life, Step::Unload).is_none());
        }
    }

    /// docs/lifecycle.md has a row for each step that can be taken, and no other.
    #[test]
    fn the_document_has_every_step() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lifecycle.md");
        let document = std::fs::read_to_string(path).unwrap();
        let table = document.lines().skip_while(|line| !line.starts_with("| "));
        let rows: Vec<&str> = table.take_while(|line| line.starts_with("| ")).collect();
        let mut expected = 0;
        for life in LIVES {
            for step in Step::ALL {
                let Some(to) = next(life, step) else { continue };
                let step = format!("{step:?}").to_lowercase();
                let row = format!("| {} | {step} | {} |", life.name(), to.name());
                assert!(rows.iter().any(|line| line.starts_with(&row)), "missing: {row}");
                expected += 1;
            }
        }
        assert_eq!(rows.len(), expected + 2, "a heading, its rule, and a row for each step");
    }
}
