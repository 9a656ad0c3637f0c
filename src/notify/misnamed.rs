//! Streams that the configuration names to leave them out, or to give them rules, and that there are not.

use crate::model::MisnamedStream;
use crate::text::sanitize::clean;

/// Returns what a misnamed stream comes to.
pub fn describe_misnamed_stream(of: &MisnamedStream) -> String {
    let remedy = match &of.nearest {
        Some(near) => format!("did you mean `{}`?", clean(&near.0)),
        None => "correct the name, or take it out".to_owned(),
    };
    format!(
        "{}: `{}` in {} does not exist or is archived, so that it has no effect; {remedy}",
        of.server,
        clean(&of.id.0),
        of.key
    )
}
