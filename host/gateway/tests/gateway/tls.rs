//! HTTP over TLS, by files.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use xmap_gateway::tokens::token_of;
use xmap_keys::roles::make_role_key;
use xmap_link::{Pattern, Role};

use crate::mqtt::certificates;
use crate::rig::{Gateway, stairwell};

fn ask(gateway: &Gateway, config: &Arc<ClientConfig>, token: &str) -> std::io::Result<String> {
    let name = "127.0.0.1".try_into().unwrap();
    let stream = TcpStream::connect(&gateway.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut stream = StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), stream);
    let head = format!(
        "GET /v1/devices HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut text = Vec::new();
    // The end of a connection is its end, with or without a word.
    if let Err(error) = stream.read_to_end(&mut text)
        && text.is_empty()
    {
        return Err(error);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_gateway_with_a_certificate_speaks_tls_alone() {
    let other = tempfile::tempdir().unwrap();
    certificates(other.path());
    let (mut token, mut ours) = (String::new(), None);
    let config = format!(
        "[tls]\ncertificate = \"broker.pem\"\nkey = \"broker.key\"\n[[device]]\nname = \"sim\"\nsim = {:?}\n\
         [[token]]\nname = \"all\"\nkey = \"all.key\"\n",
        stairwell()
    );
    let gateway = Gateway::with(&config, |folder| {
        certificates(folder);
        ours = Some(xmap_gateway::tls::client(&folder.join("ca.pem"), None).unwrap());
        let key = make_role_key(&folder.join("all.key"), Role::Call, &[Pattern::new("*").unwrap()]);
        token = token_of(&key.unwrap());
    });
    let ours = ours.unwrap();
    let answer = ask(&gateway, &ours, &token).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"sim\""), "{answer}");
    assert!(ask(&gateway, &ours, "none").unwrap().starts_with("HTTP/1.1 401"));
    // A client that believes somebody else says no word.
    let theirs = xmap_gateway::tls::client(&other.path().join("ca.pem"), None).unwrap();
    assert!(ask(&gateway, &theirs, &token).is_err());
    // In the clear nothing is answered, and nobody is kept from asking.
    let mut plain = gateway.connect();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = Vec::new();
    _ = plain.read_to_end(&mut text);
    assert!(!text.starts_with(b"HTTP"), "{text:?}");
    let silent: Vec<_> = (0..20).map(|_| gateway.connect()).collect();
    assert!(ask(&gateway, &ours, &token).unwrap().starts_with("HTTP/1.1 200"));
    drop(silent);
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificates(folder);
    make_role_key(&folder.join("all.key"), Role::Call, &[Pattern::new("*").unwrap()]).unwrap();
    let other = tempfile::tempdir().unwrap();
    certificates(other.path());
    std::fs::copy(other.path().join("broker.key"), folder.join("other.key")).unwrap();
    let refused = |head: &str, end: &str| {
        let text = format!(
            "{head}\n[[device]]\nname = \"sim\"\nsim = {:?}\n[[token]]\nname = \"all\"\nkey = \"all.key\"\n{end}",
            stairwell()
        );
        std::fs::write(folder.join("gateway.toml"), text).unwrap();
        let mut serve = Command::new(env!("CARGO_BIN_EXE_xmap-serve"));
        let output = serve.arg("--config").arg(folder.join("gateway.toml")).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let tls = |certificate: &str, key: &str| {
        refused(&format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}"), "")
    };
    let mqtt =
        |more: &str| refused("", &format!("[mqtt]\nbroker = \"127.0.0.1:1\"\nkey = \"all.key\"\n{more}"));
    for (said, part) in [
        (tls("none.pem", "broker.key"), "X0101"),
        (tls("broker.key", "broker.key"), "no certificate in it"),
        (tls("broker.pem", "ca.pem"), "no private key in it"),
        (tls("broker.pem", "other.key"), "not with "),
        (mqtt("version = \"4\"\n"), "no version \"4\" of MQTT"),
        (mqtt("ca = \"broker.key\"\n"), "no certificate in it"),
        (mqtt("tls_key = \"broker.key\"\n"), "stand together"),
        (mqtt("tls_key = \"broker.key\"\ntls_certificate = \"broker.pem\"\n"), "without `ca`"),
        (mqtt("[ha.sin.lamp]\nname = \"x\"\n"), "did you mean `sim`?"),
        (mqtt("[ha.sim.lamp]\nkind = \"lamp\"\n"), "no kind \"lamp\""),
        (mqtt("[ha.sim.lamp]\nkind = \"sensor\"\n"), "a sensor has `every_s`"),
        (refused("", "[ha.sim.lamp]\nname = \"x\"\n"), "[ha] without [mqtt]"),
        (refused("origins = [\"*\"]", ""), "\"*\" is no origin"),
        (refused("listen = \"0.0.0.0:0\"", ""), "a table [tls]"),
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}
