//! Encrypted connections: by rustls, with the certificate and the name of the server verified.

use super::target::Target;
use crate::storage::Cause;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What encrypts connections to a server.
///
/// # Errors
/// If there are no authorities to trust.
pub(super) fn connector(target: &Target) -> Result<MakeRustlsConnect, Cause> {
    let mut roots = RootCertStore::empty();
    match target.authority.as_deref().filter(|path| path.as_os_str() != "system") {
        Some(path) => {
            let failed = |error| format!("sslrootcert {}: {error}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
                roots.add(certificate.map_err(failed)?)?;
            }
        }
        // One that cannot be read leaves the others.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err("no certificate of an authority is trusted: name one by sslrootcert=FILE".into());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}
