//! What an operator asks by hand, at Postmark itself: it needs no database but for `stats`, and one thing alone is changed.
//!
//! ```text
//! Lookup --each--> servers, side by side; what one of them cannot answer is an error beside the answers of the others
//!   streams       the streams of one server, one after another, in the same way
//!   trouble       why one of them gave no answer
//!   suppressions  who gets no mail
//!   reactivate    ... and gets it again: an outcome for each stream
//!   newest        lists from many streams, merged, no page more than needed
//!     letters       messages and bounces
//!   timeline      one message
//!   stats         what is stored, beside Postmark's statistics: told for each server
//! ```

mod activity;
mod comparison;
mod error;
mod merge;
mod message;
mod reactivate;
mod reactivation;
mod row_count;
mod stats;
mod stored_stats;
mod streams;
mod suppressions;
pub(super) mod verbs;

pub use reactivate::Case;
pub use reactivation::Outcome;
pub use stats::Range;
pub use suppressions::Filter;

use std::future::Future;
use std::sync::Arc;

use chrono_tz::Tz;
use tokio::task::JoinSet;

use crate::commands::interactive::impatient;
use crate::commands::query::error::{Of, Trouble, told};
use crate::commands::query::row_count::Sum;
use crate::config::{Config, ServerConfig, TokenSource};
use crate::cycle::poll::servers::with_listed;
use crate::model::{ServerName, StreamId};
use crate::postmark::{self, Postmark, Server};
use crate::text::sanitize::clean;
use crate::text::table::Table;

/// What was found, as it is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// What could not be asked, a line each.
    pub errors: Vec<String>,
}

/// Why nothing could be asked, in a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Usage(String),
    /// It could not be answered.
    #[error("{0}")]
    Failed(String),
}

/// The servers that are asked.
pub struct Lookup {
    zone: Tz,
    servers: Vec<Arc<Asked>>,
}

/// One server that is asked.
pub struct Asked {
    name: ServerName,
    /// The way to ask it, or why there is none.
    api: Result<Server, String>,
}

impl Lookup {
    /// Every server that is watched, or the one named `only`. One request to the account, where its servers are watched.
    ///
    /// # Errors
    /// `Usage` where no server is called `only`; `Failed` where the account cannot be asked.
    pub async fn new(config: &Config, only: Option<&str>) -> Result<Self, LookupError> {
        let hasty = impatient(config.clone());
        let settings = postmark::Settings {
            base_url: hasty.postmark.base_url,
            timeout: hasty.postmark.timeout,
            retry: hasty.retry,
        };
        let failed = |e: postmark::Error| LookupError::Failed(told(&e));
        let postmark = Postmark::new(&settings).map_err(failed)?;
        let mut servers = servers(config, only, &postmark).await?;
        if let Some(only) = only {
            let names: Vec<String> = servers.iter().map(|s| clean(&s.name.0)).collect();
            servers.retain(|server| server.name.0 == only);
            if servers.is_empty() {
                return Err(LookupError::Usage(format!(
                    "no server is called `{}`; there is {}; `hushwatch doctor` looks at each",
                    clean(only),
                    names.join(", ")
                )));
            }
        }
        let asked = |server: &Arc<ServerConfig>| {
            let token = server
                .token
                .read()
                .map_err(|problem| format!("{problem}; `hushwatch doctor` checks every token"));
            Arc::new(Asked {
                name: server.name.clone(),
                api: token.map(|token| postmark.server(token)),
            })
        };
        Ok(Self {
            zone: config.time_zone,
            servers: servers.iter().map(asked).collect(),
        })
    }

    /// Asks every server, side by side; the answers in the order of the servers.
    ///
    /// Those that have no stream of the wanted name are passed over, as long as one has it.
    async fn each<T, F, A>(&self, ask: F) -> (Vec<T>, Vec<String>)
    where
        T: Send + 'static,
        F: Fn(Arc<Asked>) -> A,
        A: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        for (place, server) in self.servers.iter().enumerate() {
            let asked = ask(Arc::clone(server));
            tasks.spawn(async move { (place, asked.await) });
        }
        let mut all = tasks.join_all().await;
        all.sort_by_key(|(place, _)| *place);
        let (mut answers, mut errors, mut lacking) = (Vec::new(), Vec::new(), Vec::new());
        for (place, answer) in all {
            let server = &*self.servers[place];
            match answer {
                Ok(answer) => answers.push(answer),
                Err(trouble) if trouble.of == Of::NoStream => lacking.push(server),
                Err(trouble) => errors.push(server.line(&trouble)),
            }
        }
        if answers.is_empty() {
            errors.extend(self.no_stream(&lacking).await);
        }
        (answers, errors)
    }

    /// A table, and below it how much it holds.
    fn ended(&self, table: &Table, sum: &Sum, errors: &[String]) -> String {
        let sum = sum.to_words(errors.is_empty());
        let zone = self.zone.name();
        format!("{}{sum}; times in {zone}\n", table.to_text())
    }

    fn has_many(&self) -> bool {
        self.servers.len() > 1
    }
}

impl Asked {
    fn api(&self) -> Result<&Server, Trouble> {
        self.api.as_ref().map_err(|why| Trouble::without_token(why))
    }
}

async fn servers(
    config: &Config,
    only: Option<&str>,
    postmark: &Postmark,
) -> Result<Vec<Arc<ServerConfig>>, LookupError> {
    let own = |server: &&ServerConfig| !matches!(server.token, TokenSource::Account(_));
    let known = config.servers.iter().filter(own);
    let known: Vec<_> = known.map(|server| Arc::new(server.clone())).collect();
    let named = only.is_some_and(|only| known.iter().any(|server| server.name.0 == only));
    let (Some(account), false) = (&config.account, named) else {
        return Ok(known);
    };
    let token = account
        .read()
        .map_err(|problem| LookupError::Failed(problem.to_string()))?;
    let listed = postmark.account(token).servers().await;
    let listed = listed.map_err(|error| LookupError::Failed(told(&error)))?;
    Ok(with_listed(config, listed))
}

/// Where something is, as it is shown: with the server only where there are several.
fn place(many: bool, server: &ServerName, stream: &StreamId) -> String {
    match many {
        true => format!("{server}/{stream}"),
        false => stream.to_string(),
    }
}
