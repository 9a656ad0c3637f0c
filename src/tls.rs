//! What every client of HTTP in this process has: its TLS implementation, its name, and that it goes nowhere but where it is sent.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt;

/// The name and version that this program gives to whom it asks.
pub const USER_AGENT: &str = concat!("hushwatch/", env!("CARGO_PKG_VERSION"));

/// Clients that are made within this time of the first share the root certificates that were read for it: those of one start, or of
/// one reload. A later one reads them anew, since the machine may have others by then.
const ROOTS_LAST: Duration = Duration::from_secs(10);
static CONFIG: Shared<ClientConfig> = Shared::lasting(ROOTS_LAST);

/// Returns a builder of a client for `url`. It follows no redirect, which would carry a secret elsewhere, says nowhere where it comes
/// from, and asks no proxy for this machine's own.
pub fn client_builder(url: &str) -> ClientBuilder {
    // Without a provider `build` panics instead of failing.
    install_provider();
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false);
    let builder = match CONFIG.get(make_config) {
        Some(config) => builder.tls_backend_preconfigured(config),
        // Making the client fails likewise, and says so.
        None => builder,
    };
    match is_loopback(url) {
        true => builder.no_proxy(),
        false => builder,
    }
}

/// Reads the machine's root certificates, which is most of the work of making a client; `None` where there are none.
fn make_config() -> Option<ClientConfig> {
    let mut config = ClientConfig::with_platform_verifier().ok()?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(config)
}

/// A value that those share who ask for it within a while.
struct Shared<T> {
    made: Mutex<Option<(Instant, T)>>,
    lasts: Duration,
}

impl<T: Clone> Shared<T> {
    const fn lasting(lasts: Duration) -> Self {
        Self {
            made: Mutex::new(None),
            lasts,
        }
    }

    fn get(&self, make: impl FnOnce() -> Option<T>) -> Option<T> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |(at, _): &(Instant, T)| at.elapsed() < self.lasts;
        if !made.as_ref().is_some_and(is_fresh) {
            // The old one goes before the new one comes.
            *made = None;
            *made = make().map(|value| (Instant::now(), value));
        }
        made.as_ref().map(|(_, value)| value.clone())
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

/// Returns which of three errors a request without an answer is.
pub fn unanswered<E>(error: &reqwest::Error, timeout: E, proxy_login: E, unreachable: E) -> E {
    if error.is_timeout() {
        timeout
    } else if demands_proxy_login(error) {
        proxy_login
    } else {
        unreachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_shared_for_a_while_and_a_failure_is_not_kept() {
        let mut made = 0;
        let mut get = |shared: &Shared<i32>, succeeds: bool| {
            shared.get(|| {
                made += 1;
                succeeds.then_some(made)
            })
        };
        let long = Shared::lasting(Duration::from_secs(3600));
        assert_eq!(get(&long, false), None);
        assert_eq!(get(&long, true), Some(2));
        assert_eq!(get(&long, true), Some(2));
        let none = Shared::lasting(Duration::ZERO);
        assert_eq!(get(&none, true), Some(3));
        assert_eq!(get(&none, true), Some(4));
        assert_eq!(get(&none, false), None);
    }
}
