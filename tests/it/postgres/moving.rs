//! A daemon on a server is seen between its cycles, when it has no connection: nothing is copied from under it.

use std::process::{Child, Command, Stdio};

use crate::cluster::cluster;
use crate::postgres::{URL, name};
use crate::world::{Process, World, wait_until};

/// Ends with the test, however that ends.
struct Daemon(Child);

impl Daemon {
    fn stop(mut self) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill runs").success());
        assert!(self.0.wait().expect("ended").success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nothing_is_copied_from_under_a_daemon_and_all_is_once_it_has_stopped() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database();
    let database = name(&url);
    let mut world = World::new(Process::New, "");
    world.env(URL, &url);
    world.postmark.set_now(hushwatch::clock::now());
    let daemon = Daemon(world.start_daemon(Stdio::null()));
    // The leases that run, in the table that the daemon creates.
    let held = || {
        let table = "SELECT 'x' FROM information_schema.tables WHERE table_schema = 'hushwatch' AND table_name = 'leases'";
        let running =
            "SELECT name FROM leases WHERE until_at > extract(epoch FROM clock_timestamp()) * 1000";
        match cluster.texts(&database, table).is_empty() {
            true => Vec::new(),
            false => cluster.texts(&database, running),
        }
    };
    wait_until("the end of its cycle", || held() == ["daemon"]);
    let target = world.folder.path().join("moved.db");
    let target = target.display().to_string();
    let copy = || world.run(&["copy", "--from", &url, "--to", &target]);
    let refused = copy();
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let why = "failed to copy: a hushwatch works on the database to copy from; stop every one of them, then try again: one that was killed \
               counts as at work until 2";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    daemon.stop();
    let copied = copy();
    assert_eq!(copied.code, 0, "{}", copied.stderr);
}
