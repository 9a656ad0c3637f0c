//! Whether Slack takes the layout of each kind of message, as its own method `blocks.validate` says. Nothing is posted.

use crate::commands::doctor::check::Check;
use crate::notify::samples::{Chapter, Sample, chapters};
use crate::slack::{Envelope, LayoutVerdict, Slack, payload};

const NAME: &str = "slack_layouts";

/// Asks about the longest sample of each kind of message. What Slack does not answer is no failure: messages may be taken all the
/// same.
pub(super) async fn checks(slack: &Slack) -> Vec<Check> {
    let chapters = chapters();
    let mut checks = Vec::new();
    for chapter in &chapters {
        let Some(sample) = longest(chapter) else {
            continue;
        };
        let envelope = Envelope {
            incident: sample.incident.as_deref(),
            ..Envelope::default()
        };
        match slack
            .validate_blocks(&payload(&sample.message, envelope))
            .await
        {
            Ok(LayoutVerdict::Valid) => {}
            Ok(LayoutVerdict::Invalid(faults)) => checks.push(refused(&chapter.title, &faults)),
            Err(error) => {
                // A method that is not there is nobody's fault.
                let text = format!("Slack was not asked about the layout of messages: {error}");
                checks.push(Check::pass(NAME, text));
                return checks;
            }
        }
    }
    if checks.is_empty() {
        let text = format!(
            "Slack takes the layout of each of {} kinds of message",
            chapters.len()
        );
        checks.push(Check::pass(NAME, text));
    }
    checks
}

fn longest(chapter: &Chapter) -> Option<&Sample> {
    let samples = chapter.samples.iter();
    samples.max_by_key(|sample| sample.message.to_text().len())
}

fn refused(kind: &str, faults: &[String]) -> Check {
    let faults = faults.join("; ");
    let text = format!("Slack would refuse a message of the kind {kind}: {faults}");
    let remedy = "it is resent as plain text; report this as a fault of hushwatch";
    Check::fail(NAME, text, remedy)
}
