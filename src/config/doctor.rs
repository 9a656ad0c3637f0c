//! `[doctor]`: what `doctor` looks at besides what is watched.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::config::load::Reader;
use crate::config::names::dkim_selector;
use crate::config::{DoctorSettings, RelaySettings, values};

/// The maximum length of a name in the DNS, in bytes.
const MAX_NAME_BYTES: usize = 253;
const DNS_PORT: u16 = 53;
/// The relay of the built-in file, and the variable that sets another.
const POSTMARK_RELAY: (&str, u16) = ("smtp.postmarkapp.com", RELAY_PORT);
const RELAY_VARIABLE: &str = "HUSHWATCH_DOCTOR__SMTP";
/// The port of a mail relay where none is named.
const RELAY_PORT: u16 = 587;

impl Reader {
    pub(super) fn doctor(&mut self) -> DoctorSettings {
        let label = "must be a label of the DNS such as \"pm-bounces\"";
        DoctorSettings {
            dkim_selectors: self.read("doctor.dkim_selectors", Vec::new(), |v| {
                let selectors = values::texts(v)?;
                let selectors = selectors.iter().map(|s| dkim_selector(s).to_owned());
                let selectors: Vec<String> = selectors.collect();
                let wrong = "must be a list of selectors such as [\"google\"]".to_owned();
                let are_names = selectors.iter().all(|s| is_name(s));
                are_names.then_some(selectors).ok_or(wrong)
            }),
            return_path: self.read("doctor.return_path", String::new(), |v| {
                let name = values::text(v)?;
                let name = name.strip_suffix('.').unwrap_or(&name);
                let valid = is_name(name).then(|| name.to_owned());
                valid.ok_or(label.to_owned())
            }),
            smtp: self.relay(),
            resolver: self.read("doctor.resolver", None, |v| match values::text(v)? {
                address if address.is_empty() => Ok(None),
                address => socket(&address).map(Some).ok_or_else(|| {
                    "must be an address such as \"1.1.1.1\" or \"127.0.0.1:5353\"".to_owned()
                }),
            }),
            status_url: self.read("doctor.status_url", String::new(), |v| {
                values::service_url(v, ", so that nobody can change the answer on its way")
            }),
        }
    }

    fn relay(&mut self) -> Option<RelaySettings> {
        // The built-in file is deployed as it is by many: what it says there, nobody chose.
        let by_variable = self.layers.origin("doctor.smtp") == RELAY_VARIABLE;
        self.read("doctor.smtp", None, |v| match values::text(v)? {
            relay if relay.is_empty() => Ok(None),
            relay => {
                let wrong = "must be host and port such as \"smtp.postmarkapp.com:587\"";
                let relay = host_and_port(&relay).map(|(host, port)| {
                    let is_built_in = (host.as_str(), port) == POSTMARK_RELAY;
                    Some(RelaySettings {
                        host,
                        port,
                        is_named: by_variable || !is_built_in,
                    })
                });
                relay.ok_or_else(|| wrong.to_owned())
            }
        })
    }
}

impl DoctorSettings {
    /// Returns what stands before `domain` in the name of its Return-Path, which may be set as the whole name, as Postmark shows it.
    pub fn return_path_below(&self, domain: &str) -> &str {
        let set = &self.return_path;
        let place = set.len().checked_sub(domain.len());
        let parts = place.and_then(|place| set.split_at_checked(place));
        match parts {
            Some((label, end)) if end.eq_ignore_ascii_case(domain) => {
                label.strip_suffix('.').unwrap_or(set)
            }
            _ => set,
        }
    }
}

/// Labels of letters, digits, `-` and `_`, with dots between them.
pub(super) fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(is_part);
    text.len() <= MAX_NAME_BYTES && text.split('.').all(is_label)
}

/// Reads a name with or without its dot, or an address, which is in brackets where it has colons; and a port.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let end = match text.starts_with('[') {
        true => text.find(']')? + 1,
        false => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(end);
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None if port.is_empty() => RELAY_PORT,
        None => return None,
    };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Some(ip) = bare {
        let ip: Ipv6Addr = ip.parse().ok()?;
        return Some((ip.to_string(), port));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    is_name(host).then(|| (host.to_owned(), port))
}

