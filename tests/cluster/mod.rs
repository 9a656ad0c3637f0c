//! A throwaway `PostgreSQL` cluster for the tests, one for each process of tests, or the one that
//! `HUSHWATCH_TEST_CLUSTER=FOLDER:PORT` names; a new database for each test. With
//! `HUSHWATCH_TEST_POOLER=MODE:PORT` the tests reach it through the pooler there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

/// The role that tests work as; it owns the databases, and has no other right.
pub(crate) const ROLE: &str = "canary_watcher";
/// Its password, which is asked for over TCP only.
pub(crate) const PASSWORD: &str = "canary-of-the-cluster";

/// A running cluster.
pub(crate) struct Cluster {
    folder: PathBuf,
    pub(crate) port: u16,
    /// Ends with this process: its standard input does.
    _keeper: Option<Child>,
}

/// The cluster of this process, started when it is first asked for; `None` where there is no `PostgreSQL`, which is said,
/// and a failure where `HUSHWATCH_REQUIRE_POSTGRES` is set.
pub(crate) fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(|| {
        let started = Cluster::named().or_else(Cluster::start);
        if started.is_none() {
            let required = std::env::var_os("HUSHWATCH_REQUIRE_POSTGRES").is_some();
            assert!(!required, "PostgreSQL is required, and not installed");
            let said = "there is no PostgreSQL (initdb, postgres): its tests did not run";
            writeln!(std::io::stderr(), "{said}").expect("said");
        }
        started
    });
    cluster.as_ref()
}

impl Cluster {
    /// The address of a new and empty database, over the socket.
    pub(crate) fn database(&self) -> String {
        let name = new_name();
        self.sql(
            "postgres",
            &format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0"),
        );
        self.url_for_tests(&name)
    }

    /// The address of a copy of a database; whoever is connected to it is sent away.
    pub(crate) fn copy(&self, from: &str) -> String {
        let name = new_name();
        self.sql(
            "postgres",
            &format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'"
            ),
        );
        let sql = format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {from}");
        self.sql("postgres", &sql);
        self.url_for_tests(&name)
    }

    /// The address of a database over the socket, or by way of the pooler.
    fn url_for_tests(&self, name: &str) -> String {
        match pooler() {
            Some((_, port)) => {
                format!("postgres://{ROLE}:{PASSWORD}@127.0.0.1:{port}/{name}?sslmode=disable")
            }
            None => self.url(ROLE, name),
        }
    }

    /// The address of a database over the socket, by which everybody is let in.
    pub(crate) fn url(&self, user: &str, name: &str) -> String {
        let folder = self.folder.display();
        format!("postgres://{user}@/{name}?host={folder}&port={}", self.port)
    }

    /// The socket of the server, by which everybody is let in.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// The certificate of the server, which signed itself, for `localhost`.
    pub(crate) fn certificate() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/server.crt")
    }

    /// Runs statements on a database as its superuser.
    pub(crate) fn sql(&self, name: &str, statements: &str) {
        self.with(name, async |client| {
            client.batch_execute(statements).await.expect(statements);
        });
    }

    /// The first column, a text, of what a query on a database finds, names being those of our schema.
    pub(crate) fn texts(&self, name: &str, query: &str) -> Vec<String> {
        self.with(name, async |client| {
            let set = client.batch_execute("SET search_path = hushwatch");
            set.await.expect("set");
            let found = client.query(query, &[]).await.expect(query);
            found.iter().map(|row| row.get(0)).collect()
        })
    }

    fn with<T>(&self, name: &str, work: impl AsyncFnOnce(&Client) -> T) -> T {
        let runtime = runtime();
        runtime.block_on(async {
            let url = self.url("postgres", name);
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("open");
            tokio::spawn(connection);
            work(&client).await
        })
    }

    fn named() -> Option<Self> {
        let named = std::env::var("HUSHWATCH_TEST_CLUSTER").ok()?;
        let (folder, port) = named.rsplit_once(':').expect("FOLDER:PORT");
        let cluster = Self {
            folder: PathBuf::from(folder),
            port: port.parse().expect("a port"),
            _keeper: None,
        };
        cluster.prepare();
        Some(cluster)
    }

    fn start() -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("hushwatch-pg-")
            .tempdir()
            .expect("a folder")
            .keep();
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/run.sh");
        let keeper = Command::new("sh")
            .arg(script)
            .arg(&folder)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut cluster = Self {
            folder,
            port,
            _keeper: keeper.ok(),
        };
        let ready = cluster.wait();
        if ready {
            cluster.prepare();
        }
        ready.then_some(cluster)
    }

    /// Waits until it answers; false where it ended instead.
    fn wait(&mut self) -> bool {
        let runtime = runtime();
        let deadline = Instant::now() + Duration::from_secs(60);
        let url = self.url("postgres", "postgres");
        loop {
            if runtime
                .block_on(tokio_postgres::connect(&url, NoTls))
                .is_ok()
            {
                return true;
            }
            let ended = |keeper: &mut Child| keeper.try_wait().expect("asked").is_some();
            if self._keeper.as_mut().is_none_or(ended) {
                return false;
            }
            assert!(Instant::now() < deadline, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes the role of the tests, where it is not there yet.
    fn prepare(&self) {
        self.sql(
            "postgres",
            &format!(
                "DO $$ BEGIN PERFORM pg_advisory_lock(1);
                 IF to_regrole('{ROLE}') IS NULL THEN CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'; END IF;
                 END $$"
            ),
        );
    }
}

/// The mode and the port of the pooler that the tests are to use, if any.
pub(crate) fn pooler() -> Option<(String, u16)> {
    let named = std::env::var("HUSHWATCH_TEST_POOLER").ok()?;
    let (mode, port) = named.split_once(':').expect("MODE:PORT");
    Some((mode.to_owned(), port.parse().expect("a port")))
}

fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test_{}_{number}", std::process::id())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}
