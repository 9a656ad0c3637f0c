//! Where the data is kept: in a file, or in a database which the environment names, as its URL holds a password.

use std::path::{Path, PathBuf};

use crate::config::layers::PREFIX;
use crate::config::load::Reader;
use crate::config::problem::{ConfigProblem, ConfigWarning, Invalid};
use crate::config::{Sources, StoreSettings, values};
use crate::database::{Address, MAX_LEASE, MIN_LEASE, Tls, TlsWeakness, is_postgres};
use crate::model::DAY;

/// Ours alone: it wins over everything, and what is wrong with it is an error.
const OWN: &str = "HUSHWATCH_DATABASE_URL";
/// The value of [`OWN`] that means the file, whatever database the application has.
const OPT_OUT: &str = "none";
/// The application's, as a platform sets it: it may be of another kind.
const COMMON: &str = "DATABASE_URL";
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
const PATH_KEY: &str = "store.path";
/// `store.path` of the built-in file. Where it says no more than this, it is not explicit.
const DEFAULT_PATH: &str = "hushwatch.db";

impl Reader {
    pub(super) fn store(&mut self, sources: &Sources) -> StoreSettings {
        let path = self.read(PATH_KEY, PathBuf::new(), |v| match values::text(v)? {
            path if path.is_empty() => Err(Invalid::from(
                "must name a file such as \"hushwatch.db\"".to_owned(),
            )),
            path => values::path(path),
        });
        let is_explicit = path.as_os_str() != DEFAULT_PATH;
        let (path, decided_by) = match is_explicit {
            true => {
                let (path, _) = place_of(path, sources);
                (path, explicit(self.layers.origin(PATH_KEY)))
            }
            false => {
                let (path, is_of_state) = place_of(path, sources);
                let by = if is_of_state {
                    STATE_DIRECTORY
                } else {
                    "the default"
                };
                (path, by.to_owned())
            }
        };
        let mut settings = StoreSettings {
            path,
            not_made: None,
            database: None,
            unused: None,
            decided_by,
            elsewhere: None,
            state_directory: state_directory(sources).map(PathBuf::from),
            last_resorts: last_resorts(sources),
            keep: self.duration("store.keep", 8 * DAY, values::TEN_YEARS),
            lease: self.read("store.lease", MIN_LEASE, |v| {
                let wrong = |_| "must be a duration from 5s to 1h, such as \"60s\"".to_owned();
                values::duration(v, MIN_LEASE, MAX_LEASE).map_err(wrong)
            }),
        };
        self.database(sources, is_explicit, &mut settings);
        if settings.database.is_none() {
            self.ephemeral(sources);
        }
        settings
    }

    /// Decides whether the data is in a `PostgreSQL` database instead of the file.
    fn database(&mut self, sources: &Sources, is_explicit: bool, settings: &mut StoreSettings) {
        let security = self.read("store.tls", None, |v| match values::text(v)?.as_str() {
            "" => Ok(None),
            name => Tls::from_name(name)
                .map(Some)
                .ok_or_else(|| "must be \"disable\", \"require\" or \"verify-full\"".to_owned()),
        });
        let ca_file = self.read("store.ca_file", PathBuf::new(), |v| {
            values::path(values::text(v)?)
        });
        let secured = |mut address: Address| {
            address.tls = security.or(address.tls);
            if !ca_file.as_os_str().is_empty() {
                address.ca_file = Some(ca_file.clone());
            }
            address
        };
        let variable = |name: &'static str| sources.var(name).map(|url| (name, url));
        let Some((variable, url)) = variable(OWN).or_else(|| variable(COMMON)) else {
            return;
        };
        if variable == OWN && url.eq_ignore_ascii_case(OPT_OUT) {
            settings.decided_by = format!("{OWN}={OPT_OUT}");
            return;
        }
        if let Some(why) = unusable(url) {
            self.unusable_database(variable, why, &settings.path);
            return;
        }
        let parsed = Address::parse(url);
        if variable == COMMON && is_explicit {
            settings.unused = parsed.ok().map(|(address, _)| secured(address));
            self.warnings.push(ConfigWarning::OverruledDatabase {
                by: settings.decided_by.clone(),
                path: settings.path.clone(),
            });
            return;
        }
        match parsed {
            Ok((address, unknown)) => {
                let address = secured(address);
                self.remark(variable, &address, unknown);
                settings.database = Some(address);
                variable.clone_into(&mut settings.decided_by);
            }
            Err(error) => {
                let invalid = Invalid::from(error);
                let subject = format!("{variable}:");
                self.problems
                    .push(ConfigProblem::invalid(&subject, &invalid));
            }
        }
    }

    /// Heroku empties a dyno's disk whenever it restarts, which is once a day at least, and a one-off dyno's when it ends.
    fn ephemeral(&mut self, sources: &Sources) {
        if sources.var("DYNO").is_some() {
            self.warnings.push(ConfigWarning::EphemeralDisk);
        }
    }