fn socket(text: &str) -> Option<SocketAddr> {
    let alone = |ip: IpAddr| SocketAddr::new(ip, DNS_PORT);
    text.parse().ok().or_else(|| text.parse().ok().map(alone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn a_relay_is_a_host_with_or_without_its_port() {
        let of = |text: &str| host_and_port(text).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(
            of("smtp.example.com").as_deref(),
            Some("smtp.example.com 587")
        );
        assert_eq!(of("127.0.0.1:2525").as_deref(), Some("127.0.0.1 2525"));
        assert_eq!(
            of("smtp.example.com.:25").as_deref(),
            Some("smtp.example.com 25")
        );
        assert_eq!(of("[::1]:25").as_deref(), Some("::1 25"));
        assert_eq!(of("[2001:db8::1]").as_deref(), Some("2001:db8::1 587"));
        for wrong in [
            "",
            ":25",
            "smtp.example.com:0",
            "smtp.example.com:x",
            "user@host:25",
            "a b",
            "a..b",
            ".",
            "[::1",
            "[::1]x",
            "[::1].:25",
            "[127.0.0.1]:25",
            "[::1]:0",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_relay_is_named_by_the_user_or_built_in() {
        let with = |value: Option<&str>| {
            let env: Vec<_> = value.map(|v| (RELAY_VARIABLE, v)).into_iter().collect();
            let sources = Sources::of_env(&env);
            let relay = load(&sources).expect("valid").doctor.smtp;
            relay.map(|relay| (relay.host, relay.is_named))
        };
        let default = || "smtp.postmarkapp.com".to_owned();
        assert_eq!(with(None), Some((default(), false)));
        assert_eq!(
            with(Some("smtp.postmarkapp.com:587")),
            Some((default(), true))
        );
        assert_eq!(
            with(Some("smtp.example.com")),
            Some(("smtp.example.com".to_owned(), true))
        );
        assert_eq!(with(Some("")), None);
    }

    #[test]
    fn a_return_path_is_set_by_its_label_or_by_its_whole_name() {
        let below = |set: &str, domain: &str| {
            let sources = Sources::of_env(&[("HUSHWATCH_DOCTOR__RETURN_PATH", set)]);
            let settings = load(&sources).expect("valid").doctor;
            settings.return_path_below(domain).to_owned()
        };
        for set in [
            "pm-bounces",
            "pm-bounces.shop.example",
            "pm-bounces.Shop.example.",
        ] {
            assert_eq!(below(set, "shop.example"), "pm-bounces", "{set}");
        }
        assert_eq!(below("pm.bounces", "shop.example"), "pm.bounces");
        assert_eq!(below("ashop.example", "shop.example"), "ashop.example");
        assert_eq!(below("shop.example", "shop.example"), "shop.example");
    }

    #[test]
    fn selectors_are_taken_as_lists_are_written_in_the_environment() {
        for list in [
            "a,20230601",
            "[a, 20230601]",
            "[\"a\", \"20230601\"]",
            " a , 20230601, ",
        ] {
            let sources = Sources::of_env(&[("HUSHWATCH_DOCTOR__DKIM_SELECTORS", list)]);
            let selectors = load(&sources).expect("valid").doctor.dkim_selectors;
            assert_eq!(selectors, ["a", "20230601"], "{list}");
        }
    }

    #[test]
    fn a_resolver_is_an_address_with_or_without_its_port() {
        let of = |text: &str| socket(text).map(|s| s.to_string());
        assert_eq!(of("1.1.1.1").as_deref(), Some("1.1.1.1:53"));
        assert_eq!(of("::1").as_deref(), Some("[::1]:53"));
        assert_eq!(of("[::1]:5353").as_deref(), Some("[::1]:5353"));
        assert_eq!(of("dns.example.com"), None);
    }
}
