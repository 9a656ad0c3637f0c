//! `[page]`: where `run` serves what it knows, and who may see it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::doctor::is_name;
use crate::config::load::Reader;
use crate::config::problem::ConfigProblem;
use crate::config::token::read_secret;
use crate::config::{PageSettings, Sources, values};
use crate::secret::Secret;

/// What to do about a file that holds no token of the page.
const TOKEN_REMEDY: &str =
    "write a token of your own into it, such as `openssl rand -hex 24` prints";

impl PageSettings {
    /// Returns the token that requests must bear, as the file holds it now; `None` where none need bear one.
    ///
    /// # Errors
    /// Where the file is missing, unreadable or empty, or holds a secret that belongs elsewhere.
    pub fn read_token(&self) -> Result<Option<Secret>, String> {
        let path = self.token_file.as_deref();
        path.map(|path| read_secret(path, &[], "it is not the page's"))
            .transpose()
            .map_err(|why| format!("page.token_file: {why}; {TOKEN_REMEDY}"))
    }
}

impl Reader {
    pub(super) fn page(&mut self, sources: &Sources) -> Option<PageSettings> {
        let listen = self.read("page.listen", None, |v| match values::text(v)? {
            address if address.is_empty() => Ok(None),
            address => socket(&address).map(Some).ok_or_else(|| {
                "must be an address and a port such as \"127.0.0.1:9184\"".to_owned()
            }),
        });
        let hosts = self.read("page.hosts", Vec::new(), |v| {
            let hosts: Vec<String> = values::texts(v)?
                .iter()
                .map(|host| host_name(host))
                .collect();
            let wrong = "must be a list of names without ports such as [\"hushwatch.example.com\"]";
            let are_hosts = hosts.iter().all(|host| is_host(host));
            are_hosts.then_some(hosts).ok_or(wrong.to_owned())
        });
        let token_file = self.read("page.token_file", None, |v| match values::text(v)? {
            path if path.is_empty() => Ok(None),
            path => values::path(path).map(|path| Some(sources.secret_file(path))),
        });
        let page = PageSettings {
            listen: listen?,
            hosts,
            token_file,
        };
        if !page.listen.ip().is_loopback() && page.token_file.is_none() {
            self.problems
                .push(without_token(self.layers.origin("page.listen")));
        }
        Some(page)
    }
}

fn without_token(origin: &str) -> ConfigProblem {
    ConfigProblem::new(
        format!(
            "{origin}: `page.listen` can be reached from other machines, and `page.token_file` is not set"
        ),
        "set `page.token_file`, or listen on 127.0.0.1 and put a proxy that asks for a login before it",
    )
}

/// Reads an address with its port; `localhost` is that of IPv4.
fn socket(text: &str) -> Option<SocketAddr> {
    let local = text.strip_prefix("localhost:");
    let local =
        local.and_then(|port| Some((IpAddr::from(Ipv4Addr::LOCALHOST), port.parse().ok()?).into()));
    local.or_else(|| text.parse().ok())
}

/// Returns a host as requests are compared with it: in lower case, without a final dot or brackets; an address in its usual form.
fn host_name(host: &str) -> String {
    let host = host.trim().to_ascii_lowercase();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let bare = bare.unwrap_or(&host);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    bare.parse::<IpAddr>()
        .map_or_else(|_| bare.to_owned(), |ip| ip.to_canonical().to_string())
}

/// A name, or an address; what looks like an address and is none is neither.
fn is_host(host: &str) -> bool {
    let is_number = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    (is_name(host) && !is_number) || host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Sources, load};

    fn configured(env: &[(&str, &str)]) -> Result<Config, String> {
        load(&Sources::of_env(env)).map_err(|problems| problems[0].to_string())
    }

    #[test]
    fn it_is_off_unless_an_address_is_named() {
        assert_eq!(configured(&[]).expect("valid").page, None);
        for listen in ["127.0.0.1:9184", "localhost:9184", "[::1]:9184"] {
            let page = configured(&[("HUSHWATCH_PAGE__LISTEN", listen)]);
            let page = page.expect("valid").page.expect("a page");
            assert_eq!((page.listen.port(), page.token_file), (9184, None));
        }
        for listen in [
            "9184",
            "127.0.0.1",
            "example.com:9184",
            "127.0.0.1:99999",
            "http://127.0.0.1:1",
        ] {
            let wrong = configured(&[("HUSHWATCH_PAGE__LISTEN", listen)]);
            insta::allow_duplicates! {
                insta::assert_snapshot!(wrong.expect_err(listen), @r#"HUSHWATCH_PAGE__LISTEN: `page.listen` is not valid; it must be an address and a port such as "127.0.0.1:9184""#);
            }
        }
    }

    #[test]
    fn beyond_this_machine_it_needs_a_token() {
        let everywhere = ("HUSHWATCH_PAGE__LISTEN", "0.0.0.0:9184");
        insta::assert_snapshot!(configured(&[everywhere]).expect_err("refused"), @"HUSHWATCH_PAGE__LISTEN: `page.listen` can be reached from other machines, and `page.token_file` is not set; set `page.token_file`, or listen on 127.0.0.1 and put a proxy that asks for a login before it");
        let token = ("HUSHWATCH_PAGE__TOKEN_FILE", "/nowhere/page");
        let page = configured(&[everywhere, token]).expect("valid").page;
        let why = page
            .expect("a page")
            .read_token()
            .expect_err("no such file");
        insta::assert_snapshot!(why, @"page.token_file: token file /nowhere/page cannot be read: no such file; write a token of your own into it, such as `openssl rand -hex 24` prints");
    }

    #[test]
    fn hosts_are_names_without_ports() {
        let listen = ("HUSHWATCH_PAGE__LISTEN", "127.0.0.1:9184");
        let hosts = |hosts| configured(&[listen, ("HUSHWATCH_PAGE__HOSTS", hosts)]);
        let page = hosts("Hush.Example.com., [::1], 10.0.0.1")
            .expect("valid")
            .page;
        assert_eq!(
            page.expect("a page").hosts,
            ["hush.example.com", "::1", "10.0.0.1"]
        );
        let page = hosts("0:0:0:0:0:0:0:2, ::ffff:10.0.0.1")
            .expect("valid")
            .page;
        assert_eq!(page.expect("a page").hosts, ["::2", "10.0.0.1"]);
        for wrong in ["hush.example.com:9184", "192.168.001.1", "10.0.0"] {
            assert!(hosts(wrong).is_err(), "{wrong}");
        }
    }
}
