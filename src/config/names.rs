//! Values that name something outside, in the form in which Postmark, Slack and the DNS write it. What has one clear meaning
//! is rewritten; the rest is refused, since a value that never matches turns a rule off without a word.

use crate::config::doctor::is_name;
use crate::config::problem::Invalid;
use crate::model::StreamId;

/// Returns a domain in lower case as recipients bear it: in the ASCII form of the DNS, and as it is written where that differs.
pub(super) fn own_domain(text: &str) -> Result<Vec<String>, Invalid> {
    let domain = text.trim().trim_start_matches('@');
    // A domain stands for those below it, too.
    let domain = domain.strip_prefix("*.").unwrap_or(domain);
    let domain = domain.trim_start_matches('.').trim_end_matches('.');
    let domain = domain.to_lowercase();
    let ascii = ascii_domain(&domain).ok_or_else(|| {
        Invalid::new(
            format!("has {text:?} in `own_domains`, which is not a domain"),
            "write the domain alone, such as example.com; those below it count as well",
        )
    })?;
    let as_written = Some(domain).filter(|domain| *domain != ascii);
    Ok(std::iter::once(ascii).chain(as_written).collect())
}

/// Returns one of the operators' addresses as mail to it may bear it: with its domain in the ASCII form of the DNS, and as it is
/// written where that differs.
pub(super) fn operator_address(text: &str) -> Result<Vec<String>, Invalid> {
    let as_written = address(text).ok_or_else(|| {
        Invalid::new(
            format!("has {text:?} in `operator_addresses`, which is not an address"),
            "write whole addresses such as ops@example.com, each as a text of its own",
        )
    })?;
    let in_ascii = as_written.rsplit_once('@').and_then(|(local, domain)| {
        let domain = (!domain.is_ascii()).then(|| ascii_domain(&domain.to_lowercase()))??;
        Some(format!("{local}@{domain}"))
    });
    Ok(in_ascii.into_iter().chain([as_written]).collect())
}

/// Returns an address without the name and the scheme that mail programs put around it.
pub(super) fn address(text: &str) -> Option<String> {
    let address = text.trim();
    let address = match address.strip_suffix('>') {
        Some(named) => named.rsplit_once('<').map_or("", |(_, address)| address),
        None => address,
    };
    let address = address.strip_prefix("mailto:").unwrap_or(address).trim();
    let is_local = |local: &str| {
        let is_separator = |c: char| c.is_whitespace() || c.is_control() || "*,;<>@".contains(c);
        !local.is_empty() && !local.contains(is_separator)
    };
    let parts = address.rsplit_once('@');
    let is_whole = parts.is_some_and(|(local, domain)| {
        is_local(local) && ascii_domain(&domain.to_lowercase()).is_some()
    });
    is_whole.then(|| address.to_owned())
}

/// Returns the id of a stream, which is not the name that Postmark's pages show; `key` is where it stands.
pub(super) fn stream(key: &str, text: &str) -> Result<StreamId, Invalid> {
    let id = text.trim();
    // No id has these: a pattern, a list, or the name of a server before it would match no stream.
    let is_other = |c: char| c.is_whitespace() || c.is_control() || "*/,;".contains(c);
    let is_id = !id.is_empty() && !id.contains(is_other);
    is_id.then(|| StreamId::from(id)).ok_or_else(|| {
        Invalid::new(
            format!("has {text:?} in `{key}`, which is not the id of a stream"),
            "write the id, such as outbound or broadcast, which Postmark shows beside the stream's name",
        )
    })
}

/// The minimum length of an id of Slack's, in characters; theirs have nine or more.
const MIN_ID_CHARS: usize = 7;

/// How a channel is named.
pub(super) const CHANNEL_REMEDY: &str =
    "write its id, such as C0123456789, which Slack shows at the end of the channel's details";

/// Returns a channel as Slack's methods take it. Its address and the form in which Slack copies a mention hold the id.
pub(super) fn channel(text: &str) -> Option<String> {
    let channel = text.trim();
    let mention = channel.strip_prefix('<').and_then(|c| c.strip_suffix('>'));
    let id = match (mention, channel.split_once("/archives/")) {
        (Some(mention), _) => mention.trim_start_matches(['#', '@']).split('|').next(),
        (None, Some((_, path))) => path.split(['/', '?']).next(),
        (None, None) => Some(channel),
    };
    let is_outside = |c: char| c.is_whitespace() || c.is_control() || "@#/:<>|,".contains(c);
    let name = |id: &str| id.strip_prefix('#').unwrap_or(id).to_owned();
    // That of a group or of a team is never one.
    let is_other = |id: &&str| id.starts_with(['S', 'T']) && is_slack_id(id);
    id.filter(|id| !name(id).is_empty() && !name(id).contains(is_outside))
        .filter(|id| !is_other(id))
        .map(str::to_owned)
}

fn is_slack_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() >= MIN_ID_CHARS && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// How somebody who is woken is named.
pub(super) const MENTION_REMEDY: &str = "write \"here\", \"channel\", or the id of a user (U0123456789) or of a user group (S0123456789)";

