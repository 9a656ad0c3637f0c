//! The TLS implementation of every client in this process.

/// Makes `ring` the process's TLS provider, unless it has one. Cheap, and safe to call any number of times.
pub fn install_provider() {
    // The only error is that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
