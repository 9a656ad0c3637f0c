//! A pooler: every client shares one session of the server, and has it for one transaction at a time, or until it leaves.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::cluster::{self, Cluster, PASSWORD, ROLE, cluster};
use crate::postgres::{URL, name, over_tcp};
use crate::words::assert_line;
use crate::world::{Process, World, at, wait_until};

/// What a transaction left behind in the session: settings, locks, and statements.
const LEFT_BEHIND: &str = "SELECT concat_ws(', ',
    (SELECT string_agg(name || ' = ' || setting, ', ') FROM pg_settings WHERE source = 'session'),
    (SELECT string_agg('a lock', ', ') FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
    (SELECT string_agg('a statement', ', ') FROM pg_prepared_statements))";

/// For how long a client has the session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Transaction,
    Session,
}

/// It listens on a port of its own, until the tests end.
struct Pooler {
    port: u16,
    session: Arc<Mutex<Session>>,
}

/// The one session of the server.
struct Session {
    server: UnixStream,
    /// What the server said when the session began, which every client gets.
    greeting: Vec<u8>,
    transactions: usize,
    /// What was found after each transaction.
    left_behind: BTreeSet<String>,
}

impl Pooler {
    /// To a database of the cluster.
    fn start(cluster: &Cluster, database: &str, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let session = Session::open(cluster, database);
        let greeting = session.greeting.clone();
        let session = Arc::new(Mutex::new(session));
        let shared = Arc::clone(&session);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (session, greeting) = (Arc::clone(&shared), greeting.clone());
                std::thread::spawn(move || serve(client, &greeting, &session, mode));
            }
        });
        Self { port, session }
    }

    /// How many transactions ended, and what they left behind.
    fn seen(&self) -> (usize, Vec<String>) {
        let session = self.session.lock().expect("whole");
        let left_behind = session.left_behind.iter().cloned();
        (session.transactions, left_behind.collect())
    }
}

impl Session {
    fn open(cluster: &Cluster, database: &str) -> Self {
        let mut server = UnixStream::connect(cluster.socket()).expect("the server");
        let parameters = format!("user\0{ROLE}\0database\0{database}\0\0");
        let mut start = 196_608_u32.to_be_bytes().to_vec();
        start.extend(parameters.as_bytes());
        server.write_all(&with_length(&start)).expect("sent");
        let mut session = Self {
            server,
            greeting: Vec::new(),
            transactions: 0,
            left_behind: BTreeSet::new(),
        };
        let (greeting, _) = session.answer().expect("let in");
        session.greeting = greeting;
        session
    }

    /// Everything up to the moment where the server is ready again, and the state of its transaction.
    fn answer(&mut self) -> io::Result<(Vec<u8>, u8)> {
        let mut all = Vec::new();
        loop {
            let message = read_message(&mut self.server)?;
            all.extend(&message);
            if message[0] == b'Z' {
                return Ok((all, message[5]));
            }
        }
    }

    /// Runs a query of one text; the text.
    fn ask(&mut self, sql: &str) -> io::Result<String> {
        let mut text = sql.as_bytes().to_vec();
        text.push(0);
        self.server.write_all(b"Q")?;
        self.server.write_all(&with_length(&text))?;
        let mut found = String::new();
        loop {
            let message = read_message(&mut self.server)?;
            match message[0] {
                // One column, whose length comes before it.
                b'D' => found = String::from_utf8_lossy(&message[11..]).into_owned(),
                b'Z' => return Ok(found),
                _ => {}
            }
        }
    }

    /// One transaction of `client`, which begins with the message `asked`.
    fn transaction(&mut self, client: &mut TcpStream, mut asked: Vec<u8>) -> io::Result<()> {
        loop {
            self.server.write_all(&asked)?;
            if matches!(asked[0], b'Q' | b'S') {
                let (answer, state) = self.answer()?;
                let listed = client.write_all(&answer);
                if state == b'I' {
                    self.transactions += 1;
                    let left_behind = self.ask(LEFT_BEHIND)?;
                    self.left_behind.insert(left_behind);
                    return listed;
                }
            }
            match read_message(client) {
                Ok(next) if next[0] != b'X' => asked = next,
                _ => return self.ask("ROLLBACK").map(|_| ()),
            }
        }
    }
}

