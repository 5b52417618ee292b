//! The values that Go holds references to, by their ids.

use std::collections::HashMap;

use boa_engine::JsValue;

use crate::Error;

/// What stands at an id.
#[derive(Debug)]
enum Slot {
    /// A value that stays: Go never finalizes it.
    Fixed(JsValue),
    /// A value with the number of references that Go has to it.
    Held(JsValue, u64),
    /// Nothing: the id is in the pool.
    Free,
}

/// Values by id, ids by value, and the ids that can be used again.
#[derive(Debug)]
pub struct Refs {
    slots: Vec<Slot>,
    ids: HashMap<JsValue, u32>,
    pool: Vec<u32>,
}

impl Refs {
    /// The table with the seven values that every program begins with: NaN, 0, null, true, false, the global
    /// object and the object that stands for the program.
    pub fn new(global: JsValue, go: JsValue) -> Self {
        let fixed = [
            JsValue::new(f64::NAN),
            JsValue::new(0),
            JsValue::null(),
            JsValue::new(true),
            JsValue::new(false),
            global,
            go,
        ];
        // A NaN is stored without an id.
        let ids = fixed.iter().cloned().zip(0..).skip(1).collect();
        Self { slots: fixed.map(Slot::Fixed).into(), ids, pool: Vec::new() }
    }

    /// Returns the id of a value and counts one reference more. A new value gets the id that was given back
    /// last, or else the next one.
    pub fn hold(&mut self, value: &JsValue) -> u32 {
        // -0 is 0, as in a Map of JavaScript.
        let value = if value.as_number() == Some(0.0) { &JsValue::new(0) } else { value };
        if let Some(&id) = self.ids.get(value) {
            if let Slot::Held(_, count) = &mut self.slots[id as usize] {
                *count += 1;
            }
            return id;
        }
        let id = self.pool.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            (self.slots.len() - 1) as u32
        });
        self.slots[id as usize] = Slot::Held(value.clone(), 1);
        self.ids.insert(value.clone(), id);
        id
    }

    /// Returns the value with this id.
    ///
    /// # Errors
    /// [`Error::StaleId`].
    pub fn get(&self, id: u32) -> Result<JsValue, Error> {
        match self.slots.get(id as usize) {
            Some(Slot::Fixed(value) | Slot::Held(value, _)) => Ok(value.clone()),
            _ => Err(Error::StaleId { id }),
        }
    }

    /// Takes a reference back; with the last one the value is forgotten and its id can be used again.
    ///
    /// # Errors
    /// [`Error::DoubleFinalize`] where Go has none left, [`Error::StaleId`] where the id was never used.
    pub fn finalize(&mut self, id: u32) -> Result<(), Error> {
        let slot = self.slots.get_mut(id as usize).ok_or(Error::StaleId { id })?;
        match slot {
            Slot::Fixed(_) => {}
            Slot::Held(_, count) if *count > 1 => *count -= 1,
            Slot::Held(value, _) => {
                self.ids.remove(value);
                *slot = Slot::Free;
                self.pool.push(id);
            }
            Slot::Free => return Err(Error::DoubleFinalize { id }),
        }
        Ok(())
    }

    /// The number of references to an id: none where it is free, infinite for those that stay.
    pub fn count(&self, id: u32) -> Option<f64> {
        Some(match self.slots.get(id as usize)? {
            Slot::Fixed(_) => f64::INFINITY,
            Slot::Held(_, count) => *count as f64,
            Slot::Free => 0.0,
        })
    }

    /// The ids that can be used again; the last one is used first.
    pub fn pool(&self) -> &[u32] {
        &self.pool
    }

    /// The values in the order of their ids; null for one that is free.
    pub fn values(&self) -> impl Iterator<Item = JsValue> {
        self.slots.iter().map(|slot| match slot {
            Slot::Fixed(value) | Slot::Held(value, _) => value.clone(),
            Slot::Free => JsValue::null(),
        })
    }
}
