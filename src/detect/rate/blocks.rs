//! `bounce_rate` without the recipients of which `domain_blocks` tells: what one recipient domain refuses is one problem.

use crate::detect::rate::{Counting, RateTest, evaluate_counted, lasting_reach};
use crate::model::{
    BounceClass, BounceEvent, Evidence, History, Span, Timestamp, Verdict, domain_of,
};

/// Judges `test` without the recipients that the domains of `blocking` block; `None` where there are none.
pub(super) fn judge_without(
    history: &History,
    at: Timestamp,
    test: &RateTest,
    blocking: &[String],
) -> Option<Box<(Verdict, Evidence)>> {
    let is_told = |event: &BounceEvent| {
        event.class == BounceClass::Blocked && blocking.contains(&domain_of(&event.recipient))
    };
    let longest = Span::before(at, test.rule.longest_window());
    let window = Span::new(longest.from.min(lasting_reach(history, at).from), at);
    let mut events = history.bounce_events_in(window).iter();
    if blocking.is_empty() || !events.any(is_told) {
        return None;
    }
    let counting = Counting {
        counts: |event: &BounceEvent| event.class.counts() && !is_told(event),
        left_out: is_told,
    };
    let (verdict, evidence) = evaluate_counted(history, at, test, &counting);
    Some(Box::new((verdict, Evidence::Rate(evidence))))
}
