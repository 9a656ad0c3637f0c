//! What a rule is about, in few words: one match per question, with an arm for each rule.

use crate::model::Rule;

/// Returns what is back to normal once the rule holds again; for a rate the new rate follows after "to".
pub(crate) const fn recovery_phrase(rule: Rule) -> &'static str {
    match rule {
        Rule::Blind => "hushwatch can read its mail again",
        Rule::AccountInactive => "Postmark serves the account again",
        Rule::ServerChanged => "its token belongs to its own Postmark server again",
        Rule::SendSilence => "mail is being sent again",
        Rule::SendDrop => "sending is back to normal",
        Rule::DeliverySilence => "mail is being delivered again",
        Rule::DeliveryDrop => "mail is delivered as usual again",
        Rule::SpamComplaintExternal => "expired, no further complaint for a day",
        Rule::OperatorBounce => "expired, no further bounce for a day",
        Rule::SuppressedAddress => "Postmark sends to the operator's addresses again",
        Rule::Canary => "its test mail is delivered again",
        Rule::SmtpErrors => "Postmark no longer refuses its SMTP mail",
        Rule::DomainBlocks => "recipient domains block no more mail than usual",
        Rule::DnsDrift => "its mail records are good again",
        Rule::BounceRate => "bounce rate is back",
        Rule::SpamRate => "spam complaint rate is back",
        Rule::HardBounceWake => "hard bounce rate is back",
    }
}

/// Returns the same of several places at once, after their number: `6 servers: …`.
pub(crate) const fn group_recovery_phrase(rule: Rule) -> &'static str {
    match rule {
        Rule::Blind => "hushwatch can read their mail again",
        Rule::ServerChanged => "their tokens belong to their own Postmark servers again",
        Rule::SuppressedAddress => "Postmark sends to the operators' addresses again",
        Rule::Canary => "their test mail is delivered again",
        Rule::SmtpErrors => "Postmark no longer refuses their SMTP mail",
        Rule::DnsDrift => "their mail records are good again",
        rule => recovery_phrase(rule),
    }
}

/// Returns the problem that a rule watches for, as a noun.
pub(crate) const fn problem_name(rule: Rule) -> &'static str {
    match rule {
        Rule::Blind => "mail not read",
        Rule::AccountInactive => "account not active",
        Rule::ServerChanged => "token of another server",
        Rule::SendSilence => "no mail sent",
        Rule::SendDrop => "too little mail sent",
        Rule::DeliverySilence => "mail not delivered",
        Rule::DeliveryDrop => "too little mail delivered",
        Rule::SpamComplaintExternal => "spam complaint",
        Rule::OperatorBounce => "bounced operator address",
        Rule::SuppressedAddress => "suppressed operator address",
        Rule::Canary => "test mail not delivered",
        Rule::SmtpErrors => "SMTP mail refused",
        Rule::DomainBlocks => "mail blocked by a recipient domain",
        Rule::DnsDrift => "broken mail records",
        Rule::BounceRate => "high bounce rate",
        Rule::SpamRate => "high spam complaint rate",
        Rule::HardBounceWake => "high hard bounce rate",
    }
}

/// Returns the problem of several places at once, after their number: `6 streams: no mail sent`.
pub(crate) const fn group_phrase(rule: Rule) -> &'static str {
    match rule {
        Rule::Blind => "hushwatch cannot read their mail from Postmark",
        Rule::AccountInactive => "Postmark refuses requests, the account is not active",
        Rule::ServerChanged => "their tokens belong to other Postmark servers",
        Rule::SendSilence => "no mail sent",
        Rule::SendDrop => "much less mail sent than normal",
        Rule::DeliverySilence => "mail is not delivered",
        Rule::DeliveryDrop => "much less mail delivered than normal",
        Rule::SpamComplaintExternal => "spam complaints from outside",
        Rule::OperatorBounce => "mail to operator addresses bounced",
        Rule::SuppressedAddress => "Postmark no longer sends to operator addresses",
        Rule::Canary => "test mail is not delivered",
        Rule::SmtpErrors => "Postmark refuses mail sent by SMTP",
        Rule::DomainBlocks => "recipient domains block their mail",
        Rule::DnsDrift => "DNS records of their mail are broken",
        Rule::BounceRate => "bounce rate is high",
        Rule::SpamRate => "spam complaint rate is high",
        Rule::HardBounceWake => "hard bounce rate is high",
    }
}
