//! The least that anybody could do with the same answers: parse them, and insert the same rows.

use std::collections::BTreeMap;
use std::time::Duration;

use hushwatch::model::{HOUR, MINUTE, Span, StreamId, Timestamp};
use rusqlite::Connection;
use serde::Deserialize;

use crate::cpu;
use crate::peer::Peer;

/// Windows of the hour, so that none holds more than Postmark lists.
const WINDOWS: u32 = 15;
const PAGE: u32 = 500;

pub(crate) struct Floor {
    pub(crate) messages: usize,
    pub(crate) cpu: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "parsed as hushwatch does")]
struct Message {
    #[serde(rename = "MessageID")]
    message_id: String,
    received_at: String,
    status: String,
    tag: Option<String>,
    #[serde(default)]
    recipients: Vec<String>,
}

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, peer: &Peer, now: Timestamp) -> Floor {
    let bodies = runtime.block_on(fetch(peer, now));
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = Connection::open(folder.path().join("floor.db")).expect("a database");
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE tags (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
         CREATE TABLE messages (stream INTEGER NOT NULL, id BLOB NOT NULL, sent_at INTEGER NOT NULL, queued INTEGER NOT NULL,
             tag INTEGER, PRIMARY KEY (stream, id)) WITHOUT ROWID;
         CREATE INDEX messages_by_time ON messages (stream, sent_at);
         CREATE TABLE counts (tag INTEGER, at INTEGER, sent INTEGER, last_at INTEGER, PRIMARY KEY (tag, at)) WITHOUT ROWID;",
    )
    .expect("a schema");
    let before = cpu();
    let mut messages = 0;
    for body in &bodies {
        messages += insert(&mut db, body);
    }
    Floor {
        messages,
        cpu: cpu() - before,
    }
}

fn insert(db: &mut Connection, body: &[u8]) -> usize {
    let page: Page = serde_json::from_slice(body).expect("a page");
    let t = db.transaction().expect("a transaction");
    let mut counts: BTreeMap<(i64, i64), (u64, i64)> = BTreeMap::new();
    {
        let mut insert = t
            .prepare_cached("INSERT OR IGNORE INTO messages VALUES (1, ?1, ?2, ?3, ?4)")
            .expect("SQL");
        for message in &page.messages {
            let at = chrono::DateTime::parse_from_rfc3339(&message.received_at)
                .expect("a time")
                .timestamp_millis();
            let digits: String = message.message_id.chars().filter(|c| *c != '-').collect();
            let id = u128::from_str_radix(&digits, 16)
                .expect("an id")
                .to_be_bytes();
            let tag: Option<i64> = message.tag.as_ref().map(|_| 1);
            insert
                .execute((&id[..], at, message.status == "Queued", tag))
                .expect("inserted");
            for length in [MINUTE, HOUR] {
                let of = Timestamp(at).floor(length).0;
                for key in [Some(0), tag].into_iter().flatten() {
                    let count = counts.entry((key, of)).or_default();
                    *count = (count.0 + 1, count.1.max(at));
                }
            }
        }
        let mut count = t
            .prepare_cached("INSERT INTO counts VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET sent = sent + excluded.sent")
            .expect("SQL");
        for ((tag, at), (sent, last)) in &counts {
            count.execute((tag, at, sent, last)).expect("counted");
        }
    }
    t.commit().expect("stored");
    page.messages.len()
}

async fn fetch(peer: &Peer, now: Timestamp) -> Vec<Vec<u8>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let mut bodies = Vec::new();
    let length = HOUR / WINDOWS;
    for window in 0..WINDOWS {
        let from = now - HOUR + window * length;
        let span = Span::new(from, from + length);
        for offset in (0..10_000).step_by(PAGE as usize) {
            let url = format!(
                "{}/messages/outbound?count={PAGE}&offset={offset}&messagestream={}&fromdate={}&todate={}",
                peer.url,
                StreamId::from("outbound"),
                eastern(span.from),
                eastern(Timestamp(span.until.0 - 1000)),
            );
            let request = client
                .get(url)
                .header("X-Postmark-Server-Token", &peer.token);
            let body = request
                .send()
                .await
                .expect("an answer")
                .bytes()
                .await
                .expect("a body");
            let page: Page = serde_json::from_slice(&body).expect("a page");
            if page.messages.is_empty() {
                break;
            }
            bodies.push(body.to_vec());
        }
    }
    bodies
}

fn eastern(at: Timestamp) -> String {
    let local = at
        .to_utc()
        .with_timezone(&hushwatch::model::Zone::named("America/New_York").expect("a zone"));
    local.format("%Y-%m-%dT%H:%M:%S").to_string()
}
