//! `backup` and `restore`: the database as one file.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::commands::open::{missing_database, store_error};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::Config;
use crate::store::{self, FileFacts, Restored};
use crate::text::format::{format_date_time, format_duration, plural, was_or_were};

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// File to write; only its owner may read it
    pub file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// File that `backup` wrote, or that Litestream restored
    pub file: PathBuf,
    /// Replace the database; it is kept beside the new one as ….before-restore
    #[arg(long)]
    pub force: bool,
}

/// Writes a copy of the database to a file.
pub(super) async fn backup(config: Config, args: BackupArgs) -> CommandResult {
    if config.store.database.is_some() {
        return Err((
            USAGE,
            format!(
                "the data is in {}, and `backup` copies SQLite files; use `pg_dump --schema=hushwatch`, or `hushwatch copy --from \
                 env:{} --to sqlite:FILE`",
                config.store, config.store.decided_by
            ),
        ));
    }
    if let Some(missing) = missing_database(&config) {
        return Err((USAGE, missing));
    }
    let (from, to) = (config.store.path.clone(), args.file);
    refuse_target(&from, &to, args.force)?;
    let shown = to.display().to_string();
    let written = blocking(move || store::back_up(&from, &to)).await?;
    print(&format!(
        "backed up {} to {shown}\n{}",
        config.store,
        describe(&written, &config)
    ))
}

/// Puts a backup in the place of the database.
pub(super) async fn restore(config: Config, args: RestoreArgs) -> CommandResult {
    if config.store.database.is_some() {
        let (place, file) = (&config.store, args.file.display());
        return Err((
            USAGE,
            format!(
                "the data is in {place}, and `restore` writes SQLite files; use `hushwatch copy --from sqlite:{file} --to env:{}`",
                place.decided_by
            ),
        ));
    }
    let (file, place) = (args.file.clone(), config.store.path.clone());
    let restored = blocking(move || store::restore(&file, &place, args.force)).await?;
    print(&restored_text(&args.file, &restored, &config))
}

fn refuse_target(from: &Path, to: &Path, force: bool) -> Result<(), (u8, String)> {
    let refused = |why: &str| Err((USAGE, format!("{}: {why}", to.display())));
    let real = |path: &Path| path.canonicalize().ok();
    if real(to).is_some_and(|to| Some(to) == real(from)) {
        return refused("this is the database itself; name another file");
    }
    if to.is_dir() {
        return refused("this is a folder; name a file in it");
    }
    if to.exists() && !to.is_file() {
        return refused("this is a device or a pipe; name a file");
    }
    if to.exists() && !force {
        return refused("there is a file already; name another, or use --force to replace it");
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, store::Error> + Send + 'static,
) -> Result<T, (u8, String)> {
    match tokio::task::spawn_blocking(work).await {
        Ok(worked) => worked.map_err(store_error),
        Err(_) => Err((INCOMPLETE, "it was interrupted".to_owned())),
    }
}

fn restored_text(file: &Path, restored: &Restored, config: &Config) -> String {
    let mut text = format!(
        "restored {} from {}\n{}",
        config.store,
        file.display(),
        describe(&restored.facts, config)
    );
    if let Some(replaced) = &restored.replaced {
        text.push_str(&format!(
            "The database that was there is now {}\n",
            replaced.display()
        ));
    }
    if restored.in_doubt > 0 {
        text.push_str(&format!(
            "{} not sent when the backup was made: the next cycle looks for each in Slack before it sends it; an incoming webhook \
             cannot look, so it may come twice\n",
            were(restored.in_doubt)
        ));
    }
    text.push_str(
        "The next cycle reads from Postmark what happened since, and may tell again, under the same id, what opened since\n",
    );
    text
}

fn were(messages: u64) -> String {
    format!("{} {}", plural(messages, "message"), was_or_were(messages))
}

/// How much it is, and how old.
fn describe(facts: &FileFacts, config: &Config) -> String {
    let age = match facts.last_cycle_at {
        None => "no cycle yet".to_owned(),
        Some(at) => {
            let age = u64::try_from(crate::clock::now().0 - at.0).unwrap_or(0);
            format!(
                "last cycle {} {}, {} ago",
                format_date_time(at, config.time_zone),
                config.time_zone,
                format_duration(std::time::Duration::from_millis(age))
            )
        }
    };
    format!(
        "{}, schema {}; {age}; {}, {}\n",
        format_size(facts.bytes),
        facts.schema,
        plural(facts.open_incidents, "open incident"),
        plural(facts.pending, "message") + " not sent"
    )
}

/// Returns a size in the largest unit in which it is 1 or more: `980 KiB`, `1.3 MiB`.
fn format_size(bytes: u64) -> String {
    let tenths = |unit: u64| (bytes * 10 + unit / 2) / unit;
    let shown = |unit, name: &str| format!("{}.{} {name}", tenths(unit) / 10, tenths(unit) % 10);
    match bytes {
        0..=0xf_ffff => format!("{} KiB", bytes.div_ceil(1 << 10)),
        0x10_0000..=0x3fff_ffff => shown(1 << 20, "MiB"),
        _ => shown(1 << 30, "GiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_in_a_unit_that_fits() {
        for (bytes, shown) in [
            (0, "0 KiB"),
            (1, "1 KiB"),
            (1_000_000, "977 KiB"),
            (1_363_149, "1.3 MiB"),
            (3_221_225_472, "3.0 GiB"),
        ] {
            assert_eq!(format_size(bytes), shown);
        }
    }
}
