//! A server of rollouts, as much of hawkBit as they take: its Direct Device Integration API over real bytes,
//! and groups by hash, one after the other, which stop where too many of a group fail.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hmac_sha256::Hash;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use crate::rig::deployment;

/// The token of the gateways.
pub(crate) const TOKEN: &str = "secret";

/// The part of a group that may fail.
const TOLERATED: f64 = 0.01;

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: String,
    state: Arc<Mutex<Fleet>>,
}

#[derive(Default)]
struct Fleet {
    /// Seconds between two looks of a device.
    sleep_s: u64,
    address: String,
    devices: HashMap<String, Target>,
    rollout: Option<Rollout>,
    actions: u32,
    counted: Counted,
}

/// Requests, and bytes of their bodies and of those of the answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    /// Feedback of actions that were closed already.
    pub(crate) late: u64,
}

/// A device as the server knows it.
#[derive(Default)]
struct Target {
    introduced: bool,
    /// The open action.
    action: Option<u32>,
}

/// An image on its way to all.
struct Rollout {
    image: Vec<u8>,
    groups: Vec<Vec<String>>,
    /// Groups that were begun.
    begun: usize,
    halted: bool,
    /// The devices that fetched the image.
    fetched: BTreeSet<String>,
    /// How it ended, and what the device said.
    told: BTreeMap<String, (bool, String)>,
}

/// What became of a rollout.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) halted: bool,
    /// Groups that were begun, and the devices in them.
    pub(crate) begun: usize,
    pub(crate) assigned: BTreeSet<String>,
    pub(crate) fetched: BTreeSet<String>,
    pub(crate) told: BTreeMap<String, (bool, String)>,
}

impl Report {
    /// Returns what the devices that failed said.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&String, &String)> {
        self.told.iter().filter(|(_, (good, _))| !good).map(|(name, (_, why))| (name, why))
    }
}

