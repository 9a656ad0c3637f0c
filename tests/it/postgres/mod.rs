//! What only a database on a server can get wrong. Always on `PostgreSQL`, whatever the other tests run on.

mod cut;
mod gate;
mod heroku;
mod moving;
mod pooler;
mod precedence;
mod workers;

use hushwatch::internals::Address;
use hushwatch::model::Span;
use hushwatch::sim::postmark::Profile;

use crate::cluster::{Cluster, PASSWORD, ROLE, cluster};
use crate::secrets::{assert_hidden, everything};
use crate::words::{NO_DATABASE, assert_line};
use crate::world::{Cycle, Process, World, at};

const URL: &str = "HUSHWATCH_DATABASE_URL";

/// A world of which nothing is to be reported, its data at `url`.
fn world(url: &str) -> World {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-03T12:00:00Z"));
    let quiet = Profile::constant(20.0).without_bounces();
    world.shop.generate("outbound", span, &quiet);
    world.env(URL, url);
    // That the database was used is remembered there.
    let folder = world.folder.path().display().to_string();
    world.env("TMPDIR", &folder);
    world
}

/// The name of the database at `url`.
fn name(url: &str) -> String {
    let (address, _) = Address::parse(url).expect("a valid URL");
    address.name.expect("a name")
}

/// The address of a database over TCP.
fn over_tcp(cluster: &Cluster, name: &str, options: &str) -> String {
    let port = cluster.port;
    format!("postgres://{ROLE}:{PASSWORD}@localhost:{port}/{name}?{options}")
}

/// How hushwatch names a database over TCP.
fn place(cluster: &Cluster, name: &str) -> String {
    format!("PostgreSQL database {name} at localhost:{}", cluster.port)
}

/// The log where anybody may stand between.
fn not_verified(cluster: &Cluster, name: &str) -> String {
    format!(
        "WARN THE DATABASE IS NOT VERIFIED: the connection to the {} is encrypted, but its certificate is not checked, so anyone in \
         between can read and change everything; set `store.tls` to \"verify-full\", with `store.ca_file` if the server's certificate \
         is your own",
        place(cluster, name)
    )
}

fn check(world: &mut World) -> Cycle {
    world.cycle(at("2026-03-03T10:00:00Z"))
}

#[test]
fn a_certificate_is_believed_where_it_is_vouched_for_or_all_are() {
    let Some(cluster) = cluster() else { return };
    let name = name(&cluster.database());
    let mut world = world(&over_tcp(cluster, &name, "sslmode=verify-full"));
    let refused = check(&mut world);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    // Between the two stand the words of the TLS library.
    let why = format!(
        "hushwatch: failed to use the {}: the server cannot prove who it is (",
        place(cluster, &name)
    );
    let remedy = "); set `store.ca_file` to the certificate in PEM that it is signed with, or `store.tls` to \"require\" to believe whoever answers";
    let is_said = |line: &str| line.starts_with(&why) && line.ends_with(remedy);
    assert!(refused.stderr.lines().any(is_said), "{}", refused.stderr);
    assert_eq!(world.slack.messages(), [], "nothing was sent before");
    let encrypted = "SELECT CAST(count(*) AS TEXT) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE s.ssl AND a.usename = current_user";
    assert_eq!(cluster.texts("postgres", encrypted), ["0"]);
    world.env(
        "HUSHWATCH_STORE__CA_FILE",
        &Cluster::certificate().display().to_string(),
    );
    let vouched = check(&mut world);
    assert_eq!(vouched.code, 0, "{}", vouched.stderr);
    assert!(
        !vouched.stderr.contains("THE DATABASE IS NOT"),
        "{}",
        vouched.stderr
    );
    world.env("HUSHWATCH_STORE__CA_FILE", "");
    world.env("HUSHWATCH_STORE__TLS", "require");
    let all = check(&mut world);
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert_line(&all.stderr, &not_verified(cluster, &name));
}

