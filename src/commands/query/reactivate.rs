//! `suppressions --reactivate`: takes an address off the lists of suppressions, by the two ways that Postmark has.

use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use crate::commands::query::error::LookupError;
use crate::commands::query::streams::{StreamResults, flatten};
use crate::commands::query::suppressions::{SuppressionsArgs, since};
use crate::commands::query::{PostmarkQuery, Target, join_errors, print_answer};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::model::{ServerName, StreamId, Timestamp};
use crate::postmark::{
    self, BounceFilter, BounceRow, ErrorKind, PAGE, Server, Suppression, SuppressionFilter,
};
use crate::text::format::plural;
use crate::text::sanitize::{clean, clean_lines, json_line};

/// What Postmark calls a complaint, as the reason of a suppression and as the type of a bounce.
const COMPLAINT: &str = "SpamComplaint";
/// What an answer with status 404 comes to.
const NOT_FOUND: &str = "that it does not find it any more (status 404); look for the address on the stream's Suppressions page at Postmark";

pub(super) async fn reactivate(
    query: &PostmarkQuery,
    address: &str,
    args: &SuppressionsArgs,
) -> CommandResult {
    let (shown, stream) = (clean(address), query.stream.as_ref());
    // Where no list of a server names it, bounces that made it inactive count.
    let all = query.query_all(async |server| blocks_of_server(server, address, stream).await);
    let (blocks, mut errors) = flatten(all.await?);
    let can = blocks.iter().filter(|block| block.can_reactivate()).count();
    let description = query.describe(&blocks);
    if !args.json {
        print(&description)?;
    }
    // The question shows what it is about, also where standard output gets only JSON.
    let question = if args.json { description.as_str() } else { "" };
    if can > 0
        && !args.yes
        && let Err((code, why)) = confirm(&shown, can, question)
    {
        errors.push(why.to_owned());
        if args.json {
            print(&to_json(address, &[], &errors))?;
        }
        return Err((code, join_errors(&errors)));
    }
    let outcomes = query.reactivate(address, &blocks).await;
    errors.extend(remaining_text(&shown, &blocks, &outcomes));
    let text = if args.json {
        to_json(address, &outcomes, &errors)
    } else if blocks.is_empty() && errors.is_empty() {
        format!("{shown} is not suppressed on any stream: there is nothing to reactivate\n")
    } else {
        outcomes
            .iter()
            .map(|outcome| outcome.line.as_str())
            .collect()
    };
    print_answer(&text, &errors)
}

/// Returns why `address` still gets no mail from some stream.
fn remaining_text(
    address: &str,
    blocks: &[Block<'_>],
    outcomes: &[Reactivation<'_>],
) -> Option<String> {
    let is_complaint = |block: &&Block<'_>| !block.can_reactivate() && block.is_complaint();
    let complaints = blocks.iter().filter(is_complaint).count();
    let done = outcomes.iter().filter(|o| o.accepted).count();
    let left = blocks.len().saturating_sub(done);
    if left == 0 {
        return None;
    }
    let head = format!("{address} was not reactivated");
    if blocks.len() == 1 {
        let why = match complaints {
            0 => "; see the line of its stream",
            _ => ": it complained of spam, and a complaint cannot be reactivated",
        };
        return Some(format!("{head}{why}"));
    }
    let complaint = match complaints {
        0 => String::new(),
        n => format!("; on {n} it complained of spam, and a complaint cannot be reactivated"),
    };
    let why = match left > complaints {
        true => "; see the line of each stream",
        false => "",
    };
    let streams = plural(blocks.len() as u64, "stream");
    Some(format!("{head} on {left} of {streams}{complaint}{why}"))
}

/// Asks the person at the terminal; where there is none, only `--yes` will do.
fn confirm(address: &str, streams: usize, question: &str) -> Result<(), (u8, &'static str)> {
    if !std::io::stdin().is_terminal() {
        let why = "nothing was changed: there is no terminal to ask; add --yes";
        return Err((USAGE, why));
    }
    let mut err = std::io::stderr().lock();
    let _ = write!(
        err,
        "{question}Reactivate {address} on {}? [y/N] ",
        plural(streams as u64, "stream")
    )
    .and_then(|()| err.flush());
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err((INCOMPLETE, "nothing was changed")),
    }
}

/// A stream that sends nothing to the address.
struct Block<'q> {
    server: &'q Target,
    stream: StreamId,
    /// The reason of the suppression, or the type of the bounce.
    reason: String,
    since: Option<Timestamp>,
    /// The bounce that made the address inactive, where no list names it.
    bounce: Option<BounceRow>,
}

