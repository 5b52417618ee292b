//! Every error that `xmap` reports, in one list: number, title, explanation and an example of the
//! first line that a person sees. `docs/errors.md` is written from it (`BLESS=1 cargo test -p
//! xmap-compiler errors_md`), so a new error is one entry here.
//!
//! Numbers never change their meaning. The first two digits are the area ([`AREAS`]).

use std::fmt;

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $explanation:literal, $example:literal;)*) => {
        /// The number of an error: `X0201`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Code {
            $(#[doc = $explanation] $name = $number,)*
        }

        impl Code {
            /// Every code, by number.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// Returns what it is about, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// Returns what it means and what to do about it.
            pub const fn explanation(self) -> &'static str {
                match self { $(Code::$name => $explanation,)* }
            }

            /// A message with this code, as it is printed behind `error[X....]: `.
            pub const fn example(self) -> &'static str {
                match self { $(Code::$name => $example,)* }
            }
        }
    };
}

/// The areas: the first two digits of a number, and what belongs there.
pub const AREAS: &[(u16, &str)] = &[
    (1, "Files and input"),
    (2, "Exports and signatures"),
    (3, "Pins"),
    (4, "The manifest"),
    (5, "The module"),
    (6, "Budgets"),
    (7, "Images"),
    (8, "Simulator scripts"),
    (9, "Device and link"),
    (10, "Panels side by side"),
    (11, "Trust"),
    (12, "The service under Linux"),
    (13, "Buses, channels and clocks"),
    (14, "Go modules"),
    (15, "The gateway"),
    (16, "Contracts"),
    (17, "The store of a device"),
    (18, "Recordings"),
];

