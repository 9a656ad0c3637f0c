//! The status page, which has neither tokens nor documentation: in the form that others were seen to read.

use serde_json::{Value, json};

use crate::sim::http::{Asked, Reply};

use super::world::World;

/// Everything of it is below.
pub(super) const PATH: &str = "/status-page/";

/// What it says.
#[derive(Debug)]
pub(super) struct StatusPage {
    pub(super) state: String,
    /// The subject of what goes on now.
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

pub(super) fn answer(world: &mut World, asked: &Asked) -> Reply {
    let page = &world.page;
    let body = match asked.path.strip_prefix(PATH).unwrap_or_default() {
        "api/v1/status" => json!({ "page": { "state": page.state, "state_text": page.state } }),
        "api/v1/notices" => json!({ "notices": notices(page) }),
        _ => {
            let strange = format!("{} {}", asked.method, asked.path);
            world.unexpected.push(strange);
            return Reply::of(404, "text/html", "<h1>Not found</h1>");
        }
    };
    Reply::json(200, body.to_string())
}

/// One that is over, and what goes on.
fn notices(page: &StatusPage) -> Vec<Value> {
    let past = json!({ "type": "unplanned", "timeline_state": "past", "subject": "Delayed stats" });
    let now = page.notice.iter().map(
        |subject| json!({ "type": "unplanned", "timeline_state": "present", "subject": subject }),
    );
    [past].into_iter().chain(now).collect()
}
