//! What `xmap trace` writes, by the tools that people read it with: a receiver of OTLP (rotel) with decoders
//! of two languages behind it, and babeltrace. `cargo xtask setup` installs them.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{TAKEN, built, call, client, command, folder, map_in, receiver, serve, trace};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::Value as Json;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// The folder that `cargo xtask setup` installs rotel and a decoder in Python into.
fn python_folder() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.parent().expect("it is in target").join("rotel")
}

/// Returns a message that rotel may have compressed, whatever it was told.
fn plain(body: &[u8]) -> Vec<u8> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return body.to_vec();
    }
    let mut gzip = Command::new("gzip");
    let mut gzip = gzip.arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, whole) = (gzip.stdin.take().unwrap(), body.to_vec());
    let writer = thread::spawn(move || input.write_all(&whole).unwrap());
    let output = gzip.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

/// Reads bodies of OTLP, and prints each span with what its place among the others depends on.
const DECODER: &str = r#"
import sys
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
for path in sys.argv[1:]:
    request = ExportTraceServiceRequest()
    request.ParseFromString(open(path, 'rb').read())
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for s in scope.spans:
                values = [(a.key, a.value.int_value if a.value.HasField('int_value') else a.value.string_value)
                          for a in s.attributes]
                print(s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex() or '-', s.name,
                      s.start_time_unix_nano, s.end_time_unix_nano, dict(values).get('litres', '-'))
"#;

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_receiver_of_otlp_takes_a_thousand_spans_and_decoders_agree() {
    let rotel = python_folder().join("rotel/rotel-agent");
    if !rotel.is_file() {
        eprintln!(
            "trace: SKIPPED rotel and what it takes, there is no {}: `cargo xtask setup`",
            rotel.display()
        );
        return;
    }
    let (built, folder) = (built(), folder("rotel"));
    let (port, map) = (serve(&built), map_in(&folder, &built));
    // What rotel has taken it passes on, as it has understood it.
    let (behind, bodies) = receiver(|_| Some(TAKEN));
    let http = free_address();
    let mut agent = Command::new(&rotel);
    agent.args(["start", "--otlp-http-endpoint", &http, "--otlp-grpc-endpoint", &free_address()]);
    agent.args([
        "--exporter",
        "otlp",
        "--otlp-exporter-protocol",
        "http",
        "--otlp-exporter-compression",
        "none",
    ]);
    agent.args(["--otlp-exporter-endpoint", &format!("http://{behind}")]);
    agent.stdout(Stdio::null()).stderr(Stdio::null());
    let _agent = Running(agent.spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(&http).is_err() {
        assert!(Instant::now() < end, "rotel does not listen");
        thread::sleep(Duration::from_millis(50));
    }

    let url = format!("http://{http}");
    let mut reader = command(&["--port", &port, "--map", &map, "--otlp", &url, "--seconds", "6", "--json"]);
    let reader = reader.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut caller = client(&port);
    let calls = 210;
    let begin = Instant::now();
    for n in 0..calls {
        call(&mut caller, "work", &[&n.to_string()]);
        // No faster than it is read: the ring is to overwrite nothing.
        let due = Duration::from_millis(15) * (n + 1);
        thread::sleep(due.saturating_sub(begin.elapsed()));
    }
    assert!(begin.elapsed() < Duration::from_secs(6), "this machine is too slow for the reader's time");
    let read = reader.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&read.stderr).into_owned();
    assert!(read.status.success() && !said.contains("overwritten"), "{said}");
    let count = 5 * calls as usize + 1;
    assert!(said.contains(&format!(": {count} spans taken, 0 not")), "{said}");

    let all = || -> Vec<Span> {
        let bodies = bodies.lock().unwrap();
        let requests = bodies.iter().map(|body| ExportTraceServiceRequest::decode(&plain(body)[..]).unwrap());
        let scopes = requests.flat_map(|r| r.resource_spans).flat_map(|r| r.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    };
    let end = Instant::now() + Duration::from_secs(20);
    while all().len() < count {
        assert!(Instant::now() < end, "rotel has passed on {} of {count} spans", all().len());
        thread::sleep(Duration::from_millis(100));
    }
    let spans = all();
    let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (&span.span_id[..], span)).collect();
    assert_eq!((spans.len(), by_id.len()), (count, count), "each once");
    let within = BTreeMap::from([
        ("fill", "default.work"),
        ("pour", "fill"),
        ("check", "pour"),
        ("i2c1 0x48", "check"),
    ]);
    let mut names = BTreeSet::new();
    for span in &spans {
        names.insert(span.name.as_str());
        assert!(
            span.start_time_unix_nano > 0 && span.start_time_unix_nano <= span.end_time_unix_nano,
            "{span:?}"
        );
        let parent = by_id.get(&span.parent_span_id[..]);
        assert_eq!(
            parent.map(|parent| parent.name.as_str()),
            within.get(span.name.as_str()).copied(),
            "{span:?}"
        );
        assert_eq!(parent.is_none(), span.parent_span_id.is_empty(), "an orphan: {span:?}");
        if let Some(parent) = parent {
            assert_eq!(parent.trace_id, span.trace_id);
            assert!(parent.start_time_unix_nano <= span.start_time_unix_nano, "{span:?}");
            assert!(span.end_time_unix_nano <= parent.end_time_unix_nano, "{span:?}");
        }
    }
    assert_eq!(names.len(), 6, "{names:?}");

    // A decoder of other people, in another language, of the same bytes; and the program's own output.
    let mut paths = Vec::new();
    for (n, body) in bodies.lock().unwrap().iter().enumerate() {
        paths.push(folder.join(format!("{n}.pb")));
        std::fs::write(paths.last().unwrap(), plain(body)).unwrap();
    }
    let mut python = Command::new("python3");
    python.arg("-c").arg(DECODER).args(&paths).env("PYTHONPATH", python_folder());
    let decoded = python.output().unwrap();
    assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
    let theirs: BTreeSet<String> =
        String::from_utf8(decoded.stdout).unwrap().lines().map(str::to_string).collect();
    let hex = xmap_compiler::map::hex;
    let ours: BTreeSet<String> = String::from_utf8(read.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let span: Json = serde_json::from_str(line).unwrap();
            let text = |key: &str| span[key].as_str().unwrap_or("-").to_string();
            let start = span["start_unix_us"].as_i64().unwrap() * 1000;
            let took = (span["end_us"].as_i64().unwrap() - span["start_us"].as_i64().unwrap()) * 1000;
            let litres = span["attributes"].get("litres").map_or("-".to_string(), Json::to_string);
            let [trace, id, parent, name] = ["trace", "span", "parent", "name"].map(text);
            format!("{trace} {id} {parent} {name} {start} {} {litres}", start + took)
        })
        .collect();
    assert_eq!(ours.len(), count);
    assert_eq!(ours, theirs);
    assert!(spans.iter().all(|span| theirs.iter().any(|line| line.contains(&hex(&span.span_id)))));
    println!("{count} spans, 0 orphans, 0 negative durations");
}

