//! What systemd, or another supervisor, is told.

use std::ffi::OsStr;
use std::io;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
#[cfg(target_os = "linux")]
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;

use sd_notify::NotifyState;

/// Tells systemd regularly that the runtime is alive.
pub(super) async fn run_watchdog() {
    let Some(every) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        notify_supervisor(&NotifyState::Watchdog);
        tokio::time::sleep(every / 3).await;
    }
}

/// Tells systemd, or another supervisor with `NOTIFY_SOCKET`, about the state; a failure is logged.
pub(super) fn notify_supervisor(state: &NotifyState<'_>) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send_state(&socket, state)
    {
        tracing::warn!("failed to tell the supervisor \"{state}\" (NOTIFY_SOCKET): {error}");
    }
}

/// Tells it that a reload begins.
pub(super) fn notify_reloading() {
    let usec =
        NotifyState::monotonic_usec_now().map_or_else(|_| String::new(), |now| format!("\n{now}"));
    notify_supervisor(&NotifyState::Custom(&format!(
        "{}{usec}",
        NotifyState::Reloading
    )));
}

/// Tells it that the reload is over, and what came of it.
pub(super) fn notify_reloaded(status: &str) {
    let ready = format!("{}\n{}", NotifyState::Ready, NotifyState::Status(status));
    notify_supervisor(&NotifyState::Custom(&ready));
}

/// Sends a state to a socket, which is a file, or where it begins with `@` an abstract name (`sd_notify(3)`); the crate knows
/// files alone.
pub(super) fn send_state(socket: &OsStr, state: &NotifyState<'_>) -> io::Result<()> {
    // Empty is as if unset.
    if socket.is_empty() {
        return Ok(());
    }
    let sender = UnixDatagram::unbound()?;
    match socket.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => sender.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        _ => sender.connect(socket)?,
    }
    sender.send(format!("{state}\n").as_bytes()).map(drop)
}
