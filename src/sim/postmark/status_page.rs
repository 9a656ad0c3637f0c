//! The status page. It needs no token and is not documented; the format is the one that other clients read.

use serde_json::{Value, json};

use crate::sim::http::{ReceivedRequest, Reply};

use super::world::World;

/// The prefix of its paths.
pub(super) const PATH: &str = "/status-page/";

/// The content of the page.
#[derive(Debug)]
pub(super) struct StatusPage {
    pub(super) state: String,
    /// The subject of the current notice.
    pub(super) notice: Option<String>,
}

impl Default for StatusPage {
    fn default() -> Self {
        Self {
            state: "operational".to_owned(),
            notice: None,
        }
    }
}

pub(super) fn answer(world: &mut World, received: &ReceivedRequest) -> Reply {
    let page = &world.page;
    let body = match received.path.strip_prefix(PATH).unwrap_or_default() {
        "api/v1/status" => json!({ "page": { "state": page.state, "state_text": page.state } }),
        "api/v1/notices" => json!({ "notices": notices(page) }),
        _ => {
            let strange = format!("{} {}", received.method, received.path);
            world.unexpected.push(strange);
            return Reply::new(404, "text/html", "<h1>Not found</h1>");
        }
    };
    Reply::json(200, body.to_string())
}

/// Returns the notices: one that is over, and the current one.
fn notices(page: &StatusPage) -> Vec<Value> {
    let past = json!({ "type": "unplanned", "timeline_state": "past", "subject": "Delayed stats" });
    let now = page.notice.iter().map(
        |subject| json!({ "type": "unplanned", "timeline_state": "present", "subject": subject }),
    );
    [past].into_iter().chain(now).collect()
}
