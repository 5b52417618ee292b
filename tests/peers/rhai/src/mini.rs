//! One call, and nothing that only the benchmark needs.

fn main() {
    let path = std::env::args().nth(1).unwrap_or_default();
    let bytes = std::fs::read(path).unwrap_or_default();
    std::process::exit(peer_rhai::mini(&bytes));
}
