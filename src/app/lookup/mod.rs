//! What an operator asks by hand, at Postmark itself: it needs no database but for `stats`, and one thing alone is changed.
//!
//! ```text
//! Lookup --each--> servers, side by side; what one of them cannot answer is an error beside the answers of the others
//!   suppressions  who gets no mail
//!   reactivate    ... and gets it again
//!   newest        lists from many streams, merged, no page more than needed
//!     letters       messages and bounces
//!   timeline      one message
//!   stats         what is stored, beside Postmark's statistics
//! ```

mod letters;
mod newest;
mod reactivate;
mod stats;
mod stored;
mod suppressions;
mod timeline;

pub use reactivate::{Case, Outcome};
pub use stats::Range;
pub use suppressions::Filter;

use std::future::Future;
use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::app::roster::with_listed;
use crate::config::{Config, ServerConfig, TokenSource};
use crate::message::text::{clean, visible_json};
use crate::model::{ServerName, StreamId};
use crate::postmark::{self, ErrorKind, Postmark, Server};

/// Postmark's code for a stream that it does not know.
const UNKNOWN_STREAM: i64 = 1226;

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

/// Why a server gave no answer.
#[derive(Debug)]
enum Trouble {
    /// It has no stream of that name, which another may have.
    NoStream,
    Other(String),
}

impl Lookup {
    /// Every server that is watched, or the one named `only`. One request to the account, where its servers are watched.
    ///
    /// # Errors
    /// `Usage` where no server is called `only`; `Failed` where the account cannot be asked.
    pub async fn new(config: &Config, only: Option<&str>) -> Result<Self, LookupError> {
        let settings = postmark::Settings {
            base_url: config.postmark.base_url.clone(),
            timeout: config.postmark.timeout,
            retry: config.retry.clone(),
        };
        let failed = |e: postmark::Error| LookupError::Failed(told(&e));
        let postmark = Postmark::new(&settings).map_err(failed)?;
        let mut servers = servers(config, only, &postmark).await?;
        if let Some(only) = only {
            let names: Vec<String> = servers.iter().map(|s| clean(&s.name.0)).collect();
            servers.retain(|server| server.name.0 == only);
            if servers.is_empty() {
                return Err(LookupError::Usage(format!(
                    "no server is called `{}`; there is {}",
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
            let name = clean(&self.servers[place].name.0);
            match answer {
                Ok(answer) => answers.push(answer),
                Err(trouble) => {
                    let lacks = matches!(trouble, Trouble::NoStream);
                    let list = if lacks { &mut lacking } else { &mut errors };
                    list.push(format!("{name}: {}", trouble.into_text()));
                }
            }
        }
        if answers.is_empty() {
            errors.append(&mut lacking);
        }
        (answers, errors)
    }

    fn has_many(&self) -> bool {
        self.servers.len() > 1
    }
}

impl Asked {
    fn api(&self) -> Result<&Server, Trouble> {
        self.api.as_ref().map_err(|why| Trouble::Other(why.clone()))
    }

    /// The streams to ask: the one that is wanted, without a request, else all that send.
    async fn streams(&self, wanted: Option<&StreamId>) -> Result<Vec<StreamId>, Trouble> {
        match wanted {
            Some(stream) => Ok(vec![stream.clone()]),
            None => {
                let streams = self.api()?.streams().await?;
                Ok(streams.into_iter().map(|stream| stream.id).collect())
            }
        }
    }
}

impl Trouble {
    fn into_text(self) -> String {
        match self {
            Self::NoStream => {
                "there is no such stream; `hushwatch status` names those which it has".to_owned()
            }
            Self::Other(why) => why,
        }
    }
}

impl From<postmark::Error> for Trouble {
    fn from(error: postmark::Error) -> Self {
        match error.kind() {
            ErrorKind::Refused {
                code: Some(UNKNOWN_STREAM),
                ..
            } => Self::NoStream,
            _ => Self::Other(told(&error)),
        }
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

/// What went wrong, and which command helps on.
fn told(error: &postmark::Error) -> String {
    match error.kind() {
        ErrorKind::Refused { status: 422, .. } => {
            format!("{error}; change what is asked for, `--help` shows what can be")
        }
        ErrorKind::TooLarge => format!("{error}; narrow what is asked for"),
        ErrorKind::NotFound | ErrorKind::Setup(_) => error.to_string(),
        _ => format!("{error}; `hushwatch doctor` looks closer"),
    }
}

/// One line of JSON.
fn json_line(value: &Value) -> String {
    format!("{}\n", visible_json(&value.to_string()))
}

/// Where something is, as it is shown: with the server only where there are several.
fn place(many: bool, server: &ServerName, stream: &StreamId) -> String {
    match many {
        true => format!("{server}/{stream}"),
        false => stream.to_string(),
    }
}
