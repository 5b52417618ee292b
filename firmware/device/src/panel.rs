//! A loaded image in hand: its calls, and the functions that the device calls by itself.

use core::fmt;

use tiny_mapper::{CallError, Counters, LoadError, Mapper, Port, Store};
use xmap_image::{ExportId, Image, ON_ARGUMENTS, Ty};

use crate::{Handle, Hook, MountError, NotCalled};

/// A loaded image with the board that it drives. A device makes one for each event from what rests in the
/// slot ([`Panel::resume`]) and takes it apart again ([`Panel::suspend`]); the module notices nothing.
#[derive(Debug)]
pub struct Panel<'a, P> {
    mapper: Mapper<'a, P>,
}

/// Why the bytes of a call's arguments have no place in the module. Nothing of the export has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// The lengths among the arguments do not add up to the bytes.
    Lengths,
    /// The module takes none: it has no `on_arguments`.
    NoArguments,
    /// The module has no room for them.
    NoRoom,
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lengths => "the lengths do not add up to the bytes",
            Self::NoArguments => "the module takes no text or bytes: it exports no `on_arguments`",
            Self::NoRoom => "the module has no room for this text or these bytes",
        })
    }
}

/// The state of a panel beside its image, its port and its store, between [`Panel::suspend`] and
/// [`Panel::resume`].
pub type Suspended = tiny_mapper::Suspended;

impl<'a, P: Port> Panel<'a, P> {
    /// Loads an image: memory and globals have their first values, and no op runs.
    ///
    /// # Errors
    /// Where the store is too small.
    pub fn load(image: Image<'a>, port: P, store: Store<'a>) -> Result<Self, LoadError> {
        Mapper::load(image, port, store).map(|mapper| Self { mapper })
    }

    /// Runs the start function and `_initialize`, as far as the module has them.
    ///
    /// # Errors
    /// [`MountError::Trap`], [`MountError::Signature`].
    pub fn initialize(&mut self) -> Result<(), MountError> {
        self.mapper.start().map_err(|trap| MountError::Trap(Hook::Start, trap))?;
        self.hook(Hook::Initialize, &[]).map(drop)
    }

    /// Asks the module whether it is mounted: its `on_mount`, if it has one, returns 0.
    ///
    /// # Errors
    /// [`MountError::Trap`], [`MountError::Signature`], [`MountError::Refused`].
    pub fn on_mount(&mut self) -> Result<(), MountError> {
        match self.hook(Hook::OnMount, &[])? {
            Some(0) | None => Ok(()),
            Some(result) => Err(MountError::Refused { result }),
        }
    }

    /// Tells the module that its time is over.
    ///
    /// # Errors
    /// [`MountError::Trap`], [`MountError::Signature`].
    pub fn on_unmount(&mut self) -> Result<(), MountError> {
        self.hook(Hook::OnUnmount, &[]).map(drop)
    }

    /// Tells the module that nobody holds this handle any more.
    ///
    /// # Errors
    /// [`MountError::Trap`], [`MountError::Signature`].
    pub fn cleanup(&mut self, handle: Handle) -> Result<(), MountError> {
        self.hook(Hook::Cleanup, &[u64::from(handle.0)]).map(drop)
    }

    /// Calls a function of the module that the device calls by itself, if the module exports it.
    fn hook(&mut self, hook: Hook, args: &[u64]) -> Result<Option<i32>, MountError> {
        let image = self.mapper.image();
        let Some(id) = image.find_name(hook.name()) else { return Ok(None) };
        let is_word = |ty| ty != Ty::I64 && ty != Ty::U64 && ty != Ty::F32 && ty != Ty::F64;
        let right = image.signature(id).is_some_and(|signature| {
            signature.params().len() == args.len()
                && signature.results().len() == hook.results()
                && signature.params().chain(signature.results()).all(is_word)
        });
        if !right {
            return Err(MountError::Signature(hook));
        }
        match self.mapper.call(id, args) {
            Ok(results) => Ok(results.first().map(|raw| *raw as u32 as i32)),
            Err(CallError::Trap(trap)) => Err(MountError::Trap(hook, trap)),
            // The export exists and takes these arguments.
            Err(_) => Err(MountError::Signature(hook)),
        }
    }

