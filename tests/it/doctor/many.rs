//! Many servers: what is alike is one line, what fails is named.

use hushwatch::sim::Fault;

use super::{doctor, world};

#[test]
fn a_thousand_servers_are_a_few_lines_that_name_what_fails() {
    let mut world = world("");
    let file = "[doctor]\nsmtp = \"\"\n";
    std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
    world.env("POSTMARK_SERVER_TOKEN", "");
    world.env("POSTMARK_ACCOUNT_TOKEN", "account");
    world.postmark.set_account_token("account");
    for n in 0..999 {
        world.postmark.server(&format!("client-{n}"));
    }
    world.postmark.server("client-7").always(Fault::Status(401));
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    assert!(said.text.lines().count() < 40, "{}", said.text);
    said.has("✓ Postmark account token valid: 1,000 servers", &[]);
    said.has("✓ Postmark token valid (999 times)", &[]);
    said.has("✗ Postmark token rejected — HTTP 401", &["server=client-7"]);
    said.has("! `own_domains` is empty", &["1,000 times", "and 995 more"]);
}
