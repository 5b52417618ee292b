//! Rollouts of Eclipse hawkBit: each device is a controller of its Direct Device Integration API.
//!
//! The engine decides who gets what and when to stop; here an assignment is fetched, its digest checked,
//! swapped in as any image is, and its outcome reported with the reason. What was begun is noted on the disk
//! before the device is asked, so that a gateway that dies at any moment goes on where it was: an image that
//! came back while nobody looked is a failure, and is not tried again; one that never became active is.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Method, Request, Uri};
use hmac_sha256::Hash;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use xmap_compiler::map::hex;
use xmap_image::limits::MAX_MODULES;

use crate::device::{Ask, Device};
use crate::http::App;
use crate::panel::received;

/// Bytes of an answer of the server.
const MOST_JSON: usize = 1 << 20;
/// Bytes of an image with its seal.
const MOST_IMAGE: usize = (4 << 20) + 1024;
/// How long a request may take, its body included.
const REQUEST: Duration = Duration::from_secs(60);
/// The shortest and the longest rest between two looks at the server.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
/// The rest after a look that failed.
const FAILED: Duration = Duration::from_secs(5);
/// How often a trial is looked at, and for how long at most.
const LOOK: Duration = Duration::from_millis(200);
const TRIAL: Duration = Duration::from_secs(3600);
/// How often an image is sent to a device whose transfer was cut short.
const TRIES: u32 = 5;
/// How long the event that says why an image was taken back may take.
const REASON: Duration = Duration::from_secs(5);

/// A server of rollouts.
pub struct FleetConfig {
    /// Its address, without a slash at the end: `https://hawkbit.example`.
    pub server: String,
    /// The tenant.
    pub tenant: String,
    /// The gateway's token there.
    pub token: String,
    /// How the server is known, where its address begins with https.
    pub tls: Option<Arc<ClientConfig>>,
    /// The folder for what was begun.
    pub state: PathBuf,
}

/// Starts a task for each device.
pub fn start(app: &Arc<App>, config: FleetConfig) {
    let config = Arc::new(config);
    for number in 0..app.devices.len() {
        let controller = Controller { app: app.clone(), number, config: config.clone(), introduced: false };
        tokio::spawn(controller.run());
    }
}

/// How an assignment ended.
struct Outcome {
    good: bool,
    details: Vec<String>,
}

impl Outcome {
    fn bad(details: impl Into<String>) -> Self {
        Self { good: false, details: vec![details.into()] }
    }
}

/// An action that was begun, and the device as it was then: a later gateway sees by it whether the image has
/// become active since.
#[derive(Debug, PartialEq, Eq)]
struct Begun {
    id: String,
    /// Images of the module that had become active.
    generation: u16,
    uptime_us: u64,
    /// The number of the next event.
    event: u64,
    tries: u32,
}

impl Begun {
    fn text(&self) -> String {
        let Self { id, generation, uptime_us, event, tries } = self;
        format!("{id} {generation} {uptime_us} {event} {tries}\n")
    }

    /// Reads what was noted of this action.
    fn read(path: &Path, id: &str) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let &[of, generation, uptime_us, event, tries] = &words[..] else { return None };
        let (generation, uptime_us) = (generation.parse().ok()?, uptime_us.parse().ok()?);
        let (event, tries) = (event.parse().ok()?, tries.parse().ok()?);
        (of == id).then(|| Self { id: of.to_owned(), generation, uptime_us, event, tries })
    }
}

/// A device as the server knows it.
struct Controller {
    app: Arc<App>,
    number: usize,
    config: Arc<FleetConfig>,
    introduced: bool,
}

impl Controller {
    fn device(&self) -> &Device {
        &self.app.devices[self.number]
    }

    async fn run(mut self) {
        loop {
            // What is away is asked nothing, and says nothing for itself.
            let online = self.device().state().online;
            let rest = if online { self.look().await } else { Ok(REST.0) };
            tokio::time::sleep(rest.unwrap_or(FAILED).clamp(REST.0, REST.1)).await;
        }
    }

