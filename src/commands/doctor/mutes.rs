//! What nobody is told of at present, because somebody said so.

use crate::commands::doctor::check::Check;
use crate::commands::doctor::format_instant;
use crate::cycle::Context;
use crate::model::{Mute, Timestamp};
use crate::notify::runbook::shell_quoted;
use crate::text::sanitize::{clean, truncate};

const NAME: &str = "mute";
const MAX_TEXT_CHARS: usize = 200;

/// Returns each mute that runs, with how to end it.
pub(crate) async fn checks(app: &Context, at: Timestamp) -> Vec<Check> {
    match app.store.call(move |s| s.mutes(at)).await {
        Ok(mutes) if mutes.is_empty() => vec![Check::pass(NAME, "Nothing is muted")],
        Ok(mutes) => {
            let time = |instant| format_instant(instant, at, app.config.time_zone);
            let when = |mute: &Mute| match mute.planned {
                true => format!("from {} until {}", time(mute.from), time(mute.until)),
                false => format!("until {}", time(mute.until)),
            };
            let checks = mutes.iter().map(|mute| mute_check(mute, &when(mute)));
            checks.collect()
        }
        Err(error) => vec![Check::unreadable(NAME, "mutes", &error)],
    }
}

fn mute_check(mute: &Mute, when: &str) -> Check {
    let what = match mute.rule {
        Some(rule) => format!("`{rule}`"),
        None => "Everything".to_owned(),
    };
    let what = match &mute.incident {
        Some(id) => format!("Incident {id} ({what}"),
        None => what,
    };
    let end = if mute.incident.is_some() { ")" } else { "" };
    let place = match (&mute.server, mute.rule) {
        (Some(server), _) => format!(" on {server}"),
        (None, Some(_)) => " on every server".to_owned(),
        (None, None) => String::new(),
    };
    let short = |text: &str| truncate(&clean(text), MAX_TEXT_CHARS);
    let text = format!(
        "{what}{place}{end} is muted {when} by {} ({})",
        short(&mute.by),
        short(&mute.reason)
    );
    Check::warn(NAME, text, format!("`{}` ends it", command(mute)))
}

fn command(mute: &Mute) -> String {
    let mut command = "hushwatch unmute".to_owned();
    if let Some(server) = &mute.server {
        command += &format!(" --server {}", shell_quoted(&server.0));
    }
    if let Some(rule) = mute.rule {
        command += &format!(" --rule {rule}");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Rule, ServerName};

    fn lifting_command(server: Option<&str>, rule: Option<Rule>) -> String {
        let mute = Mute {
            id: 1,
            server: server.map(ServerName::from),
            rule,
            incident: None,
            from: Timestamp(0),
            until: Timestamp(0),
            reason: "new relay".to_owned(),
            by: "ops".to_owned(),
            planned: false,
        };
        mute_check(&mute, "until noon").to_line()
    }

    #[test]
    fn a_mute_of_one_incident_is_not_told_as_one_of_its_rule() {
        let mute = Mute {
            id: 1,
            server: Some("shop".into()),
            rule: Some(Rule::SendSilence),
            incident: Some("fp8xrr3b".to_owned()),
            from: Timestamp(0),
            until: Timestamp(0),
            reason: String::new(),
            by: "Bob Example".to_owned(),
            planned: false,
        };
        let line = mute_check(&mute, "until noon").to_line();
        let said =
            "! Incident fp8xrr3b (`send_silence` on shop) is muted until noon by Bob Example";
        assert!(line.starts_with(said), "{line}");
    }

    #[test]
    fn a_mute_is_reported_with_the_command_that_ends_it() {
        assert_eq!(
            lifting_command(None, None),
            "! Everything is muted until noon by ops (new relay); `hushwatch unmute` ends it"
        );
        assert_eq!(
            lifting_command(Some("it's a shop"), None),
            "! Everything on it's a shop is muted until noon by ops (new relay); \
             `hushwatch unmute --server 'it'\\''s a shop'` ends it"
        );
        assert_eq!(
            lifting_command(None, Some(Rule::BounceRate)),
            "! `bounce_rate` on every server is muted until noon by ops (new relay); \
             `hushwatch unmute --rule bounce_rate` ends it"
        );
        assert_eq!(
            lifting_command(Some("shop"), Some(Rule::SendSilence)),
            "! `send_silence` on shop is muted until noon by ops (new relay); \
             `hushwatch unmute --server shop --rule send_silence` ends it"
        );
    }
}
