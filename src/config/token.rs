//! Where a server's token is read from: each cycle anew, so that a rotated one is taken without a restart.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::config::misplaced::SecretKind;
use crate::config::problem::{UNREADABLE, io_reason};
use crate::model::TokenPlace;
use crate::secret::Secret;

/// The maximum size of a token file that is read.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Where a token is read from.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenSource {
    /// An environment variable, as it was at the start.
    Env {
        name: String,
        value: Option<Secret>,
        /// Where the variables of the installed service are set, if it is one of those.
        file: Option<PathBuf>,
    },
    File(PathBuf),
    /// The account's list of servers, by the server's name; `None` until that is read, or where it shows none.
    Account(Option<Secret>),
}

/// Why there is no token: it is the server that is blind then, not the configuration that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TokenProblem(String);

impl TokenSource {
    /// Returns where a person puts the token; `None` where the account's list of servers has it.
    pub fn place(&self) -> Option<TokenPlace> {
        match self {
            Self::Env { name, .. } => Some(TokenPlace::Variable(name.clone())),
            Self::File(path) => Some(TokenPlace::File(path.display().to_string())),
            Self::Account(_) => None,
        }
    }

    /// The token, now.
    ///
    /// # Errors
    /// Where the variable or the file is missing, unreadable or empty.
    pub fn read(&self) -> Result<Secret, TokenProblem> {
        match self {
            Self::Env { name, value, file } => value.clone().ok_or_else(|| {
                let place = file.as_ref().map_or_else(String::new, |file| {
                    format!(" in {}", file.display())
                });
                TokenProblem(format!("token missing: set {name}{place}"))
            }),
            Self::File(path) => read_file(path),
            Self::Account(token) => token.clone().ok_or_else(|| {
                TokenProblem(
                    "token missing: the account has no server of this name, or shows no token of it; correct `name` in its [[server]], or set `token_env` or `token_file` for it"
                        .to_owned(),
                )
            }),
        }
    }
}

fn read_file(path: &Path) -> Result<Secret, TokenProblem> {
    let remedy = "put the token of the Postmark server there";
    read_secret(path, &[SecretKind::PostmarkToken], remedy).map_err(TokenProblem)
}

/// Reads the only line of a file that holds a secret; of a kind that is not `expected` it is refused.
///
/// # Errors
/// Why there is none, with `remedy`.
pub(super) fn read_secret(
    path: &Path,
    expected: &[SecretKind],
    remedy: &str,
) -> Result<Secret, String> {
    let shown = path.display();
    let unreadable = |why: std::io::Error| {
        let remedy = match why.kind() {
            ErrorKind::PermissionDenied => format!("; {UNREADABLE}"),
            _ => String::new(),
        };
        format!(
            "token file {shown} cannot be read: {}{remedy}",
            io_reason(why.kind())
        )
    };
    let mut text = String::new();
    // A pipe or a device might never end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!(
            "token file {shown} is not a regular file: put the token in one"
        ));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_TOKEN_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    match SecretKind::of_value(&text) {
        Some(kind) if !expected.contains(&kind) => Err(format!(
            "token file {shown} holds {}: {remedy}",
            kind.name()
        )),
        _ => Secret::new(&text)
            .ok_or_else(|| format!("token file {shown} is empty: put the token there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_operates_a_service_is_told_where_its_variables_are_set() {
        let said = |file: Option<&str>| {
            let source = TokenSource::Env {
                name: "SHOP_TOKEN".to_owned(),
                value: None,
                file: file.map(PathBuf::from),
            };
            source.read().expect_err("not set").to_string()
        };
        assert_eq!(said(None), "token missing: set SHOP_TOKEN");
        assert_eq!(
            said(Some("/etc/default/hushwatch")),
            "token missing: set SHOP_TOKEN in /etc/default/hushwatch"
        );
    }
}
