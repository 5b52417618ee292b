//! Clients in other languages, made of an OpenAPI document: [`document`] loads it, [`model`] says what a
//! client is, `read` makes one of the document, and each language writes files of that.

pub mod document;
mod kotlin;
pub mod model;
mod read;
mod swift;
mod typescript;

use model::Api;

/// A language of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A package of npm.
    TypeScript,
    /// A package of Gradle.
    Kotlin,
    /// A package of SwiftPM.
    Swift,
}

/// What each language's client says of its constant with the server's address.
const OF_BASE: &str = "Where the document says that the server is.";
/// What it says of its constant with the exports.
const OF_USES: &str = "The exports that this client was made for, with the hashes of their contracts.";
/// What it says of a type whose values are texts of a list.
const OF_ENUM: &str = "One of these, or what a newer server has beside them.";

/// A file of a client: its path in the client's folder, and its text.
pub type File = (String, String);

/// Writes a client.
pub fn write(api: &Api, language: Language) -> Vec<File> {
    match language {
        Language::TypeScript => typescript::write(api),
        Language::Kotlin => kotlin::write(api),
        Language::Swift => swift::write(api),
    }
}
