//! The service that is installed on this machine: who operates it means its configuration and its data, and need not name them.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::layers::{FILE, PREFIX};
use crate::config::problem::{UNREADABLE, io_reason};
use crate::config::{Sources, environment_file};

const CONFIGURATION: &str = "etc/hushwatch/monitor.toml";
const ENVIRONMENT: &str = "etc/default/hushwatch";
const STATE: &str = "var/lib/hushwatch";
/// What systemd gives the service while it runs.
const CREDENTIALS: &str = "run/credentials/hushwatch.service";
const USERS: &str = "etc/passwd";
const GROUPS: &str = "etc/group";
/// The database that a command in this folder works on by default.
const DATABASE: &str = "hushwatch.db";
/// Without the prefix `HUSHWATCH_`: what sets one of those says what to work on.
const SAYING: [&str; 6] = [
    "POSTMARK_SERVER_TOKEN",
    "POSTMARK_ACCOUNT_TOKEN",
    "SLACK_BOT_TOKEN",
    "SLACK_OPERATOR_DM_CHANNEL",
    "SLACK_WEBHOOK_URL",
    "DATABASE_URL",
];

/// Where the service of the Debian package, or of the same unit, has its files; each is a whole path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledService {
    pub configuration: PathBuf,
    environment: PathBuf,
    state: PathBuf,
    credentials: PathBuf,
    /// The user who owns the data, by number, and by name where it has one.
    pub user: u32,
    pub user_name: String,
    pub group: u32,
    group_name: String,
}

/// What the unit adds to the environment of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceEnvironment {
    pub variables: BTreeMap<String, String>,
    /// What of its file sets nothing, in a sentence each.
    pub warnings: Vec<String>,
}

impl InstalledService {
    /// Returns the service of this machine; `None` where none is installed.
    pub fn find() -> Option<Self> {
        Self::find_below(&root())
    }

    fn find_below(root: &Path) -> Option<Self> {
        let state = root.join(STATE);
        // What is a link is a dynamic user's, and only its own unit can follow it.
        let owner = fs::symlink_metadata(&state)
            .ok()
            .filter(fs::Metadata::is_dir)?;
        let configuration = root.join(CONFIGURATION);
        // Its folder is seen by everybody, the file not.
        configuration.parent().filter(|folder| folder.is_dir())?;
        let user = owner.uid();
        Some(Self {
            configuration,
            environment: root.join(ENVIRONMENT),
            state,
            credentials: root.join(CREDENTIALS),
            user,
            user_name: name(root, USERS, user),
            group: owner.gid(),
            group_name: name(root, GROUPS, owner.gid()),
        })
    }

    /// Whether `user` may do what the service may.
    pub const fn is_operated_by(&self, user: u32) -> bool {
        user == 0 || user == self.user
    }

    /// Returns what the unit adds to the environment of the service.
    ///
    /// # Errors
    /// Where the file with it is there and cannot be read: which one, why, and the remedy.
    pub fn environment(&self) -> Result<ServiceEnvironment, String> {
        let shown = self.environment.display();
        let text = match fs::read(&self.environment) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| {
                let (why, remedy) = (io_reason(error.kind()), self.remedy(error.kind()));
                format!("{shown}: cannot be read: {why}; {remedy}")
            })?,
        };
        let parsed = environment_file::parse(&String::from_utf8_lossy(&text));
        let warning = |line: &usize| {
            format!(
                "line {line} of {shown} sets nothing: it is not NAME=value; write it so, without `export`"
            )
        };
        let warnings = parsed.skipped.iter().map(warning).collect();
        let mut variables = parsed.variables;
        let mut add = |name: &str, path: &Path| {
            variables.insert(name.to_owned(), path.display().to_string());
        };
        add("STATE_DIRECTORY", &self.state);
        if self.credentials.is_dir() {
            add("CREDENTIALS_DIRECTORY", &self.credentials);
        }
        Ok(ServiceEnvironment {
            variables,
            warnings,
        })
    }

    /// Returns what helps where the file of its environment cannot be read.
    fn remedy(&self, why: ErrorKind) -> String {
        match why {
            ErrorKind::PermissionDenied => self.permission_remedy(&self.environment),
            _ => "put a file with NAME=value there".to_owned(),
        }
    }

    /// Returns how its user may read `file`, as the package has it.
    fn permission_remedy(&self, file: &Path) -> String {
        let (group, file) = (&self.group_name, file.display());
        format!("as root: chgrp {group} {file} && chmod 640 {file}")
    }

    /// Returns the file where a person sets a variable of the service that `sources` are of; `None` where they are of something else.
    pub(super) fn variables_of(sources: &Sources) -> Option<PathBuf> {
        let service = Self::find().filter(|service| service.is_configured_by(sources));
        service.map(|service| service.environment)
    }

    /// Returns what says that this process works on something else; `None` where nothing does.
    pub fn overruled_by(&self, sources: &Sources) -> Option<String> {
        if sources.file.is_some() {
            return Some("--config is given".to_owned());
        }
        let is_state = same_folder(&self.state, Path::new("."));
        for name in [FILE, DATABASE] {
            if !is_state && Path::new(name).is_file() {
                return Some(format!("there is a {name} in this folder"));
            }
        }
        let says = |name: &&str| SAYING.contains(name) || name.starts_with(PREFIX);
        let mut names = sources.env.keys().map(String::as_str);
        let name = names.find(|name| says(name) && sources.var(name).is_some())?;
        Some(format!("{name} is set"))
    }

    /// Returns whether this is the configuration that `sources` names.
    pub fn is_configured_by(&self, sources: &Sources) -> bool {
        sources.file.as_ref() == Some(&self.configuration)
    }
}