/// The messages of a client, one transaction after the other.
fn serve(
    mut client: TcpStream,
    greeting: &[u8],
    session: &Mutex<Session>,
    mode: Mode,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    read_start(&mut client)?;
    client.write_all(greeting)?;
    let mut kept = None;
    loop {
        let asked = read_message(&mut client)?;
        if asked[0] == b'X' {
            return Ok(());
        }
        let lock = || session.lock().expect("whole");
        let mut session = kept.take().unwrap_or_else(lock);
        session.transaction(&mut client, asked)?;
        if mode == Mode::Session {
            kept = Some(session);
        }
    }
}

fn read_start(client: &mut TcpStream) -> io::Result<()> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let rest = u32::from_be_bytes(length) as usize - 4;
    client.read_exact(&mut vec![0; rest])
}

fn read_message(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 5];
    from.read_exact(&mut message)?;
    let length = u32::from_be_bytes([message[1], message[2], message[3], message[4]]) as usize;
    message.resize(length + 1, 0);
    from.read_exact(&mut message[5..])?;
    Ok(message)
}

fn with_length(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("short");
    [&length.to_be_bytes(), body].concat()
}

/// What an application finds through the pooler.
async fn first_text(client: &Client, sql: &str) -> String {
    let found = client.simple_query(sql).await.expect(sql);
    let row = found.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    row.expect("a row").get(0).expect("a text").to_owned()
}

/// The address of a database of the cluster by way of what listens on `port`.
fn at_port(cluster: &Cluster, database: &str, port: u16) -> String {
    let direct = over_tcp(cluster, database, "sslmode=disable");
    direct.replace(&format!(":{}/", cluster.port), &format!(":{port}/"))
}

#[test]
fn nothing_outlives_a_transaction_behind_a_pooler() {
    let Some(cluster) = cluster() else { return };
    let database = name(&cluster.database());
    cluster.sql(
        &database,
        &format!(
            "CREATE TABLE public.orders (id INT); INSERT INTO public.orders VALUES (7);
             GRANT ALL ON public.orders TO {ROLE}"
        ),
    );
    let pooler = Pooler::start(cluster, &database, Mode::Transaction);
    let through = at_port(cluster, &database, pooler.port);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let connecting = tokio_postgres::connect(&through, NoTls);
    let (application, connection) = runtime.block_on(connecting).expect("let in");
    runtime.spawn(connection);
    let ask = |sql: &str| runtime.block_on(first_text(&application, sql));
    let settings = [
        "search_path",
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "synchronous_commit",
        "default_transaction_read_only",
    ];
    let shown = || settings.map(|setting| ask(&format!("SHOW {setting}")));
    let before = shown();
    assert_eq!(before[0], "\"$user\", public");

    let mut world = World::new(Process::New, "");
    world.env(URL, &through);
    for hour in 10..13 {
        let cycle = world.cycle(at(&format!("2026-03-03T{hour}:00:00Z")));
        assert_eq!(cycle.code, 0, "{}", cycle.stderr);
        assert_eq!(ask("SELECT count(*) FROM orders"), "1");
        assert_eq!(shown(), before);
    }
    let (transactions, left_behind) = pooler.seen();
    assert!(
        transactions > 60,
        "{transactions} transactions came through"
    );
    assert_eq!(left_behind, [""]);
    let ours = "SELECT CAST(count(*) AS TEXT) FROM polls";
    assert_eq!(cluster.texts(&database, ours), ["3"]);
}

/// A pooler that refuses, as `PgBouncer` does: at the login, or whatever a client that was let in asks first.
fn refusing(greeting: Option<Vec<u8>>, text: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let fields = format!("SFATAL\0VFATAL\0C08P01\0M{text}\0\0");
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = refuse(&mut client, greeting.as_deref(), &fields);
        }
    });
    port
}

fn refuse(client: &mut TcpStream, greeting: Option<&[u8]>, fields: &str) -> io::Result<()> {
    read_start(client)?;
    if let Some(greeting) = greeting {
        client.write_all(greeting)?;
        read_message(client)?;
    }
    client.write_all(b"E")?;
    client.write_all(&with_length(fields.as_bytes()))
}

