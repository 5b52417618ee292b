#![forbid(unsafe_code)]
//! `cargo xtask`: the developer commands, one file each.

mod commands;

use std::process::ExitCode;

use clap::Parser;

/// Developer commands of xmap.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Install what building and testing the firmware need: the Rust target and the emulator
    Setup,
    /// Build the firmware and lay out a boot folder for a Raspberry Pi 4B
    Image(commands::image::Arguments),
    /// Build the service for Linux on a Raspberry Pi 4B: one static program, `xmapd`
    Linux,
    /// Pack that service with its unit, a default panel and a udev rule as a Debian package for arm64, and
    /// the gateway as another one
    Deb,
    /// Make what a release carries: static programs, packages, boot folder, checksums, bill of materials
    Dist(commands::dist::Arguments),
    /// Time a newcomer's first commands: the installation, then a panel in each language
    Begin,
    /// Make the documents a site with search, in target/book, and follow every link in it
    Book,
    /// Build the boot folder and run it in the emulator
    Qemu(commands::qemu::Arguments),
    /// Count instructions in the emulator and compare them with the committed figures, or measure the
    /// mapper beside other engines
    Bench(commands::peers::Arguments),
    /// Run each test panel's script on the simulator, under Linux and on bare metal, and compare all that
    /// they did
    Matrix(commands::matrix::Arguments),
    /// Run the tests of Go's standard library under Node, with Go's own host, and under `xmap go`, and
    /// compare
    Gojs(commands::gojs::Arguments),
    /// Roll good and bad panels out to a fleet of simulated devices, and kill gateways meanwhile
    Fleet(commands::fleet::Arguments),
    /// Fetch published modules from the npm registry, build each, and compare diagnoses and results
    Corpus(commands::corpus::Arguments),
    /// Run the fuzz targets in libFuzzer for a time
    Fuzz(commands::fuzz::Arguments),
    /// Run the tests of the device's crates under Miri for a time
    Miri(commands::miri::Arguments),
    /// Play worlds of a device, its hosts, its lines and its card, with faults: one number makes one again
    Vopr(commands::vopr::Arguments),
    /// Pack the crates that are published
    Package(commands::package::Arguments),
    /// Set up, then run every check and test of the project
    Test,
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Setup => commands::setup::run(),
        Command::Image(arguments) => commands::image::run(&arguments),
        Command::Linux => commands::linux::run(),
        Command::Deb => commands::deb::run(),
        Command::Dist(arguments) => commands::dist::run(&arguments),
        Command::Begin => commands::begin::run(),
        Command::Book => commands::book::run(),
        Command::Matrix(arguments) => commands::matrix::run(&arguments),
        Command::Qemu(arguments) => commands::qemu::run(&arguments),
        Command::Bench(arguments) if arguments.peers() => commands::peers::run(&arguments),
        Command::Bench(arguments) if arguments.linux() => commands::latency::run(arguments.bless()),
        Command::Bench(arguments) => commands::bench::run(arguments.bless()),
        Command::Gojs(arguments) => commands::gojs::run(&arguments),
        Command::Fleet(arguments) => commands::fleet::run(&arguments),
        Command::Corpus(arguments) => commands::corpus::run(&arguments),
        Command::Fuzz(arguments) => commands::fuzz::run(&arguments),
        Command::Miri(arguments) => commands::miri::run(&arguments),
        Command::Vopr(arguments) => commands::vopr::run(&arguments),
        Command::Package(arguments) => commands::package::run(&arguments),
        Command::Test => commands::test::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
