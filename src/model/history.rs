//! What is known of one stream, as the store or an events file tells it, for judging at any instant in its range.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::{
    AddressCheck, BounceClass, BounceType, CountedSpan, Coverage, DAY, HOUR, MarkedTime,
    OlderBlocks, PackedWeeks, Span, Tag, Timestamp,
};

/// Counts at instants, ordered by time, with running sums.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CumulativeCounts {
    at: Vec<Timestamp>,
    running: Vec<u64>,
}

impl CumulativeCounts {
    /// From `(instant, count)` in order of time.
    pub fn from_counts(counts: impl IntoIterator<Item = (Timestamp, u64)>) -> Self {
        let mut all = Self::default();
        let mut sum = 0;
        for (at, count) in counts {
            sum += count;
            all.at.push(at);
            all.running.push(sum);
        }
        all
    }

    /// Returns the counts of both.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let mut counts: Vec<(Timestamp, u64)> = self.counts().chain(other.counts()).collect();
        counts.sort_by_key(|(at, _)| *at);
        Self::from_counts(counts)
    }

    fn counts(&self) -> impl Iterator<Item = (Timestamp, u64)> + '_ {
        let before = std::iter::once(0).chain(self.running.iter().copied());
        let counts = self
            .running
            .iter()
            .zip(before)
            .map(|(sum, before)| sum - before);
        self.at.iter().copied().zip(counts)
    }

    /// How many in `span`.
    pub fn count(&self, span: Span) -> u64 {
        if span.is_empty() {
            return 0;
        }
        self.up_to(span.until) - self.up_to(span.from)
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.running.last().copied().unwrap_or(0)
    }

    /// The last instant before `at`.
    pub fn last_before(&self, at: Timestamp) -> Option<Timestamp> {
        let index = self.at.partition_point(|t| *t < at);
        index.checked_sub(1).map(|i| self.at[i])
    }

    /// The instants in `span`.
    fn within(&self, span: Span) -> &[Timestamp] {
        let from = self.at.partition_point(|t| *t < span.from);
        let until = self.at.partition_point(|t| *t < span.until);
        &self.at[from..until.max(from)]
    }

    fn up_to(&self, at: Timestamp) -> u64 {
        let index = self.at.partition_point(|t| *t < at);
        index.checked_sub(1).map_or(0, |i| self.running[i])
    }
}

/// The recipients of messages, of those that were listed since this is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownRecipients {
    /// Recipients of the messages whose recipients are known.
    pub recipients: CumulativeCounts,
    /// These messages.
    pub messages: CumulativeCounts,
}

/// Fewer messages with known recipients say nothing of how many are usual: just after an upgrade they are the newest few.
const MIN_KNOWN_MESSAGES: u64 = 20;

impl KnownRecipients {
    /// Returns how many recipients a message has on average; `None` where too few messages say so.
    pub fn per_message(&self) -> Option<f64> {
        let (recipients, messages) = (self.recipients.total(), self.messages.total());
        (messages >= MIN_KNOWN_MESSAGES).then(|| recipients as f64 / messages as f64)
    }

    /// Adds those of older mail.
    pub fn add_older(&mut self, older: &Self) {
        self.recipients = older.recipients.merge(&self.recipients);
        self.messages = older.messages.merge(&self.messages);
    }
}

/// How many recipients a span's mail had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecipientCount {
    /// Recipients, each of each message once.
    pub recipients: u64,
    /// Whether those of some messages are estimated from what is usual for the stream.
    pub is_estimated: bool,
}

/// What was sent in one hour of the clock, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourCount {
    /// The start of the hour.
    pub start: Timestamp,
    /// Messages; hours without any are not listed.
    pub sent: u64,
    /// The first message of the hour.
    pub first_at: Timestamp,
    /// The last message of the hour.
    pub last_at: Timestamp,
}

/// One bounce or complaint, as far as judging needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Which message: equal for two bounces of one message, distinct otherwise.
    pub message: String,
    /// When that message was sent, where it is known.
    pub sent_at: Option<Timestamp>,
    /// What it means.
    pub class: BounceClass,
    /// The recipient; empty where it is not known.
    pub recipient: String,
    /// The tag of the message, if it has one.
    pub tag: Option<String>,
}

/// Messages that bounced on one day, in whatever class that is a failure, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedMessages {
    /// The day.
    pub day: Span,
    /// The tag that they have in common, if any.
    pub tag: Option<Tag>,
    /// How many.
    pub messages: u64,
}

