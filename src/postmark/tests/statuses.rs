//! What a status and an envelope mean, and how an error reads.

use reqwest::StatusCode;

use super::recorded;
use crate::postmark::error::{Error, ErrorKind, Fault};
use crate::postmark::exchange::kind;
use crate::postmark::wire;

fn judged(status: u16, body: &[u8]) -> ErrorKind {
    let status = StatusCode::from_u16(status).expect("valid");
    kind(status, wire::envelope(body).as_ref(), "a flaw")
}

fn refused(status: u16, code: impl Into<Option<i64>>) -> ErrorKind {
    let code = code.into();
    ErrorKind::Refused { status, code }
}

#[test]
fn every_recorded_refusal_has_its_meaning() {
    for body in [
        recorded!("issue_keighl1_401_code10_account_token"),
        recorded!("issue_pipedream10254_401_code10"),
        recorded!("issue_postmarkrails60_401_code10_no_token"),
    ] {
        assert_eq!(judged(401, body), ErrorKind::TokenRefused);
    }
    for body in [
        recorded!("postmarker_error_422_701_cannot_bypass"),
        recorded!("postmarker_error_422_701_cannot_retry"),
        recorded!("postmarker_error_422_701_inbound_not_found"),
        recorded!("postmarker_error_422_701_opens_not_found"),
    ] {
        assert_eq!(judged(422, body), ErrorKind::NotFound);
    }
    for (body, code) in [
        (recorded!("issue_mailkick80_422_count_offset_cap"), 1000),
        (recorded!("issue_postmarkphp87_422_bad_status"), 700),
        (recorded!("issue_pipedream11950_422_1301"), 1301),
        (
            recorded!("postmarker_error_422_1101_template_not_found"),
            1101,
        ),
        (recorded!("postmarker_error_422_domain_rotatedkim"), 505),
    ] {
        assert_eq!(judged(422, body), refused(422, code));
    }
}

#[test]
fn the_accounts_codes_are_found_under_any_status() {
    for status in [200, 401, 403, 422, 500] {
        for code in [405, 412, 413, 422] {
            let body = format!(r#"{{"ErrorCode":{code},"Message":"pending approval"}}"#);
            let judged = judged(status, body.as_bytes());
            assert_eq!(judged, ErrorKind::AccountInactive(code), "{status}");
        }
    }
    // The status of the same number is not the code.
    assert_eq!(judged(422, b""), refused(422, None));
    assert_eq!(judged(413, b"<html>"), refused(413, None));
}

#[test]
fn every_other_status_has_its_meaning() {
    for (status, meaning) in [
        (401, ErrorKind::TokenRefused),
        (301, refused(301, None)),
        (307, refused(307, None)),
        (400, refused(400, None)),
        (403, refused(403, None)),
        (404, refused(404, None)),
        (408, ErrorKind::Server(408)),
        (429, ErrorKind::TooMany),
        (500, ErrorKind::Server(500)),
        (503, ErrorKind::Server(503)),
        (504, ErrorKind::Server(504)),
        (599, ErrorKind::Server(599)),
        (200, ErrorKind::Malformed("a flaw")),
        (204, ErrorKind::Malformed("a flaw")),
    ] {
        assert_eq!(judged(status, b""), meaning, "{status}");
    }
    let error = recorded!("issue_pipedream10254_401_code10");
    assert_eq!(judged(403, error), ErrorKind::TokenRefused);
    assert_eq!(
        judged(200, error),
        ErrorKind::Malformed("an error with status 200")
    );
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let transient = |kind| Error::new("x", kind).is_transient();
    for kind in [
        ErrorKind::TooMany,
        ErrorKind::Server(503),
        ErrorKind::Unreachable(Fault::Reset),
        ErrorKind::Malformed("it is empty"),
    ] {
        assert!(transient(kind), "{kind}");
    }
    for kind in [
        ErrorKind::Setup("x"),
        ErrorKind::TokenRefused,
        ErrorKind::AccountInactive(412),
        ErrorKind::NotFound,
        ErrorKind::TooLarge,
        refused(404, None),
    ] {
        assert!(!transient(kind), "{kind}");
    }
}

#[test]
fn an_error_says_what_why_and_what_to_do() {
    let doing = "list the bounces of stream `outbound`";
    let error = Error {
        said: Some("Request does not contain a valid Server token.".to_owned()),
        ..Error::new(doing, ErrorKind::TokenRefused)
    };
    assert_eq!(
        error.to_string(),
        "failed to list the bounces of stream `outbound`: Postmark refused the server token \
         (\"Request does not contain a valid Server token.\"); \
         check that it is the token of a server, not of the account, and still valid"
    );
    let error = Error::new("read the details of a message", ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "failed to read the details of a message: Postmark does not know it, or no longer"
    );
}