    /// Asks the server once, and does what it says. Returns the rest until the next look.
    async fn look(&mut self) -> Result<Duration, String> {
        let FleetConfig { server, tenant, .. } = &*self.config;
        let base = format!("{server}/{tenant}/controller/v1/{}", self.device().name);
        let answer = self.json(Method::GET, &base, None).await?;
        let link = |name: &str| answer["_links"][name]["href"].as_str().map(str::to_owned);
        if let Some(href) = link("configData").filter(|_| !self.introduced) {
            let hello = self.device().state().hello.clone();
            let data = json!({ "firmware": hello["firmware"], "board": hello["board"], "gateway": env!("CARGO_PKG_VERSION") });
            self.json(Method::PUT, &href, Some(json!({ "mode": "merge", "data": data }))).await?;
            self.introduced = true;
        }
        if let Some(href) = link("cancelAction") {
            self.cancel(&base, &href).await?;
        } else if let Some(href) = link("deploymentBase") {
            self.deploy(&base, &href).await?;
        }
        Ok(rest_of(answer["config"]["polling"]["sleep"].as_str().unwrap_or_default()).unwrap_or(FAILED))
    }

    /// A swap is short, and what is not begun is not begun any more: so a cancellation is always obeyed.
    async fn cancel(&self, base: &str, href: &str) -> Result<(), String> {
        let answer = self.json(Method::GET, href, None).await?;
        let id = text_of(&answer["id"])?;
        self.feedback(
            &format!("{base}/cancelAction/{id}/feedback"),
            &id,
            &Outcome { good: true, details: Vec::new() },
        )
        .await
    }

    async fn deploy(&self, base: &str, href: &str) -> Result<(), String> {
        let answer = self.json(Method::GET, href, None).await?;
        let id = text_of(&answer["id"])?;
        if answer["deployment"]["update"] == "skip" {
            return Ok(());
        }
        let outcome = match self.image(&answer["deployment"]).await {
            Ok((module, bytes)) => self.swap(&id, module, &bytes).await?,
            Err(Fetch::Wrong(why)) => Outcome::bad(why),
            Err(Fetch::Again(why)) => return Err(why),
        };
        self.feedback(&format!("{base}/deploymentBase/{id}/feedback"), &id, &outcome).await?;
        // The server has closed it, and asks no more.
        _ = fs::remove_file(self.note());
        Ok(())
    }

    /// Fetches the image of a deployment, and its module's number.
    async fn image(&self, deployment: &Json) -> Result<(u8, Vec<u8>), Fetch> {
        let chunks = deployment["chunks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let [chunk] = chunks else {
            return Err(Fetch::Wrong(format!("{} chunks, expected one image", chunks.len())));
        };
        let part = chunk["part"].as_str().unwrap_or_default();
        let module = part.strip_prefix("module-").map_or(Some(0), |number| number.parse().ok());
        let module = module.filter(|module| usize::from(*module) < MAX_MODULES);
        let module = module
            .ok_or_else(|| Fetch::Wrong(format!("no module `{part}`: expected module-0 to module-3")))?;
        let artifacts = chunk["artifacts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let [artifact] = artifacts else {
            return Err(Fetch::Wrong(format!("{} artifacts, expected one image", artifacts.len())));
        };
        let links = &artifact["_links"];
        let href = links["download"]["href"].as_str().or(links["download-http"]["href"].as_str());
        let href = href.ok_or_else(|| Fetch::Wrong("the artifact has no link".into()))?;
        let size = artifact["size"].as_u64().unwrap_or(u64::MAX);
        if size > MOST_IMAGE as u64 {
            return Err(Fetch::Wrong(format!("the artifact has {size} bytes, and no image has")));
        }
        let asked = in_time(href, self.send(Method::GET, href, None, MOST_IMAGE)).await;
        let bytes = asked.map_err(Fetch::Again)?;
        if bytes.len() as u64 != size {
            return Err(Fetch::Wrong(format!(
                "the artifact has {} bytes, and {size} were said",
                bytes.len()
            )));
        }
        let digest = hex(&Hash::hash(&bytes));
        match artifact["hashes"]["sha256"].as_str() {
            Some(said) if said.eq_ignore_ascii_case(&digest) => Ok((module, bytes)),
            Some(said) => {
                Err(Fetch::Wrong(format!("the artifact's SHA-256 is {digest}, and {said} was said")))
            }
            None => Err(Fetch::Wrong("the server says no SHA-256 of the artifact".into())),
        }
    }

