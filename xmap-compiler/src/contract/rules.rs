//! Named rules: what a change or a declaration is found to break, by a name that reports and suppressions
//! have.

/// Makes an enum of rules, each with its name and its meaning; docs/contract.md has them in their order.
#[macro_export]
macro_rules! rules {
    ($(#[$doc:meta])* $($rule:ident = $name:literal, $meaning:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $meaning] $rule,)*
        }

        impl Rule {
            /// Every rule, in the order of docs/contract.md.
            pub const ALL: &[Rule] = &[$(Rule::$rule),*];

            /// The name in reports and suppressions.
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$rule => $name,)* }
            }

            /// Returns what falls under it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Rule::$rule => $meaning,)* }
            }
        }
    };
}
