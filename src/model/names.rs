//! What is being watched.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name by which a Postmark server is known in the configuration, in messages and in the database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerName(pub String);

impl ServerName {
    /// Under this name stands what concerns the account as a whole: no list of its servers, no sight of them.
    pub const ACCOUNT: &str = "(account)";

    /// Under this name stands what concerns the mail of all servers together.
    pub const ALL_SERVERS: &str = "(all servers)";

    /// Under this name stands what concerns the [canary](super::CanaryMail).
    pub const CANARY: &str = "(canary)";
    /// Under this name stands what concerns the DNS, each domain in the place of a stream.
    pub const DNS: &str = "(dns)";
    /// The names of what is not polled like a server.
    pub const NO_SERVERS: [&str; 3] = [Self::ALL_SERVERS, Self::CANARY, Self::DNS];

    /// Whether this is no server, but [the account](Self::ACCOUNT).
    pub fn is_account(&self) -> bool {
        self.0 == Self::ACCOUNT
    }

    /// Whether this is no server, but [all of them](Self::ALL_SERVERS).
    pub fn is_all_servers(&self) -> bool {
        self.0 == Self::ALL_SERVERS
    }

    /// Whether this is one of [these](Self::NO_SERVERS).
    pub fn is_no_server(&self) -> bool {
        Self::NO_SERVERS.contains(&self.0.as_str())
    }
}

/// The id of a message stream of a server, such as `outbound` or `broadcast`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub String);

/// A stream of a server: what mail is stored under. It is cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(Arc<(ServerName, StreamId)>);

impl StreamKey {
    /// Returns the key of `stream` on `server`.
    pub fn new(server: &ServerName, stream: &StreamId) -> Self {
        Self(Arc::new((server.clone(), stream.clone())))
    }

    /// Returns the server.
    pub fn server(&self) -> &ServerName {
        &self.0.0
    }

    /// Returns the id of the stream, which is unique on its server only.
    pub fn stream(&self) -> &StreamId {
        &self.0.1
    }
}

/// A [`StreamKey`] as it is stored and as scripts read it.
#[derive(Serialize, Deserialize)]
struct StreamKeyFields {
    server: ServerName,
    stream: StreamId,
}

impl Serialize for StreamKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (server, stream) = (self.server().clone(), self.stream().clone());
        StreamKeyFields { server, stream }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StreamKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StreamKeyFields { server, stream } = StreamKeyFields::deserialize(deserializer)?;
        Ok(Self::new(&server, &stream))
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server(), self.stream())
    }
}

/// What something is said of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The Postmark account as a whole, which is stored under a server name of its own.
    Account,
    /// All servers together, which are stored under a server name of their own.
    AllServers,
    /// The canary, which is stored under a server name of its own.
    Canary,
    /// A domain from which mail is sent, which is stored as a stream under a server name of its own.
    Domain(&'a StreamId),
    /// A server as a whole.
    Server(&'a ServerName),
    /// A stream, on its server.
    Stream(&'a ServerName, &'a StreamId),
    /// The mail of a stream that bears a tag.
    Tag(&'a ServerName, &'a StreamId, &'a Tag),
}

impl<'a> Subject<'a> {
    /// Returns the subject that is stored as these; a tag is one of a stream.
    pub fn new(server: &'a ServerName, stream: Option<&'a StreamId>, tag: Option<&'a Tag>) -> Self {
        match (stream, tag) {
            (Some(stream), Some(tag)) => Self::Tag(server, stream, tag),
            (Some(domain), None) if server.0 == ServerName::DNS => Self::Domain(domain),
            (Some(stream), None) => Self::Stream(server, stream),
            (None, _) if server.is_account() => Self::Account,
            (None, _) if server.is_all_servers() => Self::AllServers,
            (None, _) if server.0 == ServerName::CANARY => Self::Canary,
            (None, _) => Self::Server(server),
        }
    }
}

/// A tag, by which a sender tells kinds of mail apart, such as `password-reset`; free text of the sender's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(pub String);

macro_rules! text_value {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

text_value!(ServerName, StreamId, Tag);
