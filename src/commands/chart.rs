//! `chart`: a picture of the stored mail of a server or stream, or of all servers, in a file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::chart::{Drawing, to_svg};
use crate::clock;
use crate::commands::open::{cycle_error, open_existing};
use crate::commands::query::args::{PlaceArgs, WindowArgs};
use crate::commands::query::time_arg;
use crate::commands::query::validate::usage;
use crate::commands::stdout::print;
use crate::commands::whole_file::write_whole;
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::Config;
use crate::cycle::Context;
use crate::cycle::charts::{
    ChartSubject, heat_map, heat_row, load_mail, shown_until, volume_chart,
};
use crate::cycle::stats::watched_streams;
use crate::cycle::unknown_name::{unknown_server, unknown_stream};
use crate::model::{DAY, HOUR, ServerName, Span, StreamId, Timestamp};
use crate::text::elide::elide;
use crate::text::sanitize::clean;

/// The range where `--since` is not given.
const DEFAULT_DAYS: u32 = 7;
/// Hourly counts are kept so long.
const MAX_DAYS: u32 = 400;
/// The maximum number of names in a line.
const MAX_NAMES: usize = 8;

#[derive(Debug, Args)]
pub struct ChartArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub window: WindowArgs,
    /// File to write; its ending says what: .png or .svg
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PictureFormat {
    Png,
    Svg,
}

pub(super) async fn chart(config: Config, args: &ChartArgs) -> CommandResult {
    let format = PictureFormat::for_file(&args.output)?;
    let now = clock::now();
    let window = time_arg::window(&args.window, config.time_zone, now)?;
    let context = open_existing(config)?;
    let last = context.store.call(|s| s.last_cycle_at()).await;
    let last = last.map_err(cycle_error)?;
    let until = window.until.unwrap_or_else(|| shown_until(last, now));
    let span = read_span(window.since, until.min(now))?;
    let subjects = find_subjects(&context, args).await?;
    let drawing = draw(&context, subjects, span).await?;
    let bytes = format.encode(&drawing)?;
    write_whole(&args.output, &bytes).map_err(|error| write_error(&args.output, &error))?;
    print(&format!(
        "{}\nWritten to {}\n",
        drawing.alt_text(),
        args.output.display()
    ))
}

impl PictureFormat {
    fn for_file(path: &Path) -> Result<Self, (u8, String)> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") if cfg!(feature = "charts") => Ok(Self::Png),
            Some("png") => Err(usage(
                "this build draws no PNG (it has no feature `charts`); use --output FILE.svg",
            )),
            _ => Err(usage(&format!(
                "--output {} ends neither in .png nor in .svg: name it so",
                clean(&path.display().to_string())
            ))),
        }
    }

    fn encode(self, drawing: &Drawing) -> Result<Vec<u8>, (u8, String)> {
        match self {
            Self::Svg => Ok(to_svg(drawing).into_bytes()),
            #[cfg(feature = "charts")]
            Self::Png => crate::chart::to_png(drawing)
                .map_err(|why| (INCOMPLETE, format!("cannot draw the picture: {why}"))),
            #[cfg(not(feature = "charts"))]
            Self::Png => Ok(Vec::new()),
        }
    }
}

/// Returns the range of the picture, in whole hours.
fn read_span(since: Option<Timestamp>, until: Timestamp) -> Result<Span, (u8, String)> {
    let until = until.ceil(HOUR);
    let since = since.unwrap_or(until - DEFAULT_DAYS * DAY).floor(HOUR);
    let span = Span::new(since, until);
    if span.is_empty() {
        return Err(usage("--since is not before the last poll"));
    }
    if span.length() > MAX_DAYS * DAY {
        return Err(usage(&format!(
            "a picture shows at most {MAX_DAYS} days: hourly counts are kept so long; use a later --since"
        )));
    }
    Ok(span)
}

/// Returns what is to be shown: the server or stream that was named, the only server, or all of them.
async fn find_subjects(
    context: &Context,
    args: &ChartArgs,
) -> Result<Vec<ChartSubject>, (u8, String)> {
    let watched = watched_streams(&context.config, &context.store)
        .await
        .map_err(cycle_error)?;
    let watched = watched
        .into_iter()
        .filter(|(server, _)| !server.name.is_account());
    let mut watched: Vec<(ServerName, Vec<StreamId>)> = watched
        .map(|(server, streams)| (server.name.clone(), streams))
        .collect();
    if let Some(server) = &args.place.server {
        let unknown = unknown_server(server, watched.iter().map(|(name, _)| name));
        watched.retain(|(name, _)| name.0 == *server);
        if watched.is_empty() {
            return Err(usage(&unknown));
        }
    }
    let Some(stream) = &args.place.stream else {
        let all = watched.into_iter().map(|(server, streams)| ChartSubject {
            server,
            streams,
            is_one_stream: false,
        });
        return Ok(all.collect());
    };
    let [(server, streams)] = watched.as_slice() else {
        let names = elide(watched.iter().map(|(name, _)| name.to_string()), MAX_NAMES);
        return Err(usage(&format!("--stream needs --server: there is {names}")));
    };
    let stream = StreamId(stream.clone());
    if !streams.contains(&stream) {
        return Err(usage(&unknown_stream(&[server], &stream, streams)));
    }
    Ok(vec![ChartSubject {
        server: server.clone(),
        streams: vec![stream],
        is_one_stream: true,
    }])
}

/// Draws one subject, or the heat map of several.
async fn draw(
    context: &Context,
    subjects: Vec<ChartSubject>,
    span: Span,
) -> Result<Drawing, (u8, String)> {
    let zone = context.config.time_zone;
    let store = &context.store;
    let read = store.call(move |s| {
        let incidents = s.incidents_since(span.from)?;
        if let [subject] = subjects.as_slice() {
            let mail = load_mail(s, subject, span)?;
            return Ok(volume_chart(subject, &mail, &incidents, span, zone).draw());
        }
        let day = Span::new(span.from.max(span.until - DAY), span.until);
        let mut rows = Vec::new();
        for subject in &subjects {
            let mail = load_mail(s, subject, day)?;
            rows.push(heat_row(subject, &mail, &incidents, day));
        }
        Ok(heat_map(rows, day, zone).draw())
    });
    read.await.map_err(cycle_error)
}

/// Returns the exit code and the text where a file cannot be written.
pub(super) fn write_error(path: &Path, error: &std::io::Error) -> (u8, String) {
    let why = match error.kind() {
        ErrorKind::NotFound => "no such folder; create it".to_owned(),
        ErrorKind::PermissionDenied => "not allowed; choose another place".to_owned(),
        kind => format!("{kind}; choose another place"),
    };
    (
        INCOMPLETE,
        format!("cannot write {}: {why}", path.display()),
    )
}
