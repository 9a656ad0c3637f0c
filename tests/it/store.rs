//! Where the worlds of the tests keep their data: in a file, or with `HUSHWATCH_TEST_STORE=postgres` in a new database of a
//! throwaway cluster.

use std::io::Write;

use crate::world::World;

/// Whether the tests run on `PostgreSQL`.
pub(crate) fn on_server() -> bool {
    let wanted = std::env::var("HUSHWATCH_TEST_STORE").is_ok_and(|wanted| wanted == "postgres");
    assert!(
        !wanted || cfg!(feature = "postgres"),
        "HUSHWATCH_TEST_STORE=postgres needs `--features full`"
    );
    wanted
}

/// Whether a test is left out since it is about a file; that is said.
pub(crate) fn needs_a_file(what: &str) -> bool {
    let skipped = on_server();
    if skipped {
        writeln!(std::io::stderr(), "left out on PostgreSQL: {what}").expect("said");
    }
    skipped
}

/// The address of a new database; `None` where a file is used.
pub(crate) fn new_database() -> Option<String> {
    on_server().then(server::new_database)
}

/// The address of a copy of a database, which nobody may be working on.
pub(crate) fn copy_of(url: &str) -> String {
    server::copy_of(url)
}

/// Empties a world of everything that was stored.
pub(crate) fn lose(world: &mut World) {
    if let Some(url) = new_database() {
        world.env("HUSHWATCH_DATABASE_URL", &url);
    }
    for entry in std::fs::read_dir(world.folder.path()).expect("read") {
        let path = entry.expect("an entry").path();
        if path.display().to_string().contains("hushwatch.db") {
            std::fs::remove_file(path).expect("removed");
        }
    }
}

/// How a database at `url` is shown to people.
pub(crate) fn place_of(url: &str) -> String {
    let (address, _) = hushwatch::internals::Address::parse(url).expect("a valid URL");
    format!("schema hushwatch of {address}")
}

/// The first column, a text, of what a query finds in a database at `url`.
pub(crate) fn texts(url: &str, query: &str) -> Vec<String> {
    server::texts(url, query)
}

/// The version of the schema of a world's database, and the least that may work on it.
pub(crate) fn schema(world: &World) -> (i64, i64) {
    if let Some(url) = world.database() {
        let number = |query| texts(url, query)[0].parse().expect("a number");
        let version = number("SELECT CAST(version AS TEXT) FROM schema");
        return (version, number("SELECT CAST(least AS TEXT) FROM schema"));
    }
    let file = rusqlite::Connection::open(world.folder.path().join("hushwatch.db"));
    let sql = "SELECT user_version, least FROM pragma_user_version, schema";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    file.expect("opened")
        .query_row(sql, [], read)
        .expect("read")
}

/// Ends the leases of a process that was killed: on a server the next one would wait until they run out.
pub(crate) fn end_leases(world: &World) {
    if let Some(url) = world.database() {
        server::end_leases(url);
    }
}

/// Makes the database of a world one of another version, as a hushwatch of that version would.
pub(crate) fn set_schema(world: &World, version: i64, least: i64) {
    if let Some(url) = world.database() {
        server::set_schema(url, version, least);
        return;
    }
    let file = rusqlite::Connection::open(world.folder.path().join("hushwatch.db"));
    let sql = format!("UPDATE schema SET least = {least}; PRAGMA user_version = {version};");
    file.expect("opened").execute_batch(&sql).expect("changed");
}

#[cfg(feature = "postgres")]
mod server {
    use crate::cluster::{Cluster, cluster};

    fn required() -> &'static Cluster {
        cluster().expect("HUSHWATCH_TEST_STORE=postgres needs PostgreSQL")
    }

    pub(super) fn new_database() -> String {
        required().database()
    }

    pub(super) fn copy_of(url: &str) -> String {
        required().copy(&name(url))
    }

    pub(super) fn texts(url: &str, query: &str) -> Vec<String> {
        required().texts(&name(url), query)
    }

    pub(super) fn set_schema(url: &str, version: i64, least: i64) {
        let sql = format!("UPDATE hushwatch.schema SET version = {version}, least = {least}");
        required().sql(&name(url), &sql);
    }

    pub(super) fn end_leases(url: &str) {
        // Where it died at its first start there may be none yet.
        let sql = "DO $$ BEGIN IF to_regclass('hushwatch.leases') IS NOT NULL THEN
                   UPDATE hushwatch.leases SET until_at = 0; END IF; END $$";
        required().sql(&name(url), sql);
    }

    fn name(url: &str) -> String {
        let (address, _) = hushwatch::internals::Address::parse(url).expect("a valid URL");
        address.name.expect("a name")
    }
}

#[cfg(not(feature = "postgres"))]
mod server {
    pub(super) fn new_database() -> String {
        unreachable!("needs `--features full`")
    }

    pub(super) fn copy_of(_: &str) -> String {
        new_database()
    }

    pub(super) fn texts(_: &str, _: &str) -> Vec<String> {
        unreachable!("needs `--features full`")
    }

    pub(super) fn end_leases(_: &str) {
        unreachable!("needs `--features full`")
    }

    pub(super) fn set_schema(_: &str, _: i64, _: i64) {
        unreachable!("needs `--features full`")
    }
}
