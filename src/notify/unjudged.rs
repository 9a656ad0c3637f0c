//! Why a rate is over that nothing shows to be back to normal.

use crate::model::{DAY, Incident, RateEvidence, Rule};
use crate::notify::phrase::recovery_phrase;
use crate::notify::rate::rate_window;
use crate::text::format::{approx_percent, count};

/// Returns whether a rate that is over is not within bounds by what was sent: it is above its threshold, or of too little mail to
/// say that it is not.
pub(super) fn is_unjudged(rate: &RateEvidence) -> bool {
    let is_small = rate.denominator < rate.floor && rate.numerator > 0;
    rate.denominator == 0 || is_small || rate.rate() > rate.threshold
}

/// Whether it is of a week in which nothing happened: of little mail that says no more than that.
pub(super) fn is_quiet_week(rate: &RateEvidence) -> bool {
    rate.numerator == 0 && rate.window >= 7 * DAY
}

/// Returns why such a rate is over: `too little mail to judge the bounce rate now (6 of 78, 7.7%)`; `past` are the times of its
/// window, where that is not the present one.
pub(super) fn describe_unjudged(
    incident: &Incident,
    rate: &RateEvidence,
    past: Option<&str>,
) -> String {
    let name = recovery_phrase(incident.rule).trim_end_matches(" is back");
    if rate.denominator == 0 {
        let window = match past {
            Some(past) => past.to_owned(),
            None => format!("in the last {}", rate_window(rate)),
        };
        return format!("no mail {window} to judge the {name} by");
    }
    let happened = match incident.rule {
        Rule::SpamRate => "complaint",
        _ => "bounce",
    };
    let why = match past {
        None if is_quiet_week(rate) => format!("no {happened} for a week"),
        _ if rate.denominator < rate.floor => {
            let when = past.unwrap_or("now");
            format!("too little mail to judge the {name} {when}")
        }
        _ => format!("no {happened} for a day"),
    };
    let (happened, of) = (count(rate.numerator), count(rate.denominator));
    format!(
        "{why} ({happened} of {of}, {})",
        approx_percent(rate.rate())
    )
}
