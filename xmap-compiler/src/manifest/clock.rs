//! `[clock]`: the zone that local time is in.

use xmap_image::Zone;

use super::{
    At,
    reader::{Reader, Table},
};
use crate::{diagnostic::Code, zone};

/// The zone, where the manifest says one.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>) -> Option<At<Zone>> {
    let table = reader.sub_table(root, "clock", "[clock]".into())?;
    reader.only(&table, &["zone"]);
    reader.required(&table, &["zone"]);
    let text = reader.string(&table, "zone")?;
    match zone::zone(&text.value) {
        Ok(zone) => Some(At::new(zone, text.span)),
        Err(why) => {
            let message = format!("zone: `{}`: {why}", text.value);
            reader.error(Code::BadZone, &text.span, message).help = Some(why.help());
            None
        }
    }
}
