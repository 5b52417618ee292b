//! What callers of an export go by, as a short hash: compared where an image takes the place of another one,
//! and where a host binds an export.
//!
//! It is over a line of text (docs/contract.md). An image carries hashes only where its types do not say all
//! of that line; elsewhere the hash is that of the line that they give.

use core::fmt::{self, Write};

use crate::layout::Extension;
use crate::op::Word;
use crate::{ExportId, Image, Ty};

/// The first eight bytes of a SHA-256: two of an image's 4,096 exports are the same by chance once in 10^12
/// images.
pub type ContractHash = [u8; 8];

/// What stands before the line.
const PREFIX: &str = "xmap contract 1\n";

/// Returns the hash of an export's line.
#[inline(never)]
pub fn contract_hash(line: fmt::Arguments<'_>) -> ContractHash {
    let mut sha = Hasher(hmac_sha256::Hash::new());
    // It takes any text.
    _ = sha.write_str(PREFIX).and_then(|()| sha.write_fmt(line));
    let digest = sha.0.finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

struct Hasher(hmac_sha256::Hash);

impl Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// `panel.duty(u8, str) -> (bool)`.
struct Line<'a>(&'a Image<'a>, ExportId);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (image, id) = (self.0, self.1);
        let signature = image.signature(id).unwrap_or_default();
        f.write_str(image.key(id).unwrap_or_default())?;
        f.write_str("(")?;
        list(f, &mut signature.params())?;
        f.write_str(") -> (")?;
        list(f, &mut signature.results())?;
        f.write_str(")")
    }
}

fn list(f: &mut fmt::Formatter<'_>, types: &mut dyn Iterator<Item = Ty>) -> fmt::Result {
    let mut separator = "";
    // A length belongs to the address before it.
    for ty in types.filter(|ty| *ty != Ty::Len) {
        f.write_str(separator)?;
        f.write_str(ty.name())?;
        separator = ", ";
    }
    Ok(())
}

impl<'a> Image<'a> {
    /// The hashes that the image carries: one for each export, or none where they follow from its types.
    pub fn carried_contracts(&self) -> &'a [ContractHash] {
        let rows: &[[Word; 2]] = self.part(Extension::Contracts.part()).rows::<_, 2>();
        bytemuck::must_cast_slice(rows)
    }

    /// Returns the hash of what callers of an export go by, if it exists.
    pub fn contract(&self, id: ExportId) -> Option<ContractHash> {
        self.signature(id)?;
        let carried = self.carried_contracts().get(usize::from(id.0)).copied();
        Some(carried.unwrap_or_else(|| contract_hash(format_args!("{}", Line(self, id)))))
    }
}
