//! What every table consists of, for what treats them all alike. A test compares it with the schema of both engines.

/// A table that holds what is known; `schema`, which says how, is none of them.
#[derive(Debug)]
pub(in crate::store) struct Table {
    pub(in crate::store) name: &'static str,
    pub(in crate::store) columns: &'static [&'static str],
    /// How many of the first columns are the primary key; 0 where there is none.
    pub(in crate::store) key: usize,
    /// Whether the key is a number that the engine draws.
    pub(in crate::store) drawn: bool,
}

const fn table(name: &'static str, key: usize, columns: &'static [&'static str]) -> Table {
    Table {
        name,
        columns,
        key,
        drawn: false,
    }
}

const fn drawn(name: &'static str, columns: &'static [&'static str]) -> Table {
    Table {
        drawn: true,
        ..table(name, 1, columns)
    }
}

/// All of them, each after those that it refers to. The columns of the key come first, in its order.
#[rustfmt::skip]
pub(in crate::store) const TABLES: [Table; 35] = [
    table("servers", 1, &[
        "name", "first_start_at", "last_cycle_at", "last_complete_at", "incomplete_since", "incomplete_cycles", "reason",
        "account_id", "left_at", "number", "sandbox", "former_name", "streams_listed_at", "streams_listed_for",
    ]),
    table("polls", 2, &["server", "at", "requests", "complete", "reason"]),
    drawn("streams", &["key", "server", "id", "watched", "oldest_sent_at", "judged_from"]),
    table("coverage", 3, &["stream", "kind", "from_at", "until_at"]),
    drawn("tags", &["key", "name"]),
    table("messages", 3, &["stream", "sent_at", "id", "tag", "recipients"]),
    table("minutes", 3, &["stream", "tag", "at", "sent", "last_at", "recipients"]),
    table("hours", 3, &["stream", "tag", "at", "sent", "first_at", "last_at"]),
    table("packed_hours", 3, &["stream", "tag", "week", "digest", "hours"]),
    table("counted", 3, &["stream", "tag", "from_at", "until_at", "sent", "last_at"]),
    table("bounces", 2, &[
        "stream", "id", "message", "type", "class", "at", "sent_at", "recipient", "tag", "description",
    ]),
    table("followed", 2, &[
        "stream", "message", "sent_at", "checked_at", "delivered_at", "bounced_at", "open", "queued", "recipient", "tag",
    ]),
    table("packed_samples", 2, &["stream", "week", "digest", "delivered"]),
    table("checks", 2, &["stream", "address", "at", "reason", "since"]),
    table("incidents", 1, &["id", "server", "stream", "tag", "rule", "open", "opened_at", "body", "withheld"]),
    drawn("transitions", &["seq", "at", "incident", "step", "told", "text", "body", "recorded_at"]),
    table("feedback", 1, &["incident", "verdict", "by_whom", "at"]),
    drawn("outbox", &[
        "seq", "created_at", "kind", "incident", "channel", "text", "body", "state", "attempts", "claimed_at", "next_try_at",
        "sent_at", "sent_channel", "sent_ts", "key", "thread", "top", "broadcast", "mention", "fallback", "edited_at",
    ]),
    table("outbox_incidents", 2, &["seq", "incident"]),
    table("attempts", 0, &["outbox", "at", "outcome", "unknown"]),
    table("reactions", 1, &["thread", "read_at", "seen"]),
    table("digests", 1, &["until_at", "from_at", "outbox"]),
    drawn("notes", &["seq", "at", "server", "text"]),
    drawn("mutes", &["seq", "server", "rule", "from_at", "until_at", "reason", "set_by", "incident", "planned"]),
    table("leases", 1, &["name", "holder", "fence", "until_at"]),
    table("canary", 1, &["sent_at", "message", "outcome", "reason", "delivered_at"]),
    table("reported_tokens", 1, &["server", "at"]),
    table("smtp_errors", 2, &["server", "day", "errors", "sent", "risen_at", "asked_at"]),
    table("rule_starts", 1, &["rule", "at"]),
    table("sending_domains", 2, &["server", "domain", "seen_at"]),
    table("senders_asked", 1, &["server", "at"]),
    table("dns_records", 2, &[
        "domain", "record", "good", "strength", "good_at", "why", "broken_since", "confirmed", "asked_at",
    ]),
    table("learned", 3, &["server", "stream", "tag", "at", "key", "value"]),
    table("learned_deliveries", 2, &["server", "stream", "at", "key", "value"]),
    table("hello", 0, &["greeted_at", "anew"]),
];
