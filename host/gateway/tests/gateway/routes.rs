//! Who may ask what: every route without a token, with tokens of each role, and the document of all routes.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;
use xmap_gateway::http::routes;
use xmap_gateway::tokens::token_of;
use xmap_keys::roles::make_role_key;
use xmap_link::{Pattern, Role};

use crate::rig::{Gateway, stairwell};

/// A path with something in each place.
fn filled(path: &str) -> String {
    let key = path.replace("{device}", "one").replace("{key}", "stairs.lamp_on");
    key.replace("{line}", "button").replace("{module}", "0")
}

/// A gateway with a token of each role, and one for one device alone.
fn guarded() -> (Gateway, Vec<String>) {
    let mut tokens = Vec::new();
    let panel = stairwell();
    let mut config =
        format!("[[device]]\nname = \"one\"\nsim = {panel:?}\n[[device]]\nname = \"two\"\nsim = {panel:?}\n");
    let make = |folder: &Path, tokens: &mut Vec<String>| {
        for role in Role::ALL {
            let allow = [Pattern::new("stairs.lamp_*").unwrap()];
            let key = make_role_key(&folder.join(format!("{role}.key")), role, &allow).unwrap();
            tokens.push(token_of(&key));
        }
    };
    for role in Role::ALL {
        config += &format!("[[token]]\nname = \"{role}\"\nkey = \"{role}.key\"\ndevices = [\"one\"]\n");
    }
    let gateway = Gateway::with(&config, |folder| make(folder, &mut tokens));
    let online = |answer: &str| serde_json::from_str::<Json>(answer).unwrap()["online"] == true;
    while !online(&gateway.ask_as(Some(&tokens[3]), "GET", "/v1/devices/one", b"").body) {}
    (gateway, tokens)
}

#[test]
fn nobody_without_a_token_gets_or_changes_anything() {
    let (gateway, tokens) = guarded();
    let before = gateway.ask_as(Some(&tokens[0]), "GET", "/v1/devices/one", b"").json();
    for route in routes() {
        for token in [None, Some(""), Some("0"), Some(&tokens[3][..31])] {
            let answer =
                gateway.ask_as(token, route.method.as_str(), &filled(route.path), b"{\"level\":false}");
            match route.needs {
                None => assert_eq!(answer.status, 200, "{}", route.path),
                Some(_) => {
                    assert!(matches!(answer.status, 401 | 429), "{}: {}", route.path, answer.status);
                    assert!(matches!(answer.code().as_str(), "X1503" | "X1510"));
                    assert!(!answer.body.contains("lamp"), "{}", answer.body);
                }
            }
            assert!(!answer.head.contains("access-control"), "no CORS");
        }
    }
    let after = gateway.ask_as(Some(&tokens[0]), "GET", "/v1/devices/one", b"").json();
    for field in ["exports", "levels", "stores", "events"] {
        let at = |of: &Json| if field == "levels" { of[field]["banks"].clone() } else { of[field].clone() };
        assert_eq!(at(&before), at(&after), "{field}");
    }
}

#[test]
fn each_role_gets_what_it_includes_and_its_own_devices() {
    let (gateway, tokens) = guarded();
    for (role, token) in Role::ALL.into_iter().zip(&tokens) {
        for route in routes() {
            let Some(needs) = route.needs else { continue };
            if route.path.ends_with("events") {
                continue;
            }
            let answer = gateway.ask_as(Some(token), route.method.as_str(), &filled(route.path), b"");
            let denied = answer.status == 403;
            assert_eq!(denied, role < needs, "{role} {}: {} {}", route.path, answer.status, answer.body);
            // The other device is not there for any of them.
            if route.path.contains("{device}") && role >= needs {
                let other = filled(route.path).replace("/one", "/two");
                let answer = gateway.ask_as(Some(token), route.method.as_str(), &other, b"");
                assert_eq!((answer.status, answer.code().as_str()), (404, "X1505"), "{other}");
            }
        }
    }
    // Of the exports, those of the list.
    let call = |token: &str, key: &str| {
        gateway.ask_as(Some(token), "POST", &format!("/v1/devices/one/exports/{key}"), b"")
    };
    assert_eq!(call(&tokens[1], "stairs.lamp_on").status, 200);
    for key in ["stairs.pump_on", "stairs.nothing", "%2A", "lamp_on", "%230"] {
        let refused = call(&tokens[3], key);
        assert_eq!((refused.status, refused.code().as_str()), (403, "X1504"), "{key}: {}", refused.body);
    }
}

#[test]
fn what_is_not_there_is_a_problem_too() {
    let (gateway, tokens) = guarded();
    let ask = |method: &str, path: &str| gateway.ask_as(Some(&tokens[3]), method, path, b"");
    for (method, path, status) in [
        ("GET", "/v2/devices", 404),
        ("DELETE", "/v1/devices", 405),
        ("POST", "/v1/devices/one/modules/x/reset", 404),
        ("POST", "/v1/devices/one/modules/4/reset", 404),
        ("GET", "/v1/devices/..%2f..%2fetc", 404),
    ] {
        let answer = ask(method, path);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        answer.code();
    }
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let document: Json = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let mut listed = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let role = operation["description"].as_str().and_then(|text| {
                text.strip_prefix("Takes a token of the role ")?.strip_suffix('.').and_then(Role::from_name)
            });
            listed.insert((path.clone(), method.to_uppercase(), role));
        }
    }
    let served: BTreeSet<_> = routes()
        .iter()
        .map(|route| (route.path.to_string(), route.method.to_string(), route.needs))
        .collect();
    assert_eq!(listed, served);
}
