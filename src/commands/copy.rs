//! `copy`: everything that is stored, from one database into another.

use clap::Args;

use crate::commands::open::store_error;
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::secret::Secret;
use crate::store::{self, Copied, Place};
use crate::text::format::{count, plural};

/// Arguments of `copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// Database to copy: a path, sqlite:PATH, postgres://…, or env:NAME for a variable that holds one of these
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub from: Secret,
    /// Database to write, which must hold no data; likewise
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub to: Secret,
}

/// It never fails, so that no URL is in an error of the command line.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::verbatim(text.to_owned()))
}

/// Copies one database into another and compares what is read back.
pub(super) async fn copy(args: &CopyArgs) -> CommandResult {
    let (from, to) = (place("--from", &args.from)?, place("--to", &args.to)?);
    let places = (from.clone(), to.clone());
    let copied = tokio::task::spawn_blocking(move || store::copy(&places.0, &places.1)).await;
    match copied {
        Ok(Ok(copied)) => print(&copied_text(&from, &to, &copied)),
        Ok(Err(error)) => Err(store_error(error)),
        Err(_) => Err((INCOMPLETE, "it was interrupted".to_owned())),
    }
}

fn place(option: &str, url: &Secret) -> Result<Place, (u8, String)> {
    let wrong = |why: String| (USAGE, format!("{option}: {why}"));
    let Some(name) = url.expose().strip_prefix("env:") else {
        return Place::parse(url).map_err(|why| wrong(format!("the URL {why}")));
    };
    let value = std::env::var(name)
        .ok()
        .and_then(|value| Secret::new(&value));
    let value =
        value.ok_or_else(|| wrong(format!("the variable {name} is not set; set it to a URL")))?;
    Place::parse(&value).map_err(|why| wrong(format!("the URL in {name} {why}")))
}

fn copied_text(from: &Place, to: &Place, copied: &Copied) -> String {
    let mut text = format!("copied {from} to {to}\n");
    let filled = copied.tables.iter().filter(|table| table.rows > 0);
    for table in filled {
        text.push_str(&format!("  {:<18}{:>12}\n", table.name, count(table.rows)));
    }
    let rows = copied.tables.iter().map(|table| table.rows).sum();
    text.push_str(&format!(
        "{} in {} tables, each read back and the same\n\
         Let every hushwatch use {to} now; what one still stores in {from} is not copied\n",
        plural(rows, "row"),
        copied.tables.len()
    ));
    text
}
