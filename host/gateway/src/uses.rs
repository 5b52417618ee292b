//! Exports that callers over HTTP were made for, as long as their streams of events are open.
//!
//! The gateway's session binds them at the device, like any client: so a swap asks for them, and they are
//! given back when the stream ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::http::StatusCode;
use percent_encoding::percent_decode_str;
use xmap_compiler::codes::Code;
use xmap_image::ContractHash;
use xmap_keys::from_hex;
use xmap_link::limits::MAX_USES;

use crate::calls::made_for;
use crate::device::Device;
use crate::problem::Problem;
use crate::tokens::Token;

/// An export's key, and the hash of the contract that a caller was made for.
pub type Use = (String, ContractHash);

/// The exports that callers hold, and how many callers hold each.
#[derive(Debug, Default)]
pub struct Held(Mutex<BTreeMap<Use, usize>>);

impl Held {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Use, usize>> {
        self.0.lock().expect("nobody panics while it is locked")
    }

    /// Returns what is held now.
    pub fn now(&self) -> Vec<Use> {
        self.all().keys().cloned().collect()
    }
}

/// Exports that a caller holds until this is dropped.
#[derive(Debug)]
pub struct Hold {
    held: Arc<Held>,
    uses: Vec<Use>,
}

impl Hold {
    /// Holds exports of a device for the holder of a token.
    ///
    /// # Errors
    /// X1504 where the token may not call one, X0909 where there is none, X1606 where it is another one,
    /// X1510 where the device has no handle left for it.
    pub fn of(device: &Device, token: &Token, uses: Vec<Use>) -> Result<Self, Problem> {
        for (key, hash) in &uses {
            made_for(device, token, key, &xmap_client::hex(hash))?;
        }
        let held = device.held();
        {
            let mut all = held.all();
            let new = uses.iter().filter(|of| !all.contains_key(*of)).count();
            if all.len() + new > MAX_USES {
                let detail = format!("{}: more than {MAX_USES} exports are held", device.name);
                return Err(Problem::too_much(detail));
            }
            uses.iter().for_each(|of| *all.entry(of.clone()).or_default() += 1);
        }
        Ok(Self { held, uses })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut all = self.held.all();
        for of in &self.uses {
            if let Some(count) = all.get_mut(of) {
                *count -= 1;
                if *count == 0 {
                    all.remove(of);
                }
            }
        }
    }
}

/// Reads `uses=KEY:HASH,KEY:HASH` of a query.
///
/// # Errors
/// X1508.
pub fn of_query(query: Option<&str>) -> Result<Vec<Use>, Problem> {
    let bad = |text: &str| {
        let shown: String = text.chars().take(80).collect();
        Problem::bad(format!("expected `uses=KEY:HASH,...`, found `{shown}`"))
    };
    let mut uses = Vec::new();
    for (name, value) in pairs(query) {
        if name != "uses" {
            return Err(bad(name));
        }
        let value = percent_decode_str(value).decode_utf8().map_err(|_| bad(value))?;
        for text in value.split(',').filter(|text| !text.is_empty()) {
            let (key, hash) = text.rsplit_once(':').ok_or_else(|| bad(text))?;
            let hash = from_hex(hash).ok_or_else(|| bad(text))?;
            uses.push((key.to_owned(), hash));
        }
    }
    uses.sort_unstable();
    uses.dedup();
    Ok(uses)
}

/// Reads `force=true` of a query.
///
/// # Errors
/// X1508.
pub fn force_of(query: Option<&str>) -> Result<bool, Problem> {
    let mut force = false;
    for pair in pairs(query) {
        force = match pair {
            ("force", "true") => true,
            ("force", "false") => false,
            (name, _) => {
                let shown: String = name.chars().take(80).collect();
                return Err(Problem::bad(format!("expected `force=true` or `force=false`, found `{shown}`")));
            }
        };
    }
    Ok(force)
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The problem of an image that breaks somebody who is connected.
pub fn breaks(message: String) -> Problem {
    let help = "`?force=true` with a token of the role own puts it there all the same".to_string();
    Problem::new(StatusCode::CONFLICT, Code::BreaksClients, message).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_keys_and_hashes() {
        let of = |text: &str| of_query(Some(text)).map_err(|problem| problem.detail);
        let two = of("uses=hall.open:0011223344556677,hall.duty:ffffffffffffffff").unwrap();
        assert_eq!(two[0], ("hall.duty".to_string(), [255; 8]));
        assert_eq!(two[1].1, [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]);
        assert_eq!(of("uses=a%3A0000000000000000%2Ca:0000000000000000").unwrap().len(), 1);
        assert_eq!((of("").unwrap().len(), of_query(None).unwrap().len()), (0, 0));
        for wrong in ["uses=a", "uses=a:0", "uses=a:00000000000000g0", "use=a:0000000000000000", "uses=%ff"] {
            assert!(of(wrong).unwrap_err().starts_with("expected `uses="), "{wrong}");
        }
        assert!(force_of(Some("force=true")).unwrap() && !force_of(None).unwrap());
        assert!(force_of(Some("force=yes")).is_err() && force_of(Some("other=1")).is_err());
    }
}
