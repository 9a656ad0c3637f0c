//! A diagnosis for a person: what is alike on many servers is one line.

use std::collections::BTreeMap;

use crate::commands::doctor::check::{Check, Diagnosis, Outcome, line};
use crate::text::format::{count, plural};

/// The maximum number of lines that are alike and yet shown one by one.
const MAX_ALIKE: usize = 3;
/// The maximum number of places that a warning names; a failure names each.
const MAX_PLACES: usize = 5;

/// What makes checks alike.
type Kind<'c> = (&'static str, char, &'c str, Option<&'c str>);

impl Diagnosis {
    /// Returns a line for each check, and one for those that are alike on many servers; then the sum.
    pub(crate) fn to_text(&self) -> String {
        let mut groups: BTreeMap<Kind<'_>, Vec<&Check>> = BTreeMap::new();
        for check in &self.checks {
            groups.entry(kind(check)).or_default().push(check);
        }
        let mut text = String::new();
        for check in &self.checks {
            let alike = &groups[&kind(check)];
            if alike.len() <= MAX_ALIKE || check.server.is_none() {
                text.push_str(&check.to_line());
                text.push('\n');
            } else if std::ptr::eq(alike[0], check) {
                text.push_str(&together(alike));
                text.push('\n');
            }
        }
        text + &self.sum()
    }

    fn sum(&self) -> String {
        let number = |outcome| {
            let of = self.checks.iter().filter(|c| c.outcome == outcome);
            of.count() as u64
        };
        format!(
            "\n{}: {} passed, {}, {} failed\n",
            plural(self.checks.len() as u64, "check"),
            count(number(Outcome::Pass)),
            plural(number(Outcome::Warn), "warning"),
            count(number(Outcome::Fail)),
        )
    }
}

fn kind(check: &Check) -> Kind<'_> {
    let sign = check.outcome.sign();
    (check.name, sign, &check.kind, check.remedy.as_deref())
}

fn together(alike: &[&Check]) -> String {
    let first = alike[0];
    let places: Vec<&str> = alike.iter().map(|c| c.place.as_str()).collect();
    let number = plural(places.len() as u64, "time");
    let named = match first.outcome {
        Outcome::Pass => number,
        Outcome::Warn if places.len() > MAX_PLACES => {
            let rest = count((places.len() - MAX_PLACES) as u64);
            format!(
                "{number}: {} and {rest} more",
                places[..MAX_PLACES].join(", ")
            )
        }
        Outcome::Warn | Outcome::Fail => format!("{number}: {}", places.join(", ")),
    };
    let text = format!("{} ({named})", first.kind);
    line(first.outcome, &text, first.remedy.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ServerName, Timestamp};

    fn text_of(checks: impl IntoIterator<Item = Check>) -> String {
        let checks = checks.into_iter().collect();
        let at = Timestamp(0);
        Diagnosis { at, checks }.to_text()
    }

    fn server(n: usize) -> ServerName {
        ServerName(format!("server-{n}"))
    }

    fn token(n: usize) -> Check {
        let text = format!("Postmark token valid server=server-{n} id={n}");
        Check::pass("postmark_token", text)
            .alike("Postmark token valid")
            .on_server(&server(n))
    }

    #[test]
    fn a_few_are_reported_one_by_one() {
        let text = text_of((0..3).map(token));
        assert!(
            text.starts_with("✓ Postmark token valid server=server-0 id=0\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 5, "{text}");
    }

    #[test]
    fn a_thousand_that_are_alike_are_one_line_and_each_that_fails_is_named() {
        let look = |n| {
            let empty = Check::warn("own_domains", "`own_domains` is empty", "name them");
            empty.at_place(&server(n), &server(n).0)
        };
        let fail = |n| {
            let missing = Check::fail("postmark_token", format!("missing server={n}"), "set it");
            missing.alike("missing").on_server(&server(n))
        };
        let all = (0..990).map(token).chain((990..1000).map(fail));
        let text = text_of(all.chain((0..1000).map(look)));
        assert_eq!(
            text,
            "✓ Postmark token valid (990 times)\n\
             ✗ missing (10 times: server-990, server-991, server-992, server-993, server-994, server-995, server-996, \
             server-997, server-998, server-999); set it\n\
             ! `own_domains` is empty (1,000 times: server-0, server-1, server-2, server-3, server-4 and 995 more); name them\n\n\
             2,000 checks: 990 passed, 1,000 warnings, 10 failed\n"
        );
    }

    #[test]
    fn text_from_outside_moves_no_cursor() {
        let text = text_of([Check::fail("x", "a\u{1b}[2Jb\nc", "d\re")]);
        assert!(text.starts_with("✗ ab c; d e\n"), "{text:?}");
    }
}
