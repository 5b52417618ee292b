//! `xmap trace` as a person uses it: text, JSON, Chrome's events, saved files, and receivers that are down.

mod common;

use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{TAKEN, built, call, client, folder, map_in, receiver, serve, trace};
use serde_json::Value as Json;

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn text_shows_spans_in_each_other() {
    let (built, folder) = (built(), folder("text"));
    let (port, map) = (serve(&built), map_in(&folder, &built));
    let mut client = client(&port);
    call(&mut client, "work", &["7"]);
    call(&mut client, "odd", &[]);
    call(&mut client, "trap", &[]);
    let shown = trace(&["--port", &port, "--map", &map]);
    let text = out(&shown);
    let lines: Vec<&str> = text.lines().map(|line| line[13.min(line.len())..].trim_end()).collect();
    assert!(lines[0].starts_with("  module mounted"), "{text}");
    assert!(lines[1].starts_with("  call default.work  "), "{text}");
    assert!(lines[2].starts_with("    span fill  "), "{text}");
    assert!(lines[2].contains("litres=7  kind=water"), "{text}");
    assert!(
        lines[3].starts_with("      span pour  ") && lines[4].starts_with("        span check  "),
        "{text}"
    );
    assert!(
        lines[5].starts_with("          bus i2c1 0x48  ") && lines[5].ends_with("failed: nack"),
        "{text}"
    );
    assert!(text.contains("! span_not_open  ") && text.contains("! span_never_ended  "), "{text}");
    assert!(text.contains("! trap  trap.code=") && text.contains("trap.place=function $trap (9)"), "{text}");
    assert!(
        err(&shown).contains("note: the panel used spans 2 times in a way that is not meant"),
        "{}",
        err(&shown)
    );
    assert_eq!(shown.status.code(), Some(0));
}

