//! `xmap policy`: what the owner of a device allows, signed and sent.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_compiler::recognize::not_this;
use xmap_keys as keys;
use xmap_link::{PolicyState, Thing};
use xmap_trust::{MAX_POLICY_BYTES, POLICY_MAGIC, PolicyError, sign_policy};

use super::progress::Progress;
use super::reach::{Device, must_keep};
use super::{Done, output::write_file, root_key::RootKey};

/// Sign the policy of a device's owner, or send it to the device
///
/// A device that has an owner takes a policy that the owner's root key has signed, if its version is higher
/// than the one's that it has. It holds at once: a module that it does not allow is stopped, its outputs made
/// safe.
#[derive(clap::Subcommand)]
#[command(after_help = "\
Examples:
  xmap policy sign policy.toml --key root.key -o panel.policy
  xmap policy send --port /dev/ttyUSB0 panel.policy
  cargo xtask image --policy panel.policy --root KEY     compiles it into the firmware")]
pub(super) enum Verb {
    Sign(Sign),
    Send(Send),
}

/// Sign a policy with the owner's root key
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap keygen -o root.key
  xmap policy sign policy.toml --key root.key -o panel.policy")]
pub(super) struct Sign {
    /// The policy (policy.toml)
    file: PathBuf,
    #[command(flatten)]
    root: RootKey,
    /// Where the signed policy goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Send a signed policy to a device
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap policy send --port /dev/ttyUSB0 panel.policy
  xmap policy send --port unix:/run/xmap/xmapd.sock --key owner.key panel.policy")]
pub(super) struct Send {
    #[command(flatten)]
    device: Device,
    /// The signed policy, as `xmap policy sign` wrote it
    file: PathBuf,
}

pub(super) fn run(verb: &Verb, out: &mut dyn Write) -> Done {
    match verb {
        Verb::Sign(args) => sign(args, out),
        Verb::Send(args) => send(args, out),
    }
}

fn sign(args: &Sign, out: &mut dyn Write) -> Done {
    let policy = keys::read_policy(&args.file)?;
    let key = args.root.read()?;
    let mut buffer = [0; MAX_POLICY_BYTES];
    let signed = sign_policy(&policy, &key, &mut buffer).expect("the buffer takes the largest policy");
    write_file(&args.output, signed)?;
    writeln!(out, "policy    version {}, {} bytes", policy.version, signed.len())?;
    writeln!(out, "root      {}\nwrote {}", key.public(), args.output.display())?;
    Ok(())
}

fn send(args: &Send, out: &mut dyn Write) -> Done {
    let signed = input::read_at_most(&args.file, MAX_POLICY_BYTES as u64)?;
    if !signed.starts_with(&POLICY_MAGIC) {
        return Err(not_this(Code::NotAPolicy, &args.file, &signed, "a signed policy").into());
    }
    let mut client = args.device.connect()?;
    let mut progress = Progress::new(signed.len(), !args.device.wire.json);
    let state = client.send_policy(&signed, &mut |done| progress.at(done))?;
    drop(progress);
    match state {
        PolicyState::Taken { version, stopped } => {
            let modules: Vec<u8> = (0..8).filter(|module| stopped >> module & 1 != 0).collect();
            let json = json!({ "policy": version, "stopped": modules });
            let mut text = format!("policy {version} holds");
            for module in modules {
                text += &format!(
                    "\nmodule {module} is not allowed any more: its outputs are safe, its image is gone"
                );
            }
            args.device.print(out, &json, &text)?;
            must_keep(&args.device, &mut client, &format!("policy {version}"), Thing::Policy.bit(0), out)
        }
        PolicyState::Refused { code, details } => {
            let why = PolicyError::from_parts(code, details).map_or_else(
                || format!("reason {code}, {} {}", details[0], details[1]),
                |why| why.to_string(),
            );
            if args.device.wire.json {
                writeln!(out, "{}", json!({ "not": "taken", "why": why }))?;
            }
            let message = format!("{}: {why}", client.port());
            let place = Place::File(client.port().into());
            Err(Diagnostic::new(Code::PolicyRefused, place, message).into())
        }
    }
}
