//! What may be depended on, as `deny.toml` has it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of the list `key` of `deny.toml`.
fn list(key: &str) -> Vec<String> {
    let policy = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let start = policy.find(&format!("\n{key} = [")).expect("the list") + 1;
    let end = policy[start..].find(']').expect("its end") + start;
    let texts = policy[start..end].split('"').skip(1).step_by(2);
    texts.map(str::to_owned).collect()
}

fn cargo(args: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(args).current_dir(root()).output();
    output.expect("cargo runs")
}

/// Every package that is built here, as cargo knows it: those of other machines need not be there.
fn packages() -> Vec<Value> {
    let version = String::from_utf8_lossy(&cargo(&["-vV"]).stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.expect("a host");
    let output = cargo(&[
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        "--all-features",
        "--filter-platform",
        host,
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    all["packages"].as_array().expect("packages").clone()
}

/// Whether one may choose allowed licences only. Expressions of SPDX, and the older `MIT/Apache-2.0`.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| {
        let mut choices = part.split(" OR ").map(str::trim);
        choices.any(|licence| allowed.iter().any(|a| a == licence))
    })
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed_and_comes_from_the_registry() {
    let (allowed, registries) = (list("allow"), list("allow-registry"));
    assert!(allowed.len() > 5 && registries.len() == 1);
    let packages = packages();
    assert!(packages.len() > 100);
    let text = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    for package in &packages {
        let (name, licence) = (text(package, "name"), text(package, "license"));
        assert!(is_allowed(&licence, &allowed), "{name}: {licence:?}");
        let source = text(package, "source");
        let own = source.is_empty() && name == "hushwatch";
        let known = registries.iter().any(|r| source == format!("registry+{r}"));
        assert!(own || known, "{name} comes from {source:?}");
        let banned = ["aws-lc-sys", "openssl-sys", "native-tls"].contains(&name.as_str());
        assert!(!banned, "{name} is banned");
    }
}

#[test]
fn a_licence_is_allowed_where_one_may_choose_one() {
    let allowed = ["MIT", "ISC"].map(str::to_owned);
    for expression in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL-3.0/MIT",
        "(MIT OR GPL-3.0) AND ISC",
    ] {
        assert!(is_allowed(expression, &allowed), "{expression}");
    }
    for expression in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0"] {
        assert!(!is_allowed(expression, &allowed), "{expression}");
    }
}
