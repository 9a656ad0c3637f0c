//! Old history, newest first, committed as it goes. What is left goes on in the next cycles.

use crate::cycle::Context;
use crate::cycle::collect::budget::{Allowance, Stop};
use crate::cycle::collect::lister::{Listed, Lister};
use crate::cycle::collect::page::Most;
use crate::cycle::collect::windows::Density;
use crate::model::{DAY, HOUR, Kind, Span, StreamId, Timestamp};
use crate::progress::Progress;

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
                let steps = steps(span);
                let label = format!("history of {}/{stream} ({})", lister.server, kind.name());
                let progress =
                    (steps.len() > 1).then(|| Progress::new(label, span.length().as_secs()));
                for step in steps {
                    read_old(lister, stream, kind, step, allowance).await?;
                    if let Some(progress) = &progress {
                        progress.advance(step.length().as_secs());
                    }
                }
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
    if !Progress::is_visible() || span.length() <= STEP_DAYS * DAY {
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
