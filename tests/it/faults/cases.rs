//! What can go wrong, and what is expected of each.

use std::time::Duration;

use hushwatch::sim::Fault;
use hushwatch::sim::slack;

use super::endpoints::{self, BadEndpoint};

/// Something that goes wrong on the way to a service.
#[derive(Clone, Debug)]
pub(super) enum Timing<F> {
    /// With an answer.
    Fault(F),
    /// Somebody else stands at the address, or nobody.
    BadEndpoint(BadEndpoint),
}

/// What two cycles of a Postmark fault come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedAlert {
    /// Nothing: the answers are whole.
    Harmless,
    /// Both cycles are incomplete; at the second one the server is blind.
    Trouble,
    /// Blind at once, and somebody is woken.
    Token,
    /// The account is reported at once.
    Account,
}

/// A fault of Postmark.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) strike: Timing<Fault>,
    pub(super) meaning: ExpectedAlert,
    /// Whether a second attempt in the same cycle is made.
    pub(super) passing: bool,
    /// Whether it costs time-outs.
    pub(super) slow: bool,
}

/// A fault of Slack.
#[derive(Clone, Debug)]
pub(super) struct SlackCase {
    pub(super) name: String,
    pub(super) strike: Timing<slack::Fault>,
    pub(super) fate: ExpectedDelivery,
    pub(super) slow: bool,
}

impl SlackCase {
    /// Whether no answer settles what became of the message: where no history can be read, it is given up in the second cycle.
    pub(super) fn is_unconfirmed(&self) -> bool {
        let refused = ["hang", "reset", "endless", "gzip bomb", "fatal_error"];
        self.fate == ExpectedDelivery::Unknowable || refused.contains(&self.name.as_str())
    }

    /// Whether a webhook answers that it was posted, though it was not: any success without a known error says so.
    pub(super) fn fools_a_webhook(&self) -> bool {
        ["empty", "malformed", "wrong type"].contains(&self.name.as_str())
    }
}

/// What becomes of a message during a fault of Slack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedDelivery {
    /// It is accepted, and that is known.
    Accepted,
    /// It is not accepted; it stays pending.
    Refused,
    /// It is accepted and that cannot be known: it stays pending, and may come once more for each attempt.
    Unknowable,
}

impl Case {
    /// What it comes to where it strikes this part alone.
    pub(super) fn expected_on(&self, part: &str) -> ExpectedAlert {
        match (&self.strike, part) {
            // Proof of delivery is a sample; what of it cannot be read is drawn again.
            (_, "/details") => ExpectedAlert::Harmless,
            // A total that falls from one page to the next tells that the pages do not fit together.
            (Timing::Fault(Fault::Miscount(_)), "offset=500") => ExpectedAlert::Trouble,
            _ => self.meaning,
        }
    }
}

fn case(name: &str, fault: Fault, meaning: ExpectedAlert, passing: bool) -> Case {
    Case {
        name: name.to_owned(),
        slow: matches!(&fault, Fault::Hang)
            || matches!(&fault, Fault::Drip(pause) if pause.as_millis() > 1),
        strike: Timing::Fault(fault),
        meaning,
        passing,
    }
}

fn coded(status: u16, error_code: i64) -> Fault {
    Fault::StatusBody {
        code: status,
        error_code,
        message: "The request could not be processed <!channel> ops@example.com.".to_owned(),
    }
}

fn too_many(retry_after: &str) -> Fault {
    Fault::TooMany {
        retry_after: Some(retry_after.to_owned()),
    }
}

/// Values of `Retry-After` that ask for more than a cycle waits.
const LONG_RETRY_AFTERS: [&str; 4] = ["7", "99999999999", "18446744073709551615", "86400.5"];
/// Values that ask for nothing, or for nothing sensible: two attempts are made.
const INVALID_RETRY_AFTERS: [&str; 8] = [
    "0",
    "0.001",
    "-5",
    "soon",
    "NaN",
    "1e400",
    "99999999999999999999999999",
    "Wed, 21 Oct 2015 07:28:00 GMT",
];