/// A message whose delivery is followed. In order of sending; what was sent at the same instant has an order, too, whoever lists it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SampledMessage {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When its details were last read, if ever.
    pub checked_at: Option<Timestamp>,
    /// When it was delivered, if it is known to be.
    pub delivered_at: Option<Timestamp>,
    /// When it bounced, if it is known to have.
    pub bounced_at: Option<Timestamp>,
    /// What Postmark calls that bounce, where it is known.
    pub bounce: Option<BounceType>,
    /// When a bounce of it was listed, where its details know of none; then it is still followed.
    pub listed_bounce_at: Option<Timestamp>,
    /// Whether Postmark still has it in its queue.
    pub queued: bool,
    /// Whether its details were given up without ever being read, since they were too large or no answer came.
    pub unreadable: bool,
}

impl SampledMessage {
    /// Whether anything is known of what became of it: its details were read, or a bounce was listed instead.
    pub fn is_read(&self) -> bool {
        self.checked_at
            .or(self.delivered_at)
            .or(self.bounced_at)
            .is_some()
    }
}

/// What became of the sampled messages sent in a span of time, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleOutcome {
    /// Those that were delivered.
    pub delivered: u64,
    /// Those of them that bounced too, for other recipients.
    pub partly: u64,
    /// Those that bounced, in whatever class.
    pub bounced: u64,
    /// Those of them of which the list of bounces knows no failure, such as what was deactivated by hand.
    pub unlisted: u64,
    /// Those without news that are old enough to have arrived.
    pub without_news: u64,
}

impl SampleOutcome {
    /// Messages whose fate is known, or that are old enough to have one.
    pub const fn settled(self) -> u64 {
        self.delivered + self.bounced + self.without_news
    }
}

impl std::ops::Add for SampleOutcome {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            partly: self.partly + other.partly,
            bounced: self.bounced + other.bounced,
            unlisted: self.unlisted + other.unlisted,
            without_news: self.without_news + other.without_news,
        }
    }
}

/// The share of mail that is usually delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsualDelivery {
    /// The share, in [0, 1].
    pub share: f64,
    /// Whether the stream's own past says so; else it is what is usual for mail in general.
    pub is_own: bool,
}

/// What became of one message in truth, as an events file tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageOutcome {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it was delivered, if ever.
    pub delivered_at: Option<Timestamp>,
    /// When a bounce of it was filed by which it did not arrive, if ever.
    pub bounced_at: Option<Timestamp>,
    /// What Postmark calls that bounce, where this version knows it.
    pub bounce: Option<BounceType>,
    /// Its place in the draw of the sample.
    pub rank: u64,
}

/// A tag with fewer messages within [`TAG_LOOKBACK`] has no volume of its own, and need not be loaded.
pub const MIN_TAG_MESSAGES: u64 = 20;
/// How far back it counts whether a tag has volume of its own.
pub const TAG_LOOKBACK: Duration = Duration::from_secs(84 * 86_400);

/// How long hourly counts are kept, whatever `store.keep` says, and so how far back a history tells of hours.
pub const HOURS_KEPT: Duration = Duration::from_secs(400 * 86_400);

/// How far before the range that is judged sampled mail says how a stream delivers.
pub const SAMPLE_LOOKBACK: Duration = Duration::from_secs(90 * 86_400);

/// What is known of one stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// When history begins: the oldest message seen, or the first start. `None` before the first start.
    pub first_seen_at: Option<Timestamp>,
    /// The first start; older events are not reported.
    pub installed_at: Option<Timestamp>,
    /// Where messages were listed completely, or counted.
    pub messages: Coverage,
    /// Where bounces were listed completely.
    pub bounces: Coverage,
    /// Where messages were covered and none were due, since [the account could send nothing](Self::inactive_times).
    pub inactive: Coverage,
    /// Spans whose messages were counted, in order and apart: of a part of one of them nothing is known.
    pub counted: Vec<CountedSpan>,
    /// Every hour with mail, in order, of the last [`HOURS_KEPT`].
    pub hours: Vec<HourCount>,
    /// The digests of those that were read week by week, as they were read.
    pub packed: PackedWeeks,
    /// Messages sent in the range that was loaded, exact at every instant it was loaded for that cuts no counted span;
    /// those of a counted span stand at its last message.
    pub sent: CumulativeCounts,
    /// The recipients of those, as far as they are known.
    pub recipients: KnownRecipients,
    /// Bounces and complaints in the range that was loaded, in order of time.
    pub bounce_events: Vec<BounceEvent>,
    /// Messages that bounced on days before that range, where they were asked for.
    pub failed_before: Vec<FailedMessages>,
    /// Sampled mail in the range that was loaded and [`SAMPLE_LOOKBACK`] before it, in order of sending.
    pub sampled: Vec<SampledMessage>,
    /// The digests of what was delivered of it, of the weeks that were read as one value, as they were read.
    pub packed_samples: PackedWeeks,
    /// What the list of suppressions said of the operator's own addresses.
    pub checks: Vec<AddressCheck>,
    /// What recipient domains blocked before the range of the bounces, as far as it was loaded.
    pub older_blocks: OlderBlocks,
    /// What people said of its past incidents.
    pub marked: Vec<MarkedTime>,
    /// The mail of each tag, [as if it were a stream of its own](Self::for_tag), where it was loaded.
    pub tags: BTreeMap<Tag, History>,
}

