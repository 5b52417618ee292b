//! A loaded image in hand: its calls, and the functions that the device calls by itself.

use tiny_mapper::{CallError, Counters, LoadError, Mapper, Port, Store};
use xmap_image::{ExportId, Image, Ty};

use crate::{Handle, Hook, MountError};

/// A loaded image with the board that it drives. A device makes one for each event from what rests in the
/// slot ([`Panel::resume`]) and takes it apart again ([`Panel::suspend`]); the module notices nothing.
#[derive(Debug)]
pub struct Panel<'a, P> {
    mapper: Mapper<'a, P>,
}

/// What a panel knows beside its image, its port and its store, between [`Panel::suspend`] and
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

    /// The image.
    pub fn image(&self) -> &Image<'a> {
        self.mapper.image()
    }

    /// The module's linear memory.
    pub fn memory(&self) -> &[u8] {
        self.mapper.memory()
    }

    /// What has been counted since the load.
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