codes! {
    // X01: files and input.
    NoSuchFile = 101, "no such file",
        "Nothing stands at this path. A path inside a manifest is relative to the manifest's folder.",
        "hall.wasm: no such file";
    NotAFile = 102, "not a file",
        "The path names a directory or a device where a file is needed.",
        "panels: a directory, not a file";
    Unreadable = 103, "the file cannot be read",
        "The operating system refused the file; its reason is part of the message.",
        "hall.wasm: cannot be read: permission denied";
    NotAModule = 104, "not a WebAssembly module",
        "A module is a binary that starts with `\\0asm` and version 1, or its text form (`.wat`). Components are not modules.",
        "hall.wasm: not a WebAssembly module";
    NotAnImage = 105, "not an image",
        "An image starts with the four bytes `XMAP`.",
        "hall.xmap: not an .xmap image";
    CannotWrite = 106, "the file cannot be written",
        "The output goes to a temporary file beside its place and is then renamed, so that no half-written file is left. One of the two was refused.",
        "hall.xmap: cannot be written: read-only file system";
    FileTooLarge = 107, "the file is too large",
        "The file is larger than any valid one of its kind.",
        "hall.wasm: 80000000 bytes, at most 67108864 are read";
    NotUtf8 = 108, "not UTF-8 text",
        "Manifests, scripts and `.wat` files are UTF-8 text.",
        "panel.toml: not UTF-8 text: a bad byte at offset 12";
    WatSyntax = 109, "the module's text does not parse",
        "The text form of the module has a syntax error.",
        "expected `)`";
    UnknownInput = 110, "neither an image, a module nor a manifest",
        "What a file holds is told by its first bytes: `XMAP` is an image, `\\0asm` or `(` a module, other text a manifest.",
        "hall.bin: neither an image, a module nor a manifest";
    NotLinked = 111, "a module that is not linked",
        "An object file (`panel.o`, `clang -c`) has holes that a linker fills, and a shared library wants another module's memory. A panel is a module by itself.",
        "hall.o: an object file, which is not linked yet";

    NoTool = 112, "a program that the build needs is not here",
        "The manifest's `[build]` names a compiler that is neither on the PATH nor in `node_modules/.bin`. `xmap doctor` \
         lists what is here and what is missing.",
        "`clang` is not on this machine";
    BuildFailed = 113, "the build command failed",
        "What the command printed stands above. It ran in the manifest's folder.",
        "`cargo build --release` failed: exit status: 101";
    NoOutput = 114, "the build command has not written the module",
        "The command ended well, and the file that `output` or `wasm` names is not there.",
        "`make` has not written panel.wasm";
    Occupied = 115, "something is there already",
        "`xmap new` and `xmap init` write over nothing.",
        "hall: there already";

    // X02: exports and signatures.
    TypeMismatch = 201, "a parameter or result has another type",
        "The manifest's type stands for one WebAssembly type (`bool`, `u8` to `i32`: i32; `u64`, `i64`: i64; `f32`; `f64`; `bytes`, `str`: i32 twice), and the function has another one there. Positions count WebAssembly parameters from 0.",
        "call_gpio_set param 0: expected i32, found i64";
    CountMismatch = 202, "another number of parameters or results",
        "The manifest lists more or fewer parameters or results than the function has. `bytes` and `str` count as two: an address and a length.",
        "call_gpio_set: expected 3 params, found 2";
    NoSuchExport = 203, "the module does not export this function",
        "The manifest maps a function that the module does not export. Compilers leave out functions that are not marked for export.",
        "hall.wasm does not export a function `call_gpio_sett`";
    RuntimeSignature = 204, "an export that the runtime calls has another signature",
        "The runtime itself calls `_initialize()`, `on_mount() -> i32`, `on_unmount()`, `export_cleanup(handle: u32)` and `on_arguments(bytes: u32) -> u32`; their types are fixed.",
        "on_mount: expected () -> (i32), found (i32) -> ()";
    HandlerSignature = 205, "a handler has parameters or results",
        "A function with `on` is called by the runtime, which has no arguments for it, and nobody to give results to.",
        "on_press is a handler and takes no params";
    NoExports = 206, "no function is mapped",
        "A warning: the image is written. Nobody can call anything of it, which is mostly a forgotten mark of an export in the source.",
        "hall.wasm: the module exports no function, so nothing can call the image";
    HookSignature = 207, "a hook does not fit its export",
        "`before` takes the export's WebAssembly parameters and returns nothing or an i32, where anything but 0 refuses the call. `after` takes the export's results and then its parameters, and returns nothing.",
        "check: expected (i32, i32) -> (i32) or (i32, i32) -> (), found (i32) -> ()";
    NotHookable = 208, "an export that has no hooks",
        "`[hooks]` names functions that are mapped; those that the runtime itself calls (`on_mount`, `_initialize`, `on_unmount`, `export_cleanup`) have none.",
        "on_mount is called by the runtime, and has no hooks";

    // X03: pins.
    NoSuchLine = 301, "the board has no such line",
        "`pin` is the number of a GPIO line, as the BCM2711 documentation counts them, not a number on the header. It is written without leading zeros.",
        "rpi4b has no line 58";
    ReservedLine = 302, "the board itself needs this line",
        "The line is wired to a part of the board, or the panel's own link runs over it.",
        "line 14 is reserved for the link's UART (TXD0)";
    DuplicateLine = 303, "a line is declared twice",
        "Each line has one entry in `[pins]`.",
        "line 17 is declared twice";
    DuplicatePinName = 304, "two lines have one name",
        "Names of lines are compared after normalisation (as keys are), so that they stay apart in every output.",
        "lines 17 and 27 are both named `lamp_one`";
    PinConflict = 305, "a setting that this mode does not have",
        "`safe` says what an output does without its module, so an input has none. `pull` is for a line that can be an input: `in`, `inout`, or an output with `safe = \"float\"`.",
        "line 27 is an input and has no safe state";
    UndeclaredLine = 306, "the line is not declared",
        "A module may use the lines of its `[pins]` and no others.",
        "on_edge waits for an edge on line 18, which is not declared";
    WriteToInput = 307, "a write to an input",
        "The manifest declares the line `mode = \"in\"`, and the module drives it.",
        "gpio.set drives line 27, which is an input";
    NotInOut = 308, "the direction of this line is fixed",
        "`gpio.direction` is for lines that the manifest declares `mode = \"inout\"`.",
        "gpio.direction changes line 17, which is not inout";
    NotAnInput = 309, "an edge on a line that is not an input",
        "A handler can wait for edges of lines that are declared `in` or `inout`.",
        "on_press waits for an edge on line 17, which is an output";

    // X04: the manifest.
    Syntax = 401, "the manifest is not TOML",
        "The text breaks a rule of TOML; nothing else was checked.",
        "key with no value, expected `=`";
    DuplicateKey = 402, "a key stands twice",
        "TOML allows a key once in each table.",
        "`name` stands twice in this table";
    UnknownKey = 403, "an unknown key",
        "Nothing in a manifest is ignored: a key that means nothing is an error. docs/manifest.md lists them all.",
        "unknown key `nmae` in [module]";
    WrongType = 404, "a value of another type",
        "The key takes another type of TOML value.",
        "version: expected an integer, found a string";
    OutOfRange = 405, "a value out of range",
        "The value is a number beyond what its key allows, or a text that is too long.",
        "version: expected 0 to 4294967295, found -1";
    UnknownWord = 406, "an unknown word",
        "The key takes one of a few words.",
        "mode: expected one of in, out, inout; found `outt`";
    MissingKey = 407, "a key is missing",
        "The table needs this key; there is no default.",
        "[module] needs `name`";
    BadName = 408, "nothing is left of a name",
        "A name becomes a key by normalisation: lower case, and everything but a to z, 0 to 9 and `_` becomes `_`. At least one letter or digit must be left.",
        "`!!!` has no letter or digit for a key";
    KeyCollision = 409, "two exports have one key",
        "Keys are compared after normalisation.",
        "`lamp_on` and `Lamp On` both have the key panel.lamp_on";
    BadNamespace = 410, "not a namespace",
        "A namespace is one or more words of a to z, 0 to 9 and `_`, with dots between them: `panel`, `ext.paypal`. It stands in front of keys as it is, so it is not normalised.",
        "`My Panel` is not a namespace";
    BadParam = 411, "a parameter or result that cannot be read",
        "A parameter is `name: type`, a result is `type`. The types are bool, u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bytes and str; before bytes and str may stand own, borrow or copy.",
        "call_gpio_set param 0: `u9` is not a type";
    BadTrigger = 412, "a handler needs one trigger",
        "`on` has exactly one of `pin` (with `edge` and perhaps `debounce_us`), `every_us` and `after_us`.",
        "on_tick: `on` has both `pin` and `every_us`";
    UnknownBoard = 413, "an unknown board",
        "The board is one of those that this version of xmap knows.",
        "there is no board `rpi5`";
    PolicyConflict = 414, "a policy that contradicts itself",
        "`confirm = \"host\"` waits for `xmap confirm` during the trial; `confirm_ms = 0` is no trial.",
        "a host cannot confirm within a trial of 0 ms";
    BadKeep = 415, "kept memory has one beginning",
        "An entry of `[keep] memory` has `bytes` and exactly one of `symbol` and `from`.",
        "memory 0: has both `symbol` and `from`";
    SameEdge = 416, "an edge with two handlers",
        "Each edge of a line calls one function. The rising and the falling edges of a line may have a handler each; `both` is both of them.",
        "`on_press` and `on_touch` both handle falling edges of line 27";

    BadQuantity = 417, "a quantity that cannot be read",
        "Where a key takes a time or a size, it takes a number of its own unit (`every_us = 100000`) or a text with a \
         unit (`every_us = \"100ms\"`, or `every = \"100ms\"`). Times are us, ms, s, min, h, d, sizes B, KiB, MiB, and \
         `every` takes Hz, kHz, MHz as well. The quantity has to be a whole number of the key's unit: nothing is rounded.",
        "every: `100 mss` has an unknown unit";
    BadCommand = 418, "a build command that cannot be run",
        "`command` of `[build]` is a program and its arguments, as a list or as a text that is split at white space. No \
         shell reads it, so what means something to a shell is refused in a text.",
        "command: no shell reads it, and `$` would mean something to one";
    BuildConflict = 419, "the module is not what the build writes",
        "`output` of `[build]` is the module, so `wasm` of `[module]` says the same or is left out.",
        "`hall.wat` is not what [build] writes";
    KeepConflict = 420, "words on a restart that contradict the rest of [keep]",
        "`every` says how often kept state is written for a restart, `restart = false` that it never is: one of them is left out. Both are about state, so `globals` or `memory` has some.",
        "`every` contradicts `restart = false`";

    // X05: the module.
    InvalidModule = 501, "the module is not valid",
        "The module breaks a rule of the WebAssembly specification, whatever proposals are allowed; the compiler that wrote it, or a copy, went wrong.",
        "type mismatch: expected i32, found i64";
    Unsupported = 502, "an instruction or feature that is not supported",
        "The module is valid, but xmap does not compile this instruction or feature: what goes beyond WebAssembly 2.0 without vectors and extended constant expressions. The help names the option of each compiler that does without.",
        "i32x4.splat is not supported: it needs SIMD (128-bit vectors)";
    UnknownImport = 503, "an unknown import",
        "A mapped function, or the start function, reaches an import that is none of docs/guest.md. Imports that nothing mapped reaches are left out. Those of one toolchain stand in one error, with its way to do without them.",
        "there is no import gpio.sett";
    ImportSignature = 504, "an import has another signature",
        "The module imports a function that exists, with other types.",
        "gpio.set: expected (i32, i32), found (i32)";
    ImportKind = 505, "an import that another module would have to fill",
        "An imported memory or table is taken as the module's own. Globals, tags and what a loader fills in cannot be imported: each module is alone. A global that nothing reaches is left out, as functions are.",
        "env.base is a global, which a module cannot import";
    ConstantTrap = 506, "a call that would always trap",
        "With these constant arguments the host call can only trap.",
        "log.message reads 0x10000 to 0x10005, the memory ends at 0x10000";
    DataOutside = 507, "a data segment outside the memory",
        "The module's data does not fit the linear memory that it has: the pages that it declares, or `[limits] memory_bytes` where that is less.",
        "a data segment takes 0x10000 to 0x10010, the memory ends at 0x10000";
    ElementsOutside = 508, "an element segment outside its table",
        "The module's table is smaller than what it puts there: such a module cannot be instantiated.",
        "an element segment takes 8 to 12 of table 0, which has 10 references";
    NoSuchState = 509, "state that the module does not have",
        "`[keep] globals` has names of mutable globals: those that the module exports, or those of its name section, where only one has the name. `symbol` is an exported variable: a global whose value is the variable's address.",
        "hall.wasm has no global `presses`";
    NotKeepable = 510, "state that cannot be kept",
        "What is kept is what changes while the panel runs: a mutable global of a number that a mapped function sets. The address of a variable never changes; what is there does.",
        "`limit` never changes: the global is immutable";
    KeepOverlap = 511, "state that is kept twice",
        "Each global and each byte of memory has one entry in `[keep]`.",
        "0x400 to 0x404 are kept twice";
    KeepOutside = 512, "kept bytes outside the memory",
        "Kept bytes are inside the linear memory that the module has at load: its pages, or `[limits] memory_bytes` where that is less.",
        "0x10000 takes 0x10000 to 0x10004, the memory has 0x10000 bytes at load";

    UnclearStack = 513, "a shadow stack whose pointer is not known",
        "A warning: the image is written. Compilers keep a stack in linear memory, whose pointer is a global. What a call that traps had taken of it is given back by the mapper, for which the image names the global: `__stack_pointer` in the module's exports or name section (AssemblyScript: `~lib/memory/__stack_pointer`), or else the only one that functions move and put back. Where none is clear, `on_trap = \"hold\"` lets each trap make the stack smaller.",
        "hall.wasm: the shadow stack is not given back after a trap: global 0, global 1 all behave as the pointer of one";

    NotAName = 514, "a name of a span that is no text",
        "A warning: the image is written. The name of a span, a key or a value of `trace.*` is a constant, and its bytes are no UTF-8: they travel as they are, 32 of them at most, and are shown with a replacement character. Give the bytes of a text, and its length in bytes.",
        "hall.wasm:0x1c2: trace.start_span: these 4 bytes are no UTF-8";

        // X06: budgets. xmap_image::limits has the figures with their reasons.
    ImageTooLarge = 601, "the image is over its budget",
        "The image is larger than `[limits] max_bytes` (or --max-bytes). The largest functions are listed.",
        "the image has 13312 bytes, max_bytes is 12288";
    TooManyRegisters = 602, "a function needs too many registers",
        "The parameters of a function, the arguments of a call and the results of either pass through 255 registers. Locals and values in flight may be any number: what finds no register waits in a spill slot, of which a function has 65535.",
        "function $mix (7) needs 301 registers, at most 254 exist";
    TooManyFunctions = 603, "too many functions",
        "A call names its callee in 16 bits.",
        "70000 functions, at most 65535";
    FunctionTooLong = 604, "a function is too long",
        "A function has at most 65535 words of code.",
        "function $table (2) has 70000 words, at most 65535";
    TooManyExports = 605, "too many exports",
        "An image maps at most 4096 exports. List the needed ones in `[exports]`.",
        "5000 exports, at most 4096";
    MemoryTooLarge = 606, "the linear memory is over its budget",
        "The module asks for more linear memory than `[limits] memory_bytes`. Compilers reserve a large stack unless told otherwise (wasm-ld: `-z stack-size=4096`). No limit can be raised beyond what the board has.",
        "the module asks for 131072 bytes of memory, memory_bytes is 65536";
    TooManyGlobals = 607, "too many globals",
        "An op names a global in 16 bits.",
        "70000 globals, at most 65535";
    TooManyParams = 608, "too many parameters or results",
        "Parameters and results pass through the register window: at most 250 of each.",
        "mix: 300 params, at most 250";
    TooManyHandlers = 609, "too many handlers",
        "A panel watches at most 32 timers and edges.",
        "40 handlers, at most 32";
    TooManyStrings = 610, "the names are too long together",
        "The names and keys of all exports have 65535 bytes together.",
        "names and keys take 70000 bytes, at most 65535";

    CannotEncode = 611, "the image cannot be written",
        "What the module needs exceeds a limit of the image format, which the message names.",
        "hall.wasm: 70000 bytes of names, and an image holds at most 65535";
    TableTooLarge = 612, "a table is too large",
        "A table has at most 65536 references, each of which takes 8 bytes of the device's RAM, and a module at most 255 tables.",
        "hall.wasm: table 0 has 100000 references, at most 65536";
    TooManyKept = 613, "too many parts of kept state",
        "An image names at most 32 globals and stretches of memory that it keeps.",
        "33 parts of state, at most 32";
    KeptTooLarge = 614, "too much kept state",
        "All of `[keep]` together has at most 4 MiB, a global with 8 bytes: a device that has a disk reads no more back after a restart. An owner may allow less (`kept_bytes` in `[limits]` of the policy).",
        "[keep] has 5000000 bytes in all, at most 4194304";
    TooComplex = 615, "a function is too complex",
        "Compiling a function takes time and memory in proportion to its size. One that takes far more than code of its size does, as no compiler's output but a module made for it does, is refused before it takes them.",
        "function $nest (7) is too complex: simplifying it takes more than 10485760 steps";
    NoRoom = 620, "no device of the board has room for the image",
        "A board gives each module as much on every target: a slot of 4,194,304 bytes for the image and its seal, 16,777,216 bytes of linear memory, 262,144 slots for globals and tables on the Raspberry Pi 4B. The words are the device's own.",
        "hall.xmap: no device of rpi4b takes it: the image has 4270312 bytes, and a slot holds 4194304 bytes";
    BeyondLimits = 621, "a device does not take the image by default",
        "A device holds what an image may ask for (fuel and waits of a call, memory, kept state, periods) against its owner's limits. Where the owner says nothing, they have defaults (docs/security.md, The policy). A warning: an owner may allow more, and the simulator has no limits.",
        "hall.toml: beyond what a device allows by default: limit fuel: 4294967295, at most 20000000";
    StartFuel = 622, "the start function has a fuel of its own",
        "A device runs a module's start function with 1,000,000 of fuel. A start function that needs more, by its bound or by the manifest's `fuel`, becomes the hook `_initialize`; a module that exports a hook of that name already has both, and the start function has no more. An error where it is known to take more, else a warning.",
        "the start function has 1000000 of fuel, whatever the manifest says, and takes up to 3000012";
    Grown = 623, "a figure has grown",
        "`xmap size --against FILE` holds the bytes of an image, and the bounds of its exports, against those in the file. \
         What grew by more than `--grow` percent is named, and so is a bound that is no more.",
        "figures.json: more than 5 % above the figures: ops of hall.blink";
    NoFigures = 624, "no figures of the panel",
        "The file of `--against` has no line that `xmap size --json` or `xmap build --json` wrote for a panel of this name.",
        "figures.json: no figures of the panel `hall`";

    // X07: images.
    ImageInvalid = 701, "the image does not verify",
        "The bytes are not those of an image that xmap wrote, or they changed since.",
        "hall.xmap: the hash is that of other bytes";
    ImageFormat = 702, "another image format",
        "The image is of a format that this version of xmap does not read.",
        "hall.xmap: format 2, this xmap reads format 1";
    MountFailed = 703, "the image cannot be mounted",
        "A function that runs at load (the start function, `_initialize`, `on_mount`) trapped, or `on_mount` returned another value than 0, or the image needs what the board does not give. Outputs are left in their safe states.",
        "hall.xmap: `on_mount` returned 3, and 0 means mounted";

    Bundle = 704, "a bundle where one image is needed",
        "A bundle holds the images of several panels (`xmap link`); this verb takes one.",
        "home.xmap: a bundle of 2 images";

    // X08: simulator scripts.
    ScriptSyntax = 801, "a line that is not a command",
        "docs/scripts.md has the commands: `call`, `level`, `release`, `press`, `advance`, `at`, `wait until`, `expect`, \
         `swap`, `reset`, `unmount`, `lose host`, `find host`, `repeat` and `end`; `#` starts a comment.",
        "`cal` is no command; the nearest is `call`";
    ScriptName = 802, "an export that the image does not have",
        "NAME is the wasm export or its key.",
        "there is no export `lamp_onn`";
    ScriptArgument = 803, "an argument that does not fit",
        "Arguments are decimal or 0x, floats for float parameters; their number and their width are those of the export.",
        "lamp_on takes 1 argument, found 2";
    ScriptLine = 804, "a level on a line that does not exist",
        "`level` sets the level outside a line of the board.",
        "rpi4b has no line 64";
    ScriptContention = 805, "a level on an output",
        "`level` connects a level from outside, and the module drives the line itself at that time.",
        "line 17 is an output of the module: nothing else may drive it";
    ScriptStandstill = 806, "virtual time does not pass",
        "Handlers that call each other without a wait between them, as one of an edge that drives its own line, \
         keep the simulation at one point of time; 1,000 events there end it. So do 10,000,000 events in one step, \
         and a time beyond 100 years.",
        "1000 events without time passing, at 1ms: the handler `panel.on_edge` is called again and again by \
         edges of line 22";

    ScriptExpectation = 807, "an expectation does not hold",
        "`expect`, `wait until` and `call NAME -> VALUE` say what must be so. `xmap test` goes on behind it, so that one run \
         shows all of them.",
        "expected lamp (line 17) high within 5ms: it is low at 1.005s";
    ScriptTime = 808, "a level that is scheduled for no time of the script",
        "`at TIME` counts from the beginning of the run, `at +TIME` from the step. The time must not have passed, and \
         the script must last that long.",
        "the script ends before 5s, when this was to happen";
    ScriptImage = 809, "a step that the panel does not allow at this point",
        "Behind `unmount` nothing can be called. Behind `swap` the image that runs may have other exports; the device may \
         also have refused it, or have gone back to the one before after a trap in its trial.",
        "`new.toml` was not loaded: the image is for another board";
    ScriptTrap = 810, "a trap that the test does not expect",
        "In `xmap test` a call or a handler that traps fails the test, unless the next step is an `expect trap`, or the \
         script has a trace beside it that has the trap.",
        "panel.on_tick trap divide_by_zero";
    ScriptTrace = 811, "the trace differs from the one that is kept",
        "Beside a script `day.txt` may stand `day.trace`: the stores, messages and results that the run must have. \
         `xmap test --update` writes it anew.",
        "line 3: expected `GPSET0 0x00020000`, found `GPCLR0 0x00020000`";

    // X09: device and link.
    PortUnavailable = 901, "the port cannot be opened",
        "The serial port or the address is not there, or another program has it.",
        "tcp:127.0.0.1:5555: cannot be opened: connection refused";
    NoAnswer = 902, "the device does not answer",
        "No valid answer came within the time limit, after the request was sent again. The message says what did come: nothing, bytes that are no frames (another speed, another program), or what was sent itself (wires that are shorted).",
        "tcp:127.0.0.1:5555: no answer to 3 requests in 4500 ms";
    DeviceRefused = 903, "the device refused the request",
        "The device answered with an error of its own; nothing has happened.",
        "tcp:127.0.0.1:5555: the request was refused: no image is mounted";
    BadPort = 904, "not a port",
        "A port is `tcp:HOST:PORT`, `unix:PATH`, or the path of a serial port (`/dev/ttyUSB0`).",
        "tcp:127.0.0.1: not a port: expected tcp:HOST:PORT";
    OtherProtocol = 905, "the device speaks another protocol version",
        "xmap and the firmware have to be of versions that speak the same protocol. Nothing but the greeting was exchanged.",
        "/dev/ttyUSB0: the device speaks protocol 2, this xmap speaks 1";
    LinkBroken = 906, "the link broke",
        "The connection ended, or the operating system reported an error on the port, while an answer was awaited.",
        "tcp:127.0.0.1:5555: the other side closed the connection";
    BadAnswer = 907, "an answer that makes no sense",
        "The device's answer arrived whole and is not one to this request. The firmware is not of this version.",
        "/dev/ttyUSB0: the answer is one to another request";
    DeviceRestarted = 908, "the device has restarted",
        "The device lost its session, so it refused the request rather than run it on an image that may be another one.",
        "/dev/ttyUSB0: the device has restarted since it was greeted";
    CallName = 909, "the device has no such export",
        "NAME is a key or the name of the wasm export, at most 64 bytes, in the image that is mounted on the device.",
        "/dev/ttyUSB0: the image has no export `lamp_onn`";
    CallArgument = 910, "an argument that does not fit the export",
        "Arguments are decimal or 0x, floats for float parameters; their number and their width are those of the export.",
        "/dev/ttyUSB0: lamp_on: expected 1 argument, found 2";
    TraceLost = 911, "register accesses were lost",
        "The device keeps the latest register accesses only, and overwrote some before they were read. A call that stores less, or no plain output, avoids it.",
        "/dev/ttyUSB0: 12 register accesses were overwritten before they were read";
    NoLogTexts = 912, "there are no texts of the firmware's log",
        "`xmap monitor` takes the texts of the firmware's log from the ELF file that was flashed, not from the raw image that was made of it.",
        "kernel8.img: no defmt section";
    TimeIsUp = 913, "the time is up",
        "What was asked for was not done within `--timeout`. A transfer that was under way is forgotten by the device after a while; what runs there goes on.",
        "/dev/ttyUSB0: not done within 5 s, and given up";
    NotSwapped = 914, "the image was not swapped in",
        "The device has the image and does not run it: it was refused, or did not mount. The image before it runs.",
        "/dev/ttyUSB0: hall was not swapped: on_mount returned -3";
    NoSuchModule = 915, "the device has no such module",
        "`--module` is a number of 0 to 3, or the name of an image that the device has.",
        "/dev/ttyUSB0: no module `halll`";
    NoFeature = 916, "the firmware lacks this",
        "The firmware on the device is older than this request, or was built without what it needs.",
        "/dev/ttyUSB0: its firmware knows no modules: images cannot be swapped there";
    DeviceBusy = 917, "the device is busy with another image",
        "One image is sent and tried at a time: another host is sending one, or the latest is still on trial. Nothing has happened.",
        "/dev/ttyUSB0: another host is sending an image; its claim ends in 10 s if it falls silent";
    RolledBack = 918, "the new image was taken back",
        "The new image did not pass its trial, and the one before it runs again.",
        "/dev/ttyUSB0: hall was rolled back: panel.on_tick: trap unreachable at op 12, detail 0";
    KeyRequired = 919, "the device answers only to those who have a key",
        "The device has a table of role keys, and answers nothing but its greeting to whoever shows none. `--key FILE`, or the file in the environment's `XMAP_KEY`, is a key that its owner has put into the table (`xmap keygen --role`, `xmap keys`).",
        "/dev/ttyUSB0: the device answers only to those who have a key";
    KeyUnknown = 920, "the device does not know the key",
        "The key is not in the device's table: it was never put there, or was taken out, or is another device's.",
        "/dev/ttyUSB0: the device does not know the key 0d53f0a9c1b2e3f4";
    RoleTooLow = 921, "the key's role is too low",
        "Each role includes those before it: observe reads, call runs exports, operate swaps images, own changes whom the device trusts. The role is the one in the device's table. Nothing has happened.",
        "/dev/ttyUSB0: this takes a key of the role operate, and the key's role is call";
    ExportNotAllowed = 922, "the export is not on the key's list",
        "A key calls the exports that its list in the device's table names, by their keys (`panel.*`). Nothing was run.",
        "/dev/ttyUSB0: the export lamp.forget is not on the key's list";
    NoSessions = 923, "the device cannot begin a session",
        "A session takes a number that the device has never used, and the boot stage handed over no random seed (`/chosen/rng-seed` in the device tree) to make one of. The Raspberry Pi's firmware does; in the emulator, the device tree has to have the property.",
        "/dev/ttyUSB0: the device has no random numbers for a session";
    DeviceIsOpen = 924, "the device takes no keys",
        "The device has no table of role keys: whoever reaches it may do everything, and nobody can tell it from another that only says so. With a key, xmap talks to a device that has it, or to none.",
        "/dev/ttyUSB0: the device is open to everybody and takes no key";
    NotTheDevice = 925, "what answers does not have the key",
        "Whoever answers says that he knows the key, and could not show it: something else is on the wire, or changes what travels there.",
        "/dev/ttyUSB0: what answers does not have the key 0d53f0a9c1b2e3f4";
    NotKept = 926, "it runs, and is not on the disk",
        "The device did what was asked, and could not write it to its storage: a restart brings what was there before. The message has the reason. The device goes on trying; `xmap status` says what is missing, `xmap events` when it failed and when it worked again.",
        "unix:/run/xmap/xmapd.sock: hall runs, and is not on the disk: no space left on the disk";

    OtherPanel = 927, "another panel has this place",
        "`xmap swap` puts a new version in the place of a panel with the same name. Another name may be the wrong port or \
         the wrong module, so it is asked for (on a terminal) or refused.",
        "/dev/ttyUSB0: module 0 of the rpi4b has stairwell version 3, and this is blink version 1";
    NoFirmwareSlots = 928, "the device takes no firmware over the link",
        "A firmware is sent to a board without an operating system whose card was laid out for two (docs/firmware.md). A service under Linux is updated by its package.",
        "unix:/run/xmap/xmapd.sock: a service under Linux, which its package updates";
    FirmwareRefused = 929, "the device does not take the firmware",
        "A device takes a firmware that its owner's root key has sealed for its board, not older than the one that counts as good, and no longer than a slot. The one that runs is not touched.",
        "/dev/ttyUSB0: reject: rollback 6 < 7";
    FirmwareBack = 930, "the firmware went back",
        "The firmware was tried and did not prove itself: it was reset before, or a module was not mounted. The one before runs again.",
        "/dev/ttyUSB0: the firmware of version 7 went back: it was reset before it counted as good";
    TraceFile = 931, "no trace, or a damaged one",
        "`xmap trace FILE` reads what `xmap trace --raw FILE` has written, with a hash over all of it. Another file, one that was cut, and one in which a byte is another one are refused as a whole: nothing of it is shown.",
        "hall.trace: damaged: its content has another hash than it says";
    TraceEndpoint = 932, "a receiver of traces that does not take them",
        "Spans are sent to the address of --otlp as OTLP over HTTP, a few hundred at once. A receiver that is down, slow or busy is asked again, each time after a longer pause, five times at most; what it has not taken by then is dropped and counted. --raw saves what was read, so that `xmap trace FILE --otlp URL` sends it later.",
        "http://127.0.0.1:4318/v1/traces: 120 of 500 spans were not taken: Connection refused";

    // X10: panels side by side.
    OtherBoard = 1001, "panels of different boards",
        "The panels of a bundle run on one device.",
        "`hall` is for rpi4b, and `porch` for rpi5";
    SameModule = 1002, "two modules with one name",
        "Reports, traps and hosts tell the modules of a device apart by their names.",
        "two modules are named `hall`";
    LineTaken = 1003, "a line that another module drives",
        "A line has one writer, and what one module drives no other module declares. Lines that nobody drives may be read by several.",
        "line 17: `hall` drives it, and `porch` declares it";
    PullDiffers = 1004, "a line with two pulls",
        "Several modules may read a line; its resistor is one, so they want the same of it.",
        "line 27: `hall` wants the pull up, and `porch` none";
    EdgesTaken = 1005, "edges that two modules handle",
        "The edges of a line are handled in one module. Others may read its level.",
        "line 27: `on_press` of `hall` and `on_touch` of `porch` both handle its edges";
    KeyTaken = 1006, "a key in two modules",
        "A key names one export of a device. The functions that the runtime calls (`on_mount` and its like) may be in every module.",
        "`lamp_on` of `hall` and `light` of `porch` both have the key default.lamp_on";
    TooManyModules = 1007, "too many modules",
        "A device has room for four modules side by side.",
        "5 modules, at most 4";
    NoManifest = 1008, "a module without a manifest beside another one",
        "Without a manifest a module may use every line of the header, so nothing is left for another.",
        "lamp.wasm: has no manifest, so that it may use every line";

    // X11: trust.
    NotAKeyFile = 1101, "not a secret key",
        "A key file is what `xmap keygen` wrote: two lines, and nothing behind them.",
        "hall.key: not a secret key of xmap";
    KeyIsOpen = 1102, "a secret key that others may use",
        "A secret key is its owner's alone: mode 600. One that others could read may be known to them; revoke it.",
        "hall.key: others may use it (mode 644)";
    KeyExists = 1103, "a file stands where the key would go",
        "A key that is written over is lost, and with it everything that it could sign.",
        "hall.key: stands there already, and is not written over";
    NotAKey = 1104, "not a key or a hash",
        "A public key and a hash are 64 hexadecimal digits, a key id 16. A key must be one that nobody can sign for without its secret half.",
        "key: expected 64 hexadecimal digits, found 63 characters";
    NotSealed = 1105, "the image cannot be signed",
        "A seal is for one image, with a name of at most 32 bytes and an origin of at most 64.",
        "home.xmap: a bundle, and a seal is for one image";
    Rejected = 1106, "the policy refuses the image",
        "The verdict says what does not hold first: the seal, its key, the signature, the hash, a revocation, the origin, the module, the board, the version, a line or an operation.",
        "panel.xmap: reject: rollback 7 < 8";
    NoRandom = 1107, "no random numbers",
        "A key is made of the operating system's random numbers, as is a session's nonce, and it gave none.",
        "hall.key: no random numbers";
    NotRoleKeys = 1108, "not a table of role keys",
        "The file is not what `xmap keys` wrote, or was changed since.",
        "device.keys: the table of role keys is damaged";
    KeyMisfit = 1109, "a role key that does not fit",
        "A device's table has room for 8 keys, each once, with 8 patterns of exports each.",
        "device.keys: more than 8 keys";
    PolicyRefused = 1110, "the device does not take the policy",
        "A device takes a policy that its owner's root key has signed, with a higher version than the one that it has. The one before holds.",
        "/dev/ttyUSB0: policy rollback 2 < 3";
    NotAPolicy = 1111, "not a signed policy",
        "A device takes what `xmap policy sign` wrote, not the text that it was made of.",
        "policy.toml: not a signed policy";
    NotFirmware = 1112, "not a sealed firmware",
        "`xmap firmware send` takes what `xmap firmware sign` wrote: the bytes of a kernel8.img, and a seal of 120 bytes behind them.",
        "kernel8.img: not a sealed firmware";

    // X12: the service under Linux. `xmapd` reports these; firmware/linux/src/error.rs has the same numbers.
    ServiceConfig = 1201, "the service's configuration",
        "`/etc/xmap/xmapd.toml`, or what `--config` names, cannot be read, or has a key or a value that means nothing. docs/linux.md lists them.",
        "/etc/xmap/xmapd.toml:4:1: unknown field `panle`, expected one of `registers`, ..., `panel`";
    ServiceBoard = 1202, "the service does not know this machine",
        "`xmapd` writes registers of the BCM2711, and starts on a Raspberry Pi 4B only. `--registers FILE` takes a file in the place of the chip, on any machine.",
        "this machine is not a Raspberry Pi 4B";
    ServiceRegisters = 1203, "the chip's registers cannot be mapped",
        "The kernel offers them as `/dev/gpiomem`, which the group `gpio` may map (the package has a udev rule), or as a part of `/dev/mem`, which is root's.",
        "/dev/gpiomem: the chip's registers cannot be mapped: Permission denied (os error 13)";
    ServiceRegisterFile = 1204, "the file that stands in for the registers is none",
        "`--registers` takes a file of 4096 bytes, and makes one that is not there.",
        "/dev/gpiomem: a device, which no file stands in for";
    ServiceSocket = 1205, "the service cannot listen",
        "The socket's folder has to be there and the service's own, the address one of this machine, and free.",
        "tcp:192.0.2.1:5577: cannot be listened on: Cannot assign requested address (os error 99)";
    ServiceState = 1206, "the folder of the persistent slots cannot be used",
        "The service keeps images and kept state in `/var/lib/xmap`, or what `state` names. The folder has to be its own, and there has to be room.",
        "/var/lib/xmap: Permission denied (os error 13)";
    ServiceRunning = 1207, "another xmapd runs",
        "Two services would drive the same lines. The one that runs keeps them.",
        "/run/xmap/xmapd.sock: another program listens there";
    ServiceSystem = 1208, "the operating system refused the service",
        "The service cannot do without what was refused; the reason is the system's.",
        "timerfd: Too many open files (os error 24)";
    ServiceKeys = 1209, "the service's keys or policy",
        "A file that `link.keys` or `trust.policy` of the configuration names cannot be read, is none of its kind, or is open to everybody. Nobody is let in instead.",
        "/etc/xmap/role.keys: everybody may use it (mode 644)";
    ServicePanel = 1210, "the panel that was named cannot be used",
        "What `--panel` names on the command line cannot be read or is no image, and the service does not start without it. A default panel of the configuration's file that cannot be used is a line in the journal, and so is an image that the device refuses: the service waits for a host to send another one.",
        "panel.toml: not an image";

    // X13: buses, channels and clocks.
    NoSuchBus = 1301, "the board has no such bus",
        "A bus has the number that the chip's documentation and Linux (`/dev/i2c-N`) give it. Those that the board needs itself are not among them.",
        "i2c temp: rpi4b has no I2C bus 0 for modules";
    BadAddress = 1302, "not the address of an I2C device",
        "An address has 7 bits, without the bit for reading: 0x08 to 0x77. A data sheet that says 0x90 and 0x91 means 0x48.",
        "i2c temp: 0x90 is no 7-bit address";
    BusLine = 1303, "a line that a bus takes",
        "The lines of a bus are the bus's alone, so `[pins]` cannot declare them where a device on the bus is declared.",
        "line 2 is the data line (SDA) of I2C bus 1";
    SameDevice = 1304, "a device is declared twice",
        "A bus has one device at an address, and a device has one name.",
        "i2c temp and i2c sensor are both at 0x48 of bus 1";
    ShortTimeout = 1305, "a time limit that the longest transfer passes",
        "The longest transfer takes its time on the wire even where the device never holds the clock.",
        "i2c temp: the longest transfer takes 480 us, timeout_us is 100";
    UndeclaredDevice = 1306, "the device is not declared",
        "A device of a bus is named by its index: its place among the tables of its kind in the manifest, from 0.",
        "i2c.write_read uses device 1: the manifest declares 1";
    LongTransfer = 1307, "a transfer longer than declared",
        "A transfer writes and reads no more than `write_max` and `read_max` say.",
        "i2c.write_read reads 4 bytes from `temp`, read_max is 2";
    BusLineTaken = 1308, "a line of a bus that another module declares",
        "Several modules may have devices on one bus; its lines belong to the bus alone.",
        "line 2: `hall` has a device on its bus, and `porch` declares it";
    DeviceTaken = 1309, "a device in two modules",
        "A device belongs to one module, which knows what it has set there.",
        "I2C bus 1: `hall` and `porch` both have the device at 0x48";
    TooManyDevices = 1310, "too many devices",
        "An image has room for 16 I2C devices, 8 SPI devices, 8 PWM channels and 4 serial ports.",
        "17 I2C devices, at most 16";
    LineOfTwo = 1311, "a line that two devices take",
        "A bus has its lines alone, a line that selects a device selects one, and a PWM channel drives one line. The help of X1301 lists the lines of each bus.",
        "i2c temp and spi adc both take line 9";
    NoPwm = 1312, "a line without a PWM channel",
        "A PWM channel is a part of the chip that a few lines can be connected to.",
        "pwm dimmer: line 17 of rpi4b has no PWM channel";
    BusTime = 1313, "timers that take more time on buses than there is",
        "A device does one thing at a time. The transfers of all timers' handlers together, each as long as its time limit allows, have to fit the time, of one panel and of all panels of a device.",
        "transfers of timers may take 120.0 % of the time: cellar.on_tick takes 1200 us of each 1000 us";
    BadFormat = 1314, "not the format of a serial port",
        "A format is the data bits, 7 or 8, the parity, N, E or O, and the stop bits, 1 or 2, of a character.",
        "format: expected data bits, parity and stop bits, found `9N1`";
    BadZone = 1351, "a zone that is not known",
        "`[clock] zone` is the name of a zone in the IANA data base, or a rule as POSIX's `TZ` writes it: the offset of standard time, and for daylight saving time the two changes of each year, in whole minutes. Zones that change by the lunar calendar, or are about to change their rule, have none: give the rule of the year.",
        "zone: `Europe/Berlinn`: neither a zone of the IANA data base nor a rule";
    BadSchedule = 1352, "a schedule that cannot be read",
        "`at` is a time of the day, `\"00:00\"` to `\"23:59\"`. `days` is `daily`, or days of the week and runs of them: `mon-fri`, `sat, sun`.",
        "days: expected days of the week, found `mon-fry`";
    NoZone = 1353, "a schedule without a zone",
        "A time of the day is one of a zone: without `[clock] zone` it would be in UTC, which is hardly meant.",
        "a schedule needs the zone that its time is in";

    // X14: modules of GOOS=js, which `xmap go` runs.
    GoModule = 1401, "not a module of GOOS=js",
        "`xmap go` runs what `GOOS=js GOARCH=wasm go build` makes: a WebAssembly module with the exports `run`, `resume`, `getsp` and `mem`.",
        "app.wasm: not a module of GOOS=js: it has no export `run`";
    GoImport = 1402, "an import that no host of Go has",
        "The module imports something that is not in Go's own `wasm_exec.js`, or was built before Go 1.21, whose imports have other names.",
        "app.wasm: imports `env.blink`, which wasm_exec does not have";
    GoArguments = 1403, "arguments and environment are too long",
        "Go reads them from 8192 bytes below its data, with 8 bytes for each pointer.",
        "app.wasm: total length of command line and environment variables exceeds limit: 9120 bytes, less than 8192 fit";
    GoFolder = 1404, "a folder for the program cannot be used",
        "`--dir` names a folder that is there and can be read.",
        "data: No such file or directory (os error 2)";
    GoStopped = 1405, "the program cannot go on",
        "The module trapped, or broke a rule of its host: it used a reference that it does not hold, memory that it does not have, or a timeout that it did not take up. A Go panic is none of these: Go reports it and ends with status 2.",
        "app.wasm: reference 9 was finalized twice";
    GoKey = 1406, "no such function is registered",
        "Functions are called by their key or name, once `main` has registered them and waits.",
        "app.wasm: no function `ad` is registered";
    GoRegistered = 1407, "a function cannot be registered",
        "Keys are made of names as those of a manifest are: a name needs a letter or digit, and two names cannot have one key. A property `signature` has types of the manifest.",
        "app.wasm: `Lamp On` and `lamp_on` both have the key default.lamp_on";
    GoCallArguments = 1408, "arguments that the function does not take",
        "The types are those of the function's `signature`, or of the export. JavaScript has whole numbers up to 2^53.",
        "app.wasm: default.add: takes 2 arguments, 1 given";
    GoCall = 1409, "a call without an answer",
        "The function was released, threw, was refused by a hook, or waits for what nothing will bring.",
        "app.wasm: default.add: the function was released";
    GoScript = 1410, "a line of the script cannot be done",
        "Lines are `call NAME ARG...`, `level LINE 0|1` and `advance MICROSECONDS`, as for `xmap sim`.",
        "day.txt: line 3: expected microseconds, found `soon`";

    // X15: the gateway. What it answers over HTTP has these numbers too, and those of X09.
    GatewayConfig = 1501, "the gateway's configuration",
        "`gateway.toml` has a key or a value that means nothing, or what it says cannot be done. docs/gateway.md lists its keys.",
        "gateway.toml: device `hall` has a port and a panel to simulate";
    GatewayListen = 1502, "the gateway cannot listen",
        "The address is another program's, or is none of this machine.",
        "127.0.0.1:8021: cannot listen: address in use";
    NoToken = 1503, "no token, or an unknown one",
        "Each request but those for the page itself has a header `Authorization: Bearer TOKEN`. `xmap serve --token-of KEY` prints the token of a role key that `gateway.toml` names; without a file of tokens, `xmap serve` makes one and prints the page's address with it.",
        "this takes a token";
    TokenTooLow = 1504, "the token may not do this",
        "A token may do what the role key that it comes from may do: its role says which requests, its list which exports.",
        "this takes a token of the role operate, and the token's role is observe";
    NoSuchDevice = 1505, "no such device",
        "The gateway knows the devices of `gateway.toml`, and a token may be for some of them alone.",
        "no device `hal`";
    DeviceAway = 1506, "the device cannot be reached",
        "The gateway has no session with the device at the moment, and tries again by itself. The reason is the error of the latest try.",
        "hall: not connected: X0901: /dev/ttyUSB0: cannot be opened: no such file";
    NoSuchResource = 1507, "the gateway has no such path",
        "`/openapi.json` lists all paths and their methods.",
        "no path /v2/devices";
    BadRequest = 1508, "a request that cannot be read",
        "The body is not the JSON, the image or the map that this path takes, or a part of the path is no number.",
        "the body is not JSON: expected value at line 1 column 1";
    RequestTooLarge = 1509, "a body that is too large",
        "No valid body is this large: an image has at most the bytes of a slot of its board.",
        "the body is larger than 65536 bytes";
    TooMuch = 1510, "too many requests",
        "A token has a number of requests a second and of open streams, a device a number of requests that wait, and the gateway a number of connections. The header `Retry-After` says when it is worth another try.",
        "more than 50 requests a second";
    NotSimulated = 1511, "a line that nobody can press from here",
        "Inputs of a simulated panel follow the page; those of a device follow what is wired to them, and an output follows its panel.",
        "hall: its inputs are wired, and are not the gateway's to drive";
    Overdue = 1512, "the device took too long",
        "The request was given to the device's task and no answer came in time. Whether it was carried out is not known.",
        "hall: no answer within 120 s";
    NoBroker = 1513, "the broker cannot be reached",
        "A warning: the gateway serves HTTP all the same, and tries the MQTT broker again by itself. Once it is there, all states are published anew.",
        "127.0.0.1:1883: not connected: connection refused";

    // X16: contracts: what callers of a panel go by.
    NeedsUnknown = 1601, "a call that cannot come before",
        "`needs` lists functions of `[exports]`, by their names or keys, that a caller has called before; no function needs itself, not by way of others either.",
        "read needs a call of `opne` before it, which no other export is";
    ContractDiffers = 1602, "the panel is not what its contract says",
        "`xmap contract --check` holds a panel against a contract that stands in a file. Each change is named with its rule; docs/contract.md says what it breaks.",
        "panel.duty: param-type-narrowed: parameter `level` was `u16`, and is `u8` (source breaks, wire breaks)";
    NotAContract = 1603, "not a contract",
        "A contract is WIT as `xmap contract panel.toml` prints it, with its comments: they carry keys, units, ranges, ownership and lifecycle.",
        "hall.wit:12:5: expected `func`, found `fun`";
    BreaksClients = 1604, "the image breaks a client",
        "A client that is connected has bound exports with the hashes of their contracts, and the new image has others; or the manifest names a `contract`, and the panel has other exports than it says. At a swap `--force`, over HTTP `?force=true`, puts the image there all the same, which is the owner's right; the client's handles are stale then, and it learns so when it binds again. At a build, keep the export, or write the contract anew with `xmap contract`.",
        "tcp:127.0.0.1:5555: panel.duty is in use: param-type-narrowed: parameter `arg0` was `u16`, and is `u8`";
    OneName = 1605, "two names become one",
        "Names in WIT and in other languages have fewer characters than those of a module. Two exports or parameters that differ only in case or in `-`, `_` and `.` would have one name there.",
        "`lampOn` and `lamp_on` both become `lamp-on`";
    OtherContract = 1606, "the export is not what the client was made for",
        "The client binds or calls the export with the hash of its contract, and the panel has another one: it was changed since. Make the client anew from the panel's contract.",
        "sim: panel.duty has the contract 9f2c11aa03b4d5e6, and 07c1d2e3f4a5b697 was asked for";
    Declaration = 1607, "a declaration that is not the export's",
        "`xmap lint` holds declarations in C, Kotlin, Swift, TypeScript and Rust against a panel's exports. docs/contract.md has its rules with examples.",
        "param-type: parameter `level` of `duty` is `uint16_t`, and the export's is `u8` (widening: what does not fit traps)";
    NoClient = 1608, "a document that no client can be made of",
        "`xmap sdk` reads OpenAPI 3.0 and 3.1. What it does not support is refused with its JSON pointer: a client has everything of its document, or is not written. docs/contract.md lists what is supported.",
        "logging.yaml: /components/schemas/Level/anyOf: `anyOf` is not supported here";

    // X17: what a device without an operating system keeps on its card.
    NoStore = 1701, "no store in it",
        "A device without an operating system can keep its images, their state, versions and policy in a partition of its card (type 7f). The file is no card with such a partition, no image of one, and no image of the partition; or the partition was never laid out.",
        "card.img: no store in it";
    NoRecord = 1702, "the store has no such record",
        "Nothing of this kind counted as good on the device since the store was laid out, or it has fewer records than were asked for: three images of each module are kept at most.",
        "card.img: no such record: it has 1 record of image:0";
    DamagedRecord = 1703, "a record is damaged",
        "The body of the record is not the one that its header was written for: a sector went bad, or the card lost what was written. A device passes the record over and takes the one before it.",
        "card.img: the record is damaged";

    // X18: recordings of devices.
    NoRecording = 1801, "no recording",
        "`xmap record` and `xmap sim --record` write recordings. The file is something else, or one of another version.",
        "panel.xmap: it is no recording";
    DamagedRecording = 1802, "a recording is damaged",
        "Its length or its checksum is wrong: it was cut or changed on its way. Take it from the device again, as long as that has not started anew.",
        "night.xrec: the recording was cut or changed: its checksum is wrong";
    OtherImage = 1803, "an image of a recording is not at hand",
        "A recording has what a device was told, and not its images. `xmap replay` takes them behind the recording, each as it was when it was mounted: one that was built anew from other source, or by another compiler, is another image.",
        "night.xrec: the image 30d87829... was mounted, and is not at hand";
    ReplayDiffers = 1804, "a replay does not go as it was recorded",
        "The simulated device was told what the real one was told and does something else. Either the two have other versions of xmap, or one of them has a fault: a store that the hardware's memory holds and the program did not make, say. The help names the line of source whose op ran last.",
        "night.xrec: at 1.000 s, operation 7: store 3 was GPSET0 0x00020000, and is GPCLR0 0x00020000";
}

