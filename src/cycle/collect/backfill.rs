//! Old history, newest first, committed as it goes. What is left goes on in the next cycles.

use std::io::{IsTerminal, Write};

use crate::cycle::Context;
use crate::cycle::collect::budget::{Allowance, Stop};
use crate::cycle::collect::lister::{Listed, Lister};
use crate::cycle::collect::page::Most;
use crate::cycle::collect::windows::Density;
use crate::model::{DAY, HOUR, Kind, Span, StreamId, Timestamp};

/// A step of the backfill, so that progress shows and is kept.
const STEP_DAYS: u32 = 7;
/// Pages of messages that a step may be listed by, whatever it is: a hundred thousand messages, reckoned double since the
/// step must be cut.
const FEW_PAGES: u64 = 200;

impl Context {
    /// Reads what of the time before `first_start` is still missing, as far as `allowance` goes or until the first failure.
    pub(crate) async fn backfill(
        &self,
        lister: &mut Lister<'_>,
        stream: &StreamId,
        first_start: Timestamp,
        allowance: Allowance,
    ) -> Result<(), Stop> {
        let whole = Span::new(
            (lister.now - self.config.store.keep + HOUR).ceil(HOUR),
            first_start,
        );
        for kind in Kind::ALL {
            let coverage = self.coverage(lister.server, stream, kind).await?;
            for span in coverage.holes(whole).into_iter().rev() {
                let mut bar = Bar::new(lister.server.0.as_str(), stream, kind, span);
                let mut listed = Ok(());
                for step in steps(span) {
                    listed = read_old(lister, stream, kind, step, allowance).await;
                    if listed.is_err() {
                        break;
                    }
                    bar.reached(step.from);
                }
                bar.end();
                listed?;
            }
        }
        Ok(())
    }
}

/// Lists a step or, where its messages are so many that an hour costs more pages than counts, counts them.
async fn read_old(
    lister: &mut Lister<'_>,
    stream: &StreamId,
    kind: Kind,
    step: Span,
    allowance: Allowance,
) -> Result<(), Stop> {
    let hours = step.length().as_secs() / 3600;
    let most = match kind {
        Kind::Messages => Most::Roughly(2 * hours.max(FEW_PAGES)),
        Kind::Bounces => Most::All,
    };
    match lister.list(stream, kind, step, most, allowance).await? {
        Listed::All => Ok(()),
        Listed::TooMany { per_second } => {
            let density = Density::expected(per_second, step, u64::MAX);
            let counted = lister.count(stream, step, density, 0, allowance);
            counted.await.map(|_| ())
        }
    }
}

/// A quiet stream is read at once, by one request; steps would cost it several. Only a terminal wants them.
fn steps(span: Span) -> Vec<Span> {
    if !std::io::stderr().is_terminal() || span.length() <= STEP_DAYS * DAY {
        return vec![span];
    }
    let mut steps = Vec::new();
    let mut until = span.until;
    while until > span.from {
        let from = (until - STEP_DAYS * DAY).max(span.from);
        steps.push(Span::new(from, until));
        until = from;
    }
    steps
}

/// A progress bar on a terminal; nothing elsewhere.
struct Bar {
    label: String,
    span: Span,
    shown: bool,
}

impl Bar {
    fn new(server: &str, stream: &StreamId, kind: Kind, span: Span) -> Self {
        let shown = std::io::stderr().is_terminal() && span.length() > STEP_DAYS * DAY;
        Self {
            label: format!("history of {server}/{stream} ({})", kind.name()),
            span,
            shown,
        }
    }

    fn reached(&mut self, from: Timestamp) {
        if !self.shown {
            return;
        }
        let done =
            self.span.until.since(from).as_secs_f64() / self.span.length().as_secs_f64().max(1.0);
        let filled = (done * 30.0).round().clamp(0.0, 30.0) as usize;
        let bar = format!("{}{}", "█".repeat(filled), "░".repeat(30 - filled));
        let _ = write!(
            std::io::stderr(),
            "\r{bar} {:3.0}% {}",
            done * 100.0,
            self.label
        );
    }

    fn end(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
            self.shown = false;
        }
    }
}
