//! What cannot be asked, and what does not answer: one clear line, exit 1 or 2, nothing changed.

use hushwatch::sim::postmark::Mail;

use crate::world::{World, at};

/// Verbs that ask Postmark.
const VERBS: [&[&str]; 5] = [
    &["stats"],
    &["messages"],
    &["bounces"],
    &["suppressions"],
    &["suppressions", "--reactivate", "ops@example.com", "--yes"],
];

/// One that keeps its data in a file, whatever the other tests run on: that there is none yet is said.
fn world() -> World {
    let mut world = crate::lookup::world();
    world.env("HUSHWATCH_DATABASE_URL", "");
    world
}

/// What a terminal shows, after it was found to be one line of error without control characters.
fn one_line(world: &World, args: &[&str], code: i32) -> String {
    let ended = world.run(args);
    assert_eq!(ended.code, code, "{args:?}: {}", ended.stderr);
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
    world.transcript(args)
}

#[test]
fn what_is_no_address_is_refused_before_anything_is_asked() {
    let world = world();
    let mut said = Vec::new();
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
            said.push(one_line(&world, &["suppressions", option, wrong], 2));
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
        said.push(one_line(&world, &["suppressions", "--domain", wrong], 2));
    }
    assert_eq!(world.postmark.requests().len(), 0);
    insta::assert_snapshot!("addresses_refused", said.join("\n"));
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
    for token in ["wrong", ""] {
        world.env("POSTMARK_SERVER_TOKEN", token);
        let said = VERBS.map(|verb| one_line(&world, verb, 1));
        let name = match token {
            "" => "token_missing",
            _ => "token_refused",
        };
        insta::assert_snapshot!(name, said.join("\n"));
    }
}

#[test]
fn a_network_that_is_down_is_one_line_that_names_the_next_command() {
    let mut world = world();
    world.env("HUSHWATCH_POSTMARK__BASE_URL", "http://127.0.0.1:9");
    let said = VERBS.map(|verb| one_line(&world, verb, 1));
    insta::assert_snapshot!("network_down", said.join("\n"));
}

#[test]
fn an_unknown_server_or_stream_is_named() {
    let world = world();
    let mut said = Vec::new();
    for verb in VERBS {
        let args = [verb, &["--server", "shpo\u{1b}[2J"]].concat();
        said.push(one_line(&world, &args, 2));
        let args = [verb, &["--stream", "nonsense"]].concat();
        said.push(one_line(&world, &args, 2));
        assert_eq!(world.run(&args).report, "", "{verb:?}");
        for wrong in ["..", ".", "a/b", "a b", "a\u{200b}"] {
            let args = [verb, &["--stream", wrong]].concat();
            said.push(one_line(&world, &args, 2));
        }
    }
    insta::assert_snapshot!("server_or_stream_unknown", said.join("\n"));
}

#[test]
fn a_variable_that_was_not_set_names_nothing() {
    let world = world();
    let id = "21895802-5d50-442b-b039-27cf5b462c54";
    let mut said = Vec::new();
    for nothing in ["", " "] {
        for verb in VERBS {
            for option in ["--stream", "--server"] {
                let args = [verb, &[option, nothing]].concat();
                said.push(one_line(&world, &args, 2));
            }
        }
        let args = ["message", id, "--server", nothing];
        said.push(one_line(&world, &args, 2));
        said.push(one_line(&world, &["message", nothing], 2));
        said.push(one_line(&world, &["bounces", "--message", nothing], 2));
    }
    insta::assert_snapshot!("options_empty", said.join("\n"));
    assert_eq!(world.postmark.requests().len(), 0);
}

#[test]
fn a_stream_that_no_server_has_is_one_line() {
    let mut world = world();
    world.postmark.set_account_token("account");
    world.env("POSTMARK_ACCOUNT_TOKEN", "account");
    world.postmark.server("blog");
    let said = VERBS.map(|verb| {
        let args = [verb, &["--stream", "nonsense"]].concat();
        one_line(&world, &args, 2)
    });
    insta::assert_snapshot!("stream_of_no_server", said.join("\n"));
}

#[test]
fn a_tag_that_no_mail_has_is_named_in_json_too() {
    let mut world = world();
    let sent = at("2026-03-03T11:30:00Z");
    let mail = Mail::new("outbound", sent, "ops@example.com").tag("welcome");
    world.shop.push(mail);
    world.cycle(at(crate::lookup::NOW));
    world.set_aside("the first message has tests of its own");
    for verb in ["messages", "bounces", "stats"] {
        let known = [verb, "--tag", "welcome", "--since", "2026-03-03"];
        assert_eq!(world.run(&known).code, 0, "{verb}");
        let typo = [verb, "--tag", "welcom", "--since", "2026-03-03"];
        let said = one_line(&world, &typo, 1);
        let expected =
            "no stored mail has the tag `welcom` (did you mean `welcome`?); known tags: welcome";
        assert!(said.contains(expected), "{said}");
        let answer = world.run(&[&typo[..], &["--json"]].concat());
        assert_eq!(answer.code, 1);
        assert_eq!(answer.report["errors"][0], expected, "{}", answer.report);
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
    insta::assert_snapshot!("suppressions_refused", ended.stderr);
}

#[test]
fn a_time_that_cannot_be_read_is_named_before_anything_is_asked() {
    let world = world();
    let mut said = Vec::new();
    for verb in ["messages", "bounces"] {
        for wrong in [
            "soon",
            "",
            "2026-02-30",
            "3 fortnights",
            "\u{1b}[31m",
            "2026-03-29 02:30",
        ] {
            said.push(one_line(&world, &[verb, "--since", wrong], 2));
        }
        let turned = [verb, "--since", "2026-03-02", "--until", "2026-03-01"];
        said.push(one_line(&world, &turned, 2));
        for option in ["--recipient", "--tag", "--stream"] {
            said.push(one_line(&world, &[verb, option, "a\u{1b}b"], 2));
        }
        let named = [verb, "--recipient", "Jane <jane@example.com>"];
        said.push(one_line(&world, &named, 2));
    }
    insta::assert_snapshot!("times_refused", said.join("\n"));
    for wrong in ["0", "10001", "many"] {
        assert_eq!(
            world.run(&["messages", "--limit", wrong]).code,
            2,
            "{wrong}"
        );
    }
    assert_eq!(world.postmark.requests().len(), 0);
}