#[test]
fn what_a_server_refuses_is_one_line_with_its_remedy() {
    let Some(cluster) = cluster() else { return };
    let name = name(&cluster.database());
    let right = over_tcp(cluster, &name, "sslmode=disable");
    cluster.sql("postgres", &format!("CREATE DATABASE others_{name}"));
    let closed = right.replace(&format!(":{}/", cluster.port), ":9/");
    let mut said = Vec::new();
    for (what, url, code) in [
        (
            "another password",
            right.replace(PASSWORD, "canary-that-is-wrong"),
            2,
        ),
        ("another user", right.replace(ROLE, "canary-nobody"), 2),
        ("no database", right.replace(&name, "missing"), 2),
        (
            "no right to make a schema",
            right.replace(&name, &format!("others_{name}")),
            2,
        ),
        ("an @ in the password", right.replace('@', "@canary@"), 2),
        ("another kind", right.replace("postgres://", "mysql://"), 2),
        ("nobody listens", closed, 1),
    ] {
        let mut world = world(&url);
        let ended = check(&mut world);
        assert_eq!(ended.code, code, "{what}: {}", ended.stderr);
        let lines = ended.stderr.lines();
        let refused: Vec<&str> = lines.filter(|l| l.starts_with("hushwatch: ")).collect();
        assert_eq!(refused.len(), 1, "{}", ended.stderr);
        let refused = refused[0].replace(&name, "<name>");
        let refused = refused.replace(&format!(":{}", cluster.port), ":<port>");
        said.push(format!("{what}\n{refused}\n"));
        assert_hidden(
            &ended.stderr,
            &[PASSWORD.to_owned(), "canary-".to_owned() + "that"],
            what,
        );
        let alerts = world.alerts();
        let alerts = alerts.iter().filter(|a| *a == NO_DATABASE).count();
        assert_eq!(alerts, usize::from(code == 1), "{what}");
    }
    insta::assert_snapshot!("what_a_server_refuses", said.join("\n"));
}

/// Nobody is at work on a database that worked: somebody took it away.
#[test]
fn a_database_that_worked_and_refuses_is_told_once_and_one_that_never_did_is_not() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database();
    let mut world = world(&url);
    assert_eq!(check(&mut world).code, 0);
    let _ = world.slack.take();
    cluster.sql(
        "postgres",
        &format!("DROP DATABASE {} WITH (FORCE)", name(&url)),
    );
    for alerts in [1, 0] {
        let refused = check(&mut world);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert_eq!(world.alerts(), &[NO_DATABASE][..alerts]);
    }
    world.env(URL, &url.replace(&name(&url), "missing"));
    assert_eq!(check(&mut world).code, 2);
    assert_eq!(world.alerts(), [""; 0]);
}

#[cfg(feature = "doctor")]
#[test]
fn doctor_says_that_no_schema_can_be_made() {
    let Some(cluster) = cluster() else { return };
    let name = name(&cluster.database());
    let other = format!("bare_{name}");
    cluster.sql("postgres", &format!("CREATE DATABASE {other}"));
    let url = over_tcp(cluster, &other, "sslmode=disable");
    let said = |lacks: &str| {
        let said = world(&url).transcript(&["doctor"]);
        let text = format!(
            "✗ Database not usable — failed to use the PostgreSQL database {other} at localhost:{}: the user may not do that (permission denied for {lacks}",
            cluster.port
        );
        assert!(said.contains(&text), "{said}");
    };
    said(&format!(
        "database {other}); let it CREATE on the database, or give it the schema: CREATE SCHEMA hushwatch AUTHORIZATION its name"
    ));
    // In one that another user made, the right on the database would change nothing.
    cluster.sql(
        &other,
        "CREATE SCHEMA hushwatch; GRANT USAGE ON SCHEMA hushwatch TO PUBLIC",
    );
    said(
        "schema hushwatch); log in as the owner of the schema hushwatch, or let the owner GRANT ALL",
    );
}

#[test]
fn a_schema_that_vanishes_under_a_process_is_said_to_be_new() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database();
    let (address, _) = Address::parse(&url).expect("a valid URL");
    let store = hushwatch::internals::Store::postgres(&address).expect("a store");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let hello = || runtime.block_on(store.call(|s| s.due_hello()));
    let first = hello().expect("usable").expect("due");
    assert!(!first.is_anew);
    cluster.sql(&name(&url), "DROP SCHEMA hushwatch CASCADE");
    store.close_idle();
    let again = hello().expect("usable").expect("due");
    assert!(again.is_anew);
}