/// The outcome of reactivating an address on one stream.
#[derive(Serialize)]
struct Reactivation<'q> {
    server: &'q ServerName,
    stream: &'q StreamId,
    accepted: bool,
    /// What Postmark answered, or why it could not be asked.
    answer: String,
    /// Whether the list still named it when it was read right afterwards.
    still_listed: Option<bool>,
    #[serde(skip)]
    line: String,
}

/// Whether Postmark accepted it, and what it said.
type Answer = (bool, String);

impl PostmarkQuery {
    fn describe(&self, blocks: &[Block<'_>]) -> String {
        let line = |block: &Block<'_>| {
            let place = self.place(&block.server.name, &block.stream);
            let note = match (block.can_reactivate(), block.is_complaint()) {
                (true, _) => "",
                (false, false) => {
                    ": Postmark says that this bounce cannot be activated; ask its support"
                }
                (false, true) => {
                    ": a complaint; only the recipient can lift it, through Postmark's support"
                }
            };
            let (since, zone) = (since(block.since, self.zone), self.zone.name());
            format!("{place}: {} since {since} {zone}{note}\n", block.reason)
        };
        clean_lines(&blocks.iter().map(line).collect::<String>())
    }

    /// Reactivates `address` in every block where that is possible, and reads each list once afterwards.
    async fn reactivate<'q>(
        &self,
        address: &str,
        blocks: &'q [Block<'q>],
    ) -> Vec<Reactivation<'q>> {
        let mut outcomes = Vec::new();
        for block in blocks.iter().filter(|block| block.can_reactivate()) {
            let place = self.place(&block.server.name, &block.stream);
            let answer = block.reactivate(address).await;
            let still_listed = match answer {
                Ok((true, _)) => block.is_listed(address).await,
                _ => None,
            };
            let line = match &answer {
                Ok((true, answer)) => {
                    let then = match still_listed {
                        Some(false) => "it is off the list",
                        Some(true) => "accepted, but the list may still show it for a moment",
                        None => "accepted, but the list could not be read afterwards",
                    };
                    format!("{place}: Postmark answered {answer}; {then}\n")
                }
                Ok((false, answer)) => format!(
                    "{place}: not reactivated: Postmark answered {answer}; ask its support\n"
                ),
                Err(error) => format!("{place}: not reactivated: {error}\n"),
            };
            let (accepted, answer) = answer.unwrap_or_else(|error| (false, error.to_string()));
            outcomes.push(Reactivation {
                server: &block.server.name,
                stream: &block.stream,
                accepted,
                answer,
                still_listed,
                line: clean_lines(&line),
            });
        }
        outcomes
    }
}

fn to_json(address: &str, outcomes: &[Reactivation<'_>], errors: &[String]) -> String {
    json_line(&json!({ "address": address, "outcomes": outcomes, "errors": errors }))
}

impl Block<'_> {
    /// Whether Postmark lets anybody but the recipient lift it.
    fn can_reactivate(&self) -> bool {
        let bounce = self.bounce.as_ref();
        bounce.map_or_else(|| !self.is_complaint(), |bounce| bounce.can_activate)
    }

    fn is_complaint(&self) -> bool {
        self.reason == COMPLAINT
    }

    /// Takes the address off the list; where Postmark refuses, activates the bounce that put it there.
    async fn reactivate(&self, address: &str) -> Result<Answer, LookupError> {
        let api = self.server.api()?;
        if let Some(bounce) = &self.bounce {
            return activate(api, bounce).await;
        }
        let removal = match api.unsuppress(&self.stream, address).await {
            Err(error) if is_not_found(&error) => return Ok((false, NOT_FOUND.to_owned())),
            removal => removal?,
        };
        if removal.is_done() {
            return Ok((true, removal.status));
        }
        let said = removal.message;
        let said = said.map(|text| format!(": {}", without_final_period(&text)));
        let answer = format!("{}{}", removal.status, said.unwrap_or_default());
        if self.reason != "HardBounce" {
            return Ok((false, answer));
        }
        match inactive(self.server, &self.stream, address).await? {
            Some(bounce) if bounce.can_activate => {
                let (accepted, said) = activate(api, &bounce).await?;
                Ok((accepted, format!("{answer}; by its bounce: {said}")))
            }
            _ => Ok((false, answer)),
        }
    }

    /// Returns whether the list names the address; `None` where it cannot be read.
    async fn is_listed(&self, address: &str) -> Option<bool> {
        let list = list(self.server, &self.stream, address).await.ok()?;
        Some(!list.is_empty())
    }
}

