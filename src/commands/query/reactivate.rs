//! Taking an address off the lists of suppressions, by the two ways that Postmark has.

use std::sync::Arc;

use crate::commands::query::error::Trouble;
use crate::commands::query::reactivation::{Came, Outcome};
use crate::commands::query::streams::{Read, Round, merged};
use crate::commands::query::suppressions::since;
use crate::commands::query::{Asked, Lookup, place};
use crate::model::StreamId;
use crate::postmark::{
    BounceFilter, BounceRow, ErrorKind, PAGE, Server, Suppression, Suppressions,
};
use crate::text::sanitize::clean_lines;

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

impl Lookup {
    /// Where `address` gets no mail: on which lists it stands or, where it is on no list of a server, which bounces made
    /// it inactive there. Errors beside.
    pub async fn cases(
        &self,
        address: &str,
        stream: Option<&StreamId>,
    ) -> (Vec<Case>, Vec<String>) {
        let all = self.each(|server| cases(server, address.to_owned(), stream.cloned()));
        merged(all.await)
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
            let (came, answer) = match case.lift(address).await {
                Ok(answer) => answer,
                Err(trouble) => (Came::Failed, trouble.to_string()),
            };
            let still_listed = match came {
                Came::Accepted => case.is_listed(address).await,
                Came::Refused | Came::Failed => None,
            };
            outcomes.push(Outcome {
                place: place(self.has_many(), &case.server.name, &case.stream),
                server: case.server.name.to_string(),
                stream: case.stream.clone(),
                came,
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

    /// Takes it off the list; where Postmark will not, by the bounce that brought it there. What came of it, and what
    /// Postmark said.
    async fn lift(&self, address: &str) -> Result<(Came, String), Trouble> {
        let api = self.server.api()?;
        let suppression = match &self.why {
            Why::Inactive(bounce) => return activate(api, bounce).await,
            Why::Suppressed(suppression) => suppression,
        };
        let removal = api.unsuppress(&self.stream, address).await?;
        if removal.is_done() {
            return Ok((Came::Accepted, removal.status));
        }
        let said = removal.message.map(|text| format!(": {}", bare(&text)));
        let answer = format!("{}{}", removal.status, said.unwrap_or_default());
        if suppression.reason != "HardBounce" {
            return Ok((Came::Refused, answer));
        }
        match inactive(&self.server, &self.stream, address).await? {
            Some(bounce) if bounce.can_activate => {
                let (came, said) = activate(api, &bounce).await?;
                Ok((came, format!("{answer}; by its bounce: {said}")))
            }
            _ => Ok((Came::Refused, answer)),
        }
    }

    /// `None` where that cannot be read.
    async fn is_listed(&self, address: &str) -> Option<bool> {
        let list = list(&self.server, &self.stream, address).await.ok()?;
        Some(!list.is_empty())
    }
}

async fn cases(
    server: Arc<Asked>,
    address: String,
    stream: Option<StreamId>,
) -> Result<Read<Case>, Trouble> {
    let case = |stream: &StreamId, why| Case {
        server: Arc::clone(&server),
        stream: stream.clone(),
        why,
    };
    let mut lists = Round::new(&server, stream.as_ref()).await?;
    while let Some(stream) = lists.next() {
        let list = list(&server, &stream, &address).await;
        lists.take(list.map(|list| (stream, list)))?;
    }
    let lists = lists.end();
    let listed = lists.found.iter().flat_map(|(stream, list)| {
        let list = list.iter().cloned();
        list.map(|suppression| case(stream, Why::Suppressed(suppression)))
    });
    let mut found: Vec<Case> = listed.collect();
    let mut errors = lists.errors;
    if found.is_empty() {
        // Where the list could not be read, nobody knows what a bounce's activation would change.
        let read = lists.found.into_iter().map(|(stream, _)| stream).collect();
        let mut bounces = Round::through(&server, read, stream.is_some());
        while let Some(stream) = bounces.next() {
            let bounce = inactive(&server, &stream, &address).await;
            let inactive = |bounce| case(&stream, Why::Inactive(bounce));
            bounces.take(bounce.map(|bounce| bounce.map(inactive)))?;
        }
        let bounces = bounces.end();
        found.extend(bounces.found.into_iter().flatten());
        errors.extend(bounces.errors);
    }
    Ok(Read { found, errors })
}

/// Activates the address of a bounce; a refusal is an answer.
async fn activate(api: &Server, bounce: &BounceRow) -> Result<(Came, String), Trouble> {
    match api.activate(bounce.id).await {
        Ok(said) => Ok((Came::Accepted, said)),
        Err(error) => match (error.kind(), error.said()) {
            (ErrorKind::Refused { .. }, Some(said)) => Ok((Came::Refused, bare(said).to_owned())),
            _ => Err(error.into()),
        },
    }
}

/// Without its last dot: the sentence goes on.
fn bare(said: &str) -> &str {
    said.trim_end_matches('.')
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
