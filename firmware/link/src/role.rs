//! Who may ask what.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{FirmwareRequest, Request};

/// The role of a caller. Each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// 0: read. Status, levels, the trace, modules, names of exports, what happened, the log.
    Observe,
    /// 1: run exports that are on the key's list.
    Call,
    /// 2: change what runs. Swap, confirm, roll back, reset, rehearse.
    Operate,
    /// 3: change whom the device trusts.
    Own,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Observe, Self::Call, Self::Operate, Self::Own];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Call => "call",
            Self::Operate => "operate",
            Self::Own => "own",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Request {
    /// The least role that may ask this; `None` for what begins a session.
    // Without a wildcard: whoever adds a kind of request decides here.
    pub const fn needs(&self) -> Option<Role> {
        Some(match self {
            Self::Hello { .. } | Self::Open { .. } => return None,
            Self::Status
            | Self::Trace { .. }
            | Self::Levels
            | Self::Describe { .. }
            | Self::Module { .. }
            | Self::Happened { .. }
            | Self::Trust
            | Self::Hosts
            | Self::Edition { .. }
            | Self::Kept
            | Self::Limits
            | Self::Contract { .. }
            | Self::Uses { .. }
            | Self::Clock
            | Self::Metrics { .. }
            | Self::Callers { .. }
            | Self::Ring { .. }
            | Self::Firmware(FirmwareRequest::Status) => Role::Observe,
            Self::Call { .. }
            | Self::Parent(_)
            | Self::CallBytes { .. }
            | Self::CallWith { .. }
            | Self::Bind { .. }
            | Self::BindContract { .. }
            | Self::CallHandle { .. }
            | Self::Release { .. } => Role::Call,
            Self::Rehearse { .. }
            | Self::Begin { .. }
            | Self::Chunk { .. }
            | Self::Commit { .. }
            | Self::Abort { .. }
            | Self::Confirm { .. }
            | Self::Rollback { .. }
            | Self::Reset { .. }
            | Self::SetClock { .. }
            // It has the arguments of all calls.
            | Self::Recording { .. } => Role::Operate,
            // A firmware decides who the owner is.
            Self::Policy { .. } | Self::Firmware(_) => Role::Own,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_named() {
        assert!(Role::ALL.is_sorted());
        for (number, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, number);
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("Own"), None);
    }
}
