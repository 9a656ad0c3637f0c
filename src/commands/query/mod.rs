//! Questions that a person asks, answered by Postmark itself: no database is needed but for `stats`, and only
//! `suppressions --reactivate` changes anything. Where a database says whose mail is stored under a name, a server that is
//! another one is not asked.
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

pub(super) mod args;
pub(super) mod bounces;
mod error;
mod list;
mod merge;
pub(super) mod message;
pub(super) mod messages;
mod reactivate;
pub(super) mod stats;
mod streams;
pub(super) mod suppressions;
pub(super) mod time_arg;
pub(super) mod validate;

pub use bounces::BouncesArgs;
pub use message::MessageArgs;
pub use messages::MessagesArgs;
pub use stats::StatsArgs;
pub use suppressions::SuppressionsArgs;

use std::sync::Arc;

use futures_util::future::join_all;

use crate::commands::interactive::with_interactive_timeouts;
use crate::commands::open::stored_servers;
use crate::commands::query::error::{LookupError, Scope, message_with_hint};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::{Config, ServerConfig, TokenSource};
use crate::cycle::poll::servers::merge_with_listing;
use crate::cycle::unknown_name::{unknown_server, unknown_tag};
use crate::model::{ServerName, StreamId, Zone};
use crate::postmark::{self, Postmark, Server};
use crate::text::sanitize::clean;

/// The servers that a query asks.
struct PostmarkQuery {
    zone: Zone,
    servers: Vec<Target>,
    /// The stream that was asked for; `None` for all of them.
    stream: Option<StreamId>,
}

struct Target {
    name: ServerName,
    /// The client, or why there is none.
    api: Result<Server, String>,
    /// Postmark's number of the server whose mail is stored under the name; `None` where that is not known.
    stored: Option<i64>,
}

impl PostmarkQuery {
    /// Returns a query of `stream`, or all streams, of every watched server, or of the one called `only`. Costs one request where the servers are
    /// those of an account.
    ///
    /// # Errors
    /// The exit code and the text, where `only` cannot be a name or no server bears it, or where the account gives no
    /// answer.
    async fn open(
        config: &Config,
        only: Option<&str>,
        stream: Option<StreamId>,
    ) -> Result<Self, (u8, String)> {
        let only = validate::server(only)?;
        let quick = with_interactive_timeouts(config.clone());
        let settings = postmark::Settings {
            base_url: quick.postmark.base_url,
            timeout: quick.postmark.timeout,
            retry: quick.retry,
        };
        let postmark = Postmark::new(&settings).map_err(|e| failure(&e))?;
        let mut servers = servers(config, only, &postmark).await?;
        if let Some(only) = only {
            let unknown = unknown_server(only, servers.iter().map(|server| &server.name));
            servers.retain(|server| server.name.0 == only);
            if servers.is_empty() {
                return Err((USAGE, unknown));
            }
        }
        let names = servers.iter().map(|server| server.name.clone());
        let stored = stored_servers(config, names).await;
        let target = |server: &Arc<ServerConfig>| Target {
            name: server.name.clone(),
            stored: stored.get(&server.name).map(|identity| identity.number),
            api: match server.token.read() {
                Ok(token) => Ok(postmark.server(token)),
                Err(why) => Err(format!("{why}; `hushwatch doctor` checks every token")),
            },
        };
        Ok(Self {
            zone: config.time_zone,
            servers: servers.iter().map(target).collect(),
            stream,
        })
    }

    /// Asks every server side by side and returns the answers in the order of the servers, and the errors. Where it is known
    /// whose mail is stored under a name, one more request asks the server who it is.
    ///
    /// A server without a stream of the wanted name is passed over, as long as another has it.
    ///
    /// # Errors
    /// The exit code and the text, where every server says that it has no such stream.
    async fn query_all<'q, T>(
        &'q self,
        ask: impl AsyncFn(&'q Target) -> Result<T, LookupError>,
    ) -> Result<(Vec<T>, Vec<String>), (u8, String)> {
        let ask = async |server: &'q Target| {
            server.check_identity().await?;
            ask(server).await
        };
        let all = join_all(self.servers.iter().map(ask)).await;
        let (mut answers, mut errors, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (server, answer) in self.servers.iter().zip(all) {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(error) if error.scope == Scope::StreamMissing => missing.push(server),
                Err(error) => errors.push(server.error_line(&error)),
            }
        }
        if answers.is_empty()
            && let Some(unknown) = self.describe_missing_stream(&missing).await
        {
            if errors.is_empty() {
                return Err((USAGE, unknown));
            }
            errors.push(unknown);
        }
        Ok((answers, errors))
    }

    /// Returns `stream`, or `server/stream` where there are several servers.
    fn place(&self, server: &ServerName, stream: &StreamId) -> String {
        if self.servers.len() > 1 {
            format!("{server}/{stream}")
        } else {
            stream.to_string()
        }
    }
}

impl Target {
    fn api(&self) -> Result<&Server, LookupError> {
        let api = self.api.as_ref();
        api.map_err(|why| LookupError::without_token(why))
    }

    /// # Errors
    /// Where the token belongs to another server than the one whose mail is stored under the name, or opens none. An answer
    /// that tells nothing of either is no error.
    async fn check_identity(&self) -> Result<(), LookupError> {
        let Some(stored) = self.stored else {
            return Ok(());
        };
        match self.api()?.info().await {
            Ok(info) if info.id != stored => Err(LookupError::other_server(stored, &info)),
            Ok(_) => Ok(()),
            Err(error) => match LookupError::from(error) {
                error if matches!(error.scope, Scope::Server | Scope::Unanswered) => Err(error),
                _ => Ok(()),
            },
        }
    }
}

async fn servers(
    config: &Config,
    only: Option<&str>,
    postmark: &Postmark,
) -> Result<Vec<Arc<ServerConfig>>, (u8, String)> {
    let own = |server: &&ServerConfig| !matches!(server.token, TokenSource::Account(_));
    let known = config.servers.iter().filter(own);
    let known: Vec<_> = known.map(|server| Arc::new(server.clone())).collect();
    let named = only.is_some_and(|only| known.iter().any(|server| server.name.0 == only));
    let (Some(account), false) = (&config.account, named) else {
        return Ok(known);
    };
    let token = account.read();
    let token = token.map_err(|problem| (INCOMPLETE, problem.to_string()))?;
    let listed = postmark.account(token).servers().await;
    Ok(merge_with_listing(config, listed.map_err(|e| failure(&e))?))
}

fn failure(error: &postmark::Error) -> (u8, String) {
    (INCOMPLETE, message_with_hint(error))
}

fn names<'n>(names: impl IntoIterator<Item = &'n String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| clean(name)).collect();
    names.join(", ")
}

/// Returns the error that no mail has `tag`; `None` where some has, or nothing is known of any tag.
fn unstored_tag(tag: &str, stored: &[String]) -> Option<String> {
    let is_unknown = !stored.is_empty() && !stored.iter().any(|known| known == tag);
    is_unknown.then(|| unknown_tag(tag, stored))
}

/// Prints what was found; an error beside it makes the command incomplete.
fn print_answer(text: &str, errors: &[String]) -> CommandResult {
    print(text)?;
    match errors {
        [] => Ok(0),
        errors => Err((INCOMPLETE, join_errors(errors))),
    }
}

/// Joins errors so that each has a line, and each line the prefix that `main` gives the first.
fn join_errors(errors: &[String]) -> String {
    errors.join("\nhushwatch: ")
}
