//! What a device counts, as one answer.

use xmap_link::openmetrics::{self, Format, Snapshot};
use xmap_link::{ExportMetrics, HostCounts, ModuleStatus, Refusal, Request, Response, Status};

use crate::client::Client;
use crate::error::{Error, ErrorCode};

/// Pages of exports that are read: a device with more of them is none.
const MOST_PAGES: usize = 256;

/// What a device had counted at one moment.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// How it is.
    pub status: Status,
    /// How its hosts fare.
    pub hosts: HostCounts,
    /// Its modules.
    pub modules: Vec<ModuleStatus>,
    /// The exports that were called, each with its key; an empty one for those that are counted together.
    pub exports: Vec<(String, ExportMetrics)>,
}

impl Metrics {
    /// Writes them as text.
    pub fn text(&self, format: Format) -> String {
        let exports: Vec<_> = self.exports.iter().map(|(key, metrics)| (key.as_str(), *metrics)).collect();
        let Self { status, hosts, modules, .. } = self;
        let mut text = String::new();
        let snapshot = Snapshot {
            uptime_us: status.uptime_us,
            calls: [status.calls, status.traps],
            accesses: status.trace_next,
            frames: [status.frames_good, status.frames_bad],
            refused: Some(status.refused),
            hosts,
            modules,
            exports: &exports,
        };
        openmetrics::write(&mut text, format, &snapshot).expect("a string takes any text");
        text
    }
}

impl Client {
    /// Returns what the device has counted.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`] where its firmware counts no exports.
    pub fn metrics(&mut self) -> Result<Metrics, Error> {
        let mut rows: Vec<ExportMetrics> = Vec::new();
        let mut from = 0;
        for _ in 0..MOST_PAGES {
            let page = match self.ask(&Request::Metrics { from })? {
                Response::Metrics(page) => page,
                Response::Refused(Refusal::Unsupported) => {
                    let help = "flash the firmware that belongs to this xmap (`cargo xtask image`)";
                    let error = self.error(ErrorCode::NoFeature, "its firmware counts no exports");
                    return Err(error.help(help.to_string()));
                }
                other => return Err(self.unwanted(&other)),
            };
            rows.extend(page.exports);
            if page.next <= from {
                break;
            }
            from = page.next;
        }
        let mut exports = Vec::new();
        for row in rows {
            let key = match row.export {
                None => String::new(),
                Some(export) => self.export_key(row.module, export)?.unwrap_or_else(|| format!("#{export}")),
            };
            exports.push((key, row));
        }
        let (status, hosts) = (self.status()?, self.host_counts()?);
        let modules = if self.has_modules() { self.modules()? } else { Vec::new() };
        Ok(Metrics { status, hosts, modules, exports })
    }
}
