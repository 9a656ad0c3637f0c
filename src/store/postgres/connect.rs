//! Making a connection: where to, how secured, and whether the database is fit to be used.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::{Address, Tls};
use crate::store::{Error, Problem};

use super::error::while_connecting;
use super::session::Open;
use super::{migrate, tls};

/// For the first answer of a host.
const REACHED: Duration = Duration::from_secs(10);
/// For everything until the database can be used, migrations included.
const READY: Duration = Duration::from_secs(120);
/// A host that stays silent is dead.
const SILENT: Duration = Duration::from_secs(30);
/// The oldest server whose SQL is known to fit.
const OLDEST: i64 = 120_000;

/// Settings of every connection: names mean our schema alone, nothing waits for ever, what is committed survives, and a
/// process that was frozen in a transaction frees its locks.
const SETTINGS: &str =
    "SET search_path = hushwatch; SET statement_timeout = '120s'; SET lock_timeout = '30s';
    SET idle_in_transaction_session_timeout = '20s'; SET synchronous_commit = on;
    SET default_transaction_read_only = off";

/// Knows the way.
pub(in crate::store) struct Connector {
    config: Config,
    /// `None` for a connection in the clear.
    tls: Option<MakeRustlsConnect>,
    shown: String,
    /// Whether a schema that is older, or none, is brought up to date.
    migrates: bool,
}

impl Connector {
    /// Of one address.
    ///
    /// # Errors
    /// Where the certificates to trust cannot be read.
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
        })
    }

    /// The same, which leaves the schema as it is and refuses one that is to be brought up to date.
    pub(in crate::store) fn without_migration(self) -> Self {
        Self {
            migrates: false,
            ..self
        }
    }

    /// Connects, and brings the schema up to date.
    pub(super) fn connect(&self, runtime: &Runtime) -> Result<Open, Error> {
        let within = async { tokio::time::timeout(READY, self.ready()).await };
        let slow = || Problem::Unreachable("it does not answer in time".to_owned());
        let client = runtime.block_on(within).unwrap_or_else(|_| Err(slow()));
        client
            .map(Open::new)
            .map_err(|problem| Error::new(format!("use {}", self.shown), problem))
    }

    async fn ready(&self) -> Result<Client, Problem> {
        let mut client = self.reach().await.map_err(|e| while_connecting(&e))?;
        let failed = |e: tokio_postgres::Error| while_connecting(&e);
        client.batch_execute(SETTINGS).await.map_err(failed)?;
        let sql =
            "SELECT CAST(current_setting('server_version_num') AS BIGINT), pg_is_in_recovery()";
        let row = client.query_one(sql, &[]).await.map_err(failed)?;
        let version: i64 = row.try_get(0).map_err(failed)?;
        if version < OLDEST {
            return Err(Problem::Refused(format!(
                "the server is PostgreSQL {}, the least is {}; use a newer server",
                version / 10_000,
                OLDEST / 10_000
            )));
        }
        if row.try_get(1).map_err(failed)? {
            return Err(Problem::Standby);
        }
        match self.migrates {
            true => migrate::migrate(&mut client).await?,
            false => migrate::refuse_older(&client).await?,
        }
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
