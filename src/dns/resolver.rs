//! One DNS query, and the ways in which it has no answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;

/// The number of attempts at one query.
const ATTEMPTS: usize = 2;

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error("no such name (NXDOMAIN)")]
    NoName,
    #[error("no such record")]
    NoRecord,
    /// The resolver answers that it cannot tell.
    #[error("the resolver reports a failure (SERVFAIL or similar)")]
    Broken,
    #[error("the resolver does not answer in time")]
    TimedOut,
    #[error("the resolver cannot be reached")]
    Unreachable,
    #[error("the answer is too long for UDP, and the resolver takes no TCP")]
    Truncated,
    #[error("this is not a valid DNS name")]
    NotAName,
}

impl Missing {
    /// Whether the DNS says that there is nothing, rather than saying nothing.
    pub const fn is_certain(self) -> bool {
        matches!(self, Self::NoName | Self::NoRecord)
    }
}

/// A resolver, cheap to clone; answers are kept for as long as they say.
#[derive(Clone)]
pub struct Resolver {
    /// One for each name server, in the order in which they are asked: a later one only where those before it cannot say, as
    /// the C library does. Left to itself, hickory draws lots, and name servers may see the DNS differently.
    servers: Arc<[TokioResolver]>,
    /// The first one that is worth asking: those before it did not answer.
    first: Arc<AtomicUsize>,
}

impl Resolver {
    /// Returns the resolver at `address`, else the system's. `timeout` is for each of two attempts at each name server.
    pub fn new(address: Option<SocketAddr>, timeout: Duration) -> Result<Self, String> {
        let unset = "the system's resolver (/etc/resolv.conf) cannot be read";
        let (servers, options) = match address {
            Some(address) => (vec![name_server(address)], ResolverOpts::default()),
            None => {
                let (system, options) = read_system_conf().map_err(|_| unset.to_owned())?;
                (system.name_servers().to_vec(), options)
            }
        };
        Self::with_servers(servers, options, timeout).ok_or_else(|| unset.to_owned())
    }

    fn with_servers(
        servers: Vec<NameServerConfig>,
        mut options: ResolverOpts,
        timeout: Duration,
    ) -> Option<Self> {
        options.timeout = timeout;
        options.attempts = ATTEMPTS;
        // A file of this machine says nothing of what receivers of mail see.
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = |server| {
            let config = ResolverConfig::from_name_servers(vec![server]);
            let provider = TokioRuntimeProvider::default();
            let builder = TokioResolver::builder_with_config(config, provider);
            builder.with_options(options.clone()).build().ok()
        };
        let servers: Option<Vec<TokioResolver>> = servers.into_iter().map(resolver).collect();
        let servers = servers.filter(|servers| !servers.is_empty())?;
        Some(Self {
            servers: servers.into(),
            first: Arc::default(),
        })
    }

    /// Returns the texts at `name`, each with its parts put together.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, Missing> {
        let text = |data: &RData| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        };
        self.lookup(name, RecordType::TXT, text).await
    }

    /// Returns what `name` is another name for, in small letters and without a dot at the end.
    pub async fn alias(&self, name: &str) -> Result<String, Missing> {
        let alias = |data: &RData| match data {
            RData::CNAME(alias) => Some(alias.0.to_utf8()),
            _ => None,
        };
        let found = self.lookup(name, RecordType::CNAME, alias).await?;
        let first = found.into_iter().next().ok_or(Missing::NoRecord)?;
        Ok(first.trim_end_matches('.').to_ascii_lowercase())
    }

    /// Returns whether `name` exists as DMARC understands it: it has an address or takes mail (RFC 9989, 3.2).
    pub async fn exists(&self, name: &str) -> Result<bool, Missing> {
        for kind in [RecordType::A, RecordType::AAAA, RecordType::MX] {
            let of_kind = |data: &RData| (data.record_type() == kind).then_some(());
            match self.lookup(name, kind, of_kind).await {
                Ok(_) => return Ok(true),
                Err(why) if why.is_certain() => {}
                Err(why) => return Err(why),
            }
        }
        Ok(false)
    }

    async fn lookup<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, Missing> {
        // With a dot at the end it is whole: no search domain is tried.
        let whole = format!("{}.", name.trim_end_matches('.'));
        let first = self.first.load(Ordering::Relaxed);
        let mut failure = Missing::Unreachable;
        for (index, server) in self.servers.iter().enumerate().skip(first) {
            let answer = match server.lookup(whole.as_str(), kind).await {
                Ok(answer) => answer,
                Err(error) => match missing(&error) {
                    Missing::TimedOut | Missing::Unreachable | Missing::Broken
                        if index + 1 < self.servers.len() =>
                    {
                        failure = missing(&error);
                        continue;
                    }
                    why => return Err(why),
                },
            };
            if failure == Missing::TimedOut {
                self.first.fetch_max(index, Ordering::Relaxed);
            }
            let answers = answer.answers().iter();
            let found: Vec<T> = answers.filter_map(|r| read(&r.data)).collect();
            return match found.is_empty() {
                true => Err(Missing::NoRecord),
                false => Ok(found),
            };
        }
        Err(failure)
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn missing(error: &NetError) -> Missing {
    match error {
        NetError::Timeout => Missing::TimedOut,
        NetError::Truncated => Missing::Truncated,
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Missing::NoName,
            ResponseCode::NoError => Missing::NoRecord,
            _ => Missing::Broken,
        },
        NetError::Dns(_) => Missing::Broken,
        NetError::Proto(_) => Missing::NotAName,
        _ => Missing::Unreachable,
    }
}

#[cfg(test)]
mod tests;
