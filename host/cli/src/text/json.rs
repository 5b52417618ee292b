//! What a device said, for scripts: one value for each thing, with numbers as numbers.
//!
//! Hashes are text in hexadecimal, times and counters have their unit in their name as in `docs/link.md`.
//! Fields may be added; none goes away or changes its meaning.

use serde_json::{Value as Json, json};
use tiny_mapper::TrapCode;
use xmap_link::{
    BOUNDS_US, Boot, ClockStatus, DeviceEvent, DeviceEventKind, ExportMetrics, Hello, HostCounts, ImageInfo,
    ImageState, KeepStatus, ModuleStatus, RollbackReason, Status, TrapReport, TrustStatus,
};
use xmap_sim::Value;

use super::modules::{Maps, happening_text, rejection_text, state_text};
pub use super::report::board_name;
use super::report::features_of;
use xmap_client::Admission;
use xmap_client::Called;
use xmap_client::Metrics;
use xmap_client::Swapped;
use xmap_compiler::map::hex;
use xmap_trust::Limit;

/// Returns what a device trusts; null on a development device.
pub fn trust(trust: Option<&TrustStatus>) -> Json {
    let Some(TrustStatus { policy, rejected, last }) = trust else { return Json::Null };
    let last = last.as_ref().map(|last| {
        json!({ "time_us": last.time_us, "module": last.module, "code": last.code, "text": rejection_text(last) })
    });
    json!({ "policy": policy, "rejected": rejected, "last": last })
}

/// Returns how hosts fare.
pub fn hosts(counts: &HostCounts) -> Json {
    json!({
        "mistakes": counts.mistakes,
        "texts_lost": counts.texts_lost,
        "lines_lost": counts.lines_lost,
    })
}

/// Returns what a device counts.
pub fn metrics(metrics: &Metrics) -> Json {
    let export = |(key, of): &(String, ExportMetrics)| {
        let times: Vec<Json> = of
            .times
            .iter()
            .zip(BOUNDS_US.iter().map(Some).chain([None]))
            .map(|(count, bound)| json!({ "le_us": bound, "calls": count }))
            .collect();
        json!({
            "module": of.module,
            "export": of.export.map(|_| key),
            "calls": of.calls,
            "traps": of.traps,
            "refused": of.refused,
            "time_us": of.time_us,
            "times": times,
            "fuel": of.fuel,
            "fuel_max": of.fuel_max,
            "late_us_max": of.late_us_max,
        })
    };
    json!({
        "status": status(&metrics.status, &Maps::default()),
        "hosts": hosts(&metrics.hosts),
        "modules": metrics.modules.iter().map(|of| module(of, &Maps::default())).collect::<Vec<_>>(),
        "exports": metrics.exports.iter().map(export).collect::<Vec<_>>(),
    })
}

/// The wall clock of a device; null where its firmware knows none.
pub fn clock(status: Option<&ClockStatus>) -> Json {
    super::clock::clock_json(status)
}

/// Returns what a restart of the device brings; null where it has no storage.
pub fn kept(status: Option<&KeepStatus>, modules: &[ModuleStatus]) -> Json {
    super::kept::kept_json(status, modules)
}

/// Returns what an image may ask for, by the names of the limits.
pub fn limits(limits: Option<&[(Limit, u32)]>) -> Json {
    limits.map_or(Json::Null, |limits| {
        limits.iter().map(|(limit, value)| (limit.name(), json!(value))).collect()
    })
}

/// Returns who a device is.
pub fn hello(hello: &Hello) -> Json {
    json!({
        "board": board_name(hello),
        "firmware": hello.firmware.as_str(),
        "protocol": hello.protocol,
        "boot": match hello.boot { Boot::Normal => "normal", Boot::Safe => "safe" },
        "clock_hz": hello.clock_hz,
        "features": features_of(hello.features).collect::<Vec<_>>(),
        "image": hello.image.as_ref().map(image),
    })
}

/// Returns who may ask it.
pub fn access(admission: Admission) -> Json {
    json!(match admission {
        Admission::Open => "open",
        Admission::KeyRequired => "key_required",
        Admission::Role(role) => role.name(),
    })
}

