//! Questions that a person asks, answered by Postmark itself: no database is needed but for `stats`, and only
//! `suppressions --reactivate` changes anything.
//!
//! ```text
//! messages, bounces    list: rows of many streams merged (merge), no page more than needed
//! message              what became of one message
//! stats                what is stored, beside Postmark's statistics
//! suppressions         who gets no mail, and (reactivate) gets it again
//!   PostmarkQuery      asks every server side by side; what one cannot answer is an error beside the answers of the others
//!   streams            the streams of one server, one after another, likewise
//!   error              why there is no answer
//!   args, time_arg, validate  what was asked for, checked before anything is sent
//! ```

mod args;
pub mod bounces;
mod error;
mod list;
mod merge;
pub mod message;
pub mod messages;
mod reactivate;
mod reactivation;
mod row_count;
pub mod stats;
mod streams;
pub mod suppressions;
mod time_arg;
mod validate;

pub use args::{ListArgs, PlaceArgs, ScopeArgs, WindowArgs};
pub use bounces::BouncesArgs;
pub use message::MessageArgs;
pub use messages::MessagesArgs;
pub use stats::StatsArgs;
pub use suppressions::SuppressionsArgs;

use std::future::Future;
use std::sync::Arc;

use chrono_tz::Tz;
use tokio::task::JoinSet;

use crate::commands::interactive::with_interactive_timeouts;
use crate::commands::query::error::{LookupError, Scope, message_with_hint};
use crate::commands::query::row_count::RowCount;
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::{Config, ServerConfig, TokenSource};
use crate::cycle::poll::servers::merge_with_listing;
use crate::model::{ServerName, StreamId};
use crate::postmark::{self, Postmark, Server};
use crate::text::sanitize::clean;
use crate::text::table::Table;

/// What a query found, as it is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Answer {
    /// The text for standard output.
    text: String,
    /// One line for each server or stream that gave no answer.
    errors: Vec<String>,
}

/// Why there is no answer at all, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum QueryError {
    /// The question is wrong.
    #[error("{0}")]
    Usage(String),
    /// Nobody could answer it.
    #[error("{0}")]
    Failed(String),
}

/// The servers that a query asks.
struct PostmarkQuery {
    zone: Tz,
    servers: Vec<Arc<Target>>,
}

/// One server that a query asks.
struct Target {
    name: ServerName,
    /// The client, or why there is none.
    api: Result<Server, String>,
}

impl PostmarkQuery {
    /// Returns a query of every watched server, or of the one called `only`. Costs one request where the servers are
    /// those of an account.
    ///
    /// # Errors
    /// The exit code and the text, where `only` cannot be a name or no server bears it, or where the account gives no
    /// answer.
    async fn open(config: &Config, only: Option<&str>) -> Result<Self, (u8, String)> {
        let only = validate::server(only)?;
        Self::new(config, only).await.map_err(command_error)
    }

    async fn new(config: &Config, only: Option<&str>) -> Result<Self, QueryError> {
        let quick = with_interactive_timeouts(config.clone());
        let settings = postmark::Settings {
            base_url: quick.postmark.base_url,
            timeout: quick.postmark.timeout,
            retry: quick.retry,
        };
        let failed = |e: postmark::Error| QueryError::Failed(message_with_hint(&e));
        let postmark = Postmark::new(&settings).map_err(failed)?;
        let mut servers = servers(config, only, &postmark).await?;
        if let Some(only) = only {
            let names: Vec<String> = servers.iter().map(|s| clean(&s.name.0)).collect();
            servers.retain(|server| server.name.0 == only);
            if servers.is_empty() {
                return Err(QueryError::Usage(format!(
                    "no server is called `{}`; the servers are: {}; `hushwatch doctor` checks each",
                    clean(only),
                    names.join(", ")
                )));
            }
        }
        let target = |server: &Arc<ServerConfig>| {
            let token = server
                .token
                .read()
                .map_err(|problem| format!("{problem}; `hushwatch doctor` checks every token"));
            Arc::new(Target {
                name: server.name.clone(),
                api: token.map(|token| postmark.server(token)),
            })
        };
        Ok(Self {
            zone: config.time_zone,
            servers: servers.iter().map(target).collect(),
        })
    }

