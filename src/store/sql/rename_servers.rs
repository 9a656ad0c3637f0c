//! Servers that the account calls otherwise than before: their number says who they are, and what is stored goes by the name.

use std::collections::BTreeSet;

use crate::model::ServerName;
use crate::store::{Database, Error, FormerName, Lease, Note};

use super::{
    Scope, Session, account_servers, dns, incidents, learned, reported_tokens, smtp_errors, values,
};

/// Tables whose rows name their server.
const OF_SERVER: [&str; 6] = [
    "UPDATE streams SET server = ?2 WHERE server = ?1",
    "UPDATE polls SET server = ?2 WHERE server = ?1",
    "UPDATE notes SET server = ?2 WHERE server = ?1",
    "UPDATE mutes SET server = ?2 WHERE server = ?1",
    "UPDATE incidents SET server = ?2 WHERE server = ?1",
    "UPDATE servers SET name = ?2 WHERE name = ?1",
];

/// One that is called otherwise now.
struct Renamed {
    old: String,
    new: String,
    id: i64,
}

impl Database {
    /// Returns the names other than `name` under which something of a known server is stored, the last one that was polled first.
    pub fn former_names(&mut self, name: &ServerName) -> Result<Vec<FormerName>, Error> {
        self.rows(
            "SELECT name, number, last_cycle_at FROM servers
             WHERE name <> ?1 AND number IS NOT NULL AND former_name IS NULL ORDER BY last_cycle_at DESC, name",
            &values![&name.0],
            |row| {
                Ok(FormerName {
                    name: ServerName(row.get(0)?),
                    number: row.get(1)?,
                    last_cycle_at: row.get(2)?,
                })
            },
        )
    }

    /// Gives what is stored under `old` the name `new`, which the digest says by `note`; `false` where something was read under that
    /// already, or the same is open of both.
    pub fn rename_server(
        &mut self,
        old: &ServerName,
        new: &ServerName,
        note: &Note,
    ) -> Result<bool, Error> {
        let (old, new) = (&old.0, &new.0);
        self.write(Scope::All, |s| {
            let sql = "SELECT (SELECT count(*) FROM servers WHERE name = ?2 AND (last_complete_at IS NOT NULL OR number IS NOT NULL))
                         + (SELECT count(*) FROM streams WHERE server = ?2)
                         + (SELECT count(*) FROM incidents a JOIN incidents b ON b.stream = a.stream AND b.tag = a.tag AND b.rule = a.rule
                            WHERE a.server = ?1 AND a.open = 1 AND b.server = ?2 AND b.open = 1)";
            let taken: i64 = s.one(sql, &values![old, new], |row| row.get(0))?;
            // Whoever was quicker may have renamed it.
            let stored = "SELECT count(*) FROM servers WHERE name = ?1";
            let stored: i64 = s.one(stored, &values![old], |row| row.get(0))?;
            if taken > 0 || stored == 0 {
                return Ok(false);
            }
            // Polls that read nothing.
            s.execute("DELETE FROM polls WHERE server = ?1", &values![new])?;
            let sql = "UPDATE servers SET account_id = COALESCE((SELECT n.account_id FROM servers n WHERE n.name = ?2), account_id),
                           left_at = NULL WHERE name = ?1";
            s.execute(sql, &values![old, new])?;
            s.execute("DELETE FROM servers WHERE name = ?1", &values![new])?;
            rename(s, old, new)?;
            account_servers::insert_note(s, note)?;
            Ok(true)
        })
    }
}

