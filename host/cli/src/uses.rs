//! What connected clients use of a module, held against the image that is to take its place.

use xmap_client::{Client, Error};
use xmap_compiler::contract::{Change, ContractExport, in_use, removed, replaced, unsaid};
use xmap_compiler::map::hex;
use xmap_image::Image;
use xmap_link::{Export, ModuleStatus, split_export_id};

use crate::text::Maps;

/// Returns the sentence that says why an image is not what connected clients were made for; `None` where it
/// is.
///
/// # Errors
/// Those of every request.
pub fn broken(
    client: &mut Client,
    before: &ModuleStatus,
    image: &Image<'_>,
    maps: &Maps,
) -> Result<Option<String>, Error> {
    let mut changes: Vec<Change> = Vec::new();
    for id in client.uses()?.into_iter().filter(|id| split_export_id(*id).0 == before.module) {
        let export = Export::Id(id);
        let (Some(described), Some((_, hash))) = (client.describe(&export)?, client.contract(&export)?)
        else {
            continue;
        };
        let key = described.key.as_str();
        let Some(new) = image.find(key).filter(|new| image.key(*new) == Some(key)) else {
            changes.push(removed(key));
            continue;
        };
        if image.contract(new) == Some(hash) {
            continue;
        }
        let old = before.image.as_ref().and_then(|image| line(maps, &hex(&image.hash), key));
        let old = old.or_else(|| from_types(key, &described));
        let new = line(maps, &hex(&image.hash()), key).or_else(|| ContractExport::of_image(image, new));
        match (old, new) {
            (Some(old), Some(new)) => changes.extend(replaced(&old, &new, false)),
            _ => changes.push(unsaid(key)),
        }
    }
    Ok(in_use(client.port(), changes))
}

/// The whole contract of an export, where the map of its image has it.
pub fn line(maps: &Maps, image: &str, key: &str) -> Option<ContractExport> {
    let map = maps.of(image)?;
    map.contracts.iter().filter_map(|line| ContractExport::parse(line)).find(|export| export.key == key)
}

/// Returns what the device itself says of an export: its types.
fn from_types(key: &str, described: &xmap_link::Described) -> Option<ContractExport> {
    let list = |types: &[u8]| {
        let types = types.iter().map(|ty| xmap_image::Ty::from_u8(*ty)).collect::<Option<Vec<_>>>()?;
        let names = types.iter().filter(|ty| **ty != xmap_image::Ty::Len).map(|ty| ty.name());
        Some(names.collect::<Vec<_>>().join(", "))
    };
    ContractExport::parse(&format!("{key}({}) -> ({})", list(&described.params)?, list(&described.results)?))
}
