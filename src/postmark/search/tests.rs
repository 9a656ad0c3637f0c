//! What must hold of the answers that an operator looks up.

use proptest::prelude::*;

use crate::mutation::mutated;
use crate::postmark::search::{lists, stats, suppressions, timeline};

const DUMP: &str = r#"{"Suppressions":[{"EmailAddress":"jane@example.com","SuppressionReason":"HardBounce",
    "Origin":"Recipient","CreatedAt":"2026-03-02T05:00:00-05:00"},{"EmailAddress":"x@example.com","CreatedAt":"soon"}]}"#;
const REMOVAL: &str = r#"{"Suppressions":[{"EmailAddress":"jane@example.com","Status":"Failed",
    "Message":"You do not have the required authority to change this suppression."}]}"#;
const DETAILS: &str = r#"{"MessageID":"m-1","MessageStream":"outbound","ReceivedAt":"2026-03-02T05:00:00-05:00","Status":"Sent",
    "From":"Example <a@example.com>","Recipients":["jane@example.com"],"Subject":"Hello","MessageEvents":[
    {"Recipient":"jane@example.com","Type":"Bounced","ReceivedAt":"2026-03-02T05:00:01-05:00",
     "Details":{"Summary":"action: failed\r\n","BounceID":"4323372036854775807"}},
    {"Recipient":"jane@example.com","Type":"Opened","ReceivedAt":null,"Details":null}]}"#;
const BOUNCES: &str = r#"{"TotalCount":1,"Bounces":[{"ID":943247350,"Type":"HardBounce","BouncedAt":"2016-09-19T16:34:09.1336752-04:00",
    "Email":"a@example.com","Inactive":true,"CanActivate":true,"Details":"action: failed\r\n"}]}"#;
const DAYS: &str = r#"{"Days":[{"Date":"2017-01-30","Sent":37},{"Date":"2017-01-31","HardBounce":"2"}],"Sent":37}"#;

#[test]
fn a_suppression_keeps_what_is_known_of_it() {
    let list = suppressions::list(DUMP.as_bytes()).expect("a list");
    assert_eq!(list.len(), 2);
    assert_eq!(list[0].reason, "HardBounce");
    assert_eq!(
        list[0].since.map(|at| at.to_string()).as_deref(),
        Some("2026-03-02T10:00:00Z")
    );
    assert_eq!((list[1].since, list[1].reason.as_str()), (None, ""));
    let removal = suppressions::removal(REMOVAL.as_bytes()).expect("an answer");
    assert!(!removal.is_done() && removal.message.is_some());
}

#[test]
fn what_is_missing_is_no_empty_list() {
    assert!(suppressions::list(b"{}").is_err());
    assert!(suppressions::list(br#"{"Suppressions":[{}]}"#).is_err());
    assert!(suppressions::removal(br#"{"Suppressions":[]}"#).is_err());
    assert!(lists::bounces(br#"{"TotalCount":3}"#).is_err());
    assert!(stats::overview(b"{}").is_err());
    assert!(stats::by_day(b"{}").is_err());
    assert_eq!(
        stats::by_day(br#"{"Days":[]}"#),
        Ok(stats::CountsByDay::new())
    );
}

#[test]
fn a_bounce_keeps_its_number_however_large() {
    let events = timeline::timeline(DETAILS.as_bytes())
        .expect("details")
        .events;
    assert_eq!(events[0].bounce, Some(4_323_372_036_854_775_807));
    assert_eq!((events[1].at, events[1].text.as_deref()), (None, None));
    let page = lists::bounces(BOUNCES.as_bytes()).expect("a page");
    assert!(page.items[0].inactive && page.items[0].can_activate);
}

#[test]
fn counts_of_a_day_may_be_numbers_or_texts() {
    let days = stats::by_day(DAYS.as_bytes()).expect("days");
    let counts: Vec<u64> = days
        .values()
        .flat_map(|day| day.values().copied())
        .collect();
    assert_eq!(counts, [37, 2]);
}

proptest! {
    #[test]
    fn whatever_is_answered_is_read_without_a_panic(body in mutated(
        [DUMP, REMOVAL, DETAILS, BOUNCES, DAYS].map(|text| text.as_bytes().to_vec()).to_vec(),
    )) {
        let _ = (suppressions::list(&body), suppressions::removal(&body), suppressions::activated(&body));
        let _ = (lists::messages(&body), lists::bounces(&body), timeline::timeline(&body));
        let _ = (stats::overview(&body), stats::by_day(&body));
    }
}
