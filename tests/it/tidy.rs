//! Rules of the house, kept by a test: who may know whom.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms and what they may not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "model",
        &[
            "crate::detect",
            "crate::decide",
            "crate::message",
            "crate::postmark",
            "crate::store",
            "crate::slack",
            "crate::config",
            "crate::app",
            "crate::clock",
        ],
    ),
    (
        "detect",
        &[
            "crate::decide",
            "crate::message",
            "crate::postmark",
            "crate::store",
            "crate::slack",
            "crate::config",
            "crate::app",
            "crate::clock",
            "tokio::",
            "reqwest::",
            "rusqlite::",
            "tracing::",
        ],
    ),
    (
        "decide",
        &[
            "crate::detect",
            "crate::message",
            "crate::postmark",
            "crate::store",
            "crate::slack",
            "crate::config",
            "crate::app",
            "crate::clock",
            "tokio::",
            "reqwest::",
            "rusqlite::",
            "tracing::",
        ],
    ),
    (
        "evaluate",
        &[
            "crate::message",
            "crate::postmark",
            "crate::store",
            "crate::slack",
            "crate::config",
            "crate::app",
            "crate::clock",
            "tokio::",
            "reqwest::",
            "rusqlite::",
            "tracing::",
            "std::fs",
        ],
    ),
    (
        "tape",
        &[
            "crate::decide",
            "crate::evaluate",
            "crate::message",
            "crate::postmark",
            "crate::store",
            "crate::slack",
            "crate::config",
            "crate::app",
            "crate::clock",
            "tokio::",
            "reqwest::",
            "rusqlite::",
            "tracing::",
            "std::fs",
        ],
    ),
    (
        "message",
        &[
            "crate::detect",
            "crate::decide",
            "crate::postmark",
            "crate::store",
            "crate::slack",
            "crate::config",
            "crate::app",
            "crate::clock",
            "tokio::",
        ],
    ),
    (
        "postmark",
        &[
            "crate::detect",
            "crate::decide",
            "crate::message",
            "crate::store",
            "crate::slack",
            "crate::config",
            "crate::app",
        ],
    ),
    (
        "store",
        &[
            "crate::detect",
            "crate::decide",
            "crate::message",
            "crate::postmark",
            "crate::slack",
            "crate::config",
            "crate::app",
        ],
    ),
    (
        "slack",
        &[
            "crate::detect",
            "crate::decide",
            "crate::postmark",
            "crate::store",
            "crate::config",
            "crate::app",
        ],
    ),
    (
        "config",
        &[
            "crate::detect",
            "crate::decide",
            "crate::message",
            "crate::postmark",
            "crate::store",
            "crate::slack",
            "crate::app",
        ],
    ),
    ("dns", &["crate::", "reqwest::", "rusqlite::"]),
    (
        "sim",
        &[
            "crate::detect",
            "crate::decide",
            "crate::message",
            "crate::postmark",
            "crate::store",
            "crate::slack",
            "crate::config",
            "crate::app",
            "reqwest::",
        ],
    ),
    (
        "app",
        &[
            "crate::daemon",
            "crate::cli",
            "crate::command",
            "crate::sim",
            "rusqlite::",
            "reqwest::",
            "hickory_resolver::",
            "rustls::",
            "tokio_cron_scheduler",
        ],
    ),
];

/// Crates that one place alone may name.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("backoff::", &["retry.rs"]),
    (
        "rusqlite::",
        &["store/sqlite", "store/tests.rs", "store/conformance"],
    ),
    ("tokio_postgres::", &["store/postgres"]),
    ("tokio_cron_scheduler::", &["daemon.rs"]),
    ("hickory_resolver::", &["dns"]),
    ("Utc::now", &["clock.rs"]),
    ("SystemTime::now", &["clock.rs"]),
    ("Local::now", &["clock.rs"]),
];

/// What one room alone may call: there is one path from history to transitions, and no caller has its own.
const CALLED_IN: &[(&str, &str)] = &[
    ("detect::Judge", "evaluate"),
    ("Judge::new", "evaluate"),
    ("judge_server(", "evaluate"),
    (".weigh(", "evaluate"),
    ("Walk::new", "evaluate"),
    ("Book::new", "evaluate"),
];
/// The one place outside that room which starts a walk: the cycle.
const CYCLE: &str = "app/evaluate.rs";

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("readable")
        .map(|e| e.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .collect()
}

fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("text");
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn rooms_only_look_down() {
    let mut found = Vec::new();
    for (room, banned) in FORBIDDEN {
        for file in files(&source().join(room)) {
            let code = code(&file);
            found.extend(
                banned
                    .iter()
                    .filter(|b| code.contains(**b))
                    .map(|b| format!("{} names {b}", file.display())),
            );
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_caller_has_a_judging_path_of_its_own() {
    let mut found = Vec::new();
    for file in files(&source()) {
        let inside = file.strip_prefix(source()).expect("inside").to_owned();
        let starts_a_walk = |name: &str| matches!(name, "Walk::new" | "Book::new");
        let code = code(&file);
        for (name, room) in CALLED_IN {
            let home = inside.starts_with(room)
                || inside.starts_with("detect")
                || inside.starts_with("decide")
                || (inside == Path::new(CYCLE) && starts_a_walk(name));
            if code.contains(name) && !home {
                found.push(format!("{} has {name}", inside.display()));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn some_crates_have_one_home() {
    let mut found = Vec::new();
    for file in files(&source()) {
        let (inside, code) = (
            file.strip_prefix(source()).expect("inside").to_owned(),
            code(&file),
        );
        for (name, homes) in ONLY_IN {
            if code.contains(name) && !homes.iter().any(|home| inside.starts_with(home)) {
                found.push(format!("{} names {name}", inside.display()));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_file_is_two_rooms() {
    let long: Vec<String> = files(&source())
        .iter()
        .filter(|file| !file.to_string_lossy().contains("tests"))
        .map(|file| {
            (
                file,
                fs::read_to_string(file).expect("text").lines().count(),
            )
        })
        .filter(|(_, lines)| *lines > 500)
        .map(|(file, lines)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert_eq!(long, Vec::<String>::new());
}