/// Every fault of Postmark.
pub(super) fn postmark() -> Vec<Case> {
    use ExpectedAlert::{Account, Harmless, Token, Trouble};
    let mut all = vec![
        // The first is always run.
        case(
            "redirect",
            Fault::Redirect(endpoints::elsewhere()),
            Trouble,
            false,
        ),
        case("dripping", Fault::Drip(Duration::ZERO), Harmless, true),
        case(
            "drip",
            Fault::Drip(Duration::from_millis(600)),
            Trouble,
            true,
        ),
        case("miscount", Fault::Miscount(0), Harmless, false),
        case(
            "unreadable date",
            Fault::Date("yesterday".to_owned()),
            Harmless,
            true,
        ),
        case("hang", Fault::Hang, Trouble, true),
        case("reset", Fault::Reset, Trouble, true),
        case("cut at 0", Fault::Cut(0), Trouble, true),
        case("cut at 20", Fault::Cut(20), Trouble, true),
        case("HTML with 200", Fault::Html(200), Trouble, true),
        case("HTML with 403", Fault::Html(403), Trouble, false),
        case("HTML with 404", Fault::Html(404), Trouble, false),
        case("HTML with 502", Fault::Html(502), Trouble, true),
        case("empty", Fault::Empty, Trouble, true),
        case("malformed", Fault::Malformed, Trouble, true),
        case("wrong type", Fault::WrongType, Trouble, true),
        case("endless", Fault::Endless, Trouble, false),
        case("gzip bomb", Fault::GzipBomb, Trouble, false),
        case("flood of items", Fault::Flood(200_000), Trouble, true),
        case("401", Fault::WrongToken, Token, false),
        case("422 of the token", coded(422, 10), Token, false),
        case("429", Fault::TooMany { retry_after: None }, Trouble, true),
    ];
    for status in [400, 403, 404, 406, 410, 415, 422, 451] {
        let name = format!("{status}");
        all.push(case(&name, Fault::Status(status), Trouble, false));
    }
    for status in [408, 500, 502, 503, 504, 599] {
        let name = format!("{status}");
        all.push(case(&name, Fault::Status(status), Trouble, true));
    }
    // Refusals of a query, of an unknown thing, of a template; a code that no table has.
    for code in [700, 701, 1000, 1101, 1301, 424_242, -1] {
        let name = format!("422 code {code}");
        all.push(case(&name, coded(422, code), Trouble, false));
    }
    for code in [405, 412, 413, 422] {
        let name = format!("422 code {code}");
        all.push(case(&name, coded(422, code), Account, false));
    }
    all.push(case("200 code 412", coded(200, 412), Account, false));
    all.push(case("200 code 700", coded(200, 700), Trouble, true));
    all.push(case("204", coded(204, 0), Trouble, true));
    for wait in LONG_RETRY_AFTERS {
        let name = format!("429 for {wait}");
        all.push(case(&name, too_many(wait), Trouble, false));
    }
    for wait in INVALID_RETRY_AFTERS {
        let name = format!("429 for {wait}");
        all.push(case(&name, too_many(wait), Trouble, true));
    }
    all.extend(BadEndpoint::ALL.map(|place| Case {
        name: format!("{place:?}"),
        strike: Timing::BadEndpoint(place),
        meaning: Trouble,
        passing: true,
        slow: false,
    }));
    all
}

fn slack_case(name: &str, fault: impl Into<slack::Fault>, fate: ExpectedDelivery) -> SlackCase {
    SlackCase {
        name: name.to_owned(),
        strike: Timing::Fault(fault.into()),
        fate,
        slow: name.contains("hang") || name == "drip",
    }
}

/// Every fault of Slack.
pub(super) fn slack() -> Vec<SlackCase> {
    use ExpectedDelivery::{Accepted, Refused, Unknowable};
    let mut all = vec![
        slack_case("redirect", Fault::Redirect(endpoints::elsewhere()), Refused),
        slack_case("dripping", Fault::Drip(Duration::ZERO), Accepted),
        slack_case("drip", Fault::Drip(Duration::from_millis(600)), Unknowable),
        slack_case("hang", Fault::Hang, Refused),
        slack_case(
            "hang after posting",
            slack::Fault::AcceptThenHang,
            Unknowable,
        ),
        slack_case("reset", Fault::Reset, Refused),
        slack_case(
            "reset after posting",
            slack::Fault::AcceptThenReset,
            Unknowable,
        ),
        slack_case("cut at 0", Fault::Cut(0), Unknowable),
        slack_case("cut at 1", Fault::Cut(1), Unknowable),
        slack_case("HTML with 200", Fault::Html(200), Refused),
        slack_case("HTML with 403", Fault::Html(403), Refused),
        slack_case("HTML with 502", Fault::Html(502), Refused),
        slack_case("empty", Fault::Empty, Refused),
        slack_case("malformed", Fault::Malformed, Refused),
        slack_case("wrong type", Fault::WrongType, Refused),
        slack_case("endless", Fault::Endless, Refused),
        slack_case("gzip bomb", Fault::GzipBomb, Refused),
        slack_case("401", Fault::WrongToken, Refused),
        slack_case("429", Fault::TooMany { retry_after: None }, Refused),
    ];
    for status in [400, 403, 404, 408, 410, 413, 422, 500, 502, 503, 504] {
        all.push(slack_case(
            &format!("{status}"),
            Fault::Status(status),
            Refused,
        ));
    }
    for wait in LONG_RETRY_AFTERS.iter().chain(&INVALID_RETRY_AFTERS) {
        all.push(slack_case(
            &format!("429 for {wait}"),
            too_many(wait),
            Refused,
        ));
    }
    for word in [
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "invalid_auth",
        "token_revoked",
        "missing_scope",
        "ratelimited",
        "fatal_error",
        "invalid_blocks",
        "msg_too_long",
        "no_service",
        "a_word_of_tomorrow",
    ] {
        all.push(slack_case(word, slack::Fault::slack_error(word), Refused));
    }
    all.extend(BadEndpoint::ALL.map(|place| SlackCase {
        name: format!("{place:?}"),
        strike: Timing::BadEndpoint(place),
        fate: Refused,
        slow: false,
    }));
    all
}