/// Returns the streams of a server that send nothing to `address`.
async fn blocks_of_server<'q>(
    server: &'q Target,
    address: &str,
    stream: Option<&StreamId>,
) -> Result<StreamResults<Block<'q>>, LookupError> {
    let lists = server.query_streams(stream, async |stream| {
        Ok((stream.clone(), list(server, stream, address).await?))
    });
    let (lists, mut errors) = lists.await?;
    let listed = lists.iter().flat_map(|(stream, list)| {
        list.iter().map(|suppression| Block {
            server,
            stream: stream.clone(),
            reason: suppression.reason.clone(),
            since: suppression.since,
            bounce: None,
        })
    });
    let listed: Vec<_> = listed.collect();
    if !listed.is_empty() {
        return Ok((listed, errors));
    }
    // Without the list it is unknown what activating a bounce would change.
    let read: Vec<_> = lists.into_iter().map(|(stream, _)| stream).collect();
    let bounces = server.query_each(&read, stream.is_some(), async |stream| {
        let bounce = inactive(server, stream, address).await?;
        Ok(bounce.map(|bounce| Block {
            server,
            stream: stream.clone(),
            reason: bounce.kind.clone(),
            since: Some(bounce.at),
            bounce: Some(bounce),
        }))
    });
    let (bounces, more) = bounces.await?;
    errors.extend(more);
    Ok((bounces.into_iter().flatten().collect(), errors))
}

/// Activates the address of a bounce; a refusal is an answer, not an error.
async fn activate(api: &Server, bounce: &BounceRow) -> Result<Answer, LookupError> {
    match api.activate(bounce.id).await {
        Ok(said) => Ok((true, said)),
        Err(error) if is_not_found(&error) => Ok((false, NOT_FOUND.to_owned())),
        Err(error) => match (error.kind(), error.said()) {
            (ErrorKind::Refused { .. }, Some(said)) => {
                Ok((false, without_final_period(said).to_owned()))
            }
            _ => Err(error.into()),
        },
    }
}

fn is_not_found(error: &postmark::Error) -> bool {
    matches!(error.kind(), ErrorKind::Refused { status: 404, .. })
}

/// Returns a sentence without its final period, as another part follows.
fn without_final_period(said: &str) -> &str {
    said.trim_end_matches('.')
}

/// Returns the entries of one address on the list of a stream.
async fn list(
    server: &Target,
    stream: &StreamId,
    address: &str,
) -> Result<Vec<Suppression>, LookupError> {
    let filter = SuppressionFilter {
        address: Some(address.to_owned()),
        reason: None,
    };
    let mut list = server.api()?.suppressions(stream, &filter).await?;
    list.retain(|s| s.address.eq_ignore_ascii_case(address));
    Ok(list)
}

/// Returns the newest bounce that keeps the address inactive.
async fn inactive(
    server: &Target,
    stream: &StreamId,
    address: &str,
) -> Result<Option<BounceRow>, LookupError> {
    let filter = BounceFilter {
        recipient: Some(address.to_owned()),
        inactive: Some(true),
        ..BounceFilter::default()
    };
    let api = server.api()?;
    let page = api.search_bounces(Some(stream), &filter, PAGE, 0).await?;
    let mine = |bounce: &BounceRow| bounce.recipient.eq_ignore_ascii_case(address);
    Ok(page.items.into_iter().find(|b| b.inactive && mine(b)))
}
