//! Rules of the house, kept by a test: who may know whom.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates that some rooms may not name: the pure ones do no I/O, and the shell leaves each protocol to its room.
const FORBIDDEN_CRATES: &[(&str, &[&str])] = &[
    ("model", IO),
    ("detect", IO),
    ("decide", IO),
    ("evaluate", IO),
    ("events_file", IO),
    ("text", IO),
    ("chart", IO),
    ("html", IO),
    ("notify", IO),
    ("output", IO),
    ("metrics", IO),
    ("dns", &["reqwest::", "rusqlite::"]),
    ("sim", &["reqwest::"]),
    ("cycle", PROTOCOLS),
    ("commands", PROTOCOLS),
];
const IO: &[&str] = &[
    "tokio::",
    "reqwest::",
    "rusqlite::",
    "tracing::",
    "std::fs",
    "std::net",
];
const PROTOCOLS: &[&str] = &[
    "rusqlite::",
    "reqwest::",
    "hickory_resolver::",
    "rustls::",
    "tokio_cron_scheduler",
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
    ("indicatif::", &["progress.rs"]),
    ("png::Encoder", &["chart"]),
    ("hickory_resolver::", &["dns"]),
    ("install_default(", &["tls.rs"]),
    ("Utc::now", &["clock.rs"]),
    ("SystemTime::now", &["clock.rs"]),
    ("Local::now", &["clock.rs"]),
];

/// What one room alone may call: there is one path from history to transitions, and no caller has its own.
const CALLED_IN: &[(&str, &str)] = &[
    ("detect::Detector", "evaluate"),
    ("Detector::new", "evaluate"),
    ("evaluate_server(", "evaluate"),
    ("log.apply(", "evaluate"),
    ("Evaluator::new", "evaluate"),
    ("IncidentLog::new", "evaluate"),
];
/// Starts of names that bounds do not have: theirs start with `MAX_` or `MIN_`.
const SUPERLATIVES: &[&str] = &["MOST", "FEWEST", "LONGEST", "LARGEST", "LEAST", "SMALLEST"];

/// Types of which every room may have one, since they are always written with their room, as in `store::Error`.
const WRITTEN_WITH_ROOM: &[&str] = &["Error"];
/// Where the live evaluator is called.
const CYCLE: &str = "cycle/evaluate";

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

/// The rows of the table in `src/lib.rs`: a room, and the rooms it may name.
fn map() -> Vec<(String, Vec<String>)> {
    let lib = fs::read_to_string(source().join("lib.rs")).expect("text");
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | "));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        let [room, _, knows] = cells.as_slice() else {
            return None;
        };
        let room = room.trim_matches(['[', ']', '`']);
        let knows = knows.split(", ").map(|name| name.trim_matches('`'));
        let knows = knows.filter(|name| *name != "nothing");
        (room != "room").then(|| (room.to_owned(), knows.map(str::to_owned).collect()))
    })
    .collect()
}

/// Whether a file is of the tests of a room: `tests.rs`, or in the folder beside it.
fn is_test(file: &Path) -> bool {
    let is_in_folder = file
        .parent()
        .is_some_and(|folder| folder.ends_with("tests"));
    file.ends_with("tests.rs") || is_in_folder
}

/// The room of a file, and the rooms that its code names.
fn named_rooms(file: &Path) -> (String, Vec<String>) {
    let inside = file.strip_prefix(source()).expect("inside");
    let room = inside.iter().next().expect("a name").to_string_lossy();
    let code = code(file);
    let names = code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    (room.trim_end_matches(".rs").to_owned(), names.collect())
}

#[test]
fn the_map_names_every_room_below_those_it_knows() {
    let map = map();
    let mut above: Vec<&str> = Vec::new();
    for (room, knows) in &map {
        for known in knows {
            assert!(above.contains(&known.as_str()), "{room} knows {known}");
        }
        above.push(room);
    }
    let not_on_it = ["lib", "main", "mutation"];
    for entry in fs::read_dir(source()).expect("readable") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy().trim_end_matches(".rs").to_owned();
        assert!(
            above.contains(&name.as_str()) || not_on_it.contains(&name.as_str()),
            "{name} is a room that the map in src/lib.rs does not name"
        );
    }
}

