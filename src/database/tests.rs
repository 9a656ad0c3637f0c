use super::*;
use proptest::prelude::*;

fn address(url: &str) -> Address {
    Address::parse(url).expect("a valid URL").0
}

#[test]
fn every_part_of_a_url_is_read() {
    let read = address("postgres://u:p%40ss%25@db.example.com:6543/app?sslmode=require");
    assert_eq!((read.host.as_str(), read.port), ("db.example.com", 6543));
    assert_eq!(read.user.as_ref().map(Secret::expose), Some("u"));
    assert_eq!(read.password.as_ref().map(Secret::expose), Some("p@ss%"));
    assert_eq!(read.name.as_deref(), Some("app"));
    assert_eq!(read.security(), Tls::Require);
}

#[test]
fn what_is_shown_hides_user_and_password() {
    let read = address("postgresql://someone:secret@[2001:db8::1]/app");
    assert_eq!(
        read.to_string(),
        "the PostgreSQL database app at [2001:db8::1]:5432"
    );
    assert!(!format!("{read:?}").contains("secret"));
    assert!(!format!("{read:?}").contains("someone"));
}

#[test]
fn without_a_word_a_distant_host_must_prove_itself_and_a_near_one_need_not() {
    for (url, security, warned) in [
        ("postgres://db.example.com/app", Tls::VerifyFull, false),
        (
            "postgres://db.example.com/app?sslmode=prefer",
            Tls::VerifyFull,
            false,
        ),
        (
            "postgres://db.example.com/app?sslmode=require",
            Tls::Require,
            true,
        ),
        (
            "postgres://db.example.com/app?sslmode=disable",
            Tls::Disable,
            true,
        ),
        ("postgres://localhost/app", Tls::Disable, false),
        (
            "postgres://127.0.0.1/app?sslmode=verify-full",
            Tls::VerifyFull,
            false,
        ),
        (
            "postgres:///app?host=/run/postgresql&sslmode=verify-full",
            Tls::Disable,
            false,
        ),
    ] {
        let read = address(url);
        assert_eq!(read.security(), security, "{url}");
        assert_eq!(read.weakness().is_some(), warned, "{url}");
    }
}

#[test]
fn options_of_other_programs_are_named_and_left_aside() {
    let (read, unknown) = Address::parse("postgres://h/app?pool=5&user=u").expect("valid");
    assert_eq!(unknown, ["pool"]);
    assert_eq!(read.user.as_ref().map(Secret::expose), Some("u"));
}

#[test]
fn what_is_wrong_is_said_without_any_part_of_the_url() {
    for url in [
        "mysql://hidden:hidden@hidden/hidden",
        "postgres://",
        "postgres://hidden:hid@den@hidden/hidden",
        "postgres://hidden:12/hidden@hidden/hidden",
        "postgres://hidden:12?hidden@hidden/hidden",
        "postgres://hidden:12#hidden@hidden/hidden",
        "postgres://hidden:hidden/hidden",
        "postgres://hidden:70000/hidden",
        "postgres://hidden/%hidden",
        "postgres://hidden,hidden/hidden",
        "postgres://hidden/hidden?sslmode=hidden",
        "postgres://[hidden/hidden",
        "postgres://hidden/a%0Ahidden",
    ] {
        let why = Address::parse(url).expect_err(url);
        assert!(!why.to_string().contains("hidden"), "{url}: {why}");
    }
}

proptest! {
    #[test]
    fn any_login_survives_its_escapes(user in "\\PC{1,12}", password in "\\PC{1,12}") {
        let escape = |text: &str| text.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
        let url = format!("postgres://{}:{}@h/app", escape(&user), escape(&password));
        let read = address(&url);
        prop_assert_eq!(read.user.as_ref().map(Secret::expose), Some(user.as_str()));
        prop_assert_eq!(read.password.as_ref().map(Secret::expose), Some(password.as_str()));
    }

    #[test]
    fn no_url_breaks_it_or_shows_its_password(rest in "[a-z@:/?#%\\[\\],=&é]{0,30}") {
        if let Ok((read, _)) = Address::parse(&format!("postgres://u:Pass{rest}")) {
            prop_assert!(read.password.is_none() || !read.to_string().contains("Pass"));
        }
    }
}

#[test]
fn several_hosts_are_named_as_such_with_ports_and_without() {
    for url in [
        "postgres://u:p@a.example.com:5432,b.example.com:5433/app",
        "postgres://a.example.com,b.example.com/app",
        "postgres:///app?host=a.example.com,b.example.com",
    ] {
        let error = Address::parse(url).expect_err("several").to_string();
        assert_eq!(error, "names several hosts; name one", "{url}");
    }
}
