//! What every client of HTTP in this process has: its TLS implementation, its name, and that it goes nowhere but where it is sent.

use std::net::IpAddr;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

/// The name and version that this program gives to whom it asks.
pub const USER_AGENT: &str = concat!("hushwatch/", env!("CARGO_PKG_VERSION"));

/// Returns a builder of a client for `url`. It follows no redirect, which would carry a secret elsewhere, says nowhere where it comes
/// from, and asks no proxy for this machine's own.
pub fn client_builder(url: &str) -> ClientBuilder {
    // Without a provider `build` panics instead of failing.
    install_provider();
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false);
    match is_loopback(url) {
        true => builder.no_proxy(),
        false => builder,
    }
}

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