/// Returns whom to mention: `here`, `channel`, or the id of a user or of a user group. The form in which Slack writes a mention
/// holds it.
pub(super) fn mention(text: &str) -> Option<String> {
    let mention = text.trim();
    let inside = mention.strip_prefix('<').and_then(|m| m.strip_suffix('>'));
    let mention = inside.unwrap_or(mention).trim_start_matches(['@', '!']);
    let mention = mention.strip_prefix("subteam^").unwrap_or(mention);
    let mention = mention.split('|').next().unwrap_or_default();
    let is_id = mention.starts_with(['U', 'W', 'S']) && is_slack_id(mention);
    (is_id || matches!(mention, "here" | "channel")).then(|| mention.to_owned())
}

/// Returns a selector without the rest of the name in the DNS that it may be copied with.
pub(super) fn dkim_selector(text: &str) -> &str {
    let selector = text.trim();
    selector
        .split_once("._domainkey")
        .map_or(selector, |(selector, _)| selector)
}

/// Returns the form of the DNS of a domain in lower case, which has at least two labels.
fn ascii_domain(domain: &str) -> Option<String> {
    let url = reqwest::Url::parse(&format!("http://{domain}/")).ok()?;
    let ascii = url.domain()?;
    let is_same = !domain.is_ascii() || ascii == domain;
    (is_same && is_name(ascii) && ascii.contains('.')).then(|| ascii.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_what_recipients_have_behind_the_at() {
        for text in [
            "example.com",
            " Example.COM ",
            "@example.com",
            "*.example.com",
            ".example.com",
            "example.com.",
        ] {
            assert_eq!(
                own_domain(text),
                Ok(vec!["example.com".to_owned()]),
                "{text}"
            );
        }
        let both = ["xn--mnchen-3ya.example", "münchen.example"].map(str::to_owned);
        assert_eq!(own_domain("München.example"), Ok(both.to_vec()));
        for wrong in [
            "",
            "*",
            "*.",
            "com",
            "localhost",
            "me@example.com",
            "https://example.com",
            "example.com/",
            "example.com:25",
            "exa*mple.com",
            "192.0.2.1",
            "example.com, example.org",
            "a b.example",
        ] {
            assert!(own_domain(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_taken_out_of_what_surrounds_it() {
        for text in [
            "ops@example.com",
            " ops@example.com ",
            "<ops@example.com>",
            "Ops <ops@example.com>",
            "\"Ops, at night\" <ops@example.com>",
            "mailto:ops@example.com",
        ] {
            let one = vec!["ops@example.com".to_owned()];
            assert_eq!(operator_address(text), Ok(one), "{text}");
        }
        let both = ["Ops@xn--mller-kva.example", "Ops@Müller.example"].map(str::to_owned);
        assert_eq!(operator_address("Ops@Müller.example"), Ok(both.to_vec()));
        for wrong in [
            "",
            "ops",
            "@example.com",
            "ops@",
            "ops@com",
            "*@example.com",
            "ops@*.example.com",
            "ops@example.com, me@example.com",
            "ops@example.com me@example.com",
            "Ops ops@example.com",
            "ops@example.com>",
        ] {
            assert!(operator_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_stream_is_named_by_its_id() {
        assert_eq!(
            stream("streams", " outbound "),
            Ok(StreamId::from("outbound"))
        );
        for wrong in ["", " ", "Default Transactional Stream"] {
            assert!(stream("streams", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_channel_is_named_by_its_id_however_it_was_copied() {
        for text in [
            "C0123456789",
            " C0123456789",
            "<#C0123456789>",
            "<#C0123456789|alerts>",
            "https://example.slack.com/archives/C0123456789",
            "https://example.slack.com/archives/C0123456789/p1700000000000000",
            "https://example.slack.com/archives/C0123456789?thread_ts=1",
        ] {
            assert_eq!(channel(text).as_deref(), Some("C0123456789"), "{text}");
        }
        assert_eq!(channel("<@U0123456789>").as_deref(), Some("U0123456789"));
        assert_eq!(channel("#alerts").as_deref(), Some("#alerts"));
        for wrong in [
            "",
            "#",
            "@ops",
            "my alerts",
            "https://example.slack.com/",
            "a,b",
            "<#>",
        ] {
            assert_eq!(channel(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_mention_is_a_word_or_an_id_however_it_was_copied() {
        for (text, meant) in [
            ("here", "here"),
            ("@here", "here"),
            ("<!here>", "here"),
            ("<!channel|channel>", "channel"),
            (" U0123456789 ", "U0123456789"),
            ("<@W0123456789>", "W0123456789"),
            ("S0123456789", "S0123456789"),
            ("<!subteam^S0123456789|@ops>", "S0123456789"),
        ] {
            assert_eq!(mention(text).as_deref(), Some(meant), "{text}");
        }
        for wrong in [
            "",
            "@ops",
            "ops",
            "everyone",
            "U",
            "C0123456789",
            "U012 S012",
            "<@>",
        ] {
            assert_eq!(mention(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_selector_is_the_label_before_domainkey() {
        for text in [
            "google",
            "google._domainkey",
            "google._domainkey.example.com",
        ] {
            assert_eq!(dkim_selector(text), "google");
        }
    }
}
