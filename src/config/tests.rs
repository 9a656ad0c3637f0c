use super::*;
#[cfg(feature = "postgres")]
use crate::database::Tls;
use crate::mutation::mutated;
use proptest::prelude::*;

mod mistakes;
mod quiet;
mod rules;
mod server;
mod sink;

fn problems(file: &str, env: &[(&str, &str)]) -> String {
    let (_folder, sources) = Sources::of_file(file, env);
    let problems = load(&sources).expect_err("a problem");
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn config(file: &str, env: &[(&str, &str)]) -> Config {
    let (_folder, sources) = Sources::of_file(file, env);
    load(&sources).expect("valid")
}

#[test]
fn the_built_in_file_says_what_the_code_means_by_default() {
    let config = config("", &[]);
    assert_eq!(config.rules, Rules::default());
    assert_eq!(config.mode, Mode::Alert);
    assert_eq!(config.schedule.expression(), "0 0 * * * *");
    assert_eq!(config.postmark.base_url, "https://api.postmarkapp.com");
    assert_eq!(config.slack.pace, Duration::from_millis(1100));
    assert_eq!(config.store.keep, Duration::from_secs(45 * 86_400));
    assert_eq!(config.servers.len(), 1);
    assert_eq!(config.servers[0].name.0, "default");
    assert!(config.enabled && config.heartbeat.is_none());
    assert_eq!(config.warnings, [ConfigWarning::NoSlack]);
}

/// Of the file that is compiled in, and of `docs/configuration.md`, where a cell names the keys of a section.
#[test]
fn every_key_has_its_default_and_its_row_in_the_documentation() {
    let (_folder, none) = Sources::of_file("", &[]);
    let built_in = layers::layers(&none).expect("valid").0.merged;
    let defaults: Vec<String> = layers::leaves(&built_in, "");
    let mut valid = keys::KEYS.to_vec();
    valid.sort_unstable();
    assert_eq!(defaults, valid);
    let table = include_str!("../../docs/configuration.md");
    let mut documented = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let mut sections = vec![String::new()];
        let cell = row.split(" | ").next().unwrap_or_default();
        for word in cell.split('`').skip(1).step_by(2) {
            let (section, key) = match word.rsplit_once(']') {
                Some((section, key)) => (Some(section), key.trim()),
                None => (None, word),
            };
            if let Some(section) = section {
                let section = format!("{}.", section.trim_matches(['[', ']']));
                sections.retain(|known| !known.is_empty());
                sections.push(section);
            }
            if !key.is_empty() {
                documented.extend(sections.iter().map(|section| format!("{section}{key}")));
            }
        }
    }
    let of_servers = keys::SERVER_KEYS.iter().map(|key| format!("server.{key}"));
    let mut wanted = valid;
    wanted.extend(of_servers);
    wanted.extend(keys::SINK_KEYS.iter().map(|key| format!("sink.{key}")));
    wanted.extend(keys::QUIET_KEYS.iter().map(|key| format!("quiet.{key}")));
    wanted.sort();
    documented.sort();
    assert_eq!(documented, wanted);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_built_in() {
    let file = "mode = \"digest\"\n[rules.bounce_rate]\nthreshold = 0.02\nmin_denominator = 20\n";
    let env = [
        ("HUSHWATCH_RULES__BOUNCE_RATE__THRESHOLD", "0.03"),
        ("POSTMARK_ALERT_MIN_DENOMINATOR_SPAM", "99"),
    ];
    let config = config(file, &env);
    assert_eq!(config.mode, Mode::Digest);
    assert_eq!(config.rules.bounce_rate.threshold, 0.03);
    assert_eq!(config.rules.bounce_rate.min_denominator, 20);
    assert_eq!(config.rules.spam_rate.min_denominator, 99);
}

#[test]
fn every_problem_is_told_at_once() {
    let found = problems(
        "mode = \"loud\"\ntime_zone = \"Mars\"\nfoo = 1",
        &[("SLACK_BOT_TOKEN", "xoxb-sesame")],
    );
    assert_eq!(found.lines().count(), 4, "{found}");
    assert!(!found.contains("xoxb-sesame"));
}

#[test]
fn a_misspelt_variable_is_named_with_the_right_one() {
    let found = problems("", &[("HUSHWATCH_STORE__PAHT", "/secret/sesame")]);
    assert!(
        found.contains("HUSHWATCH_STORE__PAHT") && found.contains("HUSHWATCH_STORE__PATH"),
        "{found}"
    );
    assert!(!found.contains("sesame"));
}

#[test]
fn a_secret_in_the_wrong_place_is_refused_and_not_repeated() {
    let found = problems(
        "[[server]]\nname = \"a\"\ntoken_env = \"sesame-1111-2222\"",
        &[],
    );
    assert!(
        found.contains("token_env") && !found.contains("sesame"),
        "{found}"
    );
    let found = problems(
        "[postmark]\nbase_url = \"https://u:sesame@example.com\"",
        &[],
    );
    assert!(
        found.contains("postmark.base_url") && !found.contains("sesame"),
        "{found}"
    );
}

#[test]
fn a_token_file_that_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = TokenSource::File(folder.path().to_owned())
        .read()
        .expect_err("a folder");
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

#[test]
fn http_is_for_loopback_only() {
    for host in ["127.0.0.1:8080", "localhost:1", "[::1]:9"] {
        config(
            "",
            &[("HUSHWATCH_POSTMARK__BASE_URL", &format!("http://{host}"))],
        );
    }
    let found = problems(
        "",
        &[(
            "SLACK_WEBHOOK_URL",
            "http://hooks.example.com/services/sesame",
        )],
    );
    assert!(
        found.contains("SLACK_WEBHOOK_URL") && !found.contains("sesame"),
        "{found}"
    );
}

#[test]
fn a_slack_workflow_is_no_webhook() {
    for path in [
        "triggers/T0EXAMPLE/1/sesame",
        "workflows/T0EXAMPLE/A0/1/sesame",
    ] {
        let url = format!("https://hooks.slack.com/{path}");
        let found = problems("", &[("SLACK_WEBHOOK_URL", &url)]);
        assert!(
            found.contains("SLACK_WEBHOOK_URL: starts a workflow")
                && found.contains("hooks.slack.com/services/…"),
            "{found}"
        );
        assert!(!found.contains("sesame"), "{found}");
        let elsewhere = format!("https://hooks.example.com/{path}");
        config("", &[("SLACK_WEBHOOK_URL", &elsewhere)]);
    }
    let webhook = "https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/simulated-secret";
    config("", &[("SLACK_WEBHOOK_URL", webhook)]);
}

#[test]
fn a_name_that_only_begins_like_loopback_is_not() {
    for host in [
        "localhost.example.com",
        "127.0.0.1.example.com",
        "example.com",
    ] {
        assert!(!is_loopback(&format!("https://{host}")), "{host}");
        let found = problems(
            "",
            &[("HUSHWATCH_POSTMARK__BASE_URL", &format!("http://{host}"))],
        );
        assert!(found.contains("https://"), "{found}");
    }
    assert!(is_loopback("https://localhost:8443/api") && is_loopback("https://[::1]"));
}

#[test]
fn waits_have_an_end() {
    for key in [
        "POSTMARK__TIMEOUT",
        "POSTMARK__POLL_TIME",
        "POSTMARK__BACKFILL_TIME",
        "RETRY__INITIAL",
        "RETRY__LONGEST",
        "SLACK__TIMEOUT",
        "SLACK__PACE",
    ] {
        let name = format!("HUSHWATCH_{key}");
        for value in ["25h", "18446744073709551615d", "99999999999999999999s"] {
            let found = problems("", &[(&name, value)]);
            assert!(
                found.contains(&name) && found.contains("must be"),
                "{found}"
            );
        }
    }
    let found = problems("", &[("HUSHWATCH_RETRY__ATTEMPTS", "21")]);
    assert!(found.contains("from 1 to 20"), "{found}");
}

#[test]
fn a_lease_is_neither_shorter_than_an_attempt_nor_longer_than_others_reckon_with() {
    let set = |value| problems("", &[("HUSHWATCH_STORE__LEASE", value)]);
    for wrong in ["4999ms", "61m", "soon"] {
        let found = set(wrong);
        assert!(found.contains("from 5s to 1h"), "{wrong}: {found}");
    }
    for right in ["5s", "60m"] {
        let set = config("", &[("HUSHWATCH_STORE__LEASE", right)]);
        assert!(set.store.lease >= Duration::from_secs(5), "{right}");
    }
}

#[test]
fn more_servers_than_one_process_can_watch_are_refused() {
    let servers = |n: usize| -> String {
        let one = |n| format!("[[server]]\nname = \"s{n}\"\ntoken_env = \"T{n}\"\n");
        (0..n).map(one).collect()
    };
    assert_eq!(config(&servers(2000), &[]).servers.len(), 2000);
    let found = problems(&servers(2001), &[]);
    assert!(found.contains("more than 2000 [[server]]"), "{found}");
}

#[test]
fn a_server_needs_no_token_of_its_own_where_the_account_has_one() {
    let servers = "[[server]]\nname = \"a\"\n[[server]]\nname = \"b\"\n";
    let found = problems(servers, &[]);
    assert!(found.contains("POSTMARK_ACCOUNT_TOKEN"), "{found}");
    let config = config(servers, &[("POSTMARK_ACCOUNT_TOKEN", "secret")]);
    assert_eq!(config.servers.len(), 2);
    assert!(config.account.is_some());
}

#[test]
fn a_dyno_without_a_database_is_told_what_it_loses() {
    let lost = |env: &[(&str, &str)]| {
        let warnings = config("", env).warnings;
        warnings.contains(&ConfigWarning::EphemeralDisk)
    };
    assert!(lost(&[("DYNO", "worker.1")]));
    assert!(!lost(&[]));
    let url = ("DATABASE_URL", "postgres://u:p@db.example.com/app");
    assert_eq!(
        lost(&[("DYNO", "worker.1"), url]),
        !cfg!(feature = "postgres")
    );
}

#[test]
fn with_an_account_and_no_server_there_is_no_default() {
    let account = ("POSTMARK_ACCOUNT_TOKEN", "secret");
    assert_eq!(config("", &[account]).servers, []);
    let both = config("", &[account, ("POSTMARK_SERVER_TOKEN", "own")]);
    assert_eq!(both.servers[0].name.0, "default");
    let ignored = config(
        "",
        &[account, ("HUSHWATCH_POSTMARK__IGNORE_SERVERS", "a, b")],
    );
    assert_eq!(ignored.ignored, ["a", "b"]);
}

/// A URL of a database whose password must be seen nowhere.
const DATABASE: &str = "postgres://u:sesame@example.com/app?pool=5";

#[cfg(feature = "postgres")]
#[test]
fn a_database_is_named_and_its_password_is_not() {
    let own = config(
        "[store]\nca_file = \"ca.pem\"",
        &[
            ("HUSHWATCH_DATABASE_URL", DATABASE),
            ("DATABASE_URL", "postgres://other.example.com/other"),
        ],
    );
    let place = "schema hushwatch of the PostgreSQL database app at example.com:5432";
    assert_eq!(own.store.to_string(), place);
    assert!(!format!("{own:?}").contains("sesame"));
    let ignored = ConfigWarning::UnknownDatabaseOption {
        variable: "HUSHWATCH_DATABASE_URL",
        option: "pool".to_owned(),
    };
    assert!(own.warnings.contains(&ignored), "{:?}", own.warnings);
    let address = own.store.database.expect("a database");
    assert_eq!(address.security(), Tls::VerifyFull);
    assert_eq!(address.ca_file, Some("ca.pem".into()));
    let trusting = config("[store]\ntls = \"require\"", &[("DATABASE_URL", DATABASE)]);
    let unverified = |w: &ConfigWarning| matches!(w, ConfigWarning::UnverifiedDatabase(_));
    assert!(trusting.warnings.iter().any(unverified));
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_database_of_another_build_is_named_and_its_password_is_not() {
    let warned = config("", &[("DATABASE_URL", DATABASE)]);
    let unused = |w: &&ConfigWarning| matches!(w, ConfigWarning::UnusedDatabase { .. });
    let unused = warned.warnings.iter().find(unused).expect("a warning");
    assert!(!unused.to_string().contains("sesame"), "{unused}");
    assert_eq!(warned.store.database, None);
    let found = problems("", &[("HUSHWATCH_DATABASE_URL", DATABASE)]);
    assert!(found.contains("HUSHWATCH_DATABASE_URL") && !found.contains("sesame"));
}

#[test]
fn a_database_of_another_kind_is_left_to_the_application() {
    let other = "mysql://u:sesame@example.com/app";
    let warned = config("", &[("DATABASE_URL", other)]);
    assert_eq!(warned.store.database, None);
    for (file, name, url) in [
        ("", "HUSHWATCH_DATABASE_URL", other),
        ("[store]\ntls = \"prefer\"", "DATABASE_URL", ""),
    ] {
        let found = problems(file, &[(name, url)]);
        assert!(
            found.contains("store.path") || found.contains("store.tls"),
            "{found}"
        );
        assert!(!found.contains("sesame"), "{found}");
    }
}

#[test]
fn nothing_shown_is_a_secret() {
    let env = [
        ("POSTMARK_SERVER_TOKEN", "sesame-1"),
        ("SLACK_WEBHOOK_URL", "https://hooks.example.com/sesame-2"),
        ("HUSHWATCH_HEARTBEAT__URL", "https://example.com/sesame-3"),
        ("SENTRY_DSN", "https://sesame-4@sentry.example.com/45"),
    ];
    let (_folder, sources) = Sources::of_file("", &env);
    let config = load(&sources).expect("valid");
    let shown = show(&config, &sources);
    assert!(
        shown.contains("heartbeat.url = ***")
            && shown.contains("token ***")
            && shown.contains("sentry: DSN *** from SENTRY_DSN"),
        "{shown}"
    );
    assert!(!shown.contains("sesame") && !format!("{config:?}").contains("sesame"));
}

#[test]
fn a_token_is_trimmed_and_a_file_is_read_anew_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let source = TokenSource::File(path.clone());
    assert!(
        source
            .read()
            .expect_err("missing")
            .to_string()
            .contains("token")
    );
    std::fs::write(&path, " one\n").expect("written");
    assert_eq!(source.read().expect("there").expose(), "one");
    std::fs::write(&path, "two").expect("written");
    assert_eq!(source.read().expect("there").expose(), "two");
    std::fs::write(&path, "\n").expect("written");
    assert!(source.read().is_err());
}

#[test]
fn the_schedule_names_its_instants() {
    let at = |text| crate::model::Timestamp::parse(text).expect("valid");
    let schedule: Schedule = "0 * * * *".parse().expect("five fields are read too");
    let instants = schedule.instants(at("2026-03-08T05:00:00Z"), at("2026-03-08T08:00:00Z"));
    assert_eq!(
        instants,
        [at("2026-03-08T06:00:00Z"), at("2026-03-08T07:00:00Z")]
    );
}

#[test]
fn a_file_without_an_end_is_refused() {
    let (folder, mut sources) = Sources::of_file("", &[]);
    std::fs::write(folder.path().join("long"), vec![b'#'; 300 << 10]).expect("written");
    for path in [folder.path().join("long"), "/dev/zero".into()] {
        sources.file = Some(path);
        let found = load(&sources).expect_err("too long");
        assert!(found[0].what.contains("too large"), "{found:?}");
    }
    let long = "a = 1\n".repeat(20_000) + "what is this";
    assert!(problems(&long, &[]).contains(": not valid TOML"));
}

#[test]
fn what_is_no_toml_is_said_with_its_place_and_without_its_text() {
    for (file, place) in [
        ("mode = \"alert\"\n[slack\npace = 1\n", "line 2, column 7: "),
        ("token = xoxb-1\n", "line 1, column 9: "),
        ("a = \"xoxb-1", "line 1, column 12: "),
    ] {
        let found = problems(file, &[]);
        assert!(found.contains(place), "{found}");
        assert!(!found.contains("xoxb"), "{found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_file_and_any_variable_is_answered_without_a_panic(file in "\\PC{0,80}", key in "[A-Z_]{0,20}", value in "\\PC{0,20}") {
        let name = format!("HUSHWATCH_{key}");
        let value = format!("{value}sesame");
        let (_folder, sources) = Sources::of_file(&file, &[(&name, &value), ("SLACK_BOT_TOKEN", &value)]);
        if let Err(problems) = load(&sources) {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            prop_assert!(problems.iter().all(|p| !p.contains("sesame") && !p.contains('\n')));
        }
    }

    #[test]
    fn a_mutated_file_is_refused_with_a_reason_or_makes_sense(text in mutated(vec![written()])) {
        let (_folder, sources) = Sources::of_file(&text, &[("TOKEN_A", "sesame")]);
        match load(&sources) {
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                prop_assert!(problems.iter().all(|p| p.contains("monitor.toml") && !p.contains("sesame")));
            }
            Ok(config) => {
                prop_assert!((1..=500).contains(&config.servers.len()));
                prop_assert!((1..=20).contains(&config.retry.attempts) && config.postmark.requests_per_poll >= 5);
                prop_assert!(config.postmark.timeout.as_secs() <= 600 && config.slack.timeout.as_secs() <= 600);
                let share = config.rules.bounce_rate.threshold;
                prop_assert!(share > 0.0 && share < 1.0 && config.rules.bounce_rate.min_denominator >= 1);
                prop_assert!(!show(&config, &sources).contains("sesame"));
            }
        }
    }

    #[test]
    fn any_value_of_any_key_is_taken_or_named(key in prop::sample::select(keys::KEYS.to_vec()), value in "(-?[0-9.]{0,25}(ms|s|m|h|d)?|\\PC{0,12})") {
        let name = format!("HUSHWATCH_{}", key.to_ascii_uppercase().replace('.', "__"));
        let (_folder, sources) = Sources::of_file("", &[(&name, &value)]);
        if let Err(problems) = load(&sources) {
            prop_assert!(problems.iter().all(|p| p.what.contains(&name)), "{problems:?}");
        }
    }

    #[test]
    fn what_was_written_is_what_is_read(threshold in 0.0001f64..0.9999, floor in 1u64..1_000_000, minutes in 1u64..43_200, attempts in 1u32..=20) {
        let text = format!(
            "[rules.spam_rate]\nthreshold = {threshold}\nmin_denominator = {floor}\nwindow = \"{minutes}m\"\n[retry]\nattempts = {attempts}\n"
        );
        let config = config(&text, &[]);
        let rule = &config.rules.spam_rate;
        prop_assert_eq!((rule.threshold, rule.min_denominator, config.retry.attempts), (threshold, floor, attempts));
        prop_assert_eq!(rule.window, Duration::from_secs(60 * minutes));
    }
}

/// The built-in file with a server.
fn written() -> Vec<u8> {
    let server = "\n[[server]]\nname = \"a\"\ntoken_env = \"TOKEN_A\"\nown_domains = [\"example.com\"]\nstreams = [\"outbound\"]\n";
    [include_bytes!("../../monitor.toml"), server.as_bytes()].concat()
}
