//! The registers of a block, as its driver has them: by name, so that a driver runs on a model too.

/// The registers of a block: those of the chip, or of a model in a test.
pub trait Registers {
    /// A register of the block.
    type Register;

    /// Loads from a register.
    fn load(&mut self, register: Self::Register) -> u32;

    /// Stores to a register.
    fn store(&mut self, register: Self::Register, value: u32);
}

/// Defines the registers of a block of the chip: the block's type, and for each register the field that it
/// is. A store to a register of `reads`, which are read-only, does nothing.
///
/// Where each register is one field, the same list declares the enum of the registers.
macro_rules! chip_block {
    (
        $(#[$attribute:meta])*
        pub struct $block:ident { $place:ident: $registers:ty }
        $(#[$register_attribute:meta])*
        pub enum $register:ident { $($(#[$doc:meta])* $name:ident => $field:ident,)+ }
    ) => {
        $(#[$register_attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $register {
            $($(#[$doc])* $name,)+
        }

        $crate::registers::chip_block! {
            $(#[$attribute])*
            pub struct $block { $place: $registers }
            $register { $($name => $place.$field,)+ }
        }
    };
    (
        $(#[$attribute:meta])*
        pub struct $block:ident { $($place:ident: $registers:ty),+ }
        $register:ident { $($name:ident $(($at:pat))? => $of:ident.$field:ident,)+ }
        $(reads { $($read:ident $(($read_at:pat))? => $read_of:ident.$read_field:ident,)+ })?
    ) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub struct $block<'a> {
            $($place: safe_mmio::UniqueMmioPointer<'a, $registers>,)+
        }

        impl<'a> $block<'a> {
            /// The registers at this place.
            pub const fn new($($place: safe_mmio::UniqueMmioPointer<'a, $registers>),+) -> Self {
                Self { $($place),+ }
            }
        }

        impl $crate::Registers for $block<'_> {
            type Register = $register;

            fn load(&mut self, register: $register) -> u32 {
                match register {
                    $($register::$name $(($at))? => safe_mmio::field!(self.$of, $field).read(),)+
                    $($(
                        $register::$read $(($read_at))? => {
                            safe_mmio::field!(self.$read_of, $read_field).read()
                        }
                    )+)?
                }
            }

            fn store(&mut self, register: $register, value: u32) {
                match register {
                    $($register::$name $(($at))? => safe_mmio::field!(self.$of, $field).write(value),)+
                    $($($register::$read $(($read_at))? => {})+)?
                }
            }
        }
    };
}
pub(crate) use chip_block;
