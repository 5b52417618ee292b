//! A mounted image.

use tiny_mapper::{CallError, Counters, LoadError, Mapper, Port, Store};
use xmap_image::{ExportId, Image, Ty};

use crate::lines::{check_lines, make_safe, prepare_lines, release_lines};
use crate::{Hook, MountError, NotMounted};

/// Bytes that a module's memory may grow to at most: the same on every target, so that
/// `memory.grow` fails in the same place. A module that starts with more gets what it starts with.
pub const MEMORY_BYTES_MAX: usize = 16 << 20;

/// An image that is mounted on a board: its lines are set up, its functions can be called.
#[derive(Debug)]
pub struct Panel<'a, P> {
    mapper: Mapper<'a, P>,
}

/// What a panel knows beside its image, its port and its store, between [`Panel::suspend`] and
/// [`Panel::resume`].
pub type Suspended = tiny_mapper::Suspended;

impl<'a, P: Port> Panel<'a, P> {
    /// Mounts an image: checks its lines, brings them into their state at load, loads the image,
    /// and runs its start function, `_initialize` and `on_mount`, as far as it has them.
    ///
    /// # Errors
    /// What stood in the way, with port and store. Outputs are in their safe state then; where the
    /// manifest block does not hold ([`MountError::Manifest`]) or a line is reserved for the board
    /// ([`MountError::Reserved`]) nothing was touched at all.
    // The error gives the port back, which may be large; a mount is rare.
    #[allow(clippy::result_large_err)]
    pub fn mount(image: Image<'a>, mut port: P, store: Store<'a>) -> Result<Self, NotMounted<'a, P>> {
        // Verification does not read the block, and the panel goes by it.
        if let Err(error) = image.manifest() {
            return Err(NotMounted { error: MountError::Manifest(error), port, store });
        }
        if let Err(line) = check_lines(&image) {
            return Err(NotMounted { error: MountError::Reserved(line), port, store });
        }
        prepare_lines(&image, &mut port);
        Self::boot(image, port, store)
    }

    /// The second half of [`Panel::mount`], for an owner that has called [`check_lines`] and
    /// [`prepare_lines`] itself: a record that begins between the two has the module's own stores only.
    ///
    /// # Errors
    /// As [`Panel::mount`].
    #[allow(clippy::result_large_err)]
    pub fn boot(image: Image<'a>, mut port: P, store: Store<'a>) -> Result<Self, NotMounted<'a, P>> {
        if let Err(error) = store.fits(&image) {
            make_safe(&image, &mut port);
            return Err(NotMounted { error: MountError::Load(error), port, store });
        }
        let mapper = Mapper::load(image, port, store).expect("the store was found to fit");
        let mut panel = Self { mapper };
        match panel.run_mount_hooks() {
            Ok(()) => {
                release_lines(&image, panel.mapper.port_mut());
                Ok(panel)
            }
            Err(error) => {
                let (mut port, store, _) = panel.mapper.suspend();
                make_safe(&image, &mut port);
                Err(NotMounted { error, port, store })
            }
        }
    }

    fn run_mount_hooks(&mut self) -> Result<(), MountError> {
        self.mapper.start().map_err(|trap| MountError::Trap(Hook::Start, trap))?;
        self.hook(Hook::Initialize)?;
        match self.hook(Hook::OnMount)? {
            Some(0) | None => Ok(()),
            Some(result) => Err(MountError::Refused { result }),
        }
    }

    /// Calls a function of the module that the panel calls by itself, if the module exports it.
    fn hook(&mut self, hook: Hook) -> Result<Option<i32>, MountError> {
        let image = self.mapper.image();
        let Some(id) = image.find_name(hook.name()) else { return Ok(None) };
        let right = image.signature(id).is_some_and(|signature| {
            let mut results = signature.results();
            signature.params().len() == 0
                && results.len() == hook.results()
                && results.all(|ty| ty != Ty::I64 && ty != Ty::U64 && ty != Ty::F32 && ty != Ty::F64)
        });
        if !right {
            return Err(MountError::Signature(hook));
        }
        match self.mapper.call(id, &[]) {
            Ok(results) => Ok(results.first().map(|raw| *raw as u32 as i32)),
            Err(CallError::Trap(trap)) => Err(MountError::Trap(hook, trap)),
            // The export exists and takes no arguments.
            Err(_) => Err(MountError::Signature(hook)),
        }
    }

    /// Ends the module's time: calls its `on_unmount`, if it has one, and brings its outputs into
    /// their safe state, also where `on_unmount` did not return. Gives port and store back, for the
    /// next image.
    pub fn unmount(mut self) -> (P, Store<'a>, Result<(), MountError>) {
        let outcome = self.hook(Hook::OnUnmount).map(|_| ());
        let image = *self.mapper.image();
        let (mut port, store, _) = self.mapper.suspend();
        make_safe(&image, &mut port);
        (port, store, outcome)
    }

    /// Calls an export; see [`Mapper::call`].
    ///
    /// # Errors
    /// As [`Mapper::call`]. Outputs stay as the call left them.
    #[inline]
    pub fn call(&mut self, id: ExportId, args: &[u64]) -> Result<&[u64], CallError> {
        self.mapper.call(id, args)
    }

    /// The export with this key or, where no key is equal, with this wasm name.
    pub fn find(&self, name: &str) -> Option<ExportId> {
        self.mapper.find(name)
    }

    /// The image.
    pub fn image(&self) -> &Image<'a> {
        self.mapper.image()
    }

    /// What has been counted since the mount.
    pub fn counters(&self) -> Counters {
        self.mapper.counters()
    }

    /// The port.
    pub fn port(&self) -> &P {
        self.mapper.port()
    }

    /// The port, for what does not concern a call.
    pub fn port_mut(&mut self) -> &mut P {
        self.mapper.port_mut()
    }

    /// The module's linear memory.
    pub fn memory(&self) -> &[u8] {
        self.mapper.memory()
    }

    /// The mapper.
    pub fn mapper_mut(&mut self) -> &mut Mapper<'a, P> {
        &mut self.mapper
    }

    /// Takes the panel apart between two calls; the module notices nothing.
    pub fn suspend(self) -> (P, Store<'a>, Suspended) {
        self.mapper.suspend()
    }

    /// Goes on where [`Panel::suspend`] stopped, with the same image and store.
    ///
    /// # Errors
    /// Where the store is too small.
    pub fn resume(image: Image<'a>, port: P, store: Store<'a>, state: Suspended) -> Result<Self, LoadError> {
        Mapper::resume(image, port, store, state).map(|mapper| Self { mapper })
    }
}
