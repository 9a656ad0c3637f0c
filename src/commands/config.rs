//! `config check` and `config show`.

use clap::Subcommand;

use crate::commands::CommandResult;
use crate::commands::open::{check_access, missing_database, open_as_it_is, store_error};
use crate::commands::stdout::print;
use crate::config::{self, Config, Sources};
use crate::notify::misnamed::describe_misnamed_stream;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Report every problem, and exit with 2 if there is one
    #[command(after_help = "Example: hushwatch config check --config /etc/hushwatch/monitor.toml")]
    Check,
    /// Show every effective value and its source, secrets as ***
    #[command(after_help = "Example: hushwatch config show | grep -v '(built-in)'")]
    Show,
}

pub(super) async fn config(
    what: ConfigCommand,
    config: &Config,
    sources: &Sources,
) -> CommandResult {
    match what {
        ConfigCommand::Show => print(&config::show(config, sources)),
        ConfigCommand::Check => {
            if config.enabled {
                check_access(&config.store).map_err(store_error)?;
            }
            let warnings = config.warnings.iter().map(|w| format!("note: {w}\n"));
            let warnings: String = warnings.collect();
            let off = match config.enabled {
                true => "",
                false => "note: FLAG_POSTMARK_DELIVERY_MONITOR disables everything\n",
            };
            let rules = config::describe_rules(config).into_iter();
            let rules: String = rules.map(|line| format!("note: {line}\n")).collect();
            let misnamed = misnamed_streams(config).await;
            let names: Vec<&str> = config.servers.iter().map(|s| s.name.0.as_str()).collect();
            print(&format!(
                "{warnings}{off}{rules}{misnamed}the configuration is valid; servers: {}; data: {} ({})\n",
                names.join(", "),
                config.store,
                config.store.decided_by
            ))
        }
    }
}

/// Returns a note of each stream that the file leaves out or gives rules, and that Postmark did not list when it was asked last. What is
/// not stored in a file is not asked: the configuration is checked without a network.
async fn misnamed_streams(config: &Config) -> String {
    if config.store.database.is_some() || missing_database(config).is_some() {
        return String::new();
    }
    let Ok(context) = open_as_it_is(config.clone()) else {
        return String::new();
    };
    let lists = context.store.call(|s| s.stream_lists()).await;
    let lists = lists.unwrap_or_default();
    let servers = config.servers.iter();
    let misnamed = servers.filter_map(|server| {
        let list = lists.get(&server.name)?;
        Some(server.misnamed_streams(&list.listed))
    });
    let notes = misnamed.flatten();
    notes
        .map(|of| format!("note: {}\n", describe_misnamed_stream(&of)))
        .collect()
}
