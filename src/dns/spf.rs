//! Whether an SPF record includes another, and whether receivers get so far (RFC 7208).

mod record;

use std::pin::Pin;

use super::resolver::{Missing, Resolver};
use record::{Mechanism, Name, Record, is_spf, parse};

/// Terms that cost a question, of which a receiver follows no more (RFC 7208, 4.6.4).
pub const MOST_LOOKUPS: usize = 10;
/// Questions without an answer, of which a receiver takes no more (RFC 7208, 4.6.4).
pub const MOST_VOID: usize = 2;

/// What was found at a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spf {
    /// There is no SPF record; other texts there may be.
    Absent,
    /// There is one, or more.
    Found {
        /// Whether mail from what was looked for passes, unless a flaw before it spoils that.
        is_included: bool,
        /// What is wrong, in the order in which a receiver comes to it.
        flaws: Vec<Flaw>,
    },
}

/// Something wrong with a record, or with one that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What.
    pub fault: Fault,
    /// Whether a receiver comes to it only behind what was looked for, where it need not read on.
    pub is_behind: bool,
}

/// What makes receivers give up (`permerror`), but for the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There are several records at this name.
    Several(String),
    /// The record at this name has this term, which is none.
    NoTerm(String, String),
    /// This term refers to a name without a record.
    Dead(String),
    /// There are more than [`MOST_LOOKUPS`] terms that cost a question.
    TooDeep,
    /// These names, more than [`MOST_VOID`], are asked for and have no answer.
    Void(Vec<String>),
    /// The DNS does not say what stands at this name.
    Unknown(String, Missing),
}

/// Looks for `wanted` among what the SPF record of `domain` includes, at any depth, and reads all of it.
pub async fn includes(resolver: &Resolver, domain: &str, wanted: &str) -> Spf {
    let mut walk = Walk {
        resolver,
        wanted,
        lookups: 0,
        void: Vec::new(),
        is_included: false,
        flaws: Vec::new(),
    };
    if walk.read(domain, true).await == Read::Nothing {
        return Spf::Absent;
    }
    Spf::Found {
        is_included: walk.is_included,
        flaws: walk.flaws,
    }
}

/// A receiver's way through a record, which goes on where a receiver would stop.
struct Walk<'a> {
    resolver: &'a Resolver,
    wanted: &'a str,
    lookups: usize,
    void: Vec<String>,
    is_included: bool,
    flaws: Vec<Flaw>,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    Whole,
    Nothing,
    Flawed,
}

/// A record may include another, and so on.
type Reading<'w> = Pin<Box<dyn Future<Output = Read> + Send + 'w>>;

impl Walk<'_> {
    /// Reads the record at `name`, whose matches let mail pass where `passes`.
    fn read<'w>(&'w mut self, name: &'w str, passes: bool) -> Reading<'w> {
        Box::pin(async move {
            let texts = match self.resolver.texts(name).await {
                Ok(texts) => texts,
                Err(why) if why.is_certain() => return Read::Nothing,
                Err(why) => return self.flawed(Fault::Unknown(name.to_owned(), why)),
            };
            let mut records = texts.iter().filter(|text| is_spf(text));
            let record = match (records.next(), records.next()) {
                (None, _) => return Read::Nothing,
                (Some(record), None) => record,
                _ => return self.flawed(Fault::Several(name.to_owned())),
            };
            match parse(record, name) {
                Ok(record) => self.follow(record, passes).await,
                Err(term) => return self.flawed(Fault::NoTerm(name.to_owned(), term)),
            }
            Read::Whole
        })
    }

    /// Follows each term; nothing behind `all` is ever looked at.
    async fn follow(&mut self, record: Record, passes: bool) {
        for directive in record.directives {
            let passes = passes && directive.passes;
            match directive.mechanism {
                Mechanism::All => return,
                Mechanism::Network => {}
                Mechanism::Ptr if self.may_ask() => {}
                Mechanism::Include(name) if self.may_ask() => {
                    self.refer("include:", name, passes).await;
                }
                Mechanism::Host(name) if self.may_ask() => self.ask(name, false).await,
                Mechanism::Exchange(name) if self.may_ask() => self.ask(name, true).await,
                _ => return,
            }
        }
        if let Some(name) = record.redirect
            && self.may_ask()
        {
            self.refer("redirect=", name, passes).await;
        }
    }

    async fn refer(&mut self, term: &str, name: Name, passes: bool) {
        let Some(name) = name else { return };
        match self.read(&name, passes).await {
            Read::Nothing => {
                self.flawed(Fault::Dead(format!("{term}{name}")));
            }
            Read::Whole => self.is_included |= passes && name == self.wanted,
            Read::Flawed => {}
        }
    }

    /// Asks for a host's address, or for a domain's mail exchangers. Postmark sends from addresses of IPv4 alone.
    async fn ask(&mut self, name: Name, is_domain: bool) {
        let Some(name) = name else { return };
        let found = match is_domain {
            true => self.resolver.exchange(&name).await,
            false => self.resolver.address(&name).await,
        };
        match found {
            Err(why) if why.is_certain() => {
                self.void.push(name);
                if self.void.len() == MOST_VOID + 1 {
                    self.flawed(Fault::Void(self.void.clone()));
                }
            }
            Err(why) => {
                self.flawed(Fault::Unknown(name, why));
            }
            Ok(()) => {}
        }
    }

    /// Counts a term that costs a question: whether it is still followed.
    fn may_ask(&mut self) -> bool {
        self.lookups += 1;
        if self.lookups == MOST_LOOKUPS + 1 {
            self.flawed(Fault::TooDeep);
        }
        self.lookups <= MOST_LOOKUPS
    }

    fn flawed(&mut self, fault: Fault) -> Read {
        let is_behind = self.is_included;
        self.flaws.push(Flaw { fault, is_behind });
        Read::Flawed
    }
}
