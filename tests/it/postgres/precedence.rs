//! Which of several places holds the data, and that no upgrade leaves any behind.

use crate::cluster::cluster;
use crate::postgres::{URL, check, name, over_tcp, place, world};
use crate::words::assert_line;

#[test]
fn an_explicit_file_is_refused_where_it_would_leave_data_behind() {
    let Some(cluster) = cluster() else { return };
    let database = name(&cluster.database());
    let url = over_tcp(cluster, &database, "sslmode=disable");
    // As before the upgrade: a database that is used, and no file.
    let mut world = world("");
    let file = world.folder.path().join("hushwatch.db");
    let file = file.display().to_string();
    world.env("HUSHWATCH_STORE__PATH", "");
    world.env("DATABASE_URL", &url);
    assert_eq!(check(&mut world).code, 0);

    world.env("HUSHWATCH_STORE__PATH", &file);
    for verb in [
        &["check"][..],
        &["run"],
        &["status"],
        &["mute", "--list"],
        &["migrate"],
    ] {
        let ended = world.run(verb);
        assert_eq!(ended.code, 2, "{verb:?}: {}", ended.stderr);
        let said = &ended.stderr;
        let place = format!("{database} at localhost:{}", cluster.port);
        for named in [
            place.as_str(),
            &file,
            "HUSHWATCH_STORE__PATH decides",
            "`none`",
        ] {
            assert!(said.contains(named), "{verb:?}: {named}: {said}");
        }
        assert!(!std::path::Path::new(&file).exists(), "{verb:?}");
    }
    let doctor = world.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    let said = doctor.report.as_str().unwrap_or_default().to_owned();
    assert_line(
        &world
            .shown(&said)
            .replace(&place(cluster, &database), "<place>"),
        "✗ the data so far is in schema hushwatch of the <place>, which DATABASE_URL names, but HUSHWATCH_STORE__PATH decides for the file <folder>/hushwatch.db, which has none; set HUSHWATCH_DATABASE_URL to that database to go on with its data, or to `none` to begin anew in the file",
    );
    let valid = world.run(&["config", "check"]);
    let said = valid.report.as_str().unwrap_or_default().to_owned();
    assert_line(
        &world.shown(&said),
        "note: DATABASE_URL is not used: HUSHWATCH_STORE__PATH decides, so the data goes to the file <folder>/hushwatch.db; set HUSHWATCH_DATABASE_URL to the same URL to use that database, or to `none` to keep to the file",
    );
    assert_eq!(world.slack.messages(), [], "nothing was sent");

    world.env(URL, &url);
    let goes_on = world.run(&["status"]);
    assert_eq!(goes_on.code, 0, "{}", goes_on.stderr);
    world.env(URL, "none");
    let anew = check(&mut world);
    assert_eq!(anew.code, 0, "{}", anew.stderr);
    assert!(std::path::Path::new(&file).exists());
    // From now on the file has data, and is an explicit choice.
    world.env(URL, "");
    assert_eq!(world.run(&["status"]).code, 0);
}

#[test]
fn an_explicit_file_wins_over_a_database_without_data() {
    let Some(cluster) = cluster() else { return };
    let database = name(&cluster.database());
    let mut world = world("");
    world.env(
        "DATABASE_URL",
        &over_tcp(cluster, &database, "sslmode=disable"),
    );
    let cycle = check(&mut world);
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    assert_line(
        &cycle
            .stderr
            .replace(&world.folder.path().display().to_string(), "<folder>"),
        "INFO the data is in the SQLite file <folder>/hushwatch.db (HUSHWATCH_STORE__PATH)",
    );
    assert!(world.folder.path().join("hushwatch.db").exists());
    let schema = "SELECT CAST(count(*) AS TEXT) FROM pg_namespace WHERE nspname = 'hushwatch'";
    assert_eq!(
        cluster.texts(&database, schema),
        ["0"],
        "it was not touched"
    );
}
