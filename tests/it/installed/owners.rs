//! Whose the files of an installed service are: each command says how another user goes on, and takes nothing from its owner.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use super::{Machine, NOBODY, name, stderr};
use crate::world::{Process, World};

#[test]
fn a_database_of_another_user_is_refused_with_the_command_that_gives_it_back() {
    let machine = Machine::new();
    if crate::store::needs_a_file("whose file it is") || !machine.is_root() {
        return;
    }
    let path = machine.path("var/lib/hushwatch/hushwatch.db");
    fs::write(&path, "").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    let file = path.display().to_string();
    let nobody = name(NOBODY);
    let line = format!(
        "hushwatch: failed to open the database {file}: {file} belongs to root, and user {nobody}, as which this runs, may not write to it; as root: chown {nobody} {file}\n"
    );
    for verb in ["status", "check", "run"] {
        let output = machine.run(&[verb]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{verb}: {said}");
        assert!(said.ends_with(&line), "{verb}: {said}");
    }
    assert_eq!(machine.world.alerts().len(), 1, "it is told once");
    fs::remove_file(&path).expect("removed");
    let folder = machine.path("var/lib/hushwatch");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).expect("set");
    let output = machine.run(&["check"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let remedy = format!(
        "{0} belongs to user {nobody}, as which this runs and which may not create files in it, as SQLite does beside a database; \
         let it (chmod u+rwx {0}), or change `store.path`\n",
        folder.display()
    );
    assert!(said.contains(&remedy), "{said}");
    machine
        .world
        .set_aside("it is told again by the process that could not keep a mark");
}

/// `SQLite` opens such a file without a word, and fails at the first change.
#[test]
fn a_database_that_can_be_read_and_not_written_is_refused_before_a_cycle() {
    let machine = Machine::new();
    if crate::store::needs_a_file("whose file it is") || !machine.is_root() {
        return;
    }
    let configuration = machine.path("etc/hushwatch/monitor.toml");
    let status_page = machine.world.postmark.status_url();
    let mut text = fs::read_to_string(&configuration).expect("read");
    text += &format!(
        "[doctor]\nsmtp = \"\"\nresolver = \"127.0.0.1:1\"\nstatus_url = \"{status_page}\"\n"
    );
    fs::write(configuration, text).expect("written");
    assert_eq!(machine.run(&["check"]).status.code(), Some(0));
    machine.world.set_aside("before what is tested");
    let path = machine.path("var/lib/hushwatch/hushwatch.db");
    let belongs_to = |user| chown(&path, Some(user), Some(user)).expect("given");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    belongs_to(0);
    let file = path.display().to_string();
    let nobody = name(NOBODY);
    let why = format!(
        "failed to open the database {file}: {file} belongs to root, and user {nobody}, as which this runs, may not write to it; as root: chown {nobody} {file}\n"
    );
    drop(machine.world.postmark.take_requests());
    // One that is not refused never ends: `run` comes last.
    for args in [
        &["config", "check"][..],
        &["check"],
        &["digest"],
        &["migrate"],
        &["mute", "--for", "1h", "--reason", "a move"],
        &["run"],
    ] {
        let output = machine.run(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        let line = format!("hushwatch: {why}");
        assert!(said.ends_with(&line), "{args:?}: {said}");
    }
    assert_eq!(machine.world.postmark.requests().len(), 0);
    assert_eq!(machine.world.alerts().len(), 1, "it is told once");
    let doctor = machine.run(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(1), "{said}");
    let line = format!("✗ Database not usable — {why}");
    assert!(said.contains(&line), "{said}");
    for args in [&["status"][..], &["incidents"], &["mute", "--list"]] {
        let output = machine.run(args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    belongs_to(NOBODY - 1);
    let said = stderr(&machine.run(&["config", "check"]));
    let remedy = format!("; as root: chown {nobody} {file}\n");
    assert!(said.ends_with(&remedy), "{said}");
    belongs_to(NOBODY);
    let output = machine.run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    machine.world.set_aside("that it can be used again");
}

#[test]
fn a_configuration_that_is_closed_to_the_user_is_not_called_wrong() {
    let machine = Machine::new();
    if !machine.is_root() {
        return;
    }
    let file = machine.path("own.toml");
    fs::copy(machine.path("etc/hushwatch/monitor.toml"), &file).expect("copied");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    let file = file.display().to_string();
    let mut command = machine.command(&["status", "--config", &file]);
    command.uid(NOBODY - 1).gid(NOBODY - 1);
    let output = command.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let line = format!(
        "hushwatch: {file}: cannot be read: permission denied; let this user read it, or run this with sudo\n"
    );
    let said = stderr(&output);
    assert!(said.ends_with(&line), "{said}");
}

#[test]
fn a_backup_that_is_closed_to_the_user_is_not_the_fault_of_the_database() {
    let machine = Machine::new();
    if crate::store::needs_a_file("whose file it is") || !machine.is_root() {
        return;
    }
    let copy = machine.path("backup.db");
    fs::write(&copy, "").expect("written");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).expect("set");
    let copy = copy.display().to_string();
    // As the user of the service.
    let output = machine.run(&["restore", &copy]);
    assert_eq!(output.status.code(), Some(2));
    let line = format!(
        "hushwatch: failed to use {copy}: it cannot be read (permission denied); let this user read it, or run this with sudo\n"
    );
    let said = stderr(&output);
    assert!(said.ends_with(&line), "{said}");
}

#[test]
fn what_root_does_beside_the_database_of_a_user_leaves_nothing_that_stops_the_user() {
    let world = World::new(Process::New, "");
    let folder = world.folder.path();
    let me = folder.metadata().expect("there").uid();
    if crate::store::needs_a_file("whose file it is") || me != 0 {
        return;
    }
    world.postmark.set_now(hushwatch::clock::now());
    let give = |path: &Path| chown(path, Some(NOBODY), Some(NOBODY)).expect("given");
    give(folder);
    give(&folder.join("monitor.toml"));
    let roots = || {
        let entries = fs::read_dir(folder).expect("read");
        let entries = entries.map(|entry| entry.expect("an entry"));
        let roots = entries.filter(|entry| entry.metadata().expect("there").uid() == 0);
        let names = roots.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.collect::<Vec<_>>()
    };
    let check = [
        "check",
        "--log-file",
        "check.log",
        "--metrics",
        "hushwatch.prom",
    ];
    let said = world.run(&check);
    assert_eq!((said.code, roots()), (0, vec![]), "{}", said.stderr);
    // Once more, in a folder of root's with the database of the user.
    chown(folder, Some(0), Some(0)).expect("given");
    for name in ["hushwatch.db-lock", "hushwatch.db-reserve"] {
        fs::remove_file(folder.join(name)).expect("it was made");
    }
    let said = world.run(&check);
    assert_eq!((said.code, roots()), (0, vec![]), "{}", said.stderr);
    assert!(folder.join("hushwatch.db-lock").exists());
    world.set_aside("what is tested is whose the files are");
}

/// To take the database from the service would stop it.
#[test]
fn who_may_only_read_the_database_of_another_is_told_to_become_that_user_by_every_command() {
    let machine = Machine::new();
    if crate::store::needs_a_file("whose file it is") || !machine.is_root() {
        return;
    }
    assert_eq!(machine.run(&["check"]).status.code(), Some(0));
    machine.world.set_aside("before what is tested");
    let folder = machine.path("var/lib/hushwatch");
    let path = folder.join("hushwatch.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    let as_another = |args: &[&str]| {
        let mut command = machine.command(args);
        command.uid(NOBODY - 1).gid(NOBODY - 1);
        command.env("HUSHWATCH_STORE__PATH", &path);
        // Nobody listens there, and nothing is asked.
        command.env("HUSHWATCH_POSTMARK__BASE_URL", "http://127.0.0.1:1");
        command.env("POSTMARK_SERVER_TOKEN", machine.world.shop.token());
        let output = command.output().expect("the binary runs");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        said
    };
    let remedy = |place: &Path, wish: &str, or: &str| {
        let (owner, me) = (name(NOBODY), name(NOBODY - 1));
        format!(
            ": {} belongs to user {owner}, and user {me}, as which this runs, may not {wish}; run this as that user: sudo -u {owner} hushwatch …{or}\n",
            place.display()
        )
    };
    let open_to_all = machine.path("copies");
    fs::create_dir(&open_to_all).expect("made");
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).expect("set");
    let copy = open_to_all.join("copy.db").display().to_string();
    let verbs = [
        &["status"][..],
        &["explain", "aaaaaaaa"],
        &["incidents"],
        &["recent"],
        &["mute", "--list"],
        &["mute", "--for", "1h", "--reason", "a move"],
        &["config", "check"],
        &["check"],
        &["digest"],
        &["migrate"],
        &["backup", &copy],
    ];
    for (mode, why) in [
        (0o755, remedy(&path, "write to it", "")),
        (
            0o700,
            remedy(&folder, "enter it", ", or change `store.path`"),
        ),
    ] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("set");
        for args in verbs {
            let said = as_another(args);
            assert!(said.ends_with(&why), "{args:?} {mode:o}: {said}");
        }
    }
    // The file may be written, the folder not, in which its log would be created.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("set");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("set");
    let lock = folder.join("hushwatch.db-lock");
    fs::set_permissions(lock, fs::Permissions::from_mode(0o666)).expect("set");
    let why = remedy(
        &folder,
        "create files in it, as SQLite does beside a database",
        "",
    );
    for args in verbs {
        let said = as_another(args);
        assert!(said.ends_with(&why), "{args:?}: {said}");
    }
    assert!(!Path::new(&copy).exists());
}
