//! The TLS implementation of every client in this process.

use std::net::IpAddr;

use reqwest::Url;

/// Makes `ring` the process's TLS provider, unless it has one. Cheap, and safe to call any number of times.
pub fn install_provider() {
    // The only error is that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Whether a URL leads to this machine, where a client needs neither TLS nor a proxy.
pub fn is_loopback(url: &str) -> bool {
    let url = Url::parse(url).ok();
    url.as_ref().and_then(Url::host_str).is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    })
}

/// What to do where a proxy wants to know who asks.
pub const PROXY_LOGIN: &str = "the proxy demands a login (status 407); put user and password into HTTPS_PROXY, as in http://user:password@host:port";

/// Returns whether a request failed because the proxy demands a login before it connects anywhere.
pub fn demands_proxy_login(error: &reqwest::Error) -> bool {
    // The type behind it is private to its crate, and wrapped differently by each layer. Only this word is looked for.
    format!("{error:?}").contains("ProxyAuthRequired")
}
