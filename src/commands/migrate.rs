//! `migrate`: brings the database's schema up to date.

use crate::commands::CommandResult;
use crate::commands::open::{check_access, cycle_error, log_warnings, open_context, store_error};
use crate::commands::stdout::print;
use crate::config::Config;

/// Brings the schema up to date and says where.
pub(super) async fn migrate(config: Config) -> CommandResult {
    log_warnings(&config);
    let place = config.store.to_string();
    check_access(&config.store).map_err(store_error)?;
    let context = open_context(config, std::io::sink())?;
    context.check_database().await.map_err(cycle_error)?;
    print(&format!("the schema is up to date in {place}\n"))
}
