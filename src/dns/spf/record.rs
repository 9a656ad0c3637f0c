//! The terms of one SPF record (RFC 7208, 4.6.1 and 5). Pure.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A record whose every term is understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Its mechanisms, in order.
    pub(super) directives: Vec<Directive>,
    /// Whose record decides where none of them does.
    pub(super) redirect: Option<Name>,
}

/// A mechanism with what a match of it means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directive {
    /// Whether mail passes where it matches.
    pub(super) passes: bool,
    pub(super) mechanism: Mechanism,
}

/// What is compared with the address that mail comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// Every address.
    All,
    /// Those of a network, for which nothing is asked.
    Network,
    /// Those which another record lets pass.
    Include(Name),
    /// Those of a host, or all if there is such a host.
    Host(Name),
    /// Those of a domain's mail exchangers.
    Exchange(Name),
    /// Those whose own name fits.
    Ptr,
}

/// A name in small letters; `None` where it differs from mail to mail.
pub(super) type Name = Option<String>;

/// Whether a text is an SPF record.
pub(super) fn is_spf(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    first.eq_ignore_ascii_case("v=spf1")
}

/// Reads the record of `domain`.
///
/// # Errors
/// The first term that is none, for which receivers refuse the whole record.
pub(super) fn parse(record: &str, domain: &str) -> Result<Record, String> {
    let mut read = Record::default();
    let terms = record.split(' ').skip(1).filter(|term| !term.is_empty());
    for written in terms {
        let term = written.to_ascii_lowercase();
        let end = term.find([':', '/', '=']).unwrap_or(term.len());
        let known = match term[end..].strip_prefix('=') {
            Some(value) => modifier(&term[..end], value, &mut read.redirect),
            None => directive(&term, domain).map(|found| read.directives.push(found)),
        };
        known.ok_or_else(|| written.to_owned())?;
    }
    Ok(read)
}

/// Only `redirect` says anything here; it may be there once. Modifiers of tomorrow are no fault.
fn modifier(name: &str, value: &str, redirect: &mut Option<Name>) -> Option<()> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_part);
    if name == "redirect" {
        let first = redirect.replace(self::name(value)?).is_none();
        return first.then_some(());
    }
    is_name.then_some(())
}

fn directive(term: &str, domain: &str) -> Option<Directive> {
    let bare = term.strip_prefix(['+', '-', '~', '?']).unwrap_or(term);
    let (kind, value) = match bare.find([':', '/']) {
        Some(at) => (&bare[..at], Some(&bare[at..])),
        None => (bare, None),
    };
    let whole = value.and_then(|value| value.strip_prefix(':'));
    let mechanism = match kind {
        "all" if value.is_none() => Mechanism::All,
        "include" => Mechanism::Include(name(whole?)?),
        "exists" => Mechanism::Host(name(whole?)?),
        "a" => Mechanism::Host(host(value, domain)?),
        "mx" => Mechanism::Exchange(host(value, domain)?),
        "ptr" if value.is_none() => Mechanism::Ptr,
        "ptr" => name(whole?).map(|_| Mechanism::Ptr)?,
        "ip4" => network::<Ipv4Addr>(whole?, 32)?,
        "ip6" => network::<Ipv6Addr>(whole?, 128)?,
        _ => return None,
    };
    Some(Directive {
        passes: !term.starts_with(['-', '~', '?']),
        mechanism,
    })
}

/// A name as a term names it.
fn name(text: &str) -> Option<Name> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let is_visible = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    is_visible.then(|| (!text.contains('%')).then(|| text.to_owned()))
}

/// `:NAME`, `/BITS`, both, or neither, which is the domain itself. Slashes within a name are those of macros alone.
fn host(value: Option<&str>, domain: &str) -> Option<Name> {
    let Some(value) = value else {
        return Some(Some(domain.to_owned()));
    };
    let macros = value.rfind('}').map_or(0, |at| at + 1);
    let at = value[macros..]
        .find('/')
        .map_or(value.len(), |at| macros + at);
    let (of, bits) = value.split_at(at);
    let (four, six) = match bits.split_once("//") {
        Some((four, six)) => (four, Some(six)),
        None => (bits, None),
    };
    let four = four.strip_prefix('/');
    let fits =
        four.is_none_or(|bits| is_bits(bits, 32)) && six.is_none_or(|bits| is_bits(bits, 128));
    match of.strip_prefix(':') {
        _ if !fits => None,
        Some(of) => name(of),
        None => Some(Some(domain.to_owned())),
    }
}

