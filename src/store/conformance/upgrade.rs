//! What the migration to a newer schema makes of the rows that are there.

use crate::model::Rule;
use crate::store::{CycleCommit, Database, NewMessage};

use super::incidents::{incident, keep};
use super::{T0, message};

/// Messages as schema 9 kept them: which incidents one names can be read from its text alone, unless it is of one.
fn fill(b: &mut Database) {
    keep(
        b,
        &[
            incident("aaaa", Rule::Blind, T0),
            incident("bbbb", Rule::SpamRate, T0),
        ],
    );
    let own = NewMessage {
        incident: Some("aaaa".to_owned()),
        ..message("its own")
    };
    let commit = CycleCommit {
        messages: vec![own, message("aaaa and bbbb"), message("neither")],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
}

fn check(b: &mut Database) {
    let mut named = |incident: &str| -> Vec<String> {
        let found = b.notifications(incident).expect("read");
        found.into_iter().map(|n| n.message.text).collect()
    };
    assert_eq!(named("aaaa"), ["its own", "aaaa and bbbb"]);
    assert_eq!(named("bbbb"), ["aaaa and bbbb"]);
}

#[test]
fn messages_of_schema_9_name_the_incidents_that_their_text_names_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    fill(&mut Database::open_sqlite(&path).expect("created"));
    let old = rusqlite::Connection::open(&path).expect("opened");
    old.execute_batch("DROP TRIGGER followed_inserted; DROP TRIGGER followed_updated; DROP TRIGGER followed_deleted; DROP TABLE packed_samples; DROP INDEX followed_undelivered; DROP TABLE learned_deliveries; DROP TRIGGER hours_inserted; DROP TRIGGER hours_updated; DROP TRIGGER hours_deleted; DROP TABLE packed_hours; ALTER TABLE streams DROP COLUMN judged_from; ALTER TABLE servers DROP COLUMN streams_listed_at; ALTER TABLE servers DROP COLUMN streams_listed_for; ALTER TABLE mutes DROP COLUMN planned; DROP TABLE learned; DROP TABLE dns_records; DROP TABLE senders_asked; DROP TABLE sending_domains; DROP TABLE rule_starts; DROP TABLE smtp_errors; DROP TABLE reported_tokens; DROP TABLE canary; DROP TABLE hello; DROP TABLE reactions; ALTER TABLE mutes DROP COLUMN incident; DROP TABLE feedback; DROP TABLE outbox_incidents; ALTER TABLE servers DROP COLUMN number; ALTER TABLE servers DROP COLUMN sandbox;
         ALTER TABLE servers DROP COLUMN former_name; ALTER TABLE messages DROP COLUMN recipients;
         ALTER TABLE minutes DROP COLUMN recipients; ALTER TABLE outbox DROP COLUMN thread; ALTER TABLE outbox DROP COLUMN top;
         ALTER TABLE outbox DROP COLUMN broadcast; ALTER TABLE outbox DROP COLUMN mention;
         ALTER TABLE outbox DROP COLUMN fallback; ALTER TABLE outbox DROP COLUMN edited_at; PRAGMA user_version = 9;")
        .expect("as schema 9");
    drop(old);
    check(&mut Database::open_sqlite(&path).expect("brought up to date"));
}

#[cfg(feature = "postgres")]
#[test]
fn messages_of_schema_9_name_the_incidents_that_their_text_names_on_a_server() {
    let Some(cluster) = super::cluster::cluster() else {
        return;
    };
    let url = cluster.database();
    fill(&mut super::new_postgres(&url));
    let (address, _) = crate::database::Address::parse(&url).expect("a valid URL");
    let name = address.name.expect("a name");
    cluster.sql(
        &name,
        "DROP FUNCTION hushwatch.drop_packed_samples CASCADE; DROP TABLE hushwatch.packed_samples; DROP INDEX hushwatch.followed_undelivered; DROP TABLE hushwatch.learned_deliveries; DROP FUNCTION hushwatch.drop_packed_hours CASCADE; DROP TABLE hushwatch.packed_hours; ALTER TABLE hushwatch.streams DROP COLUMN judged_from; ALTER TABLE hushwatch.mutes DROP COLUMN planned; DROP TABLE hushwatch.learned; DROP TABLE hushwatch.dns_records; DROP TABLE hushwatch.senders_asked; DROP TABLE hushwatch.sending_domains; DROP TABLE hushwatch.rule_starts; DROP TABLE hushwatch.smtp_errors; DROP TABLE hushwatch.reported_tokens; DROP TABLE hushwatch.canary; DROP TABLE hushwatch.hello; DROP TABLE hushwatch.reactions; ALTER TABLE hushwatch.mutes DROP COLUMN incident;
         DROP TABLE hushwatch.feedback; DROP TABLE hushwatch.outbox_incidents;
         ALTER TABLE hushwatch.messages ADD COLUMN queued BIGINT NOT NULL;
         CREATE INDEX messages_by_time ON hushwatch.messages (stream, sent_at);
         ALTER TABLE hushwatch.servers DROP COLUMN number, DROP COLUMN sandbox, DROP COLUMN former_name,
             DROP COLUMN streams_listed_at, DROP COLUMN streams_listed_for;
         ALTER TABLE hushwatch.messages DROP COLUMN recipients; ALTER TABLE hushwatch.minutes DROP COLUMN recipients;
         ALTER TABLE hushwatch.outbox DROP COLUMN thread, DROP COLUMN top, DROP COLUMN broadcast, DROP COLUMN mention,
             DROP COLUMN fallback, DROP COLUMN edited_at;
         UPDATE hushwatch.schema SET version = 9",
    );
    check(&mut super::new_postgres(&url));
}
