//! The state of a device as bytes: for a recording that begins in the middle of its life
//! ([how](../../../docs/decisions/14-recording.md)).
//!
//! What is in it is what decides how the device goes on: images, what their modules have come to, timers,
//! events that wait, trials, handles. Accounts, which nobody but a host reads, are not.

use xmap_image::Image;

use crate::flight::{Exchange, time};
use crate::handles::Handles;
use crate::module::Place;
use crate::modules::{ModuleId, Modules};
use crate::scheduler::Scheduler;
use crate::{Board, Device, Ram, Reader, Sink, SlotMemory, Torn, Trust};

/// Why a device is not what a snapshot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRestored {
    /// The image with this content hash is not at hand.
    NoImage([u8; 32]),
    /// The snapshot is none of such a device, or is damaged.
    Torn,
}

impl From<Torn> for NotRestored {
    fn from(_: Torn) -> Self {
        Self::Torn
    }
}

/// An image, and room for it.
type Found<'i, R> = (Image<'i>, SlotMemory<R>);

/// The slots of a module, in the order in which a snapshot has them.
const PLACES: [Place; 2] = [Place::Active, Place::Other];

/// The parts of a device that have such a state.
struct State<'d, R: Ram> {
    modules: &'d mut Modules<R>,
    scheduler: &'d mut Scheduler,
    handles: &'d mut Handles,
    heard_us: &'d mut u64,
}

impl<R: Ram> State<'_, R> {
    fn write(&mut self, sink: &mut Sink<'_>) {
        for (_, module) in self.modules.iter() {
            for image in PLACES.map(|place| module.slot(place).image()) {
                sink(&[image.is_some().into()]);
                if let Some(image) = image {
                    sink(&image.hash());
                }
            }
        }
        // A writer takes everything.
        _ = self.exchange(&mut |bytes: &[u8]| sink(bytes));
    }

    fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        ModuleId::ALL.into_iter().try_for_each(|id| self.modules[id].exchange(with))?;
        self.scheduler.exchange(with)?;
        self.handles.exchange(with)?;
        time(with, self.heard_us)
    }
}

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// Gives the bytes of a snapshot, between two things that the device does.
    pub fn snapshot(&mut self, sink: &mut Sink<'_>) {
        let Self { modules, scheduler, handles, heard_us, .. } = self;
        State { modules, scheduler, handles, heard_us }.write(sink);
    }

    /// Gives the board a snapshot.
    pub(crate) fn note_snapshot(&mut self) {
        let Self { board, modules, scheduler, handles, heard_us, .. } = self;
        board.note_snapshot(&mut |sink| State { modules, scheduler, handles, heard_us }.write(sink));
    }

    /// Makes a device without images what one was when it gave these bytes. `images` has the images by their
    /// hashes, with room for each; nothing of them runs.
    ///
    /// # Errors
    /// [`NotRestored`]; the device is of no more use then.
    pub fn restore<'i>(
        &mut self,
        bytes: &[u8],
        images: &mut dyn FnMut(&[u8; 32]) -> Option<Found<'i, R>>,
    ) -> Result<(), NotRestored> {
        let mut from = Reader::bare(bytes);
        for id in ModuleId::ALL {
            for place in PLACES {
                if from.flag()? {
                    let hash = *from.array()?;
                    let (image, room) = images(&hash).ok_or(NotRestored::NoImage(hash))?;
                    let makes_code = self.modules[id].inactive().makes_code();
                    let slot = self.modules[id].slot_mut(place);
                    slot.put((id, room), &image, makes_code, &mut self.board).ok_or(Torn)?;
                }
            }
        }
        let Self { board, modules, scheduler, handles, heard_us, .. } = self;
        State { modules, scheduler, handles, heard_us }.exchange(&mut from)?;
        if from.at() != bytes.len() {
            return Err(NotRestored::Torn);
        }
        for (id, module) in modules.iter() {
            if let Some(image) = module.image() {
                scheduler.set_zone(id, image.zone());
            }
        }
        scheduler.refresh_edges(board);
        Ok(())
    }
}
