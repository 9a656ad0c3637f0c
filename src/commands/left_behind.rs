//! An explicit `store.path` wins over `DATABASE_URL`. Where the data so far is behind that, an upgrade or a new key would leave
//! it behind and begin anew: people decide that, not this program.

use crate::config::{ConfigProblem, StoreSettings};
use crate::store::{self, Error, Problem, Store};

/// Returns the problem where the database that is not used holds data, and the file that is used holds none. A database that
/// cannot be asked is the application's trouble, not ours.
pub(crate) async fn find_data_left_behind(settings: &StoreSettings) -> Option<ConfigProblem> {
    let address = settings.unused.as_ref()?;
    let in_file = match store::may_exist(&settings.path) {
        true => holds_data(Store::look_at_sqlite(&settings.path)).await,
        false => Ok(false),
    };
    // What cannot be read is no reason to go elsewhere: opening it reports why.
    if in_file.unwrap_or(true) {
        return None;
    }
    let in_database = holds_data(Store::look_at_postgres(address)).await;
    in_database.unwrap_or(false).then(|| ConfigProblem {
        what: format!(
            "the data so far is in schema hushwatch of {address}, which DATABASE_URL names, but {} decides for the file {}, which \
             has none",
            settings.decided_by,
            settings.path.display()
        ),
        remedy: "set HUSHWATCH_DATABASE_URL to that database to go on with its data, or to `none` to begin anew in the file"
            .to_owned(),
    })
}

async fn holds_data(store: Result<Store, Error>) -> Result<bool, Error> {
    let last_cycle = match store {
        Ok(store) => store.call(|s| s.last_cycle_at()).await,
        Err(error) => Err(error),
    };
    match last_cycle {
        Ok(last) => Ok(last.is_some()),
        Err(error) => match error.problem() {
            Problem::Behind { found, .. } => Ok(*found > 0),
            Problem::Newer { .. } => Ok(true),
            _ => Err(error),
        },
    }
}
