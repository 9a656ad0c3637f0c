//! Tokens, kinds of servers, streams; and the network under them.

use hushwatch::sim::Fault;
use hushwatch::sim::postmark::StreamType;

use super::{doctor, world};

#[test]
fn a_valid_token_names_its_server() {
    let world = world("");
    let said = doctor(&world, &[]);
    said.passed();
    let line = said.line("✓ Postmark token valid");
    assert_eq!(line, "✓ Postmark token valid server=shop id=9708911");
    said.says("✓ shop: Live server");
    said.says("✓ shop: Streams found: outbound (Transactional), broadcast (Broadcasts)");
}

#[test]
fn a_server_that_has_another_name_here_is_reported_with_both() {
    let mut world = world("");
    let path = world.folder.path().join("monitor.toml");
    let file = |text: &str| {
        let text = format!("[doctor]\nsmtp = \"\"\n{text}");
        std::fs::write(&path, text).expect("written");
    };
    let entry = |name: &str| {
        format!("[[server]]\nname = \"{name}\"\ntoken_env = \"POSTMARK_SERVER_TOKEN\"\n")
    };
    file(&entry("till"));
    let line = doctor(&world, &[]).line("✓ Postmark token valid");
    assert_eq!(
        line,
        "✓ Postmark token valid server=shop id=9708911, called `till` here"
    );
    let token = world.shop.token();
    world.env("ANOTHER_VARIABLE", &token);
    let shop = entry("shop").replace("POSTMARK_SERVER_TOKEN", "ANOTHER_VARIABLE");
    file(&format!("{}{shop}", entry("till")));
    let said = doctor(&world, &[]);
    said.passed();
    said.says("! till and shop are the same Postmark server (id 9708911): its mail counts once, but it is polled and alerted on twice; keep one of these [[server]], or correct the token of the others");
    let apart = |name, stream| format!("{}streams = [\"{stream}\"]\n", entry(name));
    file(&format!(
        "{}{}",
        apart("till", "outbound"),
        apart("shop", "broadcast")
    ));
    doctor(&world, &[]).lacks("! till and shop");
    file("");
    doctor(&world, &[])
        .says("✓ Postmark token valid server=shop id=9708911, called `default` here");
}

#[test]
fn a_missing_token_says_what_to_set() {
    let mut world = world("");
    world.env("POSTMARK_SERVER_TOKEN", "");
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Postmark token missing server=shop — set POSTMARK_SERVER_TOKEN");
    assert!(
        world
            .postmark
            .requests()
            .iter()
            .all(|r| r.path.starts_with("/status-page"))
    );
}

#[test]
fn a_token_file_that_cannot_be_read_is_reported() {
    let world = world("");
    let file =
        "[doctor]\nsmtp = \"\"\n[[server]]\nname = \"shop\"\ntoken_file = \"missing.token\"\n";
    std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
    doctor(&world, &[]).says("✗ Postmark token missing server=shop — token file missing.token cannot be read: no such file");
}

#[test]
fn a_refused_token_is_reported_with_its_status() {
    let mut world = world("");
    world.env("POSTMARK_SERVER_TOKEN", "wrong-canary");
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Postmark token rejected — HTTP 401 server=shop (\"Request does not contain a valid Server token.\"); copy the server's token again (Server > API Tokens), without anything around it");
    said.hides("canary");
    world.env("POSTMARK_SERVER_TOKEN", "ä\u{7f}");
    doctor(&world, &[]).says("✗ Postmark token rejected — it holds what no token can server=shop; copy the server's token again (Server > API Tokens), without anything around it");
}

#[test]
fn tokens_of_the_wrong_kind_are_distinguished() {
    let mut world = world("");
    world.postmark.set_account_token("account-canary");
    world.env("POSTMARK_SERVER_TOKEN", "account-canary");
    let said = doctor(&world, &[]);
    said.says("✗ Postmark token rejected — HTTP 401 server=shop (\"Request does not contain a valid Server token.\"); it is the token of an account: set it as POSTMARK_ACCOUNT_TOKEN, or copy the server's own (Server > API Tokens)");
    world.env("POSTMARK_SERVER_TOKEN", &world.shop.token());
    world.env("POSTMARK_ACCOUNT_TOKEN", &world.shop.token());
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Postmark account token rejected — HTTP 401 (\"Request does not contain a valid Account token.\"); it is the token of a server: set it as POSTMARK_SERVER_TOKEN, or copy the account's own (Account > API Tokens)");
    said.says("✓ Postmark token valid server=shop id=9708911");
    world.env("POSTMARK_ACCOUNT_TOKEN", "account-canary");
    let said = doctor(&world, &[]);
    said.says("✓ Postmark account token valid: 1 server");
    said.passed();
}

#[test]
fn a_network_that_does_not_lead_there_is_reported() {
    let mut world = world("");
    world.env("HUSHWATCH_POSTMARK__BASE_URL", "http://127.0.0.1:1");
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Network error — Postmark is not reachable: the connection was refused server=shop; check the network, the proxy and `postmark.base_url`");
    world.env("HUSHWATCH_POSTMARK__BASE_URL", &world.postmark.base_url());
    world.shop.always(Fault::Hang);
    doctor(&world, &[]).says("✗ Network error — Postmark is not reachable: it took too long server=shop; check the network, or raise `postmark.timeout`");
    world.shop.clear_faults();
    world.shop.always(Fault::Status(503));
    let said = doctor(&world, &[]);
    said.says("✗ Postmark does not answer as it should — Postmark is in trouble (status 503) server=shop (\"Postmark API is offline for maintenance.\"); see https://status.postmarkapp.com");
}

#[test]
fn a_sandbox_deserves_a_look() {
    let world = world("");
    world.shop.set_sandbox(true);
    let said = doctor(&world, &[]);
    said.says("! shop: Sandbox server: Postmark delivers nothing of what it sends; use the token of a live server, unless this is a test");
    said.passed();
}

#[test]
fn streams_that_are_not_there_are_reported() {
    let world = world("");
    let file = "[doctor]\nsmtp = \"\"\n[[server]]\nname = \"shop\"\nstreams = [\"outbound\", \"receipts\"]\n";
    std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ shop: `streams` names receipts, which Postmark does not list; name some of outbound (Transactional), broadcast (Broadcasts), or leave `streams` out");
    world.shop.add_stream("receipts", StreamType::Transactional);
    doctor(&world, &[]).passed();
    for id in ["outbound", "broadcast", "receipts"] {
        world.shop.remove_stream(id);
    }
    doctor(&world, &[]).says("✗ shop: No outbound stream: there is nothing to watch; create a message stream, or use the token of another server");
    world
        .shop
        .fail(hushwatch::sim::Plan::always(Fault::Status(500)).on("/message-streams"));
    doctor(&world, &[]).says("✗ shop: Cannot list the streams: Postmark is in trouble (status 500); see https://status.postmarkapp.com");
}
