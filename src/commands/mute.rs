//! `mute` and `unmute`.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::cli::mute::{Mute as Args, Unmute};
use crate::config::Config;
use crate::cycle::mutes::{Request, mutes_json};
use crate::cycle::{Context, Options};
use crate::model::{Mute, ServerName};
use crate::notify::mute;

use crate::commands::{Ended, INCOMPLETE, USAGE, app, failed, print};

pub(crate) async fn mute(config: Config, args: Args) -> Ended {
    let zone = config.time_zone;
    let app = opened(config)?;
    let options = at(args.now);
    let (Some(lasts), Some(reason)) = (args.lasts, args.reason) else {
        let mutes = app.muted(options).await.map_err(failed)?;
        return print(&told(&mutes, args.json, zone, "", "nothing is muted"));
    };
    let request = Request {
        server: args.server.map(ServerName),
        rule: args.rule,
        lasts,
        reason,
        by: args.by,
    };
    let mute = app.mute(request, options).await.map_err(failed)?;
    let text = told(&[mute], args.json, zone, "muted: ", "");
    print(&match args.json {
        true => text,
        false => format!("{text}what happens meanwhile is recorded; `hushwatch unmute` ends it\n"),
    })
}

pub(crate) async fn unmute(config: Config, args: Unmute) -> Ended {
    let zone = config.time_zone;
    let app = opened(config)?;
    let everything = args.server.is_none() && args.rule.is_none();
    let ended = app
        .unmute(args.server.map(ServerName), args.rule, at(args.now))
        .await
        .map_err(failed)?;
    if ended.is_empty() && !everything {
        let why = "nothing of that is muted; `hushwatch mute --list` says what is";
        return Err((INCOMPLETE, why.to_owned()));
    }
    let text = told(
        &ended,
        args.json,
        zone,
        "no longer muted: ",
        "nothing was muted",
    );
    print(&match args.json || ended.is_empty() {
        true => text,
        false => format!("{text}what still stands is told with the next cycle\n"),
    })
}

/// Muting makes no database where there is none: the next cycle would look for it elsewhere.
fn opened(config: Config) -> Result<Arc<Context>, (u8, String)> {
    if config.store.database.is_none() && !config.store.path.exists() {
        let why = format!(
            "there is no database {}; the first `hushwatch check` or `hushwatch run` makes it",
            config.store.path.display()
        );
        return Err((USAGE, why));
    }
    app(config, std::io::sink())
}

const fn at(now: Option<crate::model::Timestamp>) -> Options {
    Options {
        now,
        scheduled: false,
    }
}

fn told(mutes: &[Mute], json: bool, zone: Tz, before: &str, nothing: &str) -> String {
    if json {
        return mutes_json(mutes);
    }
    if mutes.is_empty() {
        return format!("{nothing}\n");
    }
    let lines = mutes
        .iter()
        .map(|mute| format!("{before}{}\n", mute::line(mute, zone)));
    lines.collect()
}
