//! What a client is made of: the operations and types of a document, with everything resolved that a language
//! has no word for.

use std::collections::BTreeMap;

/// A client.
#[derive(Clone, Debug)]
pub struct Api {
    /// The document's title and version.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Where it is served, with the defaults of its variables; empty where the document does not say.
    pub base: String,
    /// Whether calls carry a token.
    pub bearer: bool,
    /// The operations, by the class that has them.
    pub groups: BTreeMap<String, Vec<Operation>>,
    /// The named types.
    pub types: Vec<Named>,
}

impl Api {
    /// The class of a panel's calls, and the exports that a client of it was made for, each `KEY:HASH`;
    /// `None` where the document is no panel's.
    pub fn panel(&self) -> Option<(&str, Vec<String>)> {
        let is_panel = |operation: &&Operation| operation.panel;
        let (group, operations) = self.groups.iter().find(|(_, all)| all.iter().any(|of| of.panel))?;
        let of = |operation: &Operation| {
            Some(format!("{}:{}", operation.path.strip_prefix("/exports/")?, operation.contract.as_ref()?))
        };
        Some((group, operations.iter().filter(is_panel).filter_map(of).collect()))
    }

    /// Returns the types whose values are texts of a list: the name and the texts of each.
    pub fn enums(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.types.iter().filter_map(|named| match &named.kind {
            Kind::Enum(values) => Some((named.name.as_str(), values.as_slice())),
            Kind::Object(_) => None,
        })
    }
}

/// A call.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name, as words.
    pub name: Vec<String>,
    /// What it does.
    pub summary: String,
    /// `POST`.
    pub method: String,
    /// `/v1/log/{id}`.
    pub path: String,
    /// What a caller gives.
    pub args: Vec<Arg>,
    /// How the arguments of the body become one.
    pub body: Body,
    /// What comes back; nothing where an answer has no body.
    pub result: Option<Type>,
    /// Whether the answer is that of a panel: results, or a trap.
    pub panel: bool,
    /// The hash of the panel's contract that the call is for.
    pub contract: Option<String>,
    /// What an error's body is, where all that are declared are the same.
    pub error: Option<Type>,
    /// Whether it may be repeated.
    pub idempotent: bool,
}

impl Operation {
    /// Returns the arguments that go to a place.
    pub fn at(&self, place: Place) -> impl Iterator<Item = &Arg> {
        self.args.iter().filter(move |arg| arg.place == place)
    }
}

/// A value that a caller gives.
#[derive(Clone, Debug)]
pub struct Arg {
    /// Its name in the document.
    pub wire: String,
    /// Its name as words.
    pub name: Vec<String>,
    /// Its type.
    pub ty: Type,
    /// Whether it has to be there.
    pub required: bool,
    /// Where it goes.
    pub place: Place,
}

/// The place of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Into the path.
    Path,
    /// Behind the `?`.
    Query,
    /// Into the body.
    Body,
}

/// The body that arguments become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// An object with their names.
    Object,
    /// A list below `args`, in their order.
    Args,
    /// The one that there is.
    Whole,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A boolean.
    Bool,
    /// A whole number of up to 53 bits.
    Int,
    /// A whole number of 64 bits, without or with a sign.
    Long,
    /// A float.
    Float,
    /// A text.
    Text,
    /// Bytes of a panel, a text of `0x` and digits on the wire.
    Bytes,
    /// A list.
    List(Box<Type>),
    /// Several values.
    Tuple(Vec<Type>),
    /// A type of the client.
    Named(String),
    /// A value or none.
    Nullable(Box<Type>),
}

impl Type {
    /// The results of a panel's export, where this is what its call gives.
    pub fn results(&self) -> &[Self] {
        match self {
            Self::Nullable(of) => of.results(),
            Self::Tuple(all) => all,
            _ => &[],
        }
    }
}

/// A type of the client.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name, as the document has it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// The kind of a type of the client.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An object.
    Object(Vec<Field>),
    /// One of some texts; a newer server may have more.
    Enum(Vec<String>),
}

/// A field of an object.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in the document.
    pub wire: String,
    /// Its name as words.
    pub name: Vec<String>,
    /// Its type.
    pub ty: Type,
    /// Whether it has to be there.
    pub required: bool,
}

/// A refusal: the JSON pointer, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where.
    pub pointer: String,
    /// Why.
    pub why: String,
}

/// Words as the name of a type: `LogLevel`.
pub fn pascal(words: &[String]) -> String {
    let name: String = words.iter().map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() { format!("X{name}") } else { name }
}

/// Words as the name of a value: `logLevel`.
pub fn camel(words: &[String]) -> String {
    let name = pascal(words);
    name[..1].to_lowercase() + &name[1..]
}
