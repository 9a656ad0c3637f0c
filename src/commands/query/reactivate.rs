//! `suppressions --reactivate`: takes an address off the lists of suppressions, by the two ways that Postmark has.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use crate::commands::query::error::LookupError;
use crate::commands::query::reactivation::{Reactivation, ReactivationStatus};
use crate::commands::query::streams::{StreamIter, StreamResults, flatten};
use crate::commands::query::suppressions::{SuppressionsArgs, since};
use crate::commands::query::{PostmarkQuery, Target, finish, join_errors, place};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::model::StreamId;
use crate::postmark::{
    BounceFilter, BounceRow, ErrorKind, PAGE, Server, Suppression, Suppressions,
};
use crate::text::format::plural;
use crate::text::sanitize::{clean, clean_lines};

/// Reactivates one address after asking, and prints the outcome.
pub(super) async fn reactivate(
    query: &PostmarkQuery,
    address: &str,
    stream: Option<&StreamId>,
    args: &SuppressionsArgs,
) -> CommandResult {
    let shown = clean(address);
    let (blocks, mut errors) = query.find_blocks(address, stream).await;
    let can = blocks.iter().filter(|block| block.can_reactivate()).count();
    let told = query.describe(&blocks);
    if !args.json {
        print(&told)?;
    }
    // The question shows what it is about, also where standard output gets only JSON.
    let told = if args.json { told.as_str() } else { "" };
    if can > 0
        && !args.yes
        && let Err((code, why)) = confirm(&shown, can, told)
    {
        errors.push(why.to_owned());
        if args.json {
            print(&Reactivation::all_to_json(address, &[], &errors))?;
        }
        return Err((code, join_errors(&errors)));
    }
    let outcomes = query.reactivate(address, &blocks).await;
    if let Some(why) = remaining_text(&shown, &blocks, &outcomes) {
        errors.push(why);
    }
    if args.json {
        print(&Reactivation::all_to_json(address, &outcomes, &errors))?;
    } else if blocks.is_empty() && errors.is_empty() {
        print(&format!(
            "{shown} is not suppressed on any stream: there is nothing to reactivate\n"
        ))?;
    } else {
        print(
            &outcomes
                .iter()
                .map(Reactivation::to_line)
                .collect::<String>(),
        )?;
    }
    finish(&errors)
}