/// Returns the folder that stands for `/`.
fn root() -> PathBuf {
    #[cfg(any(test, feature = "sim"))]
    if let Some(root) = std::env::var_os("SERVICE_ROOT_FOR_TESTS") {
        return PathBuf::from(root);
    }
    PathBuf::from("/")
}

fn same_folder(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((identity(one), identity(other)), (Ok(a), Ok(b)) if a == b)
}

/// Returns the name that `file`, of users or of groups, has for a number, or the number.
fn name(root: &Path, file: &str, number: u32) -> String {
    let number = number.to_string();
    let all = fs::read_to_string(root.join(file)).unwrap_or_default();
    let named = all.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    named.unwrap_or(number)
}

/// Returns what helps where the configuration `file` may not be read by this process's user.
pub(super) fn permission_remedy(file: &Path) -> String {
    match InstalledService::find().filter(|service| service.configuration == file) {
        Some(service) => service.permission_remedy(file),
        None => UNREADABLE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed() -> (tempfile::TempDir, InstalledService) {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["etc/hushwatch", "etc/default", STATE] {
            fs::create_dir_all(root.path().join(folder)).expect("made");
        }
        let service = InstalledService::find_below(root.path()).expect("installed");
        (root, service)
    }

    #[test]
    fn it_is_there_with_its_configuration_and_its_data() {
        let (root, service) = installed();
        assert!(service.is_operated_by(service.user) && service.is_operated_by(0));
        assert!(!service.is_operated_by(service.user + 1));
        let state = root.path().join(STATE);
        fs::remove_dir(&state).expect("removed");
        assert_eq!(InstalledService::find_below(root.path()), None);
        let private = root.path().join("private");
        fs::create_dir(&private).expect("made");
        std::os::unix::fs::symlink(private, state).expect("linked");
        assert_eq!(
            InstalledService::find_below(root.path()),
            None,
            "a dynamic user"
        );
    }

    #[test]
    fn its_owner_has_a_name_or_a_number() {
        let (root, service) = installed();
        assert_eq!(service.user_name, service.user.to_string());
        let users = format!(
            "other:x:{}:\nnot:a\nwatch:x:{}:1::/:\n",
            service.user + 1,
            service.user
        );
        fs::write(root.path().join(USERS), users).expect("written");
        let service = InstalledService::find_below(root.path()).expect("installed");
        assert_eq!(service.user_name, "watch");
    }

    #[test]
    fn its_environment_is_that_of_its_unit() {
        let (root, service) = installed();
        let state = root.path().join(STATE).display().to_string();
        let only = |service: &InstalledService| service.environment().expect("read").variables;
        assert_eq!(
            only(&service),
            [("STATE_DIRECTORY".to_owned(), state)].into()
        );
        fs::write(root.path().join(ENVIRONMENT), "TOKEN='x'\n#OTHER=y\n").expect("written");
        fs::create_dir_all(root.path().join(CREDENTIALS)).expect("made");
        let environment = only(&service);
        let names: Vec<&str> = environment.keys().map(String::as_str).collect();
        assert_eq!(names, ["CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "TOKEN"]);
        assert_eq!(environment["TOKEN"], "x");
        fs::write(root.path().join(ENVIRONMENT), "A=x\nexport TOKEN=x\n").expect("written");
        let said = service.environment().expect("read");
        let expected = format!(
            "line 2 of {} sets nothing: it is not NAME=value; write it so, without `export`",
            root.path().join(ENVIRONMENT).display()
        );
        assert_eq!(said.warnings, [expected]);
        assert_eq!(said.variables.get("TOKEN"), None);
        fs::remove_file(root.path().join(ENVIRONMENT)).expect("removed");
        fs::create_dir(root.path().join(ENVIRONMENT)).expect("made");
        let why = service.environment().expect_err("it is not overlooked");
        let file = root.path().join(ENVIRONMENT).display().to_string();
        assert_eq!(
            why,
            format!("{file}: cannot be read: it is a folder; put a file with NAME=value there")
        );
    }

    #[test]
    fn what_is_said_otherwise_wins() {
        let (_root, service) = installed();
        let overruled = |env: &[(&str, &str)]| service.overruled_by(&Sources::of_env(env));
        for nothing in [
            &[][..],
            &[("PATH", "/bin")],
            &[("POSTMARK_SERVER_TOKEN", " ")],
        ] {
            // The repository's own monitor.toml is in the folder of the tests.
            let why = overruled(nothing);
            assert_eq!(
                why.as_deref(),
                Some("there is a monitor.toml in this folder")
            );
        }
        let named = Sources {
            file: Some(service.configuration.clone()),
            ..Sources::default()
        };
        assert_eq!(
            service.overruled_by(&named).as_deref(),
            Some("--config is given")
        );
        assert!(service.is_configured_by(&named));
        assert!(!service.is_configured_by(&Sources::default()));
    }
}