#[test]
fn babeltrace_reads_the_common_trace_format() {
    if Command::new("babeltrace2").arg("--version").output().is_err() {
        eprintln!("trace: SKIPPED babeltrace2, it is not on this machine: `apt install babeltrace2`");
        return;
    }
    let (built, folder) = (built(), folder("ctf"));
    let (port, map) = (serve(&built), map_in(&folder, &built));
    let mut client = client(&port);
    (0..30).for_each(|n| call(&mut client, "work", &[&n.to_string()]));
    call(&mut client, "odd", &[]);
    call(&mut client, "trap", &[]);
    let new = folder.join("night");
    let written = trace(&["--port", &port, "--map", &map, "--ctf", new.to_str().unwrap(), "--json"]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let spans = String::from_utf8(written.stdout).unwrap().lines().count();
    assert_eq!(spans, 1 + 30 * 5 + 2 + 2);
    let read = Command::new("babeltrace2").arg(&new).output().unwrap();
    let (text, said) = (String::from_utf8(read.stdout).unwrap(), String::from_utf8(read.stderr).unwrap());
    assert!(read.status.success() && said.is_empty(), "{said}");
    let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count(" span_begin: "), count(" span_end: ")), (spans, spans), "{text}");
    assert_eq!(count("name = \"fill\""), 32);
    assert_eq!((count("span_never_ended"), count("span_not_open")), (1, 1));
    assert_eq!(count("key = \"litres\", value = \"29\""), 1);
    // A folder that is there stays as it is.
    let refused = trace(&["--port", &port, "--ctf", new.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    println!("{} events read by babeltrace2", text.lines().count());
}
