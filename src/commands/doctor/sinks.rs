//! Sinks: whether each can be used, and with `--send-test` whether it takes an incident and its end.

use std::collections::BTreeSet;

use serde_json::json;

use crate::clock;
use crate::commands::doctor::check::Check;
use crate::config::SinkConfig;
use crate::cycle::Context;
use crate::model::Timestamp;
use crate::sink::{Error, SinkClient};

const NAME: &str = "sink";

/// Returns a check of each sink. A test is a warning that opens and resolves at once.
pub(crate) async fn checks(app: &Context, send_test: bool, at: Timestamp) -> Vec<Check> {
    let mut checks = Vec::new();
    for sink in &app.config.sinks {
        checks.push(check(app, sink, send_test, at).await);
    }
    checks
}

async fn check(app: &Context, sink: &SinkConfig, send_test: bool, at: Timestamp) -> Check {
    let what = format!("Sink {} ({})", sink.name, sink.kind.name());
    let destination = match sink.destination() {
        Ok(destination) => destination,
        Err(why) => return Check::fail(NAME, format!("{what} cannot be used"), why),
    };
    if !send_test {
        let text = format!("{what} set up (nothing was sent; --send-test tries it)");
        return Check::pass(NAME, text);
    }
    match send(app, sink, destination, at).await {
        Ok(to_mend) if !to_mend.is_empty() => {
            let why = Vec::from_iter(to_mend).join("; ");
            Check::warn(NAME, format!("{what} took a test, and its end — {why}"), "")
        }
        Ok(_) => Check::pass(NAME, format!("{what} took a test, and its end")),
        Err(error) => Check::fail(NAME, format!("{what} did not take a test — {error}"), ""),
    }
}

async fn send(
    app: &Context,
    sink: &SinkConfig,
    destination: crate::sink::Destination,
    at: Timestamp,
) -> Result<BTreeSet<String>, Error> {
    let client = SinkClient::new(&sink.name, destination, app.config.slack.timeout)?;
    let incident = format!("test-{}", at.0);
    let mut to_mend = BTreeSet::new();
    for (step, emoji) in [("opened", "🟠 WARN"), ("resolved", "✅ RESOLVED")] {
        let body = json!({
            "test": true, "incident": incident, "at": at.to_string(), "transition": step, "told": true,
            "rule": "blind", "severity": "warn", "server": null, "stream": null, "tag": null,
            "numerator": null, "denominator": null, "rate": null,
            "text": format!("{emoji} hushwatch doctor: a test of the sink {}, nothing is wrong", sink.name),
        });
        let key = format!("{incident}-{step}");
        let sent = client.send(&key, &body.to_string(), clock::now()).await?;
        to_mend.extend(sent);
    }
    Ok(to_mend)
}
