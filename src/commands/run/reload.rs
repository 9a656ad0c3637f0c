//! A reload: the configuration is read again, and what changed is put in place of what runs.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::commands::open::log_warnings;
use crate::config::{Config, Sources, StoreSettings, load};
use crate::cycle::notice::send_notice;
use crate::cycle::{Context, CurrentContext, Notifier};
use crate::daemon::{Reload, Renewed};
use crate::notify::notice::reload_alert;
use crate::text::format::plural;

/// Reads the configuration of a running daemon again.
pub(super) struct Reloader {
    /// The environment is the process's own from its start.
    sources: Sources,
    hangup: Arc<Notify>,
    /// What the page looks at.
    current: Arc<CurrentContext>,
    /// The problems that people were told of last.
    told: Vec<String>,
}

impl Reloader {
    /// Returns one that reads `sources` whenever `hangup` is notified.
    pub(super) fn new(sources: Sources, hangup: Arc<Notify>, current: Arc<CurrentContext>) -> Self {
        Self {
            sources: sources.pinned(),
            hangup,
            current,
            told: Vec::new(),
        }
    }

    /// Goes on as before, and tells people once.
    async fn keep(&mut self, running: &Context, problems: Vec<String>) -> Renewed {
        for problem in &problems {
            tracing::error!("the configuration was not reloaded: {problem}");
        }
        let problem_count = plural(problems.len() as u64, "problem");
        if problems != self.told {
            if let Err(error) = send_notice(running, &reload_alert(&problems)).await {
                tracing::error!("{error}");
            }
            self.told = problems;
        }
        Renewed::Kept {
            status: format!("Not reloaded: {problem_count} in the configuration; see the log"),
        }
    }

    fn renewed(&self, running: &Arc<Context>, config: Config) -> Result<Renewed, String> {
        let restart = needs_restart(&running.config, &config);
        for what in &restart {
            tracing::warn!("{what} cannot change while `run` works: restart it to use the new one");
        }
        let config = Config {
            store: StoreSettings {
                keep: config.store.keep,
                lease: config.store.lease,
                ..running.config.store.clone()
            },
            page: running.config.page.clone(),
            ..config
        };
        let what = match restart.is_empty() {
            true => String::new(),
            false => format!("; restart to use the new {}", restart.join(" and ")),
        };
        if config == running.config {
            tracing::info!("the configuration was read again: nothing changed{what}");
            return Ok(Renewed::Kept {
                status: format!("Reloaded, nothing changed{what}"),
            });
        }
        let notifier = match config.slack == running.config.slack {
            true => running.notifier.clone(),
            false => Notifier::new(&config.slack, std::io::stdout()).map_err(|e| e.to_string())?,
        };
        let context = running
            .renewed(config, notifier)
            .map_err(|e| e.to_string())?;
        let context = Arc::new(context);
        self.current.set(Arc::clone(&context));
        tracing::info!("the configuration was reloaded; a cycle with it runs now{what}");
        Ok(Renewed::Changed {
            context,
            status: format!("Reloaded{what}"),
        })
    }
}

impl Reload for Reloader {
    async fn asked(&self) {
        self.hangup.notified().await;
    }

    async fn renew(&mut self, running: &Arc<Context>) -> Renewed {
        let problems = match load(&self.sources) {
            Ok(config) => {
                log_warnings(&config);
                match self.renewed(running, config) {
                    Ok(renewed) => {
                        self.told.clear();
                        return renewed;
                    }
                    Err(problem) => vec![problem],
                }
            }
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        self.keep(running, problems).await
    }
}

/// Returns what differs and is set up once, at the start.
fn needs_restart(running: &Config, new: &Config) -> Vec<&'static str> {
    let place = |store: &StoreSettings| (store.path.clone(), store.database.clone());
    let mut needs = Vec::new();
    if place(&running.store) != place(&new.store) {
        needs.push("place of the data ([store])");
    }
    if running.page != new.page {
        needs.push("page ([page])");
    }
    needs
}
