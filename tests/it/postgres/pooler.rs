//! A pooler in transaction mode: every client shares one session of the server, and has it for one transaction at a time.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::cluster::{Cluster, ROLE, cluster};
use crate::postgres::{URL, name, over_tcp};
use crate::world::{Process, World, at};

/// What a transaction left behind in the session: settings, and locks.
const LEFT_BEHIND: &str = "SELECT concat_ws(', ',
    (SELECT string_agg(name || ' = ' || setting, ', ') FROM pg_settings WHERE source = 'session'),
    (SELECT string_agg('a lock', ', ') FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()))";

/// It listens on a port of its own, until the tests end.
struct Pooler {
    port: u16,
    session: Arc<Mutex<Session>>,
}

/// The one session of the server.
struct Session {
    server: UnixStream,
    /// What the server said when the session began, which every client is told.
    greeting: Vec<u8>,
    transactions: usize,
    /// What was found after each transaction.
    left_behind: BTreeSet<String>,
}

impl Pooler {
    /// To a database of the cluster.
    fn start(cluster: &Cluster, database: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let session = Arc::new(Mutex::new(Session::open(cluster, database)));
        let shared = Arc::clone(&session);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let session = Arc::clone(&shared);
                std::thread::spawn(move || serve(client, &session));
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
                let told = client.write_all(&answer);
                if state == b'I' {
                    self.transactions += 1;
                    let left_behind = self.ask(LEFT_BEHIND)?;
                    self.left_behind.insert(left_behind);
                    return told;
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
fn serve(mut client: TcpStream, session: &Mutex<Session>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let rest = u32::from_be_bytes(length) as usize - 4;
    client.read_exact(&mut vec![0; rest])?;
    let greeting = session.lock().expect("whole").greeting.clone();
    client.write_all(&greeting)?;
    loop {
        let asked = read_message(&mut client)?;
        if asked[0] == b'X' {
            return Ok(());
        }
        let mut session = session.lock().expect("whole");
        session.transaction(&mut client, asked)?;
    }
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
    let pooler = Pooler::start(cluster, &database);
    let through = over_tcp(cluster, &database, "sslmode=disable");
    let through = through.replace(
        &format!(":{}/", cluster.port),
        &format!(":{}/", pooler.port),
    );
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

    let mut world = World::new(Process::One, "");
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

/// A pooler in statement mode: it lets everybody in, and ends each connection that begins a transaction.
fn statement_mode(greeting: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = refuse_transaction(&mut client, &greeting);
        }
    });
    port
}

fn refuse_transaction(client: &mut TcpStream, greeting: &[u8]) -> io::Result<()> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let rest = u32::from_be_bytes(length) as usize - 4;
    client.read_exact(&mut vec![0; rest])?;
    client.write_all(greeting)?;
    read_message(client)?;
    let fields =
        "SFATAL\0VFATAL\0C08P01\0Mtransaction blocks not allowed in statement pooling mode\0\0";
    client.write_all(b"E")?;
    client.write_all(&with_length(fields.as_bytes()))
}

#[test]
fn a_pooler_that_takes_no_transaction_is_told_once_and_named() {
    let Some(cluster) = cluster() else { return };
    let database = name(&cluster.database());
    let greeting = Session::open(cluster, &database).greeting;
    let through = over_tcp(cluster, &database, "sslmode=disable");
    let port = statement_mode(greeting);
    let through = through.replace(&format!(":{}/", cluster.port), &format!(":{port}/"));
    let mut world = World::new(Process::New, "");
    world.env(URL, &through);
    for _ in 0..3 {
        let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
        assert_eq!(cycle.code, 1, "{}", cycle.stderr);
        assert!(
            cycle.stderr.contains("a pooler in session mode"),
            "{}",
            cycle.stderr
        );
    }
    let posted = world.slack.messages();
    assert_eq!(posted.len(), 1, "{posted:#?}");
    assert!(
        posted[0].plain.contains("a pooler in session mode"),
        "{posted:#?}"
    );
}
