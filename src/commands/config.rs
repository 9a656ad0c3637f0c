//! `config check` and `config show`.

use clap::Subcommand;

use crate::commands::open::{check_access, missing_database, open_as_it_is, store_error};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, USAGE};
use crate::config::{self, Config, ServerConfig, Sources};
use crate::cycle::Context;
use crate::cycle::poll::same_server::load_same_servers;
use crate::notify::describe::describe_same_server;
use crate::notify::misnamed::describe_misnamed_stream;
use crate::secret::Secret;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Report every problem, and exit with 2 if there is one
    #[command(after_help = "Example: hushwatch config check --config /etc/hushwatch/monitor.toml")]
    Check,
    /// Show every effective value and its source, secrets as ***
    #[command(after_help = "Example: hushwatch config show | grep -v '(built-in)'")]
    Show,
}

pub(super) async fn config(
    what: ConfigCommand,
    config: &Config,
    sources: &Sources,
) -> CommandResult {
    match what {
        ConfigCommand::Show => print(&config::show(config, sources)),
        ConfigCommand::Check => check(config).await,
    }
}

/// Prints what is noted of a configuration that is valid.
async fn check(config: &Config) -> CommandResult {
    let mut notes: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    if !config.enabled {
        notes.push("FLAG_POSTMARK_DELIVERY_MONITOR disables everything".to_owned());
    }
    let tokens = read_tokens(config);
    notes.extend(tokens.iter().filter_map(|(server, token)| {
        let why = token.as_ref().err()?;
        Some(format!(
            "{}: {why}; until then hushwatch cannot see its mail",
            server.name
        ))
    }));
    notes.extend(tokens.iter().filter_map(quoted_token));
    notes.extend(same_tokens(&tokens));
    notes.extend(config.missing_secrets());
    notes.extend(config::describe_rules(config));
    notes.extend(stored_notes(config).await);
    notes.extend(missing_folder(config));
    let notes = notes.iter().map(|note| format!("note: {note}\n"));
    let notes: String = notes.collect();
    if config.enabled {
        let usable = check_access(&config.store).map_err(store_error);
        let token = config.page.as_ref().map(|page| page.read_token());
        let usable = usable.and(token.transpose().map_err(|why| (USAGE, why)));
        if let Err(refused) = usable {
            print(&notes)?;
            return Err(refused);
        }
    }
    let names: Vec<&str> = config.servers.iter().map(|s| s.name.0.as_str()).collect();
    print(&format!(
        "{notes}the configuration is valid; servers: {}; data: {} ({})\n",
        names.join(", "),
        config.store,
        config.store.decided_by
    ))
}

/// A server and its token, or why there is none.
type ServerToken<'c> = (&'c ServerConfig, Result<Secret, String>);

/// The token of each server that the file names, or why there is none; without those that the account's list has, which is not asked.
fn read_tokens(config: &Config) -> Vec<ServerToken<'_>> {
    let servers = config.servers.iter();
    let own = servers.filter(|server| server.token.place().is_some());
    own.map(|server| (server, server.token.read().map_err(|why| why.to_string())))
        .collect()
}

/// Returns a note of a token that stands in quotation marks, as some files of variables leave them.
fn quoted_token((server, token): &ServerToken<'_>) -> Option<String> {
    let token = token.as_ref().ok()?.expose();
    let is_quoted = token.starts_with(['"', '\'']) && token.ends_with(['"', '\'']);
    is_quoted.then(|| {
        format!(
            "{}: its token stands in quotation marks, which have become a part of it; remove them",
            server.name
        )
    })
}

/// Returns a note where the file of the data can be in no folder.
fn missing_folder(config: &Config) -> Option<String> {
    let (path, by) = (&config.store.path, &config.store.decided_by);
    if config.store.database.is_some() {
        return None;
    }
    if path.is_dir() {
        let path = path.display();
        return Some(format!("{path} is a folder ({by}); name a file in it"));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())?;
    (!folder.is_dir()).then(|| {
        let folder = folder.display();
        format!("there is no folder {folder} for the data ({by}); create it, or name another place")
    })
}

