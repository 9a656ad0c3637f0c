//! Making a connection: where to, how secured, and whether the database is fit to be used.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::{Address, Tls};
use crate::store::sql::schema::{Verdict, behind};
use crate::store::{Error, Problem};

use super::error::{in_first_step, while_connecting};
use super::session::Open;
use super::{migrate, tls};

/// Returns the statements that begin a transaction: names mean our schema alone, nothing waits for ever, a commit waits for the
/// disk or not, and a process that was frozen in it frees its locks. `SET LOCAL` ends with the transaction, which matters
/// behind a pooler: it lends the same server connection to the application next. For the same reason nothing is sent
/// outside of a transaction.
macro_rules! begin {
    ($mode:literal, synchronous_commit = $commit:literal) => {
        concat!(
            "BEGIN ISOLATION LEVEL ",
            $mode,
            "; SET LOCAL search_path = hushwatch; SET LOCAL statement_timeout = '120s';
            SET LOCAL lock_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '20s';
            SET LOCAL synchronous_commit = ",
            $commit
        )
    };
}

/// For the first answer of a host.
const REACHED: Duration = Duration::from_secs(10);
/// For everything until the database can be used, migrations included; a pooler may keep a client waiting as long.
const READY: Duration = Duration::from_secs(120);
/// The same where other connections are at hand.
const READY_BESIDE_OTHERS: Duration = Duration::from_secs(3);
/// A host that stays silent is dead.
const SILENT: Duration = Duration::from_secs(30);
/// The oldest server whose SQL is known to fit.
const OLDEST: i64 = 120_000;

/// Begins a transaction that changes nothing.
pub(super) const BEGIN_READ: &str = begin!("REPEATABLE READ READ ONLY", synchronous_commit = "on");
/// Begins a transaction that makes changes; what follows a lock must see what its last holder stored.
pub(super) const BEGIN_WRITE: &str = begin!("READ COMMITTED READ WRITE", synchronous_commit = "on");
/// The same for changes that are made again where the server's machine fails before they are on its disk.
pub(super) const BEGIN_EVENTUAL_WRITE: &str =
    begin!("READ COMMITTED READ WRITE", synchronous_commit = "off");

/// Knows the way.
pub(in crate::store) struct Connector {
    config: Config,
    /// `None` for a connection in the clear.
    tls: Option<MakeRustlsConnect>,
    shown: String,
    /// Whether a schema that is older, or none, is brought up to date.
    migrates: bool,
    /// Whether it fails where there is no schema and none may be created.
    must_create: bool,
    /// Whether a connection of this process found the schema, or made it.
    was_there: AtomicBool,
}

impl Connector {
    /// Of one address.
    pub(in crate::store) fn new(address: &Address) -> Result<Self, Error> {
        let mut config = Config::new();
        config
            .port(address.port)
            .application_name("hushwatch")
            .connect_timeout(REACHED)
            .tcp_user_timeout(SILENT)
            .keepalives_idle(SILENT)
            .keepalives_interval(SILENT / 3)
            .keepalives_retries(3);
        match address.is_socket() {
            true => config.host_path(&address.host),
            false => config.host(&address.host),
        };
        if let Some(user) = &address.user {
            config.user(user.expose());
        }
        if let Some(password) = &address.password {
            config.password(password.expose());
        }
        if let Some(name) = &address.name {
            config.dbname(name);
        }
        let security = address.security();
        config.ssl_mode(match security {
            Tls::Disable => SslMode::Disable,
            Tls::Require | Tls::VerifyFull => SslMode::Require,
        });
        let ca_file = address.ca_file.as_deref();
        Ok(Self {
            config,
            tls: tls::client(security, ca_file)?.map(MakeRustlsConnect::new),
            shown: address.to_string(),
            migrates: true,
            must_create: false,
            was_there: AtomicBool::new(false),
        })
    }

