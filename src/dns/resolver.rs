//! One DNS query, and the ways in which it has no answer.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};

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
pub struct Resolver(TokioResolver);

impl Resolver {
    /// Returns the resolver at `address`, else the system's. `timeout` is for each of two attempts.
    pub fn new(address: Option<SocketAddr>, timeout: Duration) -> Result<Self, String> {
        let unset = |_| "the system's resolver (/etc/resolv.conf) cannot be read".to_owned();
        let mut builder = match address {
            Some(address) => {
                let provider = TokioRuntimeProvider::default();
                TokioResolver::builder_with_config(resolver_config(address), provider)
            }
            None => TokioResolver::builder_tokio().map_err(unset)?,
        };
        let options = builder.options_mut();
        options.timeout = timeout;
        options.attempts = ATTEMPTS;
        // A file of this machine says nothing of what receivers of mail see.
        options.use_hosts_file = ResolveHosts::Never;
        builder.build().map(Self).map_err(unset)
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

    async fn lookup<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, Missing> {
        // With a dot at the end it is whole: no search domain is tried.
        let whole = format!("{}.", name.trim_end_matches('.'));
        let answer = self.0.lookup(whole, kind).await.map_err(|e| missing(&e))?;
        let found: Vec<T> = answer
            .answers()
            .iter()
            .filter_map(|r| read(&r.data))
            .collect();
        if found.is_empty() {
            return Err(Missing::NoRecord);
        }
        Ok(found)
    }
}

fn resolver_config(address: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    let server = NameServerConfig::new(address.ip(), true, connections.into());
    ResolverConfig::from_name_servers(vec![server])
}

fn missing(error: &NetError) -> Missing {
    match error {
        NetError::Timeout => Missing::TimedOut,
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
