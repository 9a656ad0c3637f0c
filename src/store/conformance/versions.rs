//! A database of every earlier schema, built by the migrations up to it and the rows of its time, opens and loses nothing.

use ring::digest::{SHA256, digest};
use rusqlite::Connection;

use crate::model::{Rule, Timestamp};
use crate::store::sql::schema::VERSIONS;
use crate::store::sql::tables::TABLES;
use crate::store::{Database, sqlite};

const ROWS: &str = include_str!("../../../tests/data/schemas/rows.sql");
/// The digest of each migration that was released.
const RELEASED: &str = include_str!("../../../tests/data/schemas/migrations.txt");
const DUE: std::time::Duration = std::time::Duration::ZERO;
/// After every row.
const LATER: Timestamp = Timestamp(1_772_700_000_000);

/// The statements of the section of a schema; empty where it has none.
fn section(version: usize) -> &'static str {
    let title = format!("-- schema {version}\n");
    let section = ROWS.split_once(&title).map_or("", |(_, rest)| rest);
    section.split("-- schema ").next().unwrap_or_default()
}

/// How many rows the sections up to a schema insert by `VALUES` or `SELECT`, by table: no statement of them inserts two.
fn written(table: &str, from: usize, version: usize) -> i64 {
    let insert = format!("INSERT INTO {table} ");
    let count = (from..=version).map(|version| section(version).matches(&insert).count());
    i64::try_from(count.sum::<usize>()).expect("few")
}

/// What must be true of a database of schema `version` that was opened.
fn check(database: &mut Database, version: usize, from: usize) {
    let of = |since: usize| version >= since;
    for table in TABLES {
        let sql: &'static str = format!("SELECT count(*) FROM {}", table.name).leak();
        let rows = database.read(|s| s.one(sql, &[], |row| row.get::<i64>(0)));
        let least = written(table.name, from, version);
        assert!(
            rows.expect("counted") >= least,
            "schema {version}: {}",
            table.name
        );
    }
    let open = database.all_open_incidents().expect("every body is read");
    let mut rules: Vec<(String, Rule)> = open.into_iter().map(|i| (i.id, i.rule)).collect();
    rules.sort_by(|one, other| one.0.cmp(&other.0));
    let mut expected = vec![("jbeqp4ec".to_owned(), Rule::BounceRate)];
    expected.retain(|_| from == 1);
    expected.extend(of(4).then(|| ("59gq43tt".to_owned(), Rule::BounceRate)));
    expected.extend(of(9).then(|| ("w1thhe1d".to_owned(), Rule::SpamRate)));
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(rules, expected, "schema {version}");
    let due = database.due_rows(LATER, DUE).expect("every row is read");
    let texts: Vec<&str> = due.iter().map(|row| row.message.text.as_str()).collect();
    let mut waiting = vec!["in the air"];
    waiting.retain(|_| from == 1);
    if of(4) {
        waiting.extend(["waits", "of several: 59gq43tt"]);
    }
    waiting.extend(of(10).then_some("of two"));
    assert_eq!(
        texts, waiting,
        "schema {version}: what was accepted is not due"
    );
    for row in &due {
        let in_the_air = row.message.text == "in the air";
        assert_eq!(
            row.unconfirmed.is_some(),
            in_the_air,
            "schema {version}: {row:?}"
        );
        assert!(!row.key.is_empty());
    }
    let named = database.notifications("59gq43tt").expect("read");
    let several = named.iter().any(|n| n.message.text.contains("of several"));
    assert_eq!(several, of(4), "schema {version}");
    let mutes = database.mutes(Timestamp(0)).expect("read");
    assert_eq!(
        mutes.len(),
        usize::from(of(7)) + usize::from(of(17)),
        "schema {version}"
    );
    let judged = database.feedback("59gq43tt").expect("read");
    assert_eq!(judged.is_some(), of(14), "schema {version}");
    assert_eq!(
        database.canary_mails(9).expect("read").len(),
        usize::from(of(18))
    );
    assert_eq!(
        database.due_hello().expect("read"),
        None,
        "it was in use: nobody is greeted"
    );
    let last = database.last_cycle_at().expect("read");
    assert_eq!(last, Some(Timestamp(1_772_542_800_000)), "schema {version}");
    database.check_schema().expect("up to date");
}

fn schema_of(file: &Connection) -> Vec<String> {
    let sql =
        "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1";
    let mut statement = file.prepare(sql).expect("valid");
    let lines = statement.query_map([], |row| row.get(0)).expect("asked");
    lines.map(|line| line.expect("text")).collect()
}

#[test]
fn a_file_of_every_schema_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = folder.path().join("new.db");
    drop(Database::open_sqlite(&new).expect("created"));
    let newest = schema_of(&Connection::open(&new).expect("opened"));
    for version in 1..=VERSIONS {
        let path = folder.path().join(format!("{version}.db"));
        let file = Connection::open(&path).expect("created");
        for (place, migration) in sqlite::MIGRATIONS[..version].iter().enumerate() {
            file.execute_batch(migration).expect("migrated");
            let rows = section(place + 1);
            file.execute_batch(rows)
                .unwrap_or_else(|why| panic!("schema {}: {why}", place + 1));
        }
        // That of the first release, schema 9, had it.
        if version >= 9 {
            let sql =
                "CREATE TABLE schema (least INTEGER NOT NULL); INSERT INTO schema VALUES (8);";
            file.execute_batch(sql).expect("written");
        }
        file.pragma_update(None, "user_version", version)
            .expect("set");
        drop(file);
        check(
            &mut Database::open_sqlite(&path).expect("opened"),
            version,
            1,
        );
        let found = schema_of(&Connection::open(&path).expect("opened"));
        assert_eq!(found, newest, "schema {version}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_schema_of_every_version_on_a_server_opens() {
    use crate::store::postgres;
    let Some(cluster) = super::cluster::cluster() else {
        return;
    };
    for version in 4..=VERSIONS {
        let url = cluster.database();
        let (address, _) = crate::database::Address::parse(&url).expect("a valid URL");
        let name = address.name.expect("a name");
        let mut sql = format!(
            "SET ROLE {}; CREATE SCHEMA hushwatch; SET search_path = hushwatch;
            CREATE TABLE schema (version BIGINT NOT NULL, least BIGINT NOT NULL);",
            super::cluster::ROLE
        );
        for place in 3..version {
            sql.push_str(postgres::MIGRATIONS[place]);
            sql.push_str(&section(place + 1).replace("X'", "'\\x"));
        }
        sql.push_str(&format!("INSERT INTO schema VALUES ({version}, 4);"));
        cluster.sql(&name, &sql);
        check(&mut super::new_postgres(&url), version, 4);
    }
}

/// A schema is what its migrations make of nothing, so they must stay what they were.
#[test]
fn no_migration_that_was_released_is_changed() {
    let mut found = String::new();
    for engine in ["sqlite", "postgres"] {
        let folder = format!(
            "{}/src/store/{engine}/migrations",
            env!("CARGO_MANIFEST_DIR")
        );
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("read")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        for file in files {
            let bytes = std::fs::read(&file).expect("read");
            let digest = digest(&SHA256, &bytes);
            let shown: String = digest
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let name = file
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            found.push_str(&format!("{shown}  {engine}/{name}\n"));
        }
    }
    assert_eq!(
        found, RELEASED,
        "add a new migration to tests/data/schemas/migrations.txt; an old one is never changed"
    );
}