impl History {
    /// Whether any recipient's mail server blocked in the range that was loaded.
    pub fn has_blocks(&self) -> bool {
        let mut events = self.bounce_events.iter();
        events.any(|event| event.class == BounceClass::Blocked)
    }

    /// What of `span` lies after the beginning of history.
    pub fn since_beginning(&self, span: Span) -> Span {
        Span::new(
            span.from.max(self.first_seen_at.unwrap_or(Timestamp::MAX)),
            span.until,
        )
    }

    /// Where both kinds are covered, within `span` and since the beginning of history.
    pub fn seen(&self, span: Span) -> Vec<Span> {
        let parts = self.messages.parts(self.since_beginning(span));
        parts.flat_map(|part| self.bounces.parts(part)).collect()
    }

    /// What of `part` can be told from the rest by number: without the counted spans that its bounds cut.
    pub fn whole_counts_within(&self, part: Span) -> Span {
        let cut = |at: Timestamp| {
            let next = self.counted.partition_point(|c| c.span.until <= at);
            self.counted.get(next).filter(|c| c.span.from < at)
        };
        Span::new(
            cut(part.from).map_or(part.from, |counted| counted.span.until),
            cut(part.until).map_or(part.until, |counted| counted.span.from),
        )
    }

    /// What is known of the mail that bears one tag, without bounces and deliveries. It begins with its first message, and
    /// was seen where this stream's was listed, or where `counted` says how much there was of it.
    #[must_use]
    pub fn for_tag(
        &self,
        hours: Vec<HourCount>,
        sent: CumulativeCounts,
        counted: Vec<CountedSpan>,
    ) -> Self {
        let spans = |counted: &[CountedSpan]| Coverage::from_spans(counted.iter().map(|c| c.span));
        let mut messages = self.messages.minus(&spans(&self.counted));
        for span in spans(&counted).spans() {
            messages.insert(*span);
        }
        Self {
            first_seen_at: hours.first().map(|hour| hour.first_at),
            installed_at: self.installed_at,
            messages,
            counted,
            hours,
            sent,
            ..Self::default()
        }
    }

    /// Messages sent in `parts`.
    pub fn sent_in(&self, parts: &[Span]) -> u64 {
        parts.iter().map(|part| self.sent.count(*part)).sum()
    }

    /// Recipients of the messages sent in `parts`. Messages whose recipients are not known count as many as the stream's others
    /// have on average; `None` where too few of these are known.
    pub fn recipients_in(&self, parts: &[Span]) -> Option<RecipientCount> {
        let KnownRecipients {
            recipients,
            messages,
        } = &self.recipients;
        let sum = |counts: &CumulativeCounts| parts.iter().map(|part| counts.count(*part)).sum();
        let known: u64 = sum(recipients);
        let rest = self.sent_in(parts).saturating_sub(sum(messages));
        if rest == 0 {
            return Some(RecipientCount {
                recipients: known,
                is_estimated: false,
            });
        }
        let per_message = self.recipients.per_message()?;
        Some(RecipientCount {
            recipients: known + (rest as f64 * per_message).round() as u64,
            is_estimated: per_message > 1.0,
        })
    }

    /// Bounces and complaints dated in `span`.
    pub fn bounce_events_in(&self, span: Span) -> &[BounceEvent] {
        let from = self.bounce_events.partition_point(|m| m.at < span.from);
        let until = self.bounce_events.partition_point(|m| m.at < span.until);
        &self.bounce_events[from..until.max(from)]
    }

