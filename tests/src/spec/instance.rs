//! A module on its way from bytes to calls: compiled, verified, loaded, called.

use std::path::Path;

use tiny_mapper::{CallError, LoadError, Mapper, Store, Suspended, Trap};
use xmap_boards::RPI4B;
use xmap_compiler::compile::compile;
use xmap_compiler::diagnostic::Diagnostics;
use xmap_compiler::manifest::Manifest;
use xmap_image::{OwnedImage, Ty};
use xmap_sim::SimBoard;

use super::play::{Call, Play};

/// Words of code that a call may run: the longest test takes some ten million.
const FUEL: u32 = 1 << 30;
/// Slots of the stack: enough for a recursion of some thousand calls, soon used up by one without end.
const STACK: usize = 1 << 14;
/// Bytes that a module's memory may take: as many as there are addresses.
const MEMORY: u64 = 1 << 32;
/// Bytes that a memory can grow to here, where the module starts with less.
const GROWN: usize = 256 << 20;

/// Compiles a module with all its exports under their own names.
///
/// # Errors
/// As [`compile`].
pub(super) fn image(wasm: &[u8]) -> Result<OwnedImage, Diagnostics> {
    let mut manifest = Manifest::verbatim(&RPI4B, Path::new("module.wasm"));
    manifest.limits.fuel.value = FUEL;
    manifest.limits.memory_bytes.value = MEMORY;
    let compiled = compile(&manifest, wasm)?;
    Ok(OwnedImage::new(compiled.words).expect("the compiler has verified it"))
}

/// A loaded image with its state.
#[derive(Debug)]
pub(super) struct Instance {
    image: OwnedImage,
    board: SimBoard,
    stack: Vec<u64>,
    memory: Vec<u8>,
    globals: Vec<u64>,
    state: Suspended,
    play: Play,
}

/// A start function that trapped.
#[derive(Clone, Debug)]
pub(super) struct NotStarted {
    pub(super) trap: Trap,
    pub(super) play: Play,
}

/// Results of a call: type and register of each.
pub(super) type Results = Vec<(Ty, u64)>;

/// Why an instance did not return.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// A trap.
    Trap(Trap),
    /// The image is not as the script says: what is wrong with the call.
    Call(String),
}

impl Instance {
    /// Loads an image and runs its start function.
    ///
    /// # Errors
    /// Where the start function traps.
    pub(super) fn start(image: OwnedImage) -> Result<Self, Box<NotStarted>> {
        let view = image.image();
        let header = view.header();
        let most = (header.memory_max_pages as usize) << 16;
        let mut memory = vec![0; most.min(GROWN).max(header.memory_bytes as usize)];
        let (mut stack, mut globals) = (vec![0; STACK], Vec::new());
        let mut store = Store { stack: &mut stack, memory: &mut memory, globals: &mut [] };
        if let Err(LoadError::Globals { needed, .. }) = store.fits(&view) {
            globals.resize(needed, 0);
            store.globals = &mut globals;
        }
        let mut board = SimBoard::new();
        board.record(false);
        let mut mapper = Mapper::load(view, board, store).expect("the store is as large as the image asks");
        let started = mapper.start();
        let (board, _, state) = mapper.suspend();
        let words = view.words().to_vec();
        let play = Play { words, memory: memory.len(), start: started.err(), calls: Vec::new() };
        match started {
            Ok(()) => Ok(Self { image, board, stack, memory, globals, state, play }),
            Err(trap) => Err(Box::new(NotStarted { trap, play })),
        }
    }

    /// Returns what was done with it.
    pub(super) fn into_play(self) -> Play {
        self.play
    }

    /// Calls an export by its name.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn call(&mut self, name: &str, args: &[u64]) -> Result<Results, Stop> {
        let view = self.image.image();
        // A name that acts on a terminal stands in an image as it is shown.
        let export = view
            .find_name(&xmap_image::Plain(name).to_string())
            .and_then(|id| Some((id, view.signature(id)?)));
        let Some((id, signature)) = export else {
            return Err(Stop::Call(format!("the image has no export {name:?}")));
        };
        let store = Store { stack: &mut self.stack, memory: &mut self.memory, globals: &mut self.globals };
        let mut mapper = Mapper::resume(view, &mut self.board, store, self.state)
            .map_err(|e| Stop::Call(e.to_string()))?;
        let outcome: Result<Results, Stop> = match mapper.call(id, args) {
            Ok(results) => Ok(signature.results().zip(results.iter().copied()).collect()),
            Err(CallError::Trap(trap)) => Err(Stop::Trap(trap)),
            Err(error) => Err(Stop::Call(error.to_string())),
        };
        self.state = mapper.suspend().2;
        let played = match &outcome {
            Ok(results) => Ok(results.iter().map(|(_, raw)| *raw).collect()),
            Err(Stop::Trap(trap)) => Err(*trap),
            // The mapper has refused it.
            Err(Stop::Call(_)) => return outcome,
        };
        self.play.calls.push(Call { export: id, args: args.to_vec(), outcome: played });
        outcome
    }
}