#[test]
fn a_pooler_that_takes_no_transaction_is_reported_once_and_named() {
    let Some(cluster) = cluster() else { return };
    let database = name(&cluster.database());
    let greeting = Session::open(cluster, &database).greeting;
    let text = "transaction blocks not allowed in statement pooling mode";
    let port = refusing(Some(greeting), text);
    assert_refused_once(&at_port(cluster, &database, port));
}

#[test]
fn doctor_tries_the_database_through_a_pooler() {
    let Some(cluster) = cluster() else { return };
    let database = name(&cluster.database());
    let pooler = Pooler::start(cluster, &database, Mode::Transaction);
    let mut world = World::new(Process::New, "[doctor]\nsmtp = \"\"\n");
    world.env(URL, &at_port(cluster, &database, pooler.port));
    assert_eq!(world.run(&["migrate"]).code, 0);
    let said = |world: &World| {
        let report = world.run(&["doctor"]).report;
        report.as_str().expect("text").to_owned()
    };
    // A second process finds what the first one left behind.
    for _ in 0..2 {
        let through = said(&world);
        assert_line(
            &through
                .replace(&format!(":{}", pooler.port), ":<port>")
                .replace(&database, "<name>"),
            "✓ Database writable: schema hushwatch of the PostgreSQL database <name> at localhost:<port>",
        );
    }
    assert_eq!(pooler.seen().1, [""]);
    let greeting = Session::open(cluster, &database).greeting;
    let text = "transaction blocks not allowed in statement pooling mode";
    let port = refusing(Some(greeting), text);
    world.env(URL, &at_port(cluster, &database, port));
    let refused = said(&world);
    assert_line(
        &refused
            .replace(&format!(":{port}"), ":<port>")
            .replace(&database, "<name>"),
        "✗ Database not usable — failed to use the PostgreSQL database <name> at localhost:<port>: the server ends each connection at its first step; check that it runs, and let the database URL name PostgreSQL itself or a pooler in session or transaction mode",
    );
    world.set_aside("not what is tested");
}

/// Each cycle at `url` fails and names the remedy, and the first one tells it.
fn assert_refused_once(url: &str) {
    let mut world = World::new(Process::New, "");
    world.env(URL, url);
    let remedy = "a pooler in session or transaction mode";
    for _ in 0..3 {
        let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
        assert_eq!(cycle.code, 1, "{}", cycle.stderr);
        assert!(cycle.stderr.contains(remedy), "{}", cycle.stderr);
    }
    let posted = world.slack.messages();
    assert_eq!(posted.len(), 1, "{posted:#?}");
    assert!(posted[0].plain.contains(remedy), "{posted:#?}");
}

#[test]
fn what_a_pooler_refuses_names_its_remedy() {
    let Some(cluster) = cluster() else { return };
    let database = name(&cluster.database());
    let greeting = Session::open(cluster, &database).greeting;
    let mut said = Vec::new();
    for (text, let_in, code) in [
        ("SASL authentication failed", false, 2),
        ("no such database: canary", false, 2),
        ("SSL required", false, 2),
        (
            "server login has been failing, cached error: FATAL: database \"canary\" does not exist (server_login_retry)",
            true,
            2,
        ),
        ("query_wait_timeout", true, 1),
        ("no more connections allowed (max_client_conn)", false, 1),
    ] {
        let port = refusing(let_in.then(|| greeting.clone()), text);
        let mut world = World::new(Process::New, "");
        world.env(URL, &at_port(cluster, &database, port));
        let ended = world.cycle(at("2026-03-03T10:00:00Z"));
        assert_eq!(ended.code, code, "{text}: {}", ended.stderr);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
        let line = ended.stderr.lines().find(|l| l.starts_with("hushwatch: "));
        let line = line.unwrap_or_default().replace(&database, "<name>");
        let line = line.replace(&format!(":{port}"), ":<port>");
        said.push(format!("{text}\n{line}\n"));
        let alerts = world.alerts().len();
        assert_eq!(alerts, usize::from(code == 1), "{text}: {}", ended.stderr);
    }
    insta::assert_snapshot!("what_a_pooler_refuses", said.join("\n"));
}

