//! Taking an address off the lists of suppressions, by the two ways that Postmark has.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::lookup::suppressions::since;
use crate::app::lookup::{Asked, Lookup, Trouble, json_line, place};
use crate::message::text::clean_lines;
use crate::model::StreamId;
use crate::postmark::{BounceFilter, BounceRow, PAGE, Suppression, Suppressions};

/// A stream that sends nothing to the address.
pub struct Case {
    server: Arc<Asked>,
    stream: StreamId,
    why: Why,
}

/// Why it sends nothing.
enum Why {
    Suppressed(Suppression),
    /// No list names it, but a bounce made it inactive.
    Inactive(BounceRow),
}

/// What came of the wish to reactivate an address on one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    place: String,
    server: String,
    stream: StreamId,
    /// Whether Postmark accepted it.
    accepted: bool,
    /// What it answered.
    answer: String,
    /// Whether the list still named it when it was read right afterwards.
    still_listed: Option<bool>,
}

impl Lookup {
    /// Where `address` gets no mail: on which lists it stands or, where it is on no list of a server, which bounces made
    /// it inactive there. Errors beside.
    pub async fn cases(
        &self,
        address: &str,
        stream: Option<&StreamId>,
    ) -> (Vec<Case>, Vec<String>) {
        let (cases, errors) = self
            .each(|server| cases(server, address.to_owned(), stream.cloned()))
            .await;
        (cases.into_iter().flatten().collect(), errors)
    }

    /// A line for each case.
    pub fn told(&self, cases: &[Case]) -> String {
        let line = |case: &Case| {
            let place = place(self.has_many(), &case.server.name, &case.stream);
            let (why, at) = match &case.why {
                Why::Suppressed(s) => (&s.reason, s.since),
                Why::Inactive(bounce) => (&bounce.kind, Some(bounce.at)),
            };
            let note = match (case.can(), case.is_complaint()) {
                (true, _) => "",
                (false, false) => {
                    ": Postmark says that this bounce cannot be activated; its support can help"
                }
                (false, true) => {
                    ": a complaint; nobody but the recipient, by way of Postmark's support, can lift it"
                }
            };
            let (since, zone) = (since(at, self.zone), self.zone.name());
            format!("{place}: {why} since {since} {zone}{note}\n")
        };
        clean_lines(&cases.iter().map(line).collect::<String>())
    }

    /// Reactivates `address` in every case where that is possible, and reads each list once afterwards.
    pub async fn reactivate(&self, address: &str, cases: &[Case]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for case in cases.iter().filter(|case| case.can()) {
            let (accepted, answer) = match case.lift(address).await {
                Ok(answer) => answer,
                Err(trouble) => (false, trouble.into_text()),
            };
            let still_listed = match accepted {
                true => case.is_listed(address).await,
                false => None,
            };
            outcomes.push(Outcome {
                place: place(self.has_many(), &case.server.name, &case.stream),
                server: case.server.name.to_string(),
                stream: case.stream.clone(),
                accepted,
                answer,
                still_listed,
            });
        }
        outcomes
    }
}

impl Case {
    /// Whether it is within anybody's power but the recipient's.
    pub fn can(&self) -> bool {
        match &self.why {
            Why::Suppressed(suppression) => !suppression.is_complaint(),
            Why::Inactive(bounce) => bounce.can_activate,
        }
    }

    /// Whether the recipient complained of spam.
    pub fn is_complaint(&self) -> bool {
        match &self.why {
            Why::Suppressed(suppression) => suppression.is_complaint(),
            Why::Inactive(bounce) => bounce.kind == "SpamComplaint",
        }
    }

