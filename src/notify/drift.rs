//! What stands beside a problem that no stream's own mail shows: the canary, refused mail, recipient domains, the DNS.

use crate::model::{
    CanaryEvidence, CanaryOutcome, DnsDriftEvidence, DnsFault, DomainBlocksEvidence,
    SmtpErrorEvidence, Timestamp,
};
use crate::notify::alert::Style;
use crate::notify::context::sentence;
use crate::text::format::{count, plural, short_range, short_time};
use crate::text::sanitize::clean;

/// The maximum number of DNS records that get a line each.
const MAX_RECORDS: usize = 2;

/// Returns when the test mail was sent, what Postmark said of it, and when one was last delivered.
pub(super) fn canary_context(canary: &CanaryEvidence, at: Timestamp, style: Style) -> Vec<String> {
    let time = |then| short_time(then, at, style.zone);
    let sent = canary.sent_at.map(|sent| match &canary.outcome {
        CanaryOutcome::Refused(why) => format!("Tried {}: {}", time(sent), sentence(&clean(why))),
        CanaryOutcome::Pending if canary.message.is_none() => {
            format!("Tried each time since {}.", time(sent))
        }
        _ => {
            let id = canary.message.as_deref().unwrap_or_default();
            format!("Sent {} as message {}.", time(sent), clean(id))
        }
    });
    let last = match canary.last_delivered {
        Some(last) => format!("Last delivery {}.", time(last)),
        None => "None was delivered so far.".to_owned(),
    };
    sent.into_iter().chain([last]).collect()
}

/// Returns the day on which they were refused, and how many are usual.
pub(super) fn smtp_errors_context(
    errors: &SmtpErrorEvidence,
    at: Timestamp,
    style: Style,
) -> Vec<String> {
    let day = short_range(errors.day, at, style.zone);
    let usual = match errors.usual_high {
        0 => "it refuses none".to_owned(),
        high => format!("it refuses at most {} a day", count(high)),
    };
    let sent = plural(errors.sent, "recipient");
    vec![
        format!("Counted {day}, while mail to {sent} was accepted; usually {usual}."),
        "They never became messages, so no list of messages shows them.".to_owned(),
    ]
}

/// Returns what the domains did before, beside the stream's mail.
pub(super) fn domain_blocks_context(of: &DomainBlocksEvidence) -> String {
    let sent = plural(of.sent, "message");
    let days = plural(of.days, "day");
    let high = of.domains.iter().map(|of| of.usual_high).max().unwrap_or(0);
    let who = if of.domains.len() == 1 { "it" } else { "each" };
    let high = match high {
        0 => format!("In the {days} before, {who} blocked on one day at most"),
        high => format!(
            "In the {days} before, at most {} a day, except on one day",
            count(high)
        ),
    };
    format!("{high}. The stream sent {sent} in these 24 h, to all domains.")
}

/// Returns when each record was last good, and what follows.
pub(super) fn dns_context(of: &DnsDriftEvidence, at: Timestamp, style: Style) -> Vec<String> {
    let time = |then| short_time(then, at, style.zone);
    let good = |fault: &DnsFault| match fault.last_good {
        Some(good) => format!("last good {}", time(good)),
        None => "never good".to_owned(),
    };
    let follows = "Receivers may refuse this domain's mail, or take it for spam.";
    if let [one] = of.broken.as_slice() {
        let since = time(one.since);
        return vec![format!("Since {since}, {}. {follows}", good(one))];
    }
    let each = of.broken.iter().take(MAX_RECORDS);
    let each =
        each.map(|fault| format!("{} {} ({}).", fault.record, clean(&fault.why), good(fault)));
    each.chain([follows.to_owned()]).collect()
}
