//! What cannot be asked, and what does not answer: one clear line, exit 1 or 2, nothing changed.

use hushwatch::sim::postmark::Mail;

use crate::lookup::{error, world};
use crate::world::{World, at};

/// Verbs that ask Postmark.
const VERBS: [&[&str]; 5] = [
    &["stats"],
    &["messages"],
    &["bounces"],
    &["suppressions"],
    &["suppressions", "--reactivate", "ops@example.com", "--yes"],
];

fn assert_one_line(world: &World, args: &[&str], code: i32, said: &str) {
    let ended = world.run(args);
    assert_eq!(ended.code, code, "{args:?}: {}", ended.stderr);
    let line = error(&ended.stderr);
    assert!(line.contains(said), "{args:?}: {}", ended.stderr);
    let lines = ended
        .stderr
        .lines()
        .filter(|l| l.starts_with("hushwatch: "));
    assert_eq!(lines.count(), 1, "{args:?}: {}", ended.stderr);
    assert!(
        !ended.stderr.contains('\u{1b}'),
        "{args:?}: {}",
        ended.stderr
    );
}

#[test]
fn what_is_no_address_is_refused_before_anything_is_asked() {
    let world = world();
    let long = format!("{}@example.com", "x".repeat(320));
    for wrong in [
        "",
        " ",
        "ops",
        "@example.com",
        "ops@",
        "ops\u{1b}[31m@example.com",
        "a\nb@example.com",
        "ops\u{202e}@example.com",
        "Ops <ops@example.com>",
        "a@b@c",
        "a@b@example.com",
        "a b@example.com",
        "ops@example",
        &long,
    ] {
        for option in ["--address", "--reactivate"] {
            assert_one_line(&world, &["suppressions", option, wrong], 2, option);
        }
    }
    for wrong in [
        "",
        "@",
        "com",
        "*.x",
        "*.example.com",
        "a@example.com",
        "exam ple.com",
        "example.com\u{1b}",
    ] {
        let args = ["suppressions", "--domain", wrong];
        assert_one_line(
            &world,
            &args,
            2,
            "--domain must be a domain such as example.com",
        );
    }
    assert_eq!(world.postmark.requests().len(), 0);
}

#[test]
fn an_odd_address_is_asked_for_as_it_is() {
    let world = world();
    let long = format!("{}@example.com", "x".repeat(300));
    for odd in [
        "\"a b\"@example.com",
        "a+b@example.com",
        "jürgen@bücher.example",
        "o'neil&co@example.com",
        "who?#/what!@example.com",
        "a%40b@example.com",
        &long,
    ] {
        world.shop.suppress(
            "outbound",
            odd,
            ("HardBounce", "Recipient"),
            at("2026-03-01T00:00:00Z"),
        );
        let ended = world.run(&["suppressions", "--reactivate", odd, "--yes", "--json"]);
        assert_eq!(ended.code, 0, "{odd}: {}", ended.stderr);
        assert_eq!(
            ended.report["outcomes"][0]["accepted"], true,
            "{odd}: {}",
            ended.report
        );
    }
}

#[test]
fn a_wrong_token_is_one_line_that_names_the_next_command() {
    let mut world = world();
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    for verb in VERBS {
        assert_one_line(&world, verb, 1, "refused the server token");
        assert_one_line(&world, verb, 1, "hushwatch doctor");
    }
    world.env("POSTMARK_SERVER_TOKEN", "");
    for verb in VERBS {
        assert_one_line(&world, verb, 1, "hushwatch doctor");
    }
}

#[test]
fn a_network_that_is_down_is_one_line_that_names_the_next_command() {
    let mut world = world();
    world.env("HUSHWATCH_POSTMARK__BASE_URL", "http://127.0.0.1:9");
    for verb in VERBS {
        assert_one_line(&world, verb, 1, "hushwatch doctor");
    }
}