#[test]
fn a_newer_schema_is_refused_unless_it_says_that_this_version_may_go_on() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database();
    let mut world = world(&url);
    assert_eq!(check(&mut world).code, 0);
    let version = "SELECT CAST(version AS TEXT) FROM hushwatch.schema";
    let version = cluster.texts(&name(&url), version)[0].clone();
    cluster.sql(&name(&url), "UPDATE hushwatch.schema SET version = 999; ALTER TABLE hushwatch.polls ADD COLUMN future BIGINT");
    let goes_on = check(&mut world);
    assert_eq!(goes_on.code, 0, "{}", goes_on.stderr);
    cluster.sql(&name(&url), "UPDATE hushwatch.schema SET least = 999");
    let refused = check(&mut world);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let place = crate::store::place_of(&url).replace("schema hushwatch of the ", "");
    let why = format!(
        "hushwatch: failed to use the {place}: the database has schema 999, this version knows up to {version}; use the newer hushwatch"
    );
    assert_line(&refused.stderr, &why);
    assert_eq!(world.alerts(), [NO_DATABASE], "as of a file");
}

#[test]
fn a_newer_schema_is_reported_once_per_outage_across_processes() {
    let Some(cluster) = cluster() else { return };
    let mut world = world(&cluster.database());
    crate::upgrade::reported_once(&mut world);
}

#[test]
fn a_newer_schema_under_a_running_version_ends_its_work() {
    let Some(cluster) = cluster() else { return };
    let mut world = World::new(Process::One, "");
    world.env(URL, &cluster.database());
    crate::upgrade::ends_its_work(&mut world);
}

#[test]
fn nothing_outside_the_schema_is_touched() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database();
    let database = name(&url);
    cluster.sql(
        &database,
        &format!(
            "CREATE TABLE public.messages (id INT); INSERT INTO public.messages VALUES (7);
         CREATE TABLE public.schema (version TEXT); CREATE TABLE public.servers (name TEXT);
         ALTER ROLE {ROLE} IN DATABASE {database} SET search_path = public;
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}; GRANT ALL ON SCHEMA public TO {ROLE}"
        ),
    );
    let state = || {
        cluster.texts(&database, "SELECT n.nspname || '.' || c.relname || ' ' || c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname NOT IN ('hushwatch', 'pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1")
    };
    let before = state();
    let mut world = world(&url);
    for hour in ["10", "11", "12"] {
        let cycle = world.cycle(at(&format!("2026-03-03T{hour}:00:00Z")));
        assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    }
    assert_eq!(state(), before);
    let theirs = "SELECT string_agg(id::text, ',') FROM public.messages";
    assert_eq!(cluster.texts(&database, theirs), ["7"]);
    let ours = "SELECT CAST(count(*) > 100 AS TEXT) FROM messages";
    assert_eq!(cluster.texts(&database, ours), ["true"]);
}

#[test]
fn the_address_is_reported_without_user_and_password() {
    let Some(cluster) = cluster() else { return };
    let database = name(&cluster.database());
    let mut world = crate::secrets::world();
    let place = format!("{database} at localhost:{}", cluster.port);
    for password in [PASSWORD, "canary-that-is-wrong"] {
        let url = over_tcp(cluster, &database, "sslmode=disable").replace(PASSWORD, password);
        world.env(URL, &url);
        let all = everything(&world);
        let secrets = [PASSWORD, "canary-that-is-wrong", ROLE].map(str::to_owned);
        assert_hidden(&all, &secrets, "a database");
        assert!(all.contains(&place), "it is named: {all}");
        world.set_aside("before what is tested");
    }
    let shown = world.run(&["config", "show"]);
    let shown = shown.report.as_str().unwrap_or_default().to_owned();
    assert!(
        shown.contains(&format!(
            "data: schema hushwatch of the PostgreSQL database {place}"
        )),
        "{shown}"
    );
}

#[test]
fn an_application_database_of_another_kind_is_left_to_it() {
    let mut world = world("");
    world.env(
        "DATABASE_URL",
        "mysql://someone:canary-mysql@db.example.com/app",
    );
    let cycle = check(&mut world);
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    assert_line(
        &world.shown(&cycle.stderr),
        "WARN DATABASE_URL is not used: it is not a PostgreSQL URL (postgres://…), so the data goes to the file <folder>/hushwatch.db; set HUSHWATCH_DATABASE_URL to use a database of its own",
    );
    assert!(!cycle.stderr.contains("canary-mysql"), "{}", cycle.stderr);
    assert!(world.folder.path().join("hushwatch.db").exists());
}