    /// Distinct messages with a bounce or complaint in `parts` for which `counts` holds, and how many of them were sent outside `parts`.
    /// One whose sending is not known was sent inside where messages of `parts` were counted: it is one of those.
    pub fn bounced_in(
        &self,
        parts: &[Span],
        counts: impl Fn(&BounceEvent) -> bool,
    ) -> BouncedMessages {
        let mut seen: HashMap<&str, HashSet<String>> = HashMap::new();
        let mut bounced = BouncedMessages::default();
        let counted = parts.iter().any(|part| self.is_counted_in(*part));
        let events = parts.iter().flat_map(|part| self.bounce_events_in(*part));
        for event in events.filter(|event| counts(event)) {
            let inside = event
                .sent_at
                .map_or(counted, |at| parts.iter().any(|part| part.contains(at)));
            let recipients = seen.entry(event.message.as_str()).or_default();
            if recipients.is_empty() {
                bounced.messages += 1;
                bounced.sent_outside += u64::from(!inside);
            }
            if recipients.insert(event.recipient.trim().to_ascii_lowercase()) {
                bounced.recipients += 1;
                bounced.recipients_outside += u64::from(!inside);
            }
        }
        bounced
    }

    /// How many of the messages sent in `span` were counted, as far as `span` cuts no count.
    pub fn counted_in(&self, span: Span) -> u64 {
        let from = self.counted.partition_point(|c| c.span.from < span.from);
        let inside = self.counted[from..].iter();
        let inside = inside.take_while(|c| c.span.until <= span.until);
        inside.map(|c| c.sent).sum()
    }

    fn is_counted_in(&self, part: Span) -> bool {
        let next = self.counted.partition_point(|c| c.span.until <= part.from);
        let next = self.counted.get(next);
        next.is_some_and(|c| c.span.from < part.until)
    }

    /// The last message known to be sent before `at`.
    pub fn last_sent(&self, at: Timestamp) -> Option<Timestamp> {
        let whole_hours = self.hours.partition_point(|h| h.start + HOUR <= at);
        let from_hours = whole_hours.checked_sub(1).map(|i| self.hours[i].last_at);
        from_hours.max(self.sent.last_before(at))
    }

    /// The times between two messages, longer than `length`, of which the second was sent in the day before `at`, where that is known
    /// to the instant.
    pub fn gaps_ended_by(&self, at: Timestamp, length: Duration) -> Vec<Span> {
        let day = Span::before(at, DAY);
        let mut before = self.last_sent(day.from);
        let sent = self.sent.within(day).iter();
        let gaps = sent.filter_map(|at| before.replace(*at).map(|before| Span::new(before, *at)));
        let long = gaps.filter(|gap| gap.length() > length);
        let end = |gap: &Span| Span::new(gap.until, gap.until + Duration::from_millis(1));
        long.filter(|gap| !self.is_counted_in(end(gap))).collect()
    }

    /// The last delivery known to have happened by `at`, of mail sent before it.
    pub fn last_delivered(&self, at: Timestamp) -> Option<Timestamp> {
        let until = self.sampled.partition_point(|f| f.sent_at < at);
        let mut last: Option<Timestamp> = None;
        for mail in self.sampled[..until].iter().rev() {
            // Mail is given up long before it could be delivered later than this.
            if last.is_some_and(|last| mail.sent_at + DAY < last) {
                break;
            }
            last = last.max(mail.delivered_at.filter(|d| *d <= at));
        }
        last
    }

    /// Messages sent in the hours of the clock that begin in `span`.
    pub fn sent_by_hours(&self, span: Span) -> u64 {
        let from = self.hours.partition_point(|hour| hour.start < span.from);
        let until = self.hours.partition_point(|hour| hour.start < span.until);
        let hours = &self.hours[from..until.max(from)];
        hours.iter().map(|hour| hour.sent).sum()
    }

    /// How much time before `at` was covered since history began.
    pub fn covered_before(&self, at: Timestamp) -> Duration {
        let span = self.since_beginning(Span::new(Timestamp::MIN, at));
        self.messages.parts(span).map(Span::length).sum()
    }
}

/// How many messages bounced or were complained about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BouncedMessages {
    /// Distinct messages with a bounce or complaint in the window.
    pub messages: u64,
    /// Those of them that were not sent in the window.
    pub sent_outside: u64,
    /// Recipients of a message that have a bounce or complaint of it in the window, each of each message once.
    pub recipients: u64,
    /// Those of them whose message was not sent in the window.
    pub recipients_outside: u64,
}
