//! Edges of lines, from the kernel's GPIO character device.
//!
//! The kernel's interrupt handler notes each edge with its time and keeps it until it is read, so edges are
//! not lost while the service does something else. The crate `gpiocdev` is the way there, and not rppal's
//! interrupts: it reads the kernel's own times and numbers of edges, has a file descriptor for each line that
//! one `poll` waits for together with sockets and timers, needs no thread, and is maintained.
//!
//! Only lines whose edges a handler wants are asked of the kernel. It makes such a line an input, and when it
//! gets the line back an input again: that is no change, as outputs are never asked for. They are driven by
//! their registers alone.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use gpiocdev::Request;
use gpiocdev::line::{EdgeDetection, EdgeKind, EventClock};
use xmap_boards::Line;
use xmap_device::Edge;

use crate::clock::Clock;
use crate::log;

/// Edges of a line that the kernel keeps: those of a contact that bounces every 50 us for 10 ms.
const KERNEL_EDGES: u32 = 256;
/// Edges of all lines that wait for the main loop.
const EDGES: usize = 1024;
/// What the kernel calls the chip's lines (`drivers/pinctrl/bcm/pinctrl-bcm2835.c`).
const LABELS: [&str; 2] = ["pinctrl-bcm2711", "fe200000.gpio"];

/// The edges that are wanted, and those that came.
#[derive(Debug)]
pub struct Edges {
    /// `None` where the kernel has none.
    chip: Option<PathBuf>,
    clock: Clock,
    lines: Vec<Watched>,
    came: VecDeque<Edge>,
    lost: u32,
}

#[derive(Debug)]
struct Watched {
    line: Line,
    request: Request,
    /// The number that the line's next edge will have.
    next: u32,
}

impl Edges {
    /// The edges of the chip's lines: of the character device `chip`, or of the one that the kernel has for a
    /// BCM2711. Where there is none, a panel without handlers of edges runs all the same.
    pub fn open(chip: Option<&Path>, clock: Clock) -> Self {
        let chip = chip.map(Path::to_owned).or_else(find);
        if chip.is_none() {
            log::warn(
                "the kernel has no character device of the chip's lines that may be used (/dev/gpiochip0, for the \
                 group `gpio`): handlers of edges will not run",
            );
        }
        Self { chip, clock, lines: Vec::new(), came: VecDeque::new(), lost: 0 }
    }

    /// Asks for edges of a line, or for none. Whether they can be had; where not, a warning has said why.
    pub fn detect(&mut self, line: Line, rising: bool, falling: bool) -> bool {
        self.came.retain(|edge| edge.line != line);
        let wanted = match (rising, falling) {
            (false, false) => {
                // The kernel gets the line back, as the input that it is.
                self.lines.retain(|watched| watched.line != line);
                return true;
            }
            (true, false) => EdgeDetection::RisingEdge,
            (false, true) => EdgeDetection::FallingEdge,
            (true, true) => EdgeDetection::BothEdges,
        };
        if let Some(watched) = self.lines.iter_mut().find(|watched| watched.line == line) {
            let mut config = watched.request.config();
            config.with_line(line.number().into()).with_edge_detection(wanted);
            if let Err(error) = watched.request.reconfigure(&config) {
                log::warn(format_args!("line {line}: the kernel does not change its edges: {error}"));
                return false;
            }
            return true;
        }
        let Some(chip) = &self.chip else {
            log::warn(format_args!(
                "line {line}: its edges are not seen: the kernel has no character device for it"
            ));
            return false;
        };
        let request = Request::builder()
            .on_chip(chip)
            .with_consumer("xmapd")
            .with_line(line.number().into())
            .as_input()
            .with_edge_detection(wanted)
            .with_event_clock(EventClock::Monotonic)
            .with_kernel_event_buffer_size(KERNEL_EDGES)
            .request();
        match request {
            Ok(request) => {
                self.lines.push(Watched { line, request, next: 1 });
                true
            }
            Err(error) => {
                log::warn(format_args!(
                    "line {line}: its edges are not seen, as {} does not give it: {error}",
                    chip.display()
                ));
                false
            }
        }
    }

    /// Returns what becomes readable when an edge came.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.lines.iter().map(|watched| watched.request.as_fd())
    }

    /// Takes the edges that came to the kernel, in the order of their times.
    pub fn gather(&mut self) {
        let before = self.came.len();
        for watched in &mut self.lines {
            while watched.request.has_edge_event().unwrap_or(false) {
                let Ok(event) = watched.request.read_edge_event() else { break };
                // The kernel numbers all of a line's edges, those too that it had no room to keep.
                self.lost = self.lost.saturating_add(event.line_seqno.wrapping_sub(watched.next));
                watched.next = event.line_seqno.wrapping_add(1);
                if self.came.len() == EDGES {
                    self.lost = self.lost.saturating_add(1);
                    continue;
                }
                self.came.push_back(Edge {
                    line: watched.line,
                    rising: event.kind == EdgeKind::Rising,
                    time_us: self.clock.us_of(event.timestamp_ns),
                });
            }
        }
        if self.came.len() > before + 1 {
            self.came.make_contiguous().sort_by_key(|edge| edge.time_us);
        }
    }

    /// The oldest edge.
    pub fn take(&mut self) -> Option<Edge> {
        self.came.pop_front()
    }

    /// Edges that were lost since this was last asked.
    pub const fn take_lost(&mut self) -> u32 {
        std::mem::replace(&mut self.lost, 0)
    }
}

/// The character device of the chip's lines.
fn find() -> Option<PathBuf> {
    let labelled = |path: &PathBuf| {
        let info = gpiocdev::chip::Chip::from_path(path).and_then(|chip| chip.info());
        info.is_ok_and(|info| LABELS.contains(&info.label.as_str()))
    };
    gpiocdev::chip::chips().unwrap_or_default().into_iter().find(labelled)
}