fn network<A: FromStr>(text: &str, most: u8) -> Option<Mechanism> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let fits = address.parse::<A>().is_ok() && bits.is_none_or(|bits| is_bits(bits, most));
    fits.then_some(Mechanism::Network)
}

fn is_bits(text: &str, most: u8) -> bool {
    text.parse().is_ok_and(|bits: u8| bits <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(terms: &str) -> Result<Record, String> {
        parse(&format!("v=spf1 {terms}"), "example.com")
    }

    fn mechanisms(terms: &str) -> Vec<Mechanism> {
        let read = read(terms).expect("a record");
        read.directives.into_iter().map(|d| d.mechanism).collect()
    }

    fn named(name: &str) -> Name {
        Some(name.to_owned())
    }

    #[test]
    fn terms_are_read_in_order() {
        let read = mechanisms(
            "a  MX:mail.Example.com/24//64 ip4:192.0.2.0/24 ip6:2001:db8::/32 include:SPF.mtasv.net. ptr ~all",
        );
        let expected = [
            Mechanism::Host(named("example.com")),
            Mechanism::Exchange(named("mail.example.com")),
            Mechanism::Network,
            Mechanism::Network,
            Mechanism::Include(named("spf.mtasv.net")),
            Mechanism::Ptr,
            Mechanism::All,
        ];
        assert_eq!(read, expected);
        assert_eq!(mechanisms("a/24"), [Mechanism::Host(named("example.com"))]);
        assert_eq!(
            mechanisms("exists:%{ir}.%{l1r+-}._spf.%{d} a:%{d1r/}/24 include:%{d}.example.com"),
            [
                Mechanism::Host(None),
                Mechanism::Host(None),
                Mechanism::Include(None)
            ]
        );
    }

    #[test]
    fn a_match_lets_pass_unless_it_says_otherwise() {
        let read = read("a +mx ?a -a ~all").expect("a record");
        let passes: Vec<bool> = read.directives.iter().map(|d| d.passes).collect();
        assert_eq!(passes, [true, true, false, false, false]);
    }

    #[test]
    fn a_redirect_is_read_beside_modifiers_that_nobody_knows() {
        let of = |terms| read(terms).map(|read| read.redirect);
        assert_eq!(
            of("redirect=_SPF.example.com exp=why.example.com of.tomorrow=x"),
            Ok(Some(named("_spf.example.com")))
        );
        assert_eq!(
            of("redirect=a.example.com redirect=b.example.com"),
            Err("redirect=b.example.com".to_owned())
        );
    }

    #[test]
    fn a_term_that_is_none_is_named_as_it_was_written() {
        for wrong in [
            "IPv4:192.0.2.1",
            "ip4:192.0.2",
            "ip4:192.0.2.0/33",
            "ip6:192.0.2.1",
            "include",
            "include:",
            "include:a\u{e4}.example.com",
            "spf.mtasv.net",
            "all:x",
            "-",
            "+exp=x",
            "=x",
            "a/33",
            "a:/",
            "a//129",
            "exists",
            "redirect=",
            "a\t-all",
        ] {
            assert_eq!(read(&format!("a {wrong} -all")), Err(wrong.to_owned()));
        }
    }

    #[test]
    fn only_one_kind_of_text_is_an_spf_record() {
        assert!(is_spf("v=spf1 -all") && is_spf("V=SPF1") && !is_spf("v=spf10 -all"));
    }

    proptest! {
        #[test]
        fn any_record_is_read_without_a_panic(record in "\\PC{0,200}", part in "(v=spf1|include:|a|mx|redirect=|ip4:|[+~?:/=}-]| |%|9)*") {
            let _ = (is_spf(&record), parse(&record, "example.com"));
            let text = format!("v=spf1 {part}{record}");
            let terms = text.split(' ').count();
            if let Ok(read) = parse(&text, "example.com") {
                prop_assert!(read.directives.len() < terms);
            }
        }
    }
}
