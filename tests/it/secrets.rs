//! What must not be seen, looked for everywhere.

use hushwatch::model::{MINUTE, Span};
use hushwatch::sim::Fault;
use hushwatch::sim::postmark::{Mail, Profile};

use crate::world::{Process, World, at};

/// Every verb, and how it is asked for what it has.
const VERBS: [&[&str]; 11] = [
    &["check", "--json", "--now", "2026-03-03T11:00:00Z"],
    &["check", "--log-format", "json"],
    &["config", "show"],
    &["config", "check"],
    &["status"],
    &["status", "--json"],
    &["recent"],
    &["digest", "--print", "--now", "2026-03-03T11:00:00Z"],
    &[
        "digest",
        "--force",
        "--json",
        "--now",
        "2026-03-03T11:00:00Z",
    ],
    &["backtest", "--days", "2"],
    &["backtest", "monitor.toml"],
];

/// A world with something to tell, whose log tells everything.
pub(crate) fn world() -> World {
    let mut world = World::new(Process::New, "");
    world.env("RUST_LOG", "trace");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-03T12:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(20.0));
    let sent = at("2026-03-03T10:30:00Z");
    let operator = Mail::new("outbound", sent, "ops@example.com");
    world
        .shop
        .push(operator.bounced("HardBounce", sent + MINUTE));
    world
}