/// Gives what is stored of each server in `listed` its name of today; which were called otherwise, and how.
///
/// Where something is stored under the new name already, and that is no server which left the account, it is left alone.
pub(super) fn follow(
    s: &mut dyn Session,
    listed: &[(ServerName, i64)],
) -> Result<Vec<(ServerName, ServerName)>, Error> {
    // A number may be stored under several names: the last one that was seen comes first.
    let known: Vec<(String, i64)> = s.rows(
        "SELECT name, account_id FROM servers WHERE account_id IS NOT NULL
         ORDER BY CASE WHEN left_at IS NULL THEN 0 ELSE 1 END, left_at DESC, name",
        &[],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut renamed: Vec<Renamed> = listed
        .iter()
        .filter_map(|(name, id)| find_renamed(&known, &name.0, *id))
        .collect();
    if renamed.is_empty() {
        return Ok(Vec::new());
    }
    let taken: BTreeSet<String> = taken(s)?;
    let aside = make_room(&mut renamed, &known, &taken);
    for (old, new) in &aside {
        rename(s, old, new)?;
    }
    // Two may have changed their names for each other's.
    for server in &renamed {
        rename(s, &server.old, &passing(server.id))?;
    }
    for server in &renamed {
        rename(s, &passing(server.id), &server.new)?;
    }
    let names = |r: Renamed| (ServerName(r.old), ServerName(r.new));
    Ok(renamed.into_iter().map(names).collect())
}

/// Returns what a server was called last, where it never was called `name`.
fn find_renamed(known: &[(String, i64)], name: &str, id: i64) -> Option<Renamed> {
    let mut names = known
        .iter()
        .filter(|known| known.1 == id)
        .map(|known| &known.0);
    let last = names.next()?;
    (last != name && names.all(|known| known != name)).then(|| Renamed {
        old: last.clone(),
        new: name.to_owned(),
        id,
    })
}

/// Drops every one whose new name is taken by something that cannot give it up; the others' new names are given up by
/// servers of other numbers, which are told by them from then on.
fn make_room(
    renamed: &mut Vec<Renamed>,
    known: &[(String, i64)],
    taken: &BTreeSet<String>,
) -> Vec<(String, String)> {
    let steps_aside = |name: &str| {
        let (_, id) = known.iter().find(|known| known.0 == name)?;
        let aside = format!("{name} ({id})");
        (!taken.contains(&aside)).then_some(aside)
    };
    loop {
        let leaving: BTreeSet<String> = renamed.iter().map(|r| r.old.clone()).collect();
        let is_free = |r: &Renamed| {
            !taken.contains(&r.new) || leaving.contains(&r.new) || steps_aside(&r.new).is_some()
        };
        let before = renamed.len();
        renamed.retain(is_free);
        if renamed.len() == before {
            let wanted = renamed.iter().map(|r| r.new.clone());
            let given_up = wanted.filter(|new| taken.contains(new) && !leaving.contains(new));
            return given_up
                .filter_map(|name| steps_aside(&name).map(|aside| (name, aside)))
                .collect();
        }
    }
}

/// Every name under which something is stored.
pub(super) fn taken(s: &mut dyn Session) -> Result<BTreeSet<String>, Error> {
    let sql =
        "SELECT name FROM servers UNION SELECT server FROM streams UNION SELECT server FROM polls
               UNION SELECT server FROM incidents";
    let names = s.rows(sql, &[], |row| row.get(0))?;
    Ok(names.into_iter().collect())
}

/// What nobody is called.
fn passing(id: i64) -> String {
    format!("\u{1}{id}")
}

fn rename(s: &mut dyn Session, old: &str, new: &str) -> Result<(), Error> {
    for sql in OF_SERVER {
        s.execute(sql, &values![old, new])?;
    }
    smtp_errors::rename(s, old, new)?;
    dns::rename(s, old, new)?;
    learned::rename(s, old, new)?;
    reported_tokens::rename(s, old, new)?;
    // Whoever polls it under its old name finds that it is not his any more, and polls it anew.
    let lease = Lease::name_for_server(&ServerName(old.to_owned()));
    s.execute("DELETE FROM leases WHERE name = ?1", &values![&lease])?;
    incidents::rename(s, &ServerName(new.to_owned()))
}
