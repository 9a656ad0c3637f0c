//! The resolver, against simulated name servers.

use std::net::Ipv4Addr;

use super::*;
use crate::sim::dns::{Dns, Fault};

const NAME: &str = "example.com";

fn resolver(servers: &[&Dns]) -> Resolver {
    let addresses = servers.iter().map(|dns| dns.address().parse());
    let servers = addresses.map(|address| name_server(address.expect("an address")));
    let timeout = Duration::from_millis(300);
    Resolver::with_servers(servers.collect(), ResolverOpts::default(), timeout).expect("servers")
}

fn server(text: Option<&str>, fault: Option<Fault>) -> Dns {
    let dns = Dns::start().expect("a resolver");
    if let Some(text) = text {
        dns.add_txt(NAME, text);
    }
    if let Some(fault) = fault {
        dns.fail(NAME, fault);
    }
    dns
}

#[tokio::test]
async fn name_servers_are_asked_in_their_order_until_one_can_say() {
    let (a, b, none) = (
        server(Some("a"), None),
        server(Some("b"), None),
        server(None, None),
    );
    for _ in 0..20 {
        let found = resolver(&[&a, &b]).texts(NAME).await;
        assert_eq!(found, Ok(vec!["a".to_owned()]));
        // That there is no such name is an answer.
        let found = resolver(&[&none, &b]).texts(NAME).await;
        assert_eq!(found, Err(Missing::NoName));
    }
    for fault in [Fault::ServFail, Fault::Silent] {
        let broken = server(None, Some(fault));
        let both = resolver(&[&broken, &b]);
        for _ in 0..2 {
            assert_eq!(
                both.texts(NAME).await,
                Ok(vec!["b".to_owned()]),
                "{fault:?}"
            );
        }
        let skips_silent = both.first.load(Ordering::Relaxed) == 1;
        assert_eq!(skips_silent, fault == Fault::Silent);
    }
    let silent = server(None, Some(Fault::Silent));
    let broken = server(None, Some(Fault::ServFail));
    let both = resolver(&[&silent, &broken]);
    assert_eq!(both.texts(NAME).await, Err(Missing::Broken));
}

#[tokio::test]
async fn a_long_answer_without_tcp_is_told_as_that() {
    let long = server(Some("a"), Some(Fault::Truncated));
    assert_eq!(
        resolver(&[&long]).texts(NAME).await,
        Err(Missing::Truncated)
    );
}

#[tokio::test]
async fn a_text_is_found_behind_aliases() {
    let dns = server(Some("a"), None);
    dns.set_cname("x.example.org", "y.example.org");
    dns.set_cname("y.example.org", NAME);
    dns.set_cname("z.example.org", "gone.example.org");
    let both = resolver(&[&dns]);
    assert_eq!(both.texts("x.example.org").await, Ok(vec!["a".to_owned()]));
    assert_eq!(
        both.alias("x.example.org").await,
        Ok("y.example.org".to_owned())
    );
    let gone = both.texts("z.example.org").await;
    assert!(gone.is_err_and(Missing::is_certain));
}

#[tokio::test]
async fn a_name_exists_where_it_has_an_address() {
    let dns = server(Some("a"), None);
    let resolver = resolver(&[&dns]);
    assert_eq!(resolver.exists(NAME).await, Ok(false), "a text is none");
    assert_eq!(resolver.exists("gone.example.com").await, Ok(false));
    dns.set_address("www.example.com", Ipv4Addr::LOCALHOST);
    assert_eq!(resolver.exists("www.example.com").await, Ok(true));
    dns.fail("broken.example.com", Fault::ServFail);
    let broken = resolver.exists("broken.example.com").await;
    assert_eq!(broken, Err(Missing::Broken));
}
