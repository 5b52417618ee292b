//! What a device does, as a recording has it: one thing after the other, each with what it was asked.

use heapless::Vec;

use super::reader::{Reader, Torn};
use super::tape::Tape;
use crate::{Handle, HostId, Kept, ModuleExport};

/// The version of the format, which a recording begins with.
pub const FORMAT: u8 = 2;

/// Arguments of a call that a recording has room for: more than a parameter list can have.
pub const MAX_ARGUMENTS: usize = 255;

/// The arguments of a call that was read.
pub type Arguments = Vec<u64, MAX_ARGUMENTS>;

/// Something that a device does. All that changes what it will do with its lines is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A turn of the main loop: what has happened is collected, and one event runs.
    Turn,
    /// A host was heard.
    Heard,
    /// An export is called.
    Call {
        /// Which.
        export: ModuleExport,
        /// Its arguments.
        args: &'a [u64],
        /// The content of arguments that the module has to find a place for, where there are such.
        placed: Option<&'a [u8]>,
    },
    /// An image that was admitted becomes active.
    Install {
        /// In this module.
        module: u8,
        /// The image's content hash.
        hash: [u8; 32],
        /// The state that it begins with, where a storage had one.
        kept: Option<Kept<'a>>,
    },
    /// An image is not mounted; its outputs become safe.
    SetAside {
        /// In this module.
        module: u8,
        /// The image's content hash.
        hash: [u8; 32],
    },
    /// The image before the active one of a module is forgotten.
    Forget(u8),
    /// The trial of a module's image ends well.
    Confirm(u8),
    /// A host asks for the image before.
    Rollback(u8),
    /// A module is loaded anew.
    Reset(u8),
    /// A module is taken off the device.
    Unload(u8),
    /// A handle is opened.
    Bind {
        /// For this session.
        host: HostId,
        /// The export.
        export: ModuleExport,
        /// Whether the host was made for the export's contract.
        held: bool,
    },
    /// A handle is closed.
    Release {
        /// By this session.
        host: HostId,
        /// Which.
        handle: Handle,
    },
    /// A session ends.
    EndSession(HostId),
    /// A host sets the wall clock.
    SetClock(i64),
    /// The wall clock is looked at.
    Look,
    /// All outputs become safe.
    MakeSafe,
    /// Another policy holds: what follows is not in the recording.
    Policy,
}

/// Tags; the bit says that edges were taken in the operation.
pub(super) const EDGES: u8 = 0x80;
/// The bit of an edge's last byte that another edge follows.
pub(super) const FOLLOWED: u8 = 0x02;
/// A turn of the main loop, with its time in three bytes.
pub(super) const TURN: u8 = 1;
/// A turn whose time takes more.
pub(super) const LONG_TURN: u8 = 20;
/// A check of the state: two hashes.
pub(super) const CHECK: u8 = 0x7f;
/// A snapshot: its length in four bytes, and as many.
pub(super) const SNAPSHOT: u8 = 0x7e;

/// Returns a number that may be negative as one whose low bits say most (zigzag).
pub(super) const fn unsigned(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Returns the number that [`unsigned`] was given.
pub(super) const fn signed(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

impl<'a> Operation<'a> {
    /// Writes the operation.
    #[cold]
    pub(super) fn write<S: AsRef<[u8]> + AsMut<[u8]>>(&self, tape: &mut Tape<S>) {
        match *self {
            // It comes with its time.
            Self::Turn => {}
            Self::Heard => tape.byte(2),
            Self::Call { export, args, placed } => {
                tape.byte(if placed.is_some() { 4 } else { 3 });
                tape.varint(export.id().into());
                // A longer list is no export's; the call that has one does nothing.
                let args = args.get(..MAX_ARGUMENTS).unwrap_or(args);
                tape.byte(args.len() as u8);
                args.iter().for_each(|arg| tape.varint(*arg));
                if let Some(placed) = placed {
                    tape.sized(placed);
                }
            }
            Self::Install { module, hash, kept } => {
                tape.byte(5);
                tape.byte(module);
                hash.iter().for_each(|byte| tape.byte(*byte));
                tape.byte(kept.is_some().into());
                if let Some(Kept { layout, bytes }) = kept {
                    tape.varint(layout.into());
                    tape.sized(bytes);
                }
            }
            Self::SetAside { module, hash } => {
                tape.byte(6);
                tape.byte(module);
                hash.iter().for_each(|byte| tape.byte(*byte));
            }
            Self::Forget(module) => tape.pair(7, module),
            Self::Confirm(module) => tape.pair(8, module),
            Self::Rollback(module) => tape.pair(9, module),
            Self::Reset(module) => tape.pair(10, module),
            Self::Unload(module) => tape.pair(11, module),
            Self::Bind { host, export, held } => {
                tape.byte(if held { 13 } else { 12 });
                tape.varint(host.0.into());
                tape.varint(export.id().into());
            }
            Self::Release { host, handle } => {
                tape.byte(14);
                tape.varint(host.0.into());
                tape.varint(handle.0.into());
            }
            Self::EndSession(host) => {
                tape.byte(15);
                tape.varint(host.0.into());
            }
            Self::SetClock(unix_us) => {
                tape.byte(16);
                tape.zigzag(unix_us);
            }
            Self::Look => tape.byte(17),
            Self::MakeSafe => tape.byte(18),
            Self::Policy => tape.byte(19),
        }
    }

    /// Reads the operation that begins with this tag; arguments stand in `scratch`.
    ///
    /// # Errors
    /// [`Torn`].
    pub(super) fn read<'r: 'a>(
        tag: u8,
        from: &mut Reader<'r>,
        scratch: &'a mut Arguments,
    ) -> Result<Self, Torn> {
        Ok(match tag & !EDGES {
            TURN | LONG_TURN => Self::Turn,
            2 => Self::Heard,
            tag @ (3 | 4) => {
                let export = ModuleExport::from_id(from.number()?);
                scratch.clear();
                for _ in 0..from.byte()? {
                    scratch.push(from.varint()?).map_err(|_| Torn)?;
                }
                let placed = if tag == 4 { Some(from.sized()?) } else { None };
                Self::Call { export, args: scratch, placed }
            }
            5 => {
                let (module, hash) = (from.byte()?, *from.array()?);
                let kept = match from.byte()? {
                    0 => None,
                    _ => Some(Kept { layout: from.number()?, bytes: from.sized()? }),
                };
                Self::Install { module, hash, kept }
            }
            6 => Self::SetAside { module: from.byte()?, hash: *from.array()? },
            7 => Self::Forget(from.byte()?),
            8 => Self::Confirm(from.byte()?),
            9 => Self::Rollback(from.byte()?),
            10 => Self::Reset(from.byte()?),
            11 => Self::Unload(from.byte()?),
            tag @ (12 | 13) => {
                let (host, export) = (HostId(from.number()?), ModuleExport::from_id(from.number()?));
                Self::Bind { host, export, held: tag == 13 }
            }
            14 => Self::Release { host: HostId(from.number()?), handle: Handle(from.number()?) },
            15 => Self::EndSession(HostId(from.number()?)),
            16 => Self::SetClock(from.zigzag()?),
            17 => Self::Look,
            18 => Self::MakeSafe,
            19 => Self::Policy,
            _ => return Err(Torn),
        })
    }
}
