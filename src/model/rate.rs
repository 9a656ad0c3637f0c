//! A share of messages that bounced or were reported, and what may be reckoned from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BounceClass, HOUR, Rule, Span, Timestamp, UNSETTLED};

/// A share of messages, as a rule judges it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateEvidence {
    /// The window asked for.
    pub window: Duration,
    /// How much of it was covered.
    pub covered: Duration,
    /// When the window ended; `None` where an older version judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The newest bounce or complaint in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_at: Option<Timestamp>,
    /// From the first to the last of those that make it too many, without the few that happen at any time; `None` within bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<Span>,
    /// From when to when most of the mail was sent that bounced or was reported, without a tenth at each end; `None` where that is not
    /// known of most of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_sent: Option<Span>,
    /// What is counted.
    #[serde(default)]
    pub unit: RateUnit,
    /// Recipients with a bounce or complaint dated in the window.
    pub numerator: u64,
    /// Recipients sent to in the window, or with a bounce or complaint in it.
    pub denominator: u64,
    /// Fewest recipients that make a rate.
    pub floor: u64,
    /// Fires above this share.
    pub threshold: f64,
    /// The share of the week before the window, of an incident that of the week before it began; `None` where too little of it is known.
    #[serde(default)]
    pub usual: Option<f64>,
    /// The 95% Clopper-Pearson interval of the rate.
    pub interval: (f64, f64),
    /// Messages by class, where the numerator mixes classes.
    pub classes: Vec<(BounceClass, u64)>,
    /// The recipients' domains with most of them, most first, at most three.
    pub domains: Vec<(String, u64)>,
    /// Recipients that bounced in the window and count on neither side: `domain_blocks` tells of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// What was added up over days, where no window tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<LastingExcess>,
    /// Messages known to be sent after the newest bounce or complaint; `None` where there is none of the last two days, or an older
    /// version judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_since: Option<u64>,
    /// The last message known to be sent.
    pub last_sent: Option<Timestamp>,
    /// The last delivery known.
    pub last_delivered: Option<Timestamp>,
}

/// A rate that is higher than usual for days, of too little mail for a window to tell: the sum of what speaks for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastingExcess {
    /// The sum: the logarithm of how much likelier the bounces are at a higher rate than at the usual one.
    pub evidence: f64,
    /// What it had to exceed.
    pub limit: f64,
    /// The usual rate with what is not known of it, against which it was tested.
    pub usual_at_most: f64,
}

/// What the incidents of a stream tell of its bounces and complaints.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToldBounces {
    /// The recipient domains that block.
    pub blocking: Vec<String>,
    /// The rates that are higher than usual for days.
    pub excesses: Vec<KnownExcess>,
}

/// A rate of which an incident tells that it is higher than usual for days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownExcess {
    /// Which rate.
    pub rule: Rule,
    /// Since when. What happened since then is not usual, however long it goes on.
    pub since: Timestamp,
    /// When its incident opened, the last time: what was seen before shows no end of it.
    pub opened_at: Timestamp,
    /// When its incident ended: what is added up begins anew then.
    pub ended_at: Option<Timestamp>,
    /// The usual rate before it, with what is not known of it.
    pub usual_at_most: f64,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a rate counts: each recipient of each message, where these are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateUnit {
    /// Messages: nothing is known of the recipients of the stream's mail.
    #[default]
    Messages,
    /// Recipients, all of them known.
    Recipients,
    /// Recipients; of some messages as many as the stream's messages have on average.
    EstimatedRecipients,
}

/// The times at which a rate was above its plain threshold without being more than chance explains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChanceBreaches {
    /// Times, each of one or more hours in a row.
    pub times: u64,
    /// The highest of these rates: bounced recipients, and those of the window.
    pub highest: (u64, u64),
}

/// What bounces on is seen to within this time.
const QUIET_HOURS: Duration = HOUR.saturating_mul(4);

/// Where so many would have bounced, to have none is no chance: e⁻³ is 5%.
const EXPECTED_IF_IT_GOES_ON: f64 = 3.0;

/// One domain has no mail at night, when the others do: what would show in all mail shows there after so many times as much.
const MAIL_PER_DOMAIN_MAIL: u64 = 4;

impl RateEvidence {
    /// The share; zero of nothing is zero.
    pub fn rate(&self) -> f64 {
        if self.denominator == 0 {
            0.0
        } else {
            self.numerator as f64 / self.denominator as f64
        }
    }

    /// Recipients that were blocked, by policy.
    fn blocked(&self) -> u64 {
        let blocked = |(class, _): &&(BounceClass, u64)| *class == BounceClass::Blocked;
        self.classes.iter().filter(blocked).map(|(_, n)| n).sum()
    }

    /// Returns whether most of it is that one of these recipient domains blocks.
    pub fn is_mostly_blocked_at(&self, domains: &[String]) -> bool {
        let most = self.domains.first().map(|(domain, _)| domain);
        2 * self.blocked() > self.numerator && most.is_some_and(|most| domains.contains(most))
    }

    /// Returns whether it is within bounds but for what these recipient domains block.
    pub fn is_explained_by(&self, domains: &[String]) -> bool {
        let there = self.domains.iter().filter(|(of, _)| domains.contains(of));
        let there: u64 = there.map(|(_, n)| n).sum();
        let rest = self.numerator - there.min(self.blocked()).min(self.numerator);
        rest < 2 || rest as f64 <= self.threshold * self.denominator as f64
    }

    /// Returns whether its window is no longer the present one at `at`.
    pub fn is_over_by(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| until + UNSETTLED < at)
    }

    /// Returns whether so much was sent after the newest of its bounces that what goes on would have shown: a quiet night says nothing.
    pub fn would_have_shown(&self) -> bool {
        self.sent_since.is_none_or(|sent| self.shows_in(sent))
    }

    /// Returns whether so much mail, of which none bounced, says that it does not go on.
    fn shows_in(&self, sent: u64) -> bool {
        self.rate() * sent as f64 >= EXPECTED_IF_IT_GOES_ON
    }

    /// Returns whether it has shown its end by what is `seen` later: so much was sent since the newest bounce that what goes on would
    /// have shown, at the one domain where most of it was as well.
    pub fn has_shown_its_end(&self, seen: &Self) -> bool {
        let most = self.domains.first().map_or(0, |(_, bounced)| *bounced);
        let share = match 2 * most > self.numerator {
            true => MAIL_PER_DOMAIN_MAIL,
            false => 1,
        };
        let sent = seen.sent_since;
        sent.is_some_and(|sent| self.shows_in(sent / share))
    }

    /// Returns whether the mail that it counts was sent so long before `at` that it need not be sent any more: bounces come up to days
    /// after their mail.
    pub fn is_of_old_mail(&self, at: Timestamp) -> bool {
        self.mail_sent
            .is_some_and(|sent| sent.until + QUIET_HOURS < at)
    }

    /// Returns when the mail was sent that it counts, where that was before its window, or long ago.
    pub fn mail_sent_before(&self) -> Option<Span> {
        let until = self.until?;
        let is_before = |sent: &Span| sent.until < until - self.window;
        self.mail_sent
            .filter(|sent| is_before(sent) || self.is_of_old_mail(until))
    }

    /// Returns whether its window ended so long before `at` that what goes on would have shown: a quiet hour or two are chance.
    pub fn is_long_over_by(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| until + QUIET_HOURS < at)
    }
}
