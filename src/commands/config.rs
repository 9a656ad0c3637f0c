//! `config check` and `config show`.

use clap::Subcommand;

use crate::commands::CommandResult;
use crate::commands::open::{check_access, store_error};
use crate::commands::stdout::print;
use crate::config::{self, Config, Sources};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Report every problem, and exit with 2 if there is one
    #[command(after_help = "Example: hushwatch config check --config /etc/hushwatch/monitor.toml")]
    Check,
    /// Show every effective value and its source, secrets as ***
    #[command(after_help = "Example: hushwatch config show | grep -v '(built-in)'")]
    Show,
}

pub(super) fn config(what: ConfigCommand, config: &Config, sources: &Sources) -> CommandResult {
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
            let names: Vec<&str> = config.servers.iter().map(|s| s.name.0.as_str()).collect();
            print(&format!(
                "{warnings}{off}{rules}the configuration is valid; servers: {}; data: {} ({})\n",
                names.join(", "),
                config.store,
                config.store.decided_by
            ))
        }
    }
}
