//! The course of one incident of each rule, and of its variants; those of bounces are in `bounces`, those of mail that is not sent in `sends`.

use crate::model::{
    AccountReach, BlindEvidence, DAY, DeliveredSince, DeliveryDropEvidence, DeliveryEvidence,
    Evidence, HOUR, Incident, IncidentState, ListedBounces, RateUnit, Rule, ServerName, Severity,
    Span, Step, Timestamp, TokenPlace, Transition,
};
use crate::notify::samples::{bounces, canary, drift, march, minutes, sends, server_changed};

/// What happens to one rule: for each step a title, when it is sent, and the step.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// The rule.
    pub rule: Rule,
    /// What it watches for, in a sentence.
    pub about: &'static str,
    /// The steps: opened, escalated, reminded, resolved; then variants.
    pub steps: Vec<(&'static str, &'static str, Transition)>,
}

const OPENED: &str = "Sent when the rule is broken.";
const ESCALATED: &str = "Sent when a warning becomes urgent.";
const REMINDED: &str = "Sent every 24 hours while the incident is open.";
const RESOLVED: &str = "Sent when it is over.";
const NOT_SENT: &str = "Recorded only: nobody is notified that an event has passed.";

/// What differs from rule to rule.
pub(super) struct Plan<'p> {
    pub(super) rule: Rule,
    pub(super) about: &'static str,
    pub(super) id: &'p str,
    pub(super) stream: Option<&'p str>,
    pub(super) severity: Severity,
    pub(super) opened_at: Timestamp,
    /// When it escalates, and its evidence then; `None` where it opens as a wake.
    pub(super) escalated: Option<(u32, Evidence)>,
    /// Evidence as it opened, a day later, and as it ended.
    pub(super) evidence: [Evidence; 3],
    /// When it is back within bounds, and when it resolves.
    pub(super) over_at: [Timestamp; 2],
}

/// Returns the course of every rule, in the order of [`Rule::ALL`].
pub(crate) fn courses() -> Vec<Course> {
    vec![
        account_inactive(),
        server_changed::server_changed(),
        blind(),
        sends::send_silence(),
        sends::send_drop(),
        delivery_silence(),
        delivery_drop(),
        bounces::hard_bounce_wake(),
        bounces::bounce_rate(),
        bounces::spam_rate(),
        bounces::spam_complaint_external(),
        bounces::operator_bounce(),
        bounces::suppressed_address(),
        canary::canary(),
        drift::smtp_errors(),
        drift::domain_blocks(),
        drift::dns_drift(),
    ]
}

impl Plan<'_> {
    fn incident(&self) -> Incident {
        let evidence = &self.evidence[0];
        let (id, server) = (self.id.to_owned(), "shop".into());
        Incident {
            stream: self.stream.map(Into::into),
            events: match evidence {
                Evidence::Events { times, .. } => times.len() as u64,
                _ => 0,
            },
            worst: Some(evidence.clone()),
            began_at: evidence.began_at(),
            server_number: Some(9_708_911),
            ..Incident::opened(
                id,
                server,
                self.rule,
                self.severity,
                self.opened_at,
                evidence.clone(),
            )
        }
    }

    pub(super) fn course(&self) -> Course {
        let opened = self.incident();
        let mut steps = vec![("opened", OPENED, taken(Step::Opened, &opened))];
        let mut severity = self.severity;
        if let Some((hours, evidence)) = &self.escalated {
            severity = Severity::Wake;
            let escalated = Incident {
                severity,
                judged_at: self.opened_at + HOUR * *hours,
                evidence: evidence.clone(),
                ..opened.clone()
            };
            steps.push(("escalated", ESCALATED, taken(Step::Escalated, &escalated)));
        }
        let [recovered_at, over_at] = self.over_at;
        if !self.rule.is_of_events() && over_at.since(self.opened_at) > DAY {
            let reminded = Incident {
                severity,
                judged_at: self.opened_at + DAY,
                evidence: self.evidence[1].clone(),
                ..opened.clone()
            };
            steps.push(("reminded", REMINDED, taken(Step::Reminded, &reminded)));
        }
        let resolved = Incident {
            severity,
            state: IncidentState::Resolved {
                at: over_at,
                unwatched: false,
                disabled: false,
            },
            judged_at: over_at,
            evidence: self.evidence[2].clone(),
            worst: Some(self.evidence[1].clone()),
            recovered_at: Some(recovered_at),
            ..opened
        };
        let when = if self.rule.is_of_events() {
            NOT_SENT
        } else {
            RESOLVED
        };
        steps.push(("resolved", when, taken(Step::Resolved, &resolved)));
        Course {
            rule: self.rule,
            about: self.about,
            steps,
        }
    }
}

impl Course {
    /// Returns the step of this title.
    pub(crate) fn step(&self, title: &str) -> &Transition {
        let found = self.steps.iter().find(|(name, ..)| *name == title);
        found
            .map(|(_, _, step)| step)
            .expect("a step of this title")
    }