    /// Swaps an image in and waits for the end of its trial.
    async fn swap(&self, id: &str, module: u8, bytes: &[u8]) -> Result<Outcome, String> {
        let (image, seal) = match received(bytes) {
            Ok(image) => image,
            Err(why) => return Ok(Outcome::bad(format!("X0701: not an image: {why}"))),
        };
        let hash = image.image().hash();
        let before = Begun::read(&self.note(), id);
        let mut since = before.as_ref().map_or(0, |begun| begun.event);
        if self.runs(module, &hash).is_none() {
            let now = self.now(id, module, before.as_ref().map_or(1, |begun| begun.tries + 1));
            if let Some(before) = before {
                let restarted = now.uptime_us < before.uptime_us;
                if restarted || now.generation != before.generation {
                    let since = if restarted { 0 } else { before.event };
                    return Ok(Outcome::bad(self.why_back(module, since).await));
                }
                // No image has become active since: the transfer was cut short.
                if before.tries >= TRIES {
                    return Ok(Outcome::bad(format!("its transfer was cut short {TRIES} times")));
                }
            }
            self.begin(&now).map_err(|error| format!("{}: {error}", self.note().display()))?;
            since = now.event;
            let ask = Ask::Swap { module, image: Box::new(image), seal: seal.map(Box::new), force: false };
            if let Err(problem) = self.device().ask(ask).await {
                if problem.retry_s.is_some() || problem.status.as_u16() == 504 {
                    // The device is away, and whether the image has come is seen when it is back.
                    return Err(problem.detail);
                }
                return Ok(Outcome::bad(format!("{}: {}", problem.code, problem.detail)));
            }
        }
        let end = tokio::time::Instant::now() + TRIAL;
        while tokio::time::Instant::now() < end {
            if self.device().state().online {
                match self.runs(module, &hash) {
                    Some(0) => {
                        let details = vec![format!("{} runs", hex(&hash))];
                        return Ok(Outcome { good: true, details });
                    }
                    Some(_) => {}
                    None => return Ok(Outcome::bad(self.why_back(module, since).await)),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Outcome::bad(format!("its trial has not ended within {} s", TRIAL.as_secs())))
    }

    /// The milliseconds of trial that are left, where the device runs this image.
    fn runs(&self, module: u8, hash: &[u8; 32]) -> Option<u32> {
        let state = self.device().state();
        let of = state.modules.iter().find(|of| of.module == module)?;
        (of.image?.hash == *hash).then_some(of.trial_ms)
    }

    /// Says why the image before runs again, as far as the device's events behind this number say it.
    async fn why_back(&self, module: u8, since: u64) -> String {
        let end = tokio::time::Instant::now() + REASON;
        loop {
            if let Some(why) = self.reason(module, since) {
                return why;
            }
            if tokio::time::Instant::now() > end {
                return "rolled back, and the device does not say why any more".to_string();
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn reason(&self, module: u8, since: u64) -> Option<String> {
        let state = self.device().state();
        let is = |event: &&Json| {
            let is_new = event["number"].as_u64().is_some_and(|number| number >= since);
            is_new && event["module"] == module && event["detail"]["because"].is_string()
        };
        let event = state.events.iter().rev().find(is)?;
        Some(format!("rolled back: {}: {}", event["text"].as_str().unwrap_or_default(), event["detail"]))
    }

    /// The number of the next event of the device.
    fn next_event(&self) -> u64 {
        let state = self.device().state();
        state.events.back().and_then(|event| event["number"].as_u64()).map_or(0, |last| last + 1)
    }

    fn note(&self) -> PathBuf {
        self.config.state.join(&*self.device().name)
    }

    /// Returns the state of the device, as it is noted before an image is sent.
    fn now(&self, id: &str, module: u8, tries: u32) -> Begun {
        let event = self.next_event();
        let state = self.device().state();
        let of = state.modules.iter().find(|of| of.module == module);
        let generation = of.map_or(0, |of| of.generation);
        let uptime_us = state.status.as_ref().map_or(0, |status| status.uptime_us);
        Begun { id: id.to_owned(), generation, uptime_us, event, tries }
    }

    /// Notes an action before anything is asked of the device; whole or not at all.
    fn begin(&self, begun: &Begun) -> std::io::Result<()> {
        fs::create_dir_all(&self.config.state)?;
        let part = self.note().with_extension("part");
        let mut file = fs::File::create(&part)?;
        file.write_all(begun.text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, self.note())?;
        fs::File::open(&self.config.state)?.sync_all()
    }

    async fn feedback(&self, url: &str, id: &str, outcome: &Outcome) -> Result<(), String> {
        let finished = if outcome.good { "success" } else { "failure" };
        let body = json!({
            "id": id,
            "status": { "execution": "closed", "result": { "finished": finished }, "details": outcome.details },
        });
        self.json(Method::POST, url, Some(body)).await.map(drop)
    }

    async fn json(&self, method: Method, url: &str, body: Option<Json>) -> Result<Json, String> {
        let bytes = in_time(url, self.send(method, url, body, MOST_JSON)).await?;
        if bytes.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("{url}: not JSON: {error}"))
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<Json>,
        most: usize,
    ) -> Result<Vec<u8>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}");
        let uri: Uri = url.parse().map_err(|error| failed(&error))?;
        let server: Uri = self.config.server.parse().map_err(|error| failed(&error))?;
        let secure = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(HOST, uri.authority().map_or("", |of| of.as_str()));
        request = request.header(ACCEPT, "application/hal+json, application/octet-stream");
        // An artifact may lie elsewhere, and the token is for the server alone.
        if uri.authority() == server.authority() && uri.scheme() == server.scheme() {
            request = request.header(AUTHORIZATION, format!("GatewayToken {}", self.config.token));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).map_err(|error| failed(&error))?;
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| failed(&error))?;
        if !secure {
            return exchange(stream, request, most).await.map_err(|error| failed(&error));
        }
        let tls = self.config.tls.clone().ok_or_else(|| failed(&"https, and [fleet] has no `ca`"))?;
        let name = ServerName::try_from(host).map_err(|error| failed(&error))?;
        let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(|error| failed(&error))?;
        exchange(stream, request, most).await.map_err(|error| failed(&error))
    }
}

/// Waits for the server's answer, for so long as one may take.
async fn in_time<T>(url: &str, asked: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let answer = tokio::time::timeout(REQUEST, asked).await;
    answer.map_err(|_| format!("{url}: no answer within {} s", REQUEST.as_secs()))?
}

/// Why there is no image.
enum Fetch {
    /// What the server has is none: another try would find the same.
    Wrong(String),
    /// The server could not be asked.
    Again(String),
}

/// Sends a request and reads the body of its answer.
async fn exchange<S>(stream: S, request: Request<Body>, most: usize) -> Result<Vec<u8>, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), most).await.map_err(|error| error.to_string());
    connection.abort();
    if status.is_success() { Ok(body?.to_vec()) } else { Err(format!("the server answered {status}")) }
}