    fn unusable_database(&mut self, variable: &'static str, why: &'static str, path: &Path) {
        if variable == OWN {
            self.problems.push(ConfigProblem::new(
                format!("{variable}: {why}"),
                format!("set it to `{OPT_OUT}` to use the file `store.path`"),
            ));
            return;
        }
        let path = path.to_owned();
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

/// Returns how the source of an explicit `store.path` is called: the variable, or the key in its file.
fn explicit(origin: &str) -> String {
    match origin.starts_with(PREFIX) {
        true => origin.to_owned(),
        false => format!("`{PATH_KEY}` in {origin}"),
    }
}

/// Returns where a relative file is: in the state directory that systemd gives a service, and then `true`, unless one is in the
/// current folder alone.
fn place_of(path: PathBuf, sources: &Sources) -> (PathBuf, bool) {
    if path.is_absolute() || path.as_os_str() == ":memory:" {
        return (path, false);
    }
    match state_directory(sources).map(|folder| folder.join(&path)) {
        Some(kept) if kept.exists() || !path.exists() => (kept, true),
        _ => (path, false),
    }
}

/// Returns the first folder that systemd keeps for this service; they are separated by colons.
fn state_directory(sources: &Sources) -> Option<&Path> {
    let folders = sources.var(STATE_DIRECTORY)?;
    folders.split(':').next().map(Path::new)
}

/// Returns the folders in which each user may write.
fn last_resorts(sources: &Sources) -> Vec<PathBuf> {
    let first = |name: &str| sources.var(name)?.split(':').next();
    let temporary = sources.var("TMPDIR").unwrap_or("/tmp");
    let own = [first("RUNTIME_DIRECTORY"), first("XDG_RUNTIME_DIR")];
    let all = own.into_iter().flatten().chain([temporary, "/dev/shm"]);
    all.map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .collect()
}

/// Why a URL cannot be used by this build, whatever else it says.
fn unusable(url: &str) -> Option<&'static str> {
    if !is_postgres(url) {
        return Some("it is not a PostgreSQL URL (postgres://…)");
    }
    let without = "this build has no PostgreSQL support (build it with `--features full`)";
    (!cfg!(feature = "postgres")).then_some(without)
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;
    use crate::config::load;

    fn store(file: &str, env: &[(&str, &str)]) -> (StoreSettings, Vec<ConfigWarning>) {
        let (folder, sources) = Sources::of_file(file, env);
        let config = load(&sources).expect("valid");
        let mut store = config.store;
        let shown = format!("{}/", folder.path().display());
        store.decided_by = store.decided_by.replace(&shown, "");
        (store, config.warnings)
    }

    const APPLICATION: (&str, &str) = (COMMON, "postgres://u:p@app.example.com/app");
    const SEPARATE: (&str, &str) = (OWN, "postgres://u:p@own.example.com/own");
    const PATH: (&str, &str) = ("HUSHWATCH_STORE__PATH", "/data/mail.db");
    const IN_FILE: &str = "[store]\npath = \"/data/mail.db\"";
    /// What an older `monitor.toml` holds, copied as it was shipped.
    const SHIPPED: &str = "[store]\npath = \"hushwatch.db\"";

    #[test]
    fn the_explicit_place_wins() {
        let application = "schema hushwatch of the PostgreSQL database app at app.example.com:5432";
        let separate = "schema hushwatch of the PostgreSQL database own at own.example.com:5432";
        let file = "the SQLite file /data/mail.db";
        let default = "the SQLite file hushwatch.db";
        let none = (OWN, "none");
        for (text, env, place, decided_by) in [
            ("", vec![], default, "the default"),
            (SHIPPED, vec![], default, "the default"),
            ("", vec![APPLICATION], application, COMMON),
            (SHIPPED, vec![APPLICATION], application, COMMON),
            ("", vec![PATH], file, PATH.0),
            ("", vec![APPLICATION, PATH], file, PATH.0),
            (
                IN_FILE,
                vec![APPLICATION],
                file,
                "`store.path` in monitor.toml",
            ),
            (IN_FILE, vec![APPLICATION, SEPARATE], separate, OWN),
            ("", vec![APPLICATION, SEPARATE, PATH], separate, OWN),
            (
                "",
                vec![APPLICATION, none],
                default,
                "HUSHWATCH_DATABASE_URL=none",
            ),
            (
                IN_FILE,
                vec![APPLICATION, none],
                file,
                "HUSHWATCH_DATABASE_URL=none",
            ),
        ] {
            let case = format!("{text} {env:?}");
            let (store, warnings) = store(text, &env);
            assert_eq!(store.to_string(), place, "{case}");
            assert_eq!(store.decided_by, decided_by, "{case}");
            let is_overruled =
                |w: &ConfigWarning| matches!(w, ConfigWarning::OverruledDatabase { .. });
            let overruled = warnings.iter().any(is_overruled);
            assert_eq!(overruled, store.unused.is_some(), "{case}");
            let path_wins = decided_by.contains("store.path") || decided_by == PATH.0;
            assert_eq!(overruled, path_wins && env.contains(&APPLICATION), "{case}");
        }
    }

    #[test]
    fn the_default_is_in_the_state_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().display().to_string();
        let folders = format!("{state}:/somewhere/else");
        let (store, _) = store(SHIPPED, &[("STATE_DIRECTORY", &folders)]);
        assert_eq!(store.path, folder.path().join(DEFAULT_PATH));
        assert_eq!(store.decided_by, "STATE_DIRECTORY");
    }
}
