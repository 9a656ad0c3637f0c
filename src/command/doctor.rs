//! `doctor`.

use crate::app::doctor::{self, Diagnosis};
use crate::cli::doctor::Doctor;
use crate::command::{Ended, INCOMPLETE, USAGE, print};
use crate::config::{Config, Problem};
use crate::message::text::json_line;

/// Looks at everything and prints what was found.
pub(super) async fn doctor(config: Config, args: &Doctor) -> Ended {
    let found = match args.json {
        true => doctor::doctor(config, args.send_test, std::io::stderr()).await,
        false => doctor::doctor(config, args.send_test, std::io::stdout()).await,
    };
    told(&found.map_err(|error| (USAGE, error.to_string()))?, args)
}

/// Prints what is wrong with a configuration that cannot be understood, as with everything else.
pub(super) fn misconfigured(problems: &[Problem], args: &Doctor) -> Ended {
    told(&doctor::misconfigured(problems), args)
}

fn told(found: &Diagnosis, args: &Doctor) -> Ended {
    print(&match args.json {
        true => json_line(&found.to_json()),
        false => found.to_text(),
    })?;
    Ok(if found.is_ok() { 0 } else { INCOMPLETE })
}