#[test]
fn an_unknown_server_or_stream_is_named() {
    let world = world();
    for verb in VERBS {
        let args = [verb, &["--server", "shpo\u{1b}[2J"]].concat();
        assert_one_line(
            &world,
            &args,
            2,
            "no server is called `shpo`; the servers are: shop; `hushwatch doctor`",
        );
        let args = [verb, &["--stream", "nonsense"]].concat();
        let known = "shop: no such stream; it has outbound, broadcast; `hushwatch doctor`";
        assert_one_line(&world, &args, 1, known);
        assert_eq!(world.run(&args).report, "", "{verb:?}");
        for wrong in ["..", ".", "a/b", "a b", "a\u{200b}"] {
            let args = [verb, &["--stream", wrong]].concat();
            assert_one_line(&world, &args, 2, "the id of a stream such as outbound");
        }
    }
}

#[test]
fn a_variable_that_was_not_set_names_nothing() {
    let world = world();
    let id = "21895802-5d50-442b-b039-27cf5b462c54";
    for nothing in ["", " "] {
        for verb in VERBS {
            let args = [verb, &["--stream", nothing]].concat();
            assert_one_line(&world, &args, 2, "--stream must be the id of a stream");
            let args = [verb, &["--server", nothing]].concat();
            assert_one_line(&world, &args, 2, "--server must be the name of a server");
        }
        let args = ["message", id, "--server", nothing];
        assert_one_line(&world, &args, 2, "--server must be the name of a server");
        assert_one_line(&world, &["message", nothing], 2, "the id of a message");
        let args = ["bounces", "--message", nothing];
        assert_one_line(&world, &args, 2, "the id of a message");
    }
    assert_eq!(world.postmark.requests().len(), 0);
}

#[test]
fn a_stream_that_no_server_has_is_one_line() {
    let mut world = world();
    world.postmark.set_account_token("account");
    world.env("POSTMARK_ACCOUNT_TOKEN", "account");
    world.postmark.server("blog");
    for verb in VERBS {
        let args = [verb, &["--stream", "nonsense"]].concat();
        let line = "shop, blog: no such stream; `hushwatch doctor`";
        assert_one_line(&world, &args, 1, line);
    }
}

#[test]
fn too_many_requests_are_tried_again_and_a_refusal_is_not() {
    use hushwatch::sim::Fault;
    let world = world();
    world.shop.push(Mail::new(
        "outbound",
        at("2026-03-02T10:00:00Z"),
        "ops@example.com",
    ));
    world.postmark.next(1, Fault::Status(429));
    let ended = world.run(&["suppressions", "--stream", "outbound"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(world.postmark.take_requests().len(), 2);
    world.postmark.next(1, Fault::Status(422));
    let ended = world.run(&["suppressions", "--stream", "outbound"]);
    assert_eq!(ended.code, 1);
    assert_eq!(
        world.postmark.take_requests().len(),
        1,
        "a refusal stays one"
    );
    assert!(error(&ended.stderr).contains("--help"), "{}", ended.stderr);
}

#[test]
fn a_time_that_cannot_be_read_is_named_before_anything_is_asked() {
    let world = world();
    for verb in ["messages", "bounces"] {
        for wrong in [
            "soon",
            "",
            "2026-02-30",
            "3 fortnights",
            "\u{1b}[31m",
            "2026-03-29 02:30",
        ] {
            assert_one_line(&world, &[verb, "--since", wrong], 2, "--since");
        }
        let turned = [verb, "--since", "2026-03-02", "--until", "2026-03-01"];
        assert_one_line(&world, &turned, 2, "is not after --since");
        for option in ["--recipient", "--tag", "--stream"] {
            assert_one_line(&world, &[verb, option, "a\u{1b}b"], 2, option);
        }
        let named = [verb, "--recipient", "Jane <jane@example.com>"];
        assert_one_line(&world, &named, 2, "without a name or brackets");
    }
    for wrong in ["0", "10001", "many"] {
        assert_eq!(
            world.run(&["messages", "--limit", wrong]).code,
            2,
            "{wrong}"
        );
    }
    assert_eq!(world.postmark.requests().len(), 0);
}
