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
    said.says("✓ Postmark account token valid: 1,000 servers");
    said.says("✓ Postmark token valid (999 times)");
    said.says("✗ Postmark token rejected — HTTP 401 server=client-7 (\"Request does not contain a valid Server token.\"); copy the server's token again (Server > API Tokens), without anything around it");
    said.says("! `own_domains` is empty, so `spam_complaint_external` is off (1,000 times: client-0, client-1, client-10, client-100, client-101 and 995 more); list your own domains in its [[server]]");
}