/// A number that a name always has.
pub(crate) fn spread(name: &str, salt: &str) -> u32 {
    let hash = Hash::hash(format!("{salt} {name}").as_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

impl Server {
    pub(crate) async fn start(names: impl Iterator<Item = String>, sleep_s: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let devices = names.map(|name| (name, Target::default())).collect();
        let fleet = Fleet { sleep_s, address: address.clone(), devices, ..Fleet::default() };
        let server = Self { address, state: Arc::new(Mutex::new(fleet)) };
        let one = server.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let one = one.clone();
                let service = service_fn(move |request| {
                    let one = one.clone();
                    async move { Ok::<_, Infallible>(answer(&one, request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        server
    }

    fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.state.lock().unwrap()
    }

    /// Begins to roll an image out, in so many groups.
    pub(crate) fn roll_out(&self, image: &[u8], groups: usize) {
        let mut fleet = self.fleet();
        let mut names: Vec<String> = fleet.devices.keys().cloned().collect();
        names.sort_by_key(|name| spread(name, "group"));
        let of = names.len().div_ceil(groups);
        fleet.rollout = Some(Rollout {
            image: image.to_vec(),
            groups: names.chunks(of).map(<[String]>::to_vec).collect(),
            begun: 0,
            halted: false,
            fetched: BTreeSet::new(),
            told: BTreeMap::new(),
        });
        fleet.go_on();
    }

    /// Returns whether each device that was assigned the image has said how it ended, and no group is left.
    pub(crate) fn is_over(&self) -> bool {
        let fleet = self.fleet();
        let rollout = fleet.rollout.as_ref().unwrap();
        let assigned: usize = rollout.groups[..rollout.begun].iter().map(Vec::len).sum();
        rollout.told.len() == assigned && (rollout.halted || rollout.begun == rollout.groups.len())
    }

    /// Returns the groups that were begun, and the devices that have said how it ended.
    pub(crate) fn progress(&self) -> (usize, usize) {
        let fleet = self.fleet();
        let rollout = fleet.rollout.as_ref().unwrap();
        (rollout.begun, rollout.told.len())
    }

    pub(crate) fn report(&self) -> Report {
        let fleet = self.fleet();
        let rollout = fleet.rollout.as_ref().unwrap();
        let assigned: BTreeSet<String> = rollout.groups[..rollout.begun].concat().into_iter().collect();
        Report {
            halted: rollout.halted,
            begun: rollout.begun,
            assigned,
            fetched: rollout.fetched.clone(),
            told: rollout.told.clone(),
        }
    }

    pub(crate) fn counted(&self) -> Counted {
        self.fleet().counted
    }

    pub(crate) fn introduced(&self) -> usize {
        self.fleet().devices.values().filter(|target| target.introduced).count()
    }
}

impl Fleet {
    /// Begins the next group where the one before is done and good enough.
    fn go_on(&mut self) {
        let Some(rollout) = &mut self.rollout else { return };
        if let Some(group) = rollout.begun.checked_sub(1).map(|last| &rollout.groups[last]) {
            let told: Vec<bool> = group.iter().filter_map(|name| Some(rollout.told.get(name)?.0)).collect();
            let failed = told.iter().filter(|good| !**good).count();
            rollout.halted |= failed as f64 > TOLERATED * group.len() as f64;
            if rollout.halted || told.len() < group.len() {
                return;
            }
        }
        let Some(group) = rollout.groups.get(rollout.begun) else { return };
        rollout.begun += 1;
        for name in group {
            self.actions += 1;
            self.devices.get_mut(name).unwrap().action = Some(self.actions);
        }
    }

    fn reply(&mut self, method: &str, path: &str, body: &Json) -> Option<Json> {
        let rest = path.strip_prefix("/DEFAULT/controller/v1/")?;
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let base = format!("http://{}/DEFAULT/controller/v1/{name}", self.address);
        let link = |what: &str| json!({ "href": format!("{base}/{what}") });
        let sleep = format!("00:{:02}:{:02}", self.sleep_s / 60, self.sleep_s % 60);
        let target = self.devices.get_mut(name)?;
        match (method, rest) {
            ("GET", "") => {
                let mut links = json!({});
                if !target.introduced {
                    links["configData"] = link("configData");
                }
                if let Some(id) = target.action {
                    links["deploymentBase"] = link(&format!("deploymentBase/{id}"));
                }
                Some(json!({ "config": { "polling": { "sleep": sleep } }, "_links": links }))
            }
            ("PUT", "configData") => {
                target.introduced = body["data"]["board"] == "rpi4b";
                Some(json!({}))
            }
            ("GET", _) => {
                let id: u32 = rest.strip_prefix("deploymentBase/")?.parse().ok()?;
                let image = &self.rollout.as_ref().filter(|_| target.action == Some(id))?.image;
                let digest: String = Hash::hash(image).iter().map(|byte| format!("{byte:02x}")).collect();
                Some(deployment(&id.to_string(), image.len(), &digest, link("image")))
            }
            ("POST", _) => {
                let id: u32 =
                    rest.strip_prefix("deploymentBase/")?.strip_suffix("/feedback")?.parse().ok()?;
                if target.action != Some(id) {
                    self.counted.late += 1;
                    return None;
                }
                target.action = None;
                assert_eq!(body["status"]["execution"], "closed");
                let good = body["status"]["result"]["finished"] == "success";
                let why = body["status"]["details"][0].as_str().unwrap_or_default().to_string();
                self.rollout.as_mut()?.told.insert(name.to_string(), (good, why));
                self.go_on();
                Some(json!({}))
            }
            _ => None,
        }
    }

    /// The image, for a device with an open action.
    fn image(&mut self, path: &str) -> Option<Vec<u8>> {
        let name = path.strip_prefix("/DEFAULT/controller/v1/")?.strip_suffix("/image")?;
        let rollout =
            self.rollout.as_mut().filter(|_| self.devices.get(name).is_some_and(|of| of.action.is_some()))?;
        rollout.fetched.insert(name.to_string());
        Some(rollout.image.clone())
    }
}

async fn answer(server: &Server, request: Request<Incoming>) -> Response {
    let (parts, body) = request.into_parts();
    let body = Body::new(body);
    let known = parts.headers.get("authorization").is_some_and(|token| token == "GatewayToken secret");
    let Ok(body) = to_bytes(body, 1 << 16).await else { return StatusCode::BAD_REQUEST.into_response() };
    if !known {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let mut fleet = server.fleet();
    let answer: Option<Bytes> = match fleet.image(path).filter(|_| method == "GET") {
        Some(image) => Some(image.into()),
        None => {
            let json = serde_json::from_slice(&body).unwrap_or_default();
            fleet.reply(method, path, &json).map(|json| json.to_string().into())
        }
    };
    fleet.counted.requests += 1;
    fleet.counted.bytes += (body.len() + answer.as_ref().map_or(0, Bytes::len)) as u64;
    answer.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}
