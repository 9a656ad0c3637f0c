//! What the sample of a day's mail says of its delivery, in words.

use crate::notify::digest::not_known;
use crate::output::json::StreamView;
use crate::text::format::count;

/// Returns ` (340 to 436)`, between which the number lies.
fn delivered_range(day: &StreamView) -> String {
    match day.delivered_low.zip(day.delivered_high) {
        Some((low, high)) => format!(" ({} to {})", count(low), count(high)),
        None => String::new(),
    }
}

/// Returns what the sample of a day says: `about 388 delivered (340 to 436), 50 of 97 sampled messages`.
pub(super) fn sampled(day: &StreamView) -> String {
    let so_far = if day.proven < day.sampled {
        " so far"
    } else {
        ""
    };
    let of_sample = format!(
        "{} of {} sampled messages{so_far}",
        count(day.proven),
        count(day.sampled)
    );
    match day.delivered {
        _ if day.sampled == 0 => "no delivery sampled".to_owned(),
        None if day.is_unread => "delivery unknown: no sampled message could be read".to_owned(),
        // Of some hours nothing was sampled.
        None if day.delivered_low.is_some() => {
            let low = count(day.delivered_low.unwrap_or(0));
            let high = count(day.delivered_high.unwrap_or(day.sent));
            let why = not_known(day.unsampled);
            format!("{low} to {high} delivered{why}, {of_sample}")
        }
        None => format!("delivery not known yet, {of_sample}"),
        Some(delivered) if day.sampled == day.sent && delivered == day.proven => {
            format!("{} delivered{so_far}", count(delivered))
        }
        Some(delivered) => {
            let range = delivered_range(day);
            format!("about {} delivered{range}, {of_sample}", count(delivered))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::status::tests::report;

    #[test]
    fn unknown_delivery_is_said_to_be() {
        let unknown = |is_unread| StreamView {
            delivered: None,
            delivered_low: None,
            delivered_high: None,
            sampled: 125,
            proven: 0,
            is_unread,
            ..report().servers[0].streams()[0].counts.clone()
        };
        let unread = "delivery unknown: no sampled message could be read";
        assert_eq!(sampled(&unknown(true)), unread);
        let young = "delivery not known yet, 0 of 125 sampled messages so far";
        assert_eq!(sampled(&unknown(false)), young);
        let of_hours = StreamView {
            delivered_low: Some(121),
            delivered_high: Some(342),
            unsampled: 214,
            proven: 120,
            ..unknown(false)
        };
        let known = "121 to 342 delivered (214 not known), 120 of 125 sampled messages so far";
        assert_eq!(sampled(&of_hours), known);
    }
}