    /// Asks every server side by side and returns the answers in the order of the servers, and the errors.
    ///
    /// A server without a stream of the wanted name is passed over, as long as another has it.
    async fn query_all<T, F, A>(&self, ask: F) -> (Vec<T>, Vec<String>)
    where
        T: Send + 'static,
        F: Fn(Arc<Target>) -> A,
        A: Future<Output = Result<T, LookupError>> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        for (place, server) in self.servers.iter().enumerate() {
            let asked = ask(Arc::clone(server));
            tasks.spawn(async move { (place, asked.await) });
        }
        let mut all = tasks.join_all().await;
        all.sort_by_key(|(place, _)| *place);
        let (mut answers, mut errors, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (place, answer) in all {
            let server = &*self.servers[place];
            match answer {
                Ok(answer) => answers.push(answer),
                Err(error) if error.scope == Scope::StreamMissing => missing.push(server),
                Err(error) => errors.push(server.error_line(&error)),
            }
        }
        if answers.is_empty() {
            errors.extend(self.stream_missing_text(&missing).await);
        }
        (answers, errors)
    }

    /// Returns the table, and below it how many rows there are.
    fn table_with_footer(&self, table: &Table, sum: &RowCount, errors: &[String]) -> String {
        let sum = sum.footer(errors.is_empty());
        let zone = self.zone.name();
        format!("{}{sum}; times in {zone}\n", table.to_text())
    }

    fn has_many(&self) -> bool {
        self.servers.len() > 1
    }
}

impl Target {
    fn api(&self) -> Result<&Server, LookupError> {
        self.api
            .as_ref()
            .map_err(|why| LookupError::without_token(why))
    }
}

async fn servers(
    config: &Config,
    only: Option<&str>,
    postmark: &Postmark,
) -> Result<Vec<Arc<ServerConfig>>, QueryError> {
    let own = |server: &&ServerConfig| !matches!(server.token, TokenSource::Account(_));
    let known = config.servers.iter().filter(own);
    let known: Vec<_> = known.map(|server| Arc::new(server.clone())).collect();
    let named = only.is_some_and(|only| known.iter().any(|server| server.name.0 == only));
    let (Some(account), false) = (&config.account, named) else {
        return Ok(known);
    };
    let token = account
        .read()
        .map_err(|problem| QueryError::Failed(problem.to_string()))?;
    let listed = postmark.account(token).servers().await;
    let listed = listed.map_err(|error| QueryError::Failed(message_with_hint(&error)))?;
    Ok(merge_with_listing(config, listed))
}

/// Returns `stream`, or `server/stream` where there are several servers.
fn place(many: bool, server: &ServerName, stream: &StreamId) -> String {
    match many {
        true => format!("{server}/{stream}"),
        false => stream.to_string(),
    }
}

/// Returns the exit code and the text of a query without an answer.
fn command_error(error: QueryError) -> (u8, String) {
    match error {
        QueryError::Usage(why) => (USAGE, why),
        QueryError::Failed(why) => (INCOMPLETE, why),
    }
}

/// Prints what was found; an error beside it makes the command incomplete.
fn print_answer(answer: &Answer) -> CommandResult {
    print(&answer.text)?;
    finish(&answer.errors)
}

fn finish(errors: &[String]) -> CommandResult {
    match errors {
        [] => Ok(0),
        errors => Err((INCOMPLETE, join_errors(errors))),
    }
}

/// Joins errors so that each has a line, and each line the prefix that `main` gives the first.
fn join_errors(errors: &[String]) -> String {
    errors.join("\nhushwatch: ")
}