    /// The same, which leaves the schema as it is and refuses one that is to be brought up to date.
    pub(in crate::store) fn without_migration(self) -> Self {
        Self {
            migrates: false,
            ..self
        }
    }

    /// The same, which fails where there is no schema and this user may create none.
    #[cfg(feature = "doctor")]
    pub(in crate::store) fn able_to_create(self) -> Self {
        Self {
            must_create: true,
            ..self
        }
    }

    /// Connects, and brings the schema up to date. Where it is `beside_others`, a server that does not let it in soon is
    /// [`Problem::Crowded`].
    pub(super) fn connect(&self, runtime: &Runtime, beside_others: bool) -> Result<Open, Error> {
        let (limit, slow) = match beside_others {
            true => (READY_BESIDE_OTHERS, Problem::Crowded),
            false => {
                let why = "it does not answer in time".to_owned();
                (READY, Problem::Unreachable(why))
            }
        };
        let within = async { tokio::time::timeout(limit, self.ready()).await };
        let client = runtime.block_on(within).unwrap_or(Err(slow));
        client
            .map(Open::new)
            .map_err(|problem| Error::new(format!("use {}", self.shown), problem))
    }

    async fn ready(&self) -> Result<Client, Problem> {
        let client = self.reach().await.map_err(|e| while_connecting(&e))?;
        execute(&client, BEGIN_READ).await?;
        refuse_unfit_server(&client).await?;
        let state = migrate::judge_schema(&client).await?;
        if self.must_create && matches!(state, Verdict::Behind(0)) {
            migrate::refuse_without_create(&client).await?;
        }
        execute(&client, "COMMIT").await?;
        if let Verdict::Behind(found) = state {
            if !self.migrates {
                return Err(behind(found));
            }
            let is_lost = found == 0 && self.was_there.load(Ordering::Relaxed);
            if migrate::migrate(&client, is_lost).await? && is_lost {
                tracing::error!(
                    "the schema hushwatch in {} is gone, and with it all that was known; a new one was created. Restore a copy if it was not meant",
                    self.shown
                );
            }
        }
        self.was_there.store(true, Ordering::Relaxed);
        Ok(client)
    }

    async fn reach(&self) -> Result<Client, tokio_postgres::Error> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }
}

/// Fails where the server is too old, or takes no changes.
async fn refuse_unfit_server(client: &Client) -> Result<(), Problem> {
    let sql = "SELECT current_setting('server_version_num'), pg_is_in_recovery()::int";
    let found = first_row(client, sql).await?;
    let version = integer(&found, 0)?.unwrap_or(0);
    if version < OLDEST {
        return Err(Problem::Refused(format!(
            "the server is PostgreSQL {}, the least is {}; use a newer server",
            version / 10_000,
            OLDEST / 10_000
        )));
    }
    match integer(&found, 1)? {
        Some(0) => Ok(()),
        _ => Err(Problem::Standby),
    }
}

pub(super) async fn execute(client: &Client, sql: &str) -> Result<(), Problem> {
    let executed = client.batch_execute(sql).await;
    executed.map_err(|e| in_first_step(&e))
}

/// Returns the row of a query that finds exactly one, its values as text. No statement is prepared for it.
pub(super) async fn first_row(client: &Client, sql: &str) -> Result<SimpleQueryRow, Problem> {
    let found = client.simple_query(sql).await;
    let messages = found.map_err(|e| in_first_step(&e))?;
    let row = messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    row.ok_or_else(|| Problem::Unreadable("there is no row".to_owned()))
}

/// Returns the whole number in a column of `row`; `None` for NULL.
pub(super) fn integer(row: &SimpleQueryRow, column: usize) -> Result<Option<i64>, Problem> {
    let unreadable = |_| Problem::Unreadable(format!("column {column} is no whole number"));
    let text = row.try_get(column).map_err(|e| in_first_step(&e))?;
    text.map(|text| text.parse().map_err(unreadable))
        .transpose()
}