#[test]
fn without_the_map_numbers_are_shown_and_said() {
    let (built, folder) = (built(), folder("nameless"));
    let port = serve(&built);
    call(&mut client(&port), "work", &["1"]);
    let shown = trace(&["--port", &port]);
    assert!(out(&shown).contains("call default.work") && out(&shown).contains("span #0"), "{}", out(&shown));
    assert!(err(&shown).contains("names are not known, and shown by their numbers"), "{}", err(&shown));
    // A map that does not belong names nothing.
    let mut other = built.clone();
    other.map.image = "00".repeat(32);
    let shown = trace(&["--port", &port, "--map", &map_in(&folder, &other)]);
    assert!(out(&shown).contains("span #0"), "{}", out(&shown));
    assert!(err(&shown).contains("not of an image that these events are of"), "{}", err(&shown));
    let wrong = folder.join("wrong.map");
    std::fs::write(&wrong, "{}").unwrap();
    let refused = trace(&["--port", &port, "--map", wrong.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn texts_that_are_no_utf8_are_shown_and_said() {
    let built = built();
    let port = serve(&built);
    let mut client = client(&port);
    call(&mut client, "named", &["144", "2"]);
    call(&mut client, "named", &["128", "5"]);
    // Cut in the middle of a character.
    call(&mut client, "named", &["99", "34"]);
    let shown = trace(&["--port", &port]);
    assert!(
        out(&shown).contains("span \u{fffd}\u{fffd}") && out(&shown).contains("span gr\u{fc}n"),
        "{}",
        out(&shown)
    );
    assert!(err(&shown).contains("note: 1 texts of the panel are no UTF-8"), "{}", err(&shown));
}

#[test]
fn a_saved_file_says_the_same_and_a_damaged_one_nothing() {
    let (built, folder) = (built(), folder("saved"));
    let (port, map) = (serve(&built), map_in(&folder, &built));
    call(&mut client(&port), "work", &["3"]);
    let file = folder.join("night.trace");
    let path = file.to_str().unwrap();
    let first = trace(&["--port", &port, "--map", &map, "--raw", path, "--json"]);
    let again = trace(&[path, "--map", &map, "--json"]);
    assert_eq!((first.status.code(), out(&first)), (Some(0), out(&again)));
    assert_eq!(out(&again).lines().count(), 6);
    let text = std::fs::read_to_string(&file).unwrap();
    let damaged = folder.join("damaged.trace");
    for bytes in [
        &text.as_bytes()[..text.len() / 2],
        &text.replacen("litres", "", 1).replacen("20", "21", 1).into_bytes(),
    ] {
        std::fs::write(&damaged, bytes).unwrap();
        let chrome = folder.join("never.json");
        let refused = trace(&[damaged.to_str().unwrap(), "--chrome", chrome.to_str().unwrap()]);
        assert_eq!((refused.status.code(), out(&refused)), (Some(1), String::new()));
        assert!(err(&refused).contains("error[X0931]") && !chrome.exists(), "{}", err(&refused));
    }
    let refused = trace(&[&map]);
    assert!(err(&refused).contains("not what `xmap trace --raw` writes"), "{}", err(&refused));
    assert_eq!(trace(&[]).status.code(), Some(2));
    assert_eq!(trace(&[path, "--port", &port]).status.code(), Some(2));
    assert_eq!(trace(&[path, "--otlp", "https://127.0.0.1"]).status.code(), Some(2));
}

#[test]
fn calls_are_hung_under_the_callers_span() {
    let built = built();
    let port = serve(&built);
    let mut client = client(&port);
    let parent = xmap_link::SpanParent { trace: [0xab; 16], span: [0xcd; 8] };
    client.set_parent(parent).unwrap();
    call(&mut client, "work", &["1"]);
    call(&mut client, "work", &["2"]);
    let shown = trace(&["--port", &port, "--json"]);
    let spans: Vec<Json> = out(&shown).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<&Json> = spans.iter().filter(|span| span["kind"] == "call").collect();
    assert_eq!(
        (calls[0]["trace"].as_str(), calls[0]["parent"].as_str()),
        (Some(&*"ab".repeat(16)), Some(&*"cd".repeat(8)))
    );
    assert!(calls[1]["parent"].is_null() && calls[1]["trace"] != calls[0]["trace"]);
    assert!(spans.iter().filter(|span| span["trace"] == calls[0]["trace"]).count() == 5, "{spans:?}");
}

/// What Chrome's format asks of each event, and what a viewer needs of those of a thread.
#[test]
fn chromes_events_are_what_its_format_says() {
    let (built, folder) = (built(), folder("chrome"));
    let (port, map) = (serve(&built), map_in(&folder, &built));
    let mut client = client(&port);
    (0..20).for_each(|n| call(&mut client, "work", &[&n.to_string()]));
    call(&mut client, "trap", &[]);
    let file = folder.join("day.json");
    let written = trace(&["--port", &port, "--map", &map, "--chrome", file.to_str().unwrap()]);
    assert_eq!((written.status.code(), out(&written)), (Some(0), String::new()), "{}", err(&written));
    let whole: Json = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(whole["displayTimeUnit"], "ms");
    let events = whole["traceEvents"].as_array().unwrap();
    let mut open: Vec<u64> = Vec::new();
    let mut counts = [0; 3];
    for event in events {
        assert!(event["name"].is_string() && event["pid"].is_u64() && event["tid"].is_u64(), "{event}");
        assert!(event["args"].is_object(), "{event}");
        match event["ph"].as_str().unwrap() {
            "M" => {
                assert!(
                    ["process_name", "thread_name"].contains(&event["name"].as_str().unwrap()),
                    "{event}"
                );
                assert!(event["args"]["name"].is_string(), "{event}");
                counts[0] += 1;
            }
            "X" => {
                let [start, took] = ["ts", "dur"].map(|key| event[key].as_u64().unwrap());
                assert!(event["cat"].is_string());
                while open.last().is_some_and(|end| *end < start || (*end == start && took > 0)) {
                    open.pop();
                }
                assert!(
                    open.last().is_none_or(|end| start + took <= *end),
                    "{event} is within another by a part"
                );
                open.push(start + took);
                counts[1] += 1;
            }
            "i" => {
                assert!(event["ts"].is_u64() && event["s"] == "t", "{event}");
                counts[2] += 1;
            }
            other => panic!("no kind of event: {other}"),
        }
    }
    assert_eq!(counts, [2, 1 + 20 * 5 + 2, 1]);
}

#[test]
fn a_receiver_that_is_busy_is_asked_again() {
    let built = built();
    let port = serve(&built);
    call(&mut client(&port), "work", &["1"]);
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
    let (address, bodies) = receiver(move |n| Some(if n < 2 { busy } else { TAKEN }));
    let sent = trace(&["--port", &port, "--otlp", &format!("http://{address}")]);
    assert_eq!(sent.status.code(), Some(0), "{}", err(&sent));
    assert!(err(&sent).contains(": 6 spans taken, 0 not, 2 messages sent again"), "{}", err(&sent));
    let bodies = bodies.lock().unwrap();
    assert!(bodies.len() == 3 && bodies.iter().all(|body| *body == bodies[0]));
}

#[test]
fn a_receiver_that_is_down_slow_or_none_is_given_up() {
    let (built, folder) = (built(), folder("down"));
    let port = serve(&built);
    call(&mut client(&port), "work", &["1"]);
    let raw = folder.join("kept.trace");
    let raw = raw.to_str().unwrap();
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let slow = receiver(|_| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        None
    });
    let stranger = receiver(|_| Some("SSH-2.0-OpenSSH\r\n"));
    let refuses = receiver(|_| Some("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, again, why) in [
        (free, 4, "refused"),
        (slow.0, 4, "no answer in time"),
        (stranger.0, 0, "not HTTP"),
        (refuses.0, 0, "answers 400"),
    ] {
        let begin = Instant::now();
        let url = format!("http://{address}");
        let args = ["--port", &port, "--otlp", &url, "--timeout", "0.2", "--raw", raw];
        let failed = trace(&args);
        let text = err(&failed);
        assert_eq!(failed.status.code(), Some(1), "{text}");
        assert!(text.contains(&format!(": 0 spans taken, 6 not, {again} messages sent again")), "{text}");
        assert!(text.contains("error[X0932]") && text.contains("6 of 6 spans were not taken"), "{text}");
        assert!(text.contains(why) && begin.elapsed() < Duration::from_secs(20), "{text}");
    }
    assert_eq!(ASKED.load(Ordering::Relaxed), 5);
    // What was read is there all the same, and is sent later.
    let (address, bodies) = receiver(|_| Some(TAKEN));
    let later = trace(&[raw, "--otlp", &format!("http://{address}")]);
    assert!(err(&later).contains(": 6 spans taken, 0 not, 0 messages sent again"), "{}", err(&later));
    assert_eq!(bodies.lock().unwrap().len(), 1);
}
