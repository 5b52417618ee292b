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
