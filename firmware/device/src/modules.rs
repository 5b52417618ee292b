//! The modules of a device, and what names them.

use core::ops::{Index, IndexMut};

use xmap_link::limits::MAX_MODULES;

use crate::flight::{Exchange, value};
use crate::module::Module;
use crate::{Ram, SlotMemory, Torn};

/// The number of a module that there is: made once, where a number comes in, and looked up without a question
/// ever after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleId(u8);

impl ModuleId {
    /// The first module, which also stands for the device where an event is no module's.
    pub const FIRST: Self = Self(0);
    /// All modules, in their order.
    pub const ALL: [Self; MAX_MODULES] = {
        let mut all = [Self::FIRST; MAX_MODULES];
        let mut number = 0;
        while number < MAX_MODULES {
            all[number] = Self(number as u8);
            number += 1;
        }
        all
    };

    /// Returns the module of this number; `None` where there is none.
    pub const fn new(number: u8) -> Option<Self> {
        if (number as usize) < MAX_MODULES { Some(Self(number)) } else { None }
    }

    /// Returns the number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Exchanges the number.
    pub(crate) fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        value(with, &mut self.0)?;
        *self = Self::new(self.0).ok_or(Torn)?;
        Ok(())
    }
}

/// The modules.
#[derive(Debug)]
pub(crate) struct Modules<R: Ram>([Module<R>; MAX_MODULES]);

impl<R: Ram> Modules<R> {
    /// Modules without images, in this memory.
    pub(crate) fn new(rooms: [[SlotMemory<R>; 2]; MAX_MODULES]) -> Self {
        let mut numbers = ModuleId::ALL.into_iter();
        Self(rooms.map(|rooms| Module::new(numbers.next().unwrap_or(ModuleId::FIRST), rooms)))
    }

    /// Returns the module of a number that came from outside; `None` where there is none.
    pub(crate) fn get(&self, number: u8) -> Option<&Module<R>> {
        ModuleId::new(number).map(|id| &self[id])
    }

    /// All of them, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ModuleId, &Module<R>)> {
        ModuleId::ALL.into_iter().zip(&self.0)
    }

    /// All of them, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Module<R>> {
        self.0.iter_mut()
    }
}

impl<R: Ram> Index<ModuleId> for Modules<R> {
    type Output = Module<R>;

    #[inline]
    fn index(&self, id: ModuleId) -> &Module<R> {
        // An id is in range; that it is, costs no branch where the number is a power of two.
        &self.0[usize::from(id.0) % MAX_MODULES]
    }
}

impl<R: Ram> IndexMut<ModuleId> for Modules<R> {
    #[inline]
    fn index_mut(&mut self, id: ModuleId) -> &mut Module<R> {
        &mut self.0[usize::from(id.0) % MAX_MODULES]
    }
}
