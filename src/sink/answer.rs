//! Whether an answer is that of the sink itself. Pure. A proxy, a captive portal or a moved address answers with a web page, and a status
//! that says that all is well.
//!
//! Sources: `PagerDuty` "Events API v2" (202 and JSON), Opsgenie "Alert API" (202).

use reqwest::StatusCode;

use crate::sink::SinkKind;

/// What is read of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub status: StatusCode,
    /// The media type, without its parameters; empty where none is said.
    pub media_type: &'a str,
    /// The beginning of the body.
    pub body: &'a [u8],
    /// Whether that is all of it.
    pub is_whole: bool,
}

const WEB_PAGE: &str = "a web page answered; check its `url` and the proxy";

/// Returns why an answer that says that all is well is not that of a sink of this kind; `None` where it is.
pub(super) fn is_not_its_own(kind: SinkKind, answer: Answer<'_>) -> Option<&'static str> {
    if is_web_page(answer) {
        return Some(WEB_PAGE);
    }
    let is_cut = !answer.is_whole;
    match kind {
        SinkKind::PagerDuty if !is_cut && !is_json_object(answer.body) => {
            Some("what answered is not PagerDuty; check its `url` and the proxy")
        }
        SinkKind::Opsgenie if answer.status != StatusCode::ACCEPTED => {
            Some("what answered is not Opsgenie; check its `url` and the proxy")
        }
        _ => None,
    }
}

/// Whether a web page answered.
pub(super) fn is_web_page(answer: Answer<'_>) -> bool {
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf");
    let body = body.unwrap_or(answer.body).trim_ascii_start();
    let is_html = answer.media_type.eq_ignore_ascii_case("text/html");
    body.starts_with(b"<") || (is_html && !body.is_empty())
}

fn is_json_object(body: &[u8]) -> bool {
    let read: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(body);
    read.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: SinkKind, status: u16, media_type: &str, body: &str) -> Option<&'static str> {
        let answer = Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            media_type,
            body: body.as_bytes(),
            is_whole: true,
        };
        is_not_its_own(kind, answer)
    }

    #[test]
    fn a_web_page_is_the_answer_of_no_sink() {
        for kind in SinkKind::ALL {
            for (media_type, body) in [
                ("text/html", "please log in"),
                ("TEXT/HTML", "<p>"),
                ("text/plain", "<!doctype html>"),
                ("application/json", "\u{feff}\r\n <html>"),
                ("", "<html>"),
            ] {
                let found = read(kind, 202, media_type, body);
                assert_eq!(found, Some(WEB_PAGE), "{kind:?}: {media_type} {body}");
            }
        }
    }

    #[test]
    fn what_says_little_is_an_answer_of_those_who_have_no_form_for_it() {
        for kind in [SinkKind::Webhook, SinkKind::Ntfy] {
            for (status, media_type, body) in [
                (200, "", ""),
                (204, "text/html", ""),
                (200, "text/plain", "ok"),
                (202, "application/json", r#"{"a":1}"#),
            ] {
                assert_eq!(
                    read(kind, status, media_type, body),
                    None,
                    "{kind:?} {body}"
                );
            }
        }
    }

    #[test]
    fn a_pager_answers_in_its_own_form() {
        let pager = |status, body| read(SinkKind::PagerDuty, status, "application/json", body);
        assert_eq!(pager(202, r#"{"status":"success"}"#), None);
        assert_eq!(
            pager(200, r#"{"status":"success"}"#),
            None,
            "what stands in"
        );
        for body in ["", "ok", "[]", "\"ok\""] {
            let why = pager(202, body).expect("not PagerDuty's");
            assert!(why.contains("`url`"), "{why}");
        }
        let alerts = |status, body| read(SinkKind::Opsgenie, status, "application/json", body);
        assert_eq!(
            alerts(202, r#"{"result":"Request will be processed"}"#),
            None
        );
        for status in [200, 201, 204] {
            assert!(alerts(status, "{}").is_some(), "{status}");
        }
    }

    #[test]
    fn what_broke_off_is_judged_by_what_came() {
        let cut = |body: &'static str| Answer {
            status: StatusCode::ACCEPTED,
            media_type: "application/json",
            body: body.as_bytes(),
            is_whole: false,
        };
        assert_eq!(is_not_its_own(SinkKind::PagerDuty, cut("{\"sta")), None);
        let page = is_not_its_own(SinkKind::PagerDuty, cut("<htm"));
        assert_eq!(page, Some(WEB_PAGE));
    }
}
