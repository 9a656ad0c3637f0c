//! From which domains mail is sent, and what the DNS holds of them.

use std::collections::BTreeSet;

use crate::model::{BrokenRecord, DnsRecord, GoodRecord, ServerName, Timestamp};
use crate::store::{Database, Error, Note};

use super::{Row, Scope, account_servers, values};

impl Database {
    /// Returns the domains from which mail of any server was sent, as seen at or after `since`.
    pub fn sending_domains(&mut self, since: Timestamp) -> Result<BTreeSet<String>, Error> {
        let sql = "SELECT DISTINCT domain FROM sending_domains WHERE seen_at >= ?1";
        let domains = self.rows(sql, &values![since], |row| row.get(0))?;
        Ok(domains.into_iter().collect())
    }

    /// Returns when the domains of a server were last asked for.
    pub fn senders_asked_at(&mut self, server: &ServerName) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT at FROM senders_asked WHERE server = ?1";
        self.read(|s| s.first(sql, &values![&server.0], |row| row.get(0)))
    }

    /// Stores from which domains the newest mail of a server was sent, as asked at `at`.
    pub fn save_sending_domains(
        &mut self,
        server: &ServerName,
        domains: &BTreeSet<String>,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            for domain in domains {
                s.execute(
                    "INSERT INTO sending_domains (server, domain, seen_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT (server, domain) DO UPDATE SET seen_at = excluded.seen_at",
                    &values![&server.0, domain, at],
                )?;
            }
            let sql = "INSERT INTO senders_asked (server, at) VALUES (?1, ?2)
                       ON CONFLICT (server) DO UPDATE SET at = excluded.at";
            s.execute(sql, &values![&server.0, at])
        })
    }

    /// Returns what the DNS holds, by domain and record.
    pub fn dns_records(&mut self) -> Result<Vec<DnsRecord>, Error> {
        let sql = "SELECT domain, record, good, strength, good_at, why, broken_since, confirmed, asked_at FROM dns_records
                   ORDER BY domain, record";
        self.rows(sql, &[], |row| record(row))
    }

    /// Stores records, each in the place of what was known of it, with what the digest says of them.
    pub fn save_dns_records(&mut self, records: &[DnsRecord], notes: &[Note]) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            account_servers::insert_notes(s, notes)?;
            for record in records {
                let (good, broken) = (record.good.as_ref(), record.broken.as_ref());
                s.execute(
                    "INSERT INTO dns_records (domain, record, good, strength, good_at, why, broken_since, confirmed, asked_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                     ON CONFLICT (domain, record) DO UPDATE SET good = excluded.good, strength = excluded.strength,
                     good_at = excluded.good_at, why = excluded.why, broken_since = excluded.broken_since,
                     confirmed = excluded.confirmed, asked_at = excluded.asked_at",
                    &values![
                        &record.domain,
                        &record.record,
                        good.map(|good| good.value.as_str()),
                        good.map(|good| i64::from(good.strength)),
                        good.map(|good| good.seen_at),
                        broken.map(|broken| broken.why.as_str()),
                        broken.map(|broken| broken.since),
                        broken.map(|broken| i64::from(broken.confirmed)),
                        record.asked_at,
                    ],
                )?;
            }
            Ok(())
        })
    }
}

fn record(row: &dyn Row) -> Result<DnsRecord, Error> {
    let good: Option<String> = row.get(2)?;
    let (strength, seen_at): (Option<i64>, Option<Timestamp>) = (row.get(3)?, row.get(4)?);
    let why: Option<String> = row.get(5)?;
    let (since, confirmed): (Option<Timestamp>, Option<i64>) = (row.get(6)?, row.get(7)?);
    Ok(DnsRecord {
        domain: row.get(0)?,
        record: row.get(1)?,
        good: good.zip(seen_at).map(|(value, seen_at)| GoodRecord {
            value,
            strength: strength.and_then(|n| u8::try_from(n).ok()).unwrap_or(1),
            seen_at,
        }),
        broken: why.zip(since).map(|(why, since)| BrokenRecord {
            why,
            since,
            confirmed: confirmed == Some(1),
        }),
        asked_at: row.get(8)?,
    })
}
