//! Reads the mail and bounces of one server from Postmark into the store, under a budget of requests.
//!
//! ```text
//!  requests_per_poll ---> Budget        coverage, volume of the last hour <--- store
//!                           |                          |
//!                           |                          v
//!                           |                    StreamBacklog: unread spans of each stream,
//!                           |                          |        requests they should take
//!                           v                          |
//!                     RequestQuota <-------------------'  a share per stream, by its need
//!                           |
//!            do the expected pages fit into it?
//!               | yes                     | no
//!               v                         v
//!         +-----------+   too many  +-----------+
//!         |   LIST    |------------>|   COUNT   |
//!         | pages of  |             |  windows  |
//!         |    500    |<------------| < 10,000  |
//!         +-----------+    few are  +-----------+
//!               |          left           |
//!               v                         v
//!       each message: id, time,    CountedSpan: how many,
//!       tag, recipients            and when the last was sent
//!               |                         |
//!               '-----------+-------------'
//!                           v
//!            coverage: the spans that are known; all else is unknown
//! ```
//!
//! **Streams.** The list of streams is fetched when it is due, and at once where the mail shows that it must be; otherwise the first
//! page of messages is the first answer of a poll, which confirms the clock before anything is stored (`reader.rs`).
//!
//! **Budget.** A poll of one server may make `postmark.requests_per_poll` requests, retries included (`budget.rs`). Streams are
//! read one after another, messages before bounces. Each gets what the streams after it are not expected to need or, where the
//! budget does not suffice for all, a part in proportion to its need; a request for each stream's bounces and a few for the
//! delivery sample are kept back.
//!
//! **Backlog.** What is unread is what the store does not cover since the first start, and again the last minutes of what it
//! does, which Postmark's index may have had only in part (`backlog.rs`, `new_mail.rs`). How much that is can only be guessed, from
//! the volume of the last hour. Where these last minutes show that the index lags by more, some hours before them are listed again
//! (`late_index.rs`).
//!
//! **List or count.** Listing (`lister.rs`) gives every message, 500 to a page; a window whose total reaches Postmark's cap of
//! 10,000 is split by the rate of its newest page. Counting (`counter.rs`) asks for one message and its total: one request for up
//! to 10,000 messages, but it gives neither tags nor recipients. So messages are listed where the expected pages fit into the
//! quota, and counted otherwise. A listing that turns out too long after its first page goes on as a count; a count whose older
//! rest has become small enough goes on as a listing, once. `windows.rs` decides how long a counted window is. No window lies
//! across a full hour, or an instant at which a rule's own window begins or ends, so that every rule finds exact sums. Where
//! messages were counted, the tags with most mail are counted too (`tags.rs`). Bounces are never counted: where they are too many,
//! the newest are listed.
//!
//! **Coverage.** A window is covered when it was read to its end, and only then: what is stored of an unfinished one adds to what
//! is known, and says nothing of what is missing. Postmark deletes old messages, so an empty answer about time before the surely
//! retained week covers nothing, unless an older message shows that Postmark still has that time.
//!
//! **An exhausted budget** ends a reading at a window's bound, newest windows first. The poll is then incomplete, which is not
//! the same as blind: what was read is evaluated, the rest stays a hole in the coverage, and the next poll begins with a backlog
//! that includes it. Counts from earlier polls which the quota did not suffice to repeat are kept.
//!
//! **The hard stop.** The polls of one cycle end after `postmark.poll_time` and `postmark.backfill_time` together. A reading that
//! is cut off then is dropped where it waits; what it stored stays, and so do the errors recorded so far (`errors.rs`). A server is
//! also left alone for the rest of a poll when it refuses the token, when the account is inactive, or when two readings got no
//! answer.
//!
//! **Backfill.** History from before the first start is read outside the budget, for at most `postmark.backfill_time` a poll
//! (`backfill.rs`), after new mail. A stretch that holds more than a page of messages
//! an hour, and more than 100,000 in all, is counted.
//!
//! **Sample.** What is left of the budget looks up the delivery of some messages of each stream (`delivery_sample.rs`): those of the
//! lowest rank by a fixed hash (`candidates.rs`), so that every process draws the same. Of counted mail a few are read from one
//! window drawn by size. Last, the operator's own addresses are looked up in the suppressions (`address_checks.rs`), and every six
//! hours Postmark's statistics are read for the mail that it refused (`statistics.rs`). Once a day the newest messages say from which domains mail is sent (`senders.rs`).

pub(crate) mod address_checks;
pub(crate) mod backfill;
mod backlog;
mod budget;
mod candidates;
mod counter;
pub(crate) mod delivery_sample;
pub(crate) mod errors;
mod late_index;
mod lister;
pub(crate) mod new_mail;
mod page;
mod pagination;
pub(crate) mod reader;
#[cfg(feature = "doctor")]
pub(crate) mod senders;
pub(crate) mod statistics;
pub(crate) mod tags;
mod windows;
