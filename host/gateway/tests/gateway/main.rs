//! The gateway as a program, over real sockets.

mod faults;
mod fleet;
mod load;
mod mqtt;
mod rig;
mod routes;
mod tls;
mod uses;

use rig::{Gateway, lamp, root};
use serde_json::json;

#[test]
fn a_panel_is_seen_called_and_pressed() {
    let gateway = Gateway::stairwell();
    let device = gateway.get("/v1/devices/sim");
    let lines = device["levels"]["lines"].as_array().unwrap();
    let names: Vec<&str> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["floor_0", "floor_1", "floor_2", "lamp", "floor_3", "pump", "float_switch", "button"]);
    let mut events = gateway.events("/v1/devices/sim/events");
    assert_eq!(events.next().0, "device");
    let called = gateway.call("sim", "stairs.lamp_on", "");
    let expected = json!({ "key": "stairs.lamp_on", "name": "stairs.lamp_on", "results": [], "trap": null });
    assert_eq!((called.status, called.json()), (200, expected));
    let store = events.until("store", |store| store["text"] == "GPSET0 0x00020000");
    assert_eq!(store["lines"], json!([{ "line": 17, "name": "lamp" }]));
    let lit = |levels: &serde_json::Value, name: &str| {
        levels["lines"].as_array().unwrap().iter().any(|line| line["name"] == name && line["high"] == true)
    };
    gateway.wait("/v1/devices/sim/levels", |levels| lit(levels, "lamp"));
    // A press of the button, which is an input with a pull-up.
    let down = gateway.call("sim", "stairs.button_down", "").json();
    assert_eq!(down["results"], json!([false]));
    let pressed = gateway.ask("POST", "/v1/devices/sim/lines/button", br#"{"level":false}"#);
    assert_eq!((pressed.status, pressed.json()), (200, json!({ "line": 27, "level": false })));
    gateway.wait("/v1/devices/sim/levels", |levels| !lit(levels, "button"));
    assert_eq!(gateway.call("sim", "stairs.button_down", "").json()["results"], json!([true]));
    let refused = gateway.ask("POST", "/v1/devices/sim/lines/lamp", br#"{"level":true}"#);
    assert_eq!((refused.status, refused.code().as_str()), (409, "X1511"));
    // Types are held, and what does not fit says what would.
    let floor = |args: &str| gateway.call("sim", "stairs.floor_light", args);
    assert_eq!(floor(r#"{"args":[2,true]}"#).json()["results"], json!([true]));
    assert_eq!(floor(r#"{"args":["0x3",false]}"#).json()["results"], json!([true]));
    for (args, status, code) in [
        (r#"{"args":[256,true]}"#, 422, "X0910"),
        (r#"{"args":[1.5,true]}"#, 422, "X0910"),
        (r#"{"args":[1,1]}"#, 422, "X0910"),
        (r#"{"args":[true,true]}"#, 422, "X0910"),
        (r#"{"args":[1]}"#, 422, "X0910"),
        (r#"{"args":{}}"#, 400, "X1508"),
        (r#"{"arg":[1,true]}"#, 400, "X1508"),
        ("[1,true]", 400, "X1508"),
        ("{", 400, "X1508"),
    ] {
        let answer = floor(args);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{args}: {}", answer.body);
    }
    let missing = gateway.call("sim", "stairs.lamp_onn", "");
    assert_eq!((missing.status, missing.code().as_str()), (404, "X0909"));
    assert_eq!(missing.json()["help"], "did you mean `stairs.lamp_on`?");
    let metrics = gateway.ask("GET", "/metrics", b"").body;
    for line in [
        "xmap_device_up{device=\"sim\"} 1",
        "xmap_line_high{device=\"sim\",line=\"17\",name=\"lamp\"} 1",
        "xmap_module_running{device=\"sim\",module=\"0\",name=\"stairwell\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn an_image_is_swapped_while_the_lamp_is_on_and_a_bad_one_goes_back_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("hall.xmap");
    std::fs::write(&first, lamp(1, "", "").0).unwrap();
    let gateway = Gateway::start(&["--sim", first.to_str().unwrap()]);
    gateway.wait("/v1/devices/sim", |device| device["online"] == true);
    gateway.call("sim", "hall.lamp_on", "");
    let swap = |image: &[u8]| gateway.ask("PUT", "/v1/devices/sim/modules/0/image", image);
    let mut events = gateway.events("/v1/devices/sim/events");
    let good = swap(&lamp(2, "[policy]\nconfirm = \"host\"\nconfirm_ms = 60000\n", "").0);
    assert_eq!(good.json(), json!({ "module": 0, "name": "hall", "generation": 2, "trial_ms": 60000 }));
    let sent = events.until("progress", |progress| progress["bytes"] == progress["of"]);
    assert_eq!(sent["module"], 0);
    events.until("event", |event| event["what"] == "swapped");
    // While it is on trial nothing else comes in.
    let busy = swap(&lamp(3, "", "").0);
    assert_eq!((busy.status, busy.code().as_str()), (409, "X0917"));
    let confirmed = gateway.ask("POST", "/v1/devices/sim/modules/0/confirm", b"");
    assert_eq!(confirmed.json(), json!({ "module": 0, "confirmed": true }));
    assert_eq!(gateway.call("sim", "hall.version", "").json()["results"], json!([2]));
    for version in [1, 2] {
        let rolled = gateway.ask("POST", "/v1/devices/sim/modules/0/rollback", b"");
        assert_eq!(rolled.status, 200, "{}", rolled.body);
        assert_eq!(gateway.call("sim", "hall.version", "").json()["results"], json!([version]));
    }
    // One that traps in its trial: the way back, and the place in its source.
    let (image, map) = lamp(4, "", "(drop (i32.div_u (i32.const 1) (global.get $zero)))");
    assert_eq!(gateway.ask("PUT", "/v1/maps", map.as_bytes()).status, 200);
    assert_eq!(swap(&image).status, 200);
    let back = events.until("event", |event| event["detail"]["because"] == "trap");
    assert_eq!(back["detail"]["detail"]["function"], "function $tick (3)", "{back}");
    assert_eq!(gateway.call("sim", "hall.version", "").json()["results"], json!([2]));
    let nothing = gateway.ask("POST", "/v1/devices/sim/modules/0/rollback", b"");
    assert_eq!((nothing.status, nothing.code().as_str()), (409, "X0903"), "{}", nothing.body);
    let device = gateway.get("/v1/devices/sim");
    let stores = device["stores"].as_array().unwrap();
    let of_lamp = stores.iter().filter(|store| store["lines"][0]["line"] == 17);
    assert_eq!(of_lamp.count(), 1, "lit once, and not written by any of this: {stores:?}");
    assert_eq!(device["levels"]["lines"][0]["high"], true);
    // What is no image is none of the device's business.
    for (body, code) in [(&b"XMAP"[..], "X0701"), (b"abcd", "X0105"), (b"abc", "X0105")] {
        let answer = swap(body);
        assert_eq!((answer.status, answer.code().as_str()), (422, code));
    }
    let answer = gateway.ask("PUT", "/v1/devices/sim/modules/7/image", &image);
    assert_eq!((answer.status, answer.code().as_str()), (404, "X0915"));
}

#[test]
fn the_demo_needs_no_file() {
    let gateway = Gateway::start(&["--demo"]);
    gateway.wait("/v1/devices/sim", |device| device["online"] == true);
    assert_eq!(gateway.call("sim", "stairs.lamp_on", "").status, 200);
}

#[test]
fn a_trap_has_its_source_line() {
    let panel = root().join("tests/panels/lamp/panel.toml");
    let gateway = Gateway::start(&["--sim", panel.to_str().unwrap()]);
    gateway.wait("/v1/devices/sim", |device| device["online"] == true);
    let called = gateway.call("sim", "lamp.blinks_per_minute", r#"{"args":[0]}"#);
    let trap = &called.json()["trap"];
    assert_eq!((called.status, &trap["code"]), (200, &json!("divide_by_zero")));
    assert!(trap["source"].as_str().unwrap().contains("lamp.c:72"), "{trap}");
}
