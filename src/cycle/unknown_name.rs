//! Names that nothing bears: which there are instead.

use crate::config::nearest;
use crate::model::{ServerName, StreamId};
use crate::text::elide::elide;
use crate::text::sanitize::clean;

/// The maximum number of names in a line.
const MAX_NAMES: usize = 8;

/// Says that no server is called `wrong`, and how the `known` ones are.
pub(crate) fn unknown_server<'n>(
    wrong: &str,
    known: impl IntoIterator<Item = &'n ServerName>,
) -> String {
    let known = known.into_iter().map(|name| name.0.as_str());
    unknown("no server is called", wrong, "known servers:", known)
}

/// Says that none of `servers` has a stream `wrong`, and which are `known`.
pub(crate) fn unknown_stream<'n>(
    servers: &[&ServerName],
    wrong: &StreamId,
    known: impl IntoIterator<Item = &'n StreamId>,
) -> String {
    let names = elide(servers.iter().map(|name| clean(&name.0)), MAX_NAMES);
    let (have, listing) = match servers.len() {
        1 => ("has", "it has"),
        _ => ("have", "they have"),
    };
    let head = format!("{names} {have} no stream");
    let known = known.into_iter().map(|id| id.0.as_str());
    unknown(&head, &wrong.0, listing, known)
}

/// Says that no mail has the tag `wrong`, and which tags are `known`.
pub(crate) fn unknown_tag(wrong: &str, known: &[String]) -> String {
    let known = known.iter().map(String::as_str);
    unknown("no stored mail has the tag", wrong, "known tags:", known)
}

fn unknown<'n>(
    head: &str,
    wrong: &str,
    listing: &str,
    known: impl Iterator<Item = &'n str>,
) -> String {
    let (wrong, known): (String, Vec<&str>) = (clean(wrong), known.collect());
    let near = nearest(&wrong, &known);
    let near = near.map_or_else(String::new, |near| {
        format!(" (did you mean `{}`?)", clean(near))
    });
    let there_are = match known.is_empty() {
        true => String::new(),
        false => {
            let names = elide(known.iter().map(|name| clean(name)), MAX_NAMES);
            format!("; {listing} {names}")
        }
    };
    format!("{head} `{wrong}`{near}{there_are}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_there_is_and_what_is_near() {
        let (shop, blog): (ServerName, ServerName) = ("shop".into(), "blog".into());
        let streams: Vec<StreamId> = vec!["outbound".into(), "broadcast".into()];
        let tags: Vec<String> = (1..=10).map(|n| format!("tag-{n}")).collect();
        let lines = [
            unknown_server("shpo\u{1b}[2J", [&shop, &blog]),
            unknown_server("x", []),
            unknown_stream(&[&shop], &"outbuond".into(), &streams),
            unknown_stream(&[&shop, &blog], &"nonsense".into(), &streams),
            unknown_tag("welcome", &tags),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        no server is called `shpo` (did you mean `shop`?); known servers: shop, blog
        no server is called `x`
        shop has no stream `outbuond` (did you mean `outbound`?); it has outbound, broadcast
        shop, blog have no stream `nonsense`; they have outbound, broadcast
        no stored mail has the tag `welcome`; known tags: tag-1, tag-2, tag-3, tag-4, tag-5, tag-6, tag-7, tag-8 and 2 more
        ");
    }
}