/// Returns how a device is.
pub fn status(status: &Status, maps: &Maps) -> Json {
    json!({
        "uptime_us": status.uptime_us,
        "state": state(&status.image, maps),
        "calls": status.calls,
        "traps": status.traps,
        "refused": status.refused,
        "frames_good": status.frames_good,
        "frames_bad": status.frames_bad,
        "trace_next": status.trace_next,
        "trace_lost": status.trace_lost,
    })
}

/// Returns how a module is.
pub fn module(module: &ModuleStatus, maps: &Maps) -> Json {
    json!({
        "module": module.module,
        "name": module.name.as_str(),
        "life": module.life.name(),
        "image": module.image.as_ref().map(image),
        "generation": module.generation,
        "trial_ms": module.trial_ms,
        "previous": module.previous,
        "calls": module.calls,
        "traps": module.traps,
        "events": module.events,
        "missed": module.missed,
        "dropped": module.dropped,
        "coalesced": module.coalesced,
        "restarts": module.restarts,
        "late_us": module.late_us,
        "trap": module.trap.as_ref().map(|t| trap(t, maps)),
    })
}

/// A module that runs another image now.
pub fn swapped(name: &str, swapped: &Swapped) -> Json {
    json!({
        "module": swapped.module,
        "name": name,
        "generation": swapped.generation,
        "trial_ms": swapped.trial_ms,
    })
}

/// Returns what became of an image.
pub fn state(state: &ImageState, maps: &Maps) -> Json {
    let (kind, more) = match state {
        ImageState::None => ("none", Json::Null),
        ImageState::Mounted => ("mounted", Json::Null),
        ImageState::Rejected { code, detail } => ("rejected", json!({ "code": code, "detail": detail })),
        ImageState::MountRefused { result } => ("mount_refused", json!({ "result": result })),
        ImageState::MountTrapped(t) => ("mount_trapped", trap(t, maps)),
    };
    json!({ "is": kind, "detail": more, "text": state_text(state, maps) })
}

/// A trap, with its place in the source where a map knows it.
pub fn trap(trap: &TrapReport, maps: &Maps) -> Json {
    let origin = maps.origin(trap);
    json!({
        "code": TrapCode::from_u8(trap.code).map_or_else(|| trap.code.to_string(), |code| code.to_string()),
        "export": trap.export,
        "key": maps.key(trap),
        "op": (trap.op != u32::MAX).then_some(trap.op),
        "detail": trap.detail,
        "source": origin.as_ref().and_then(|origin| origin.source.clone()),
        "function": origin.map(|origin| origin.function),
    })
}

/// The calls by which a trap was come to, the innermost first.
pub fn callers(trap: &TrapReport, ops: &[u32], maps: &Maps) -> Json {
    let origins = maps.callers(trap, ops);
    let one = |(n, op): (usize, &u32)| {
        let origin = origins.get(n).filter(|_| origins.len() == ops.len());
        json!({
            "op": op,
            "source": origin.and_then(|origin| origin.source.clone()),
            "function": origin.map(|origin| origin.function.clone()),
        })
    };
    ops.iter().enumerate().map(one).collect()
}

/// Something that happened, with its number.
pub fn happening(number: u32, happening: &DeviceEvent, name: &str, maps: &Maps) -> Json {
    let (kind, more) = match &happening.what {
        DeviceEventKind::Mounted => ("mounted", Json::Null),
        DeviceEventKind::NotMounted(s) => ("not_mounted", state(s, maps)),
        DeviceEventKind::Swapped => ("swapped", Json::Null),
        DeviceEventKind::Confirmed => ("confirmed", Json::Null),
        DeviceEventKind::RolledBack(w) => ("rolled_back", why(w, maps)),
        DeviceEventKind::Trapped(t) => ("trapped", trap(t, maps)),
        DeviceEventKind::Mistaken(t) => ("mistaken", trap(t, maps)),
        DeviceEventKind::Refused(t) => ("refused", trap(t, maps)),
        DeviceEventKind::MadeSafe => ("made_safe", Json::Null),
        DeviceEventKind::Restarted => ("restarted", Json::Null),
        DeviceEventKind::Faulted => ("faulted", Json::Null),
        DeviceEventKind::Reset => ("reset", Json::Null),
        DeviceEventKind::HostLost => ("host_lost", Json::Null),
        DeviceEventKind::HostBack => ("host_back", Json::Null),
        DeviceEventKind::Overrun => ("overrun", Json::Null),
        DeviceEventKind::TransferEnded => ("transfer_ended", Json::Null),
        DeviceEventKind::Policy { version } => ("policy", json!({ "version": version })),
        DeviceEventKind::Disallowed { code } => ("disallowed", json!({ "code": code })),
        DeviceEventKind::NotKept { thing, fault } => {
            ("not_kept", json!({ "thing": thing.to_string(), "why": fault.to_string() }))
        }
        DeviceEventKind::KeptAgain { thing } => ("kept_again", json!({ "thing": thing.to_string() })),
        DeviceEventKind::SetAside { starts } => ("set_aside", json!({ "starts": starts })),
    };
    json!({
        "number": number,
        "time_us": happening.time_us,
        "module": happening.module,
        "name": name,
        "what": kind,
        "detail": more,
        "text": happening_text(&happening.what, maps),
    })
}

