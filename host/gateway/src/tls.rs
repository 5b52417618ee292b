//! TLS by files: the gateway's own certificate, and what it believes of a broker's.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input::read_at_most;

/// Bytes of a file of certificates.
const MAX_BYTES: u64 = 1 << 20;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> Diagnostic {
    let help = "PEM files, as `openssl` and ACME clients write them".to_string();
    Diagnostic::new(Code::GatewayConfig, Place::file(path), format!("{}: {why}", path.display())).help(help)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
    let bytes = read_at_most(path, MAX_BYTES)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|error| wrong(path, format!("not a certificate: {error}")))?;
    if all.is_empty() { Err(wrong(path, "no certificate in it")) } else { Ok(all) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Diagnostic> {
    let bytes = read_at_most(path, MAX_BYTES)?;
    // The message says nothing of what is in the file.
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| wrong(path, "no private key in it"))
}

/// Returns the gateway's side of TLS.
///
/// # Errors
/// X1501 where the files are none, or do not belong together.
pub fn server(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Diagnostic> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(certificate, error))?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(certificates(certificate)?, private_key(key)?)
        .map_err(|error| wrong(certificate, format!("not with {}: {error}", key.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Returns a client's side: it believes what `ca` has signed and, where a broker asks for it, shows a
/// certificate of its own.
///
/// # Errors
/// X1501 where a file is none.
pub fn client(ca: &Path, own: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, Diagnostic> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| wrong(ca, error))?;
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(ca, error))?
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| wrong(certificate, format!("not with {}: {error}", key.display())))?,
    };
    Ok(Arc::new(config))
}