/// Returns why `address` still gets no mail from some stream.
fn remaining_text(address: &str, blocks: &[Block], outcomes: &[Reactivation]) -> Option<String> {
    let is_complaint = |block: &&Block| !block.can_reactivate() && block.is_complaint();
    let complaints = blocks.iter().filter(is_complaint).count();
    let done = outcomes.iter().filter(|o| o.is_accepted()).count();
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
fn confirm(address: &str, streams: usize, told: &str) -> Result<(), (u8, &'static str)> {
    if !std::io::stdin().is_terminal() {
        let why = "nothing was changed: there is no terminal to ask; add --yes";
        return Err((USAGE, why));
    }
    let mut err = std::io::stderr().lock();
    let _ = write!(
        err,
        "{told}Reactivate {address} on {}? [y/N] ",
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
pub(super) struct Block {
    server: Arc<Target>,
    stream: StreamId,
    why: BlockReason,
}

/// Why it sends nothing.
enum BlockReason {
    Suppressed(Suppression),
    /// No list names it, but a bounce made it inactive.
    Inactive(BounceRow),
}

impl PostmarkQuery {
    /// Returns the streams that send nothing to `address`, and errors. Where no list of a server names it, bounces that made
    /// it inactive count.
    pub(super) async fn find_blocks(
        &self,
        address: &str,
        stream: Option<&StreamId>,
    ) -> (Vec<Block>, Vec<String>) {
        let all =
            self.query_all(|server| blocks_of_server(server, address.to_owned(), stream.cloned()));
        flatten(all.await)
    }

    /// Returns a line for each block.
    fn describe(&self, blocks: &[Block]) -> String {
        let line = |block: &Block| {
            let place = place(self.has_many(), &block.server.name, &block.stream);
            let (why, at) = match &block.why {
                BlockReason::Suppressed(s) => (&s.reason, s.since),
                BlockReason::Inactive(bounce) => (&bounce.kind, Some(bounce.at)),
            };
            let note = match (block.can_reactivate(), block.is_complaint()) {
                (true, _) => "",
                (false, false) => {
                    ": Postmark says that this bounce cannot be activated; ask its support"
                }
                (false, true) => {
                    ": a complaint; only the recipient can lift it, through Postmark's support"
                }
            };
            let (since, zone) = (since(at, self.zone), self.zone.name());
            format!("{place}: {why} since {since} {zone}{note}\n")
        };
        clean_lines(&blocks.iter().map(line).collect::<String>())
    }

    /// Reactivates `address` in every block where that is possible, and reads each list once afterwards.
    pub(super) async fn reactivate(&self, address: &str, blocks: &[Block]) -> Vec<Reactivation> {
        let mut outcomes = Vec::new();
        for block in blocks.iter().filter(|block| block.can_reactivate()) {
            let (status, answer) = match block.reactivate(address).await {
                Ok(answer) => answer,
                Err(error) => (ReactivationStatus::Failed, error.to_string()),
            };
            let still_listed = match status {
                ReactivationStatus::Accepted => block.is_listed(address).await,
                ReactivationStatus::Refused | ReactivationStatus::Failed => None,
            };
            outcomes.push(Reactivation {
                place: place(self.has_many(), &block.server.name, &block.stream),
                server: block.server.name.to_string(),
                stream: block.stream.clone(),
                status,
                answer,
                still_listed,
            });
        }
        outcomes
    }
}

impl Block {
    /// Whether Postmark lets anybody but the recipient lift it.
    pub(super) fn can_reactivate(&self) -> bool {
        match &self.why {
            BlockReason::Suppressed(suppression) => !suppression.is_complaint(),
            BlockReason::Inactive(bounce) => bounce.can_activate,
        }
    }

    /// Whether the recipient complained about spam.
    pub(super) fn is_complaint(&self) -> bool {
        match &self.why {
            BlockReason::Suppressed(suppression) => suppression.is_complaint(),
            BlockReason::Inactive(bounce) => bounce.kind == "SpamComplaint",
        }
    }

    /// Takes the address off the list; where Postmark refuses, activates the bounce that put it there. Returns the status
    /// and what Postmark said.
    async fn reactivate(&self, address: &str) -> Result<(ReactivationStatus, String), LookupError> {
        let api = self.server.api()?;
        let suppression = match &self.why {
            BlockReason::Inactive(bounce) => return activate(api, bounce).await,
            BlockReason::Suppressed(suppression) => suppression,
        };
        let removal = api.unsuppress(&self.stream, address).await?;
        if removal.is_done() {
            return Ok((ReactivationStatus::Accepted, removal.status));
        }
        let said = removal
            .message
            .map(|text| format!(": {}", without_final_period(&text)));
        let answer = format!("{}{}", removal.status, said.unwrap_or_default());
        if suppression.reason != "HardBounce" {
            return Ok((ReactivationStatus::Refused, answer));
        }
        match inactive(&self.server, &self.stream, address).await? {
            Some(bounce) if bounce.can_activate => {
                let (status, said) = activate(api, &bounce).await?;
                Ok((status, format!("{answer}; by its bounce: {said}")))
            }
            _ => Ok((ReactivationStatus::Refused, answer)),
        }
    }

    /// Returns whether the list names the address; `None` where it cannot be read.
    async fn is_listed(&self, address: &str) -> Option<bool> {
        let list = list(&self.server, &self.stream, address).await.ok()?;
        Some(!list.is_empty())
    }
}

async fn blocks_of_server(
    server: Arc<Target>,
    address: String,
    stream: Option<StreamId>,
) -> Result<StreamResults<Block>, LookupError> {
    let block = |stream: &StreamId, why| Block {
        server: Arc::clone(&server),
        stream: stream.clone(),
        why,
    };
    let mut lists = StreamIter::new(&server, stream.as_ref()).await?;
    while let Some(stream) = lists.next() {
        let list = list(&server, &stream, &address).await;
        lists.take(list.map(|list| (stream, list)))?;
    }
    let lists = lists.finish();
    let listed = lists.found.iter().flat_map(|(stream, list)| {
        let list = list.iter().cloned();
        list.map(|suppression| block(stream, BlockReason::Suppressed(suppression)))
    });
    let mut found: Vec<Block> = listed.collect();
    let mut errors = lists.errors;
    if found.is_empty() {
        // Without the list it is unknown what activating a bounce would change.
        let read = lists.found.into_iter().map(|(stream, _)| stream).collect();
        let mut bounces = StreamIter::through(&server, read, stream.is_some());
        while let Some(stream) = bounces.next() {
            let bounce = inactive(&server, &stream, &address).await;
            let inactive = |bounce| block(&stream, BlockReason::Inactive(bounce));
            bounces.take(bounce.map(|bounce| bounce.map(inactive)))?;
        }
        let bounces = bounces.finish();
        found.extend(bounces.found.into_iter().flatten());
        errors.extend(bounces.errors);
    }
    Ok(StreamResults { found, errors })
}

/// Activates the address of a bounce; a refusal is an answer, not an error.
async fn activate(
    api: &Server,
    bounce: &BounceRow,
) -> Result<(ReactivationStatus, String), LookupError> {
    match api.activate(bounce.id).await {
        Ok(said) => Ok((ReactivationStatus::Accepted, said)),
        Err(error) => match (error.kind(), error.said()) {
            (ErrorKind::Refused { .. }, Some(said)) => Ok((
                ReactivationStatus::Refused,
                without_final_period(said).to_owned(),
            )),
            _ => Err(error.into()),
        },
    }
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
    let wanted = Suppressions {
        address: Some(address.to_owned()),
        reason: None,
    };
    let mut list = server.api()?.suppressions(stream, &wanted).await?;
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
    let page = server.api()?;
    let page = page.search_bounces(Some(stream), &filter, PAGE, 0).await?;
    let mine = |bounce: &BounceRow| bounce.recipient.eq_ignore_ascii_case(address);
    Ok(page.items.into_iter().find(|b| b.inactive && mine(b)))
}