/// Returns a note of each server whose token is that of one before it, where both watch the same streams.
fn same_tokens(tokens: &[ServerToken<'_>]) -> Vec<String> {
    let note = |(index, (server, token)): (usize, &ServerToken<'_>)| {
        let token = token.as_ref().ok()?;
        let is_same =
            |(other, of): &&ServerToken<'_>| of.as_ref() == Ok(token) && other.overlaps(server);
        let (other, _) = tokens[..index].iter().find(is_same)?;
        Some(format!(
            "{} and {} have the same token, so they are the same Postmark server: its mail counts once, and its alerts come twice; keep \
             one of these [[server]], or correct one of the tokens",
            other.name, server.name
        ))
    };
    tokens.iter().enumerate().filter_map(note).collect()
}

/// Returns what Postmark's answers so far say of the configuration. What is not stored in a file is not asked: the configuration is checked
/// without a network.
async fn stored_notes(config: &Config) -> Vec<String> {
    if config.store.database.is_some() || missing_database(config).is_some() {
        return Vec::new();
    }
    let Ok(context) = open_as_it_is(config.clone()) else {
        return Vec::new();
    };
    let same = load_same_servers(config, &context.store).await;
    let same = same.unwrap_or_default();
    let mut notes: Vec<String> = same.iter().map(describe_same_server).collect();
    notes.extend(misnamed_streams(&context).await);
    notes
}

/// Returns a note of each stream that the file leaves out or gives rules, and that Postmark did not list when it was asked last.
async fn misnamed_streams(context: &Context) -> Vec<String> {
    let lists = context.store.call(|s| s.stream_lists()).await;
    let lists = lists.unwrap_or_default();
    let servers = context.config.servers.iter();
    let misnamed = servers.filter_map(|server| {
        let list = lists.get(&server.name)?;
        Some(server.misnamed_streams(&list.listed))
    });
    let notes = misnamed.flatten();
    notes.map(|of| describe_misnamed_stream(&of)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{TokenSource, load};
    use crate::model::StreamId;

    #[test]
    fn equal_tokens_are_noted_unless_each_has_its_own_streams() {
        let server = |name: &str, streams: &[&str]| {
            let mut server = ServerConfig::new(name, TokenSource::Account(None));
            let ids = streams.iter().map(|id| StreamId::from(*id));
            server.streams = (!streams.is_empty()).then(|| ids.collect());
            server
        };
        let [shop, blog, news] = [
            server("shop", &[]),
            server("blog", &[]),
            server("news", &["broadcast"]),
        ];
        let token = |text| Secret::new(text).ok_or_else(String::new);
        let notes = same_tokens(&[
            (&shop, token("a")),
            (&blog, token("a")),
            (&news, token("b")),
        ]);
        assert_eq!(
            notes,
            [
                "shop and blog have the same token, so they are the same Postmark server: its mail counts once, and its alerts come twice; \
                 keep one of these [[server]], or correct one of the tokens"
            ]
        );
        let mail = server("mail", &["outbound"]);
        assert_eq!(
            same_tokens(&[(&news, token("b")), (&mail, token("b"))]),
            [""; 0]
        );
    }

    #[test]
    fn a_token_that_is_missing_or_quoted_is_noted() {
        let file = "[[server]]\nname = \"shop\"\ntoken_env = \"A\"\n[[server]]\nname = \"blog\"\ntoken_env = \"B\"";
        let (_folder, sources) = Sources::of_file(file, &[("B", "\"b\"")]);
        let config = load(&sources).expect("valid");
        let tokens = read_tokens(&config);
        let missing = tokens[0].1.as_ref().err().map(String::as_str);
        assert_eq!(missing, Some("token missing: set A"));
        assert_eq!(
            quoted_token(&tokens[1]).as_deref(),
            Some(
                "blog: its token stands in quotation marks, which have become a part of it; remove them"
            )
        );
    }
}
