//! A string that is never printed.

use std::fmt;

/// A token, a webhook URL or a password. `Debug` and `Display` write `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Creates a secret from `value` without surrounding white space; `None` if nothing is left.
    pub fn new(value: &str) -> Option<Self> {
        let trimmed = value.trim();
        (!trimmed.is_empty()).then(|| Self(trimmed.to_owned()))
    }

    /// Creates a secret from `value` as it is, white space included, such as a decoded part of a URL.
    pub const fn verbatim(value: String) -> Self {
        Self(value)
    }

    /// Returns the value, for the code that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_trimmed_and_never_printed() {
        let secret = Secret::new(" xoxb-1 \n").expect("not empty");
        assert_eq!(secret.expose(), "xoxb-1");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(Secret::new(" \n"), None);
    }
}