/// Reads `HH:MM:SS`.
fn rest_of(text: &str) -> Option<Duration> {
    let parts: Vec<u64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let &[h, m, s] = &parts[..] else { return None };
    let minutes = h.checked_mul(60)?.checked_add(m)?;
    Some(Duration::from_secs(minutes.checked_mul(60)?.checked_add(s)?))
}

/// An id: a text in the protocol, and a number with some servers.
fn text_of(id: &Json) -> Result<String, String> {
    let text = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || id.is_null() || !text.chars().all(plain) {
        return Err(format!("no id of an action: {id}"));
    }
    Ok(text)
}

/// Returns whether a text is an address of a server.
pub fn is_server(text: &str) -> bool {
    let uri: Option<Uri> = text.parse().ok();
    uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ids_are_read_as_the_protocol_has_them() {
        assert_eq!(rest_of("00:05:30"), Some(Duration::from_secs(330)));
        assert_eq!((rest_of(""), rest_of("5"), rest_of("a:b:c")), (None, None, None));
        let most = u64::MAX;
        for long in [format!("{most}:0:0"), format!("0:{most}:0"), format!("0:1:{most}")] {
            assert_eq!(rest_of(&long), None, "{long}");
        }
        assert_eq!(text_of(&json!("12")).unwrap(), "12");
        assert_eq!(text_of(&json!(12)).unwrap(), "12");
        assert!(text_of(&json!("../x")).is_err() && text_of(&Json::Null).is_err());
        assert!(is_server("https://hawkbit.example:8443") && !is_server("hawkbit.example"));
    }

    #[test]
    fn what_was_begun_reads_back_for_its_own_action() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hall");
        assert_eq!(Begun::read(&path, "7"), None);
        let begun = Begun { id: "7".into(), generation: 3, uptime_us: u64::MAX, event: 9, tries: 2 };
        fs::write(&path, begun.text()).unwrap();
        assert_eq!((Begun::read(&path, "7"), Begun::read(&path, "8")), (Some(begun), None));
        for cut in ["", "7", "7 3 1", "7 x 1 9 2"] {
            fs::write(&path, cut).unwrap();
            assert_eq!(Begun::read(&path, "7"), None, "{cut}");
        }
    }
}