#[test]
fn rooms_name_only_what_the_map_allows() {
    let map = map();
    let mut found = Vec::new();
    // A room's tests may look around: the daemon's run it against the simulation.
    for file in files(&source()).into_iter().filter(|file| !is_test(file)) {
        let (room, names) = named_rooms(&file);
        let Some((_, knows)) = map.iter().find(|(name, _)| *name == room) else {
            continue;
        };
        for name in names {
            let own = name == room || name == "mutation";
            let is_room = map.iter().any(|(room, _)| *room == name);
            if is_room && !own && !knows.contains(&name) {
                found.push(format!("{} names {name}", file.display()));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn rooms_leave_the_crates_of_others_alone() {
    let mut found = Vec::new();
    for (room, banned) in FORBIDDEN_CRATES {
        let folder = source().join(room);
        assert!(folder.is_dir(), "there is no room {room}");
        // A test may write the catalogue that it keeps.
        let files = files(&folder).into_iter();
        for file in files.filter(|file| !file.ends_with("tests.rs")) {
            let code = code(&file);
            let named = banned.iter().filter(|name| code.contains(**name));
            found.extend(named.map(|name| format!("{} names {name}", file.display())));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn one_evaluator_serves_every_caller() {
    let mut found = Vec::new();
    // What a room's tests decide is reported to nobody.
    for file in files(&source()).into_iter().filter(|file| !is_test(file)) {
        let inside = file.strip_prefix(source()).expect("inside").to_owned();
        let starts_an_evaluation =
            |name: &str| matches!(name, "Evaluator::new" | "IncidentLog::new");
        let code = code(&file);
        for (name, room) in CALLED_IN {
            let home = inside.starts_with(room)
                || inside.starts_with("detect")
                || inside.starts_with("decide")
                // It hands the detector to the benchmarks.
                || inside == Path::new("lib.rs")
                || (inside.with_extension("").starts_with(CYCLE) && starts_an_evaluation(name));
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

/// Each word of the code with the one after it.
fn pairs_of_words(code: &str) -> Vec<(String, String)> {
    let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2);
    pairs.map(|w| (w[0].to_owned(), w[1].to_owned())).collect()
}

#[test]
fn names_are_terms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for file in ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| files(&root.join(folder)))
    {
        for (keyword, name) in pairs_of_words(&code(&file)) {
            let is_preposition = keyword == "fn" && name == "of";
            let is_constant = keyword == "const" || keyword == "static";
            let is_superlative = SUPERLATIVES.iter().any(|start| name.starts_with(start));
            if is_preposition || (is_constant && is_superlative) {
                found.push(format!("{} names something {name}", file.display()));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_two_public_types_share_a_name() {
    let mut homes: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let source = source();
    let product = files(&source).into_iter();
    for file in product.filter(|file| !file.starts_with(source.join("sim"))) {
        for line in code(&file).lines() {
            let line = line.trim_start();
            let public = line
                .strip_prefix("pub ")
                .or(line.strip_prefix("pub(crate) "));
            let words = public.map(pairs_of_words).unwrap_or_default();
            if let Some((keyword, name)) = words.into_iter().next()
                && ["struct", "enum", "trait", "type"].contains(&keyword.as_str())
                && !WRITTEN_WITH_ROOM.contains(&name.as_str())
            {
                homes.entry(name).or_default().push(file.clone());
            }
        }
    }
    assert!(
        homes.contains_key("Finding") && homes.len() > 200,
        "the types are found"
    );
    homes.retain(|_, files| files.len() > 1);
    assert_eq!(homes, BTreeMap::new());
}
