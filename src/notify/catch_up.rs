//! What opened and resolved while hushwatch did not run or could not read mail.

use crate::model::{Incident, Span};
use crate::notify::alert::{Style, end_level};
use crate::notify::context::worst_phrase;
use crate::notify::location::location;
use crate::notify::phrase::problem_name;
use crate::notify::problem_span::{lasted, problem_span, unread_phrase};
use crate::notify::{Level, Message};
use crate::text::format::{plural, short_range};

/// Returns one message for the incidents that a gap hid, and for the spans of it that can no longer be read, with the
/// stream of each.
pub fn catch_up(
    hidden: &[Incident],
    unreadable: &[(String, Span)],
    gap: Span,
    style: Style,
) -> Message {
    let range = |span: Span| short_range(span, gap.until, style.zone);
    let incidents = hidden.iter().map(|incident| {
        let problem = problem_span(incident);
        let worst = worst_phrase(incident).map_or_else(String::new, |phrase| format!(", {phrase}"));
        let unread = unread_phrase(incident, gap.until, style);
        let unread = unread.map_or_else(String::new, |unread| format!(", {unread}"));
        format!(
            "{} {}: {} {} ({}){worst}{unread} · {}",
            end_level(incident).sign(),
            location(incident),
            problem_name(incident.rule),
            range(problem),
            lasted(incident, problem),
            incident.id,
        )
    });
    let lost = unreadable.iter().map(|(stream, hole)| {
        let hole = range(*hole);
        format!("{stream}: Postmark no longer has the messages of {hole}; that time stays unknown.")
    });
    let headline = match hidden.len() {
        0 => "📋 catch-up: part of the time without polls cannot be read any more".to_owned(),
        n => format!(
            "📋 catch-up: {} opened and resolved while hushwatch could not read mail",
            plural(n as u64, "incident")
        ),
    };
    let explain = hidden.first().map_or_else(String::new, |incident| {
        format!("hushwatch explain {} · ", incident.id)
    });
    let footer = format!("{explain}{} {}", range(gap), style.zone.name());
    Message::new(Level::Info, &headline, incidents.chain(lost), &footer)
}
