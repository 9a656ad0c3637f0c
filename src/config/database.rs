//! Which database keeps the data, from the environment: a URL holds a password, so it is in no file.

use std::path::PathBuf;

use crate::config::load::Reader;
use crate::config::problem::{ConfigProblem, ConfigWarning, Invalid};
use crate::config::{Sources, values};
use crate::database::{Address, Tls, TlsWeakness, is_postgres};

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
        let variable = |name: &'static str| sources.var(name).map(|url| (name, url));
        let Some((variable, url)) = variable(OWN).or_else(|| variable(COMMON)) else {
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
                self.remark(variable, &address, unknown);
                Some(address)
            }
            Err(error) => {
                let invalid = Invalid::from(error);
                let subject = format!("{variable}:");
                self.problems
                    .push(ConfigProblem::invalid(&subject, &invalid));
                None
            }
        }
    }

    /// Heroku empties a dyno's disk whenever it restarts, which is once a day at least, and a one-off dyno's when it ends.
    fn ephemeral(&mut self, sources: &Sources) {
        if sources.var("DYNO").is_some() {
            self.warnings.push(ConfigWarning::EphemeralDisk);
        }
    }

    fn unused(&mut self, variable: &'static str, why: &'static str) {
        if variable == OWN {
            self.problems.push(ConfigProblem::new(
                format!("{variable}: {why}"),
                "unset it to use the file `store.path`",
            ));
            return;
        }
        let path = self.read("store.path", String::new(), values::text);
        let path = PathBuf::from(path);
        self.warnings
            .push(ConfigWarning::UnusedDatabase { why, path });
    }

    /// `unknown` are options of another program, or misspelt ones.
    fn remark(&mut self, variable: &'static str, address: &Address, unknown: Vec<String>) {
        let weakness = address.weakness().map(|weakness| match weakness {
            TlsWeakness::Unverified => ConfigWarning::UnverifiedDatabase(address.clone()),
            TlsWeakness::Unencrypted => ConfigWarning::UnencryptedDatabase(address.clone()),
        });
        self.warnings.extend(weakness);
        let ignored = |option| ConfigWarning::UnknownDatabaseOption { variable, option };
        self.warnings.extend(unknown.into_iter().map(ignored));
    }
}

/// Why a URL cannot be used by this build, whatever else it says.
fn unusable(url: &str) -> Option<&'static str> {
    if !is_postgres(url) {
        return Some("it is not a PostgreSQL URL (postgres://…)");
    }
    let without = "this build has no PostgreSQL support (build it with `--features full`)";
    (!cfg!(feature = "postgres")).then_some(without)
}