/// A world of six servers, which are polled at the same time.
fn six_servers(url: &str) -> World {
    let mut world = World::new(Process::New, "");
    std::fs::write(world.folder.path().join("monitor.toml"), "").expect("written");
    for n in 0..5 {
        world.postmark.server(&format!("client-{n}"));
    }
    world.postmark.set_account_token("account");
    for (name, value) in [
        (URL, url),
        ("POSTMARK_SERVER_TOKEN", ""),
        ("POSTMARK_ACCOUNT_TOKEN", "account"),
    ] {
        world.env(name, value);
    }
    world
}

/// Two cycles at `url`, in a process each, see everything and tell nothing but the hello.
fn assert_six_are_seen(url: &str) {
    let mut world = six_servers(url);
    for instant in ["2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z"] {
        let cycle = world.cycle(at(instant));
        assert_eq!(cycle.code, 0, "{}", cycle.stderr);
        let seen = cycle.report["servers"].as_array().expect("servers");
        let reachable = seen.iter().filter(|s| s["reachable"] == true).count();
        assert!(reachable >= 6, "{}", cycle.report);
    }
    assert_eq!(world.alerts(), [""; 0]);
}

#[test]
fn fewer_connections_than_wished_for_are_waited_for() {
    let Some(cluster) = cluster() else { return };
    for limit in [1, 2] {
        let database = name(&cluster.database());
        let role = format!("{database}_{limit}");
        let sql = format!(
            "CREATE ROLE {role} LOGIN CONNECTION LIMIT {limit}; ALTER DATABASE {database} OWNER TO {role}"
        );
        cluster.sql("postgres", &sql);
        assert_six_are_seen(&cluster.url(&role, &database));
    }
}

#[test]
fn the_one_connection_of_a_pooler_is_waited_for() {
    let Some(cluster) = cluster() else { return };
    for mode in [Mode::Session, Mode::Transaction] {
        let database = name(&cluster.database());
        let pooler = Pooler::start(cluster, &database, mode);
        assert_six_are_seen(&at_port(cluster, &database, pooler.port));
    }
}

#[test]
fn a_daemon_holds_no_connection_between_its_cycles() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database();
    let database = name(&url);
    let mut world = six_servers(&url);
    world.postmark.set_now(hushwatch::clock::now());
    let polls = "SELECT CAST(count(*) AS TEXT) FROM polls";
    assert_eq!(world.cycle(hushwatch::clock::now()).code, 0);
    let before = cluster.texts(&database, polls);
    let mut daemon = world.start_daemon(Stdio::null());
    wait_until("its cycle", || cluster.texts(&database, polls) != before);
    let open =
        format!("SELECT CAST(count(*) AS TEXT) FROM pg_stat_activity WHERE datname = '{database}'");
    wait_until("the end of its connections", || {
        cluster.texts("postgres", &open) == ["0"]
    });
    let goes_on = daemon.try_wait().expect("asked").is_none();
    daemon.kill().expect("killed");
    daemon.wait().expect("ended");
    assert!(goes_on, "it ended");
}

#[test]
fn the_pooler_of_the_tests_is_used_or_refused_with_its_remedy() {
    let Some((mode, _)) = cluster::pooler() else {
        let said = "HUSHWATCH_TEST_POOLER names no pooler: its test did not run";
        writeln!(io::stderr(), "{said}").expect("said");
        return;
    };
    let right = cluster().expect("it runs").database();
    if mode == "statement" {
        return assert_refused_once(&right);
    }
    assert_six_are_seen(&right);
    for (url, remedy) in [
        (right.replace(PASSWORD, "wrong"), "check user and password"),
        (right.replace(ROLE, "nobody"), "check user and password"),
        (
            right.replace(&name(&right), "missing"),
            "there is no such database",
        ),
    ] {
        let mut world = World::new(Process::New, "");
        world.env(URL, &url);
        let ended = world.cycle(at("2026-03-03T10:00:00Z"));
        assert_eq!(ended.code, 2, "{mode} {remedy}: {}", ended.stderr);
        assert!(ended.stderr.contains(remedy), "{mode}: {}", ended.stderr);
    }
}