impl Code {
    /// The number, as printed without its `X`.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The code with this number, if there is one.
    pub fn from_number(number: u16) -> Option<Code> {
        Code::ALL.iter().copied().find(|c| c.number() == number)
    }

    /// `docs/errors.md`: every code with its explanation and example.
    pub fn reference() -> String {
        let mut text = String::from(
            "# Errors\n\n\
             <!-- Written from xmap-compiler/src/codes.rs by `BLESS=1 cargo test -p xmap-compiler errors_md`. -->\n\n\
             Every error has a number that does not change, says where, and says what to do where that is known.\n\
             `xmap` ends with status 1 when the input is wrong and 2 when the command line is.\n",
        );
        for &(area, title) in AREAS {
            text += &format!("\n## X{area:02}xx: {title}\n");
            for code in Code::ALL.iter().filter(|c| c.number() / 100 == area) {
                text += &format!(
                    "\n### {code}: {}\n\n{}\n\n```text\nerror[{code}]: {}\n```\n",
                    code.title(),
                    wrapped(code.explanation()),
                    code.example()
                );
            }
        }
        text
    }
}

/// A paragraph in lines of 110 columns, which is what a document has; what stands between backticks stays
/// whole.
fn wrapped(text: &str) -> String {
    const COLUMNS: usize = 110;
    let (mut lines, mut at) = (String::new(), 0);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let mut quoted = false;
        let ends = |c: char| {
            quoted ^= c == '`';
            c == ' ' && !quoted
        };
        let end = rest.find(ends).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let chars = word.chars().count();
        if at > 0 {
            let fits = at + 1 + chars <= COLUMNS;
            lines.push(if fits { ' ' } else { '\n' });
            at = if fits { at + 1 } else { 0 };
        }
        lines += word;
        at += chars;
        rest = behind.trim_start();
    }
    lines
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "X{:04}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_belong_to_an_area() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number(), "{} before {}", pair[0], pair[1]);
        }
        for code in Code::ALL {
            assert!(AREAS.iter().any(|(a, _)| *a == code.number() / 100), "{code}");
            assert_eq!(Code::from_number(code.number()), Some(*code));
        }
        assert_eq!(Code::from_number(100), None);
        assert_eq!(Code::TypeMismatch.to_string(), "X0201");
    }

    #[test]
    fn texts_are_written_alike() {
        for code in Code::ALL {
            assert!(!code.title().ends_with('.'), "{code}: a title is no sentence");
            assert!(code.explanation().ends_with('.'), "{code}: an explanation is sentences");
            assert!(!code.example().ends_with('.') && !code.example().contains('\n'), "{code}");
        }
    }

    #[test]
    fn errors_md_is_this_list() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
        let expected = Code::reference();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, &expected).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == expected, "docs/errors.md is stale: BLESS=1 cargo test -p xmap-compiler errors_md");
    }
}
