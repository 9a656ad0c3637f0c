//! What Postmark says of a token, in one line, and whether it is one of the other kind.

use crate::commands::doctor::check::Check;
use crate::config::TokenProblem;
use crate::cycle::Context;
use crate::model::ServerName;
use crate::postmark::{Error, ErrorKind, ServerInfo};
use crate::secret::Secret;

/// Returns the check of a valid token; its server may have another name here.
pub(crate) fn valid(info: &ServerInfo, here: &ServerName) -> Check {
    let here = match info.name == here.0 {
        true => String::new(),
        false => format!(", called `{here}` here"),
    };
    let text = format!(
        "Postmark token valid server={} id={}{here}",
        info.name, info.id
    );
    Check::pass("postmark_token", text).alike("Postmark token valid")
}

/// Returns the check of a token that cannot be read.
pub(crate) fn missing(name: &'static str, subject: &str, problem: &TokenProblem) -> Check {
    let problem = problem.to_string();
    let why = problem.strip_prefix("token missing: ");
    let why = why.unwrap_or(&problem);
    let what = what(name);
    Check::fail(name, format!("{what} missing{subject} — {why}"), "")
        .alike(format!("{what} missing"))
}

/// Returns what went wrong with a token that could be read.
pub(crate) async fn refused(
    app: &Context,
    name: &'static str,
    subject: &str,
    token: Secret,
    error: &Error,
) -> Check {
    let of_server = error.kind() == ErrorKind::TokenRefused;
    let (kind, remedy) = match error.kind() {
        ErrorKind::TokenRefused | ErrorKind::AccountTokenRefused => {
            let (owner, menu, other, variable) = match of_server {
                true => ("server", "Server", "an account", "POSTMARK_ACCOUNT_TOKEN"),
                false => ("account", "Account", "a server", "POSTMARK_SERVER_TOKEN"),
            };
            let remedy = match other_kind(app, of_server, token).await {
                true => format!(
                    "it is the token of {other}: set it as {variable}, or copy the {owner}'s own ({menu} > API Tokens)"
                ),
                false => format!(
                    "copy the {owner}'s token again ({menu} > API Tokens), without anything around it"
                ),
            };
            let kind = format!("{} rejected — {}", what(name), status(error));
            (kind, remedy)
        }
        kind @ (ErrorKind::Unreachable(_) | ErrorKind::Setup(_)) => {
            let remedy = kind.remedy().unwrap_or("check the network");
            (format!("Network error — {kind}"), remedy.to_owned())
        }
        kind => {
            let remedy = kind
                .remedy()
                .unwrap_or("see https://status.postmarkapp.com, then try again");
            let kind = format!("Postmark does not answer as it should — {kind}");
            (kind, remedy.to_owned())
        }
    };
    let said = error.said().map(|said| format!(" (\"{said}\")"));
    let text = format!("{kind}{subject}{}", said.unwrap_or_default());
    Check::fail(name, text, remedy).alike(kind)
}

fn what(name: &str) -> &'static str {
    match name {
        "postmark_account_token" => "Postmark account token",
        _ => "Postmark token",
    }
}

/// Whether a refused token is one of the other kind. It is shown to nobody but Postmark, who knows it.
async fn other_kind(app: &Context, of_server: bool, token: Secret) -> bool {
    match of_server {
        true => app.postmark.account(token).servers().await.is_ok(),
        false => app.postmark.server(token).info().await.is_ok(),
    }
}

fn status(error: &Error) -> String {
    match error.status() {
        Some(status) => format!("HTTP {status}"),
        None => "it holds what no token can".to_owned(),
    }
}
