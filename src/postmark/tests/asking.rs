//! What goes out on the wire.

use super::recorded;
use super::responder::{Responder, TOKEN, answer, server};
use crate::model::{HOUR, Span, StreamId, Timestamp};
use crate::postmark::{ErrorKind, Postmark, Settings};
use crate::retry::RetryPolicy;
use crate::secret::Secret;

fn summer() -> Span {
    let until = Timestamp::parse("2026-07-01T12:00:00.250Z").expect("valid");
    Span::before(until, HOUR)
}

#[tokio::test]
async fn a_list_is_asked_in_eastern_time_by_stream_and_page() {
    let peer = Responder::new(vec![answer(
        "200 OK",
        "",
        recorded!("postmarker_outbound_list_count1"),
    )])
    .await;
    let server = peer.server(1);
    let page = server
        .messages(&StreamId::from("news & co"), summer(), 500)
        .await
        .expect("a good answer");
    assert_eq!(page.items[0].stream.0, "news & co");
    assert_eq!(server.requests(), 1);
    let head = peer.heads().remove(0);
    let line = head.lines().next().expect("a request");
    assert_eq!(
        line,
        "get /messages/outbound?count=500&offset=500&fromdate=2026-07-01t07%3a00%3a00\
         &todate=2026-07-01t08%3a00%3a00&messagestream=news+%26+co http/1.1"
    );
    for header in [
        format!("x-postmark-server-token: {TOKEN}"),
        "accept: application/json".to_owned(),
        "accept-encoding: gzip".to_owned(),
        format!("user-agent: hushwatch/{}", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(head.lines().any(|l| l == header), "{header}");
    }
}

#[tokio::test]
async fn each_call_has_its_path() {
    let peer = Responder::new(vec![
        answer("200 OK", "", recorded!("airbyte_message_streams")),
        answer(
            "200 OK",
            "",
            recorded!("postmarker_bounces_list_count2_offset0"),
        ),
        answer(
            "200 OK",
            "",
            recorded!("postmarker_outbound_details_delivered"),
        ),
    ])
    .await;
    // A path before ours is kept, with or without a slash at its end.
    let server = server(&format!("{}/pm/", peer.base_url), 1);
    server.streams().await.expect("a good answer");
    server
        .bounces(&StreamId::from("outbound"), summer(), 0)
        .await
        .expect("a good answer");
    server
        .details("21895802-5d50-442b-b039-27cf5b462c54")
        .await
        .expect("a good answer");
    let heads = peer.heads();
    for (head, start) in heads.iter().zip([
        "get /pm/message-streams?messagestreamtype=all&includearchivedstreams=false http/1.1",
        "get /pm/bounces?count=500&offset=0&fromdate=",
        "get /pm/messages/outbound/21895802-5d50-442b-b039-27cf5b462c54/details http/1.1",
    ]) {
        assert!(head.starts_with(start), "{head}");
    }
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn what_cannot_be_an_id_or_a_token_is_not_sent() {
    let peer = Responder::new(vec![]).await;
    let server = peer.server(1);
    for id in ["", "..", "a/b", "a?b", "ä", &"a".repeat(101)] {
        let error = server.details(id).await.expect_err("no id");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let settings = Settings {
        base_url: peer.base_url.clone(),
        timeout: HOUR,
        retry: RetryPolicy::ONCE,
    };
    let postmark = Postmark::new(&settings).expect("valid settings");
    let server = postmark.server(Secret::new("to\nken").expect("not empty"));
    let error = server.streams().await.expect_err("no token");
    assert_eq!(error.kind(), ErrorKind::TokenRefused);
    assert_eq!((server.requests(), peer.heads().len()), (0, 0));
}

#[test]
fn a_base_url_that_is_none_is_told_at_once() {
    for base_url in [
        "",
        "api.postmarkapp.com",
        "ftp://example.com",
        "https://",
        "mailto:a@example.com",
    ] {
        let settings = Settings {
            base_url: base_url.to_owned(),
            timeout: HOUR,
            retry: RetryPolicy::ONCE,
        };
        let error = Postmark::new(&settings).err().expect("no URL");
        assert!(matches!(error.kind(), ErrorKind::Setup(_)), "{base_url}");
    }
}
