//! Which database keeps the data, from the environment: a URL holds a password, so it is in no file.

use std::path::PathBuf;

use crate::config::load::Reader;
use crate::config::{Problem, Sources, values};
use crate::database::{Address, Tls, is_postgres};

/// Ours alone: what is wrong with it is an error.
const OWN: &str = "HUSHWATCH_DATABASE_URL";
/// The application's, as a platform sets it: it may be of another kind.
const COMMON: &str = "DATABASE_URL";

impl Reader {
    /// The `PostgreSQL` database that is named; `None` for the file.
    pub(super) fn database(&mut self, sources: &Sources) -> Option<Address> {
        let security = self.read("store.tls", None, |v| match values::text(v)?.as_str() {
            "" => Ok(None),
            name => Tls::from_name(name)
                .map(Some)
                .ok_or_else(|| "must be \"disable\", \"require\" or \"verify-full\"".to_owned()),
        });
        let ca_file = self.read("store.ca_file", String::new(), values::text);
        let of = |name| sources.var(name).map(|url| (name, url));
        let Some((variable, url)) = of(OWN).or_else(|| of(COMMON)) else {
            self.ephemeral(sources);
            return None;
        };
        if let Some(why) = unusable(url) {
            self.unused(variable, why);
            self.ephemeral(sources);
            return None;
        }
        match Address::parse(url) {
            Ok((mut address, unknown)) => {
                address.tls = security.or(address.tls);
                if !ca_file.is_empty() {
                    address.ca_file = Some(PathBuf::from(ca_file));
                }
                self.remark(variable, &address, &unknown);
                Some(address)
            }
            Err(why) => {
                self.problems.push(Problem(format!("{variable}: {why}")));
                None
            }
        }
    }

    /// Heroku empties a dyno's disk whenever it restarts, which is once a day at least, and a one-off dyno's when it ends.
    fn ephemeral(&mut self, sources: &Sources) {
        if sources.var("DYNO").is_some() {
            self.warnings.push(
                "THE DATA WILL BE LOST: a dyno's disk is emptied at least once a day, a one-off dyno's at its end, and with it history, \
                 open incidents and messages not yet sent; attach Heroku Postgres, whose DATABASE_URL a build with `--features full` uses"
                    .to_owned(),
            );
        }
    }

    fn unused(&mut self, variable: &str, why: &str) {
        if variable == OWN {
            let remedy = "unset it to use the file `store.path`";
            self.problems
                .push(Problem(format!("{variable}: {why}; {remedy}")));
            return;
        }
        let path = self.read("store.path", String::new(), values::text);
        self.warnings
            .push(format!("{variable} is not used: {why}; the file is {path}"));
    }

    fn remark(&mut self, variable: &str, address: &Address, unknown: &[String]) {
        self.warnings.extend(address.warning());
        for option in unknown {
            // Another program's, or a misspelt one; its value is nobody's business.
            let shown: String = option.chars().filter(|c| !c.is_control()).collect();
            self.warnings.push(format!(
                "{variable}: its option `{shown}` means nothing here"
            ));
        }
    }
}

/// Why a URL cannot be used by this build, whatever else it says.
fn unusable(url: &str) -> Option<&'static str> {
    if !is_postgres(url) {
        return Some("it is not of PostgreSQL (postgres://…)");
    }
    let without = "this build keeps its data in SQLite only, build it with `--features full`";
    (!cfg!(feature = "postgres")).then_some(without)
}
