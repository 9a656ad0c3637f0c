//! The course of an incident of another server behind the same name.

use crate::model::{Evidence, IncidentState, Rule, ServerChange, Severity, TokenPlace};
use crate::notify::samples::incidents::{Course, Plan};
use crate::notify::samples::march;

pub(super) fn server_changed() -> Course {
    let change = || {
        Evidence::ServerChange(ServerChange {
            former: 9_708_911,
            former_seen_at: Some(march(4, 10, 0)),
            current: 9_708_912,
            current_name: Some("staging".to_owned()),
            token_place: Some(TokenPlace::Variable("POSTMARK_TOKEN_SHOP".to_owned())),
        })
    };
    Plan {
        rule: Rule::ServerChanged,
        about: "A server's token belongs to another Postmark server than before; nothing of the new one is stored.",
        id: "s4vcx9pd",
        stream: None,
        severity: Severity::Wake,
        opened_at: march(4, 11, 0),
        escalated: None,
        evidence: [change(), change(), change()],
        over_at: [march(5, 14, 0), march(5, 14, 0)],
    }
    .course()
    .variant(
        "accepted",
        "Sent once somebody accepted the new server by `--close`.",
        |i| {
            let at = march(4, 11, 20);
            i.judged_at = at;
            i.closed_by = Some("ops".to_owned());
            i.state = IncidentState::Resolved {
                at,
                unwatched: false,
                disabled: false,
            };
        },
    )
}