/// Runs every verb and returns all that was said and written.
pub(crate) fn everything(world: &World) -> String {
    world.postmark.set_now(at("2026-03-03T11:00:00Z"));
    let mut all = String::new();
    for verb in VERBS {
        let ended = world.run(verb);
        assert!(!ended.panicked(), "{verb:?}: {}", ended.stderr);
        all.push_str(&format!("{verb:?}\n{}\n{}\n", ended.report, ended.stderr));
    }
    for entry in std::fs::read_dir(world.folder.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() && path.extension().is_none_or(|e| e != "token") {
            let bytes = std::fs::read(&path).expect("readable");
            all.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    all
}

pub(crate) fn assert_hidden(all: &str, secrets: &[String], case: &str) {
    for secret in secrets {
        assert!(secret.len() >= 8, "{secret} is no secret");
        if let Some(place) = all.find(secret.as_str()) {
            let line = all[..place].lines().last().unwrap_or_default();
            panic!("{case}: a secret was said after: {line}");
        }
    }
}

#[test]
fn no_verb_and_no_failure_says_a_token() {
    let faults = |token: &str| {
        vec![
            None,
            Some(Fault::Reset),
            Some(Fault::Hang),
            Some(Fault::WrongToken),
            Some(Fault::Html(502)),
            Some(Fault::Redirect("http://127.0.0.1:9/elsewhere".to_owned())),
            // What an answer repeats is not quoted.
            Some(Fault::StatusBody {
                code: 422,
                error_code: 300,
                message: format!("no such token {token}"),
            }),
        ]
    };
    let shown = world();
    let (token, bot) = (shown.shop.token(), shown.slack.bot_token());
    for fault in faults(&token) {
        let world = world();
        let secrets = [world.shop.token(), world.slack.bot_token()];
        let case = format!("{fault:?}");
        let fault = fault.map(|fault| match fault {
            Fault::StatusBody {
                code, error_code, ..
            } => Fault::StatusBody {
                code,
                error_code,
                message: format!("no such token {}", secrets[0]),
            },
            fault => fault,
        });
        fault.into_iter().for_each(|f| world.shop.always(f));
        assert_hidden(&everything(&world), &secrets, &case);
        world.set_aside("before what is tested");
    }
    assert_ne!(token, bot);
}

#[test]
fn no_failure_of_slack_says_the_webhook_or_the_bot_token() {
    for fault in [
        Fault::Reset,
        Fault::Hang,
        Fault::Html(403),
        Fault::Status(500),
        Fault::Malformed,
        Fault::Redirect("http://127.0.0.1:9/elsewhere".to_owned()),
    ] {
        for webhook in [false, true] {
            let mut world = world();
            let url = world.slack.webhook_url();
            let path = url
                .rsplit_once("/services/")
                .map_or(url.as_str(), |(_, p)| p);
            let secrets = [world.slack.bot_token(), path.to_owned()];
            if webhook {
                world.env("SLACK_BOT_TOKEN", "");
                world.env("SLACK_OPERATOR_DM_CHANNEL", "");
                world.env("SLACK_WEBHOOK_URL", &url);
            }
            world.slack.always(fault.clone());
            assert_hidden(
                &everything(&world),
                &secrets,
                &format!("{fault:?} {webhook}"),
            );
            world.slack.clear_faults();
            world.set_aside("before what is tested");
        }
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let secret = "d9c6b8a0-1111-4222-8333-canary000001";
    let url = format!("postgres://hushwatch:{secret}@db.example.com/hushwatch");
    for (name, value) in [
        ("HUSHWATCH_DATABASE_URL", url.as_str()),
        ("DATABASE_URL", &url),
        (
            "POSTMARK_SERVER_TOKEN",
            "d9c6b8a0-1111-4222-8333-canary000001\u{7}",
        ),
        (
            "SLACK_WEBHOOK_URL",
            "not a url d9c6b8a0-1111-4222-8333-canary000001",
        ),
        (
            "SLACK_BOT_TOKEN",
            "xoxb d9c6b8a0-1111-4222-8333-canary000001",
        ),
        (
            "HUSHWATCH_SLACK__BASE_URL",
            "https://u:d9c6b8a0-1111-4222-8333-canary000001@example.com",
        ),
        (
            "HUSHWATCH_HEARTBEAT__URL",
            "ftp://example.com/d9c6b8a0-1111-4222-8333-canary000001",
        ),
        (
            "SENTRY_DSN",
            "https://d9c6b8a0-1111-4222-8333-canary000001@sentry.example.com/shop",
        ),
        ("HUSHWATCH_SCHEDULE", secret),
        ("HUSHWATCH_TIME_ZONE", secret),
        ("HUSHWATCH_SLACK__PACE", secret),
        ("POSTMARK_ALERT_MIN_DENOMINATOR_BOUNCE", secret),
    ] {
        let mut world = world();
        world.env(name, value);
        let all = everything(&world);
        assert_hidden(&all, &[secret.to_owned()], name);
        world.set_aside("before what is tested");
    }
}

#[test]
fn tokens_of_a_file_and_of_a_credential_are_read_anew_and_never_said() {
    let mut world = world();
    let token = world.shop.token();
    world.env("POSTMARK_SERVER_TOKEN", "");
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    let text = text.replace(
        "token_env = \"POSTMARK_SERVER_TOKEN\"",
        "token_file = \"shop.token\"",
    );
    std::fs::write(&file, text).expect("written");
    let credentials = world.folder.path().join("credentials");
    std::fs::create_dir(&credentials).expect("made");
    for folder in [world.folder.path().to_owned(), credentials.clone()] {
        if folder == credentials {
            world.env("CREDENTIALS_DIRECTORY", &credentials.display().to_string());
        }
        let place = folder.join("shop.token");
        std::fs::write(&place, "d9c6b8a0-old0-4222-8333-canary000002\n").expect("written");
        let refused = world.run(&["check", "--json", "--now", "2026-03-03T11:00:00Z"]);
        assert_eq!(refused.code, 1);
        std::fs::write(&place, format!("{token}\n")).expect("rotated");
        let secrets = [token.clone(), "canary000002".to_owned()];
        assert_hidden(
            &format!("{}{}", refused.report, refused.stderr),
            &secrets,
            "refused",
        );
        let all = everything(&world);
        assert!(all.contains("\"complete\":true"), "{all}");
        assert_hidden(&all, &secrets, "a file");
        world.set_aside("before what is tested");
        crate::store::lose(&mut world);
    }
}