    /// Puts every step under the name of something that is no server.
    pub(super) fn at_server(mut self, name: &str) -> Self {
        for (_, _, step) in &mut self.steps {
            step.incident.server = ServerName::from(name);
        }
        self
    }

    /// Adds the opening of the same incident with other evidence.
    pub(super) fn variant(
        mut self,
        title: &'static str,
        when: &'static str,
        change: impl Fn(&mut Incident),
    ) -> Self {
        let (_, _, opened) = &self.steps[0];
        let mut incident = opened.incident.clone();
        change(&mut incident);
        let step = match incident.state {
            IncidentState::Open { .. } => Step::Opened,
            IncidentState::Resolved { .. } => Step::Resolved,
        };
        self.steps.push((title, when, taken(step, &incident)));
        self
    }
}

fn taken(step: Step, incident: &Incident) -> Transition {
    Transition {
        at: incident.judged_at,
        incident: incident.clone(),
        step,
        notified: true,
    }
}

fn sight(since: Timestamp, cycles: u64, reason: &str, token: bool, limited: bool) -> Evidence {
    Evidence::Blind(BlindEvidence {
        since,
        cycles,
        reason: reason.to_owned(),
        token,
        limited,
        only_bounces: false,
        token_place: token.then(|| TokenPlace::Variable("POSTMARK_TOKEN_SHOP".to_owned())),
        account: AccountReach::Known,
    })
}

fn account_inactive() -> Course {
    let reason = "failed to list the message streams: Postmark refuses the account or server (code 413) (\"Your account is not active.\"); see the account's status in Postmark";
    let evidence = |cycles| sight(march(4, 10, 0), cycles, reason, false, false);
    Plan {
        rule: Rule::AccountInactive,
        about: "Postmark refuses the account: nothing is sent until it is active again.",
        id: "a7mq2c9t",
        stream: None,
        severity: Severity::Wake,
        opened_at: march(4, 11, 0),
        escalated: None,
        evidence: [
            evidence(2),
            evidence(25),
            sight(march(5, 14, 0), 0, "", false, false),
        ],
        over_at: [march(5, 14, 0), march(5, 14, 0)],
    }
    .course()
}

fn blind() -> Course {
    let down = "failed to list messages: Postmark is in trouble (status 503) (\"Postmark API is offline for maintenance.\"); see https://status.postmarkapp.com";
    let evidence = |cycles| sight(march(4, 18, 0), cycles, down, false, false);
    let opened_at = march(4, 19, 0);
    Plan {
        rule: Rule::Blind,
        about: "hushwatch cannot read a server's mail, so it cannot say whether mail flows.",
        id: "k1eg8ng7",
        stream: None,
        severity: Severity::Warn,
        opened_at,
        escalated: Some((5, evidence(7))),
        evidence: [
            evidence(2),
            evidence(26),
            sight(march(5, 21, 0), 0, "", false, false),
        ],
        over_at: [march(5, 21, 0), march(5, 21, 0)],
    }
    .course()
    .variant(
        "token refused",
        "Sent at the first poll in which Postmark refuses the server's token.",
        |i| {
            i.severity = Severity::Wake;
            i.evidence = sight(
                march(4, 19, 0),
                1,
                "failed to list the message streams: Postmark refused the server token (\"Bad or missing Server API token.\"); check that it is the token of a server, not of the account, and still valid",
                true,
                false,
            );
        },
    )
    .variant(
        "too much mail for the requests of a poll",
        "Sent at the second poll in a row that did not reach its end.",
        |i| {
            i.evidence = sight(
                march(4, 18, 0),
                2,
                "messages of shop/outbound: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
                false,
                true,
            );
        },
    )
    .variant(
        "account token refused",
        "Sent at the first poll in which Postmark refuses the account's token.",
        |i| {
            i.server = ServerName::ACCOUNT.into();
            i.severity = Severity::Wake;
            i.evidence = sight(
                march(4, 19, 0),
                1,
                "failed to list the servers: Postmark refused the account token (\"Bad or missing Account API token.\"); check that POSTMARK_ACCOUNT_TOKEN is the token of the account, not of a server, and still valid",
                true,
                false,
            );
        },
    )
    .variant(
        "account not answering",
        "Sent at the second poll in a row that could not list the account's servers.",
        |i| {
            i.server = ServerName::ACCOUNT.into();
            let of_account = down.replace("messages", "the servers");
            i.evidence = sight(march(4, 18, 0), 2, &of_account, false, false);
        },
    )
    .variant(
        "account not answering a new process",
        "Sent at the same poll by a process that never had the list: under cron, or after a restart.",
        |i| {
            i.server = ServerName::ACCOUNT.into();
            let of_account = down.replace("messages", "the servers");
            i.evidence = sight(march(4, 18, 0), 2, &of_account, false, false);
            if let Evidence::Blind(blind) = &mut i.evidence {
                let servers = ["shop", "staging"].map(ServerName::from);
                blind.account = AccountReach::Without(servers.to_vec());
            }
        },
    )
    .variant(
        "account without servers to watch",
        "Sent at the second poll in a row that found no server to watch.",
        |i| {
            i.server = ServerName::ACCOUNT.into();
            let why = "the account has no server but those that `ignore_servers` leaves out; leave one of them in";
            i.evidence = sight(march(4, 18, 0), 2, why, false, false);
            if let Evidence::Blind(blind) = &mut i.evidence {
                blind.account = AccountReach::Empty;
            }
        },
    )
}