    /// Takes it off the list; where Postmark will not, by the bounce that brought it there. Whether it was accepted, and
    /// what Postmark said.
    async fn lift(&self, address: &str) -> Result<(bool, String), Trouble> {
        let api = self.server.api()?;
        let suppression = match &self.why {
            Why::Inactive(bounce) => return Ok((true, api.activate(bounce.id).await?)),
            Why::Suppressed(suppression) => suppression,
        };
        let removal = api.unsuppress(&self.stream, address).await?;
        let said = removal.message.as_ref().map(|text| format!(": {text}"));
        let answer = format!("{}{}", removal.status, said.unwrap_or_default());
        if removal.is_done() || suppression.reason != "HardBounce" {
            return Ok((removal.is_done(), answer));
        }
        match inactive(&self.server, &self.stream, address).await? {
            Some(bounce) if bounce.can_activate => {
                let said = api.activate(bounce.id).await?;
                Ok((true, format!("{answer}; by its bounce: {said}")))
            }
            _ => Ok((false, answer)),
        }
    }

    /// `None` where that cannot be read.
    async fn is_listed(&self, address: &str) -> Option<bool> {
        let list = list(&self.server, &self.stream, address).await.ok()?;
        Some(!list.is_empty())
    }
}

impl Outcome {
    /// Whether Postmark accepted it.
    pub const fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// A line for a person.
    pub fn to_line(&self) -> String {
        let then = match (self.accepted, self.still_listed) {
            (false, _) => "; not reactivated",
            (true, Some(false)) => "; it is off the list",
            (true, Some(true)) => "; Postmark accepted it, the list may take a moment",
            (true, None) => "; Postmark accepted it, the list could not be read afterwards",
        };
        clean_lines(&format!(
            "{}: Postmark answered {}{then}\n",
            self.place, self.answer
        ))
    }

    fn to_json(&self) -> Value {
        json!({
            "server": self.server, "stream": self.stream, "accepted": self.accepted, "answer": self.answer,
            "still_listed": self.still_listed,
        })
    }

    /// All of them as one object.
    pub fn all_to_json(address: &str, outcomes: &[Self], errors: &[String]) -> String {
        let all: Vec<Value> = outcomes.iter().map(Self::to_json).collect();
        json_line(&json!({ "address": address, "outcomes": all, "errors": errors }))
    }
}

async fn cases(
    server: Arc<Asked>,
    address: String,
    stream: Option<StreamId>,
) -> Result<Vec<Case>, Trouble> {
    let streams = server.streams(stream.as_ref()).await?;
    let mut found = Vec::new();
    for stream in &streams {
        for suppression in list(&server, stream, &address).await? {
            found.push((stream.clone(), Why::Suppressed(suppression)));
        }
    }
    if found.is_empty() {
        for stream in &streams {
            let bounce = inactive(&server, stream, &address).await?;
            found.extend(bounce.map(|bounce| (stream.clone(), Why::Inactive(bounce))));
        }
    }
    let case = |(stream, why)| Case {
        server: Arc::clone(&server),
        stream,
        why,
    };
    Ok(found.into_iter().map(case).collect())
}

/// What the list of a stream says of one address.
async fn list(
    server: &Asked,
    stream: &StreamId,
    address: &str,
) -> Result<Vec<Suppression>, Trouble> {
    let wanted = Suppressions {
        address: Some(address.to_owned()),
        reason: None,
    };
    let mut list = server.api()?.suppressions(stream, &wanted).await?;
    list.retain(|s| s.address.eq_ignore_ascii_case(address));
    Ok(list)
}

/// The newest bounce that keeps the address inactive.
async fn inactive(
    server: &Asked,
    stream: &StreamId,
    address: &str,
) -> Result<Option<BounceRow>, Trouble> {
    let filter = BounceFilter {
        recipient: Some(address.to_owned()),
        inactive: Some(true),
        ..BounceFilter::default()
    };
    let page = server.api()?;
    let page = page.search_bounces(Some(stream), &filter, PAGE, 0).await?;
    let mine = |bounce: &BounceRow| bounce.recipient.eq_ignore_ascii_case(address);
    Ok(page.items.into_iter().find(|b| b.inactive && mine(b)))
}
