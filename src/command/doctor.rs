//! `doctor`.

use crate::app::doctor;
use crate::cli::doctor::Doctor;
use crate::command::{Ended, INCOMPLETE, USAGE, print};
use crate::config::Config;

/// Looks at everything and prints what was found.
pub(super) async fn doctor(config: Config, args: &Doctor) -> Ended {
    let found = match args.json {
        true => doctor::doctor(config, args.send_test, std::io::stderr()).await,
        false => doctor::doctor(config, args.send_test, std::io::stdout()).await,
    };
    let found = found.map_err(|error| (USAGE, error.to_string()))?;
    print(&match args.json {
        true => format!("{}\n", found.to_json()),
        false => found.to_text(),
    })?;
    Ok(if found.is_ok() { 0 } else { INCOMPLETE })
}
