//! Hostile text in whatever Postmark relays: it neither mentions nor links in Slack, nor commands a terminal.

use hushwatch::model::{HOUR, MINUTE, Span};
use hushwatch::sim::postmark::{Mail, Profile, StreamType};
use hushwatch::sim::slack::Received;

use crate::world::{Process, World, at};

/// What a sender, a receiver or a receiver's server might say.
const HOSTILE: [&str; 12] = [
    "<!channel>",
    "<!here|here> <@U0OPERATOR> <#C0GENERAL>",
    "<http://evil.example.org|log in>",
    "http://evil.example.org evil.example.org",
    "&lt;!channel&gt; &amp;",
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[31mred",
    "\u{9b}31m\u{90}q\u{9c}",
    "line\r\nbreak\u{2028}\u{2029}\u{85}",
    "\u{202e}drawkcab\u{2066}\u{feff}\u{200b}",
    "*bold* _it_ ~no~ `code` ```block``` > quote",
    "\0\u{8}\u{c}\u{7f}",
    "@channel @everyone",
];

/// The only address that a message links to: that of the message which an alert is about.
const POSTMARK: &str = "<https://account.postmarkapp.com/servers/9708911/streams/";
const NOTHING: [&str; 0] = [];

/// What of a message mentions somebody or links to another place than Postmark.
fn foreign_markup(message: &Received) -> Vec<&str> {
    let markup = message.markup.iter().map(String::as_str);
    markup
        .filter(|found| !found.starts_with(POSTMARK))
        .collect()
}

#[test]
fn hostile_text_neither_mentions_nor_links() {
    let mut world = World::new(Process::New, "[slack]\nmask_addresses = false");
    world.cycle(at("2026-03-03T10:00:00Z"));
    let hostile = "ops@example.com";
    let mail = Mail::new("outbound", at("2026-03-03T10:10:00Z"), hostile);
    let mail = mail
        .tag("<!channel> <http://evil.example.org|login>")
        .subject("<!here>");
    world
        .shop
        .push(mail.bounced("HardBounce", at("2026-03-03T10:11:00Z")));
    for n in 0..30u32 {
        let sent = at("2026-03-03T10:00:00Z") + MINUTE * n;
        let mail = Mail::new("outbound", sent, "x@<!channel>.example.org");
        world.shop.push(mail.bounced("HardBounce", sent));
    }
    world.cycle(at("2026-03-03T11:00:00Z"));
    let messages = world.slack.take();
    let links = messages.iter().filter(|m| !m.markup.is_empty());
    assert_eq!(
        links.count(),
        1,
        "the one of the operator's address: {messages:#?}"
    );
    for message in messages {
        assert_eq!(foreign_markup(&message), NOTHING);
    }
}

/// A world whose every relayed field says something hostile.
fn world(text: &str) -> World {
    let world = World::new(Process::New, "[slack]\nmask_addresses = false");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-03T12:00:00Z"));
    let profile = Profile::constant(20.0).tags(&[text]);
    world.shop.generate("outbound", span, &profile);
    world.shop.add_stream(text, StreamType::Transactional);
    let sent = at("2026-03-03T10:20:00Z");
    for (n, recipient) in [
        text.to_owned(),
        format!("{text}@example.net"),
        format!("x@{text}"),
    ]
    .iter()
    .enumerate()
    {
        let sent = sent + MINUTE * u32::try_from(n).expect("few");
        let mail = Mail::new("outbound", sent, recipient)
            .tag(text)
            .subject(text);
        world.shop.push(mail.bounced("HardBounce", sent + MINUTE));
        let mail = Mail::new("outbound", sent, recipient).tag(text);
        world
            .shop
            .push(mail.bounced("SpamComplaint", sent + MINUTE));
    }
    let long = format!("{}@example.com", text.repeat(200));
    let operator = Mail::new("outbound", sent, "ops@example.com").to(&long);
    world.shop.push(operator.bounced("Blocked", sent + MINUTE));
    world
}

fn is_tame(c: char) -> bool {
    let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c == '\n' || !(c.is_control() || invisible)
}

fn assert_tame(what: &str, said: &str, text: &str) {
    if let Some(wild) = said.lines().find(|line| !line.chars().all(is_tame)) {
        panic!("{what} of {text:?}: {wild:?}");
    }
}

#[test]
fn whatever_is_relayed_commands_nobody() {
    for text in HOSTILE {
        let mut world = world(text);
        for hour in 0..3 {
            world.cycle(at("2026-03-03T09:00:00Z") + HOUR * hour);
        }
        let posted = world.slack.take();
        assert!(posted.len() >= 2, "{text:?}: {posted:?}");
        for message in posted {
            assert_eq!(foreign_markup(&message), NOTHING, "{text:?}");
            assert_tame("a message", &message.plain, text);
        }
        for name in ["SLACK_BOT_TOKEN", "SLACK_OPERATOR_DM_CHANNEL"] {
            world.env(name, "");
        }
        for verb in [
            &["check", "--now", "2026-03-03T12:00:00Z"][..],
            &["status"],
            &["digest", "--print", "--now", "2026-03-03T12:00:00Z"],
        ] {
            let ended = world.run(verb);
            let printed = ended.report.as_str().expect("text");
            assert_tame(&format!("{verb:?}"), printed, text);
            assert_tame(&format!("the log of {verb:?}"), &ended.stderr, text);
        }
        let recent = world.run(&["recent"]);
        let line = recent.report.to_string();
        assert!(!line.contains('\u{1b}'), "{line}");
    }
}