/// Returns why an image was taken back.
pub fn why(why: &RollbackReason, maps: &Maps) -> Json {
    match why {
        RollbackReason::Trap(t) => json!({ "because": "trap", "detail": trap(t, maps) }),
        RollbackReason::NotMounted(s) => json!({ "because": "not_mounted", "detail": state(s, maps) }),
        RollbackReason::Unconfirmed => json!({ "because": "unconfirmed", "detail": null }),
        RollbackReason::Asked => json!({ "because": "asked", "detail": null }),
    }
}

/// A call: its results, or its trap.
pub fn called(called: &Called, maps: &Maps) -> Json {
    let (results, t) = match &called.outcome {
        Ok(results) => (Some(results.iter().map(value).collect::<Vec<_>>()), None),
        Err(t) => (None, Some(trap(t, maps))),
    };
    let mut object =
        json!({ "name": called.name, "key": called.export.key.as_str(), "results": results, "trap": t });
    if called.missing > 0 {
        object["missing_bytes"] = called.missing.into();
    }
    object
}

/// A result. What JSON has no number for is text: infinities and NaN. Bytes are text as they are printed.
pub fn value(value: &Value) -> Json {
    match value {
        Value::Bool(x) => (*x).into(),
        Value::U8(x) => (*x).into(),
        Value::I8(x) => (*x).into(),
        Value::U16(x) => (*x).into(),
        Value::I16(x) => (*x).into(),
        Value::U32(x) => (*x).into(),
        Value::I32(x) => (*x).into(),
        Value::U64(x) => (*x).into(),
        Value::I64(x) => (*x).into(),
        Value::Str(text) => text.as_str().into(),
        Value::Bytes(_) => value.to_string().into(),
        // As it is printed: 0.1 and not what an f64 makes of an f32's 0.1.
        Value::F32(_) | Value::F64(_) => {
            let text = value.to_string();
            let number = text.parse().ok().and_then(serde_json::Number::from_f64);
            number.map_or_else(|| text.into(), Json::from)
        }
    }
}

fn image(image: &ImageInfo) -> Json {
    json!({ "hash": hex(&image.hash), "version": image.version, "exports": image.exports })
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_link::Described;

    #[test]
    fn results_are_numbers_where_json_has_one() {
        let results = vec![
            Value::Bool(true),
            Value::I8(-1),
            Value::U64(u64::MAX),
            Value::I64(i64::MIN),
            Value::F32(0.1),
            Value::F64(-2.5e-300),
            Value::F32(f32::NAN),
            Value::F64(f64::NEG_INFINITY),
        ];
        let export = Described {
            id: 0,
            key: "panel.x".try_into().unwrap(),
            params: Default::default(),
            results: Default::default(),
        };
        let outcome = Called { name: "x".into(), export, outcome: Ok(results), missing: 0 };
        let expected = concat!(
            r#"{"key":"panel.x","name":"x","results":[true,-1,18446744073709551615,-9223372036854775808,"#,
            r#"0.1,-2.5e-300,"NaN","-inf"],"trap":null}"#
        );
        assert_eq!(called(&outcome, &Maps::default()).to_string(), expected);
    }
}
