//! `xmap verify` of a policy that its owner has signed.

use std::io::Write;
use std::path::Path;

use xmap_boards::BoardId;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::map::hex;
use xmap_compiler::recognize::not_this;
use xmap_image::Plain;
use xmap_trust::{
    Limit, Limits, OpClass, POLICY_MAGIC, PublicKey, TrustPolicy, TrustedKey, open_policy, peek_policy,
};

use super::{Done, output::count};

/// Shows what a signed policy allows. Whether it is genuine only the root key says.
pub(super) fn show(path: &Path, bytes: &[u8], root: Option<&PublicKey>, out: &mut dyn Write) -> Done {
    if !bytes.starts_with(&POLICY_MAGIC) {
        return Err(not_this(Code::NotAPolicy, path, bytes, "a signed policy").into());
    }
    let policy = match root {
        Some(root) => open_policy(bytes, root, 0),
        None => peek_policy(bytes),
    };
    let policy = policy.map_err(|why| {
        Diagnostic::new(Code::PolicyRefused, Place::file(path), format!("{}: {why}", path.display()))
    })?;
    writeln!(out, "{}: a signed policy", path.display())?;
    writeln!(out, "version   {}, {}", policy.version, count(bytes.len(), "byte"))?;
    match root {
        Some(root) => writeln!(out, "root      {root}; signature genuine")?,
        None => writeln!(out, "root      not checked without --root")?,
    }
    policy.keys.iter().try_for_each(|key| of_key(key, out))?;
    rules(&policy, out)
}

fn of_key(of: &TrustedKey, out: &mut dyn Write) -> Done {
    let boards = of.boards.iter().map(|number| {
        BoardId::from_u16(*number).map_or_else(|| format!("board {number}"), |id| id.board().name.to_string())
    });
    let ops = OpClass::ALL.into_iter().filter(|class| of.ops & class.bit() != 0);
    let lines: Vec<String> = of.lines.iter().map(|line| line.number().to_string()).collect();
    writeln!(out, "key       {} ({})", of.key.id(), of.key)?;
    writeln!(out, "  modules {}", list(of.modules.iter()))?;
    writeln!(out, "  origins {}", list(of.origins.iter()))?;
    writeln!(out, "  boards  {}", list(boards))?;
    writeln!(out, "  lines   {}", list(lines))?;
    Ok(writeln!(out, "  ops     {}", list(ops))?)
}

fn rules(policy: &TrustPolicy, out: &mut dyn Write) -> Done {
    for pin in &policy.pins {
        writeln!(
            out,
            "pin       {} is {}, origin {}",
            plain(&pin.module),
            hex(&pin.hash),
            plain(&pin.origin)
        )?;
    }
    for least in &policy.minimum_versions {
        writeln!(out, "minimum   {} has version {} at least", plain(&least.module), least.version)?;
    }
    for image in &policy.revoked_images {
        writeln!(out, "revoked   image {}", hex(image))?;
    }
    for key in &policy.revoked_keys {
        writeln!(out, "revoked   key {key}")?;
    }
    let default = Limits::default();
    for limit in Limit::ALL.into_iter().filter(|limit| policy.limits.get(*limit) != default.get(*limit)) {
        writeln!(out, "limit     {} {}", limit.name(), policy.limits.get(limit))?;
    }
    Ok(())
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(plain).collect();
    if items.is_empty() { "none".into() } else { items.join(", ") }
}

/// Nothing that acts on a terminal: who has signed it is not known yet.
fn plain(text: impl ToString) -> String {
    Plain(&text.to_string()).to_string()
}
