//! What a restart of a device brings, and what it does not.

use std::fmt::Write;

use serde_json::{Value as Json, json};
use xmap_link::limits::MAX_MODULES;
use xmap_link::{KeepStatus, ModuleStatus, Thing};

use super::report::uptime;

/// The things that a bit set of [`KeepStatus`] names, each with the module's name where it has one.
fn named(missing: u16, modules: &[ModuleStatus]) -> String {
    let of = |module: u8| {
        let name = modules.iter().find(|status| status.module == module).map_or("", |s| s.name.as_str());
        format!("module {module} {}", name.escape_debug()).trim_end().to_owned()
    };
    let each = |thing: Thing| {
        (0..MAX_MODULES as u8)
            .filter(move |module| missing & thing.bit(*module) != 0)
            .map(move |module| format!("{thing} of {}", of(module)))
    };
    let shared = [Thing::Versions, Thing::Policy].into_iter().filter(|thing| missing & thing.bit(0) != 0);
    let all = each(Thing::Image).chain(each(Thing::State)).chain(shared.map(|thing| thing.to_string()));
    all.collect::<Vec<_>>().join(", ")
}

/// Returns what a restart brings, as `xmap status` says it.
pub fn kept_report(status: Option<&KeepStatus>, modules: &[ModuleStatus]) -> String {
    let Some(status) = status else { return String::new() };
    if !status.storage {
        return "kept      nothing: the device has no storage, and a restart brings what it was made with\n"
            .into();
    }
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        writeln!(text, "{name:<9} {value}").expect("a string takes any text");
    };
    match status.fault {
        _ if status.missing == 0 => line("kept", "yes: a restart brings what runs".into()),
        None => line("kept", format!("not yet: {} is being written", named(status.missing, modules))),
        Some(fault) => {
            let (since, missing) = (uptime(status.since_us), named(status.missing, modules));
            line("kept", format!("NO, since {since}: {fault}: a restart does not bring {missing}"));
        }
    }
    for module in (0..MAX_MODULES as u8).filter(|module| status.set_aside >> module & 1 != 0) {
        let text =
            "its newest image was set aside, because starts with it did not end well; a swap ends that";
        line("set aside", format!("module {module}: {text}"));
    }
    for module in (0..MAX_MODULES as u8).filter(|module| status.newer_default >> module & 1 != 0) {
        let text = "runs the image of its slot; the default panel is a newer version (`xmapd --forget` drops the slot)";
        line("default", format!("module {module} {text}"));
    }
    text
}

/// The same for scripts; null where the device has no storage.
pub(super) fn kept_json(status: Option<&KeepStatus>, modules: &[ModuleStatus]) -> Json {
    let Some(status) = status.filter(|status| status.storage) else { return Json::Null };
    let bits = |bits: u8| (0..8).filter(|module| bits >> module & 1 != 0).collect::<Vec<u8>>();
    json!({
        "all": status.missing == 0,
        "pending": status.pending,
        "missing": named(status.missing, modules),
        "missing_bits": status.missing,
        "why": status.fault.map(|fault| fault.to_string()),
        "since_us": (status.missing != 0).then_some(status.since_us),
        "written_us": status.written_us,
        "set_aside": bits(status.set_aside),
        "newer_default": bits(status.newer_default),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_link::KeepFault;

    #[test]
    fn what_a_restart_brings_reads_like_this() {
        let hall = ModuleStatus { name: "ha\u{1b}ll".try_into().unwrap(), ..ModuleStatus::default() };
        let tell = |status: &KeepStatus| kept_report(Some(status), std::slice::from_ref(&hall));
        assert_eq!(kept_report(None, &[]), "", "a device that does not say");
        assert!(tell(&KeepStatus::default()).starts_with("kept      nothing: the device has no storage"));
        let good = KeepStatus { storage: true, ..KeepStatus::default() };
        assert_eq!(tell(&good), "kept      yes: a restart brings what runs\n");
        let missing = Thing::Image.bit(0) | Thing::State.bit(3) | Thing::Policy.bit(0);
        let writing = KeepStatus { missing, pending: true, ..good };
        let things = "the image of module 0 ha\\u{1b}ll, the retained state of module 3, the policy";
        assert_eq!(tell(&writing), format!("kept      not yet: {things} is being written\n"));
        let fault = Some(KeepFault::System { errno: 28 });
        let failed = KeepStatus { fault, since_us: 2_000_000, set_aside: 2, newer_default: 1, ..writing };
        let expected = format!(
            "kept      NO, since 00:00:02.000: no space left on the disk: a restart does not bring {things}\n\
             set aside module 1: its newest image was set aside, because starts with it did not end well; a swap ends that\n\
             default   module 0 runs the image of its slot; the default panel is a newer version (`xmapd --forget` drops the slot)\n"
        );
        assert_eq!(tell(&failed), expected);
        let json = kept_json(Some(&failed), &[hall]);
        assert_eq!((&json["all"], &json["why"]), (&false.into(), &"no space left on the disk".into()));
        assert_eq!(json["set_aside"].to_string(), "[1]");
    }
}