fn delivery(unproven: u64, queued: u64, since: Timestamp, proven: Option<Timestamp>) -> Evidence {
    Evidence::Delivery(DeliveryEvidence {
        unproven,
        bounced: 0,
        reasons: Vec::new(),
        listed: None,
        needed: 4,
        share_before: None,
        queued,
        since: Some(since),
        newest_lost: None,
        newest_late: None,
        again: None,
        last_proven_sent: proven,
        last_delivered: proven.map(|at| at + minutes(1)),
    })
}

fn delivery_drop() -> Course {
    let drop = |delivered, bounced| {
        let (sampled, soft) = (123, bounced / 2);
        Evidence::DeliveryDrop(DeliveryDropEvidence {
            since: march(4, 8, 5),
            sampled,
            delivered,
            newest_lost: None,
            again: None,
            again_so_far: None,
            usual: 0.991,
            usual_in_general: false,
            bounced,
            reasons: vec![
                ("SoftBounce".to_owned(), bounced - soft),
                ("DnsError".to_owned(), soft),
            ],
            by_list: false,
            last_delivered: Some(if bounced == 0 {
                march(5, 14, 52)
            } else {
                march(4, 10, 52)
            }),
        })
    };
    Plan {
        rule: Rule::DeliveryDrop,
        about: "Mail is sent, and a smaller share of it is delivered than is usual for the stream.",
        id: "d4kq7s2m",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(4, 11, 0),
        escalated: Some((5, drop(52, 40))),
        evidence: [drop(74, 30), drop(48, 42), drop(121, 0)],
        over_at: [march(5, 15, 0), march(5, 15, 0)],
    }
    .course()
    .variant(
        "no outcome yet",
        "Sent when the mail that does not arrive has not bounced either.",
        move |i| {
            let mut evidence = drop(74, 0);
            if let Evidence::DeliveryDrop(drop) = &mut evidence {
                drop.reasons = Vec::new();
            }
            i.evidence = evidence;
        },
    )
    .variant(
        "delivered again",
        "How an open incident reads once its newest mail arrives.",
        move |i| {
            let since = march(4, 16, 5);
            i.again = Some(DeliveredSince {
                since,
                sampled: 15,
                delivered: 15,
            });
            i.problem = Some(Span::new(march(4, 8, 5), march(4, 15, 48)));
            i.judged_at = march(4, 19, 0);
        },
    )
    .variant(
        "little own past",
        "Sent while the stream's own past does not say yet what is usual.",
        move |i| {
            if let Evidence::DeliveryDrop(drop) = &mut i.evidence {
                drop.usual = 0.97;
                drop.usual_in_general = true;
            }
        },
    )
}

fn delivery_silence() -> Course {
    let since = march(4, 8, 27);
    Plan {
        rule: Rule::DeliverySilence,
        about: "Mail is sent, and none of the sampled messages is delivered.",
        id: "xx7zqdh7",
        stream: Some("outbound"),
        severity: Severity::Wake,
        opened_at: march(4, 9, 0),
        escalated: None,
        evidence: [
            delivery(4, 0, since, Some(march(4, 7, 36))),
            delivery(97, 0, since, Some(march(4, 7, 36))),
            delivery(0, 0, since, Some(march(5, 11, 52))),
        ],
        over_at: [march(5, 11, 0), march(5, 12, 0)],
    }
    .course()
    .variant(
        "stays in Postmark's queue",
        "Sent when Postmark accepts mail and does not send it on.",
        move |i| i.evidence = delivery(4, 4, since, Some(march(4, 7, 36))),
    )
    .variant(
        "everything bounces",
        "Sent when every sampled message comes back.",
        move |i| {
            let mut evidence = delivery(4, 0, since, Some(march(4, 7, 36)));
            if let Evidence::Delivery(DeliveryEvidence {
                bounced,
                reasons,
                listed,
                ..
            }) = &mut evidence
            {
                *bounced = 4;
                *listed = Some(ListedBounces {
                    bounced: 44,
                    recipients: 47,
                    unit: RateUnit::Recipients,
                    window: Span::new(march(4, 8, 0), march(4, 9, 0)),
                });
                *reasons = vec![("DMARCPolicy".to_owned(), 3), ("Blocked".to_owned(), 1)];
            }
            i.evidence = evidence;
        },
    )
}
