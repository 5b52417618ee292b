//! Ports in front of other ports: what one of them does not say, the port behind it answers.

/// A port, or any other part of a board, that stands in front of another one.
pub trait Over {
    /// The one behind.
    type Inner: ?Sized;

    /// Returns the one behind.
    fn inner(&self) -> &Self::Inner;

    /// Returns the one behind.
    fn inner_mut(&mut self) -> &mut Self::Inner;
}

impl<P: ?Sized> Over for &mut P {
    type Inner = P;

    #[inline(always)]
    fn inner(&self) -> &P {
        self
    }

    #[inline(always)]
    fn inner_mut(&mut self) -> &mut P {
        self
    }
}

/// Says which field of a type is the port behind it: `over!([P] Recorder<P> => port: P)`, with the type's
/// parameters in front.
#[macro_export]
macro_rules! over {
    ([$($parameters:tt)*] $outer:ty => $field:tt: $inner:ty) => {
        impl<$($parameters)*> $crate::Over for $outer {
            type Inner = $inner;

            #[inline(always)]
            fn inner(&self) -> &$inner {
                &self.$field
            }

            #[inline(always)]
            fn inner_mut(&mut self) -> &mut $inner {
                &mut self.$field
            }
        }
    };
}

/// Declares traits, each method once, with a *layer*: a trait that has all of their methods and passes each
/// on to the one behind ([`Over`]). Whatever implements the layer has the traits, and overrides what it
/// changes; nothing is forwarded by hand, and a new method is one line.
///
/// Methods under `mut` take `&mut self`, those under `ref` take `&self`. A method that a board may leave out
/// has a default, `= |board| value`.
#[macro_export]
macro_rules! layered {
    (
        $(#[$layer_meta:meta])*
        layer $Layer:ident [$($bounds:tt)+]
        $(
            $(#[$trait_meta:meta])*
            trait $Trait:ident [$($supers:tt)*] {
                mut {$(
                    $(#[$meta:meta])*
                    fn $method:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? $(= |$board:pat_param| $default:expr)?;
                )*}
                $(ref {$(
                    $(#[$ref_meta:meta])*
                    fn $ref_method:ident($($ref_arg:ident: $ref_ty:ty),*) $(-> $ref_ret:ty)?
                        $(= |$ref_board:pat_param| $ref_default:expr)?;
                )*})?
            }
        )+
    ) => {
        $(
            $(#[$trait_meta])*
            pub trait $Trait: $($supers)* {
                $($crate::layered! {
                    @method [$(#[$meta])*] [$method] [&mut self $(, $arg: $ty)*] [$(-> $ret)?]
                    $([self, $board, $default])?
                })*
                $($($crate::layered! {
                    @method [$(#[$ref_meta])*] [$ref_method] [&self $(, $ref_arg: $ref_ty)*] [$(-> $ref_ret)?]
                    $([self, $ref_board, $ref_default])?
                })*)?
            }

            impl<L: $Layer + ?Sized> $Trait for L {
                $($(#[$meta])*
                #[inline(always)]
                fn $method(&mut self $(, $arg: $ty)*) $(-> $ret)? {
                    $Layer::$method(self $(, $arg)*)
                })*
                $($($(#[$ref_meta])*
                #[inline(always)]
                fn $ref_method(&self $(, $ref_arg: $ref_ty)*) $(-> $ref_ret)? {
                    $Layer::$ref_method(self $(, $ref_arg)*)
                })*)?
            }
        )+

        $(#[$layer_meta])*
        pub trait $Layer: $($bounds)+ {
            $(
                $(
                    $(#[$meta])*
                    #[inline(always)]
                    fn $method(&mut self $(, $arg: $ty)*) $(-> $ret)? {
                        $Trait::$method($crate::Over::inner_mut(self) $(, $arg)*)
                    }
                )*
                $($(
                    $(#[$ref_meta])*
                    #[inline(always)]
                    fn $ref_method(&self $(, $ref_arg: $ref_ty)*) $(-> $ref_ret)? {
                        $Trait::$ref_method($crate::Over::inner(self) $(, $ref_arg)*)
                    }
                )*)?
            )+
        }
    };
    (@method [$(#[$meta:meta])*] [$method:ident] [$($args:tt)*] [$($ret:tt)*]) => {
        $(#[$meta])*
        fn $method($($args)*) $($ret)*;
    };
    (@method [$(#[$meta:meta])*] [$method:ident] [$($args:tt)*] [$($ret:tt)*] [$this:ident, $board:pat_param, $default:expr]) => {
        $(#[$meta])*
        #[allow(unused_variables)]
        fn $method($($args)*) $($ret)* {
            let $board = $this;
            $default
        }
    };
}