    /// Calls an export; see [`Mapper::call`].
    ///
    /// # Errors
    /// As [`Mapper::call`]. Outputs stay as the call left them.
    #[inline]
    pub fn call(&mut self, id: ExportId, args: &[u64]) -> Result<&[u64], CallError> {
        self.mapper.call(id, args)
    }

    /// Copies the bytes of a call's `bytes` and `str` arguments to where the module wants them, as its
    /// `on_arguments` says, and puts their addresses into `args`.
    ///
    /// # Errors
    /// [`NotCalled::Unplaced`]; [`NotCalled::Call`] where `on_arguments` traps.
    pub fn place(&mut self, id: ExportId, args: &mut [u64], bytes: &[u8]) -> Result<(), NotCalled> {
        const WRONG: NotCalled = NotCalled::Unplaced(Unplaced::Lengths);
        let image = *self.mapper.image();
        let signature = image.signature(id).ok_or(NotCalled::Unknown)?;
        let is_pointer = |ty| matches!(ty, Ty::BytesPtr | Ty::StrPtr);
        let (expected, given) = (signature.params().len(), args.len());
        if expected != given {
            return Err(NotCalled::Call(CallError::ArgumentCount { expected, given }));
        }
        let pairs = signature.params().zip(args.windows(2)).filter(|(ty, _)| is_pointer(*ty));
        let all = pairs.map(|(_, pair)| pair.get(1).copied().unwrap_or(0));
        if all.fold(0, u64::saturating_add) != bytes.len() as u64 {
            return Err(WRONG);
        }
        let mut address = self.room(bytes.len() as u32)?;
        let end = (address as usize).checked_add(bytes.len());
        let room = end.and_then(|end| self.mapper.memory_mut().get_mut(address as usize..end));
        room.ok_or(NotCalled::Unplaced(Unplaced::NoRoom))?.copy_from_slice(bytes);
        for (n, ty) in signature.params().enumerate() {
            let len = args.get(n + 1).copied();
            if let (true, Some(arg), Some(len)) = (is_pointer(ty), args.get_mut(n), len) {
                *arg = u64::from(address);
                address = address.wrapping_add(len as u32);
            }
        }
        Ok(())
    }

    /// Asks the module for room for so many bytes of a host; the address. None takes no room.
    fn room(&mut self, bytes: u32) -> Result<u32, NotCalled> {
        if bytes == 0 {
            return Ok(0);
        }
        let image = self.mapper.image();
        let is_word = |ty| !matches!(ty, Ty::I64 | Ty::U64 | Ty::F32 | Ty::F64);
        let id = image.find_name(ON_ARGUMENTS).filter(|id| {
            image.signature(*id).is_some_and(|of| {
                of.params().len() == 1
                    && of.results().len() == 1
                    && of.params().chain(of.results()).all(is_word)
            })
        });
        let id = id.ok_or(NotCalled::Unplaced(Unplaced::NoArguments))?;
        let results = self.mapper.call(id, &[u64::from(bytes)]).map_err(NotCalled::Call)?;
        match results.first().map(|address| *address as u32) {
            None | Some(0) => Err(NotCalled::Unplaced(Unplaced::NoRoom)),
            Some(address) => Ok(address),
        }
    }

    /// The image.
    pub fn image(&self) -> &Image<'a> {
        self.mapper.image()
    }

    /// The module's linear memory.
    pub fn memory(&self) -> &[u8] {
        self.mapper.memory()
    }

    /// Returns what has been counted since the load.
    pub fn counters(&self) -> Counters {
        self.mapper.counters()
    }

    /// The mapper.
    pub fn mapper_mut(&mut self) -> &mut Mapper<'a, P> {
        &mut self.mapper
    }

    /// Takes the panel apart between two calls.
    pub fn suspend(self) -> (P, Store<'a>, Suspended) {
        self.mapper.suspend()
    }

    /// Goes on where [`Panel::suspend`] stopped, with the same image and store.
    ///
    /// # Errors
    /// Where the store is too small.
    #[inline]
    pub fn resume(image: Image<'a>, port: P, store: Store<'a>, state: Suspended) -> Result<Self, LoadError> {
        Mapper::resume(image, port, store, state).map(|mapper| Self { mapper })
    }
}
