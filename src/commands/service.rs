//! Beside an installed service a command works on that service: with its configuration and environment, and as its user, so that
//! root creates no file that the service cannot write, and follows none that the service's user made.

use std::os::unix::process::CommandExt;
use std::process;

use crate::commands::INCOMPLETE;
use crate::commands::cli::{Cli, Command};
use crate::config::{InstalledService, Sources, io_reason};
use crate::ownership::process_user;

/// Goes on as the installed service, which replaces this process. Returns where there is none to work on: nothing is installed, this user
/// may not, or something else is named.
///
/// # Errors
/// The exit code and the reason, where there is one and this process cannot go on as it.
pub fn join(cli: &Cli) -> Result<(), (u8, String)> {
    if !cli.command.is_of_installation() {
        return Ok(());
    }
    let sources = Sources::of_process(cli.config.clone());
    let Some((service, me)) = InstalledService::find().zip(process_user()) else {
        return Ok(());
    };
    if !service.configuration.is_file()
        || !service.is_operated_by(me)
        || service.overruled_by(&sources).is_some()
    {
        return Ok(());
    }
    let (configuration, name) = (service.configuration.display(), &service.user_name);
    let cannot = format!("cannot work on the service that is installed here as its user {name}");
    let failed = |why: std::io::Error| {
        let why = io_reason(why.kind());
        let why = format!("{cannot}: {why}; name what to work on with --config");
        (INCOMPLETE, why)
    };
    let environment = service.environment();
    let environment = environment.map_err(|why| (INCOMPLETE, format!("{cannot}: {why}")))?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = process::Command::new(program);
    command.arg("--config").arg(&service.configuration);
    command.args(std::env::args_os().skip(1));
    command.envs(
        environment
            .variables
            .iter()
            .filter(|(name, _)| sources.var(name).is_none()),
    );
    // What people do is shown with their names.
    if let (0, Some(person)) = (me, sources.var("SUDO_USER")) {
        command.env("USER", person);
    }
    if me != service.user {
        // This takes the other groups of root away, too.
        command.uid(service.user).gid(service.group);
    }
    tracing::info!(
        "working on the service that is installed here, as its user {name}: {configuration}"
    );
    for warning in &environment.warnings {
        tracing::warn!("{warning}");
    }
    Err(failed(command.exec()))
}

/// Returns what else was looked at by a command that found no data, and what became of it; `None` where it works on the installed
/// service, or was told what to work on and none is installed.
pub(super) fn describe_other_data(sources: &Sources) -> Option<String> {
    let Some(service) = InstalledService::find() else {
        let is_said = sources.file_path().is_some();
        let nothing = "no service is installed here (/etc/hushwatch, /var/lib/hushwatch)";
        return (!is_said).then(|| nothing.to_owned());
    };
    if service.is_configured_by(sources) {
        return None;
    }
    let configuration = service.configuration.display();
    if let Some(why) = service.overruled_by(sources) {
        return Some(format!(
            "the service that is installed here ({configuration}) was left alone, because {why}"
        ));
    }
    let name = &service.user_name;
    Some(format!(
        "of the service that is installed here ({configuration}) only root and its user {name} may see the data: try it with sudo"
    ))
}

/// Returns for whom a file of this process must be: this user, who is that of the installed service where root became it.
pub(super) fn describe_user() -> String {
    let service = InstalledService::find().zip(process_user());
    match service.filter(|(service, me)| service.user == *me) {
        Some((service, _)) => format!(
            "the user {} of the service that is installed here",
            service.user_name
        ),
        None => "this user".to_owned(),
    }
}

impl Command {
    /// Whether it works on an installation, and not on its arguments alone.
    fn is_of_installation(&self) -> bool {
        match self {
            Self::Backtest(args) => args.events.is_none(),
            Self::SentryRule(_) => false,
            #[cfg(feature = "demo")]
            Self::Demo => false,
            #[cfg(feature = "manual")]
            Self::Completions { .. } | Self::Man(_) => false,
            _ => true,
        }
    }
}
