//! An image's policy as text: what differs from the default, in the words of the manifest, and what is kept.

use xmap_image::{FaultPolicy, Keep, Persist};

use crate::manifest::policy::{CONFIRM, ON_FAULT, ON_OVERRUN, word};

/// The keys of `[policy]` that differ from what a manifest without them means, with their values.
pub fn policy(policy: &FaultPolicy) -> Vec<(&'static str, String)> {
    let default = FaultPolicy::default();
    let number = |n: u32, default: u32| (n != default).then(|| n.to_string());
    let fault = word(ON_FAULT, &policy.on_trap);
    // The end of the fuel is a trap like others, unless the manifest says something else.
    let fuel = (policy.on_fuel != policy.on_trap).then(|| word(ON_FAULT, &policy.on_fuel).to_string());
    let overrun = (policy.on_overrun != default.on_overrun).then(|| word(ON_OVERRUN, &policy.on_overrun));
    let confirm = (policy.confirm != default.confirm).then(|| word(CONFIRM, &policy.confirm));
    let all = [
        ("on_trap", (policy.on_trap != default.on_trap).then(|| fault.to_string())),
        ("on_fuel", fuel),
        ("restarts", number(policy.restarts.into(), default.restarts.into())),
        ("on_overrun", overrun.map(str::to_string)),
        ("coalesce", (policy.coalesce != default.coalesce).then(|| policy.coalesce.to_string())),
        ("link_timeout_ms", number(policy.link_timeout_ms, default.link_timeout_ms)),
        ("confirm_ms", number(policy.confirm_ms, default.confirm_ms)),
        ("confirm", confirm.map(str::to_string)),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Returns what an image keeps over a swap, a line for each part. `names` are the manifest's, as the map has
/// them.
pub fn kept(policy: &FaultPolicy, names: &[String]) -> Vec<String> {
    let name = |n: usize| names.get(n).filter(|name| !name.is_empty()).map(|name| format!("  {name}"));
    let one = |(n, keep): (usize, &Keep)| {
        let place = match *keep {
            Keep::Global(slot) => format!("global {slot}"),
            Keep::Memory { from, bytes } => {
                format!("{from:#06x} to {:#06x}", u64::from(from) + u64::from(bytes))
            }
        };
        place + &name(n).unwrap_or_default()
    };
    policy.keep.iter().enumerate().map(one).collect()
}

/// Returns the layout of what an image keeps, and the key of `[keep]` about restarts where it differs from
/// the default.
pub fn kept_by(policy: &FaultPolicy) -> String {
    let restart = match policy.persist {
        Persist::AsConfigured => String::new(),
        Persist::EveryS(every_s) => format!(", every_s {every_s}"),
        Persist::Never => ", restart false".to_string(),
    };
    format!("layout {:08x}{restart}", policy.layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_image::{Confirm, OnFault, OnOverrun};

    #[test]
    fn the_default_says_nothing_and_the_opposite_says_everything() {
        assert_eq!(policy(&FaultPolicy::default()), []);
        let other = FaultPolicy {
            on_trap: OnFault::Restart,
            on_fuel: OnFault::Safe,
            restarts: 0,
            on_overrun: OnOverrun::DropNewest,
            coalesce: false,
            link_timeout_ms: 500,
            confirm_ms: 0,
            confirm: Confirm::Host,
            ..FaultPolicy::default()
        };
        let text: Vec<String> =
            policy(&other).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            text.join(" "),
            "on_trap=restart on_fuel=safe restarts=0 on_overrun=drop_newest coalesce=false \
             link_timeout_ms=500 confirm_ms=0 confirm=host"
        );
        let fuel_too =
            FaultPolicy { on_trap: OnFault::Safe, on_fuel: OnFault::Safe, ..FaultPolicy::default() };
        assert_eq!(policy(&fuel_too), [("on_trap", "safe".to_string())]);
        let fuel_not = FaultPolicy { on_trap: OnFault::Safe, ..FaultPolicy::default() };
        assert_eq!(policy(&fuel_not).len(), 2);
    }

    #[test]
    fn what_a_restart_brings_stands_behind_the_layout_where_it_is_no_default() {
        for (persist, text) in [
            (Persist::AsConfigured, "layout 0000beef"),
            (Persist::EveryS(86_400), "layout 0000beef, every_s 86400"),
            (Persist::Never, "layout 0000beef, restart false"),
        ] {
            assert_eq!(kept_by(&FaultPolicy { layout: 0xbeef, persist, ..FaultPolicy::default() }), text);
        }
    }
}
