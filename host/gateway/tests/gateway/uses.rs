//! What clients over HTTP were made for: held at the device while their streams are open, asked for at a
//! swap, given back at their end; and pages of other origins.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value as Json, json};
use xmap_gateway::tokens::token_of;
use xmap_keys::roles::make_role_key;
use xmap_link::{Pattern, Role};

use crate::rig::{Gateway, answer, hall, lamp, stairwell};

const UNTRIED: &str = "[policy]\nconfirm_ms = 0\n";

/// A gateway with a simulated hall, and tokens of an operator and of an owner.
fn guarded() -> (Gateway, String, String) {
    let mut tokens = Vec::new();
    let config = "[[device]]\nname = \"hall\"\nsim = \"hall.xmap\"\n[[token]]\nname = \"operator\"\nkey = \"operator.key\"\n\
                  [[token]]\nname = \"owner\"\nkey = \"owner.key\"\n";
    let mut gateway = Gateway::with(config, |folder| {
        std::fs::write(folder.join("hall.xmap"), lamp(1, UNTRIED, "").0).unwrap();
        for (name, role) in [("operator", Role::Operate), ("owner", Role::Own)] {
            let allow = [Pattern::new("hall.*").unwrap()];
            let key = make_role_key(&folder.join(format!("{name}.key")), role, &allow).unwrap();
            tokens.push(token_of(&key));
        }
    });
    let (owner, operator) = (tokens.remove(1), tokens.remove(0));
    gateway.token = operator.clone();
    gateway.wait("/v1/devices/hall", |device| device["online"] == true);
    (gateway, operator, owner)
}

fn contract(gateway: &Gateway, key: &str) -> String {
    let device = gateway.get("/v1/devices/hall");
    let found = device["exports"].as_array().unwrap().iter().find(|export| export["key"] == key);
    found.unwrap()["contract"].as_str().unwrap().to_string()
}

fn uses(gateway: &Gateway, wanted: &Json) {
    gateway.wait("/v1/devices/hall", |device| device["uses"] == *wanted);
}

#[test]
fn a_swap_asks_what_open_streams_were_made_for() {
    let (gateway, operator, owner) = guarded();
    let swap = |token: &str, query: &str, image: &[u8]| {
        let path = format!("/v1/devices/hall/modules/0/image{query}");
        gateway.ask_as(Some(token), "PUT", &path, image)
    };
    let hash = contract(&gateway, "hall.version");
    let path = format!("/v1/devices/hall/events?uses=hall.version:{hash}");
    let mut first = gateway.events(&path);
    assert_eq!(first.next().1["uses"], json!(["hall.version"]), "before its first word");
    let mut second = gateway.events(&path);
    assert_eq!(second.next().1["uses"], json!(["hall.version"]));

    let changed = hall(2, UNTRIED, "", "u64", "i64").0;
    let refused = swap(&operator, "", &changed);
    assert_eq!((refused.status, refused.code().as_str()), (409, "X1604"), "{}", refused.body);
    let said = "hall: hall.version is in use: result-type-widened: result 0 was `u32`, and is `u64`";
    assert_eq!(refused.json()["detail"], said);
    assert_eq!(gateway.call("hall", "hall.version", "").json()["results"], json!([1]));

    // What is not in use may change, and what is in use is so of the next image.
    assert_eq!(swap(&operator, "", &lamp(2, UNTRIED, "").0).status, 200);
    uses(&gateway, &json!(["hall.version"]));
    // One of two streams ends: the other one still holds it.
    drop(second);
    uses(&gateway, &json!(["hall.version"]));
    assert_eq!(swap(&operator, "", &changed).code(), "X1604");

    // To break them is the owner's right, and they learn of it.
    let denied = swap(&operator, "?force=true", &changed);
    assert_eq!((denied.status, denied.code().as_str()), (403, "X1504"));
    assert_eq!(swap(&owner, "?force=maybe", &changed).code(), "X1508");
    let forced = swap(&owner, "?force=true", &hall(3, UNTRIED, "", "u64", "i64").0);
    assert_eq!(forced.status, 200, "{}", forced.body);
    let told = first.until("contract", |news| news["key"] == "hall.version");
    assert_eq!(told["code"], "X1606");
    assert!(told["text"].as_str().unwrap().contains("hall.version has the contract "), "{told}");
    uses(&gateway, &json!([]));
    drop(first);

    // A client is refused when it connects, with nothing held; one that is gone holds nothing.
    let connect = |uses: &str| gateway.ask("GET", &format!("/v1/devices/hall/events?uses={uses}"), b"");
    let refused = connect(&format!("hall.version:{hash}"));
    assert_eq!((refused.status, refused.code().as_str()), (409, "X1606"), "{}", refused.body);
    assert_eq!(connect(&format!("hall.nothing:{hash}")).code(), "X0909");
    assert_eq!(connect(&format!("porch.lamp:{hash}")).code(), "X1504");
    assert_eq!(connect("hall.version").code(), "X1508");
    let stream = gateway
        .events(&format!("/v1/devices/hall/events?uses=hall.lamp_on:{}", contract(&gateway, "hall.lamp_on")));
    uses(&gateway, &json!(["hall.lamp_on"]));
    drop(stream);
    uses(&gateway, &json!([]));
}

/// Asks as a browser does for a page of another origin.
fn from_origin(gateway: &Gateway, method: &str, path: &str, origin: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: {origin}\r\nContent-Length: 0\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let answer = answer(stream);
    (answer.status, answer.head)
}

#[test]
fn scripts_of_listed_origins_alone_may_ask() {
    let page = "http://127.0.0.1:8000";
    let gateway = Gateway::start(&["--sim", &stairwell(), "--origin", page]);
    gateway.wait("/v1/devices/sim", |device| device["online"] == true);
    let path = "/v1/devices/sim/exports/stairs.lamp_on";
    let preflight =
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n";
    let (status, head) = from_origin(&gateway, "OPTIONS", path, page, preflight);
    assert_eq!(status, 204);
    for header in [
        "access-control-allow-origin: http://127.0.0.1:8000\r\n",
        "access-control-allow-methods: get, post, put\r\n",
        "access-control-allow-headers: authorization, content-type\r\n",
        "vary: origin\r\n",
    ] {
        assert!(format!("{head}\r\n").contains(header), "{header} is not in {head}");
    }
    assert!(!head.contains("allow-credentials"));
    let token = format!("Authorization: Bearer {}\r\n", gateway.token);
    let (status, head) = from_origin(&gateway, "POST", path, page, &token);
    assert!(status == 200 && head.contains("access-control-allow-origin: http://127.0.0.1:8000"), "{head}");
    // An origin is no token.
    let (status, head) = from_origin(&gateway, "POST", path, page, "");
    assert!(status == 401 && head.contains("access-control-allow-origin"), "the page reads why: {head}");
    for other in ["http://127.0.0.1:8001", "https://127.0.0.1:8000", "null", "http://127.0.0.1:8000.example"]
    {
        let (status, head) = from_origin(&gateway, "OPTIONS", path, other, preflight);
        assert!(status == 405 && !head.contains("access-control"), "{other}: {status} {head}");
        let (_, head) = from_origin(&gateway, "POST", path, other, &token);
        assert!(!head.contains("access-control"), "{other}: {head}");
    }
}
